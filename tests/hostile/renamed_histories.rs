//! Accounts whose users rename mailboxes, whole trees of them, and file, delete and write mail meanwhile, while servers refuse,
//! break off, lose answers and hide mailboxes; with `follow_moves`. Many accounts are one run, and a seed chooses what happens to each:
//! the same in `make test`, others with `MAILFERRY_SEED`, and fresh ones and more of them in `make torture`. Both ways nothing is renamed.
//!
//! Each message is one of its kind. What holds by the books that the test itself keeps:
//!
//! 1. After each run an account that is called synced has all that its source holds, in whatever mailbox.
//! 2. After each run no message is there twice.
//! 3. After each run what the destination's user put there is in its mailbox, under the name that it had.
//! 4. When nothing more happens, mail of one mailbox that the destination's user left alone is in one mailbox; under the very same name
//!    where no run of the account failed and that user did nothing. A further run does nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::support::dice::Dice;
use crate::support::fake::account::{Account, Content};
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Side};
use crate::support::replay::SEED_VARIABLE;
use crate::support::sample::{is_all_tried, seeds};
use crate::support::server::User;
use crate::tally;

/// So many at each `make test`, and so many where there is time, or a seed is to be replayed.
const FEW: usize = 4;
const MANY: usize = 40;

const ROUNDS: usize = 7;
const USUAL_SEED: u64 = 5;

/// With this one a message was doubled once: its mailbox was renamed, and renamed again, and a link of the first was left.
const TOLD_SEED: u64 = 100;

const NAMES: [&str; 14] = ["a", "b", "c", "d", "e", "f", "a/x", "b/x", "c/x", "d/x", "e/y", "a/x/y", "b/x/y", "c/x/y"];

/// Which mailbox holds each message.
type Places = BTreeMap<Vec<u8>, Vec<String>>;

fn places(account: &Account) -> Places {
    let mut places = Places::new();
    for mailbox in &account.mailboxes {
        for message in &mailbox.messages {
            let name = String::from_utf8_lossy(&mailbox.name).into_owned();
            places.entry(message.octets().into_owned()).or_default().push(name);
        }
    }
    places
}

fn is_below(name: &str, top: &str) -> bool {
    name.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}

struct History {
    name: String,
    dice: Dice,
    tenants: [Arc<Tenant>; 2],
    letters: usize,
    /// Mailboxes of the source that were copied whole once, by their UIDVALIDITYs.
    copied: BTreeSet<u32>,
    /// What the source had of names at the last run: one that is given to another mailbox at once is that of a mailbox made anew.
    named: BTreeSet<String>,
    /// What the destination's user put there, and where.
    own: BTreeMap<Vec<u8>, String>,
    removed: BTreeSet<Vec<u8>>,
    /// The last run ended well.
    is_synced: bool,
    /// All did, and the destination's user did nothing.
    is_calm: bool,
    /// The source did not list all that it holds.
    hides: bool,
    events: Vec<String>,
    /// Commands that the destination had heard when the last run had ended.
    heard: usize,
}

impl History {
    fn new(name: String, seed: u64, servers: [&Fake; 2]) -> History {
        let tenants = servers.map(|server| server.tenant(&name));
        let mut history = History {
            name,
            dice: Dice::new(seed),
            tenants,
            letters: 0,
            copied: BTreeSet::new(),
            named: BTreeSet::new(),
            own: BTreeMap::new(),
            removed: BTreeSet::new(),
            is_synced: false,
            is_calm: true,
            hides: false,
            events: Vec::new(),
            heard: 0,
        };
        let tenant = Arc::clone(&history.tenants[0]);
        for place in ["INBOX", "a", "a/x", "b"] {
            tenant.account().create(place.as_bytes());
            (0..1 + history.dice.below(3)).for_each(|_| history.arrive(&mut tenant.account(), place));
        }
        history
    }

    fn note(&mut self, event: String) {
        self.events.push(event);
    }

    /// A message that there was never before.
    fn letter(&mut self) -> (Vec<u8>, i64) {
        self.letters += 1;
        let number = self.letters;
        let octets = format!("Message-ID: <{number}@{}>\r\nSubject: {number}\r\n\r\ntext\r\n", self.name);
        (octets.into_bytes(), 1_704_067_200 + 60 * (number % 3) as i64)
    }

    fn arrive(&mut self, account: &mut Account, place: &str) {
        let (octets, date) = self.letter();
        self.note(format!("source: {} arrives in {place}", self.letters));
        account.mailbox(place).add(Content::Octets(Arc::new(octets)), BTreeSet::new(), date);
    }

    fn any(&mut self, account: &Account) -> String {
        let names: Vec<String> =
            account.mailboxes.iter().map(|it| String::from_utf8_lossy(&it.name).into_owned()).collect();
        self.dice.pick(&names).clone()
    }

    /// A name that is not there and was not at the last run, with nothing below it.
    fn free(&mut self, account: &Account) -> Option<String> {
        let name = self.dice.pick(&NAMES).to_string();
        let is_taken = |it: &[u8]| it == name.as_bytes() || is_below(&String::from_utf8_lossy(it), &name);
        let was_there = self.named.iter().any(|it| it == &name || is_below(it, &name));
        (!was_there && !account.mailboxes.iter().any(|it| is_taken(&it.name))).then_some(name)
    }

    fn live(&mut self, honest: bool) {
        for _ in 0..self.dice.below(6) {
            self.at_source();
        }
        if self.name.ends_with(['3', '6', '9']) {
            self.at_destination();
        }
        self.hides = false;
        let (source, destination) = if honest { Default::default() } else { self.behaviours() };
        self.tenants[0].behave(source);
        self.tenants[1].behave(destination);
        self.note("a run".to_owned());
    }

    fn at_source(&mut self) {
        let tenant = Arc::clone(&self.tenants[0]);
        let mut account = tenant.account();
        let place = self.any(&account);
        let chosen = self.dice.below(account.mailbox(&place).messages.len());
        let message = account.mailbox(&place).messages.get(chosen).cloned();
        match (self.dice.below(12), message) {
            (0..=2, _) => self.arrive(&mut account, &place),
            // What left a mailbox before all of it was known to be there is not looked for there.
            (3, Some(message)) if self.is_synced => {
                account.mailbox(&place).expunge(|uid| uid == message.uid);
                self.note(format!("source: a message leaves {place}"));
            }
            (4, Some(message)) if self.is_synced => {
                let other = self.any(&account);
                if other == place {
                    return;
                }
                account.mailbox(&place).expunge(|uid| uid == message.uid);
                account.mailbox(&other).add(message.content, message.flags, message.date);
                self.note(format!("source: a message goes from {place} to {other}"));
            }
            (5, _) => {
                if let Some(name) = self.free(&account) {
                    account.create(name.as_bytes());
                    self.note(format!("source: {name} is created"));
                }
            }
            (6, _) if self.is_synced && place != "INBOX" => self.replace(&mut account, &place),
            (7.., _) => self.rename(&mut account, &place),
            _ => {}
        }
    }

    /// A mailbox is deleted, and another one with as many messages is made.
    fn replace(&mut self, account: &mut Account, place: &str) {
        let number = account.mailbox(place).messages.len();
        let Some(named) = self.free(account) else { return };
        account.mailboxes.retain(|mailbox| mailbox.name != place.as_bytes());
        account.create(named.as_bytes());
        self.note(format!("source: {place} is deleted, and {named} is made"));
        (0..number).for_each(|_| self.arrive(account, &named));
    }

    fn rename(&mut self, account: &mut Account, place: &str) {
        let tree = |it: &[u8]| it == place.as_bytes() || is_below(&String::from_utf8_lossy(it), place);
        let is_known = |validity| self.copied.contains(&validity);
        let known = account.mailboxes.iter().filter(|it| tree(&it.name)).all(|it| is_known(it.uid_validity));
        let Some(name) = self.free(account).filter(|name| known && !is_below(name, place)) else { return };
        if account.rename(place.as_bytes(), name.as_bytes()) {
            self.note(format!("source: {place} is renamed to {name}"));
        }
    }

    fn at_destination(&mut self) {
        let tenant = Arc::clone(&self.tenants[1]);
        let mut account = tenant.account();
        let place = self.any(&account);
        match self.dice.below(6) {
            0 => {
                let (octets, date) = self.letter();
                let name = if self.dice.below(2) == 0 { format!("{place}/own") } else { place };
                account.create(name.as_bytes()).add(Content::Octets(Arc::new(octets.clone())), BTreeSet::new(), date);
                self.note(format!("destination: {} arrives in {name}", self.letters));
                self.own.insert(octets, name);
            }
            1 => {
                let chosen = self.dice.below(account.mailbox(&place).messages.len());
                let Some(message) = account.mailbox(&place).messages.get(chosen).cloned() else { return };
                let octets = message.octets().into_owned();
                if self.own.contains_key(&octets) {
                    return;
                }
                account.mailbox(&place).expunge(|uid| uid == message.uid);
                self.note(format!("destination: a message is removed from {place}"));
                self.removed.insert(octets);
            }
            _ => return,
        }
        self.is_calm = false;
    }

    fn behaviours(&mut self) -> (Behaviour, Behaviour) {
        let honest = Behaviour::honest;
        let once = |begins, then| honest().rule(Rule::on(begins, then).when(When::First(1)));
        let perhaps = || Then::DoneBut("NO [SERVERBUG] perhaps".to_owned());
        let octets = 300 + 60 * self.dice.below(60) as u64;
        let behaviour = self.dice.below(14);
        match behaviour {
            0 => (honest(), honest().rule(Rule::refuse("RENAME", "NO [CANNOT] not that"))),
            1 => (honest(), once("RENAME", perhaps())),
            2 => (honest(), once("RENAME", Then::Close)),
            3 => (honest(), once("APPEND", perhaps())),
            4 => (honest(), once("APPEND", Then::Close)),
            5 | 6 => (honest(), honest().cut_after(octets)),
            7 => (honest().cut_after(octets), honest()),
            8 => {
                let tenant = Arc::clone(&self.tenants[0]);
                let hidden = self.any(&tenant.account());
                if hidden == "INBOX" {
                    return (honest(), honest());
                }
                self.note(format!("source: {hidden} is not listed"));
                (self.hides, self.is_calm) = (true, false);
                (honest().lying(move |_, response| without(&hidden, response)), honest())
            }
            _ => (honest(), honest()),
        }
    }

    /// What the run made of it.
    fn judge(&mut self, synced: bool) -> Vec<String> {
        let [source, there] = [0, 1].map(|side: usize| places(&self.tenants[side].account()));
        let shown = |octets: &[u8]| String::from_utf8_lossy(octets).lines().next().unwrap_or_default().to_owned();
        let mut faults = Vec::new();
        for (octets, places) in &source {
            if synced && !self.hides && !self.removed.contains(octets) && !there.contains_key(octets) {
                faults.push(format!("lost, and called synced: {} in {places:?}", shown(octets)));
            }
        }
        let doubled = there.iter().filter(|(_, places)| places.len() > 1);
        faults.extend(doubled.map(|(octets, places)| format!("doubled: {} in {places:?}", shown(octets))));
        for (octets, place) in &self.own {
            if there.get(octets).is_none_or(|places| places[..] != [place.clone()]) {
                faults.push(format!("not ours: {} was in {place}, {:?}", shown(octets), there.get(octets)));
            }
        }
        if !self.hides {
            self.named.clear();
        }
        let names = self.tenants[0].account().mailboxes.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        self.named.extend(names.iter().map(|name| String::from_utf8_lossy(name).into_owned()));
        self.is_synced = synced && !self.hides;
        self.is_calm &= self.is_synced;
        if self.is_synced {
            self.copied.extend(self.tenants[0].account().mailboxes.iter().map(|it| it.uid_validity));
        }
        faults
    }

    /// What is not as it should be when nothing more happens.
    fn unsettled(&self) -> Vec<String> {
        let there = places(&self.tenants[1].account());
        let mut faults = Vec::new();
        for mailbox in &self.tenants[0].account().mailboxes {
            let name = String::from_utf8_lossy(&mailbox.name).into_owned();
            let octets = mailbox.messages.iter().map(|message| message.octets().into_owned());
            let octets = octets.filter(|octets| !self.removed.contains(octets));
            let held: BTreeSet<&String> = octets.filter_map(|octets| there.get(&octets)).flatten().collect();
            if held.len() > 1 || (self.is_calm && held.iter().any(|place| **place != name)) {
                faults.push(format!("{}: {name} is in {held:?}\n  {}", self.name, self.events.join("\n  ")));
            }
        }
        faults
    }
}

/// The lines of LIST and STATUS without those of that mailbox.
fn without(hidden: &str, response: Vec<u8>) -> Vec<u8> {
    let line = String::from_utf8_lossy(&response);
    let is_of = |end: String| line.trim_end().ends_with(&end);
    let is_listed = line.starts_with("* LIST") && (is_of(format!(" {hidden}")) || is_of(format!("\"{hidden}\"")));
    let is_status =
        line.starts_with(&format!("* STATUS {hidden} ")) || line.starts_with(&format!("* STATUS \"{hidden}\" "));
    if is_listed || is_status { Vec::new() } else { response }
}

/// Accounts that live, and the program that brings them over.
struct World {
    mode: &'static str,
    seed: u64,
    histories: Vec<History>,
    ferry: Ferry,
}

impl World {
    fn new(mode: &'static str, accounts: usize, seed: u64) -> World {
        let servers = [Fake::start(), Fake::start()];
        let [source, destination] =
            servers.each_ref().map(|fake| Side::in_clear_text(fake.port()).set("max_connections", 500));
        let settings = format!(
            "[limits]\nretries = 1\ntimeout = \"3s\"\n[sync]\nmode = \"{mode}\"\nfollow_moves = true\ndelete_guard = \"100%\""
        );
        let mut ferry = Ferry::new(source, destination).with_settings(&settings);
        let names: Vec<String> = (0..accounts).map(|number| format!("renamer-{number}")).collect();
        for name in &names {
            ferry = ferry.with_account(&User::named(name.clone()));
        }
        let history =
            |(number, name)| History::new(name, seed.wrapping_mul(1000).wrapping_add(number), servers.each_ref());
        let histories = (0..).zip(names).map(history).collect();
        World { mode, seed, histories, ferry }
    }

    #[track_caller]
    fn run(&mut self, honest: bool, happens: bool) -> usize {
        if happens || honest {
            self.histories.iter_mut().for_each(|it| if happens { it.live(honest) } else { it.rest() });
        }
        let output = self.ferry.run(&["sync", "--jobs", "64", "--progress", "none"]);
        assert!(!output.stderr.contains("panicked") && !output.stderr.contains("does not handle"), "{output}");
        let synced = self.ferry.accounts_in(&["synced", "behind"]);
        let mut faults = Vec::new();
        for history in &mut self.histories {
            for fault in history.judge(synced.contains(&history.name)) {
                let events = history.events.join("\n  ");
                let heard = history.tenants[1].commands();
                let said = heard[history.heard.min(heard.len())..].join("\n    ");
                faults.push(format!("{}: {fault}\n  {events}\n  the destination heard:\n    {said}", history.name));
            }
            history.heard = history.tenants[1].commands().len();
        }
        self.assert_none(faults, &output.stderr);
        synced.len()
    }

    #[track_caller]
    fn assert_none(&self, faults: Vec<String>, told: &str) {
        let (mode, seed, count) = (self.mode, self.seed, faults.len());
        let shown = faults.into_iter().take(4).collect::<Vec<_>>().join("\n\n");
        assert!(count == 0, "{count} faults in {mode} mode with {SEED_VARIABLE}={seed}:\n{shown}\n{told}");
    }

    /// How many mailboxes of the destination were renamed.
    fn renamed(&self) -> usize {
        let of = |history: &History| history.tenants[1].commands().iter().filter(|it| it.starts_with("RENAME")).count();
        self.histories.iter().map(of).sum()
    }
}

impl History {
    fn rest(&mut self) {
        self.tenants.iter().for_each(|tenant| tenant.behave(Behaviour::honest()));
        self.hides = false;
        self.note("a run".to_owned());
    }
}

fn live_through(mode: &'static str, accounts: usize, seed: u64) {
    let mut world = World::new(mode, accounts, seed);
    let mut ever_synced = 0;
    for _ in 0..ROUNDS {
        ever_synced += world.run(false, true);
    }
    assert!(ever_synced > accounts, "the law of what is called synced was tried");
    world.run(true, true);
    for _ in 0..3 {
        world.run(true, false);
    }
    assert!(world.renamed() > accounts, "mailboxes were renamed");
    let faults = world.histories.iter().flat_map(History::unsettled).collect();
    world.assert_none(faults, "");
    world.histories.iter().for_each(|history| history.tenants[1].forget_commands());
    world.run(true, false);
    let changes = ["APPEND", "UID STORE", "UID MOVE", "UID COPY", "UID EXPUNGE", "CREATE", "RENAME"];
    let mut faults = Vec::new();
    for history in world.histories.iter().filter(|history| history.own.is_empty() && history.removed.is_empty()) {
        let commands = history.tenants[1].commands();
        let change = commands.iter().find(|command| changes.iter().any(|verb| command.starts_with(verb)));
        faults.extend(change.map(|it| format!("{}: {it}\n  {}", history.name, history.events.join("\n  "))));
    }
    world.assert_none(faults, "");
    tally::count(accounts);
}

/// Few of two seeds as a rule, many where there is time.
fn live_each_through(mode: &'static str) {
    match is_all_tried() {
        true => seeds(USUAL_SEED).into_iter().for_each(|seed| live_through(mode, MANY, seed)),
        false => [USUAL_SEED, TOLD_SEED].into_iter().for_each(|seed| live_through(mode, FEW, seed)),
    }
}

#[test]
fn renamed_mailboxes_are_followed_and_lose_and_double_nothing() {
    live_each_through("copy");
}

#[test]
fn renamed_mailboxes_are_mirrored_and_lose_and_double_nothing() {
    live_each_through("mirror");
}

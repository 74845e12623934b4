//! Accounts that live on both sides, in two-way mode: mail comes, goes, is edited, moved, doubled, flagged and marked by users on
//! either server; mailboxes get new UIDVALIDITYs, states are lost, runs break off, and servers keep things to themselves. Many
//! accounts are one run, and a seed chooses what happens to each: the same in `make test`, others with `MAILFERRY_SEED`, and
//! fresh ones in `make torture`.
//!
//! What holds, by the books that the test itself keeps, for each message by its octets and mailbox by mailbox:
//!
//! 1. After each run what nobody removed is in its mailbox, on one side at least.
//! 2. After each run there are no more of a message than users ever had there, on either side.
//! 3. When nothing more happens, both sides are equal, flags and all; and what a user removed is gone from both, unless it was
//!    changed, or nobody could know any more that it was there.
//! 4. A further run changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::support::dice::Dice;
use crate::support::fake::account::{Content, Mailbox, Stored};
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Side};
use crate::support::replay::SEED_VARIABLE;
use crate::support::sample::{many_or_few, seeds};
use crate::support::server::User;
use crate::tally;

const MANY: usize = 24;
const FEW: usize = 15;
const ROUNDS: usize = 7;
const USUAL_SEED: u64 = 16;

/// Those that take part; each side has a trash besides.
const PLACES: [&str; 3] = ["INBOX", "Box", "Archive/Old"];
const TRASH: &str = "Trash";

/// A mailbox, and the octets of a message.
type Key = (String, Vec<u8>);
type Count = BTreeMap<Key, u64>;

/// What happened to an account.
#[derive(Default)]
struct Books {
    /// How often it came to be there, by whatever user.
    ever: Count,
    /// How often it was removed, by side.
    removed: [Count; 2],
    /// What may be there though it was removed: it was changed, or nobody could know.
    may_stay: BTreeSet<Key>,
    /// Removed since the account was last seen to be synced.
    unsettled: BTreeSet<Key>,
    /// Something was forgotten since then.
    is_forgetful: bool,
    events: Vec<String>,
}

fn of(count: &Count, key: &Key) -> u64 {
    count.get(key).copied().unwrap_or(0)
}

struct History {
    name: String,
    dice: Dice,
    tenants: [Arc<Tenant>; 2],
    /// What the servers can do.
    abilities: [Behaviour; 2],
    letters: usize,
    books: Books,
}

/// What a side holds where mail takes part; of messages that may be there, and yet are to go, nothing.
fn held(tenant: &Tenant) -> BTreeMap<Key, Vec<BTreeSet<String>>> {
    let account = tenant.account();
    let mut held: BTreeMap<Key, Vec<BTreeSet<String>>> = BTreeMap::new();
    for (place, at) in PLACES.iter().filter_map(|place| Some((place, account.position(place.as_bytes())?))) {
        for message in &account.mailboxes[at].messages {
            held.entry((place.to_string(), message.octets().into_owned())).or_default().push(message.flags.clone());
        }
    }
    held.values_mut().for_each(|flags| flags.sort());
    held
}

impl History {
    fn new(number: u64, name: String, seed: u64, servers: [&Fake; 2]) -> History {
        let tenants = servers.map(|server| server.tenant(&name));
        for (tenant, places) in tenants.iter().zip([["INBOX", "Box", TRASH], ["INBOX", "Archive/Old", TRASH]]) {
            for place in places {
                tenant.account().create(place.as_bytes());
            }
        }
        let poor: [&[&str]; 5] = [&[], &["MOVE"], &["CONDSTORE", "QRESYNC"], &["UIDPLUS", "MOVE"], &["UIDPLUS"]];
        let ability = |number: u64| Behaviour::honest().without(poor[number as usize % poor.len()]);
        let abilities = [ability(number), ability(number / 3)];
        History { name, dice: Dice::new(seed), tenants, abilities, letters: 0, books: Books::default() }
    }

    fn note(&mut self, event: String) {
        self.books.events.push(event);
    }

    /// What happens before a run, and how the servers will behave in it.
    fn live(&mut self, honest: bool) {
        for _ in 0..self.dice.below(8) {
            let side = self.dice.below(2);
            self.happen(side);
        }
        let mut behaviours = self.abilities.clone();
        if !honest {
            let side = self.dice.below(2);
            behaviours[side] = self.troubled(behaviours[side].clone());
        }
        self.note("a run".to_owned());
        let [one, other] = behaviours;
        self.tenants[0].behave(one);
        self.tenants[1].behave(other);
    }

    fn happen(&mut self, side: usize) {
        let tenant = Arc::clone(&self.tenants[side]);
        let mut account = tenant.account();
        let there: Vec<&str> =
            PLACES.iter().copied().filter(|name| account.position(name.as_bytes()).is_some()).collect();
        let place = *self.dice.pick(&there);
        let chosen = account.mailbox(place).messages.clone();
        let chosen = chosen.get(self.dice.below(chosen.len())).cloned();
        match (self.dice.below(14), chosen) {
            (0..=3, _) => {
                let (octets, date) = self.letter();
                self.arrives(side, place, &octets);
                add(account.mailbox(place), octets, BTreeSet::new(), date);
            }
            (4, _) => {
                let (octets, date) = self.letter();
                self.arrives(side, "INBOX", &octets);
                add(account.mailbox("INBOX"), octets.clone(), BTreeSet::new(), date);
                add(self.tenants[1 - side].account().mailbox("INBOX"), octets.clone(), BTreeSet::new(), date);
                self.note("and on the other side".to_owned());
                // Where one of them is removed before both were seen, nobody can know that there was another.
                self.books.may_stay.insert(("INBOX".to_owned(), octets));
            }
            (5 | 6, Some(message)) => {
                account.mailbox(place).expunge(|uid| uid == message.uid);
                self.goes(side, place, &message.octets());
            }
            (7 | 8, Some(message)) => {
                let flag = *self.dice.pick(&["\\Seen", "\\Flagged", "work"]);
                self.note(format!("side {side}: {flag} of {} in {place}", shown(&message.octets())));
                self.books.may_stay.insert((place.to_owned(), message.octets().into_owned()));
                change(account.mailbox(place), message.uid, |flags| {
                    let _ = flags.remove(flag) || flags.insert(flag.to_owned());
                });
            }
            (9, Some(message)) => {
                account.mailbox(place).expunge(|uid| uid == message.uid);
                let octets = message.octets().into_owned();
                self.goes(side, place, &octets);
                let to = *self.dice.pick(&[there[0], there[there.len() - 1], TRASH]);
                self.note(format!("which is moved to {to}"));
                if to != TRASH {
                    self.arrives(side, to, &octets);
                }
                add(account.mailbox(to), octets, message.flags.clone(), message.date);
            }
            (10, Some(message)) => {
                // Saved again under its Message-ID.
                account.mailbox(place).expunge(|uid| uid == message.uid);
                self.goes(side, place, &message.octets());
                let (octets, date) = self.letter_of(name_of(&message));
                self.arrives(side, place, &octets);
                add(account.mailbox(place), octets, message.flags.clone(), date);
            }
            (11, _) => {
                account.mailbox(place).renumber();
                self.note(format!("side {side}: {place} has another UIDVALIDITY"));
                self.forget();
            }
            (12, Some(message)) => {
                let octets = message.octets().into_owned();
                self.arrives(side, place, &octets);
                self.note("which is a copy".to_owned());
                self.books.may_stay.insert((place.to_owned(), octets.clone()));
                add(account.mailbox(place), octets, message.flags.clone(), message.date);
            }
            (_, Some(message)) => {
                self.note(format!("side {side}: {} in {place} is marked as deleted", shown(&message.octets())));
                change(account.mailbox(place), message.uid, |flags| {
                    flags.insert("\\Deleted".to_owned());
                });
            }
            (_, None) => {}
        }
    }

    /// Another letter; few have a Message-ID of their own.
    fn letter(&mut self) -> (Vec<u8>, i64) {
        let name = self.dice.below(4);
        self.letter_of(name)
    }

    fn letter_of(&mut self, name: usize) -> (Vec<u8>, i64) {
        self.letters += 1;
        let number = self.letters;
        let padding = "+".repeat(number % 3);
        let octets = format!("Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\n{number:04}{padding}\r\n");
        (octets.into_bytes(), 1_704_067_200 + 60 * number as i64)
    }

    fn arrives(&mut self, side: usize, place: &str, octets: &[u8]) {
        self.note(format!("side {side}: {} arrives in {place}", shown(octets)));
        *self.books.ever.entry((place.to_owned(), octets.to_vec())).or_default() += 1;
    }

    fn goes(&mut self, side: usize, place: &str, octets: &[u8]) {
        self.note(format!("side {side}: {} goes from {place}", shown(octets)));
        let key = (place.to_owned(), octets.to_vec());
        *self.books.removed[side].entry(key.clone()).or_default() += 1;
        if self.books.is_forgetful {
            self.books.may_stay.insert(key.clone());
        }
        self.books.unsettled.insert(key);
    }

    /// What was removed, and was not seen to be gone, nobody knows of any more.
    fn forget(&mut self) {
        self.books.is_forgetful = true;
        let unsettled = std::mem::take(&mut self.books.unsettled);
        self.books.may_stay.extend(unsettled);
    }

    fn synced(&mut self) {
        self.books.unsettled.clear();
        self.books.is_forgetful = false;
    }

    fn troubled(&mut self, able: Behaviour) -> Behaviour {
        let first = When::First(1);
        let lost = |verb: &str| Rule::on(verb, Then::DoneBut("NO [SERVERBUG] perhaps".to_owned())).when(first);
        let closed = |verb: &str| Rule::on(verb, Then::Close).when(first);
        let trouble = self.dice.below(16);
        self.note(format!("with trouble {trouble}"));
        match trouble {
            0 => able.rule(Rule::refuse("EXAMINE", "NO [SERVERBUG] not now").holding("Box")),
            1 => able.rule(Rule::refuse("UID FETCH", "NO [SERVERBUG] not now").when(first)),
            2 => able.rule(Rule::refuse("APPEND", "NO [CANNOT] not that").when(When::Every(3))),
            3 => able.rule(lost("APPEND")),
            4 => able.rule(closed("APPEND")),
            5 => able.rule(lost("UID MOVE")).rule(lost("UID EXPUNGE")).rule(lost("UID COPY")),
            6 => able.rule(closed("UID MOVE")).rule(closed("UID EXPUNGE")).rule(closed("UID COPY")),
            7 => able.rule(lost("UID STORE")),
            8 => able.rule(closed("UID STORE")),
            9 | 10 => able.cut_after(700 + 100 * self.dice.below(30) as u64),
            11 => able.rule(Rule::refuse("UID SEARCH", "NO [SERVERBUG] not now")),
            12 => able.rule(Rule::refuse("SELECT", "NO [NOPERM] not now")),
            _ => able,
        }
    }

    /// Whether it is of no account that a message is still there: it is marked, and its server can do no more.
    fn only_marks(&self) -> bool {
        self.abilities.iter().any(|able| !able.capabilities.contains("UIDPLUS"))
    }

    /// What the run made of it.
    fn judge(&self) -> Vec<String> {
        let sides = [held(&self.tenants[0]), held(&self.tenants[1])];
        let Books { ever, removed, .. } = &self.books;
        let mut faults = Vec::new();
        for (key, came) in ever {
            let there = [0, 1].map(|side| sides[side].get(key).map_or(0, |flags| flags.len() as u64));
            let gone = removed.each_ref().map(|removed| of(removed, key));
            let what = format!("{} in {}: {there:?} there, {came} came, {gone:?} went", shown(&key.1), key.0);
            if gone == [0, 0] && there == [0, 0] {
                faults.push(format!("gone from both, and nobody removed it: {what}"));
            }
            if there.iter().any(|there| there > came) {
                faults.push(format!("doubled: {what}"));
            }
        }
        let unknown = sides.iter().flat_map(|side| side.keys()).find(|key| !ever.contains_key(*key));
        faults.extend(unknown.map(|key| format!("never came: {} in {}", shown(&key.1), key.0)));
        faults
    }

    /// What holds when nothing more happens.
    fn judge_quiet(&self) -> Vec<String> {
        let mut sides = [held(&self.tenants[0]), held(&self.tenants[1])];
        if self.only_marks() {
            for side in &mut sides {
                side.values_mut().for_each(|flags| flags.retain(|flags| !flags.contains("\\Deleted")));
                side.retain(|_, flags| !flags.is_empty());
            }
        }
        let mut faults = Vec::new();
        let [one, other] = &sides;
        let keys: BTreeSet<&Key> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let what = || format!("{} in {}: {:?} and {:?}", shown(&key.1), key.0, one.get(key), other.get(key));
            if one.get(key) != other.get(key) {
                faults.push(format!("the sides differ: {}", what()));
            }
            let gone = self.books.removed.each_ref().map(|removed| of(removed, key)).into_iter().max().unwrap_or(0);
            let most = of(&self.books.ever, key).saturating_sub(gone);
            let there = one.get(key).map_or(0, |flags| flags.len() as u64);
            if there > most && !self.books.may_stay.contains(key) {
                faults.push(format!("came back, and at most {most} should be there: {}", what()));
            }
        }
        faults
    }
}

fn add(mailbox: &mut Mailbox, octets: Vec<u8>, flags: BTreeSet<String>, date: i64) {
    mailbox.add(Content::Octets(Arc::new(octets)), flags, date);
}

fn change(mailbox: &mut Mailbox, uid: u32, change: impl FnOnce(&mut BTreeSet<String>)) {
    let modseq = mailbox.change();
    if let Some(message) = mailbox.messages.iter_mut().find(|message| message.uid == uid) {
        change(&mut message.flags);
        message.modseq = modseq;
    }
}

fn name_of(message: &Stored) -> usize {
    let octets = message.octets();
    let digit = octets.iter().find(|octet| octet.is_ascii_digit()).expect("a name");
    usize::from(digit - b'0')
}

fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

/// Accounts that live, and the program that keeps their sides equal.
struct World {
    seed: u64,
    histories: Vec<History>,
    ferry: Ferry,
}

impl World {
    fn new(seed: u64) -> World {
        let servers = [Fake::start(), Fake::start()];
        let [source, destination] =
            servers.each_ref().map(|fake| Side::in_clear_text(fake.port()).set("max_connections", 500));
        let settings = "[limits]\nretries = 1\ntimeout = \"3s\"\n[sync]\nmode = \"two-way\"\ndelete_guard = \"100%\"";
        let mut ferry = Ferry::new(source, destination).with_settings(settings);
        let names: Vec<String> = (0..many_or_few(MANY, FEW)).map(|number| format!("both-{number}")).collect();
        for name in &names {
            ferry = ferry.with_account(&User::named(name.clone()));
        }
        let history = |(number, name): (u64, String)| {
            History::new(number, name, seed.wrapping_mul(1000).wrapping_add(number), servers.each_ref())
        };
        World { seed, histories: (0..).zip(names).map(history).collect(), ferry }
    }

    /// The state of some accounts is lost.
    fn lose_states(&mut self) {
        let lost: Vec<&mut History> =
            self.histories.iter_mut().filter_map(|it| (it.dice.below(12) == 0).then_some(it)).collect();
        let names: Vec<String> = lost.iter().map(|history| history.name.clone()).collect();
        for history in lost {
            history.note("the state is lost".to_owned());
            history.forget();
        }
        if !names.is_empty() {
            let words: Vec<&str> = ["forget"].into_iter().chain(names.iter().map(String::as_str)).collect();
            self.ferry.run(&words);
        }
    }

    /// One run, and what is to be said of it.
    #[track_caller]
    fn run(&mut self, more: &[&str], judge: impl Fn(&History) -> Vec<String>) -> BTreeSet<String> {
        let arguments = [&["sync", "--jobs", "64", "--progress", "none"], more].concat();
        let output = self.ferry.run(&arguments);
        assert!(!output.stderr.contains("panicked") && !output.stderr.contains("does not handle"), "{output}");
        let synced = self.ferry.accounts_in(&["synced"]);
        let mut faults = Vec::new();
        for history in &mut self.histories {
            for fault in judge(history) {
                faults.push(format!("{}: {fault}\n  {}", history.name, history.books.events.join("\n  ")));
            }
            if synced.contains(&history.name) {
                history.synced();
            }
        }
        let count = faults.len();
        faults.truncate(6);
        assert!(
            faults.is_empty(),
            "{count} faults with {SEED_VARIABLE}={}:\n{}\n{}",
            self.seed,
            faults.join("\n\n"),
            output.stderr
        );
        synced
    }
}

fn live_through(seed: u64) {
    let mut world = World::new(seed);
    let mut ever_synced = 0;
    for round in 0..ROUNDS {
        world.histories.iter_mut().for_each(|history| history.live(false));
        world.lose_states();
        // Some end in their midst.
        let more: &[&str] = if round % 3 == 2 { &["--max-messages", "20"] } else { &[] };
        ever_synced += world.run(more, History::judge).len();
    }
    assert!(ever_synced > world.histories.len(), "{ever_synced} were synced");
    world.histories.iter_mut().for_each(|history| history.live(true));
    // What waited for another scan is done in the next, and what both users did at once is settled in the one after it.
    for _ in 0..3 {
        world.run(&[], History::judge);
    }
    world.histories.iter().flat_map(|history| &history.tenants).for_each(|tenant| tenant.forget_commands());
    let synced = world.run(&[], History::judge_quiet);
    let unsynced = world.histories.iter().filter(|history| !synced.contains(&history.name));
    let unsynced: Vec<String> =
        unsynced.map(|it| format!("{}:\n  {}", it.name, it.books.events.join("\n  "))).collect();
    assert!(
        unsynced.is_empty(),
        "{SEED_VARIABLE}={seed}: {}\n{}",
        unsynced.join("\n"),
        world.ferry.run(&["status"]).stdout
    );
    let changes = ["APPEND", "UID STORE", "UID EXPUNGE", "UID MOVE", "UID COPY", "CREATE", "SUBSCRIBE"];
    for history in &world.histories {
        for tenant in &history.tenants {
            let commands = tenant.commands();
            let change = commands.iter().find(|command| changes.iter().any(|verb| command.starts_with(verb)));
            assert_eq!(
                change,
                None,
                "{} with {SEED_VARIABLE}={seed}\n  {}",
                history.name,
                history.books.events.join("\n  ")
            );
        }
    }
    tally::count(world.histories.len());
}

#[test]
fn accounts_that_live_on_both_sides_become_equal_and_lose_and_double_nothing() {
    seeds(USUAL_SEED).into_iter().for_each(live_through);
}

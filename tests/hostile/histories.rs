//! Accounts that live: mail comes and goes on both sides, is edited, moved and doubled, mailboxes get new UIDVALIDITYs, and
//! servers keep things to themselves; and between all that the program runs. Many accounts are one run, and a seed chooses what
//! happens to each: the same in `make test`, others with `MAILFERRY_SEED`, and fresh ones in `make torture`.
//!
//! What holds after every run, by the books that the test itself keeps, for each message by its octets and mailbox by mailbox:
//!
//! 1. Nothing lost: an account of which nothing is said to have failed has all that its source holds, but for what the settings leave out and what
//!    its user removed on the destination.
//! 2. Nothing doubled, and nothing brought back: no more copies than there ever were messages, less those that were removed there.
//! 3. Nothing of others deleted, and in copy mode nothing at all: what follows its message to another mailbox is there then, and no
//!    more go from a mailbox than messages have left it at the source.
//! 4. When the servers are honest again and nothing more happens, nothing fails, and a further run does nothing.
//!
//! The exit status is 0 just where no account of the run has failed, so that 1 holds of it, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::support::dice::Dice;
use crate::support::fake::account::{Account, Content, Mailbox, Stored};
use crate::support::fake::behaviour::{Behaviour, Rule, Then, When};
use crate::support::fake::{Fake, Tenant};
use crate::support::ferry::{Ferry, Side};
use crate::support::replay::SEED_VARIABLE;
use crate::support::sample::{many_or_few, seeds};
use crate::support::server::User;
use crate::tally;

const MANY: usize = 24;
const FEW: usize = 12;
const ROUNDS: usize = 7;
const USUAL_SEED: u64 = 11;

/// The settings leave `Junk` out.
const MAILBOXES: [&str; 4] = ["INBOX", "Box", "Archive/Old", "Junk"];
const EXCLUDED: &str = "Junk";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Copy,
    Mirror,
}

/// By which settings the accounts are brought over.
#[derive(Clone, Copy, Debug)]
struct Way {
    mode: Mode,
    /// What is moved at the source is moved on the destination.
    follows: bool,
}

/// A message that may be there many times: by which Message-ID, and which of the texts under it. The last has nothing to be
/// recognised by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Letter {
    name: usize,
    text: usize,
}

const NAMES: usize = 4;
const TEXTS: usize = 4;

impl Letter {
    fn any(dice: &mut Dice) -> Letter {
        Letter { name: dice.below(NAMES + 1), text: dice.below(TEXTS) }
    }

    fn octets(self) -> Vec<u8> {
        let Letter { name, text } = self;
        match name {
            NAMES => format!("X-Alarm: yes\r\n\r\nnotice {text}\r\n"),
            _ => {
                format!("Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\n{text}{}\r\n", "+".repeat(text / 2))
            }
        }
        .into_bytes()
    }

    /// Texts of one size differ in their date; notices in neither.
    fn date(self) -> i64 {
        let minutes = if self.name == NAMES { 0 } else { self.text % 2 };
        1_704_067_200 + 60 * minutes as i64
    }
}

/// How many of each there are, by mailbox and octets.
type Count = BTreeMap<(String, Vec<u8>), u64>;

/// What happened to an account.
#[derive(Default)]
struct Books {
    /// Messages that the source ever held, and those of them that left their mailbox: moved, or removed and got once more.
    ever: Count,
    left: Count,
    /// What followed them from its mailbox on the destination.
    followed: Count,
    /// What others put on the destination, and what its user removed there.
    own: Count,
    removed: Count,
    events: Vec<String>,
}

fn of(count: &Count, key: &(String, Vec<u8>)) -> u64 {
    count.get(key).copied().unwrap_or(0)
}

fn held(account: &Account) -> Count {
    let mut count = Count::new();
    for (name, mailbox) in MAILBOXES.iter().filter_map(|name| Some((name, account.position(name.as_bytes())?))) {
        for message in &account.mailboxes[mailbox].messages {
            *count.entry((name.to_string(), message.octets().into_owned())).or_default() += 1;
        }
    }
    count
}

fn add(mailbox: &mut Mailbox, octets: Vec<u8>, flags: BTreeSet<String>, date: i64) {
    mailbox.add(Content::Octets(Arc::new(octets)), flags, date);
}

struct History {
    name: String,
    dice: Dice,
    tenants: [Arc<Tenant>; 2],
    books: Books,
    /// What the destination held before the run.
    before: Count,
}

impl History {
    fn new(name: String, seed: u64, servers: [&Fake; 2]) -> History {
        let tenants = servers.map(|server| server.tenant(&name));
        for mailbox in MAILBOXES {
            tenants[0].account().create(mailbox.as_bytes());
        }
        let dice = Dice::new(seed);
        History { name, dice, tenants, books: Books::default(), before: Count::new() }
    }

    /// What happens before a run, and how the servers will behave in it.
    fn live(&mut self, way: Way, honest: bool) {
        for _ in 0..self.dice.below(7) {
            match self.dice.below(3) {
                0 | 1 => self.at_source(),
                _ => self.at_destination(),
            }
        }
        let (source, mut destination) = if honest { Default::default() } else { self.behaviours() };
        if way.follows && !honest {
            destination = self.hindered(destination);
        }
        self.tenants[0].behave(source);
        self.tenants[1].behave(destination);
        self.before = held(&self.tenants[1].account());
    }

    fn note(&mut self, event: String) {
        self.books.events.push(event);
    }

    fn at_source(&mut self) {
        let tenant = Arc::clone(&self.tenants[0]);
        let mut account = tenant.account();
        let place = *self.dice.pick(&MAILBOXES);
        let chosen = self.dice.below(account.mailbox(place).messages.len());
        match self.dice.below(10) {
            0..=4 => {
                let letter = Letter::any(&mut self.dice);
                self.arrive(&mut account, place, letter.octets(), BTreeSet::new(), letter.date());
            }
            5 => {
                let Some(message) = account.mailbox(place).messages.get(chosen).cloned() else { return };
                self.leave(&mut account, place, &message);
            }
            6 => {
                let mailbox = account.mailbox(place);
                let modseq = mailbox.change();
                if let Some(message) = mailbox.messages.get_mut(chosen) {
                    let seen = "\\Seen".to_owned();
                    let _ = message.flags.remove(&seen) || message.flags.insert(seen);
                    message.modseq = modseq;
                }
            }
            7 => {
                let Some(message) = account.mailbox(place).messages.get(chosen).cloned() else { return };
                self.leave(&mut account, place, &message);
                let other = *self.dice.pick(&MAILBOXES);
                self.arrive(&mut account, other, message.octets().into_owned(), message.flags.clone(), message.date);
            }
            8 => {
                // Saved again: another text under the same name.
                let name = self.dice.below(NAMES);
                let begins = format!("Message-ID: <{name}@");
                let drafts = |octets: &[u8]| octets.starts_with(begins.as_bytes());
                let draft = account.mailbox(place).messages.iter().find(|it| drafts(&it.octets())).cloned();
                draft.iter().for_each(|draft| self.leave(&mut account, place, draft));
                let letter = Letter { name, text: self.dice.below(TEXTS) };
                self.arrive(&mut account, place, letter.octets(), BTreeSet::new(), letter.date());
            }
            _ => {
                account.mailbox(place).renumber();
                self.note(format!("source: {place} has another UIDVALIDITY"));
            }
        }
    }

    fn arrive(&mut self, account: &mut Account, place: &str, octets: Vec<u8>, flags: BTreeSet<String>, date: i64) {
        self.note(format!("source: {} arrives in {place}", shown(&octets)));
        *self.books.ever.entry((place.to_owned(), octets.clone())).or_default() += 1;
        add(account.mailbox(place), octets, flags, date);
    }

    fn leave(&mut self, account: &mut Account, place: &str, message: &Stored) {
        account.mailbox(place).expunge(|uid| uid == message.uid);
        let octets = message.octets().into_owned();
        self.note(format!("source: {} leaves {place}", shown(&octets)));
        *self.books.left.entry((place.to_owned(), octets)).or_default() += 1;
    }

    fn at_destination(&mut self) {
        let tenant = Arc::clone(&self.tenants[1]);
        let mut account = tenant.account();
        let there: Vec<&str> =
            MAILBOXES.iter().copied().filter(|name| account.position(name.as_bytes()).is_some()).collect();
        let place = *self.dice.pick(&there);
        let mailbox = account.mailbox(place);
        let chosen = self.dice.below(mailbox.messages.len());
        match self.dice.below(6) {
            0 | 1 => {
                // By another way, a moment later.
                let letter = Letter::any(&mut self.dice);
                add(mailbox, letter.octets(), BTreeSet::new(), letter.date() + 2);
                *self.books.own.entry((place.to_owned(), letter.octets())).or_default() += 1;
                self.note(format!("destination: {} arrives in {place}", shown(&letter.octets())));
            }
            2 | 3 => {
                let Some(message) = mailbox.messages.get(chosen).cloned() else { return };
                let octets = message.octets().into_owned();
                // Under another UIDVALIDITY of the source nobody could tell that it is a notice that was removed: it is copied.
                if octets.starts_with(b"X-Alarm") {
                    return;
                }
                mailbox.expunge(|uid| uid == message.uid);
                self.note(format!("destination: {} is removed from {place}", shown(&octets)));
                *self.books.removed.entry((place.to_owned(), octets)).or_default() += 1;
            }
            4 => {
                let modseq = mailbox.change();
                if let Some(message) = mailbox.messages.get_mut(chosen) {
                    message.flags.insert("\\Flagged".to_owned());
                    message.modseq = modseq;
                }
            }
            _ => {
                mailbox.renumber();
                self.note(format!("destination: {place} has another UIDVALIDITY"));
            }
        }
    }

    fn behaviours(&mut self) -> (Behaviour, Behaviour) {
        let honest = Behaviour::honest;
        let (mut source, destination) = match self.dice.below(12) {
            0 => (honest().rule(Rule::refuse("EXAMINE", "NO [SERVERBUG] not now").holding("Box")), honest()),
            1 => (honest().rule(Rule::refuse("UID FETCH", "NO [SERVERBUG] not now").when(When::First(1))), honest()),
            2 => (honest(), honest().rule(Rule::refuse("APPEND", "NO [CANNOT] not that").when(When::Every(3)))),
            3 => (
                honest(),
                honest()
                    .rule(Rule::on("APPEND", Then::DoneBut("NO [SERVERBUG] perhaps".to_owned())).when(When::First(1))),
            ),
            4 => (honest().cut_after(700 + 100 * self.dice.below(20) as u64), honest()),
            5 => (honest(), honest().rule(Rule::on("APPEND", Then::Close).when(When::First(1)))),
            _ => (honest(), honest()),
        };
        self.note("a run".to_owned());
        if self.name.ends_with('3') {
            source = source.lying(two_namespaces);
        }
        (source, destination)
    }

    /// A destination on which moving does not go well.
    fn hindered(&mut self, destination: Behaviour) -> Behaviour {
        let once = |begins, then| Rule::on(begins, then).when(When::First(1));
        match self.dice.below(16) {
            0 => destination.rule(Rule::refuse("UID MOVE", "NO [CANNOT] not that")),
            1 => destination.rule(once("UID MOVE", Then::DoneBut("NO [SERVERBUG] perhaps".to_owned()))),
            2 => destination.rule(once("UID MOVE", Then::Close)),
            3 => destination.without(&["MOVE"]),
            4 => destination
                .without(&["MOVE"])
                .rule(once("UID COPY", Then::DoneBut("NO [SERVERBUG] perhaps".to_owned()))),
            5 => {
                destination.without(&["MOVE"]).rule(Rule::refuse("UID EXPUNGE", "NO [NOPERM] no").when(When::First(1)))
            }
            6 => destination.without(&["MOVE", "UIDPLUS"]),
            7 => destination.cut_after(900 + 100 * self.dice.below(20) as u64),
            _ => destination,
        }
    }

    /// What the run made of it.
    fn judge(&mut self, way: Way, synced: bool) -> Vec<String> {
        let (source, now) = (held(&self.tenants[0].account()), held(&self.tenants[1].account()));
        let before = std::mem::replace(&mut self.before, now.clone());
        let Books { ever, own, removed, left, followed, .. } = &mut self.books;
        let mut faults = Vec::new();
        let keys: BTreeSet<_> = source.keys().chain(now.keys()).chain(before.keys()).collect();
        for key in keys {
            let (there, gone) = (of(&now, key), of(removed, key));
            let what = format!("{} in {}: {there} there", shown(&key.1), key.0);
            if synced && key.0 != EXCLUDED && there + gone < of(&source, key) {
                faults.push(format!("lost, and called synced: {what}, {} at the source", of(&source, key)));
            }
            if there + gone > of(ever, key) + of(own, key) {
                faults.push(format!("doubled: {what}, {gone} removed, of {} and {}", of(ever, key), of(own, key)));
            }
            if there + gone < of(own, key) {
                faults.push(format!("deleted, and was not ours: {what}, {} were others'", of(own, key)));
            }
            let gone = of(&before, key).saturating_sub(there);
            *followed.entry(key.clone()).or_default() += gone;
            let may_follow = if way.follows { of(left, key) } else { 0 };
            if way.mode == Mode::Copy && of(followed, key) > may_follow {
                faults.push(format!("deleted in copy mode: {what}, {} before", of(&before, key)));
            }
        }
        // Where the server copies, there are two until the old one goes.
        let copies = self.tenants[1].commands().iter().any(|command| command.starts_with("UID COPY"));
        if way.mode == Mode::Copy && !copies {
            let [before, now] = [&before, &now].map(in_any_mailbox);
            let vanished = before.into_iter().filter(|(octets, there)| now.get(octets) < Some(there));
            faults.extend(vanished.map(|(octets, _)| format!("moved nowhere: {}", shown(octets))));
        }
        faults
    }
}

/// The mailboxes below `Archive` are a namespace of their own.
fn two_namespaces(command: &str, response: Vec<u8>) -> Vec<u8> {
    match command.starts_with("NAMESPACE") && response.starts_with(b"* NAMESPACE") {
        true => b"* NAMESPACE ((\"\" \"/\")(\"Archive/\" \"/\")) NIL NIL\r\n".to_vec(),
        false => response,
    }
}

/// How many there are of each, wherever they are.
fn in_any_mailbox(count: &Count) -> BTreeMap<&[u8], u64> {
    let mut sum = BTreeMap::new();
    count.iter().for_each(|((_, octets), number)| *sum.entry(&**octets).or_default() += number);
    sum
}

fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Accounts that live, and the program that brings them over.
struct World {
    way: Way,
    seed: u64,
    histories: Vec<History>,
    ferry: Ferry,
}

impl World {
    fn new(way: Way, seed: u64) -> World {
        let servers = [Fake::start(), Fake::start()];
        let [source, destination] =
            servers.each_ref().map(|fake| Side::in_clear_text(fake.port()).set("max_connections", 500));
        let Way { mode, follows } = way;
        let mode_name = if mode == Mode::Copy { "copy" } else { "mirror" };
        let settings = format!(
            "[limits]\nretries = 1\ntimeout = \"3s\"\n[sync]\nmode = \"{mode_name}\"\nfollow_moves = {follows}\n\
             delete_guard = \"100%\"\n[mailboxes]\nexclude = [\"{EXCLUDED}\"]"
        );
        let mut ferry = Ferry::new(source, destination).with_settings(&settings);
        let names: Vec<String> = (0..many_or_few(MANY, FEW)).map(|number| format!("living-{number}")).collect();
        for name in &names {
            ferry = ferry.with_account(&User::named(name.clone()));
        }
        let history =
            |(number, name)| History::new(name, seed.wrapping_mul(1000).wrapping_add(number), servers.each_ref());
        let histories = (0..).zip(names).map(history).collect();
        World { way, seed, histories, ferry }
    }

    /// One run, and what is to be said of it. Returns which accounts are called synced.
    #[track_caller]
    fn run(&mut self) -> BTreeSet<String> {
        let output = self.ferry.run(&["sync", "--jobs", "64", "--progress", "none"]);
        assert!(!output.stderr.contains("panicked") && !output.stderr.contains("does not handle"), "{output}");
        // A deletion that waits while its message is in a mailbox that is left out is still to be done, and no failure.
        let synced = self.ferry.accounts_in(&["synced", "behind"]);
        let (mut faults, accounts) = (Vec::new(), self.histories.len());
        for history in &mut self.histories {
            let is_synced = synced.contains(&history.name);
            for fault in history.judge(self.way, is_synced) {
                faults.push(format!("{}: {fault}\n  {}", history.name, history.books.events.join("\n  ")));
            }
        }
        if (output.code == Some(0)) != (synced.len() == accounts) {
            faults.push(format!("exit status {:?}, and {} of {accounts} are synced", output.code, synced.len()));
        }
        assert!(
            faults.is_empty(),
            "{} faults of {:?} with {SEED_VARIABLE}={}:\n{}",
            faults.len(),
            self.way,
            self.seed,
            faults.join("\n\n")
        );
        synced
    }

    fn live(&mut self, honest: bool) {
        let way = self.way;
        self.histories.iter_mut().for_each(|history| history.live(way, honest));
    }
}

fn live_through(way: Way, seed: u64) {
    let mut world = World::new(way, seed);
    let mut ever_synced = 0;
    for _ in 0..ROUNDS {
        world.live(false);
        ever_synced += world.run().len();
    }
    assert!(ever_synced > world.histories.len(), "the law of what is called synced was tried");
    world.live(true);
    world.run();
    let synced = world.run();
    // In mirror mode a person has to say that what its user removed is good.
    let questioned = |history: &&History| !history.books.removed.is_empty();
    let expected = world.histories.iter().filter(|it| way.mode == Mode::Copy || !questioned(it));
    let unsettled: Vec<&str> = expected.map(|it| it.name.as_str()).filter(|name| !synced.contains(*name)).collect();
    let status = || world.ferry.run(&["status", "--json", "-"]).stdout;
    assert!(unsettled.is_empty(), "{unsettled:?} with {SEED_VARIABLE}={seed}: {}", status());
    let destinations = world.histories.iter().map(|history| &history.tenants[1]);
    destinations.clone().for_each(|tenant| tenant.forget_commands());
    world.run();
    let changes = ["APPEND", "UID STORE", "UID MOVE", "UID COPY", "UID EXPUNGE", "CREATE"];
    for history in &world.histories {
        let commands = history.tenants[1].commands();
        let change = commands.iter().find(|command| changes.iter().any(|verb| command.starts_with(verb)));
        assert_eq!(change, None, "{} with {SEED_VARIABLE}={seed}", history.name);
    }
    tally::count(world.histories.len());
}

fn live_each_through(way: Way) {
    seeds(USUAL_SEED).into_iter().for_each(|seed| live_through(way, seed));
}

#[test]
fn accounts_that_live_lose_and_double_nothing() {
    live_each_through(Way { mode: Mode::Copy, follows: false });
}

#[test]
fn accounts_that_live_are_mirrored_and_nothing_of_others_is_deleted() {
    live_each_through(Way { mode: Mode::Mirror, follows: false });
}

#[test]
fn accounts_that_live_are_followed_and_what_is_moved_is_somewhere() {
    live_each_through(Way { mode: Mode::Copy, follows: true });
}

#[test]
fn accounts_that_live_are_mirrored_and_followed() {
    live_each_through(Way { mode: Mode::Mirror, follows: true });
}

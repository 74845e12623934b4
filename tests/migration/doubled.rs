//! Two processes on one account: with one state the second ends with 7, also where only the lease tells it; with two states, at
//! most what was under way is there twice, and each of these is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::gates::Gates;
use crate::migration::{Migration, dovecot_to_dovecot, gated_dovecot};
use crate::support::dice::Dice;
use crate::support::ferry::{Output, Running};
use crate::support::server::User;
use crate::support::shared;
use crate::support::state::observe;

/// Each decides what one account holds, and how the two processes get on with it.
const SEEDS: u64 = 20;

/// Messages that a process may have under way for a mailbox: four APPENDs unanswered and one open, of ten each.
const UNDER_WAY: usize = 50;

/// Where the gates stand.
const MESSAGE: &str = "destination/upload-begin/APPEND";

/// Two processes, each with a state of its own, that do not know of each other.
struct Two {
    first: Migration<'static>,
    second: Migration<'static>,
    dice: Dice,
}

impl Two {
    fn new(stem: &str, seed: u64) -> Two {
        let mut dice = Dice::new(seed);
        let users: Vec<User> = (0..SEEDS).map(|number| User::named(format!("doubled-{stem}-{number}"))).collect();
        let pair = shared::dovecot_pair();
        let process = |users: Vec<User>| {
            let (gates, sides) = Gates::before([&pair.source, &pair.destination]);
            Migration::with_sides(users, &pair.source, &pair.destination, sides).held_by(gates)
        };
        let copies = users.iter().map(|user| User::named(user.name.clone())).collect();
        let (first, second) = (process(copies), process(users));
        for user in &first.users {
            let (inbox, archive) = (80 + dice.below(120), dice.below(90) + 1);
            let mail = format!("INBOX\n    1..{inbox} bulk \\Seen\nArchive\n    1..{archive} small");
            crate::support::seed::seed(first.source, &user.name, &mail);
        }
        Two { first, second, dice }
    }

    fn start(&self) -> [Running; 2] {
        [&self.first, &self.second].map(|process| process.ferry.start(&["sync", "--json", "run.json"]))
    }

    /// Lets now the one and now the other go on, so many messages at a time, until both have ended.
    fn in_turns(&mut self, mut running: [Running; 2]) -> [Output; 2] {
        let processes = [&self.first, &self.second];
        loop {
            let held = [0, 1].map(|it| running[it].wait_until(|| processes[it].gates().are_holding()));
            if held == [false, false] {
                return running.map(Running::finish);
            }
            let turn = self.dice.below(2);
            let count = 1 + self.dice.below(60) as u64;
            processes[if held[turn] { turn } else { 1 - turn }].gates().let_through(count);
        }
    }

    /// Of each mailbox the UIDs that stand for one message, where they are more than one.
    fn twice(&self, user: &User) -> BTreeMap<String, Vec<Vec<u32>>> {
        let (source, destination) =
            (observe(self.first.source, &user.name), observe(self.first.destination, &user.name));
        let mut twice = BTreeMap::new();
        for (name, mailbox) in source.mailboxes {
            let mut copies: BTreeMap<([u8; 32], i64), Vec<u32>> = BTreeMap::new();
            for message in &destination.mailboxes[&name].messages {
                copies.entry((message.digest, message.date)).or_default().push(message.uid);
            }
            let expected: BTreeSet<_> = mailbox.messages.iter().map(|message| (message.digest, message.date)).collect();
            assert!(
                expected.iter().eq(copies.keys()),
                "{}: {name}: something is missing, or came from nowhere",
                user.name
            );
            twice.insert(name, copies.into_values().filter(|uids| uids.len() > 1).collect());
        }
        twice
    }

    /// What both runs named, by account and mailbox.
    fn named(&self) -> BTreeMap<(String, String), BTreeSet<u32>> {
        let mut named: BTreeMap<(String, String), BTreeSet<u32>> = BTreeMap::new();
        for process in [&self.first, &self.second] {
            let run = fs::read_to_string(process.ferry.directory().join("run.json")).expect("what the run did");
            let run: Value = serde_json::from_str(&run).expect("JSON");
            let accounts = run["accounts"].as_array().expect("accounts");
            let failures = accounts.iter().flat_map(|account| account["failures"].as_array().expect("failures"));
            for failure in failures.filter(|it| it["what"].as_str().is_some_and(|what| what.contains("there twice"))) {
                let text = |field: &str| failure[field].as_str().expect(field).to_owned();
                let cause = failure["causes"][0].as_str().expect("which");
                let uids = cause.rsplit(' ').next().expect("their UIDs").split(',').flat_map(range);
                named.entry((text("account"), text("mailbox"))).or_default().extend(uids);
            }
        }
        named
    }

    /// Whatever came of it, nothing is missing, little is doubled, all of that is named, and nothing more comes of going on.
    fn assert_little_is_doubled(&self, outputs: [Output; 2]) {
        let named = self.named();
        for process in [&self.first, &self.second] {
            process.gates().open();
            process.run(&["sync"]).expect(0);
        }
        let mut all = 0;
        for user in &self.first.users {
            for (mailbox, twice) in self.twice(user) {
                let known = named.get(&(user.name.clone(), mailbox.clone())).cloned().unwrap_or_default();
                let is_named = |uids: &Vec<u32>| uids.len() == 2 && uids.iter().any(|uid| known.contains(uid));
                assert!(
                    twice.iter().all(is_named),
                    "{}: {mailbox}: {twice:?}, and {known:?} were named: {outputs:?}",
                    user.name
                );
                assert!(
                    twice.len() <= UNDER_WAY,
                    "{}: {mailbox}: {} were doubled: {outputs:?}",
                    user.name,
                    twice.len()
                );
                all += twice.len();
            }
        }
        println!("{all} messages were doubled");
        let verified = self.first.run(&["verify", "--json", "-"]).expect(if all > 0 { 8 } else { 0 }).json();
        assert_eq!(verified["totals"]["duplicated"], json!(all), "{verified}");
    }
}

/// `7` or `7:9`.
fn range(text: &str) -> impl Iterator<Item = u32> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    first.parse().expect("a UID")..=last.parse().expect("a UID")
}

#[test]
fn two_states_at_once_double_at_most_what_was_under_way_and_name_it() {
    let mut two = Two::new("once", 17);
    [&two.first, &two.second].iter().for_each(|process| process.gates().close(MESSAGE, 0));
    let running = two.start();
    let outputs = two.in_turns(running);
    two.assert_little_is_doubled(outputs);
}

/// The second comes while the first is in the midst of its work, does all of it, and ends; then the first goes on.
#[test]
fn second_state_in_the_midst_of_a_run_doubles_at_most_what_was_under_way_and_it_is_named() {
    let mut two = Two::new("amid", 18);
    let before = 300 + two.dice.below(900) as u64;
    let held = two.first.held_at(&["sync", "--json", "run.json"], MESSAGE, before);
    let second = two.second.run(&["sync", "--json", "run.json"]);
    two.first.gates().open();
    let first = held.finish();
    two.assert_little_is_doubled([first, second]);
}

/// What only the lease tells: a file system without locks, and the owner of the state on another machine.
#[test]
fn state_whose_lease_another_machine_renews_is_held() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a");
    migration.run(&["sync"]).expect(0);
    let lease = |counter: u64| {
        let lease = json!({ "host": "elsewhere", "boot": "b", "process": 7, "owner": 8, "counter": counter });
        fs::write(migration.ferry.state().join("mailferry.lease"), lease.to_string()).expect("a lease");
    };
    lease(1);
    let mut running = migration.ferry.start(&["sync"]);
    assert!(running.wait_until_said(|said| said.contains("waiting up to 60 s")), "it does not wait");
    lease(2);
    running.finish().expect(7).complains(&["another mailferry (process 7 on elsewhere) holds the state"]);
}

#[test]
fn run_whose_lease_was_taken_over_ends_as_after_an_interruption() {
    let migration = gated_dovecot().seeded("INBOX\n    1..500 a");
    let mut running = migration.held_at(&["sync"], MESSAGE, 20);
    let lease = json!({ "host": "elsewhere", "boot": "b", "process": 7, "owner": 8, "counter": 1 });
    let path = migration.ferry.state().join("mailferry.lease");
    fs::write(&path, lease.to_string()).expect("a lease");
    assert!(running.wait_until_said(|said| said.contains("has taken the state")), "it does not notice");
    migration.gates().let_through(200);
    running.finish().expect(130).complains(&["process 7 on elsewhere", "the work ends with the batch in hand"]);
    assert!(path.exists(), "it is not its own to remove");
    fs::remove_file(path).expect("the other ends");
    migration.gates().open();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

//! Accounts that several processes share out, each with a state of its own, and other shares of them later.

use std::fs;

use crate::migration::Migration;
use crate::support::ferry::Output;
use crate::support::server::User;
use crate::support::shared;

const MAIL: &str = "INBOX\n    1..20 a \\Seen\nArchive\n    b\n    c";

/// As the settings would say it.
const STATES: &str = "states/{shard}";

/// Where one of the accounts goes that were all in shard 0/1.
const MOVED: &str = "1/4";

/// Six accounts whose states are shared out.
struct Fleet {
    migration: Migration<'static>,
    names: Vec<String>,
}

impl Fleet {
    /// Users of fixed names, which decide in which shards they are.
    fn new(stem: &str) -> Fleet {
        let users: Vec<User> = (0..6).map(|number| User::named(format!("sharded-{stem}-{number}"))).collect();
        let names = users.iter().map(|user| user.name.clone()).collect();
        let pair = shared::dovecot_pair();
        Fleet { migration: Migration::of(users, &pair.source, &pair.destination).seeded(MAIL), names }
    }

    /// All shards at the same time; what became of each.
    fn all_at_once(&self, command: &str, count: u32) -> Vec<Output> {
        let shards: Vec<String> = (0..count).map(|index| format!("{index}/{count}")).collect();
        let ferry = &self.migration.ferry;
        fs::create_dir_all(ferry.directory().join("states")).expect("a directory for the states");
        fs::write(ferry.directory().join("mailferry.toml"), ferry.settings()).expect("the settings");
        let start = |shard: &String| {
            ferry.start_without_settings(&[command, "--state", STATES, "--shard", shard, "--at-once", "8"])
        };
        let running: Vec<_> = shards.iter().map(start).collect();
        running.into_iter().map(|run| run.finish()).collect()
    }

    fn of_shard(&self, words: &[&str], shard: &str) -> Output {
        self.migration.run(&[words, &["--state", STATES, "--shard", shard]].concat())
    }

    /// The names of the accounts that a shard has.
    fn accounts_of(&self, shard: &str) -> Vec<String> {
        let status = self.of_shard(&["status", "--json", "-"], shard).expect(0).json();
        let accounts = status["accounts"].as_array().expect("accounts");
        accounts.iter().map(|account| account["account"].as_str().expect("a name").to_owned()).collect()
    }
}

#[test]
fn shards_that_run_at_once_have_every_account_once_and_copy_all() {
    let fleet = Fleet::new("together");
    for output in fleet.all_at_once("sync", 3) {
        output.expect(0);
    }
    fleet.migration.assert_exact();
    let mut having: Vec<String> = (0..3).flat_map(|index| fleet.accounts_of(&format!("{index}/3"))).collect();
    having.sort();
    let mut names = fleet.names.clone();
    names.sort();
    assert_eq!(having, names);
    fleet.of_shard(&["sync", "--at-once", "8"], "39/40").expect(0).complains(&["No account belongs to shard 39/40"]);
    fleet.of_shard(&["sync", "--at-once", "8", &fleet.names[0]], "39/40").expect(0);
}

/// What users deleted on the new server stays deleted though the shards are others, because the state follows.
#[test]
fn accounts_in_other_shards_than_before_are_carried_over_and_nothing_is_copied_again() {
    let fleet = Fleet::new("moved");
    for output in fleet.all_at_once("sync", 1) {
        output.expect(0);
    }
    let user = fleet.migration.user();
    fleet.migration.at_destination().expunge("INBOX", &[1, 2]);
    let refused = fleet.of_shard(&["sync", "--at-once", "8"], MOVED).expect(2);
    refused.complains(&["holds accounts of this one", user, "mailferry state take", "--shard"]);
    for shard in ["1/4", "2/4", "3/4"] {
        fleet.of_shard(&["state", "take", "states/0"], shard).expect(0);
        fleet.of_shard(&["state", "take", "states/0"], shard).expect(0).says("holds none of these accounts");
    }
    for output in fleet.all_at_once("sync", 4) {
        output.expect(0);
    }
    let status = fleet.of_shard(&["status", "--json", "-", user], MOVED).expect(0).json();
    let account = &status["accounts"][0];
    assert_eq!(account["last_run"]["messages_copied"], 0, "{status}");
    assert_eq!(fleet.migration.at_destination().fetch_all("INBOX").1.len(), 18);
}

#[test]
fn shards_without_a_state_each_and_less_than_one_connection_are_refused() {
    let fleet = Fleet::new("refused");
    let one_state = fleet.migration.run(&["sync", "--state", "states", "--shard", "0/2"]);
    one_state.expect(2).complains(&["all shards would have the one state states", "{shard}"]);
    let no_shard = fleet.migration.run(&["status", "--state", STATES]);
    no_shard.expect(2).complains(&["no shard is named", "--shard K/N"]);
    let too_many = fleet.of_shard(&["sync"], "0/9");
    too_many.expect(2).complains(&["`max_connections` is 8 for all processes", "--at-once 8"]);
    let elsewhere = fleet.of_shard(&["state", "take", "states/0"], "0/1");
    elsewhere.expect(2).complains(&["is the state that accounts are to be carried to"]);
}

/// A giant has a shard of its own; who has a shard keeps it, and who comes later goes where least is.
#[test]
fn shards_by_size_are_written_down_and_kept() {
    let fleet = Fleet::new("sized");
    let directory = fleet.migration.ferry.directory();
    let large = format!("name,bytes\n{},1000000000\n", fleet.names[2]);
    fs::write(directory.join("sizes.csv"), large).expect("the sizes");
    fleet.migration.run(&["sync"]).expect(0);
    let made = fleet.migration.run(&["shards", "--into", "3", "-o", "shards.csv", "--sizes", "sizes.csv"]).expect(0);
    made.says("6 accounts in 3 shards").says("6 added, 0 moved");
    let written = || fs::read_to_string(directory.join("shards.csv")).expect("the shards");
    let first = written();
    let giant = first.lines().find(|line| line.starts_with(&fleet.names[2])).expect("the giant").to_owned();
    let (_, its_shard) = giant.split_once(',').expect("its shard");
    assert_eq!(first.lines().filter(|line| line.ends_with(&format!(",{its_shard}"))).count(), 1, "{first}");
    let shorter: String = first.lines().take(6).map(|line| format!("{line}\n")).collect();
    fs::write(directory.join("shards.csv"), &shorter).expect("the shards");
    fleet.migration.run(&["shards", "--into", "3", "-o", "shards.csv"]).expect(0).says("1 added, 0 moved");
    assert!(shorter.lines().all(|line| written().contains(line)), "{}", written());
}

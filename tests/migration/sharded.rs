//! Accounts that several processes share out, each with a state of its own, and other shares of them later.

use std::fs;

use crate::migration::{Migration, gated_dovecot};
use crate::page::Page;
use crate::support::ferry::{Output, Side};
use crate::support::schema::Schemas;
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

/// Further tries would lock the master user out, whichever process makes them.
#[test]
fn refused_master_login_halts_the_processes_of_all_shards_until_a_person_says_so() {
    let mut fleet = Fleet::new("halted");
    let right = std::mem::replace(&mut fleet.migration.ferry.destination, Side::unnamed());
    fleet.migration.ferry.destination = right.clone().with_master_password("wrong");
    fleet.migration.ferry.further_settings = "[fleet]\ndirectory = \"fleet\"\n".to_owned();
    let first = fleet.migration.run(&["sync", "--shard", "0/1", "--state", "first/{shard}"]).expect(4);
    first.complains(&["could not log in"]);
    let halt = fleet.migration.ferry.directory().join("fleet/HALT.json");
    assert!(fs::read_to_string(&halt).expect("a halt").contains("destination"));
    fleet.migration.ferry.destination = right;
    let halted = "not tried, because all processes are halted";
    for command in ["sync", "check"] {
        let second = fleet.of_shard(&[command, "--at-once", "8"], "0/1").expect(4);
        second.complains(&[halted, "refused on the destination", "--halted`"]);
    }
    fleet.migration.run(&["resume", "--halted"]).expect(0).says("all processes go on");
    fleet.migration.run(&["resume", "--halted"]).expect(0).says("were not halted");
    fleet.of_shard(&["sync", "--at-once", "8"], "0/1").expect(0);
    fleet.migration.assert_exact();
}

/// What all shards tell is put together without opening a state; what is missing or odd is named.
#[test]
fn report_and_status_of_all_shards_are_put_together_and_balance() {
    let mut fleet = Fleet::new("reported");
    for output in fleet.all_at_once("sync", 3) {
        output.expect(0);
    }
    let whole = ["report", "--json", "-", "--html", "r.html", "--from", "states/0", "states/1", "states/2"];
    let report = fleet.migration.run(&whole).expect(0).json();
    assert_eq!(
        (&report["totals"]["accounts"], &report["totals"]["grades"]["whole"]),
        (&6.into(), &6.into()),
        "{report}"
    );
    assert_eq!(report["totals"]["outcomes"]["copied"], 6 * 22, "{report}");
    assert_eq!(report["fleet"]["findings"].as_array().map(Vec::len), Some(0), "{report}");
    assert_eq!(report["fleet"]["shards"][1]["shard"], "1/3");
    Schemas::read().check("report", &report);
    let status =
        fleet.migration.run(&["status", "--json", "-", "--from", "states/0", "states/1", "states/2"]).expect(0);
    let status = status.json();
    assert_eq!(status["accounts"].as_array().map(Vec::len), Some(6), "{status}");
    assert_eq!(status["totals"]["outcomes"]["copied"], 6 * 22, "{status}");
    Schemas::read().check("status", &status);
    let mut served = vec!["status", "--serve", "127.0.0.1:0", "--from"];
    served.extend(["states/0", "states/1", "states/2"]);
    let mut watching = fleet.migration.ferry.start(&served);
    let page = Page::of(&mut watching);
    let all = || page.json("/api/accounts").to_string().matches("\"synced\"").count() >= 6;
    assert!(watching.wait_until(all), "{}", page.json("/api/accounts"));
    watching.interrupt();
    watching.finish().expect(0);
    // One shard goes by other settings, one is not named, and one state knows again what others know.
    fleet.migration.ferry.further_settings = "[sync]\nmode = \"mirror\"\n".to_owned();
    fleet.of_shard(&["sync", "--at-once", "8"], "1/3").expect(0);
    let odd = fleet.migration.run(&["report", "--html", "r.html", "--from", "states/0", "states/1"]).expect(3);
    odd.complains(&["shard 2/3 is missing", "goes by other settings"]);
    let page = fs::read_to_string(fleet.migration.ferry.directory().join("r.html")).expect("the page");
    assert!(page.contains("shard 2/3 is missing"));
    fleet.migration.run(&["sync", "--shard", "0/1", "--state", "again/{shard}"]).expect(0);
    let twice = ["status", "--from", "states/0", "states/1", "states/2", "again/0"];
    fleet.migration.run(&twice).expect(3).complains(&["is told of by", "the others are 3 shards"]);
    fleet.migration.run(&["status", "--from", "nowhere"]).expect(2).complains(&["none of these directories tells"]);
}

#[test]
fn shard_that_is_under_way_tells_how_it_stands() {
    let migration = gated_dovecot().seeded("INBOX\n    1..200 a");
    let mut running = migration.held_at(&["sync", "--shard", "0/1"], "destination/upload-begin/APPEND", 20);
    let progress = migration.ferry.state().join("mailferry.progress");
    assert!(running.wait_until(|| progress.exists()), "it tells nothing");
    let state = migration.ferry.state().display().to_string();
    let status = migration.run(&["status", "--json", "-", "--from", &state]).expect(0).json();
    assert_eq!(
        (&status["fleet"]["shards"][0]["under_way"], &status["fleet"]["shards"][0]["accounts"]),
        (&true.into(), &1.into())
    );
    migration.gates().open();
    running.finish().expect(0);
    assert!(!progress.exists());
    let status = migration.run(&["status", "--json", "-", "--from", &state]).expect(0).json();
    assert_eq!(
        (&status["fleet"]["shards"][0]["under_way"], &status["totals"]["outcomes"]["copied"]),
        (&false.into(), &200.into())
    );
}

//! Each number of the Contract, and what leads to it; 6 (something waits for a word) in `agreements` and `mirror`.

use std::fs;

use crate::migration::{Migration, count, dovecot_to_dovecot};
use crate::support::compare::expect;
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::seed::seed;
use crate::support::server::User;
use crate::support::{cyrus, shared};
use mailferry::store::Store;

const MAIL: &str = "INBOX\n    1..30 bulk\nArchive\n    a";

#[test]
fn success_is_0() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    for command in ["check", "scan", "plan", "apply", "sync", "verify", "status"] {
        migration.run(&[command]).expect(0);
    }
    migration.run(&["explain", migration.user(), "INBOX", "1"]).expect(0);
}

#[test]
fn state_that_cannot_be_used_is_1() {
    let migration = dovecot_to_dovecot();
    fs::write(migration.ferry.state(), "a file where a directory should be").expect("write a file");
    migration.run(&["scan"]).expect(1).complains(&["mailferry.state"]);
}

#[test]
fn wrong_usage_is_2() {
    let migration = dovecot_to_dovecot();
    migration.run(&["syncc"]).expect(2);
    migration.run(&["scan", "--jobs", "0"]).expect(2);
    migration.run(&["scan", "nobody-of-that-name"]).expect(2);
}

#[test]
fn wrong_settings_are_2_and_nothing_is_touched() {
    let migration = dovecot_to_dovecot().with_settings("[sync]\nmode = \"copyy\"\nrestore = true");
    let output = migration.run(&["sync"]).expect(2);
    output.complains(&["mailferry.toml:", "copyy", "restore"]);
    assert!(!migration.ferry.state().exists());
}

#[test]
fn one_account_of_two_that_fails_is_3_and_the_other_is_done() {
    let pair = shared::dovecot_pair();
    let [good, bad] = ["good", "bad"].map(|stem| pair.add_fresh_user(stem));
    let source = Side::of(&pair.source).with_own_passwords();
    let ferry = Ferry::new(source, Side::of(&pair.destination)).with_account(&good);
    let ferry = ferry.with_account(&bad.clone().with_password("wrong"));
    seed(&pair.source, &good.name, MAIL);
    seed(&pair.source, &bad.name, MAIL);
    ferry.run(&["sync"]).expect(3).complains(&[&bad.name, "could not log in"]);
    expect(&pair.destination, &good.name, MAIL);
    expect(&pair.destination, &bad.name, "INBOX");
}

#[test]
fn no_account_that_can_be_opened_is_4() {
    let pair = shared::dovecot_pair();
    let source = Side::of(&pair.source).with_master_password("wrong");
    let sides = [source, Side::of(&pair.destination)];
    let migration = Migration::with_sides(vec![User::fresh("shut-out")], &pair.source, &pair.destination, sides);
    for command in ["check", "scan", "sync", "verify"] {
        migration.run(&[command]).expect(4).complains(&["could not log in as `admin`", "source"]);
    }
}

/// How many accounts' logins were refused.
fn refused(output: &Output) -> usize {
    output.stderr.lines().filter(|line| line.starts_with("failed: ") && line.contains("could not log in")).count()
}

#[test]
fn wrong_master_password_is_tried_with_three_accounts_only() {
    let pair = shared::dovecot_pair();
    let sides = [Side::of(&pair.source).with_master_password("wrong"), Side::of(&pair.destination)];
    let users: Vec<User> = (0..7).map(|_| User::fresh("locked-out")).collect();
    let migration = Migration::with_sides(users, &pair.source, &pair.destination, sides);
    let output = migration.run(&["sync", "--jobs", "4", "--progress", "plain"]).expect(4).complains(&["not tried"]);
    assert_eq!(refused(&output), 3, "{output}");
}

#[test]
fn stale_plan_is_5() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.run(&["scan"]).expect(0);
    migration.run(&["apply"]).expect(5);
    migration.run(&["plan"]).expect(0);
    migration.run(&["scan"]).expect(0);
    migration.run(&["apply"]).expect(5);
}

/// Holds store/mod.rs invariant 4.
#[test]
fn state_held_by_another_process_is_7() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.run(&["scan"]).expect(0);
    let held = Store::open_existing(&migration.ferry.state()).expect("the state");
    for command in ["scan", "plan", "apply", "sync", "verify", "status"] {
        migration.run(&[command]).expect(7);
    }
    drop(held);
    migration.run(&["sync"]).expect(0);
}

#[test]
fn differences_are_8() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.sync();
    seed(migration.source, migration.user(), "INBOX\n    31 new\n    32 newer");
    migration.at_source().add_flags("INBOX", 1, &["\\Flagged"]);
    let found = migration.run(&["verify", "--json", "-"]).expect(8).json();
    let account = &found["accounts"][0];
    assert_eq!(account["account"], migration.user());
    let counts = ["missing", "duplicated", "altered", "flags_differ", "dates_differ", "extra"];
    assert_eq!(counts.map(|name| count(account, name)), [2, 0, 0, 1, 0, 0], "{found}");
    assert_eq!(counts.map(|name| count(&found["totals"], name)), [2, 0, 0, 1, 0, 0], "{found}");
    migration.run(&["sync"]).expect(0);
    migration.run(&["verify"]).expect(0);
}

#[test]
fn altered_message_is_8_with_deep() {
    // Cyrus puts an X for each 8-bit octet in a header, so the size stays and only the octets tell.
    let migration = Migration::between(&shared::dovecot_pair().source, shared::cyrus());
    let migration = migration.seeded("INBOX\n    a\n    b kind:8-bit-header");
    migration.run(&["sync"]).expect(0);
    migration.run(&["verify"]).expect(0);
    let found = migration.run(&["verify", "--deep", "--json", "-"]).expect(8).json();
    assert_eq!(count(&found["totals"], "altered"), 1, "{found}");
}

#[test]
fn limit_with_work_left_is_9() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.run(&["sync", "--max-messages", "5"]).expect(9);
    migration.run(&["apply", "--max-messages", "25"]).expect(9);
    migration.run(&["sync", "--max-messages", "25"]).expect(0);
    migration.assert_exact();
}

#[test]
fn something_to_do_is_10_where_it_was_asked_for() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    migration.run(&["plan", "--detailed-exitcode"]).expect(10);
}

#[test]
fn private_server_is_opened_under_its_own_name_only() {
    let options = cyrus::Options { certificate_names: vec!["imap.example.org".to_owned()], ..Default::default() };
    let named = cyrus::Cyrus::start(options);
    let destination = &shared::dovecot_pair().destination;
    let user = || vec![User::fresh("named")];
    let sides = [Side::of(&named), Side::of(destination)];
    let migration = Migration::with_sides(user(), &named, destination, sides);
    migration.run(&["sync"]).expect(4).complains(&["certificate"]);
    let sides = [Side::of(&named).set("server_name", "\"imap.example.org\""), Side::of(destination)];
    let migration = Migration::with_sides(user(), &named, destination, sides).seeded("INBOX\n    a");
    migration.assert_arrives_exactly_once();
}

/// Whatever number the user gives, nothing panics or wraps.
#[test]
fn largest_numbers_are_no_limits() {
    const LARGEST: &str = "18446744073709551615";
    let limits = format!("[limits]\ntimeout = \"{LARGEST}s\"\nmemory = \"{LARGEST}\"\nbatch_octets = \"{LARGEST}\"\n");
    let rates =
        format!("bandwidth = \"{LARGEST}/s\"\nmessages_per_second = 1000000\n[sync]\nmax_message_size = \"{LARGEST}\"");
    let migration =
        dovecot_to_dovecot().seeded("INBOX\n    1..20 bulk\n    21 huge size:3m").with_settings(&(limits + &rates));
    let time = format!("{LARGEST}s");
    let run = ["sync", "--max-time", &time, "--max-bytes", LARGEST, "--max-messages", LARGEST];
    let output = migration.run(&run).expect(0);
    assert!(!output.stderr.contains("panicked"), "{output}");
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn sync_whose_time_is_over_begins_no_account_and_says_so() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b");
    let output = migration.run(&["sync", "--max-time", "0s"]).expect(9);
    assert!(output.stderr.contains("not begun, because the time of --max-time was over"), "{output}");
    assert!(!output.stderr.contains("scanning"), "nobody was asked for it: {output}");
    migration.assert_arrives_exactly_once();
}

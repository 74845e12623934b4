//! What became of each account is known afterwards, and what went wrong can be tried again by its condition.

use crate::gates::Gates;
use crate::support::compare::{assert_identical_but_automatic, expect};
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::observe;
use mailferry::store::Store;
use serde_json::Value;

const MAIL: &str = "INBOX\n    1..30 bulk\nArchive\n    a";

fn condition(output: &Output, user: &User) -> Value {
    let status = output.json();
    let accounts = status["accounts"].as_array().expect("accounts");
    accounts.iter().find(|account| account["account"] == user.name.as_str()).expect("the account").clone()
}

/// Two good accounts, one whose password is wrong on the source, one that the destination does not know.
#[test]
fn accounts_that_could_not_be_opened_leave_a_trace_and_are_tried_again_by_it() {
    let pair = shared::dovecot_pair();
    let good = [pair.add_fresh_user("good"), pair.add_fresh_user("fine")];
    let bad = pair.add_fresh_user("bad");
    let missing = User::fresh("missing");
    pair.source.add_user(&missing);
    let users = [&good[0], &good[1], &bad, &missing];
    users.iter().for_each(|user| seed(&pair.source, &user.name, MAIL));
    let source = || Side::of(&pair.source).with_own_passwords();
    let ferry = |bad: &User| {
        let ferry = Ferry::new(source(), Side::of(&pair.destination));
        [&good[0], &good[1], bad, &missing].into_iter().fold(ferry, |ferry, user| ferry.with_account(user))
    };
    let ferry = ferry(&bad.clone().with_password("wrong"));
    let failed = ferry.run(&["sync"]).expect(3);
    failed.complains(&[
        "2 of 4 accounts failed",
        "To try just these, run: mailferry sync",
        "state:failed state:blocked",
    ]);

    let status = ferry.run(&["status"]).expect(0).says(&format!("{}, blocked: could not log in", bad.name));
    status.says("4 accounts: 2 blocked, 2 synced").says("mailferry sync state:blocked");
    let json = ferry.run(&["status", "--json", "-"]).expect(0);
    let trace = condition(&json, &bad);
    assert_eq!((&trace["condition"], &trace["last_run"]), (&Value::from("blocked"), &Value::Null), "{trace}");
    assert_eq!(trace["last_attempt"]["step"], "sync");
    assert!(trace["last_error"].as_str().is_some_and(|error| error.contains("log in")), "{trace}");
    assert_eq!(condition(&json, &good[0])["condition"], "synced");

    // Only these two are asked for again.
    let again = ferry.run(&["sync", "state:blocked", "--progress", "plain"]);
    assert!(!again.stderr.contains(&good[0].name) && again.stderr.contains(&bad.name), "{}", again.stderr);
    ferry.run(&["sync", &good[0].name, "state:blocked"]).expect(0).complains(&["No account is blocked"]);
    ferry.run(&["sync", "state:faild"]).expect(2).complains(&["there is no condition `faild`", "failed"]);
    pair.destination.add_user(&missing);
    ferry.run(&["sync", "state:blocked", &missing.name]).expect(0);
    let json = ferry.run(&["status", "--json", "-"]).expect(0);
    assert_eq!(condition(&json, &missing)["condition"], "synced");
    assert_eq!(condition(&json, &bad)["condition"], "blocked");
}

/// The state is free while a watch rests: one account can be brought forward, and everything read.
#[test]
fn between_two_rounds_of_a_watch_others_may_work() {
    let pair = shared::dovecot_pair();
    let users = [pair.add_fresh_user("watched"), pair.add_fresh_user("hurried")];
    users.iter().for_each(|user| seed(&pair.source, &user.name, MAIL));
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination));
    let ferry = users.iter().fold(ferry, |ferry, user| ferry.with_account(user));
    let mut watching = ferry.start(&["sync", "--watch", "1h", "--progress", "plain"]);
    assert!(watching.wait_until_said(|said| said.contains("The next sync begins in 1h, at ")), "it watches");
    for command in ["status", "plan", "check", "verify"] {
        ferry.run(&[command]).expect(0);
    }
    seed(&pair.source, &users[1].name, "INBOX\n    31 new");
    ferry.run(&["sync", &users[1].name]).expect(0);
    expect(&pair.destination, &users[1].name, "INBOX\n    1..30 bulk\n    31 new\nArchive\n    a");
    watching.interrupt();
    watching.finish().expect(130);
}

/// The next round waits for the one who has the state, and says so.
#[test]
fn round_of_a_watch_waits_for_another_process() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("waited");
    seed(&pair.source, &user.name, MAIL);
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination)).with_account(&user);
    ferry.run(&["sync"]).expect(0);
    let mut watching = ferry.start(&["sync", "--watch", "3s", "--progress", "plain"]);
    assert!(watching.wait_until_said(|said| said.contains("The next sync begins")), "it watches");
    // It may be in a round just now: then this is the one that waits.
    let mut held = None;
    assert!(watching.wait_until(|| {
        held = Store::open_existing(&ferry.state()).ok();
        held.is_some()
    }));
    assert!(watching.wait_until_said(|said| said.contains("the next sync begins when it is done")), "it waits");
    drop(held);
    let rounds = |said: &str| said.matches("The next sync begins").count();
    let before = rounds(&std::fs::read_to_string(watching.stderr_file()).expect("standard error"));
    assert!(watching.wait_until_said(|said| rounds(said) > before), "it goes on");
    watching.interrupt();
    watching.finish().expect(130);
}

/// A pair of accounts, one with much mail and one with a little, and a gate before each server.
fn gated(pair: &shared::Pair, users: &[User; 2]) -> (Gates, Ferry) {
    seed(&pair.source, &users[0].name, "INBOX\n    1..600 bulk");
    seed(&pair.source, &users[1].name, MAIL);
    let (gates, [source, destination]) = Gates::before([&pair.source, &pair.destination]);
    let ferry = Ferry::new(source, destination).with_settings("[limits]\nbatch_messages = 10");
    (gates, users.iter().fold(ferry, |ferry, user| ferry.with_account(user)))
}

/// An account that is paused in the middle of its copy ends with the batch in hand; the others are done, and it is left
/// alone until it is resumed.
#[test]
fn account_that_is_paused_in_the_midst_waits_until_it_is_resumed() {
    let pair = shared::dovecot_pair();
    let users = [pair.add_fresh_user("paused"), pair.add_fresh_user("going")];
    let (gates, ferry) = gated(pair, &users);
    // More than the other one has.
    gates.close("destination/upload-begin/APPEND", 100);
    let mut running = ferry.start(&["sync", "--progress", "plain", "--jobs", "2", "--log-file", "log"]);
    assert!(running.wait_until(|| gates.are_holding()), "it copies");
    ferry.run(&["pause", &users[0].name]).expect(0).says(&format!("Paused: {}", users[0].name));
    let log = || std::fs::read_to_string(ferry.directory().join("log")).expect("the log");
    let hears = |line: &str| line.contains("paused from here on") && line.contains(&users[0].name);
    assert!(running.wait_until(|| log().lines().any(hears)), "the run hears of it");
    gates.open();
    let output = running.finish().expect(9);
    expect(&pair.destination, &users[1].name, MAIL);
    let status = ferry.run(&["status", "--json", "-"]).expect(0);
    assert_eq!(condition(&status, &users[0])["condition"], "paused");
    let mut destination = pair.destination.connect(&users[0].name);
    let copied = destination.select("INBOX").exists;
    assert!(copied < 600, "it was not in the midst: {copied} {output}");

    // Nothing is done for it, and that is no failure.
    ferry.run(&["sync"]).expect(0).complains(&["1 account is paused, and is left alone"]);
    assert_eq!(destination.select("INBOX").exists, copied);
    destination.logout();
    ferry.run(&["complete", &users[1].name]).expect(0);
    ferry.run(&["status"]).expect(0).says("1 paused, 1 complete");
    ferry.run(&["resume", "*"]).expect(0);
    ferry.run(&["sync"]).expect(0);
    assert_identical_but_automatic(&observe(&pair.source, &users[0].name), &observe(&pair.destination, &users[0].name));
}

/// What a run is at can be asked while it is: it answers itself.
#[test]
fn run_that_holds_the_state_tells_how_it_stands() {
    let pair = shared::dovecot_pair();
    let users = [pair.add_fresh_user("busy"), pair.add_fresh_user("queued")];
    let (gates, ferry) = gated(pair, &users);
    ferry.run(&["scan", "--jobs", "1"]).expect(0);
    gates.close("destination/upload-begin/APPEND", 100);
    let mut running = ferry.start(&["sync", "--progress", "plain", "--jobs", "1"]);
    assert!(running.wait_until(|| gates.are_holding()), "it copies");
    let status = ferry.run(&["status", "--json", "-"]).expect(0);
    assert_eq!(condition(&status, &users[0])["condition"], "working");
    assert_eq!(condition(&status, &users[1])["condition"], "waiting");
    let under_way = &status.json()["under_way"];
    assert_eq!((&under_way["process"], &under_way["done"]), (&Value::from(running.id()), &Value::from(0)));
    ferry.run(&["status", "state:working"]).expect(0).says("A sync is under way since").says("0 of 2 accounts done");
    ferry.run(&["explain", &users[0].name, "INBOX", "1"]).expect(0).says("INBOX");
    ferry.run(&["explain", &users[0].name, "Nowhere"]).expect(1).complains(&["knows no source mailbox `Nowhere`"]);
    ferry.run(&["check"]).expect(0).says(&users[1].name);
    ferry.run(&["sync"]).expect(7);
    // One that is stopped does not answer; nobody waits for it for ever, and what it holds is safe.
    running.kill();
    ferry.run(&["status"]).expect(0);
}

/// The log names every account with how it fared, and the run's end.
#[test]
fn log_has_a_line_for_each_account_and_what_failed() {
    let pair = shared::dovecot_pair();
    let (good, bad) = (pair.add_fresh_user("logged"), pair.add_fresh_user("unlogged"));
    seed(&pair.source, &good.name, MAIL);
    let ferry = Ferry::new(Side::of(&pair.source).with_own_passwords(), Side::of(&pair.destination))
        .with_account(&good)
        .with_account(&bad.clone().with_password("wrong-and-secret"));
    ferry.run(&["sync", "--log-file", "log"]).expect(3);
    let log = std::fs::read_to_string(ferry.directory().join("log")).expect("the log");
    let line = |words: &[&str]| log.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(line(&["INFO", "mailferry begins", "command=\"sync\""]), "{log}");
    assert!(line(&["INFO", "done", &format!("account={}", good.name), "there=31"]), "{log}");
    assert!(line(&["ERROR", &bad.name, "could not log in"]), "{log}");
    assert!(line(&["INFO", "mailferry ends", "status=3"]), "{log}");
    assert!(!log.contains("wrong-and-secret"));
    // Each line of what is spoken says whose connection it is.
    ferry.run(&["sync", &good.name, "--log-level", "trace", "--log-file", "trace"]).expect(0);
    let trace = std::fs::read_to_string(ferry.directory().join("trace")).expect("the log");
    let spoken: Vec<&str> = trace.lines().filter(|line| line.contains("TRACE wire")).collect();
    // The login is there, and what is secret in it is not.
    assert!(spoken.iter().any(|line| line.contains("AUTHENTICATE PLAIN")), "{trace}");
    assert!(spoken.iter().any(|line| line.contains("bytes of the login]")), "{trace}");
    assert!(
        !spoken.is_empty() && spoken.iter().all(|line| line.contains(&format!("connection={}#", good.name))),
        "{trace}"
    );
}

/// What was not compared is whole at best, what failed is named, and a run under way tells as well.
#[test]
fn report_tells_of_each_account_where_it_stands() {
    let pair = shared::dovecot_pair();
    let (good, bad) = (pair.add_fresh_user("told"), pair.add_fresh_user("untold"));
    seed(&pair.source, &good.name, MAIL);
    let ferry = Ferry::new(Side::of(&pair.source).with_own_passwords(), Side::of(&pair.destination))
        .with_account(&good)
        .with_account(&bad.clone().with_password("wrong"));
    ferry.run(&["sync"]).expect(3);
    let grades = |json: &Value| json["totals"]["grades"].clone();
    let report = ferry.run(&["report", "--json", "-"]).expect(0).json();
    assert_eq!(grades(&report), serde_json::json!({"exact": 0, "incomplete": 1, "to review": 0, "whole": 1}));
    ferry.run(&["verify", &good.name]).expect(0);
    let said = ferry.run(&["report", "--html", "pages/", "--csv", "report.csv", "--json", "report.json"]).expect(0);
    said.says("2 accounts: 1 incomplete, 1 exact. Written: pages/, report.json, report.csv");
    let read = |name: &str| std::fs::read_to_string(ferry.directory().join(name)).expect(name);
    let (index, page) = (read("pages/index.html"), read("pages/accounts/000001.html"));
    assert!(index.contains("href=\"accounts/000001.html\"") && index.contains(&bad.name), "{index}");
    assert!(page.contains("INBOX") && page.contains("Archive") && page.contains("30 messages: 30 copied"), "{page}");
    assert!(read("pages/accounts/000002.html").contains("could not log in"));
    assert_eq!(read("report.csv").lines().count(), 3);
    let report: Value = serde_json::from_str(&read("report.json")).expect("JSON");
    assert_eq!(report["accounts"][0]["mailboxes_copied"][0]["destination_messages"], 1);
    assert_eq!(report["accounts"][1]["grade"], "incomplete");
    // New mail: what was exact is not any more.
    seed(&pair.source, &good.name, "INBOX\n    31 new");
    ferry.run(&["sync", &good.name]).expect(0);
    let report = ferry.run(&["report", &good.name, "--json", "-"]).expect(0).json();
    assert_eq!(grades(&report)["whole"], 1, "{report}");
}

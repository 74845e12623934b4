//! What became of each account is known afterwards, and what went wrong can be tried again by its condition.

use crate::support::ferry::{Ferry, Output, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
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

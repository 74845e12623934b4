//! An APPEND of a dead connection that its server gets only after the program has looked twice, gone on and ended: no
//! client can know of it then. What the next runs make of the second copies is held here.

use serde_json::Value;

use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::compare::Differences;

/// The last octets of the second APPEND come when all is over.
fn struck_too_late(scenario: &str) {
    let mut stage = Stage::set(Scenario::named(scenario).expect("a scenario")).expect("a stage");
    let original = stage.original();
    let strike = "destination/final-line-end/APPEND#2=too-late".parse().expect("a strike");
    stage.struck_sync(&[strike]).expect(0);
    let before = stage.differences(&original);
    assert!(before.is_empty(), "the run itself was exact: {before}");
    assert_eq!(stage.plan.disarm().len(), 1, "the place occurred");
    stage.plan.wait_until_quiet();
    let doubled = stage.differences(&original);
    assert!(!doubled.duplicated.is_empty(), "the late APPEND was stored");
    assert_second_copies_are_told(&stage, &doubled);
    let after = stage.differences(&original);
    assert_eq!(after.duplicated.len(), doubled.duplicated.len(), "no third copy was made");
    assert!(after.missing.is_empty() && after.altered.is_empty(), "nothing else happened: {after}");
    let removed = stage.ferry.run(&["sync", "--allow-deletes"]);
    if stage.scenario.masked.contains(&"UIDPLUS") {
        // Marked is all that they can be; somebody expunges the mailbox then. Two are copied side by side: whose APPEND
        // was the second is not known before.
        let mailbox = &doubled.duplicated[0].mailbox;
        removed
            .expect(3)
            .says(&format!("marked as deleted in `{mailbox}`"))
            .complains(&["somebody expunges the mailbox"]);
        stage.destination().connect(&stage.user).expunge_marked(mailbox);
        stage.ferry.run(&["sync"]).expect(0);
    } else {
        removed.expect(0);
    }
    let cleaned = stage.differences(&original);
    assert!(cleaned.is_empty(), "the second copies are gone, and nothing else: {cleaned}");
    stage.ferry.run(&["verify"]).expect(0);
}

/// What is expected of second copies: `sync` leaves them alone, `verify` counts each and fails, and only
/// `sync --allow-deletes` removes them.
#[track_caller]
fn assert_second_copies_are_told(stage: &Stage, doubled: &Differences) {
    let synced = stage.ferry.run(&["sync"]);
    assert!(matches!(synced.code, Some(0 | 3)), "{synced}");
    let verified = stage.ferry.run(&["verify", "--json", "-"]).expect(8);
    let told: &Value = &verified.json()["totals"]["duplicated"];
    assert_eq!(told.as_u64(), Some(doubled.duplicated.len() as u64), "{verified}");
}

#[test]
fn multiappend_delivered_after_all_is_done_is_told_and_goes_when_allowed() {
    struck_too_late("many");
}

#[test]
fn single_append_delivered_after_all_is_done_is_told_and_goes_when_allowed() {
    struck_too_late("single");
}

#[test]
fn append_without_uidplus_delivered_after_all_is_done_is_told_and_goes_when_allowed() {
    struck_too_late("poor");
}

#[test]
fn multiappend_delivered_to_cyrus_after_all_is_done_is_told_and_goes_when_allowed() {
    struck_too_late("cyrus");
}

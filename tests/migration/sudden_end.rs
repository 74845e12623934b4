//! The program ends in the middle of its work, at many points and in every way; the next sync makes it exact.

use crate::migration::{Migration, gated_dovecot};
use crate::support::shared;

/// Enough that a run can be caught in the middle, in mailboxes that are copied side by side.
const MANY: &str =
    "INBOX\n    1..1500 bulk \\Seen\n    1501 twin\n    1502 twin\nA\n    1..700 small $Label\nB/C\n    1..300 odd";

/// What the program says to the first Ctrl-C.
const HEARD: &str = "finishing the batch in hand";

fn killed_again_and_again(migration: Migration<'_>) {
    let migration = migration.seeded(MANY);
    for messages in [1, 100, 300, 400, 500, 500] {
        migration.killed(&["sync"], messages);
    }
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}

#[test]
fn killed_at_six_points_is_resumed_to_an_exact_destination() {
    killed_again_and_again(gated_dovecot());
}

#[test]
fn killed_at_six_points_is_resumed_to_an_exact_destination_on_cyrus() {
    killed_again_and_again(Migration::gated(&shared::dovecot_pair().source, shared::cyrus()));
}

#[test]
fn killed_and_its_state_lost_is_resumed_to_an_exact_destination() {
    let migration = gated_dovecot().seeded(MANY);
    for messages in [300, 900] {
        migration.killed(&["sync"], messages);
        migration.ferry.forget_state();
    }
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

#[test]
fn killed_while_it_scans_leaves_a_state_that_goes_on() {
    let migration = gated_dovecot().seeded(MANY);
    migration.held_at(&["scan"], "source/untagged/FETCH", 1000).kill();
    migration.gates().cut();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

#[test]
fn interrupted_apply_exits_130_and_the_next_goes_on() {
    let migration = gated_dovecot().seeded(MANY);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    let mut running = migration.held(&["apply"], 100);
    running.interrupt();
    assert!(running.wait_until_said(|said| said.contains(HEARD)), "it does not hear");
    // What it has in hand goes through; all would not.
    migration.gates().let_through(200);
    running.finish().expect(130).complains(&["mailferry apply"]);
    migration.gates().open();
    let found = migration.arrived();
    assert!(found < 2502, "it stopped with work left, and not after all {found}");
    // A look at what is left does not make it worse.
    migration.run(&["plan"]).expect(0);
    let status = migration.ferry.status();
    assert_eq!(status["outcomes"]["departed"], 0, "what was copied is not taken for deleted: {status}");
    migration.run(&["apply"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn killed_apply_is_gone_on_with_by_apply() {
    let migration = gated_dovecot().seeded(MANY);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    for messages in [50, 950] {
        migration.killed(&["apply"], messages);
    }
    migration.run(&["apply"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn interrupted_twice_leaves_at_once_and_the_next_sync_is_exact() {
    let migration = gated_dovecot().seeded(MANY);
    let mut running = migration.held(&["sync"], 100);
    running.interrupt();
    // Two signals that come at the same time are one.
    assert!(running.wait_until_said(|said| said.contains(HEARD)), "it does not hear");
    running.interrupt();
    running.finish().expect(130);
    migration.gates().cut();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

//! The program ends in the middle of its work, at many points and in every way; the next sync makes it exact.

use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::ferry::Running;
use crate::support::imap::Connection;
use crate::support::shared;

/// Enough that a run can be caught in the middle, in mailboxes that are copied side by side.
const MANY: &str =
    "INBOX\n    1..1500 bulk \\Seen\n    1501 twin\n    1502 twin\nA\n    1..700 small $Label\nB/C\n    1..300 odd";

/// Batches that are small, so that there are many moments at which a run can be caught.
const SMALL_BATCHES: &str = "[limits]\nbatch_messages = 50";

/// How many messages are in the three mailboxes.
fn arrived(destination: &mut Connection) -> usize {
    let status = |mailbox: &str, destination: &mut Connection| {
        let answer = destination.attempt(format!("STATUS \"{mailbox}\" (MESSAGES)").as_bytes());
        let text = answer.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect::<String>();
        let digits: String =
            text.rsplit("MESSAGES ").next().unwrap_or("").chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    ["INBOX", "A", "B/C"].map(|mailbox| status(mailbox, destination)).iter().sum::<usize>()
}

/// Runs, and ends the run once `messages` have arrived. Returns whether it was caught before its own end.
fn caught(migration: &Migration<'_>, arguments: &[&str], messages: usize, end: impl FnOnce(Running)) -> bool {
    let mut destination = migration.at_destination();
    let mut running = migration.ferry.start(arguments);
    let caught = running.wait_until(|| arrived(&mut destination) >= messages);
    end(running);
    caught
}

fn killed_again_and_again(migration: Migration<'_>) {
    let migration = migration.seeded(MANY).with_settings(SMALL_BATCHES);
    for messages in [1, 200, 500, 900, 1400, 1900] {
        assert!(caught(&migration, &["sync"], messages, Running::kill), "it ended before {messages} had arrived");
    }
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}

#[test]
fn killed_at_six_points_is_resumed_to_an_exact_destination() {
    killed_again_and_again(dovecot_to_dovecot());
}

#[test]
fn killed_at_six_points_is_resumed_to_an_exact_destination_on_cyrus() {
    killed_again_and_again(Migration::between(&shared::dovecot_pair().source, shared::cyrus()));
}

#[test]
fn killed_and_its_state_lost_is_resumed_to_an_exact_destination() {
    let migration = dovecot_to_dovecot().seeded(MANY).with_settings(SMALL_BATCHES);
    for messages in [300, 1200] {
        assert!(caught(&migration, &["sync"], messages, Running::kill));
        migration.ferry.forget_state();
    }
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

#[test]
fn killed_while_it_scans_leaves_a_state_that_goes_on() {
    let migration = dovecot_to_dovecot().seeded(MANY);
    let mut running = migration.ferry.start(&["scan"]);
    running.wait_until(|| migration.ferry.state().exists());
    running.kill();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

#[test]
fn interrupted_apply_exits_130_and_the_next_goes_on() {
    let migration = dovecot_to_dovecot().seeded(MANY);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    let end = |running: Running| {
        running.interrupt();
        running.finish().expect(130).complains(&["mailferry apply"]);
    };
    assert!(caught(&migration, &["apply"], 100, end));
    let found = arrived(&mut migration.at_destination());
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
    let migration = dovecot_to_dovecot().seeded(MANY);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
    for messages in [50, 1000] {
        assert!(caught(&migration, &["apply"], messages, Running::kill));
    }
    migration.run(&["apply"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn interrupted_twice_leaves_at_once_and_the_next_sync_is_exact() {
    let migration = dovecot_to_dovecot().seeded(MANY);
    let end = |running: Running| {
        running.interrupt();
        running.interrupt();
        running.finish().expect(130);
    };
    assert!(caught(&migration, &["sync"], 100, end));
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

//! A first sync: what it does not ask of the servers, what it does side by side, and that nothing is taken for new by that.

use crate::migration::{Migration, count, dovecot_to_dovecot};
use crate::support::imap::NewMessage;
use crate::support::message::{self, Kind};
use crate::support::seed::seed;
use crate::support::shared;

/// More batches than one connection is given.
const LARGE: &str = "INBOX\n    1..700 bulk \\Seen\n    twin\n    twin $Label1\n    703..900 small";

/// Small batches: many of them, and many moments to come in the wrong order.
const SMALL_BATCHES: &str = "[limits]\nbatch_messages = 20";

fn in_order(migration: Migration<'_>) {
    let migration = migration.seeded(LARGE).with_settings(SMALL_BATCHES);
    migration.assert_arrives_exactly_once();
}

#[test]
fn large_mailbox_goes_over_two_connections_to_dovecot_in_its_order() {
    in_order(dovecot_to_dovecot());
}

#[test]
fn large_mailbox_goes_over_two_connections_to_cyrus_in_its_order() {
    in_order(Migration::between(&shared::dovecot_pair().source, shared::cyrus()));
}

#[test]
fn first_sync_does_not_ask_for_headers_and_knows_the_identities_afterwards() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    a\n    b kind:no-message-id\nArchive\n    a");
    let log = migration.ferry.directory().join("wire.log");
    let log_file = log.to_str().expect("a path in UTF-8");
    migration.run(&["sync", "--log-level", "trace", "--log-file", log_file]).expect(0);
    let text = std::fs::read_to_string(&log).expect("a log");
    let asked = |side: &str| {
        let commands = text.lines().filter(|line| line.contains(&format!("side={side}")) && line.contains("C: "));
        commands.filter(|command| command.contains("HEADER.FIELDS")).count()
    };
    assert_eq!((asked("source"), asked("destination")), (0, 0), "{text}");
    migration.ferry.forget_state();
    migration.assert_second_sync_does_nothing();
    migration.assert_verified();
}

/// What is on the destination already was put there by somebody else: it must be recognised.
#[test]
fn mail_that_is_on_the_destination_already_is_recognised_though_the_first_listing_was_bare() {
    let notation = "INBOX\n    a \\Seen\n    b\n    twin\n    twin\nArchive\n    c kind:no-message-id\nNew\n    d";
    let migration = dovecot_to_dovecot().seeded(notation);
    seed(migration.destination, migration.user(), "INBOX\n    b\n    twin\nArchive\n    c kind:no-message-id");
    migration.run(&["sync"]).expect(0);
    migration.assert_exact_but_for_the_order();
    let status = migration.ferry.status();
    assert_eq!(count(&status["outcomes"], "present"), 3, "{status}");
    assert_eq!(count(&status["outcomes"], "copied"), 3, "{status}");
    migration.assert_second_sync_does_nothing();
}

/// A first sync that is done in parts never copies what came to both sides meanwhile.
#[test]
fn mail_that_comes_to_both_sides_between_two_parts_of_a_first_sync_is_not_doubled() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..30 bulk\nArchive\n    1..30 old");
    migration.run(&["sync", "--max-messages", "10"]).expect(9);
    for mut side in [migration.at_source(), migration.at_destination()] {
        side.append("INBOX", &[letter("delivered")]);
    }
    migration.run(&["sync", "--max-messages", "10"]).expect(9);
    migration.run(&["sync"]).expect(0);
    migration.assert_exact_but_for_the_order();
    migration.run(&["verify"]).expect(0);
    migration.assert_second_sync_does_nothing();
}

/// In mirror mode what looks deleted may have been moved: identities must be known then.
#[test]
fn mirror_of_an_account_that_was_copied_at_once_follows_moves_and_deletions() {
    let settings = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"";
    let notation = "INBOX\n    1..20 bulk\n    moved\nArchive\n    old";
    let migration = dovecot_to_dovecot().seeded(notation).with_settings(settings);
    migration.run(&["sync"]).expect(0);
    let mut source = migration.at_source();
    source.create("Later");
    source.append("Later", &[letter("moved")]);
    source.expunge("INBOX", &[3, 4, 21]);
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

fn letter(name: &str) -> NewMessage {
    let octets = message::octets(name, &Kind::Plain, 0);
    NewMessage { octets, flags: Vec::new(), date: Some(message::default_date(name)) }
}

//! What counts as the same message: one that shares its Message-ID, or has nothing to be recognised by, is not yet one.

use crate::migration::{Migration, count, dovecot_to_dovecot, gated_dovecot};
use crate::support::ferry::Done;
use crate::support::imap::{FetchedMessage, NewMessage};
use crate::support::seed::seed;
use crate::support::state::observe;

const MIRROR: &str = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"";

/// Minutes after some day.
fn message(octets: &str, minute: i64) -> NewMessage {
    NewMessage { octets: octets.as_bytes().to_vec(), flags: Vec::new(), date: Some(1_704_067_200 + minute * 60) }
}

fn draft(text: &str, minute: i64) -> NewMessage {
    message(&format!("Message-ID: <draft@example.org>\r\nSubject: draft\r\n\r\n{text}\r\n"), minute)
}

/// Nothing by which a message could be recognised.
fn notice(text: &str, minute: i64) -> NewMessage {
    message(&format!("X-Alarm: yes\r\n\r\n{text}\r\n"), minute)
}

fn copied(copied: u64) -> Done {
    Done { copied, flags_updated: 0 }
}

#[track_caller]
fn held(migration: &Migration<'_>) -> usize {
    observe(migration.destination, migration.user()).mailboxes["INBOX"].messages.len()
}

/// One message is copied, then others take its place on the source.
fn replaced(migration: Migration<'_>, before: NewMessage, after: Vec<NewMessage>) -> Migration<'_> {
    let mut source = migration.at_source();
    source.append("INBOX", &[before]);
    assert_eq!(migration.sync(), copied(1));
    source.append("INBOX", &after);
    source.expunge("INBOX", &[1]);
    migration
}

#[test]
fn draft_saved_again_while_the_migration_runs_is_copied() {
    for (later, text) in [(7, "second thoughts"), (7, "2nd"), (0, "second thoughts")] {
        let migration = replaced(dovecot_to_dovecot(), draft("1st", 0), vec![draft(text, later)]);
        assert_eq!(migration.sync(), copied(1), "{text} {later}");
        assert_eq!(held(&migration), 2, "copy mode keeps what was copied");
        migration.assert_second_sync_does_nothing();
        migration.run(&["verify", "--deep"]).expect(0);
    }
}

#[test]
fn draft_saved_again_replaces_its_copy_in_mirror_mode() {
    let migration = dovecot_to_dovecot().with_settings(MIRROR);
    let migration = replaced(migration, draft("1st", 0), vec![draft("2nd", 7)]);
    assert_eq!(migration.sync(), copied(1));
    assert_eq!(count(&migration.ferry.status()["last_run"], "messages_deleted"), 1);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.assert_verified();
}

/// Holds in mirror mode, too: the copy that is there serves, and is not copied again or deleted.
#[test]
fn message_moved_away_and_back_with_another_date_is_recognised_by_its_octets() {
    for settings in ["", MIRROR] {
        let migration = dovecot_to_dovecot().with_settings(settings);
        let migration = replaced(migration, draft("1st", 0), vec![draft("1st", 7)]);
        assert_eq!(migration.sync(), Done::NOTHING);
        assert_eq!(held(&migration), 1);
        migration.assert_second_sync_does_nothing();
    }
}

#[test]
fn notices_without_anything_to_be_recognised_by_are_told_apart() {
    // Another size and date, another date, and nothing but the text.
    for (text, minute) in [("disk two is full", 7), ("disk 2", 7), ("disk 2", 0)] {
        let migration = dovecot_to_dovecot().with_settings(MIRROR);
        let migration = replaced(migration, notice("disk 1", 0), vec![notice(text, minute)]);
        assert_eq!(migration.sync(), copied(1), "{text} {minute}");
        migration.assert_exact();
        migration.assert_second_sync_does_nothing();
        migration.ferry.forget_state();
        migration.assert_second_sync_does_nothing();
        migration.assert_verified();
    }
}

/// What `scan` leaves in doubt, `plan` could not settle: it speaks to no server.
#[test]
fn plan_after_scan_knows_which_messages_are_the_same() {
    let migration = replaced(dovecot_to_dovecot(), draft("1st", 0), vec![draft("2nd", 7), draft("1st", 9)]);
    migration.run(&["scan"]).expect(0);
    assert_eq!(count(&migration.ferry.plan()["totals"], "copies"), 1);
    migration.run(&["apply"]).expect(0);
    assert_eq!(held(&migration), 2);
    migration.assert_second_sync_does_nothing();
}

/// Killed in the midst of its work; then one of the messages that are still to be copied is delivered by SMTP.
fn delivered_during_a_break(change: impl FnOnce(&mut NewMessage)) -> Migration<'static> {
    let migration = gated_dovecot().with_settings(MIRROR).seeded("INBOX\n    1..1200 bulk");
    migration.killed(&["sync"], 100);
    let FetchedMessage { octets, date, .. } = migration.at_source().fetch_all("INBOX").1.pop().expect("the last one");
    let mut message = NewMessage { octets, flags: Vec::new(), date: Some(date) };
    change(&mut message);
    migration.at_destination().append("INBOX", &[message]);
    migration.run(&["sync"]).expect(0);
    migration
}

#[test]
fn mail_that_came_by_smtp_during_a_break_is_not_ours_to_delete() {
    let later = |message: &mut NewMessage| message.date = message.date.map(|date| date + 2);
    let another_way = |message: &mut NewMessage| {
        message.octets = [b"Received: by new.example.org\r\n", &message.octets[..]].concat();
        message.date = message.date.map(|date| date + 2);
    };
    type Change<'a> = &'a dyn Fn(&mut NewMessage);
    let cases: [(Change<'_>, usize); 2] = [(&later, 1200), (&another_way, 1201)];
    for (change, both) in cases {
        let migration = delivered_during_a_break(change);
        assert_eq!(held(&migration), both);
        migration.at_source().expunge("INBOX", &[1200]);
        migration.run(&["sync"]).expect(0);
        assert_eq!(held(&migration), 1200, "1199 of ours, and the one that came by SMTP");
        migration.assert_second_sync_does_nothing();
    }
}

/// As many messages as were copied do not show that they are those: one was deleted, and one of the rest was delivered.
#[test]
fn message_that_was_delivered_where_a_copy_was_deleted_is_recognised() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..10 mail");
    migration.run(&["sync", "--max-messages", "5"]).expect(9);
    migration.at_destination().expunge("INBOX", &[2]);
    seed(migration.destination, migration.user(), "INBOX\n    6 mail-7");
    migration.run(&["sync"]).expect(0);
    assert_eq!(held(&migration), 9);
    migration.assert_second_sync_does_nothing();
}

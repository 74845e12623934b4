//! A mailbox that is gone from one side is a question, and nothing is done to it without a word.

use super::{EXPUNGING, assert_quiet, both_hold, sync};
use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::compare::expect;
use crate::support::server::Server;

const BOTH: &str = "INBOX\n    1..3 m\nArchive/2024\n    a\n    b \\Flagged";

/// With a mailbox that was deleted on the first side, or on the second.
fn deleted(on_first: bool) -> Migration<'static> {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded(BOTH);
    sync(&migration);
    let [first, second] = [migration.source.connect(migration.user()), migration.destination.connect(migration.user())];
    let mut side = if on_first { first } else { second };
    let separated = side.list().into_iter().find(|it| it.name.ends_with("2024")).expect("the mailbox");
    side.delete(&separated.name);
    migration
}

fn gone_and_left<'a>(migration: &Migration<'a>, on_first: bool) -> [&'a dyn Server; 2] {
    if on_first { [migration.source, migration.destination] } else { [migration.destination, migration.source] }
}

fn assert_asked(on_first: bool) {
    let migration = deleted(on_first);
    migration.seed("INBOX\n    20 new");
    migration.run(&["sync"]).expect(6).complains(&[
        "`Archive/2024` is gone from",
        "restore_missing = true",
        "mailferry accept",
    ]);
    let [gone, left] = gone_and_left(&migration, on_first);
    let inbox = "INBOX\n    1..3 m\n    20 new";
    expect(left, migration.user(), &format!("{inbox}\nArchive/2024\n    a\n    b \\Flagged"));
    expect(gone, migration.user(), inbox);
    migration.run(&["sync"]).expect(6);
    assert_eq!(migration.ferry.status()["condition"], "blocked");
}

#[test]
fn mailbox_that_was_deleted_on_the_first_side_is_a_question() {
    assert_asked(true);
}

#[test]
fn mailbox_that_was_deleted_on_the_second_side_is_a_question() {
    assert_asked(false);
}

fn assert_answered(on_first: bool) {
    // It comes back.
    let migration = deleted(on_first);
    let restoring = migration.with_settings(&format!("{EXPUNGING}\nrestore_missing = true"));
    sync(&restoring);
    both_hold(&restoring, BOTH);
    assert_quiet(&restoring.with_settings(EXPUNGING));
    // It stays where it is.
    let migration = deleted(on_first);
    migration.run(&["sync"]).expect(6);
    migration.run(&["accept", migration.user(), "Archive/2024", "--reason", "not needed there"]).expect(0);
    sync(&migration);
    let [gone, left] = gone_and_left(&migration, on_first);
    expect(left, migration.user(), BOTH);
    expect(gone, migration.user(), "INBOX\n    1..3 m");
    // It goes from the other side, too.
    let migration = deleted(on_first);
    let [_, left] = gone_and_left(&migration, on_first);
    let mut left = left.connect(migration.user());
    let separated = left.list().into_iter().find(|it| it.name.ends_with("2024")).expect("the mailbox");
    left.delete(&separated.name);
    sync(&migration);
    both_hold(&migration, "INBOX\n    1..3 m");
}

#[test]
fn question_about_a_mailbox_of_the_first_side_has_three_answers() {
    assert_answered(true);
}

#[test]
fn question_about_a_mailbox_of_the_second_side_has_three_answers() {
    assert_answered(false);
}

//! A mailbox that is gone from one side: renamed, it is renamed on the other; else it is a question, and nothing is done to it without
//! a word.

use super::{EXPUNGING, assert_quiet, both_hold, done, sync};
use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::compare::expect;
use crate::support::imap::{Connection, NewMessage};
use crate::support::message::{self, Kind};
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

/// On either side. What the first sync says is told of the first side, and of the second.
fn after_users_of_each(before: &str, act: impl Fn(&mut Connection), after: &str, copied: u64, codes: [i32; 2]) {
    for on_first in [true, false] {
        let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded(before);
        sync(&migration);
        let [gone, _] = gone_and_left(&migration, on_first);
        act(&mut gone.connect(migration.user()));
        migration.run(&["sync"]).expect(codes[usize::from(!on_first)]);
        assert_eq!(done(&migration)[0], copied, "messages copied, on the first: {on_first}");
        migration.run(&["sync"]).expect(0);
        assert_quiet(&migration);
        both_hold(&migration, after);
    }
}

/// Nothing but its UIDVALIDITY tells which it was.
#[test]
fn mailbox_that_was_renamed_and_emptied_is_renamed_and_emptied_there() {
    let act = |user: &mut Connection| {
        user.rename("Box", "Name");
        user.expunge("Name", &[1, 2]);
    };
    after_users_of_each("INBOX\n    1..3 m\nBox\n    a\n    b", act, "INBOX\n    1..3 m\nName", 0, [0, 0]);
    let act = |user: &mut Connection| user.rename("Box", "Name");
    after_users_of_each("INBOX\n    1..3 m\nBox", act, "INBOX\n    1..3 m\nName", 0, [0, 0]);
}

#[test]
fn mailbox_that_was_renamed_takes_an_empty_one_below_it_along() {
    let act = |user: &mut Connection| {
        user.rename("Box", "Name");
        user.append("Name/Sub", &[letter("new")]);
    };
    let after = "INBOX\n    1..3 m\nName\n    a\nName/Sub\n    new";
    after_users_of_each("INBOX\n    1..3 m\nBox\n    a\nBox/Sub", act, after, 1, [0, 0]);
}

#[test]
fn mail_that_was_filed_elsewhere_before_its_mailbox_was_deleted_is_moved() {
    let act = |user: &mut Connection| {
        user.relocate("Box", 1, "INBOX");
        user.relocate("Box", 2, "INBOX");
        user.delete("Box");
    };
    // What was in it is a question until it is moved; what is empty then is no loss, and no reason to delete anything.
    let after = "INBOX\n    1..3 m\n    a\n    b\nBox";
    after_users_of_each("INBOX\n    1..3 m\nBox\n    a\n    b", act, after, 0, [0, 6]);
}

fn letter(name: &str) -> NewMessage {
    NewMessage {
        octets: message::octets(name, &Kind::Plain, 0),
        flags: Vec::new(),
        date: Some(message::default_date(name)),
    }
}

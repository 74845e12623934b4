//! Where deleted messages go: to the trash of their side, nowhere, or as far as a mark.

use super::{USUAL, assert_quiet, seed_there, sync};
use crate::migration::dovecot_to_dovecot;
use crate::support::compare::expect;
use crate::support::state::observe;
use std::collections::BTreeSet;

const MARKING: &str = "[sync]\nmode = \"two-way\"\ndeleted = \"mark\"\ndelete_guard = \"100%\"";

#[test]
fn deleted_messages_go_to_the_trash_of_the_other_side_and_stay_there() {
    let migration = dovecot_to_dovecot().with_settings(USUAL).seeded("INBOX\n    1..6 m\nTrash\n    thrown-here");
    seed_there(&migration, "Trash\n    thrown-there");
    sync(&migration);
    let (mut here, mut there) = (migration.at_source(), migration.at_destination());
    here.expunge("INBOX", &[1]);
    here.add_flags("INBOX", 2, &["\\Deleted"]);
    sync(&migration);
    here.expunge("INBOX", &[2]);
    there.expunge("INBOX", &[5]);
    assert_eq!(sync(&migration), [0, 0, 2]);
    expect(migration.source, migration.user(), "INBOX\n    3..4 m\n    6 m-6\nTrash\n    thrown-here\n    m-5");
    expect(
        migration.destination,
        migration.user(),
        "INBOX\n    3..4 m\n    6 m-6\nTrash\n    thrown-there\n    m-1\n    m-2",
    );
    // Emptied by a person, on one side.
    there.expunge("Trash", &[1, 2, 3]);
    assert_quiet(&migration);
    expect(migration.source, migration.user(), "INBOX\n    3..4 m\n    6 m-6\nTrash\n    thrown-here\n    m-5");
}

/// Holds pipeline/transfer/unsettled.rs invariant 3.
#[test]
fn what_is_moved_to_the_trash_is_in_the_trash_of_either_side_and_may_come_back() {
    let migration = dovecot_to_dovecot().with_settings(USUAL).seeded("INBOX\n    1..3 m\nTrash");
    seed_there(&migration, "Trash");
    sync(&migration);
    let mut here = migration.at_source();
    here.command(b"SELECT INBOX");
    here.command(b"UID MOVE 1 Trash");
    assert_eq!(sync(&migration), [0, 0, 1]);
    for server in [migration.source, migration.destination] {
        expect(server, migration.user(), "INBOX\n    2..3 m\nTrash\n    m-1");
    }
    here.command(b"SELECT Trash");
    here.command(b"UID MOVE 1 INBOX");
    assert_eq!(sync(&migration), [1, 0, 0]);
    expect(migration.destination, migration.user(), "INBOX\n    2..3 m\n    m-1\nTrash\n    m-1");
}

/// In many mailboxes as in one.
///
/// Holds pipeline/transfer/clearing.rs invariant 2.
#[test]
fn what_is_deleted_in_several_mailboxes_is_in_the_trash_too() {
    let mail = "INBOX\n    1..3 m\nA\n    1..3 a\nB\n    1..3 b\nTrash";
    let migration = dovecot_to_dovecot().with_settings(USUAL).seeded(mail);
    seed_there(&migration, "Trash");
    sync(&migration);
    let mut here = migration.at_source();
    ["INBOX", "A", "B"].iter().for_each(|mailbox| here.expunge(mailbox, &[2]));
    assert_eq!(sync(&migration), [0, 0, 3]);
    let left = "INBOX\n    m-1\n    m-3\nA\n    a-1\n    a-3\nB\n    b-1\n    b-3\nTrash";
    expect(migration.source, migration.user(), left);
    let there = observe(migration.destination, migration.user());
    let labels =
        |mailbox: &str| there.mailboxes[mailbox].messages.iter().map(|it| it.label.clone()).collect::<BTreeSet<_>>();
    assert_eq!(labels("Trash"), ["a-2", "b-2", "m-2"].map(|label| format!("message {label}")).into());
    assert_eq!(labels("A"), ["a-1", "a-3"].map(|label| format!("message {label}")).into());
}

#[test]
fn without_a_trash_nothing_is_deleted_and_it_is_said() {
    let migration = dovecot_to_dovecot().with_settings(USUAL).seeded("INBOX\n    1..3 m");
    sync(&migration);
    let lists = |name: &str| migration.at_destination().list().iter().any(|it| it.name == name);
    if lists("Trash") {
        migration.at_destination().command(b"DELETE Trash");
    }
    migration.at_source().expunge("INBOX", &[1]);
    migration.run(&["sync"]).expect(3).complains(&["no trash to move them to", "create a mailbox `Trash`"]);
    expect(migration.destination, migration.user(), "INBOX\n    1..3 m");
    expect(migration.source, migration.user(), "INBOX\n    2..3 m");
    migration.at_destination().create("Trash");
    assert_eq!(sync(&migration)[2], 1);
}

#[test]
fn deleted_messages_are_marked_and_no_more_where_that_is_wanted() {
    let migration = dovecot_to_dovecot().with_settings(MARKING).seeded("INBOX\n    1..4 m");
    sync(&migration);
    migration.at_source().expunge("INBOX", &[1]);
    migration.at_destination().expunge("INBOX", &[4]);
    sync(&migration);
    expect(migration.source, migration.user(), "INBOX\n    2..3 m\n    m-4 \\Deleted");
    expect(migration.destination, migration.user(), "INBOX\n    m-1 \\Deleted\n    2..3 m");
    migration.at_destination().expunge("INBOX", &[1]);
    assert_quiet(&migration);
}

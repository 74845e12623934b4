//! New mail, deletions and flags go both ways, and are taken for nothing new afterwards.

use super::{EXPUNGING, assert_quiet, both_hold, seed_there, sync};
use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::shared;

#[test]
fn first_run_is_a_union_and_deletes_nothing() {
    let migration =
        dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1 a \\Seen\n    2 both\nHere\n    h");
    seed_there(&migration, "INBOX\n    1 both \\Flagged\n    2 b work\nThere/below\n    t");
    assert_eq!(sync(&migration), [4, 1, 0]);
    // In the order in which each came to be there.
    let mut source = migration.at_source();
    assert_eq!(source.list().len(), migration.at_destination().list().len());
    for (server, order) in [
        (migration.source, "a \\Seen\n    both \\Flagged\n    b work"),
        (migration.destination, "both \\Flagged\n    b work\n    a \\Seen"),
    ] {
        let there = format!("INBOX\n    {order}\nHere\n    h\nThere/below\n    t");
        crate::support::compare::expect(server, migration.user(), &there);
    }
}

/// All that may happen on one side, happening on both between two syncs.
fn assert_changes_cross(migration: Migration<'_>) {
    let migration =
        migration.with_settings(EXPUNGING).seeded("INBOX\n    1..12 old\nArchive\n    a \\Seen\n    b \\Flagged");
    assert_eq!(sync(&migration), [14, 0, 0]);
    let (mut here, mut there) = (migration.at_source(), migration.at_destination());
    migration.seed("INBOX\n    20..21 here");
    seed_there(&migration, "INBOX\n    30..32 there");
    here.expunge("INBOX", &[1, 2]);
    there.expunge("INBOX", &[5]);
    here.add_flags("INBOX", 7, &["\\Answered"]);
    here.remove_flags("Archive", 1, &["\\Seen"]);
    there.add_flags("INBOX", 8, &["\\Seen"]);
    there.remove_flags("Archive", 2, &["\\Flagged"]);
    assert_eq!(sync(&migration), [5, 4, 3]);
    for (server, new) in [
        (migration.source, "20..21 here\n    30..32 there"),
        (migration.destination, "30..32 there\n    40 here-20\n    41 here-21"),
    ] {
        let there = format!(
            "INBOX\n    3..4 old\n    6 old-6\n    7 old-7 \\Answered\n    8 old-8 \\Seen\n    9..12 old\n    {new}\nArchive\n    a\n    b"
        );
        crate::support::compare::expect(server, migration.user(), &there);
    }
    migration.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn what_happens_on_either_dovecot_happens_on_the_other() {
    assert_changes_cross(dovecot_to_dovecot());
}

#[test]
fn what_happens_on_a_dovecot_and_a_cyrus_happens_on_the_other() {
    assert_changes_cross(Migration::between(&shared::dovecot_pair().source, shared::cyrus()));
}

/// Changed in place, a message is deleted and new: on the other side, too.
#[test]
fn what_was_moved_is_where_it_was_moved_to_and_nowhere_twice() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..4 m\nFiled");
    sync(&migration);
    migration.at_source().command(b"SELECT INBOX");
    let mut here = migration.at_source();
    here.command(b"SELECT INBOX");
    here.command(b"UID MOVE 1:2 Filed");
    let mut there = migration.at_destination();
    there.command(b"SELECT INBOX");
    there.command(b"UID MOVE 3 Filed");
    sync(&migration);
    let hold = |server, filed: &str| {
        crate::support::compare::expect(server, migration.user(), &format!("INBOX\n    4 m-4\nFiled\n    {filed}"));
    };
    hold(migration.source, "m-1\n    m-2\n    m-3");
    hold(migration.destination, "m-3\n    m-1\n    m-2");
}

#[test]
fn mailboxes_and_subscriptions_come_to_be_on_both() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\nOld subscribed\n    o");
    seed_there(&migration, "New/below subscribed\n    n");
    sync(&migration);
    both_hold(&migration, "INBOX\nOld subscribed\n    o\nNew/below subscribed\n    n");
}

#[test]
fn state_that_was_lost_doubles_nothing_and_deletes_nothing() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..9 old\n    twin\n    twin");
    seed_there(&migration, "INBOX\n    20..24 there");
    sync(&migration);
    migration.ferry.forget_state();
    assert_quiet(&migration);
    migration.ferry.forget_state();
    migration.at_source().expunge("INBOX", &[1]);
    assert_eq!(sync(&migration), [1, 0, 0], "nobody knows any more that it was deleted");
}

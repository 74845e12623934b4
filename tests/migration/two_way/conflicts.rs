//! Both users at one message: what was changed is stronger than what was deleted, and what was set than what was taken off.

use super::{EXPUNGING, both_hold, sync};
use crate::migration::{dovecot_to_dovecot, gated_dovecot};
use crate::support::compare::expect;

#[test]
fn what_is_gone_on_one_side_and_changed_on_the_other_is_kept_and_brought_back() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..4 m");
    sync(&migration);
    let (mut here, mut there) = (migration.at_source(), migration.at_destination());
    here.expunge("INBOX", &[1]);
    there.add_flags("INBOX", 1, &["\\Flagged"]);
    there.expunge("INBOX", &[2]);
    here.add_flags("INBOX", 2, &["\\Answered"]);
    here.expunge("INBOX", &[3]);
    there.expunge("INBOX", &[3]);
    assert_eq!(sync(&migration)[0], 2);
    let there = |order: &str| format!("INBOX\n    {order}");
    expect(migration.source, migration.user(), &there("m-2 \\Answered\n    m-4\n    m-1 \\Flagged"));
    expect(migration.destination, migration.user(), &there("m-1 \\Flagged\n    m-4\n    m-2 \\Answered"));
}

/// Behind the listing, and before it goes.
#[test]
fn what_is_changed_before_it_goes_is_kept_and_brought_back() {
    let migration = gated_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..4 m");
    sync(&migration);
    migration.at_source().expunge("INBOX", &[1]);
    let running = migration.held_at(&["sync"], "destination/command/SELECT", 0);
    migration.at_destination().add_flags("INBOX", 1, &["\\Flagged"]);
    migration.gates().open();
    running.finish().expect(0).says("changed meanwhile");
    sync(&migration);
    expect(migration.source, migration.user(), "INBOX\n    2..4 m\n    m-1 \\Flagged");
    expect(migration.destination, migration.user(), "INBOX\n    m-1 \\Flagged\n    2..4 m");
}

#[test]
fn flags_that_both_set_and_took_off_are_merged() {
    let migration =
        dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1 m \\Seen \\Flagged work\n    2 n");
    sync(&migration);
    let (mut here, mut there) = (migration.at_source(), migration.at_destination());
    here.remove_flags("INBOX", 1, &["\\Seen"]);
    here.add_flags("INBOX", 1, &["\\Answered"]);
    there.remove_flags("INBOX", 1, &["work"]);
    there.add_flags("INBOX", 1, &["home"]);
    // Both the same.
    here.remove_flags("INBOX", 1, &["\\Flagged"]);
    there.remove_flags("INBOX", 1, &["\\Flagged"]);
    here.add_flags("INBOX", 2, &["\\Seen"]);
    there.add_flags("INBOX", 2, &["\\Seen"]);
    sync(&migration);
    both_hold(&migration, "INBOX\n    m \\Answered home\n    n \\Seen");
}

#[test]
fn mark_of_deletion_never_wins_over_a_change() {
    let migration = dovecot_to_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..2 m");
    sync(&migration);
    let (mut here, mut there) = (migration.at_source(), migration.at_destination());
    here.add_flags("INBOX", 1, &["\\Deleted"]);
    there.add_flags("INBOX", 1, &["\\Flagged"]);
    here.add_flags("INBOX", 2, &["\\Deleted"]);
    sync(&migration);
    both_hold(&migration, "INBOX\n    m-1 \\Flagged\n    m-2 \\Deleted");
}

//! Guards that count over time, on both ends, and what a person says to them: `accept`.

use crate::migration::{Migration, count, dovecot_to_dovecot};
use crate::support::compare::expect;
use crate::support::seed::seed;
use crate::support::state::observe;

fn held(migration: &Migration<'_>, mailbox: &str) -> usize {
    observe(migration.destination, migration.user()).mailboxes[mailbox].messages.len()
}

/// What a disk does that loses a mailbox' mail and keeps its index: UIDVALIDITY and UIDNEXT are as they were.
fn lose(migration: &Migration<'_>, mailbox: &str, uids: std::ops::RangeInclusive<u32>) {
    migration.at_destination().expunge(mailbox, &uids.collect::<Vec<_>>());
}

/// Holds pipeline/granted.rs invariant 1.
/// Holds pipeline/granted.rs invariant 4.
#[test]
fn mailbox_whose_copies_are_all_gone_at_once_is_a_question_that_restoring_answers() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..50 a\nWork\n    b");
    migration.sync();
    lose(&migration, "INBOX", 1..=50);
    seed(migration.source, migration.user(), "Work\n    2 new");
    for depth in [&["verify"][..], &["verify", "--deep"]] {
        let output = migration.run(depth).expect(8);
        assert!(!format!("{output}").contains("Identical"), "{output}");
        output.says("50 of 50 copies are gone").says("restore_missing").says("mailferry accept");
    }
    migration.run(&["sync"]).expect(6).complains(&["50 of 50 copies are gone", "`INBOX`"]);
    assert_eq!(held(&migration, "Work"), 2, "the other mailbox does not wait for the answer");
    seed(migration.source, migration.user(), "INBOX\n    51 more");
    migration.run(&["sync"]).expect(6);
    assert_eq!(held(&migration, "INBOX"), 0, "with each new copy the question would grow smaller");
    migration.run(&["plan"]).expect(6);
    let migration = migration.with_settings("[sync]\nrestore_missing = true");
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_verified();
}

#[test]
fn mailbox_whose_copies_are_all_gone_at_once_is_a_question_that_a_person_answers() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..50 a\nWork\n    b");
    migration.sync();
    lose(&migration, "INBOX", 1..=50);
    migration.run(&["sync"]).expect(6);
    let user = migration.user().to_owned();
    migration.run(&["accept", &user, "Nowhere", "--reason", "x"]).expect(2).complains(&["nothing to accept", "INBOX"]);
    let output = migration.run(&["accept", &user, "INBOX", "--reason", "moved by hand, says Ann"]).expect(0);
    output.says("50 messages").says("moved by hand, says Ann");
    migration.run(&["sync"]).expect(0);
    assert_eq!(held(&migration, "INBOX"), 0);
    let found = migration.run(&["verify", "--json", "-"]).expect(0).json();
    assert_eq!(count(&found["totals"]["outcomes"], "accepted"), 50, "{found}");
    // It holds for what was seen, and for nothing else.
    seed(migration.source, migration.user(), "INBOX\n    51..70 more");
    assert_eq!(migration.sync().copied, 20);
    lose(&migration, "INBOX", 51..=70);
    migration.run(&["sync"]).expect(6).complains(&["20 of 20 copies are gone"]);
}

/// A few at a time are their users' work, as ever.
#[test]
fn copies_that_go_a_few_at_a_time_are_their_users_work() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..50 a\nWork\n    1..3 b");
    migration.sync();
    for first in [1, 6, 11] {
        lose(&migration, "INBOX", first..=first + 4);
        migration.run(&["sync"]).expect(0);
        migration.run(&["verify"]).expect(0);
    }
    lose(&migration, "Work", 1..=1);
    migration.run(&["sync"]).expect(0);
    assert_eq!((held(&migration, "INBOX"), held(&migration, "Work")), (35, 2));
}

/// In mirror mode a destination that lacks what the source has is no mirror, unless a person says that this is good.
#[test]
fn copy_that_its_user_deleted_in_mirror_mode_wants_a_word() {
    let migration = dovecot_to_dovecot().with_settings("[sync]\nmode = \"mirror\"").seeded("INBOX\n    1..50 a");
    migration.sync();
    lose(&migration, "INBOX", 7..=7);
    migration.run(&["sync"]).expect(3);
    migration.run(&["verify"]).expect(8);
    let user = migration.user().to_owned();
    migration.run(&["accept", &user, "INBOX", "7", "--reason", "spam"]).expect(0).says("1 message");
    migration.run(&["sync"]).expect(0);
    migration.run(&["verify"]).expect(0);
    assert_eq!(held(&migration, "INBOX"), 49);
}

/// A watch must not follow a slowly emptying source to its end.
///
/// Holds diff/comparing/removals.rs invariant 5.
#[test]
fn deletions_are_counted_since_a_person_last_agreed() {
    let mirror = "[sync]\nmode = \"mirror\"";
    let migration = dovecot_to_dovecot().with_settings(mirror).seeded("INBOX\n    1..40 a");
    migration.sync();
    let mut source = migration.at_source();
    source.expunge("INBOX", &[1, 2]);
    migration.sync();
    source.expunge("INBOX", &[3, 4]);
    migration.sync();
    source.expunge("INBOX", &[5]);
    let output = migration.run(&["sync"]).expect(6);
    output.complains(&["1 of 36 messages would be deleted, 4 were since you last agreed", "delete_guard is 10%"]);
    assert_eq!(held(&migration, "INBOX"), 36);
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    assert_eq!(held(&migration, "INBOX"), 35);
    // From there it counts anew; and a word for the mailbox does the same.
    source.expunge("INBOX", &[6, 7, 8]);
    migration.sync();
    source.expunge("INBOX", &[9]);
    migration.run(&["sync"]).expect(6);
    let user = migration.user().to_owned();
    migration.run(&["accept", &user, "INBOX", "--reason", "she tidies up"]).expect(0);
    migration.sync();
    assert_eq!(held(&migration, "INBOX"), 31);
    migration.assert_exact();
}

/// A message that the destination refuses for ever is a difference, until a person has seen it.
#[test]
fn message_that_cannot_be_copied_is_accepted_by_its_uid() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..3 a\nGone\n    b");
    migration.sync();
    migration.at_destination().delete("Gone");
    migration.run(&["sync"]).expect(3).complains(&["`Gone`, to which it was copied, is gone"]);
    migration.run(&["verify"]).expect(8);
    let user = migration.user().to_owned();
    migration.run(&["accept", &user, "INBOX", "99", "--reason", "x"]).expect(2).complains(&["no such message"]);
    migration.run(&["accept", &user, "Gone", "--reason", "she does not need it"]).expect(0).says("1 mailbox");
    migration.run(&["sync"]).expect(0);
    migration.run(&["verify"]).expect(0);
    expect(migration.destination, migration.user(), "INBOX\n    1..3 a");
    // It was said of what was gone then, and of nothing that goes later.
    migration.at_destination().create("Gone");
    migration.run(&["sync"]).expect(0);
    migration.at_destination().delete("Gone");
    migration.run(&["sync"]).expect(3).complains(&["`Gone`, to which it was copied, is gone"]);
}

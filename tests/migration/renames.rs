//! A mailbox that is renamed on the source is renamed on the destination, with all that is below it: nothing of it goes over the line,
//! and nothing is doubled or lost, whatever happens meanwhile.

use crate::migration::{Migration, count, dovecot_to_dovecot, gated_dovecot};
use crate::support::compare::expect;
use crate::support::imap::Connection;
use crate::support::seed::seed;
use crate::support::shared;
use crate::support::state::observe;

const FOLLOWED: &str = "[sync]\nfollow_moves = true";
const MIRROR: &str = "[sync]\nfollow_moves = true\nmode = \"mirror\"";

const MAIL: &str = "INBOX\n    1..3 old\nOld subscribed\n    1..20 a size:4k \\Seen\nOld/Sub subscribed\n    1..5 b $Label1\n\
    Old/Sub/Deep\n    c\nOther\n    x\n    y";

fn last_run(migration: &Migration<'_>, name: &str) -> u64 {
    count(&migration.ferry.status()["last_run"], name)
}

/// A tree gets another name, and one mailbox another place; as clients do, with what is subscribed.
fn rename(source: &mut Connection) {
    let subscribed = source.subscriptions();
    source.rename("Old", "New");
    source.rename("Other", "Archive/Other");
    for (from, to) in
        [("Old", "New"), ("Old/Sub", "New/Sub")].into_iter().filter(|(from, _)| subscribed.contains(*from))
    {
        source.subscribe(to);
        source.unsubscribe(from);
    }
}

fn assert_renames_follow(migration: Migration<'_>) {
    let migration = migration.seeded(MAIL);
    migration.sync();
    rename(&mut migration.at_source());
    seed(migration.source, migration.user(), "New\n    21 a-fresh\nNew/Sub/Deep\n    2 c-fresh");
    migration.at_source().add_flags("New/Sub", 2, &["\\Flagged"]);
    migration.run(&["scan"]).expect(0);
    let plan = migration.ferry.plan();
    let totals = ["renames", "moves", "copies", "deletes"].map(|name| count(&plan["totals"], name));
    assert_eq!(totals, [4, 0, 2, 0], "{plan}");
    migration.run(&["plan"]).expect(0).says("rename `Old` with 2 mailboxes below it on the destination to `New`");
    migration.run(&["explain", migration.user(), "New"]).expect(0).says("told to rename it to `New`");
    migration.run(&["apply"]).expect(0).says("4 mailboxes renamed");
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.assert_verified();
}

#[test]
fn renamed_tree_is_renamed_and_not_copied_again() {
    for settings in [FOLLOWED, MIRROR] {
        assert_renames_follow(dovecot_to_dovecot().with_settings(settings));
    }
}

#[test]
fn renamed_tree_is_renamed_on_cyrus() {
    assert_renames_follow(Migration::between(&shared::dovecot_pair().source, shared::cyrus()).with_settings(FOLLOWED));
}

/// Holds pipeline/transfer/renaming.rs invariant 1. Holds pipeline/transfer/renaming.rs invariant 2.
#[test]
fn killed_around_the_rename_nothing_is_copied_or_lost() {
    for place in ["command/RENAME", "before-answer/RENAME", "after-answer/RENAME"] {
        for settings in [FOLLOWED, MIRROR] {
            // A kill behind the RENAME leaves what was subscribed by the old name.
            let migration = gated_dovecot().with_settings(settings).seeded(&MAIL.replace(" subscribed", ""));
            migration.sync();
            rename(&mut migration.at_source());
            migration.held_at(&["sync"], &format!("destination/{place}"), 0).kill();
            migration.gates().cut();
            assert_eq!(migration.sync().copied, 0, "{place}");
            migration.assert_exact();
            migration.assert_second_sync_does_nothing();
            migration.assert_verified();
        }
    }
}

/// Cyrus gives a mailbox another UIDVALIDITY with its name.
#[test]
fn killed_behind_the_rename_on_cyrus_nothing_is_copied() {
    let migration = Migration::gated(&shared::dovecot_pair().source, shared::cyrus());
    let migration = migration.with_settings(FOLLOWED).seeded(&MAIL.replace(" subscribed", ""));
    migration.sync();
    rename(&mut migration.at_source());
    migration.held_at(&["sync"], "destination/before-answer/RENAME", 0).kill();
    migration.gates().cut();
    assert_eq!(migration.sync().copied, 0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// The one that the other goes below has its name first.
#[test]
fn mailbox_that_goes_below_another_renamed_one_follows() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1 old\nA\n    a\nB\n    b");
    migration.sync();
    migration.at_source().rename("B", "New");
    migration.at_source().rename("A", "New/A");
    assert_eq!(migration.sync().copied, 0);
    assert_eq!(last_run(&migration, "mailboxes_renamed"), 2);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// That one has its new name before, or it would take the other along.
#[test]
fn mailbox_that_goes_below_the_former_name_of_another_follows() {
    let pairs = [dovecot_to_dovecot(), Migration::between(&shared::dovecot_pair().source, shared::cyrus())];
    for migration in pairs {
        let migration = migration.with_settings(FOLLOWED).seeded("INBOX\n    1 old\nA\n    a\nB\n    b\nB/C\n    c");
        migration.sync();
        migration.at_source().rename("B", "New");
        migration.at_source().rename("A", "B/A");
        assert_eq!(migration.sync().copied, 0);
        assert_eq!((last_run(&migration, "mailboxes_renamed"), last_run(&migration, "messages_moved")), (3, 0));
        expect(migration.destination, migration.user(), "INBOX\n    old\nB/A\n    a\nNew\n    b\nNew/C\n    c");
        migration.assert_second_sync_does_nothing();
        migration.assert_verified();
    }
}

/// What is not ours keeps its place, and what is ours goes message by message.
#[test]
fn mailbox_that_holds_mail_of_others_keeps_its_name() {
    let migration =
        dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1 old\nOld\n    a\n    b\nOld/Sub\n    c");
    migration.sync();
    seed(migration.destination, migration.user(), "Old\n    3 own");
    migration.at_source().rename("Old", "New");
    assert_eq!(migration.sync().copied, 0);
    assert_eq!((last_run(&migration, "mailboxes_renamed"), last_run(&migration, "messages_moved")), (1, 2));
    expect(migration.destination, migration.user(), "INBOX\n    old\nOld\n    own\nNew\n    a\n    b\nNew/Sub\n    c");
    migration.assert_second_sync_does_nothing();
}

/// RENAME would take along what its user made below.
#[test]
fn mailbox_of_its_user_below_is_not_taken_along() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1 old\nOld\n    a\nOld/Sub\n    b");
    migration.sync();
    migration.at_destination().create("Old/Own");
    migration.at_source().rename("Old", "New");
    assert_eq!(migration.sync().copied, 0);
    expect(migration.destination, migration.user(), "INBOX\n    old\nOld\nOld/Own\nNew\n    a\nNew/Sub\n    b");
    migration.assert_second_sync_does_nothing();
}

#[test]
fn name_that_is_taken_is_left_alone() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1 old\nOld\n    a\n    b");
    migration.sync();
    seed(migration.destination, migration.user(), "New\n    1 own");
    migration.at_source().rename("Old", "New");
    assert_eq!(migration.sync().copied, 0);
    assert_eq!(last_run(&migration, "mailboxes_renamed"), 0);
    expect(migration.destination, migration.user(), "INBOX\n    old\nOld\nNew\n    own\n    a\n    b");
    migration.assert_second_sync_does_nothing();
}

/// What a run that was killed left in the copy is found before that gets another name.
#[test]
fn copy_that_a_run_left_uncleanly_gets_its_name_once_its_tail_is_known() {
    for settings in [FOLLOWED, MIRROR] {
        let migration = gated_dovecot().with_settings(settings).seeded("INBOX\n    1 old\nOld\n    1..4 a");
        migration.sync();
        seed(migration.source, migration.user(), "Old\n    5..9 b");
        migration.held_at(&["sync"], "destination/before-answer/APPEND", 0).kill();
        migration.gates().cut();
        migration.at_source().rename("Old", "New");
        migration.sync();
        assert_eq!(last_run(&migration, "mailboxes_renamed"), 0);
        expect(migration.destination, migration.user(), "INBOX\n    old\nOld\n    1..4 a\n    5..9 b");
        assert_eq!(migration.sync().copied, 0);
        assert_eq!(last_run(&migration, "mailboxes_renamed"), 1);
        migration.assert_exact();
        migration.assert_second_sync_does_nothing();
    }
}

/// Killed behind the RENAME, and renamed once more before anybody could see what had come of it.
#[test]
fn renamed_again_after_a_kill_nothing_is_copied() {
    let migration = gated_dovecot().with_settings(FOLLOWED).seeded(&MAIL.replace(" subscribed", ""));
    migration.sync();
    migration.at_source().rename("Old", "New");
    migration.held_at(&["sync"], "destination/before-answer/RENAME", 0).kill();
    migration.gates().cut();
    migration.at_source().rename("New", "Newer");
    assert_eq!(migration.sync().copied, 0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.assert_verified();
}

#[test]
fn empty_mailbox_goes_along_with_the_one_above_it() {
    let migration = dovecot_to_dovecot()
        .with_settings(FOLLOWED)
        .seeded("INBOX\n    1 old\nOld\n    a\nOld/Empty\nOld/Empty/Sub\n    b");
    migration.sync();
    migration.at_source().rename("Old", "New");
    assert_eq!(migration.sync().copied, 0);
    assert_eq!((last_run(&migration, "mailboxes_renamed"), last_run(&migration, "messages_moved")), (2, 0));
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// As many messages under another name are no rename, whatever they are called by their UIDs.
#[test]
fn mailbox_that_was_made_in_place_of_another_is_no_rename() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1 old\nOld\n    a\n    b");
    migration.sync();
    migration.at_source().delete("Old");
    seed(migration.source, migration.user(), "New\n    1 c\n    2 d");
    assert_eq!(migration.sync().copied, 2);
    assert_eq!(last_run(&migration, "mailboxes_renamed"), 0);
    expect(migration.destination, migration.user(), "INBOX\n    old\nOld\n    a\n    b\nNew\n    c\n    d");
    migration.assert_second_sync_does_nothing();
}

/// Its name was given to another mailbox before the next run: its mail is moved, and what is new comes to where that was.
#[test]
fn name_that_is_used_again_between_two_runs_is_no_rename() {
    let migration = dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1 old\nOld\n    a\n    b");
    migration.sync();
    migration.at_source().rename("Old", "New");
    migration.seed("Old\n    c");
    assert_eq!(migration.sync().copied, 1);
    assert_eq!((last_run(&migration, "mailboxes_renamed"), last_run(&migration, "messages_moved")), (0, 2));
    expect(migration.destination, migration.user(), "INBOX\n    old\nOld\n    c\nNew\n    a\n    b");
    migration.assert_second_sync_does_nothing();
    migration.at_source().rename("New", "Newer");
    assert_eq!(migration.sync().copied, 0);
    assert_eq!(last_run(&migration, "mailboxes_renamed"), 1);
    migration.assert_second_sync_does_nothing();
}

/// Killed before anything was known to be there, there is no link to know it by: what that run stored is found where it went, and has
/// its new name then.
#[test]
fn mailbox_that_is_renamed_before_anything_of_it_is_linked_is_whole_under_its_new_name() {
    let migration = gated_dovecot().with_settings(FOLLOWED).seeded("Old\n    1..40 a");
    migration.held_at(&["sync"], "destination/before-answer/APPEND", 0).kill();
    migration.gates().cut();
    migration.at_source().rename("Old", "New");
    migration.sync();
    migration.sync();
    migration.assert_exact();
    assert!(!observe(migration.destination, migration.user()).mailboxes.contains_key("Old"));
    migration.assert_second_sync_does_nothing();
}

/// Renamed once more before anything was done, and back.
#[test]
fn last_name_counts() {
    let migration =
        dovecot_to_dovecot().with_settings(FOLLOWED).seeded("INBOX\n    1 old\nOld\n    1..4 a\nOld/Sub\n    b");
    migration.sync();
    for [before, after] in [["Old", "New"], ["New", "Newer"], ["Newer", "Newest"]] {
        migration.at_source().rename(before, after);
        migration.run(&["scan"]).expect(0);
    }
    assert_eq!(migration.sync().copied, 0);
    migration.assert_exact();
    migration.at_source().rename("Newest", "Old");
    migration.run(&["scan"]).expect(0);
    migration.at_source().rename("Old", "Newest");
    assert_eq!(migration.sync().copied, 0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// Renamed by the user of either side, while mail comes and is marked on the other under the old names.
#[test]
fn renamed_tree_is_renamed_both_ways() {
    let both_ways = "[sync]\nmode = \"two-way\"";
    for (side, with_cyrus) in [(0, false), (1, false), (0, true), (1, true)] {
        let migration = match with_cyrus {
            false => dovecot_to_dovecot(),
            true => Migration::between(&shared::dovecot_pair().source, shared::cyrus()),
        };
        let migration = migration.with_settings(both_ways).seeded(&MAIL.replace(" subscribed", ""));
        migration.run(&["sync"]).expect(0);
        let mut sides = [migration.at_source(), migration.at_destination()];
        sides[side].rename("Old", "New");
        sides[side].rename("Other", "Archive/Other");
        sides[1 - side].add_flags("Old", 2, &["\\Flagged"]);
        let others = if side == 0 { migration.destination } else { migration.source };
        seed(others, migration.user(), "Old/Sub\n    31 there");
        migration.run(&["sync"]).expect(0);
        assert_eq!(last_run(&migration, "messages_copied"), 1, "{side}");
        assert_eq!(last_run(&migration, "mailboxes_renamed"), 4, "{side}");
        migration.run(&["sync"]).expect(0);
        migration.run(&["sync"]).expect(0).says("nothing to copy");
        let [here, there] = [migration.source, migration.destination].map(|server| observe(server, migration.user()));
        for (mailbox, messages) in [("New", 20), ("New/Sub", 6), ("New/Sub/Deep", 1), ("Archive/Other", 2)] {
            let held = |state: &crate::support::state::AccountState| {
                let messages = state.mailboxes[mailbox].messages.iter();
                let mut held: Vec<_> = messages.map(|it| (it.label.clone(), it.flags.clone())).collect();
                held.sort();
                held
            };
            assert_eq!(held(&here), held(&there), "{mailbox}, {side}");
            assert_eq!(held(&here).len(), messages, "{mailbox}, {side}");
        }
        for state in [&here, &there] {
            assert!(!state.mailboxes.contains_key("Old") && !state.mailboxes.contains_key("Other"), "{side}");
        }
    }
}

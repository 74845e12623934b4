//! `sync --reverse`: after the cutover the old server is kept current from the new one, so that the cutover can be undone.

use crate::migration::{Migration, count, dovecot_to_dovecot, gated_dovecot};
use crate::support::compare::expect;
use crate::support::ferry::{Done, Ferry, Running};
use crate::support::seed::seed;
use crate::support::shared;
use crate::support::state::observe;

const BACK: &[&str] = &["sync", "--reverse"];

/// What the last run did.
#[track_caller]
fn done(migration: &Migration<'_>) -> Done {
    Done::of(&migration.ferry.status()["last_run"])
}

/// Goes back, which must succeed, and leaves the new server as it is; returns what was done.
#[track_caller]
fn back(migration: &Migration<'_>) -> Done {
    let before = observe(migration.destination, migration.user());
    migration.run(BACK).expect(0);
    assert_eq!(observe(migration.destination, migration.user()), before, "the new server was only to be read");
    done(migration)
}

/// Copy, cut, work on the new server, go back, cut back, work on the old one, go forward again: exact at each end.
fn assert_cutover_can_be_undone(migration: Migration<'_>) {
    let migration = migration
        .with_settings("[sync]\ndelete_guard = \"100%\"")
        .seeded("INBOX\n    1..12 old\n    twin\n    twin\nArchive/2024\n    a \\Seen\n    b \\Flagged\nEmpty");
    migration.sync();
    migration.assert_exact();

    let mut new = migration.at_destination();
    new.create("Projects");
    new.add_flags("INBOX", 1, &["\\Answered"]);
    new.remove_flags("Archive/2024", 2, &["\\Flagged"]);
    new.expunge("INBOX", &[3]);
    seed(migration.destination, migration.user(), "INBOX\n    20..24 since\nProjects\n    p \\Seen");
    assert_eq!(back(&migration), Done { copied: 6, flags_updated: 2 });
    expect(
        migration.source,
        migration.user(),
        "INBOX\n    old-1 \\Answered\n    2..12 old\n    twin\n    twin\n    20..24 since\nArchive/2024\n    a \\Seen\n    b\n\
         Empty\nProjects\n    p \\Seen",
    );
    assert_eq!(back(&migration), Done::NOTHING, "nothing is echoed");
    migration.run(&["verify", "--reverse", "--deep"]).expect(0);

    let mut old = migration.at_source();
    old.add_flags("INBOX", 2, &["\\Flagged"]);
    old.expunge("Archive/2024", &[1]);
    seed(migration.source, migration.user(), "INBOX\n    30 again");
    assert_eq!(migration.sync(), Done { copied: 1, flags_updated: 1 });
    expect(
        migration.destination,
        migration.user(),
        "INBOX\n    old-1 \\Answered\n    old-2 \\Flagged\n    4..12 old\n    twin\n    twin\n    20..24 since\n    30 again\n\
         Archive/2024\n    a \\Seen\n    b\nEmpty\nProjects\n    p \\Seen",
    );
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify", "--deep"]).expect(0);
    assert_eq!(back(&migration), Done::NOTHING);
    migration.assert_second_sync_does_nothing();
}

#[test]
fn cutover_can_be_undone() {
    assert_cutover_can_be_undone(dovecot_to_dovecot());
}

#[test]
fn cutover_to_cyrus_can_be_undone() {
    assert_cutover_can_be_undone(Migration::between(&shared::dovecot_pair().source, shared::cyrus()));
}

#[test]
fn cutover_from_cyrus_can_be_undone() {
    assert_cutover_can_be_undone(Migration::between(shared::cyrus(), &shared::dovecot_pair().destination));
}

/// Only what we brought back ourselves may go from the old server, and only in mirror mode.
#[test]
fn on_the_way_back_only_what_was_brought_back_is_deleted() {
    let unguarded = "[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"";
    let migration = dovecot_to_dovecot().with_settings(unguarded).seeded("INBOX\n    1..4 old");
    migration.sync();
    seed(migration.destination, migration.user(), "INBOX\n    5 x\n    6 y");
    assert_eq!(back(&migration).copied, 2);
    migration.at_destination().expunge("INBOX", &[1, 5]);
    back(&migration);
    expect(migration.source, migration.user(), "INBOX\n    1..4 old\n    6 y");
    assert_eq!(count(&migration.ferry.status()["last_run"], "messages_deleted"), 1);
    // Forward again, what came back is of the old server: it stays on the new one, where it came from.
    migration.at_source().expunge("INBOX", &[2, 6]);
    // That a copy is gone from the new server is a question in mirror mode.
    migration.run(&["sync"]).expect(3);
    expect(migration.destination, migration.user(), "INBOX\n    3..4 old\n    6 y");
}

/// What is renamed by the settings, or by its special use, goes back to where it came from; what is made since, by the renames
/// read from right to left.
#[test]
fn mailboxes_go_back_to_where_they_came_from() {
    let rename = "[mailboxes.rename]\n\"Sent Items\" = \"Sent\"\n\"mail/**\" = \"post/**\"";
    let migration = dovecot_to_dovecot().with_settings(rename).seeded("INBOX\n\"Sent Items\"\n    s\nmail/a\n    a");
    migration.sync();
    let mut new = migration.at_destination();
    new.create("post/b");
    seed(migration.destination, migration.user(), "Sent\n    2 t\npost/a\n    2 b\npost/b\n    c");
    assert_eq!(back(&migration).copied, 3);
    expect(
        migration.source,
        migration.user(),
        "INBOX\n\"Sent Items\"\n    s\n    t\nmail/a\n    a\n    b\nmail/b\n    c",
    );
    migration.assert_second_sync_does_nothing();
}

#[test]
fn state_lost_on_the_way_back_doubles_nothing() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..9 old");
    migration.sync();
    seed(migration.destination, migration.user(), "INBOX\n    10 since");
    back(&migration);
    migration.ferry.forget_state();
    assert_eq!(back(&migration), Done::NOTHING);
    migration.ferry.forget_state();
    assert_eq!(migration.sync(), Done::NOTHING);
    migration.assert_exact();
}

/// What a run sent that was killed is known by its own way alone: it is finished first.
#[test]
fn way_back_waits_until_a_killed_run_is_finished() {
    let migration = gated_dovecot().seeded("INBOX\n    1..200 old");
    migration.killed(&["sync"], 20);
    migration.run(BACK).expect(6).complains(&["did not end cleanly", "nothing was touched"]);
    migration.sync();
    assert_eq!(back(&migration), Done::NOTHING);
    migration.assert_exact();
}

/// Killed in the midst of the way back, with messages stored of which no answer was read: gone on with, and nothing is there twice.
#[test]
fn way_back_that_was_killed_is_gone_on_with_and_doubles_nothing() {
    let migration = gated_dovecot().seeded("INBOX\n    1..20 old");
    migration.sync();
    seed(migration.destination, migration.user(), "INBOX\n    21..80 since");
    let running = migration.held_at(BACK, "source/upload-begin/APPEND", 25);
    Running::kill(running);
    migration.gates().cut();
    migration.run(&["sync"]).expect(6).complains(&["did not end cleanly", "sync --reverse"]);
    migration.run(BACK).expect(0);
    assert_eq!(back(&migration), Done::NOTHING);
    expect(migration.source, migration.user(), "INBOX\n    1..20 old\n    21..80 since");
    migration.assert_exact();
    assert_eq!(migration.sync(), Done::NOTHING);
}

/// Many copies that are gone at once are a question on the way back, too; a word answers it, as the account stands.
#[test]
fn on_the_way_back_many_that_are_gone_are_a_question() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1..20 old");
    migration.sync();
    migration.at_source().expunge("INBOX", &[1, 2, 3, 4, 5, 6]);
    seed(migration.destination, migration.user(), "INBOX\n    21 since");
    migration.run(BACK).expect(6).complains(&["6 of 20 copies are gone", "mailferry accept"]);
    expect(migration.source, migration.user(), "INBOX\n    7..20 old");
    migration.run(&["accept", migration.user(), "INBOX", "--reason", "their user cleared up"]).expect(0);
    assert_eq!(back(&migration).copied, 1);
    expect(migration.source, migration.user(), "INBOX\n    7..20 old\n    21 since");
}

#[test]
fn what_goes_forward_refuses_a_state_that_went_back() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1 a");
    migration.sync();
    migration.run(&["verify", "--reverse"]).expect(5).complains(&["sync --reverse"]);
    back(&migration);
    for command in ["plan", "apply", "verify"] {
        migration.run(&[command]).expect(5).complains(&["went back", "verify --reverse"]);
    }
    migration.run(&["explain", migration.user(), "INBOX", "1"]).expect(0).says("came from");
    migration.run(&["sync", "--reverse", "--dry-run"]).expect(0);
    migration.run(&["scan"]).expect(0);
    migration.run(&["plan"]).expect(0);
}

#[test]
fn settings_that_cannot_be_read_backwards_are_refused_before_anything_is_asked() {
    let migration = dovecot_to_dovecot().seeded("INBOX\n    1 old");
    for settings in ["[mailboxes]\nmerge = [\"Archive\"]", "[mailboxes.rename]\n\"a\" = \"x\"\n\"b\" = \"x\""] {
        let ferry = fresh(&migration, settings);
        ferry.run(BACK).expect(2).complains(&["cannot be synced the other way round", "[mailboxes"]);
    }
}

fn fresh(migration: &Migration<'_>, settings: &str) -> Ferry {
    let (source, destination) = (migration.ferry.source.clone(), migration.ferry.destination.clone());
    Ferry::new(source, destination).with_account(&migration.users[0]).with_settings(settings)
}

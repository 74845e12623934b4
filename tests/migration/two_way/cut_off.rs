//! Killed in the midst of either pass: gone on with, and nothing is there twice.

use super::{EXPUNGING, seed_there, sync};
use crate::migration::{Migration, gated_dovecot};
use crate::support::compare::expect;
use crate::support::ferry::Running;

fn account() -> Migration<'static> {
    let migration = gated_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..20 old");
    sync(&migration);
    migration.seed("INBOX\n    100..160 here");
    seed_there(&migration, "INBOX\n    200..260 there");
    migration
}

fn assert_whole(migration: &Migration<'_>) {
    sync(migration);
    expect(migration.source, migration.user(), "INBOX\n    1..20 old\n    100..160 here\n    200..260 there");
    let mut there = String::from("INBOX\n    1..20 old\n    200..260 there");
    (100..=160).for_each(|number| there.push_str(&format!("\n    {} here-{number}", number + 300)));
    expect(migration.destination, migration.user(), &there);
}

#[test]
fn killed_on_the_way_forward_it_is_gone_on_with() {
    let migration = account();
    let running = migration.held_at(&["sync"], "destination/upload-begin/APPEND", 25);
    Running::kill(running);
    migration.gates().cut();
    assert_whole(&migration);
}

#[test]
fn killed_on_the_way_back_it_is_gone_on_with() {
    let migration = account();
    let running = migration.held_at(&["sync"], "source/upload-begin/APPEND", 25);
    Running::kill(running);
    migration.gates().cut();
    assert_whole(&migration);
}

//! Second copies of ours, which land when their connection was given up: they go, and are never taken for new mail of their side.

use super::{EXPUNGING, assert_quiet, seed_there, sync};
use crate::migration::{Migration, gated_dovecot};
use crate::support::compare::expect;
use crate::support::imap::NewMessage;
use crate::support::state::observe;

/// Killed on the way forward, and gone on with.
fn resumed() -> Migration<'static> {
    let migration = gated_dovecot().with_settings(EXPUNGING).seeded("INBOX\n    1..200 m \\Seen");
    migration.killed(&["sync"], 30);
    sync(&migration);
    migration
}

/// One of the messages lands once more.
fn lands(migration: &Migration<'_>) {
    let message = migration.at_source().fetch_all("INBOX").1.swap_remove(3);
    let flags = message.flags.into_iter().collect();
    let again = NewMessage { octets: message.octets, flags, date: Some(message.date) };
    migration.at_destination().append("INBOX", &[again]);
}

fn messages(migration: &Migration<'_>) -> [usize; 2] {
    [migration.source, migration.destination]
        .map(|server| observe(server, migration.user()).mailboxes["INBOX"].messages.len())
}

#[test]
fn second_copy_goes_before_the_way_back_begins() {
    let migration = resumed();
    lands(&migration);
    assert_eq!(messages(&migration), [200, 201]);
    migration.run(&["sync"]).expect(0);
    assert_eq!(messages(&migration), [200, 200]);
    assert_quiet(&migration);
    expect(migration.source, migration.user(), "INBOX\n    1..200 m \\Seen");
    migration.assert_exact();
}

/// Behind the last look of the way forward.
#[test]
fn second_copy_that_lands_between_the_passes_does_not_go_back() {
    let migration = resumed();
    seed_there(&migration, "INBOX\n    300..303 there");
    let running = migration.held_at(&["sync"], "destination/command/AUTHENTICATE", 1);
    lands(&migration);
    migration.gates().open();
    running.finish().expect(0);
    assert_eq!(messages(&migration), [204, 205]);
    sync(&migration);
    assert_eq!(messages(&migration), [204, 204]);
    migration.assert_exact_but_for_the_order();
}

//! Second copies of ours: an append whose connection was gone lands when it has been looked for already. Here a second
//! connection plays it, between a kill and what comes after.

use crate::migration::{Migration, count, dovecot_to_dovecot, gated_dovecot};
use crate::support::ferry::Output;
use crate::support::imap::{FetchedMessage, NewMessage};
use crate::support::shared;
use crate::support::state::observe;

const MANY: &str = "INBOX\n    1..1200 bulk \\Seen\n    1201 twin\n    1202 twin";

/// Killed once some messages have arrived.
fn killed(migration: Migration<'_>) -> Migration<'_> {
    let migration = migration.seeded(MANY);
    migration.killed(&["sync"], 100);
    migration
}

/// Appends one of the first messages of the source to the destination, changed in a way.
fn lands(migration: &Migration<'_>, change: impl FnOnce(&mut NewMessage)) {
    let FetchedMessage { octets, flags, date, .. } = migration.at_source().fetch_all("INBOX").1.swap_remove(3);
    let mut message = NewMessage { octets, flags: flags.into_iter().collect(), date: Some(date) };
    change(&mut message);
    migration.at_destination().append("INBOX", &[message]);
}

fn messages(migration: &Migration<'_>) -> usize {
    observe(migration.destination, migration.user()).mailboxes["INBOX"].messages.len()
}

#[track_caller]
fn named_as_second_copy(output: Output) {
    output.expect(3).complains(&["1 duplicate that mailferry created", "mailferry sync --allow-deletes"]);
}

fn removed_only_when_allowed(migration: Migration<'_>) {
    let migration = killed(migration);
    lands(&migration, |_| ());
    named_as_second_copy(migration.run(&["sync"]));
    named_as_second_copy(migration.run(&["sync"]));
    assert_eq!(messages(&migration), 1203);
    let plan = migration.ferry.plan();
    assert_eq!((count(&plan["totals"], "second_copies"), count(&plan["totals"], "deletes")), (1, 0), "{plan}");
    assert_eq!(migration.run(&["verify"]).code, Some(8));
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0);
}

#[test]
fn second_copy_is_named_and_removed_only_when_allowed() {
    removed_only_when_allowed(gated_dovecot());
}

#[test]
fn second_copy_on_cyrus_is_named_and_removed_only_when_allowed() {
    removed_only_when_allowed(Migration::gated(&shared::dovecot_pair().source, shared::cyrus()));
}

#[test]
fn second_copy_that_lands_after_the_resume_is_named_and_removed() {
    let migration = killed(gated_dovecot());
    migration.sync();
    lands(&migration, |_| ());
    named_as_second_copy(migration.run(&["sync"]));
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    migration.assert_exact();
}

#[test]
fn second_copy_goes_by_itself_in_mirror_mode() {
    let migration = killed(gated_dovecot().with_settings("[sync]\nmode = \"mirror\""));
    migration.sync();
    lands(&migration, |_| ());
    migration.sync();
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// Holds pipeline/transfer/purge.rs invariant 5.
#[test]
fn message_with_another_octet_is_not_removed() {
    let migration = killed(gated_dovecot());
    migration.sync();
    lands(&migration, |message| {
        let last = message.octets.len() - 3;
        message.octets[last] ^= 1;
    });
    migration.run(&["sync", "--allow-deletes"]).expect(3).complains(&["is another message"]);
    assert_eq!(messages(&migration), 1203);
}

#[test]
fn message_with_another_date_or_size_is_not_removed() {
    let migration = killed(gated_dovecot());
    migration.sync();
    lands(&migration, |message| message.date = message.date.map(|date| date + 1));
    lands(&migration, |message| message.octets.extend_from_slice(b"\r\n"));
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    assert_eq!(messages(&migration), 1204);
    assert_eq!(migration.run(&["verify"]).code, Some(8), "they are doubled all the same");
}

#[test]
fn without_an_unclean_end_nothing_is_a_second_copy() {
    let migration = dovecot_to_dovecot().seeded(MANY);
    migration.sync();
    lands(&migration, |_| ());
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    assert_eq!(messages(&migration), 1203);
    assert_eq!(migration.run(&["verify"]).code, Some(8));
}

#[test]
fn after_the_loss_of_the_state_nothing_is_a_second_copy() {
    let migration = killed(gated_dovecot());
    migration.sync();
    migration.ferry.forget_state();
    lands(&migration, |_| ());
    migration.run(&["sync", "--allow-deletes"]).expect(0);
    assert_eq!(messages(&migration), 1203);
}

//! Courier, as source and as destination: no UIDNEXT in SELECT, no LITERAL+, no MULTIAPPEND, `INBOX.` before every name.

use crate::migration::Migration;
use crate::support::ferry::Side;
use crate::support::process::{PATIENCE, poll};
use crate::support::server::{Server, User};
use crate::support::shared;

const MAIL: &str = "INBOX subscribed\n    1..60 bulk \\Seen\n    twin\n    twin \\Flagged\n\
    Archive/2024 subscribed\n    1..25 small $Label \\Answered\n\
    \"Old mail\"/Größe\n    d kind:no-message-id\n    e kind:empty-body\n    g kind:long-lines\nSent\n    sent";

fn from_courier() -> Migration<'static> {
    between(shared::courier(), &shared::dovecot_pair().destination)
}

fn to_courier() -> Migration<'static> {
    between(&shared::dovecot_pair().source, shared::courier())
}

fn between(source: &'static dyn Server, destination: &'static dyn Server) -> Migration<'static> {
    let sides = [source, destination].map(|server| Side::in_clear_text(server.plain_port()).set("max_connections", 4));
    Migration::with_sides(vec![User::fresh("courier")], source, destination, sides)
}

#[test]
fn courier_as_source_arrives_exactly_once() {
    from_courier().seeded(MAIL).assert_arrives_exactly_once();
}

#[test]
fn courier_as_destination_arrives_exactly_once() {
    to_courier().seeded(MAIL).assert_arrives_exactly_once();
}

/// What was killed is resumed, and deletions follow: what was recognised after the break is ours.
#[test]
fn courier_as_destination_killed_is_resumed_and_mirrored() {
    let migration = Migration::gated(&shared::dovecot_pair().source, shared::courier())
        .seeded(MAIL)
        .with_settings("[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"");
    for messages in [5, 40] {
        // Nobody else looks meanwhile: of two who open a new mailbox at the same time, Courier tells each another UIDVALIDITY.
        migration.held_at(&["sync"], "destination/after-answer/APPEND", messages).kill();
        migration.gates().cut();
    }
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.at_source().expunge("INBOX", &[1, 2, 3, 30]);
    migration.sync();
    migration.assert_exact();
    migration.run(&["verify"]).expect(0);
}

/// Courier makes the UIDVALIDITY of an empty mailbox anew each second, until it is selected: that is no other mailbox.
#[test]
fn courier_as_destination_that_has_other_uidvalidities_than_were_planned_is_copied_to() {
    let migration = to_courier().seeded("INBOX\n    1..5 bulk\nBox\n    a");
    let validity = || {
        let answer = migration.at_destination().command(b"STATUS INBOX (UIDVALIDITY)");
        answer.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect::<String>()
    };
    migration.run(&["scan"]).expect(0);
    let planned = validity();
    let other = poll(PATIENCE, || Some(validity()).filter(|now| *now != planned));
    assert!(other.is_some(), "Courier keeps them: {planned}");
    migration.run(&["plan"]).expect(0);
    migration.run(&["apply"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

/// The connection that lists has INBOX open from the scan, and Courier's STATUS of it is then an old one.
#[test]
fn courier_as_destination_over_one_connection_is_listed_as_it_is() {
    let pair = shared::dovecot_pair();
    let sides = [Side::in_clear_text(pair.source.plain_port()), Side::in_clear_text(shared::courier().plain_port())];
    let sides = sides.map(|side| side.set("max_connections", 1));
    let migration = Migration::with_sides(vec![User::fresh("narrow")], &pair.source, shared::courier(), sides);
    let migration = migration.seeded("INBOX\n    1..30 bulk\nBox\n    a");
    assert_eq!(migration.sync().copied, 31);
    let status = migration.ferry.status();
    assert_eq!((&status["outcomes"]["copied"], &status["outcomes"]["pending"]), (&31.into(), &0.into()), "{status}");
    migration.assert_second_sync_does_nothing();
    migration.assert_exact();
}

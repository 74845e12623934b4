//! COMPRESS=DEFLATE: nothing but the octets on the line is different.

use std::time::Duration;

use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::ferry::{Output, Side};
use crate::support::relay::Relay;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::whole::EVERYTHING;

/// Two megabytes a second, and less on a busy machine.
const SLOW: Duration = Duration::from_millis(8);

const ON: &str = "\"on\"";

/// Both sides through relays, with `compress` set so.
fn between<'a>(
    source: &'a dyn Server,
    destination: &'a dyn Server,
    relays: &[Relay; 2],
    compress: &str,
) -> Migration<'a> {
    let sides = [0, 1].map(|side| Side::in_clear_text(relays[side].port()).set("compress", compress));
    Migration::with_sides(vec![User::fresh("squeezed")], source, destination, sides)
}

fn relays(source: &dyn Server, destination: &dyn Server) -> [Relay; 2] {
    [source, destination].map(|server| Relay::start(server.plain_port(), Duration::ZERO))
}

fn copied_octets(migration: &Migration) -> u64 {
    migration.ferry.status()["last_run"]["octets_copied"].as_u64().expect("the octets of the last run")
}

#[track_caller]
fn assert_exact_with_few_octets(migration: &Migration, [source, destination]: &[Relay; 2]) {
    let Output { stderr, .. } = migration.run(&["sync"]).expect(0);
    assert!(!stderr.contains("COMPRESS") && !stderr.contains("compress"), "both sides compress: {stderr}");
    let octets = copied_octets(migration);
    assert!(source.received() < octets / 2, "{} octets on the line for {octets}", source.received());
    assert!(destination.sent() < octets / 2, "{} octets on the line for {octets}", destination.sent());
    migration.assert_arrives_exactly_once();
}

#[test]
fn dovecot_to_dovecot_compressed_arrives_exactly_once() {
    let pair = shared::dovecot_pair();
    let relays = relays(&pair.source, &pair.destination);
    let migration = between(&pair.source, &pair.destination, &relays, ON).seeded(EVERYTHING);
    assert_exact_with_few_octets(&migration, &relays);
}

#[test]
fn dovecot_to_cyrus_compressed_arrives_exactly_once() {
    let (dovecot, cyrus) = (&shared::dovecot_pair().source, shared::cyrus());
    let relays = relays(dovecot, cyrus);
    let migration = between(dovecot, cyrus, &relays, ON).seeded(EVERYTHING);
    assert_exact_with_few_octets(&migration, &relays);
}

#[test]
fn cyrus_to_dovecot_compressed_arrives_exactly_once() {
    let (cyrus, dovecot) = (shared::cyrus(), &shared::dovecot_pair().destination);
    let relays = relays(cyrus, dovecot);
    let migration = between(cyrus, dovecot, &relays, ON).seeded(EVERYTHING);
    assert_exact_with_few_octets(&migration, &relays);
}

#[test]
fn compressed_under_tls_and_in_a_rate_arrives_exactly_once() {
    let mut migration = dovecot_to_dovecot().seeded(EVERYTHING).with_settings("[limits]\nbandwidth = \"5MB/s\"");
    // A rate below that of a slow line is one.
    migration.ferry.source = migration.ferry.source.set("compress", "\"auto\"");
    migration.ferry.destination = migration.ferry.destination.set("compress", ON);
    migration.assert_arrives_exactly_once();
}

#[test]
fn slow_line_is_compressed_in_the_midst_of_a_large_mailbox() {
    let pair = shared::dovecot_pair();
    let relays =
        [Relay::start(pair.source.plain_port(), SLOW), Relay::start(pair.destination.plain_port(), Duration::ZERO)];
    let migration = between(&pair.source, &pair.destination, &relays, "\"auto\"");
    let migration = migration.seeded("INBOX\n    1..24 bulk size:1m\nLater\n    last size:1m");
    let Output { stderr, .. } = migration.run(&["sync"]).expect(0);
    assert_eq!(stderr.matches("compressed from here on").count(), 1, "{stderr}");
    let octets = copied_octets(&migration);
    assert!(relays[0].received() < octets * 2 / 3, "{} octets on the line for {octets}", relays[0].received());
    migration.assert_exact();
}

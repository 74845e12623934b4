//! pymap, as source and as destination: a server that nobody's pipelining was made for, with Maildir and LF for line ends.

use crate::gates::Gates;
use crate::migration::Migration;
use crate::support::ferry::Side;
use crate::support::server::{Server, User};
use crate::support::shared;

/// Without keywords, and with parents before their children: it has neither else.
const MAIL: &str = "INBOX subscribed\n    1..60 bulk \\Seen\n    twin\n    twin \\Flagged\n\
    Archive subscribed\n    1..25 small \\Answered\nArchive/2024\n    d kind:no-message-id\n    e kind:empty-body\n\
    Größe\n    g kind:long-lines\nSent\n    sent \\Draft";

fn from_pymap() -> Migration<'static> {
    between(shared::pymap(), &shared::dovecot_pair().destination)
}

fn to_pymap() -> Migration<'static> {
    between(&shared::dovecot_pair().source, shared::pymap())
}

fn between(source: &'static dyn Server, destination: &'static dyn Server) -> Migration<'static> {
    let (gates, sides) = Gates::before([source, destination]);
    let sides = sides.map(Side::with_own_passwords);
    Migration::with_sides(vec![User::fresh("pymap")], source, destination, sides).held_by(gates)
}

/// Copied, killed and resumed, changed and synchronised, deleted, the state lost: exact each time, and in order.
pub fn assert_all_goes_well(mail: &str, migration: Migration<'_>) {
    let migration = migration.seeded(mail).with_settings("[sync]\nmode = \"mirror\"\ndelete_guard = \"100%\"");
    // Nobody else looks meanwhile: a file that is moved while it lists a Maildir, pymap shows twice.
    migration.held_at(&["sync"], "destination/after-answer/APPEND", 2).kill();
    migration.gates().cut();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.seed("INBOX\n    101..110 later\nNew subscribed\n    1..3 new");
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    // Of those that came later: what was under way at the kill, and shows other sizes than were sent, is not known for ours.
    migration.at_source().expunge("INBOX", &[101, 102, 108]);
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.run(&["verify"]).expect(0);
    migration.ferry.forget_state();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

#[test]
fn pymap_as_source_arrives_exactly_killed_resumed_mirrored_and_with_the_state_lost() {
    assert_all_goes_well(MAIL, from_pymap());
}

#[test]
fn pymap_as_destination_gets_all_exactly_killed_resumed_mirrored_and_with_the_state_lost() {
    assert_all_goes_well(MAIL, to_pymap());
}

/// It keeps no keywords: each that is lost is named, and no run fights over it.
#[test]
fn pymap_as_destination_loses_keywords_with_a_word() {
    let migration = to_pymap().seeded("INBOX\n    a $Label\n    b \\Seen todo");
    let output = migration.run(&["sync"]).expect(0);
    output.says("$Label").says("todo");
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify"]).expect(0).says("todo");
}

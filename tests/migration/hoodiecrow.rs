//! hoodiecrow, as source and as destination: CONDSTORE without QRESYNC, no MULTIAPPEND. It has one account, so each test has its own.

use crate::gates::Gates;
use crate::migration::Migration;
use crate::pymap::assert_all_goes_well;
use crate::support::ferry::Side;
use crate::support::hoodiecrow::Hoodiecrow;
use crate::support::server::{Server, User};
use crate::support::shared;

const MAIL: &str = "INBOX subscribed\n    1..60 bulk \\Seen $Label\n    twin\n    twin \\Flagged\n\
    Archive subscribed\n    1..25 small \\Answered\nArchive/2024\n    d kind:no-message-id\n    e kind:empty-body\n\
    Größe\n    g kind:long-lines\nSent\n    sent \\Draft";

fn between<'s>(source: &'s dyn Server, destination: &'s dyn Server) -> Migration<'s> {
    let (gates, sides) = Gates::before([source, destination]);
    let sides = sides.map(Side::with_own_passwords);
    Migration::with_sides(vec![User::fresh("hoodie")], source, destination, sides).held_by(gates)
}

#[test]
fn hoodiecrow_as_source_arrives_exactly_killed_resumed_mirrored_and_with_the_state_lost() {
    let source = Hoodiecrow::start();
    assert_all_goes_well(MAIL, between(&source, &shared::dovecot_pair().destination));
}

#[test]
fn hoodiecrow_as_destination_gets_all_exactly_killed_resumed_mirrored_and_with_the_state_lost() {
    let destination = Hoodiecrow::start();
    assert_all_goes_well(MAIL, between(&shared::dovecot_pair().source, &destination));
}

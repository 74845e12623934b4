//! Dovecot 2.4 (of Debian 13), as source and as destination; with Dovecot 2.3 on the other side, and with itself.

use crate::gates::Gates;
use crate::migration::Migration;
use crate::pymap::assert_all_goes_well;
use crate::support::ferry::Side;
use crate::support::server::{Server, User};
use crate::support::shared;

const MAIL: &str = "INBOX subscribed\n    1..60 bulk \\Seen $Label\n    twin\n    twin \\Flagged\n\
    Archive subscribed\n    1..25 small \\Answered\nArchive/2024\n    d kind:no-message-id\n    e kind:empty-body\n\
    Größe\n    g kind:long-lines\nSent\n    sent \\Draft";

fn between(source: &'static dyn Server, destination: &'static dyn Server) -> Migration<'static> {
    let (gates, sides) = Gates::before([source, destination]);
    Migration::with_sides(vec![User::fresh("newer")], source, destination, sides).held_by(gates)
}

#[test]
fn dovecot_2_4_as_source_arrives_exactly_killed_resumed_mirrored_and_with_the_state_lost() {
    assert_all_goes_well(MAIL, between(shared::dovecot_2_4(), &shared::dovecot_pair().destination));
}

#[test]
fn dovecot_2_4_as_destination_gets_all_exactly_killed_resumed_mirrored_and_with_the_state_lost() {
    assert_all_goes_well(MAIL, between(&shared::dovecot_pair().source, shared::dovecot_2_4()));
}

/// Over TLS, by the master user, on both sides.
#[test]
fn dovecot_2_4_to_itself_arrives_exactly_once() {
    let server = shared::dovecot_2_4();
    let (old, new) = (User::fresh("old"), User::fresh("new"));
    server.add_user(&old);
    server.add_user(&new);
    crate::support::seed::seed(server, &old.name, MAIL);
    let account = format!("name = \"a\"\nsource_user = \"{}\"\ndestination_user = \"{}\"\n", old.name, new.name);
    let ferry = crate::support::ferry::Ferry::new(Side::of(server), Side::of(server)).with_account_lines(&account);
    ferry.run(&["check"]).expect(0).says("Dovecot at localhost");
    ferry.run(&["sync"]).expect(0);
    ferry.run(&["verify", "--deep"]).expect(0).says("Identical");
}

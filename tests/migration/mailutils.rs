//! GNU mailutils' imap4d with mbox, as source: no UIDPLUS, no keywords, another UIDVALIDITY after each append. As a destination it
//! cannot serve: where nothing lasts, no copy can be known again.

use crate::gates::Gates;
use crate::migration::Migration;
use crate::support::mailutils::Mailutils;
use crate::support::server::Server;
use crate::support::shared;

const MAIL: &str =
    "INBOX\n    1..60 bulk\n    twin\n    twin\nArchive\n    1..25 small\n    d kind:no-message-id\nSent\n    sent";

fn from_mailutils() -> Migration<'static> {
    between(shared::mailutils(), &shared::dovecot_pair().destination)
}

fn between(source: &'static dyn Server, destination: &'static dyn Server) -> Migration<'static> {
    let (gates, sides) = Gates::before([source, destination]);
    // It offers what it cannot do with the passwords of these users.
    let sides = sides.map(|side| side.with_own_passwords().set("auth", "\"plain\""));
    Migration::with_sides(vec![Mailutils::fresh_user()], source, destination, sides).held_by(gates)
}

fn tell(migration: &Migration<'_>, commands: &[&str]) {
    let mut source = migration.at_source();
    commands.iter().for_each(|command| drop(source.command(command.as_bytes())));
    source.logout();
}

/// Copied, killed and resumed, changed and synchronised, the state lost: exact each time, and in order. Nothing is deleted: with
/// that it writes another header into the first message, which is another message then.
#[test]
fn mailutils_as_source_arrives_exactly_killed_resumed_and_with_the_state_lost() {
    let migration = from_mailutils().seeded(MAIL).with_settings("");
    // It writes headers of its own into a message when its flags are changed first.
    for mailbox in ["INBOX", "Archive", "Sent"] {
        tell(&migration, &[&format!("SELECT {mailbox}"), "STORE 1:* +FLAGS (\\Seen)", "CLOSE"]);
    }
    migration.held_at(&["sync"], "destination/after-answer/APPEND", 2).kill();
    migration.gates().cut();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
    migration.seed("New\n    1..3 new");
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.run(&["verify"]).expect(0);
    migration.ferry.forget_state();
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
    migration.assert_second_sync_does_nothing();
}

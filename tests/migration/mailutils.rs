//! GNU mailutils' imap4d with mbox, as source and as destination: no UIDPLUS, no keywords, another UIDVALIDITY after each append, and
//! header lines of its own in what it stores.

use crate::gates::Gates;
use crate::migration::Migration;
use crate::support::ferry::Output;
use crate::support::imap::Connection;
use crate::support::mailutils::Mailutils;
use crate::support::server::Server;
use crate::support::shared;

const MAIL: &str =
    "INBOX\n    1..60 bulk\n    twin\n    twin\nArchive\n    1..25 small\n    d kind:no-message-id\nSent\n    sent";

/// How many runs a copy to it may take.
const RUNS: usize = 8;

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

/// Each append gives the mailbox another UIDVALIDITY, and what is stored gets headers of its own: killed and resumed, later mail, and
/// the state lost, all is there once and in order, and `verify` names what the server made of it.
#[test]
fn mailutils_as_destination_has_all_once_and_its_alterations_are_named() {
    let migration = between(&shared::dovecot_pair().source, shared::mailutils()).seeded(MAIL).with_settings("");
    migration.held_at(&["sync"], "destination/after-answer/APPEND", 2).kill();
    migration.gates().cut();
    synced_at_last(&migration);
    alone(&migration, "sync").expect(0).says("nothing to copy");
    migration.seed("INBOX\n    101..103 later\nNew\n    1..3 new");
    synced_at_last(&migration);
    alone(&migration, "verify").expect(8).says("95 altered").says("in a form of the destination's own");
    migration.ferry.forget_state();
    synced_at_last(&migration);
}

/// Its UIDVALIDITY is of the second of an append: how often a run meets that is chance. Each time it is told, and costs one more run.
fn synced_at_last(migration: &Migration<'_>) {
    for _ in 0..RUNS {
        let output = alone(migration, "sync");
        if output.code == Some(0) {
            return assert_all_is_there_once(migration);
        }
        let told = ["changed its UIDVALIDITY", "went back in time"].iter().any(|it| output.stderr.contains(it));
        assert!(output.code == Some(3) && told, "{output}");
    }
    panic!("{RUNS} runs came to no end");
}

/// Run when nobody is at work any more for the run before.
fn alone(migration: &Migration<'_>, command: &str) -> Output {
    shared::mailutils().let_sessions_end();
    migration.run(&[command])
}

/// By their subjects, which the server does not touch.
fn assert_all_is_there_once(migration: &Migration<'_>) {
    let subjects = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        text.lines().find(|line| line.starts_with("Subject:")).map(str::to_owned)
    };
    for mailbox in ["INBOX", "Archive", "Sent"] {
        let held = |side: &mut Connection| -> Vec<_> {
            side.fetch_all(mailbox).1.iter().map(|message| subjects(&message.octets)).collect()
        };
        assert_eq!(held(&mut migration.at_destination()), held(&mut migration.at_source()), "{mailbox}");
    }
}

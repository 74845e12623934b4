//! Wrong settings, servers that refuse, accounts that cannot be opened: a clear error, and nothing is lost.

use std::fs;

use crate::migration::{Migration, count, dovecot_to_dovecot};
use crate::support::compare::{Automatic, compare, expect};
use crate::support::dovecot::{self, Dovecot, MasterRights};
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::imap::NewMessage;
use crate::support::process::{PATIENCE, poll};
use crate::support::scripted::Scripted;
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::{expected, observe};

const MAIL: &str = "INBOX\n    a\n    b\nArchive\n    c";

/// A migration whose source is reached in that way.
fn from(source: Side) -> Migration<'static> {
    let pair = shared::dovecot_pair();
    let user = User::fresh("visitor");
    Migration::with_sides(vec![user], &pair.source, &pair.destination, [source, Side::of(&pair.destination)])
}

fn source() -> Side {
    Side::of(&shared::dovecot_pair().source)
}

// Connecting

#[test]
fn unknown_host_is_named() {
    let migration = from(source().set("host", "\"no-such-host.invalid\""));
    migration.run(&["sync"]).expect(4).complains(&["no-such-host.invalid", "source"]);
}

#[test]
fn port_where_nothing_listens_is_named() {
    let port = crate::support::process::free_port();
    let migration = from(source().set("port", port));
    migration.run(&["sync"]).expect(4).complains(&["localhost", "refused"]);
}

#[test]
fn certificate_that_nobody_vouches_for_is_refused() {
    let migration = from(source().without("ca_file"));
    migration.run(&["sync"]).expect(4).complains(&["certificate", "ca_file"]);
}

#[test]
fn certificate_of_another_name_is_refused() {
    let migration = from(source().set("server_name", "\"imap.example.org\""));
    migration.run(&["sync"]).expect(4).complains(&["certificate"]);
}

#[test]
fn tls_where_there_is_none_is_told() {
    let pair = shared::dovecot_pair();
    let migration = from(source().set("port", pair.source.plain_port()));
    migration.run(&["sync"]).expect(4).complains(&["tls"]);
}

fn from_script(script: &str) -> (Scripted, Output) {
    let server = Scripted::start(script);
    let user = User::fresh("reader");
    let destination = &shared::dovecot_pair().destination;
    destination.add_user(&user);
    let ferry = Ferry::new(Side::in_clear_text(server.port()), Side::of(destination)).with_account(&user);
    let output = ferry.run(&["sync"]);
    expect(destination, &user.name, "INBOX");
    (server, output)
}

#[test]
fn server_without_imap4rev1_is_refused() {
    let (server, output) = from_script(
        "S: * OK [CAPABILITY IMAP2 AUTH=PLAIN SASL-IR] old but alive
         C: AUTHENTICATE PLAIN
         S: $ OK [CAPABILITY IMAP2] in
         C: LOGOUT
         S: $ OK out",
    );
    assert!(matches!(output.code, Some(3 | 4)), "{output}");
    output.complains(&["IMAP4rev1", "IMAP2"]);
    assert_eq!(server.departures(), Vec::<String>::new());
}

#[test]
fn what_is_no_imap_server_is_told() {
    let (_server, output) = from_script("S: 220 mail.example.org ESMTP");
    assert!(matches!(output.code, Some(3 | 4)), "{output}");
    output.complains(&["no IMAP server", "ESMTP"]);
}

#[test]
fn server_that_says_bye_at_once_is_told_in_its_own_words() {
    let (_server, output) = from_script("S: * BYE closed for stocktaking");
    output.expect(4).complains(&["closed for stocktaking"]);
}

#[test]
fn server_that_complains_instead_of_greeting_is_told_in_its_own_words() {
    let (_server, output) = from_script("S: * BAD [ALERT] not from here");
    assert!(matches!(output.code, Some(3 | 4)), "{output}");
    output.complains(&["not from here"]);
}

#[test]
fn login_that_is_refused_is_told_in_the_servers_own_words() {
    let (_server, output) = from_script(
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready
         C: AUTHENTICATE PLAIN
         S: $ NO [AUTHENTICATIONFAILED] not on a Sunday",
    );
    output.expect(4).complains(&["not on a Sunday", "`admin`"]);
}

/// Holds disaster rule 8. Holds pipeline/survey/listing.rs invariant 2.
#[test]
fn connection_that_breaks_at_the_listing_is_no_empty_account() {
    let (_server, output) = from_script(
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready
         C: AUTHENTICATE PLAIN
         S: $ OK [CAPABILITY IMAP4rev1] in
         C: LIST
         close",
    );
    assert!(matches!(output.code, Some(3 | 4)), "{output}");
}

// Rights

fn with_powerless_master() -> Dovecot {
    let server = Dovecot::start(dovecot::Options { master_rights: MasterRights::None, ..Default::default() });
    // The account must hold mail, or that it looks empty would be right.
    server.add_user(&User::named("owner"));
    seed(&server, "owner", MAIL);
    server
}

/// Holds disaster rule 8.
#[test]
fn master_without_rights_is_no_empty_account() {
    let powerless = with_powerless_master();
    let healthy = &shared::dovecot_pair().destination;
    let owner = User::named("owner");
    healthy.add_user(&owner);
    let ways = [[Side::of(&powerless), Side::of(healthy)], [Side::of(healthy), Side::of(&powerless)]];
    for way in ways {
        let [source, destination] = way;
        let ferry = Ferry::new(source, destination).with_account(&owner);
        for command in ["check", "scan", "sync", "verify"] {
            ferry.run(&[command]).expect(4).complains(&["INBOX", "rights"]);
        }
    }
    expect(&powerless, "owner", MAIL);
}

#[test]
fn user_whom_the_server_does_not_know_is_named() {
    let pair = shared::dovecot_pair();
    let known = pair.add_fresh_user("known");
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination)).with_account(&known);
    let ferry = ferry.with_account_lines("source_user = \"nobody-here\"");
    ferry.run(&["sync"]).expect(3).complains(&["nobody-here"]);
}

// What the destination refuses

/// A header line that is none: Dovecot keeps it, Cyrus refuses the message.
fn with_bad_header(name: &str) -> NewMessage {
    let octets = format!("Message-ID: <{name}@seed>\r\nthis is no header line\r\nSubject: {name}\r\n\r\nbody\r\n");
    NewMessage { octets: octets.into_bytes(), flags: Vec::new(), date: Some(1_700_000_000) }
}

#[test]
fn refused_messages_are_named_and_the_rest_arrives() {
    let migration = Migration::between(&shared::dovecot_pair().source, shared::cyrus());
    let migration = migration.seeded("INBOX\n    1..60 before\nArchive\n    a");
    migration.at_source().append("INBOX", &[with_bad_header("bad-1"), with_bad_header("bad-2")]);
    seed(migration.source, migration.user(), "INBOX\n    63..120 after");

    let output = migration.run(&["sync"]).expect(3);
    output.complains(&["Message contains invalid header", "INBOX", "UID 61", "UID 62"]);
    let wanted = "INBOX\n    1..60 before\n    63..120 after\nArchive\n    a";
    let assert_rest_arrived = || {
        let account = observe(migration.destination, migration.user());
        let mut differences = compare(&expected(migration.destination, wanted), &account, Automatic::Ignored);
        // The next batch was under way when the one with the bad messages was refused.
        differences.order_differs.clear();
        assert!(differences.is_empty(), "{differences}");
    };
    assert_rest_arrived();
    let status = migration.ferry.status();
    assert_eq!((count(&status["outcomes"], "refused"), count(&status["outcomes"], "copied")), (2, 119), "{status}");
    assert_eq!(count(&status["outcomes"], "total"), 121, "{status}");

    migration.run(&["sync"]).expect(3);
    assert_rest_arrived();
    let found = migration.run(&["verify", "--json", "-"]).expect(8).json();
    assert_eq!(count(&found["totals"], "missing"), 2, "{found}");

    migration.at_source().expunge("INBOX", &[61, 62]);
    migration.run(&["sync"]).expect(0);
    migration.run(&["verify"]).expect(0);
}

fn assert_quota_stops_and_goes_on(destination: &dyn Server) {
    let user = User::fresh("hoarder").with_quota_kibibytes(400);
    let migration = Migration::of(vec![user.clone()], &shared::dovecot_pair().source, destination);
    let migration = migration.seeded("INBOX\n    1..30 part size:40k");
    // What cannot fit is not begun …
    // Before anything was copied: what the source holds is more than there is room for.
    let short = ["has room for 400.0 KiB, and 1.2 MiB are to come: raise it"];
    migration.run(&["check"]).expect(3).complains(&short);
    migration.run(&["sync"]).expect(6).complains(&["quota", "--max-bytes"]);
    expect(destination, &user.name, "INBOX");
    migration.run(&["apply", "--max-messages", "2"]).expect(9);
    // … though flags go on to follow …
    migration.at_source().add_flags("INBOX", 1, &["\\Flagged"]);
    migration.run(&["sync"]).expect(6);
    let state = observe(destination, &user.name);
    assert!(state.mailboxes["INBOX"].messages[0].flags.contains("\\flagged"), "{state:?}");
    assert_eq!(state.mailboxes["INBOX"].messages.len(), 2);
    // … and what fills the account on the way stops there.
    let output = migration.run(&["apply", "--max-bytes", "399KiB", "--over-quota"]).expect(3);
    assert!(output.stderr.to_lowercase().contains("quota"), "{output}");
    let arrived = observe(destination, &user.name).mailboxes["INBOX"].messages.len();
    assert!(arrived < 30, "all {arrived} arrived in spite of the quota");
    destination.add_user(&user.with_quota_kibibytes(100_000));
    // Dovecot reads a changed user's limit up to a second later.
    let synced = poll(PATIENCE, || (migration.run(&["sync"]).code == Some(0)).then_some(()));
    assert!(synced.is_some(), "there is room now: {}", migration.run(&["sync"]));
    migration.assert_exact_but_for_the_order();
    migration.assert_verified();
}

/// Holds pipeline/granted.rs invariant 3.
#[test]
fn full_destination_is_named_and_filled_once_there_is_room() {
    let options = dovecot::Options { quota: true, ..dovecot::Options::mdbox_with_slashes() };
    assert_quota_stops_and_goes_on(&Dovecot::start(options));
}

#[test]
fn name_that_the_destination_cannot_hold_is_named_and_the_rest_arrives() {
    let pair = shared::dovecot_pair();
    let migration = Migration::between(&pair.destination, &pair.source);
    let migration = migration.seeded("INBOX\n    a\nwww.example.org\n    b\n    c\nKeep\n    d");
    migration.run(&["scan"]).expect(0);
    let planned = migration.run(&["plan"]).expect(0);
    assert!(planned.stdout.contains("www.example.org"), "{planned}");
    migration.run(&["apply"]).expect(3).complains(&["www.example.org"]);
    expect(migration.destination, migration.user(), "INBOX\n    a\nKeep\n    d");
    let found = migration.run(&["verify", "--json", "-"]).expect(8).json();
    assert_eq!(count(&found["totals"], "missing"), 2, "{found}");
    let migration = migration.with_settings("[mailboxes.rename]\n\"www.example.org\" = \"www example org\"");
    migration.run(&["sync"]).expect(0);
    expect(migration.destination, migration.user(), "INBOX\n    a\nKeep\n    d\n\"www example org\"\n    b\n    c");
    migration.run(&["verify"]).expect(0);
}

// Settings

#[test]
fn state_of_another_pair_of_servers_is_refused() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    migration.sync();
    let other = shared::cyrus();
    other.add_user(&migration.users[0]);
    let mut migration = migration;
    migration.ferry.destination = Side::of(other);
    migration.run(&["apply"]).expect(5).complains(&["address", "mailferry plan"]);
    for command in ["scan", "sync", "verify"] {
        let output = migration.run(&[command]).expect(3);
        output.complains(&["state", "--state"]);
    }
    expect(other, migration.user(), "INBOX");
}

#[test]
fn all_mistakes_are_told_at_once_with_file_and_line() {
    let pair = shared::dovecot_pair();
    let ferry = Ferry::new(source().set("portt", 993), Side::of(&pair.destination).set("tls", "\"none\""))
        .with_settings("[accounts]\nfile = \"accounts.csv\"");
    let rows = "name,source_user,destination_user\nanna,anna,one\nbert,bert,one\ncarl,,two\n";
    fs::write(ferry.directory().join("accounts.csv"), rows).expect("write the accounts");
    let output = ferry.run(&["sync"]).expect(2);
    output.complains(&["mailferry.toml:", "portt", "allow_plaintext", "accounts.csv:3", "accounts.csv:4"]);
    assert!(!ferry.state().exists(), "nothing was touched");
}

#[test]
fn source_that_is_its_own_destination_is_refused() {
    let migration = dovecot_to_dovecot();
    let ferry = Ferry::new(source(), source()).with_account(&migration.users[0]);
    ferry.run(&["sync"]).expect(2).complains(&[migration.user()]);
}

#[test]
fn password_in_a_url_is_refused_and_not_repeated() {
    let migration = dovecot_to_dovecot();
    let url = "imaps://anna:dont-repeat-me@localhost";
    let running = migration.ferry.start_without_settings(&["sync", "--source", url, "--destination", "imaps://a@b"]);
    let output = running.finish().expect(2).complains(&["password"]);
    assert!(!format!("{output}").contains("dont-repeat-me"), "{output}");
}

#[test]
fn lacking_settings_and_passwords_are_told_with_what_to_do() {
    let pair = shared::dovecot_pair();
    let ferry = Ferry::new(source(), Side::of(&pair.destination));
    ferry.start_without_settings(&["sync"]).finish().expect(2).complains(&["mailferry init"]);
    let missing = source().set("password_file", "\"nothing-here\"");
    let mut missing = Ferry::new(missing, Side::of(&pair.destination)).with_account(&User::named("anna"));
    missing.source = missing.source.with_own_passwords();
    missing.run(&["sync"]).expect(2).complains(&["nothing-here"]);
}

//! The usual cutover: UIDVALIDITYs change on either side, and servers come to be at other addresses. What was tied stays tied:
//! what its user removed on the new server does not come back, what they marked stays marked, and nothing is doubled.

use std::fs;

use crate::migration::{Migration, count};
use crate::support::dovecot::{Dovecot, Options};
use crate::support::ferry::{Done, Ferry, Running, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;
use crate::support::state::{MessageState, observe};

const MIRROR: &str = "[sync]\nmode = \"mirror\"";

/// A Maildir whose list of UIDs is lost: every message gets another UID, under another UIDVALIDITY.
fn renumber(server: &Dovecot, user: &str) {
    let uid_validity = || server.connect(user).select("INBOX").uid_validity;
    let before = uid_validity();
    let mail = server.mail_directory(user).join("Maildir");
    for entry in fs::read_dir(&mail).expect("the mail directory").map(|entry| entry.expect("an entry")) {
        if entry.file_name().to_string_lossy().starts_with("dovecot.index") {
            fs::remove_file(entry.path()).expect("remove an index");
        }
    }
    let anew = format!("3 V{} N1\n", before + 7);
    fs::write(mail.join("dovecot-uidlist"), anew).expect("a list of UIDs without any");
    assert_eq!(uid_validity(), before + 7);
}

/// Both of Maildir, on a server of its own and on the shared one.
struct Bench {
    migration: Migration<'static>,
    source: &'static Dovecot,
    destination: &'static Dovecot,
}

impl Bench {
    /// Thirty messages are copied. Then their user removes two of the copies, takes a mark off one, and marks another.
    fn new() -> Bench {
        static SOURCE: std::sync::OnceLock<Dovecot> = std::sync::OnceLock::new();
        let source = SOURCE.get_or_init(|| Dovecot::start(Options::maildir_with_dots()));
        let destination = &shared::dovecot_pair().source;
        let migration = Migration::between(source, destination);
        migration.seed("INBOX\n    1..10 plain\n    11..28 read \\Seen\n    twin\n    twin");
        assert_eq!(migration.sync().copied, 30);
        let mut connection = migration.at_destination();
        connection.remove_flags("INBOX", 15, &["\\Seen"]);
        connection.add_flags("INBOX", 5, &["\\Flagged"]);
        connection.expunge("INBOX", &[3, 29]);
        connection.logout();
        Bench { migration, source, destination }
    }

    fn renumber(&self, source: bool, destination: bool) {
        if source {
            renumber(self.source, self.migration.user());
        }
        if destination {
            renumber(self.destination, self.migration.user());
        }
    }

    fn held(&self) -> Vec<MessageState> {
        observe(self.destination, self.migration.user()).mailboxes["INBOX"].messages.clone()
    }

    /// What its user did on the destination is as they did it.
    #[track_caller]
    fn assert_as_left(&self) {
        let held = self.held();
        let flags = |subject: &str| {
            let found: Vec<_> = held.iter().filter(|message| message.label.contains(subject)).collect();
            assert!(found.len() == 1, "{subject}: {held:?}");
            found[0].flags.iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(held.len(), 28);
        assert_eq!((flags("read-15"), flags("read-16")), (vec![], vec!["\\seen".to_owned()]));
        assert_eq!(flags("plain-5"), ["\\flagged"]);
        assert!(!held.iter().any(|message| message.label.contains("plain-3")));
    }
}

/// Holds what issue 11 asks of a new UIDVALIDITY: on the destination, on the source, on both.
#[test]
fn new_uidvalidity_brings_nothing_back_and_doubles_nothing() {
    for (source, destination) in [(false, true), (true, false), (true, true)] {
        let bench = Bench::new();
        bench.renumber(source, destination);
        assert_eq!(bench.migration.sync(), Done::NOTHING, "{source} {destination}");
        bench.assert_as_left();
        bench.migration.assert_second_sync_does_nothing();
        bench.assert_as_left();
        let outcomes = &bench.migration.ferry.status()["outcomes"];
        assert_eq!((count(outcomes, "copied"), count(outcomes, "departed")), (28, 2), "{outcomes}");
        // Both sides go on under the UIDs of now.
        seed(bench.source, bench.migration.user(), "INBOX\n    31 late");
        assert_eq!(bench.migration.sync(), Done { copied: 1, flags_updated: 0 });
    }
}

/// And on the way back, when the links are turned and carried over at once.
#[test]
fn new_uidvalidity_on_the_way_back_brings_nothing_back_and_doubles_nothing() {
    for (source, destination) in [(true, false), (false, true), (true, true)] {
        let bench = Bench::new();
        let before = observe(bench.migration.destination, bench.migration.user());
        bench.renumber(source, destination);
        for expected in [Done { copied: 0, flags_updated: 2 }, Done::NOTHING] {
            bench.migration.run(&["sync", "--reverse"]).expect(0);
            assert_eq!(Done::of(&bench.migration.ferry.status()["last_run"]), expected);
        }
        let messages = |server: &dyn Server| observe(server, bench.migration.user()).mailboxes["INBOX"].messages.len();
        assert_eq!((messages(bench.migration.source), messages(bench.migration.destination)), (30, 28));
        let after = observe(bench.migration.destination, bench.migration.user());
        let flags = |state: &crate::support::state::AccountState| {
            let messages = state.mailboxes["INBOX"].messages.iter();
            messages.map(|message| (message.label.clone(), message.flags.clone())).collect::<Vec<_>>()
        };
        assert_eq!(flags(&before), flags(&after), "the new server was only to be read");
    }
}

#[test]
fn verify_right_after_a_new_uidvalidity_knows_what_was_tied() {
    for (source, destination) in [(false, true), (true, false)] {
        let bench = Bench::new();
        bench.migration.run(&["sync"]).expect(0);
        let before = bench.migration.run(&["verify", "--json", "-"]).json()["totals"].clone();
        bench.renumber(source, destination);
        let after = bench.migration.run(&["verify", "--json", "-"]).json()["totals"].clone();
        assert_eq!(before, after);
    }
}

#[test]
fn mirror_deletes_after_a_new_uidvalidity_what_we_copied_and_nothing_else() {
    for (source, destination) in [(false, true), (true, false), (true, true)] {
        let mut bench = Bench::new();
        bench.migration.run(&["sync"]).expect(0);
        seed(bench.destination, bench.migration.user(), "INBOX\n    40 own");
        bench.migration.ferry.further_settings = MIRROR.to_owned() + "\n";
        bench.migration.run(&["accept", bench.migration.user(), "--reason", "removed by hand"]).expect(0);
        // One goes from the source before, and one after.
        bench.migration.at_source().expunge("INBOX", &[1]);
        bench.renumber(source, destination);
        bench.migration.run(&["sync"]).expect(0);
        let first = observe(bench.source, bench.migration.user()).mailboxes["INBOX"].messages[0].uid;
        bench.migration.at_source().expunge("INBOX", &[first]);
        bench.migration.run(&["sync"]).expect(0);
        let held = bench.held();
        let has = |subject: &str| held.iter().any(|message| message.label.contains(subject));
        assert!(!held.iter().any(|message| ["plain-1", "plain-2"].contains(&message.label.as_str())), "{held:?}");
        assert!(has("own") && has("plain-4"), "{held:?}");
        assert_eq!(held.len(), 27, "{source} {destination}");
        bench.migration.assert_second_sync_does_nothing();
    }
}

/// All of a mailbox may have come again, with other dates: then octets tell, and what was marked stays so.
#[test]
fn copies_with_other_dates_under_a_new_uidvalidity_are_known_by_their_octets() {
    let bench = Bench::new();
    bench.migration.run(&["sync"]).expect(0);
    for entry in
        fs::read_dir(bench.destination.mail_directory(bench.migration.user()).join("Maildir/cur")).expect("cur")
    {
        let file = fs::File::options().append(true).open(entry.expect("an entry").path()).expect("a message");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000)).expect("set the date");
    }
    bench.renumber(false, true);
    assert_eq!(bench.migration.sync(), Done::NOTHING);
    bench.assert_as_left();
    bench.migration.assert_second_sync_does_nothing();
}

/// A mailbox that comes back empty is a question, and not copied again without a word.
#[test]
fn destination_that_is_empty_under_a_new_uidvalidity_is_a_question() {
    let bench = Bench::new();
    for part in ["cur", "new"] {
        let directory = bench.destination.mail_directory(bench.migration.user()).join("Maildir").join(part);
        for entry in fs::read_dir(directory).expect("a part of the mailbox") {
            fs::remove_file(entry.expect("an entry").path()).expect("remove a message");
        }
    }
    bench.renumber(false, true);
    bench.migration.run(&["sync"]).expect(6).complains(&["copies are gone", "restore_missing"]);
    assert_eq!(bench.held().len(), 0);
    let restore = "[sync]\nrestore_missing = true";
    let migration = bench.migration.with_settings(restore);
    migration.run(&["sync"]).expect(0);
    migration.assert_exact();
}

/// Killed wherever it is while it carries links over, and run again.
#[test]
fn kill_while_links_are_carried_over_loses_nothing_of_what_was_known() {
    let bench = Bench::new();
    bench.migration.run(&["sync"]).expect(0);
    for round in 0..6 {
        bench.renumber(round % 2 == 0, true);
        let running = bench.migration.ferry.start(&["sync", "--progress", "plain"]);
        let mut running = running;
        let marks = ["scanning", "another UIDVALIDITY", "planning"];
        running.wait_until_said(|said| said.contains(marks[round % 3]));
        Running::kill(running);
        assert_eq!(bench.migration.sync(), Done::NOTHING, "{round}");
        bench.assert_as_left();
    }
    bench.migration.assert_second_sync_does_nothing();
}

#[test]
fn server_under_another_name_or_port_is_the_same_server() {
    let mut bench = Bench::new();
    bench.migration.run(&["sync"]).expect(0);
    let user = bench.migration.user().to_owned();
    let ports = [bench.source.plain_port(), bench.destination.plain_port()];
    let ferry = &mut bench.migration.ferry;
    let elsewhere =
        |side: Side, port: u16| side.set("host", "\"127.0.0.1\"").set("port", port).set("tls", "\"starttls\"");
    ferry.source = elsewhere(ferry.source.clone(), ports[0]);
    assert_eq!(ferry.sync(), Done::NOTHING);
    ferry.destination = elsewhere(ferry.destination.clone(), ports[1]);
    // A plan of before is not carried out elsewhere.
    ferry.run(&["apply"]).expect(5).complains(&["address"]);
    ferry.run(&["sync", "--progress", "plain"]).expect(0).complains(&["at another address", "the same server"]);
    assert_eq!(Done::of(&ferry.status()["last_run"]), Done::NOTHING);
    bench.assert_as_left();
    // It is where it was: told once, and looked at as before.
    let again = bench.migration.run(&["sync", "--progress", "plain"]).expect(0);
    assert!(!again.stderr.contains("address"), "{again}");
    seed(bench.source, &user, "INBOX\n    31 late");
    assert_eq!(bench.migration.sync(), Done { copied: 1, flags_updated: 0 });
}

/// The name moves to the new server at the cutover, and to a UIDVALIDITY that nobody knows.
#[test]
fn server_at_another_address_and_under_another_uidvalidity_is_known_by_its_messages() {
    let mut bench = Bench::new();
    bench.migration.run(&["sync"]).expect(0);
    bench.renumber(true, true);
    let ferry = &mut bench.migration.ferry;
    ferry.source = ferry.source.clone().set("host", "\"127.0.0.1\"");
    ferry.destination = ferry.destination.clone().set("host", "\"127.0.0.1\"");
    assert_eq!(ferry.sync(), Done::NOTHING);
    bench.assert_as_left();
}

#[test]
fn another_server_with_other_mail_is_refused_and_the_state_stays_as_it_is() {
    let mut bench = Bench::new();
    // Their UIDVALIDITYs must not be of the same second.
    bench.renumber(true, false);
    bench.migration.run(&["sync"]).expect(0);
    let other = Dovecot::start(Options::mdbox_with_slashes());
    let user = bench.migration.users[0].clone();
    other.add_user(&user);
    seed(&other, &user.name, "INBOX\n    1..30 other");
    let [right_source, right_destination] =
        [bench.migration.ferry.source.clone(), bench.migration.ferry.destination.clone()];
    let sides = [
        [Side::of(&other), right_destination.clone()],
        [right_source.clone(), Side::of(&other)],
        // The two sides swapped.
        [right_destination.clone(), right_source.clone()],
    ];
    for [source, destination] in sides {
        (bench.migration.ferry.source, bench.migration.ferry.destination) = (source, destination);
        for command in ["scan", "sync", "verify"] {
            let output = bench.migration.run(&[command]).expect(3);
            output.complains(&["the state holds another", "mailferry forget", "--state"]);
        }
    }
    // One server on both, under two names.
    bench.migration.ferry.source = right_destination.clone().set("host", "\"127.0.0.1\"");
    bench.migration.ferry.destination = right_destination.clone();
    bench.migration.run(&["sync"]).expect(2).complains(&["is its own destination"]);
    (bench.migration.ferry.source, bench.migration.ferry.destination) = (right_source, right_destination);
    assert_eq!(observe(&other, &user.name).mailboxes["INBOX"].messages.len(), 30);
    assert_eq!(bench.migration.sync(), Done::NOTHING);
    bench.assert_as_left();
}

/// Who mistypes a name once is not held to it.
#[test]
fn state_is_bound_to_users_only_when_both_servers_have_let_them_in() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("typed");
    let ferry = |source: &str| {
        let lines = format!("name = \"mover\"\nsource_user = \"{source}\"\ndestination_user = \"{}\"", user.name);
        Ferry::new(Side::of(&pair.source), Side::of(&pair.destination)).with_account_lines(&lines)
    };
    seed(&pair.source, &user.name, "INBOX\n    a");
    let wrong = ferry(&User::fresh("nobody").name);
    assert_ne!(wrong.run(&["sync"]).code, Some(0));
    let right = ferry(&user.name);
    fs::rename(wrong.state(), right.state()).expect("the same state");
    assert_eq!(right.sync().copied, 1);
}

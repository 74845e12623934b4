//! The harness on trial: servers start, serve and end, the notation arrives on them as written,
//! and a comparison finds every kind of difference. An examiner that cannot fail proves nothing.

mod support;

use std::cell::RefCell;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prop_assert;
use proptest::test_runner::TestRunner;
use support::compare::{Automatic, Differences, assert_identical, assert_identical_but_automatic, compare, expect};
use support::cyrus::{self, Cyrus};
use support::dovecot::{self, Dovecot, MasterRights, SpecialUse};
use support::imap::{Connection, NewMessage};
use support::message::{self, Kind};
use support::name::Namespace;
use support::process::{PATIENCE, poll};
use support::property::{Regressions, configured};
use support::seed::{seed, seed_account};
use support::server::{MASTER_PASSWORD, MASTER_USER, Server, User};
use support::state::{AccountState, expected, observe};
use support::{date, mailbox, shared};

/// What every server must keep as it is.
const ORDINARY: &str = r#"
INBOX subscribed
    1 a \Seen \Answered $Label1 NonJunk "01-Jan-2024 10:00:00 +0100"
    2 b \Flagged size:100k
    5 c                                    (UIDs 3 and 4 are expunged)
    10..130 bulk \Seen
Archive/2024 subscribed
    a \Seen "31-Dec-2019 23:59:59 -1130"   (a twin in another mailbox)
    b
    b \Seen                                (a twin in the same mailbox)
"Old mail"/Größe/計画
    d kind:no-message-id
    e kind:no-final-newline
    f kind:empty-body
    g kind:long-lines
    h kind:message-id:a
    i kind:eml:nested-multipart
    j kind:eml:encoded-names
    k kind:eml:two-message-ids
    l kind:eml:commands-in-text
    m kind:eml:long-lines
    n kind:eml:no-message-id
Tom&Jerry
"#;

/// What Cyrus refuses or changes.
const RAW: &str = "
INBOX
    o kind:bare-lf
    p kind:nul
    q kind:8-bit-header
    r kind:eml:8-bit-headers
";

fn seeded_state(server: &dyn Server, notation: &str) -> AccountState {
    let user = User::fresh("seeded");
    server.add_user(&user);
    seed(server, &user.name, notation);
    expect(server, &user.name, notation);
    observe(server, &user.name)
}

// Servers

#[test]
fn dovecot_pair_keeps_what_was_seeded() {
    let pair = shared::dovecot_pair();
    for notation in [ORDINARY, RAW] {
        assert_identical(&seeded_state(&pair.source, notation), &seeded_state(&pair.destination, notation));
    }
}

#[test]
fn cyrus_keeps_what_was_seeded() {
    let state = seeded_state(shared::cyrus(), ORDINARY);
    let original = seeded_state(&shared::dovecot_pair().source, ORDINARY);
    assert_identical(&original, &state);
    seeded_state(shared::cyrus(), "INBOX\n    q kind:8-bit-header\n    r kind:eml:8-bit-headers");
}

#[test]
fn cyrus_with_classic_names_shows_the_same_names() {
    let cyrus = Cyrus::start(cyrus::Options { names: cyrus::Names::Classic, ..Default::default() });
    let user = User::named("anna");
    cyrus.add_user(&user);
    seed(&cyrus, &user.name, ORDINARY);
    expect(&cyrus, &user.name, ORDINARY);
    let listed = cyrus.connect(&user.name).command(br#"LIST "" "*""#);
    assert!(listed.untagged.iter().any(|line| line.ends_with(b"INBOX.Archive.2024\r\n")), "{listed:?}");
}

#[test]
fn dovecot_with_a_prefix_shows_the_same_names() {
    let options = dovecot::Options { namespace_prefix: "INBOX.".to_owned(), ..dovecot::Options::maildir_with_dots() };
    let server = Dovecot::start(options);
    let user = User::named("anna");
    server.add_user(&user);
    seed(&server, &user.name, ORDINARY);
    expect(&server, &user.name, ORDINARY);
    let listed = server.connect(&user.name).command(br#"LIST "" "*""#);
    assert!(listed.untagged.iter().any(|line| line.ends_with(b"INBOX.Archive.2024\r\n")), "{listed:?}");
}

#[test]
fn master_user_opens_accounts_in_both_forms() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("owned");
    let mut connection = Connection::open(pair.source.plain_port());
    connection.login(&format!("{}*{MASTER_USER}", user.name), MASTER_PASSWORD);
    connection.create("Made by the master");
    let mut connection = Connection::open(pair.source.plain_port());
    connection.authenticate_plain(&user.name, MASTER_USER, MASTER_PASSWORD);
    connection.delete("Made by the master");
    expect(&pair.source, &user.name, "INBOX");

    shared::cyrus().add_user(&user);
    let mut connection = Connection::open(shared::cyrus().plain_port());
    connection.authenticate_plain(&user.name, MASTER_USER, MASTER_PASSWORD);
    connection.create("Made by the master");
    expect(shared::cyrus(), &user.name, "INBOX\n\"Made by the master\"");
}

#[test]
fn master_user_without_rights_sees_an_empty_account() {
    let server = Dovecot::start(dovecot::Options { master_rights: MasterRights::None, ..Default::default() });
    server.add_user(&User::named("owner"));
    seed(&server, "owner", "INBOX\n    a\nArchive\n    b");
    let mut connection = Connection::open(server.plain_port());
    connection.authenticate_plain("owner", MASTER_USER, MASTER_PASSWORD);
    assert!(!connection.attempt(b"SELECT INBOX").is_ok());
    expect(&server, "owner", "INBOX\n    a\nArchive\n    b");
}

#[test]
fn wrong_password_and_unknown_user_are_refused() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("guarded");
    let mut connection = Connection::open(pair.source.plain_port());
    let answer = connection.attempt(format!("LOGIN {} wrong", user.name).as_bytes());
    assert!(answer.tagged.contains("[AUTHENTICATIONFAILED]"), "{}", answer.tagged);
    let answer = connection.attempt(b"LOGIN nobody*admin master-secret");
    assert!(!answer.is_ok(), "{}", answer.tagged);
}

#[test]
fn odd_passwords_are_accepted() {
    let password = r#"p "w\*:{}%u #ß€'"#;
    let user = User::fresh("odd").with_password(password);
    shared::dovecot_pair().source.add_user(&user);
    shared::dovecot_pair().source.connect(&user.name).logout();
    shared::cyrus().add_user(&user);
    shared::cyrus().connect(&user.name).logout();
}

#[test]
fn quota_is_enforced_per_user() {
    let large = NewMessage { octets: message::octets("large", &Kind::Plain, 200_000), flags: vec![], date: None };
    let limited = User::fresh("limited").with_quota_kibibytes(100);
    let free = User::fresh("free");
    let dovecot = Dovecot::start(dovecot::Options { quota: true, ..Default::default() });
    let servers: [&dyn Server; 2] = [&dovecot, shared::cyrus()];
    for server in servers {
        server.add_user(&limited);
        server.add_user(&free);
        assert!(!server.connect(&limited.name).attempt_append("INBOX", &large).is_ok());
        assert!(server.connect(&free.name).attempt_append("INBOX", &large).is_ok());
    }
}

#[test]
fn connections_per_user_are_limited() {
    let server = Dovecot::start(dovecot::Options { connections_per_user: 2, ..Default::default() });
    server.add_user(&User::named("busy"));
    let _open = [server.connect("busy"), server.connect("busy")];
    let answer = Connection::open(server.plain_port()).attempt(b"LOGIN busy pw-busy");
    // The code is LIMIT or UNAVAILABLE, as Debian patched it.
    assert!(answer.tagged.contains("Maximum number of connections"), "{}", answer.tagged);
}

#[test]
fn stopped_server_comes_back_with_its_mail() {
    let mut dovecot = Dovecot::start(dovecot::Options::mdbox_with_slashes());
    dovecot.add_user(&User::named("anna"));
    seed(&dovecot, "anna", ORDINARY);
    dovecot.stop();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, dovecot.plain_port())).is_err());
    dovecot.restart();
    expect(&dovecot, "anna", ORDINARY);

    let mut cyrus = Cyrus::start(cyrus::Options::default());
    cyrus.add_user(&User::named("anna"));
    seed(&cyrus, "anna", ORDINARY);
    cyrus.stop();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, cyrus.plain_port())).is_err());
    cyrus.restart();
    expect(&cyrus, "anna", ORDINARY);
}

#[test]
fn special_mailboxes_appear_by_themselves_if_asked() {
    let server = Dovecot::start(dovecot::Options { special_use: SpecialUse::Created, ..Default::default() });
    server.add_user(&User::named("anna"));
    let source = AccountState { mailboxes: [("INBOX".to_owned(), Default::default())].into(), ..Default::default() };
    let destination = observe(&server, "anna");
    assert_identical_but_automatic(&source, &destination);
    let differences = compare(&source, &destination, Automatic::Reported);
    assert_eq!(differences.mailboxes_extra, ["Drafts", "Junk", "Sent", "Trash"]);
}

#[test]
#[should_panic(expected = "no_such_setting")]
fn start_that_fails_shows_the_log() {
    let extra_configuration = vec!["no_such_setting = 1".to_owned()];
    Dovecot::start(dovecot::Options { extra_configuration, ..Default::default() });
}

#[test]
fn tls_ports_and_starttls_answer() {
    let pair = shared::dovecot_pair();
    let servers: [&dyn Server; 3] = [&pair.source, &pair.destination, shared::cyrus()];
    for server in servers {
        assert!(server.authority_file().exists());
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, server.tls_port())).is_ok());
        let answer = Connection::open(server.plain_port()).attempt(b"STARTTLS");
        assert!(answer.is_ok(), "{}\n{}", answer.tagged, server.log());
    }
}

/// Runs this same binary again as a child that starts servers and then waits to be killed.
#[test]
fn killed_test_process_leaves_nothing_behind() {
    let parent = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "servers_for_a_process_that_will_be_killed", "--ignored"])
        .env("HARNESS_DIRECTORY", parent.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("run this binary again");
    let announcement = parent.path().join("ports");
    let ports = poll(PATIENCE, || std::fs::read_to_string(&announcement).ok());
    let ports = ports.expect("the servers of the child start");
    assert!(ports.split_whitespace().all(is_open), "{ports}");

    child.kill().expect("kill the child");
    child.wait().expect("the child ends");
    let gone = poll(PATIENCE, || {
        let closed = !ports.split_whitespace().any(is_open);
        (closed && server_directories(parent.path()).is_empty()).then_some(())
    });
    assert!(gone.is_some(), "still there: {:?}", server_directories(parent.path()));
}

#[test]
#[ignore = "the child of killed_test_process_leaves_nothing_behind"]
fn servers_for_a_process_that_will_be_killed() {
    let parent = PathBuf::from(std::env::var_os("HARNESS_DIRECTORY").expect("run by the other test"));
    let parent_directory = Some(parent.clone());
    let dovecot = Dovecot::start(dovecot::Options { parent_directory: parent_directory.clone(), ..Default::default() });
    let cyrus = Cyrus::start(cyrus::Options { parent_directory, ..Default::default() });
    let unfinished = parent.join("ports.unfinished");
    std::fs::write(&unfinished, format!("{} {}", dovecot.plain_port(), cyrus.plain_port())).expect("write");
    std::fs::rename(&unfinished, parent.join("ports")).expect("rename");
    loop {
        std::thread::park();
    }
}

fn is_open(port: &str) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse::<u16>().expect("a port"))).is_ok()
}

fn server_directories(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).expect("list a directory");
    entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect()
}

// Comparison

/// How the account of `after` differs from the one of `before`, both seen on a real server.
fn differences(before: &str, after: &str) -> Differences {
    let server = &shared::dovecot_pair().source;
    let [before, after] = [before, after].map(|notation| expected(server, notation));
    compare(&before, &after, Automatic::Reported)
}

const BEFORE: &str = "
INBOX subscribed
    a \\Seen
    b
    c $Label1
Archive
    a
    a \\Flagged
";

#[test]
fn comparison_of_equals_finds_nothing() {
    assert!(differences(BEFORE, BEFORE).is_empty());
}

#[test]
fn comparison_finds_each_kind_of_difference_and_no_other() {
    let count = |before: &str, after: &str| {
        let found = differences(BEFORE, &BEFORE.replacen(before, after, 1));
        assert!(!found.to_string().is_empty(), "a difference that cannot be read");
        [
            found.missing.len(),
            found.extra.len(),
            found.duplicated.len(),
            found.altered.len(),
            found.flags_differ.len(),
            found.dates_differ.len(),
            found.order_differs.len(),
            found.mailboxes_missing.len(),
            found.mailboxes_extra.len(),
            found.subscriptions_missing.len(),
            found.subscriptions_extra.len(),
        ]
    };
    assert_eq!(count("    b\n", ""), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "missing");
    assert_eq!(count("    b\n", "    b\n    x\n"), [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "extra");
    assert_eq!(count("    b\n", "    b\n    b\n"), [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "duplicated");
    assert_eq!(count("    b\n", "    b size:9k\n"), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], "altered");
    assert_eq!(count("c $Label1", "c $Label2"), [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], "flags");
    assert_eq!(count("b\n", "b \"01-Jan-2001 00:00:00 +0000\"\n"), [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], "dates");
    assert_eq!(count("    b\n    c $Label1\n", "    c $Label1\n    b\n"), [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], "order");
    assert_eq!(count("Archive", "Elsewhere"), [2, 2, 0, 0, 0, 0, 0, 1, 1, 0, 0], "mailbox");
    assert_eq!(count("INBOX subscribed", "INBOX"), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], "not subscribed");
    assert_eq!(count("Archive", "Archive subscribed"), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "subscribed");
}

#[test]
fn comparison_counts_twins() {
    let one_twin_lost = BEFORE.replace("    a \\Flagged\n", "");
    let found = differences(BEFORE, &one_twin_lost);
    assert_eq!((found.missing.len(), found.flags_differ.len()), (1, 0), "{found}");
    let twins_swapped = BEFORE.replace("    a\n    a \\Flagged\n", "    a \\Flagged\n    a\n");
    assert!(differences(BEFORE, &twins_swapped).is_empty(), "twins in another order are the same mailbox");
}

#[test]
fn changes_on_a_server_are_seen() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("changing");
    seed(&pair.source, &user.name, "INBOX\n    1..4 a\nOld\n    b\nGone");
    let mut connection = pair.source.connect(&user.name);
    connection.add_flags("INBOX", 1, &["\\Flagged", "$Label1"]);
    connection.add_flags("INBOX", 2, &["\\Deleted"]);
    connection.expunge("INBOX", &[3]);
    connection.rename("Old", "New");
    connection.delete("Gone");
    connection.subscribe("New");
    let after = "INBOX\n    1 a-1 \\Flagged $Label1\n    2 a-2 \\Deleted\n    4 a-4\nNew subscribed\n    b";
    expect(&pair.source, &user.name, after);
    connection.remove_flags("INBOX", 1, &["\\Flagged"]);
    connection.unsubscribe("New");
    expect(&pair.source, &user.name, &after.replace("\\Flagged ", "").replace(" subscribed", ""));
}

#[test]
#[should_panic(expected = "missing: 1")]
fn expectation_that_is_not_met_panics_with_the_difference() {
    let user = shared::dovecot_pair().add_fresh_user("short");
    expect(&shared::dovecot_pair().source, &user.name, "INBOX\n    a");
}

// Notation

#[test]
fn uids_of_the_notation_are_the_uids_on_the_server() {
    let state = seeded_state(&shared::dovecot_pair().destination, "INBOX\n    3 a\n    7..9 b\n    c\n    20 d");
    let uids: Vec<u32> = state.mailboxes["INBOX"].messages.iter().map(|message| message.uid).collect();
    assert_eq!(uids, [3, 7, 8, 9, 10, 20]);
}

#[test]
#[should_panic(expected = "the octets of `a` are already fixed above: ")]
fn notation_with_two_meanings_of_a_message_is_refused() {
    mailbox::parse("INBOX\n    a\n    a size:2k");
}

#[test]
fn demo_accounts_can_be_seeded() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/seed/demo.txt");
    let accounts = mailbox::parse_accounts(&std::fs::read_to_string(file).expect("the demo's accounts"));
    assert_eq!(accounts.keys().collect::<Vec<_>>(), ["alice", "bob", "carol"]);
    let pair = shared::dovecot_pair();
    for account in accounts.values() {
        let user = pair.add_fresh_user("demo");
        seed_account(&pair.source, &user.name, account);
        let found = observe(&pair.source, &user.name).mailboxes;
        for mailbox in &account.mailboxes {
            assert_eq!(found[&mailbox.name].messages.len(), mailbox.messages.len(), "{}", mailbox.name);
        }
    }
}

#[test]
fn sizes_are_met() {
    for size in [1_000, 1_001, 5_000_000] {
        let octets = message::octets("sized", &Kind::Plain, size);
        assert!(octets.len().abs_diff(size) <= 1, "{} instead of {size}", octets.len());
        assert!(octets.ends_with(b"\r\n"));
    }
}

#[test]
fn names_travel_both_ways() {
    let dots = Namespace { prefix: "INBOX.".to_owned(), delimiter: '.' };
    let slashes = Namespace { prefix: String::new(), delimiter: '/' };
    for (namespace, name, wire) in [
        (&dots, "Archive/2024", "INBOX.Archive.2024"),
        (&dots, "INBOX", "INBOX"),
        (&dots, "a\\/b/c", "INBOX.a/b.c"),
        (&slashes, "v1.2/Größe", "v1.2/Gr&APYA3w-e"),
        (&slashes, "Tom&Jerry", "Tom&-Jerry"),
        (&slashes, "計画", "&igh1Ow-"),
        (&slashes, "😀", "&2D3eAA-"),
    ] {
        assert_eq!(namespace.encode(name), wire);
        assert_eq!(namespace.decode(wire), name);
    }
}

#[test]
fn internal_dates_are_instants() {
    for (text, instant) in [
        ("01-Jan-1970 00:00:00 +0000", 0),
        ("29-Feb-2024 12:00:00 +0000", 1_709_208_000),
        ("31-Dec-1999 23:59:59 +0000", 946_684_799),
    ] {
        assert_eq!(date::parse_internal_date(text), Some(instant));
        assert_eq!(date::format_internal_date(instant), text);
    }
    assert_eq!(date::parse_internal_date(" 1-Jan-1970 01:30:00 +0130"), Some(0));
    assert_eq!(date::parse_internal_date("31-Dec-1969 18:30:00 -0530"), Some(0));
    assert_eq!(date::parse_internal_date("yesterday"), None);
}

/// All that a property is tried on with this configuration, and whether one case failed: one number in a hundred does.
fn tried(cases: u32, regressions: Regressions) -> (Vec<u32>, bool) {
    let seen = RefCell::new(Vec::new());
    let result = TestRunner::new(configured(cases, regressions)).run(&(0..1_000_000u32), |number| {
        seen.borrow_mut().push(number);
        prop_assert!(number % 100 != 17);
        Ok(())
    });
    (seen.into_inner(), result.is_err())
}

#[test]
fn property_has_the_same_cases_each_time_and_others_from_another_seed() {
    let from = |seed| tried(50, Regressions { file: "/nowhere", seed, rounds: None });
    assert_eq!(from(1), from(1));
    assert_ne!(from(1), from(2));
}

#[test]
fn property_that_failed_in_torture_is_tried_on_the_same_case_from_then_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("regressions/some.txt");
    let file: &'static str = path.to_str().expect("a name").to_owned().leak();
    let usual = |seed| Regressions { file, seed, rounds: None };
    assert!(tried(1_000, usual(1)).1);
    assert!(!path.exists(), "a usual run changes nothing");
    let tortured = Regressions { rounds: Some(20), ..usual(1) };
    assert!(tortured.replay().starts_with("PROPERTY_ROUNDS=20 MAILFERRY_SEED=1 cargo test"), "{}", tortured.replay());
    let (seen, failed) = tried(50, tortured);
    assert!(failed && path.exists());
    let first_failure = seen.iter().find(|number| **number % 100 == 17).expect("a failure");
    // No case of its own, from another seed: what failed comes first all the same.
    let (again, failed) = tried(0, usual(2));
    assert!(failed);
    assert_eq!(again.first(), Some(first_failure));
}

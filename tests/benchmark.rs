//! The measuring tools of `benches/migration`: what a figure rests on.

#![allow(dead_code)]

#[path = "../benches/migration/both_ways/acts.rs"]
mod acts;
#[path = "../benches/migration/both_ways/book.rs"]
mod book;
#[path = "../benches/migration/comparison.rs"]
mod comparison;
#[path = "../benches/migration/corpus.rs"]
mod corpus;
#[path = "../benches/migration/delay_line.rs"]
mod delay_line;
#[path = "../benches/migration/encrypted.rs"]
mod encrypted;
#[path = "../benches/migration/launch.rs"]
mod launch;
#[path = "../benches/migration/pipe.rs"]
mod pipe;
#[path = "../benches/migration/random.rs"]
mod random;
#[path = "../benches/migration/both_ways/scenarios.rs"]
mod scenarios;
#[path = "../benches/migration/session.rs"]
mod session;
#[path = "../benches/migration/spread.rs"]
mod spread;
mod support;
#[path = "../benches/migration/synthetic/mod.rs"]
mod synthetic;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use acts::Act;
use book::Book;
use comparison::{Verdict, compare};
use corpus::Corpus;
use delay_line::DelayLine;
use encrypted::Door;
use launch::{Invocation, Launch, Usage};
use pipe::Job;
use scenarios::{Disturbance, MAIL, SCENARIOS, Scenario};
use spread::Spread;
use support::ferry::{Done, Ferry, Side};
use support::mailbox;
use support::proxy::fault::Strike;
use support::seed::seed_account;
use support::server::{Server, User};
use support::shared::dovecot_pair;
use synthetic::{Shape, Synthetic};

/// What takes so long has come to a stop.
const PATIENCE: Duration = Duration::from_secs(60);
const ROUND_TRIP: Duration = Duration::from_millis(100);

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its number").port();
    (listener, port)
}

fn through(line: &DelayLine) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, line.port())).expect("connect to the line")
}

#[test]
fn delay_line_each_ping_takes_a_round_trip() {
    let (listener, port) = listener();
    thread::spawn(move || {
        let (mut server, _) = listener.accept().expect("a client");
        let mut octet = [0];
        while server.read_exact(&mut octet).is_ok() {
            server.write_all(&octet).expect("answer");
        }
    });
    let opened = Instant::now();
    let mut client = through(&DelayLine::to(port, ROUND_TRIP));
    let mut octet = [7];
    let mut ping = || {
        let start = Instant::now();
        client.write_all(&octet).expect("ask");
        client.read_exact(&mut octet).expect("the answer");
        start.elapsed()
    };
    ping();
    assert!(opened.elapsed() >= 2 * ROUND_TRIP, "the opening of a connection costs one, too: {:?}", opened.elapsed());
    // A busy machine makes some of them longer, and none shorter.
    let shortest = (0..4).map(|_| ping()).min().expect("four pings");
    assert!(shortest >= ROUND_TRIP, "{shortest:?}");
}

/// A line with a window would stop taking octets while nobody reads at the other end.
#[test]
fn delay_line_takes_a_hundred_megabytes_while_nobody_reads() {
    const OCTETS: usize = 100_000_000;
    let (listener, port) = listener();
    let mut client = through(&DelayLine::to(port, ROUND_TRIP));
    let (mut server, _) = listener.accept().expect("the line connects");
    let sent: Vec<u8> = (0..1_000_000u32).map(|number| ((number * 31) >> 5) as u8).collect();
    let (done, all_taken) = channel();
    let message = sent.clone();
    thread::spawn(move || {
        (0..OCTETS / message.len()).for_each(|_| client.write_all(&message).expect("send"));
        drop(client);
        done.send(()).expect("the test waits");
    });
    all_taken.recv_timeout(PATIENCE).expect("the line takes all");
    let mut found = Vec::with_capacity(OCTETS);
    server.read_to_end(&mut found).expect("all arrives");
    assert_eq!(found.len(), OCTETS);
    assert!(found.chunks(sent.len()).all(|chunk| chunk == sent), "octets are altered");
}

/// Runs these scripts, two at once.
fn launched(scripts: &[&str], time_limit_seconds: u64) -> Usage {
    let directory = tempfile::tempdir().expect("a directory to run in");
    let invocation = |script: &&str| Invocation {
        program: "sh".into(),
        arguments: vec!["-c".to_owned(), (*script).to_owned()],
        environment: vec![("STATUS".to_owned(), "3".to_owned())],
        directory: directory.path().to_owned(),
    };
    let invocations = scripts.iter().map(invocation).collect();
    launch::run(&Launch { invocations, at_once: 2, time_limit_seconds, log: directory.path().join("log") })
}

#[test]
fn launch_programs_run_at_once_and_the_worst_status_is_told() {
    let first = "touch first; until test -e second; do sleep 0.01; done";
    let second = "touch second; until test -e first; do sleep 0.01; done; exit $STATUS";
    let usage = launched(&[first, second, "true"], PATIENCE.as_secs());
    assert_eq!((usage.status, usage.timed_out), (3, false));
    assert!(usage.memory_octets > 100_000 && usage.cpu_seconds > 0.0, "{usage:?}");
}

#[test]
fn launch_programs_at_the_time_limit_are_killed() {
    let usage = launched(&["exec sleep 1000"; 5], 1);
    assert_eq!((usage.status, usage.timed_out), (128 + 9, true));
}

#[test]
fn spread_of_runs_is_their_least_median_and_greatest() {
    let spread = |figures: &[f64]| Spread::of(figures.iter().copied());
    assert_eq!(spread(&[]), None);
    assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, greatest: 3.0 }));
    assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some(Spread { least: 1.0, median: 2.5, greatest: 4.0 }));
}

#[test]
fn corpus_same_seed_is_the_same_octets() {
    let first = |name: &str, seed, account, further| {
        let mut writer = Corpus::named(name, 0.01, seed).writer(account, further);
        (0..20).map(|_| writer.message().octets).collect::<Vec<_>>()
    };
    assert_eq!(first("small", 1, 0, false), first("small", 1, 0, false));
    let others = [
        first("small", 2, 0, false),
        first("mixed", 1, 0, false),
        first("small", 1, 1, false),
        first("small", 1, 0, true),
    ];
    for other in others {
        assert_ne!(first("small", 1, 0, false), other);
    }
}

#[test]
fn corpus_sizes_are_as_in_peoples_mailboxes() {
    let corpus = Corpus::named("mixed", 1.0, 1);
    assert_eq!((corpus.messages(), corpus.mailboxes.len()), (20_000, 40));
    let mut writer = corpus.writer(0, false);
    let mut sizes: Vec<usize> = (0..2_000).map(|_| writer.message().octets.len()).collect();
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((10_500..14_000).contains(&sizes[sizes.len() / 2]), "median {}", sizes[sizes.len() / 2]);
    assert!((26_000..36_000).contains(&mean), "mean {mean}");
}

/// Both accounts of a new user, seeded.
fn accounts(source: &str, destination: &str) -> User {
    let pair = dovecot_pair();
    let user = pair.add_fresh_user("benchmark");
    seed_account(&pair.source, &user.name, &mailbox::parse(source));
    seed_account(&pair.destination, &user.name, &mailbox::parse(destination));
    user
}

fn verdict(user: &User) -> Verdict {
    let pair = dovecot_pair();
    compare(pair.source.plain_port(), pair.destination.plain_port(), &user.name, &user.password)
}

const SEED: &str =
    "INBOX\n    1 a \\Seen $Label1\n    2 b \\Flagged size:100k\n    3..130 bulk\n\"Old mail\"/Grüße\n    a\nEmpty\n";

#[test]
fn comparison_alike_accounts_are_exact() {
    let verdict = verdict(&accounts(SEED, SEED));
    assert!(verdict.is_exact() && verdict.compared == 131, "{verdict:?}");
}

#[test]
fn comparison_counts_each_kind_of_difference() {
    let source = "INBOX\n    a\n    b\n    c\n    d\nOld\n    e\n";
    let destination = "INBOX\n    b\n    b\n    c \\Seen\n    d \"01-Jan-2024 10:00:00 +0100\"\nNew\n    e\n";
    let verdict = verdict(&accounts(source, destination));
    let expected = Verdict { compared: 5, missing: 2, extra: 2, altered: 0, marked_otherwise: 2 };
    assert_eq!(verdict, expected);
    assert_eq!(verdict.to_string(), "2 missing, 2 extra, 2 with other flags or date");
}

/// mbsync 1.4 adds such a field to every message.
#[test]
fn comparison_message_with_an_added_field_is_altered_and_not_missing() {
    let pair = dovecot_pair();
    let user = accounts("INBOX\n    a\n    b\n", "INBOX\n    b\n");
    let mut connection = pair.source.connect(&user.name);
    let (_, messages) = connection.fetch_all("INBOX");
    let octets = [b"X-TUID: 0123456789ab\r\n", messages[0].octets.as_slice()].concat();
    let copy = support::imap::NewMessage { octets, flags: Vec::new(), date: Some(messages[0].date) };
    pair.destination.connect(&user.name).append("INBOX", &[copy]);
    assert_eq!(verdict(&user), Verdict { compared: 2, altered: 1, ..Verdict::default() });
}

/// A scenario in which these users act, and both sides as the tool left them.
fn faults(here: &'static [Act], there: &'static [Act], sides: [&str; 2]) -> String {
    let scenario = Scenario { name: "", here, there, disturbance: Disturbance::None, disputed: &[], question: None };
    let user = accounts(sides[0], sides[1]);
    let pair = dovecot_pair();
    let ports = [pair.source.plain_port(), pair.destination.plain_port()];
    Book::of(&scenario).compare(ports, &user, None).to_string()
}

#[test]
fn book_of_both_ways_knows_each_kind_of_fault() {
    let deleted: &[Act] = &[Act::Delete("INBOX", "m-1"), Act::Deliver("INBOX", "new")];
    let flagged: &[Act] = &[Act::Delete("INBOX", "m-1"), Act::Set("INBOX", "m-2", "\\Flagged")];
    let done = MAIL.replacen("1..8 m \\Seen", "2 m-2 \\Seen \\Flagged\n    3..8 m \\Seen", 1) + "\nINBOX\n    16 new";
    assert_eq!(faults(deleted, flagged, [&done, &done]), "exact");
    assert_eq!(faults(&[], flagged, [&done, &done]), "1 strange");
    assert_eq!(faults(deleted, &[], [&done, &done]), "1 with other flags");
    assert_eq!(faults(deleted, flagged, [&format!("{done}\n    17 new"), &done]), "1 doubled");
    assert_eq!(faults(&[], &[], [MAIL, &MAIL.replacen("    15 bare kind:no-message-id\n", "", 1)]), "1 not across");
    let undone = [MAIL, &MAIL.replacen("1..8 m", "2..8 m", 1)];
    assert_eq!(faults(&[], &[Act::Delete("INBOX", "m-1")], undone), "1 not deleted");
    assert_eq!(faults(&[], &[Act::Delete("INBOX", "m-1")], [MAIL; 2]), "1 resurrected");
    assert_eq!(faults(&[], &[], [&MAIL.replacen("1..3 o", "2..3 o", 1); 2]), "1 lost");
    assert_eq!(faults(&[Act::Create("New")], &[], [&format!("{MAIL}\nNew"), MAIL]), "1 mailbox missing or too many");
}

#[test]
fn scenarios_of_both_ways_are_struck_at_places_that_there_are() {
    for scenario in SCENARIOS {
        match scenario.disturbance {
            Disturbance::Strike(strike) => drop(strike.parse::<Strike>().expect(scenario.name)),
            Disturbance::Meanwhile { place, .. } => {
                drop(format!("{place}=hook").parse::<Strike>().expect(scenario.name))
            }
            _ => {}
        }
    }
}

fn job(users: &[User], connections: usize) -> Job {
    let pair = dovecot_pair();
    Job {
        source: Door::in_clear_text(pair.source.plain_port()),
        destination: Door::in_clear_text(pair.destination.plain_port()),
        accounts: users.iter().map(|user| (user.name.clone(), user.password.clone())).collect(),
        connections,
    }
}

#[test]
fn pipe_over_one_connection_or_several_copies_all() {
    for connections in [1, 4] {
        let users = [accounts(SEED, "")];
        pipe::run(&job(&users, connections));
        assert!(verdict(&users[0]).is_exact(), "{connections} connections: {}", verdict(&users[0]));
    }
}

#[test]
fn pipe_over_tls_copies_all() {
    let pair = dovecot_pair();
    let over_tls =
        |server: &dyn Server| Door { port: server.tls_port(), authority: Some(server.authority_file().to_owned()) };
    let users = [accounts(SEED, "")];
    let (source, destination) = (over_tls(&pair.source), over_tls(&pair.destination));
    pipe::run(&Job { source, destination, ..job(&users, 2) });
    assert!(verdict(&users[0]).is_exact(), "{}", verdict(&users[0]));
}

#[test]
fn pipe_copies_several_accounts_at_once() {
    let users = [accounts(SEED, ""), accounts(SEED, ""), accounts(SEED, "")];
    pipe::run(&job(&users, 2));
    users.iter().for_each(|user| assert!(verdict(user).is_exact(), "{}", verdict(user)));
}

fn ferry_between(source: &Synthetic, destination: &Synthetic, accounts: usize) -> Ferry {
    let [source, destination] = [source, destination].map(|server| Side::in_clear_text(server.port()));
    (0..accounts).fold(Ferry::new(source, destination), |ferry, _| ferry.with_account(&User::fresh("synthetic")))
}

#[test]
fn synthetic_servers_of_one_shape_hold_the_same_messages() {
    let shape = Shape { mailboxes: 103, messages: 5, octets: 1_000 };
    let (source, destination) = (Synthetic::start(shape), Synthetic::start(shape));
    let ferry = ferry_between(&source, &destination, 1);
    assert_eq!(ferry.sync(), Done::NOTHING);
    ferry.run(&["verify", "--deep"]).expect(0).says("Identical: 515 messages in 103 mailboxes");
    let scan = ferry.run(&["scan"]).expect(0);
    assert_eq!(scan.stdout.matches("103 mailboxes   (all unchanged)").count(), 2, "{scan}");
    source.receive();
    assert_eq!(ferry.sync(), Done { copied: 1, ..Done::NOTHING });
    assert_eq!(ferry.sync(), Done::NOTHING);
    ferry.run(&["verify", "--deep"]).expect(0).says("Identical: 516 messages");
}

#[test]
fn synthetic_accounts_do_not_share_what_is_appended() {
    let shape = Shape { mailboxes: 3, messages: 2, octets: 0 };
    let (source, destination) = (Synthetic::start(shape), Synthetic::start(shape));
    source.receive();
    let ferry = ferry_between(&source, &destination, 3);
    ferry.run(&["sync"]).expect(0);
    assert_eq!(destination.appended_octets().len(), 3);
    ferry.run(&["verify"]).expect(0);
}

#[test]
fn synthetic_large_message_arrives_octet_for_octet_and_is_not_kept() {
    const OCTETS: u64 = 3_000_001;
    let source = Shape { mailboxes: 1, messages: 1, octets: OCTETS };
    let (source, destination) = (Synthetic::start(source), Synthetic::start(Shape { messages: 0, ..source }));
    let ferry = ferry_between(&source, &destination, 1);
    assert_eq!(ferry.sync(), Done { copied: 1, ..Done::NOTHING });
    assert_eq!(destination.appended_octets(), [OCTETS]);
    assert_eq!(ferry.sync(), Done::NOTHING);
    ferry.run(&["verify"]).expect(0).says("Identical: 1 message");
}

//! What it takes to follow what people file elsewhere: 10,000 messages that were moved to another mailbox, and a tree of 50 mailboxes
//! that has another name. Mailferry alone, in each mode, with moves followed or not; what passes on the line is counted.

use std::time::Duration;

use super::comparison::Verdict;
use super::corpus::Corpus;
use super::encrypted::Door;
use super::servers::{Encryption, Line, Pair, Prepared, Ready};
use super::settings::Settings;
use super::spread::Spread;
use super::support::imap::Connection;
use super::support::relay::Relay;
use super::table::shown;
use super::tools::{self, Task, Ways};

/// The name among the corpora.
pub const MOVED: &str = "moved";

const MESSAGES: f64 = 10_000.0;
const MAILBOXES: usize = 50;
const OF_A_MAILBOX: usize = 40;

/// What happens on the source between two runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Happening {
    Moved,
    Renamed,
}

/// What stands under `[sync]`.
const SETTINGS: [(&str, &str); 6] = [
    ("copy", "mode = \"copy\"\nfollow_moves = false"),
    ("copy, followed", "mode = \"copy\"\nfollow_moves = true"),
    ("mirror", "mode = \"mirror\"\nfollow_moves = false\ndelete_guard = \"100%\""),
    ("mirror, followed", "mode = \"mirror\"\nfollow_moves = true\ndelete_guard = \"100%\""),
    ("two-way", "mode = \"two-way\"\nfollow_moves = false\ndeleted = \"expunge\"\ndelete_guard = \"100%\""),
    ("two-way, followed", "mode = \"two-way\"\nfollow_moves = true\ndeleted = \"expunge\"\ndelete_guard = \"100%\""),
];

/// One sync behind what happened.
struct Measured {
    seconds: f64,
    /// On both lines, either way.
    octets: u64,
    status: i32,
    verdict: Verdict,
}

/// Measures all, and writes tables.
pub fn bench(settings: &Settings) {
    let pair = Pair::start(settings.directory.as_deref());
    for happening in [Happening::Moved, Happening::Renamed] {
        let prepared = pair.prepare(happening.corpus(settings));
        for round_trip in &settings.round_trips {
            println!("### {MOVED}: {}; {round_trip} ms\n", happening.title(&prepared));
            println!("| `[sync]` | wall | least to greatest | octets on the line | result |\n|---|--:|--:|--:|---|");
            let mut rows: Vec<Vec<Measured>> = SETTINGS.iter().map(|_| Vec::new()).collect();
            for _ in 0..settings.runs {
                for (row, (name, sync)) in rows.iter_mut().zip(SETTINGS) {
                    eprintln!("{MOVED}, {round_trip} ms: {name}");
                    row.push(measure(settings, &pair, &prepared, happening, *round_trip, sync));
                }
            }
            for ((name, _), row) in SETTINGS.iter().zip(&rows) {
                println!("{}", text(name, row));
            }
            println!();
        }
        pair.remove(prepared);
    }
}

fn text(name: &str, row: &[Measured]) -> String {
    let wall = Spread::of(row.iter().map(|it| it.seconds)).expect("some runs");
    let octets = Spread::of(row.iter().map(|it| it.octets as f64)).expect("some runs").median;
    let last = row.last().expect("some runs");
    let status = if last.status == 0 { String::new() } else { format!("; exit status {}", last.status) };
    let [least, median, greatest] = [wall.least, wall.median, wall.greatest].map(shown);
    let megabytes = octets / 1e6;
    format!("| {name} | {median} s | {least} to {greatest} | {megabytes:.1} MB | {}{status} |", last.verdict)
}

impl Happening {
    fn corpus(self, settings: &Settings) -> Corpus {
        let mailboxes = match self {
            Happening::Moved => vec![("INBOX", (MESSAGES * settings.scaling) as usize)],
            Happening::Renamed => {
                let below = (1..MAILBOXES).map(|number| &*format!("Projects/{:02}", number).leak());
                let tree = std::iter::once("Projects").chain(below);
                std::iter::once(("INBOX", 1)).chain(tree.map(|name| (name, OF_A_MAILBOX))).collect()
            }
        };
        Corpus::of_mail(MOVED, mailboxes, settings.seed)
    }

    fn title(self, prepared: &Prepared) -> String {
        let (messages, size) = (prepared.corpus.messages(), prepared.octets as f64 / 1e6);
        match self {
            Happening::Moved => format!("{messages} messages, {size:.0} MB, moved to another mailbox"),
            Happening::Renamed => format!("a tree of {MAILBOXES} mailboxes renamed, {messages} messages, {size:.0} MB"),
        }
    }

    fn happen(self, connection: &mut Connection) {
        match self {
            Happening::Moved => {
                connection.create("Archive");
                connection.select("INBOX");
                connection.command(b"UID MOVE 1:* Archive");
            }
            Happening::Renamed => connection.rename("Projects", "Finished"),
        }
    }
}

fn measure(
    settings: &Settings,
    pair: &Pair,
    prepared: &Prepared,
    happening: Happening,
    round_trip: u64,
    sync: &str,
) -> Measured {
    let at_hand = pair.ready(prepared, false, Line { round_trip, encryption: Encryption::None });
    let relays = [&at_hand.source, &at_hand.destination].map(|door| Relay::start(door.port, Duration::ZERO));
    let passed = || relays.iter().map(|relay| relay.sent() + relay.received()).sum::<u64>();
    let ports = relays.each_ref().map(Relay::port);
    let (status, _) = run(settings, &at_hand, ports, sync);
    assert_eq!(status, 0, "the first sync");
    let mut connection = pair.servers()[0].connect(&at_hand.users[0].name);
    happening.happen(&mut connection);
    connection.logout();
    let before = passed();
    let (status, seconds) = run(settings, &at_hand, ports, sync);
    let octets = passed() - before;
    let measured = Measured { seconds, octets, status, verdict: pair.compare(&at_hand) };
    eprintln!("    {seconds:.2} s, {octets} octets, {}, exit status {status}", measured.verdict);
    pair.clear(at_hand);
    measured
}

/// The exit status, and how long it took.
fn run(settings: &Settings, ready: &Ready, ports: [u16; 2], sync: &str) -> (i32, f64) {
    let [source, destination] = ports.map(Door::in_clear_text);
    let task = Task {
        users: &ready.users,
        source,
        destination,
        directory: ready.directory.path(),
        jobs: 1,
        destination_configuration: ready.destination_configuration.clone(),
        ways: Ways::One,
    };
    let usage = tools::run(settings, &task, vec![tools::mailferry_set(&task, sync)]);
    (usage.status, usage.wall_seconds)
}

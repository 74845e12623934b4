//! How time and memory grow: mailferry alone, between two servers that invent their mail ([`super::synthetic`]), at three
//! sizes of each thing that can be many or large. Where the rate of a column stays, its time grows no faster than the
//! size.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::encrypted::Door;
use super::launch::{Invocation, Usage};
use super::settings::Settings;
use super::support::server::User;
use super::synthetic::{Shape, Synthetic};
use super::table::{mebibytes, shown};
use super::tools::{self, Task, Ways};

/// The name among the corpora.
pub const SCALING: &str = "scaling";

/// A small message; most of them are never sent.
const OCTETS: u64 = 4_000;

const JOBS: usize = 16;

/// Something that grows.
struct Growth {
    title: &'static str,
    /// What is counted for the rate, and in which portions.
    unit: &'static str,
    portion: u64,
    sizes: [u64; 3],
    of_size: fn(u64) -> Case,
}

/// Accounts on both sides.
struct Case {
    accounts: u64,
    source: Shape,
    destination: Shape,
}

impl Case {
    fn alike(accounts: u64, mailboxes: u64, messages: u64) -> Case {
        let number = |size: u64| u32::try_from(size).expect("a number of 32 bits");
        let shape = Shape { mailboxes: number(mailboxes), messages: number(messages), octets: OCTETS };
        Case { accounts, source: shape, destination: shape }
    }

    fn one_message(octets: u64) -> Case {
        let source = Shape { mailboxes: 1, messages: 1, octets };
        Case { accounts: 1, source, destination: Shape { messages: 0, ..source } }
    }
}

const GROWTHS: [Growth; 4] = [
    Growth {
        title: "messages of a mailbox",
        unit: "messages/s",
        portion: 1,
        sizes: [10_000, 100_000, 1_000_000],
        of_size: |messages| Case::alike(1, 1, messages),
    },
    Growth {
        title: "mailboxes of an account, of 3 messages each",
        unit: "mailboxes/s",
        portion: 1,
        sizes: [100, 1_000, 10_000],
        of_size: |mailboxes| Case::alike(1, mailboxes, 3),
    },
    Growth {
        title: "accounts, 16 at once, of 3 mailboxes of 3 messages each",
        unit: "accounts/s",
        portion: 1,
        sizes: [10, 100, 1_000],
        of_size: |accounts| Case::alike(accounts, 3, 3),
    },
    Growth {
        title: "octets of a message that is copied",
        unit: "MB/s",
        portion: 1_000_000,
        sizes: [10_000_000, 100_000_000, 1_000_000_000],
        of_size: Case::one_message,
    },
];

/// What one size of something cost.
struct Row {
    size: u64,
    first: Usage,
    /// Nothing new.
    again: Usage,
    /// `verify`, and a message more in each account; not where there is only one.
    more: Option<[Usage; 2]>,
    result: String,
}

/// Measures all, and writes a table of each.
pub fn bench(settings: &Settings) {
    for growth in &GROWTHS {
        let sizes = growth.sizes.map(|size| ((size as f64 * settings.scaling) as u64).max(1));
        let rows: Vec<Row> = sizes.into_iter().map(|size| measure(settings, growth, size)).collect();
        println!("### {SCALING}: {}\n\n{}", growth.title, table(growth, &rows));
    }
    println!("### {SCALING}: accounts at rest\n\n{}", at_rest(settings));
}

/// So many are in the settings, and as many of them are synced as a short run comes to.
const RESTING: [u64; 3] = [1_000, 10_000, 100_000];

/// What accounts cost that nobody works on.
fn at_rest(settings: &Settings) -> String {
    let mut text =
        "| accounts | sync, 10 s: memory | again: memory | status: wall | memory |\n|--:|--:|--:|--:|--:|\n".to_owned();
    for accounts in RESTING.map(|accounts| ((accounts as f64 * settings.scaling) as u64).max(1)) {
        let [first, again, status] = between_servers(&Case::alike(accounts, 1, 3), |task, _, _| {
            let sync = || {
                let mut sync = tools::mailferry(task);
                sync.arguments.extend(["--max-time", "10s"].map(str::to_owned));
                sync
            };
            let status = Invocation { arguments: vec!["status".to_owned()], ..sync() };
            eprintln!("{SCALING}, {accounts} accounts at rest");
            [sync(), sync(), status].map(|invocation| tools::run(settings, task, vec![invocation]))
        });
        let memory = |usage: &Usage| mebibytes(usage.memory_octets as f64);
        let (size, wall) = (grouped(accounts), shown(status.wall_seconds));
        let _ = writeln!(text, "| {size} | {} | {} | {wall} s | {} |", memory(&first), memory(&again), memory(&status));
    }
    text
}

/// Does the work with servers that hold such accounts, and with an empty state.
fn between_servers<T>(case: &Case, work: impl FnOnce(&Task, &Synthetic, &Synthetic) -> T) -> T {
    let (source, destination) = (Synthetic::start(case.source), Synthetic::start(case.destination));
    let directory = tempfile::tempdir().expect("a directory for the state");
    let users: Vec<User> = (0..case.accounts).map(|number| User::named(format!("user-{number}"))).collect();
    let task = Task {
        users: &users,
        source: Door::in_clear_text(source.port()),
        destination: Door::in_clear_text(destination.port()),
        directory: directory.path(),
        jobs: JOBS,
        destination_configuration: PathBuf::new(),
        ways: Ways::One,
    };
    work(&task, &source, &destination)
}

fn measure(settings: &Settings, growth: &Growth, size: u64) -> Row {
    let case = (growth.of_size)(size);
    between_servers(&case, |task, source, destination| {
        let run = |phase: &str, invocation| {
            eprintln!("{SCALING}, {size} {}: {phase}", growth.title);
            tools::run(settings, task, vec![invocation])
        };
        let sync = |phase| run(phase, tools::mailferry(task));
        let (first, again) = (sync("first"), sync("again"));
        let more = (case.source == case.destination).then(|| {
            let verified = run("verify", tools::verifying(task, &["verify"]));
            source.receive();
            [verified, sync("one more")]
        });
        let mut result = arrived(&case, more.is_some(), &destination.appended_octets());
        for usage in [&first, &again].into_iter().chain(more.iter().flatten()).filter(|usage| usage.failed()) {
            let _ = write!(result, "; exit status {}", usage.status);
        }
        Row { size, first, again, more, result }
    })
}

/// Whether as many messages and octets were appended as were missing.
fn arrived(case: &Case, one_more: bool, appended: &[u64]) -> String {
    let missing = match one_more {
        true => vec![case.source.octets; case.accounts as usize],
        false => vec![case.source.octets],
    };
    let sum = |octets: &[u64]| octets.iter().sum::<u64>();
    match (missing.len(), sum(&missing)) == (appended.len(), sum(appended)) {
        true => "complete".to_owned(),
        false => format!("{} of {} messages arrived, {} octets", appended.len(), missing.len(), sum(appended)),
    }
}

fn table(growth: &Growth, rows: &[Row]) -> String {
    let unit = growth.unit;
    let mut text = format!(
        "| size | first: wall | {unit} | CPU | memory | again: wall | CPU | memory | verify: wall | CPU | memory \
         | one more: wall | CPU | memory | result |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n"
    );
    for row in rows {
        let rate = row.size as f64 / growth.portion as f64 / row.first.wall_seconds;
        let cost =
            |usage: &Usage| format!("{} s | {}", shown(usage.cpu_seconds), mebibytes(usage.memory_octets as f64));
        let columns = |usage: &Usage| format!("{} s | {}", shown(usage.wall_seconds), cost(usage));
        let more = row.more.as_ref().map_or(" | | | | | ".to_owned(), |more| more.each_ref().map(columns).join(" | "));
        let (first, result) = (&row.first, &row.result);
        let _ = writeln!(
            text,
            "| {} | {} s | {rate:.0} | {} | {} | {more} | {result} |",
            grouped(row.size),
            shown(first.wall_seconds),
            cost(first),
            columns(&row.again)
        );
    }
    text
}

/// `1,000,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

//! `cargo bench --bench migration`: how fast mailferry is, beside other tools and beside a bare pipe, between two
//! private Dovecots on this machine, with and without latency. Tables go to standard output, progress to standard error.
//!
//! - [`settings`]: what is measured, by variables (`make help` names them).
//! - [`corpus`], [`random`]: the messages. [`maildir`]: on the source's disk. [`changes`]: between two runs.
//! - [`servers`]: both servers, and the users of each run. [`delay_line`]: makes them far away.
//! - [`tools`]: who is measured. [`launch`]: by what. [`pipe`], [`session`], [`encrypted`]: the limit. [`round_trips`]: counted.
//! - [`desk`]: what is waited for by who looks after 5,000 accounts.
//! - [`shards`]: 100,000 accounts in 64 shards: how even they are, and what one costs.
//! - [`scaling`]: how mailferry's time and memory grow, with servers that invent their mail ([`synthetic`]).
//! - [`both_ways`]: which tools are exact where both users act, and something goes wrong.
//! - [`moved`]: what it takes to follow moves and renames.
//! - [`comparison`]: whether the copy is exact. [`table`], [`spread`]: medians, spreads and ratios.

mod both_ways;
mod changes;
mod comparison;
mod corpus;
mod delay_line;
mod desk;
mod encrypted;
mod launch;
mod maildir;
mod moved;
mod pipe;
mod random;
mod round_trips;
mod scaling;
mod servers;
mod session;
mod settings;
mod shards;
mod spread;
#[path = "../../tests/support/mod.rs"]
mod support;
mod synthetic;
mod table;
mod tools;

use std::env;
use std::fs;

use corpus::Corpus;
use launch::Usage;
use round_trips::RoundTrips;
use servers::{Encryption, Line, Pair, Prepared, Ready};
use settings::Settings;
use table::{Measurement, Phase};
use tools::{Task, Tool, Ways};

/// Those of the corpora that are not what the bare pipe copies.
const ALONE: [&str; 5] = [scaling::SCALING, desk::DESK, shards::SHARDS, both_ways::BOTH_WAYS, moved::MOVED];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [launch::LAUNCHER] => launch::launcher(),
        [tools::PIPE, job] => pipe::run(&serde_json::from_str(job).expect("a job as JSON")),
        [synthetic::SERVE, shape @ ..] => synthetic::serve(shape),
        arguments if arguments.contains(&"--bench") => bench(&Settings::from_environment()),
        _ => eprintln!("run this as `make bench` or `cargo bench --bench migration`"),
    }
}

fn bench(settings: &Settings) {
    println!("{}\n", machine());
    let (alone, corpora): (Vec<&String>, Vec<&String>) =
        settings.corpora.iter().partition(|name| ALONE.contains(&name.as_str()));
    if !corpora.is_empty() {
        bench_corpora(settings, &corpora);
    }
    for name in alone {
        match name.as_str() {
            desk::DESK => desk::bench(settings),
            shards::SHARDS => shards::bench(settings),
            moved::MOVED => moved::bench(settings),
            both_ways::BOTH_WAYS => both_ways::bench(settings),
            _ => scaling::bench(settings),
        }
    }
}

fn bench_corpora(settings: &Settings, corpora: &[&String]) {
    let (mut tools, missing) = tools::find(settings);
    tools.retain(|tool| settings.ways == Ways::One || tool.goes_both_ways());
    let pair = Pair::start(settings.directory.as_deref());
    println!("{}\n", versions(&tools));
    if !missing.is_empty() {
        println!("Not installed here, so not measured: {}.\n", missing.join(", "));
    }
    for name in corpora {
        let corpus = Corpus::named(name, settings.scale, settings.seed);
        eprintln!("{name}: writing {} messages", corpus.messages());
        let prepared = pair.prepare(corpus);
        let over = |encryption: Encryption| settings.round_trips.iter().map(move |rtt| (encryption, *rtt));
        for (encryption, round_trip) in settings.encryptions.iter().flat_map(|encryption| over(*encryption)) {
            let line = Line { round_trip, encryption };
            let measurements = measure(settings, &pair, &prepared, &tools, line);
            let names: Vec<String> = tools.iter().map(|tool| tool.name.clone()).collect();
            println!("### {}\n\n{}", title(&prepared, line, settings.ways), table::table(&names, &measurements));
        }
        pair.remove(prepared);
    }
}

/// All runs of all tools over one line, in turns: what disturbs the machine for a while disturbs all of them.
fn measure(settings: &Settings, pair: &Pair, prepared: &Prepared, tools: &[Tool], line: Line) -> Vec<Measurement> {
    let mut measurements: Vec<Measurement> = Vec::new();
    for run in 1..=settings.runs {
        for tool in tools {
            let given_up = measurements.iter().any(|it| it.tool == tool.name && it.usage.failed());
            if !given_up {
                let Line { round_trip, encryption } = line;
                eprintln!("{}, {round_trip} ms, {encryption:?}, run {run}: {}", prepared.corpus.name, tool.name);
                measurements.extend(run_phases(settings, pair, prepared, tool, line));
            }
        }
    }
    measurements
}

/// One run of one tool: from an empty destination through all phases.
fn run_phases(settings: &Settings, pair: &Pair, prepared: &Prepared, tool: &Tool, line: Line) -> Vec<Measurement> {
    let ready = pair.ready(prepared, tool.is_pipe(), line);
    let is_told = |phase: &Phase| tool.does(*phase) && !(settings.ways == Ways::Both && phase.verifies());
    let phases = Phase::ALL.into_iter().filter(is_told);
    let mut measurements = Vec::new();
    for phase in phases {
        if phase == Phase::Changes {
            pair.change(&prepared.corpus, &ready, settings.ways);
        }
        let usage = run_tool(settings, &ready, tool, phase);
        let counts = tool.is_mailferry() && !phase.verifies();
        let round_trips = if counts { RoundTrips::of_last_run(ready.directory.path()) } else { None };
        let verdict = pair.compare(&ready);
        eprintln!("    {}: {:.2} s, {verdict}", phase.title(), usage.wall_seconds);
        measurements.push(Measurement { tool: tool.name.clone(), phase, usage, verdict, round_trips });
        if usage.failed() {
            break;
        }
    }
    pair.clear(ready);
    measurements
}

fn run_tool(settings: &Settings, ready: &Ready, tool: &Tool, phase: Phase) -> Usage {
    let task = Task {
        users: &ready.users,
        source: ready.source.clone(),
        destination: ready.destination.clone(),
        directory: ready.directory.path(),
        jobs: settings.jobs,
        destination_configuration: ready.destination_configuration.clone(),
        ways: settings.ways,
    };
    tools::run(settings, &task, tool.invocations(&task, phase))
}

fn title(prepared: &Prepared, Line { round_trip, encryption }: Line, ways: Ways) -> String {
    let Corpus { name, accounts, mailboxes, .. } = &prepared.corpus;
    let counted =
        |count: usize, noun: &str, plural: &str| format!("{count} {}", if count == 1 { noun } else { plural });
    let accounts_text = match accounts {
        1 => String::new(),
        many => format!("{many} accounts, each of "),
    };
    let mailboxes = counted(mailboxes.len(), "mailbox", "mailboxes");
    let messages = counted(prepared.corpus.messages_of_account(), "message", "messages");
    let size = prepared.octets as f64 / 1e6;
    let line = match round_trip {
        0 => "no latency".to_owned(),
        milliseconds => format!("{milliseconds} ms round trip"),
    };
    let how = match encryption {
        Encryption::Tls => "over TLS",
        Encryption::None => "in clear text",
    };
    let ways = if ways == Ways::Both { ", both ways" } else { "" };
    format!("{name}: {accounts_text}{messages} in {mailboxes}, {size:.0} MB; {line}, {how}{ways}")
}

/// What all this ran on.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory: f64 = memory.split(' ').next().and_then(|kibibytes| kibibytes.parse().ok()).unwrap_or(0.0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = memory / 1_048_576.0;
    format!("Machine: {cores} cores ({model}), {memory:.0} GiB of memory, Linux {}.", kernel.trim())
}

fn versions(tools: &[Tool]) -> String {
    let known = tools.iter().filter(|tool| !tool.version.is_empty());
    let known: Vec<String> = known.map(|tool| format!("{} {}", tool.name, tool.version)).collect();
    let dovecot = tools::number(&support::dovecot::version());
    format!("Servers: Dovecot {dovecot}, from Maildir to mdbox. Tools: {}.", known.join(", "))
}

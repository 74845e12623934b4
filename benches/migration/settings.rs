//! What the benchmark is told, by variables of the environment.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use super::servers::Encryption;
use super::tools::Ways;

pub struct Settings {
    /// Names of corpora, in the order in which they are measured; `scaling`, `desk` and `shards` are without other tools, `moved`
    /// too, and `both-ways` is not about speed.
    pub corpora: Vec<String>,
    /// The share of each corpus's messages.
    pub scale: f64,
    /// The share of the sizes at which growth is measured.
    pub scaling: f64,
    /// How often each tool does the same.
    pub runs: usize,
    /// Milliseconds of latency between the tools and each server, there and back.
    pub round_trips: Vec<u64>,
    /// Whether they speak over TLS.
    pub encryptions: Vec<Encryption>,
    /// Whether tools bring the changes of one side to the other, or those of both.
    pub ways: Ways,
    /// Names of tools; `None`: all that are installed.
    pub tools: Option<Vec<String>>,
    /// How many accounts are worked on at once, where there are several.
    pub jobs: usize,
    /// A tool that takes longer is ended, and not tried again on the same corpus and line.
    pub time_limit_seconds: u64,
    pub seed: u64,
    /// Of `both-ways`, the scenarios that have this in their names.
    pub scenario: Option<String>,
    /// Where servers and mail are put; `None`: the system's temporary directory.
    pub directory: Option<PathBuf>,
}

impl Settings {
    /// # Panics
    /// Where a variable cannot be read.
    pub fn from_environment() -> Settings {
        Settings {
            corpora: list("BENCH_CORPORA").unwrap_or_else(|| words("small,mixed,many,big,fleet,scaling,desk,shards")),
            scale: number("BENCH_SCALE", 0.1),
            scaling: number("BENCH_SCALING", 1.0),
            runs: number("BENCH_RUNS", 3),
            round_trips: list("BENCH_RTT").unwrap_or_else(|| words("0,40")).iter().map(|text| read(text)).collect(),
            encryptions: list("BENCH_TLS").unwrap_or_else(|| words("on")).iter().map(|text| encryption(text)).collect(),
            ways: text("BENCH_WAYS").map_or(Ways::One, |text| ways(&text)),
            tools: list("BENCH_TOOLS"),
            jobs: number("BENCH_JOBS", 4),
            time_limit_seconds: number("BENCH_TIME_LIMIT", 120),
            seed: number("BENCH_SEED", 1),
            scenario: text("BENCH_SCENARIO"),
            directory: text("BENCH_DIRECTORY").map(PathBuf::from),
        }
    }

    pub fn wants(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == tool))
    }
}

fn ways(text: &str) -> Ways {
    match text {
        "one" => Ways::One,
        "both" => Ways::Both,
        other => panic!("neither one nor both: {other}"),
    }
}

fn encryption(text: &str) -> Encryption {
    match text {
        "on" => Encryption::Tls,
        "off" => Encryption::None,
        other => panic!("neither on nor off: {other}"),
    }
}

fn text(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|text| !text.is_empty())
}

fn list(variable: &str) -> Option<Vec<String>> {
    text(variable).map(|text| words(&text))
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().to_owned()).collect()
}

fn number<T: FromStr>(variable: &str, otherwise: T) -> T {
    text(variable).map_or(otherwise, |text| read(&text))
}

fn read<T: FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

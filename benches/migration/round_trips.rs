//! How often mailferry waited for a server, as it counts that itself: times that something was sent and then waited for, over
//! all connections. What several connections wait for at the same time is counted for each.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::server::MASTER_PASSWORD;
use super::tools::mailferry_program;

/// By part of the run: of the source, and of the destination.
#[derive(Clone, Debug, Default)]
pub struct RoundTrips(Vec<(String, [u64; 2])>);

impl RoundTrips {
    /// Of the last run whose settings stand in this directory; `None` where none is known.
    pub fn of_last_run(directory: &Path) -> Option<RoundTrips> {
        let mut status = Command::new(mailferry_program());
        status.args(["status", "--json", "-"]).current_dir(directory).env("BENCH_PASSWORD", MASTER_PASSWORD);
        let status: Value = serde_json::from_slice(&status.output().ok()?.stdout).ok()?;
        let mut all = RoundTrips::default();
        for account in status["accounts"].as_array()? {
            for part in account["last_run"]["parts"].as_array()? {
                let count = |side: &str| part[side]["round_trips"].as_u64().unwrap_or(0);
                all.add(part["part"].as_str().unwrap_or_default(), [count("source"), count("destination")]);
            }
        }
        Some(all)
    }

    fn add(&mut self, part: &str, counts: [u64; 2]) {
        match self.0.iter_mut().find(|(name, _)| name == part) {
            Some((_, known)) => known.iter_mut().zip(counts).for_each(|(known, count)| *known += count),
            None => self.0.push((part.to_owned(), counts)),
        }
    }
}

/// `scan 3 + 3, copy 2 + 40`.
impl fmt::Display for RoundTrips {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waited = self.0.iter().filter(|(_, counts)| counts.iter().sum::<u64>() > 0);
        let parts: Vec<String> = waited.map(|(part, [ours, theirs])| format!("{part} {ours} + {theirs}")).collect();
        formatter.write_str(&parts.join(", "))
    }
}

//! Many accounts, with a progress of one's own: a line an account as it ends, and a sum at the end. Ctrl-C ends it with the
//! batches in hand.
//!
//! ```text
//! fleet mailferry.toml [ACCOUNT…]
//! ```

use mailferry::{Error, Event, Limits, Migration, Report, Settings, Stop};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(file) = words.next() else {
        eprintln!("usage: fleet mailferry.toml [ACCOUNT…]");
        return ExitCode::from(2);
    };
    let stop = Stop::default();
    let asked = stop.clone();
    let mut signals = Signals::new([SIGINT, SIGTERM]).expect("signals can be heard");
    std::thread::spawn(move || signals.forever().for_each(|_| asked.request()));
    let settings = match Settings::from_file(file) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            error.causes().iter().for_each(|mistake| eprintln!("  {mistake}"));
            return ExitCode::from(2);
        }
    };
    let progress = Progress::default();
    match move_all(&settings, words.collect(), &stop, progress) {
        Ok(report) => ExitCode::from(report.exit_status()),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What was heard of the accounts so far.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<BTreeMap<String, Account>>>);

/// What was heard of one of them.
#[derive(Clone, Default, Debug)]
pub struct Account {
    pub messages: u64,
    pub octets: u64,
    pub failures: Vec<String>,
    pub has_ended: bool,
}

impl Progress {
    /// All that was heard.
    pub fn heard(&self) -> BTreeMap<String, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Called from many threads: it takes note, and no more.
    fn take_note(&self, event: Event<'_>) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Began { account, .. } => drop(accounts.entry(account.to_owned()).or_default()),
            Event::Advanced { account, messages, octets, .. } => {
                let known = accounts.entry(account.to_owned()).or_default();
                known.messages += messages;
                known.octets += octets;
            }
            Event::Failed { account, error } => {
                accounts.entry(account.to_owned()).or_default().failures.push(error.to_string());
            }
            Event::Ended { account } => {
                let known = accounts.entry(account.to_owned()).or_default();
                known.has_ended = true;
                println!(
                    "{account}: {} messages, {} octets, {} failures",
                    known.messages,
                    known.octets,
                    known.failures.len()
                );
            }
            Event::Noticed { account, text } => {
                eprintln!("{}{text}", account.map_or(String::new(), |it| format!("{it}: ")))
            }
            // Later versions may tell more.
            _ => {}
        }
    }
}

/// Syncs these accounts, or all, eight at once.
pub fn move_all(settings: &Settings, words: Vec<String>, stop: &Stop, progress: Progress) -> Result<Report, Error> {
    let opening = Migration::opening(settings).accounts(words).jobs(8).stop(stop);
    let mut migration = opening.observer(move |event| progress.take_note(event)).open()?;
    migration.notices().iter().for_each(|notice| eprintln!("{notice}"));
    let report = migration.sync(&Limits::default());
    let (done, all) = (report.accounts().filter(|account| account.is_success()).count(), report.accounts().count());
    println!("{done} of {all} accounts are done; {} messages were copied", copied(&report));
    Ok(report)
}

fn copied(report: &Report) -> u64 {
    report.accounts().filter_map(|account| account.done()).map(|done| done.copied).sum()
}

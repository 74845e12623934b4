//! Proves what another tool, or mailferry itself, has moved: both sides are compared and nothing is changed.
//!
//! ```text
//! verify_only mailferry.toml [--deep]
//! ```
//!
//! Prints a line for each account, and each message that is missing or differs. Exit status 0: every message is there.

use mailferry::{Error, Migration, Report, Settings, Verdict};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (file, is_deep) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [file] => (file, false),
        [file, "--deep"] | ["--deep", file] => (file, true),
        _ => {
            eprintln!("usage: verify_only mailferry.toml [--deep]");
            return ExitCode::from(2);
        }
    };
    let verified = Settings::from_file(file).and_then(|settings| {
        let mut migration = Migration::open(&settings)?;
        let report = if is_deep { migration.verify_deep() } else { migration.verify() };
        print!("{}", told(&migration, &report)?);
        Ok(report)
    });
    match verified {
        Ok(report) => ExitCode::from(report.exit_status()),
        Err(error) => {
            eprintln!("{error}");
            error.causes().iter().for_each(|cause| eprintln!("  {cause}"));
            ExitCode::FAILURE
        }
    }
}

/// What was found, in words.
pub fn told(migration: &Migration, report: &Report) -> Result<String, Error> {
    let mut text = String::new();
    for account in report.accounts() {
        let name = account.name();
        text += &match (account.error(), account.verdict()) {
            (Some(error), _) => format!("{name}: could not be compared: {error}\n"),
            (None, Some(Verdict::Identical)) => format!("{name}: identical, {} messages\n", account.messages().total()),
            (None, Some(Verdict::EveryMessage)) => format!("{name}: every message is there\n"),
            (None, verdict) => format!("{name}: {verdict:?}, {:?}\n", account.messages()),
        };
        for difference in migration.differences(name)? {
            let difference = difference?;
            let uid = difference.source_uid().or(difference.destination_uid()).unwrap_or_default();
            text += &format!("  {}, UID {uid}: {} {}\n", difference.mailbox(), difference.kind(), difference.detail());
        }
    }
    Ok(text)
}

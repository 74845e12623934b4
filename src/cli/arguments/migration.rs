//! What can be said with the commands that ask servers for mail: scan, plan, apply, sync and verify.

use super::outside::OutsideArguments;
use super::shared::{AccountsArguments, JsonArguments};
use crate::config::{parse_duration, parse_size};
use crate::model::Direction;
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Debug)]
pub struct ScanArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    #[command(flatten)]
    pub thoroughness: ThoroughnessArguments,
}

#[derive(Args, Clone, Debug)]
pub struct ThoroughnessArguments {
    /// List every mailbox whole, and trust nothing that was recorded
    #[arg(long)]
    pub full: bool,
}

#[derive(Args, Debug)]
pub struct PlanArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    /// Also list unchanged mailboxes, and each message or keyword that would be left out, with the reason
    #[arg(long)]
    pub details: bool,
    #[command(flatten)]
    pub json: JsonArguments,
    /// Write the plan as a page, for those who review it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Exit with status 10 if there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Args, Debug)]
pub struct ApplyArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    #[command(flatten)]
    pub limits: ChunkArguments,
    #[command(flatten)]
    pub outside: OutsideArguments,
}

const LIMITS: &str = "Limits (when work is left, the exit status is 9)";

/// When to stop with work left: for a maintenance window, or to try it on a few messages first.
#[derive(Args, Clone, Debug)]
pub struct ChunkArguments {
    /// Stop after copying this many messages, over all accounts
    #[arg(long, help_heading = LIMITS, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_messages: Option<u64>,
    /// Stop after copying this much, over all accounts; such as 500MB
    #[arg(long, help_heading = LIMITS, value_name = "SIZE", value_parser = parse_size)]
    pub max_bytes: Option<u64>,
    /// Stop after this time, such as 90m: what is in hand is finished, and no further account begun
    #[arg(long, help_heading = LIMITS, value_name = "DURATION", value_parser = parse_duration)]
    pub max_time: Option<Duration>,
    /// Delete what the plan shows, also beyond delete_guard, and duplicates that mailferry created
    #[arg(long)]
    pub allow_deletes: bool,
    /// Copy although the destination's quota seems too small: some mailboxes may not count against it
    #[arg(long)]
    pub over_quota: bool,
    /// Ignore the hours of waves
    #[arg(long)]
    pub now: bool,
}

#[derive(Args, Debug)]
pub struct SyncArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    #[command(flatten)]
    pub thoroughness: ThoroughnessArguments,
    /// Only show what would be done: scan, and plan
    #[arg(long, visible_alias = "dry", conflicts_with = "watch")]
    pub dry_run: bool,
    /// Read every copied message again, and replace those that differ from the source
    ///
    /// Reads all that was copied, on both sides, as `verify --deep` does. What is damaged is copied anew first; then the old
    /// copy goes, if the destination can remove single messages. More than delete_guard of a mailbox needs --allow-deletes.
    #[arg(long, conflicts_with = "dry_run")]
    pub repair: bool,
    /// Bring the source up to date from the destination: the way back after a cutover
    ///
    /// Source and destination of the settings change their roles, under the same guards: what is new or changed on the
    /// destination goes to the source, and nothing is written to the destination. What was copied before is known, and does not go
    /// back.
    #[arg(long, conflicts_with = "repair")]
    pub reverse: bool,
    /// Repeat until stopped, waiting this long between runs
    #[arg(long, value_name = "INTERVAL", value_parser = parse_interval)]
    pub watch: Option<Duration>,
    #[command(flatten)]
    pub limits: ChunkArguments,
    #[command(flatten)]
    pub outside: OutsideArguments,
}

impl SyncArguments {
    /// Which way the mail is to go.
    pub fn direction(&self) -> Direction {
        direction(self.reverse)
    }
}

impl VerifyArguments {
    /// Which way the mail went.
    pub fn direction(&self) -> Direction {
        direction(self.reverse)
    }
}

fn direction(is_reversed: bool) -> Direction {
    if is_reversed { Direction::Reversed } else { Direction::Forward }
}

/// A time that is worth waiting.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).map_err(|mistake| mistake.to_string())?;
    match interval.is_zero() {
        true => {
            Err("without a rest between two rounds both servers would never have one; say 15m, or at least 1s"
                .to_owned())
        }
        false => Ok(interval),
    }
}

#[derive(Args, Debug)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    /// Read every message on both sides and compare SHA-256 sums; not those again that were found the same before and are
    /// listed as they were then
    #[arg(long)]
    pub deep: bool,
    /// With --deep: read all of them again
    #[arg(long, requires = "deep")]
    pub again: bool,
    /// Compare the way back: every message of the destination with the source, after `sync --reverse`
    #[arg(long)]
    pub reverse: bool,
    #[command(flatten)]
    pub outside: OutsideArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    /// Write every difference as a line of CSV; - is standard output, and then nothing else is printed there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub list: Option<PathBuf>,
}

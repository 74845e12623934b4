//! What a command found or did, made readable: as text for people and as JSON for scripts.
//!
//! Pure functions from `model` to a `String` or a [`serde_json::Value`]: no servers, no clock, no terminal. Text has no
//! colour, so that nothing is ever said in colour alone; what came from a server is made harmless before it is shown.
//! JSON is for machines: names and numbers stand in it exactly, and its shapes are those of the Contract.
//!
//! - [`check`], [`scan`], [`plan`], [`apply`], [`verify`], [`status`], [`explanation`], [`forget`], [`accept`], [`shards`], [`taken`]: one
//!   file a command.
//! - [`outcomes`]: the account of outcomes as a sentence that adds up.
//! - `losses`: what cannot be kept. `recognition`: by what messages were told apart. `bottleneck`: who was waited for, in one line.
//! - [`dossier`]: a migration for those who were not there. [`company`]: the processes that it is put together of.
//! - [`alike`]: what differs only in names is told once.
//! - [`document`]: what stands in the JSON of every command. [`csv`]: lines for spreadsheets.
//! - [`invocation`]: the commands to type next.
//! - [`quantity`]: numbers, octets and durations as people read them; [`table`]: aligned columns.

pub mod accept;
pub mod alike;
pub mod apply;
mod bottleneck;
pub mod check;
pub mod company;
pub mod csv;
pub mod document;
pub mod dossier;
pub mod explanation;
pub mod failure;
pub mod forget;
pub mod invocation;
mod losses;
pub mod outcomes;
pub mod plan;
pub mod quantity;
mod recognition;
pub mod scan;
pub mod shards;
pub mod status;
mod style;
pub mod table;
pub mod taken;
pub mod verify;

use crate::error::{Error, Kind, made_harmless};
use crate::model::report::AccountResult;
use invocation::Invocation;

/// The accounts whose command succeeded, with what it gave.
fn succeeded<T>(results: &[AccountResult<T>]) -> impl Iterator<Item = (&str, &T)> {
    results.iter().filter_map(|result| Some((&*result.account, result.done().ok()?)))
}

/// `4 of 6 accounts done; 2 failed: bob, carol`, for a line at the end; empty where none failed.
fn unreached<T>(results: &[AccountResult<T>], done: &str) -> String {
    let errors = results.iter().filter_map(|it| Some((&*it.account, it.done().err()?)));
    let is_to_come = |error: &Error| matches!(error.kind(), Kind::Interrupted | Kind::Waiting);
    let (to_come, failed): (Vec<_>, Vec<_>) = errors.partition(|(_, error)| is_to_come(error));
    if failed.is_empty() && to_come.is_empty() {
        return String::new();
    }
    let failed: Vec<&str> = failed.into_iter().map(|(account, _)| account).collect();
    let (all, well) = (results.len() as u64, (results.len() - failed.len() - to_come.len()) as u64);
    let not_begun = match to_come.len() as u64 {
        0 => String::new(),
        count => format!("; {} not begun", quantity::number(count)),
    };
    let failed = if failed.is_empty() { String::new() } else { format!("; {}", named_accounts("failed", &failed)) };
    format!("{} of {} {done}{not_begun}{failed}\n", quantity::number(well), quantity::counted(all, "account"))
}

/// `2 failed: bob, carol`; of many the first are named.
fn named_accounts(what: &str, names: &[&str]) -> String {
    let mut named: Vec<String> = names.iter().take(NAMED_ACCOUNTS).map(|name| made_harmless(name)).collect();
    if names.len() > NAMED_ACCOUNTS {
        named.push("…".to_owned());
    }
    format!("{} {what}: {}", quantity::number(names.len() as u64), named.join(", "))
}

/// Accounts that are named in a line; the list of failures has all.
const NAMED_ACCOUNTS: usize = 10;

/// Lines that say what the reader should know, each with the account's name where there are several accounts.
fn warning_lines(account: &str, warnings: &[String], accounts: usize, commands: &Invocation) -> String {
    let place = if accounts > 1 { format!("{}: ", made_harmless(account)) } else { String::new() };
    let completed = |warning: &String| commands.completed(&made_harmless(warning), &[account]);
    warnings.iter().map(|warning| format!("warning: {place}{}\n", completed(warning))).collect()
}

/// `lines`, each moved to the right.
fn indented(lines: &str, columns: usize) -> String {
    let margin = " ".repeat(columns);
    let indent = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{margin}{line}\n") };
    lines.lines().map(indent).collect()
}

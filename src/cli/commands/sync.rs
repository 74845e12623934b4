//! `mailferry sync`: scan, plan and apply in one go; with `--watch` again and again until stopped.

use super::apply;
use crate::cli::arguments::SyncArguments;
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::signals::Stage;
use crate::cli::{errors, output};
use crate::error::{Error, Kind, Result};
use crate::model::Step;
use crate::model::report::{AccountResult, ApplySummary};
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::plan::plan;
use crate::pipeline::resync::sync;
use crate::pipeline::scan::scan;
use crate::pipeline::{ApplyOptions, Migration, Repair, Stop};
use crate::report;
use crate::report::plan::Detail;
use crate::report::quantity::{duration, moment_in};
use crate::store::Store;
use jiff::tz::TimeZone;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often is looked whether another process is done with the state.
const LOCK_INTERVAL: Duration = Duration::from_secs(1);

/// How often a wait looks whether the user asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(100);

pub fn run(context: &Context, arguments: &SyncArguments) -> Result<ExitCode> {
    let migration = context.migration(&arguments.accounts.accounts, Needs::Servers)?;
    if arguments.dry_run {
        return dry_run(context, arguments, migration);
    }
    context.show_outside(&arguments.outside, &migration)?;
    match arguments.watch {
        None => Ok(once(context, arguments, &migration)?.code),
        Some(interval) => watch(context, arguments, migration, interval).or_else(|end| match end.kind() {
            Kind::Interrupted => Ok(ExitCode::Interrupted),
            _ => Err(end),
        }),
    }
}

/// Scan and plan: what a sync would do.
fn dry_run(context: &Context, arguments: &SyncArguments, mut migration: Migration) -> Result<ExitCode> {
    let scanned = context.watched(&migration, Step::Scan, |migration| scan(migration, arguments.thoroughness.chosen()));
    // Of what could not be scanned there is nothing to plan, and it is told already.
    let opened = |name: &str| scanned.iter().any(|result| result.account == name && result.result.is_ok());
    migration.accounts.retain(|account| opened(&account.name));
    let planned = context.watched(&migration, Step::Plan, plan);
    let invocation = context.invocation(&arguments.accounts.accounts);
    let again = invocation.next("sync");
    output::print(&report::plan::text(&planned, Detail::Brief, &again))?;
    let plans = planned.iter().filter_map(|result| result.result.as_ref().ok());
    context.tell_unmatched(plans.map(|plan| &plan.unmatched));
    Ok(context.conclude(&scanned, &again).merge(context.conclude(&planned, &again)))
}

/// How one sync ended.
struct Round {
    code: ExitCode,
    /// A login was refused and no account could be opened: trying again and again could lock the login out.
    shut_out: bool,
}

fn once(context: &Context, arguments: &SyncArguments, migration: &Migration) -> Result<Round> {
    let thoroughness = arguments.thoroughness.chosen();
    let repair = if arguments.repair { Repair::SpoiltCopies } else { Repair::Nothing };
    let options = ApplyOptions { repair, ..arguments.limits.options() };
    context.tell_set_aside(migration)?;
    let results = context.watched(migration, Step::Sync, |migration| sync(migration, thoroughness, options));
    let done = results.iter().filter_map(|result| result.result.as_ref().ok());
    context.tell_unmatched(done.map(|done| &done.unmatched));
    let again = context.invocation(&arguments.accounts.accounts).next("sync");
    let code = apply::finish(context, &results, &again)?;
    Ok(Round { code, shut_out: code == ExitCode::NoneReached && any_login_refused(&results) })
}

fn any_login_refused(results: &[AccountResult<ApplySummary>]) -> bool {
    let refused = |error: &Error| *error.kind() == Kind::Authentication;
    results.iter().any(|result| result.result.as_ref().is_err_and(refused))
}

/// Goes on through rounds in which something failed: the next one may find it mended. Between two rounds the state is
/// closed: others may read it and work on it, and a disk that was full may have room when it is opened again.
fn watch(context: &Context, arguments: &SyncArguments, migration: Migration, interval: Duration) -> Result<ExitCode> {
    let mut migration = migration;
    loop {
        let round = once(context, arguments, &migration)?;
        if round.code == ExitCode::Interrupted || round.shut_out {
            return Ok(round.code);
        }
        migration = migration.reopened(|directory| {
            if let Some(outside) = context.outside.get() {
                outside.rest(round.code, now().saturating_add_unsigned(interval.as_secs()));
            }
            rest(context, interval)?;
            reopen(context, directory, interval)
        })?;
    }
}

/// Tries until it succeeds, or fails for another reason than what the disk is like, or who has the state.
fn reopen(context: &Context, directory: &Path, interval: Duration) -> Result<Store> {
    let mut is_told = false;
    loop {
        match context.store(directory) {
            Err(error) if *error.kind() == Kind::Locked => {
                if !is_told {
                    context.warn(&format!("{}: the next sync begins when it is done", error.what()));
                }
                is_told = true;
                pause(context, LOCK_INTERVAL)?;
            }
            Err(error) if *error.kind() == Kind::State => {
                errors::show(&context.screen, &error);
                rest(context, interval)?;
            }
            opened => return opened,
        }
    }
}

/// Waits between two rounds.
///
/// # Errors
/// `Interrupted` when the user asked to stop.
fn rest(context: &Context, interval: Duration) -> Result<()> {
    let (length, now) = (duration(interval.as_secs_f64()), now());
    let clock = moment_in(now.saturating_add_unsigned(interval.as_secs()), &TimeZone::system(), now);
    context.supervisor.turn(&format!("the next sync begins at {clock}"), Instant::now());
    if !context.global.quiet {
        context.screen.line(&format!("\nThe next sync begins in {length}, at {clock}; Ctrl-C ends it"));
    }
    pause(context, interval)
}

/// Waits, and says nothing.
///
/// # Errors
/// As [`rest`].
fn pause(context: &Context, interval: Duration) -> Result<()> {
    context.interruption.enter(Stage::Waiting);
    match waited(interval, &context.interruption.stop, || context.supervisor.alive(Instant::now())) {
        true => Ok(()),
        false => Err(Error::new(Kind::Interrupted, "interrupted between two rounds; all that was done is recorded")),
    }
}

/// Whether the whole time passed before the user asked to stop. That it waits is said to who wants to know.
fn waited(interval: Duration, stop: &Stop, alive: impl Fn()) -> bool {
    let start = Instant::now();
    while start.elapsed() < interval && !stop.is_requested() {
        alive();
        thread::sleep(STOP_INTERVAL.min(interval.saturating_sub(start.elapsed())));
    }
    !stop.is_requested()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_ends_when_asked_to_stop() {
        let stop = Stop::default();
        assert!(waited(Duration::from_millis(1), &stop, || {}));
        stop.request();
        assert!(!waited(Duration::from_secs(3600), &stop, || {}));
    }
}

//! What an account's attempt came to, kept in the state however it ended: nothing fails without a trace.

use crate::error::Error;
use crate::model::attempt::{Attempt, AttemptResult, Step};
use crate::model::run_ledger::Accounted;
use crate::pipeline::Migration;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// Records how it ended for this account. What was not begun leaves the attempt before as it is; so does a state that
/// cannot be written, which the run itself tells of.
pub fn record<T: Accounted>(migration: &Migration, step: Step, account: &str, started: i64, result: &Result<T, Error>) {
    let ended = match result.as_ref().and_then(Accounted::ledger) {
        Ok(ledger) => Some(AttemptResult::of_ledger(ledger)),
        Err(error) => AttemptResult::of_error(error),
    };
    log(step, account, result, ended.as_ref());
    if let Some(result) = ended.filter(|_| step.is_recorded()) {
        let attempt = Attempt { step, started, ended: now(), result };
        if let Err(why) = migration.store.account(account).put_attempt(&attempt) {
            tracing::debug!(%account, %why, "the attempt could not be recorded");
        }
    }
}

/// A line for each account: what was done for it, and how it ended.
fn log<T: Accounted>(step: Step, account: &str, result: &Result<T, Error>, ended: Option<&AttemptResult>) {
    let step = step.word();
    match (result.as_ref().map(Accounted::ledger), ended) {
        (_, None) => tracing::info!(%account, step, "not begun"),
        (_, Some(AttemptResult::Failed(trouble))) => {
            tracing::error!(%account, step, failures = trouble.count, "failed, whole or in part: {}", trouble.line);
        }
        (Ok(Ok(ledger)), Some(ended)) => {
            let outcomes = &ledger.outcomes;
            let ending = if *ended == AttemptResult::Cut { "ended with work left" } else { "done" };
            tracing::info!(%account, step, there = outcomes.there(), pending = outcomes.pending, "{ending}");
        }
        (_, Some(_)) => {}
    }
}

//! `status`: what the state knows of each account, without a word to any server.

use crate::error::Result;
use crate::model::report::StatusSummary;
use crate::model::{Account, Condition, Mark, Turn};
use crate::store::Store;

/// The status of these accounts.
///
/// # Errors
/// `State`.
pub fn status(store: &Store, accounts: &[Account]) -> Result<Vec<StatusSummary>> {
    let marks = store.marks()?;
    let of = |account: &Account| status_of(store, &account.name, marks.get(&*account.name).copied(), Turn::None);
    // There may be 100,000: no room is made for more.
    let mut summaries = Vec::with_capacity(accounts.len());
    for account in accounts {
        summaries.push(of(account)?);
    }
    Ok(summaries)
}

/// The status of one account, of which that was said, and which a run has in hand so.
///
/// # Errors
/// `State`.
pub fn status_of(store: &Store, account: &str, mark: Option<Mark>, turn: Turn) -> Result<StatusSummary> {
    let state = store.account(account);
    let status = state.status()?;
    let current = state.plan()?.filter(|plan| state.generation().is_ok_and(|generation| generation == plan.generation));
    let planned = current.map_or(0, |plan| plan.totals().arrivals());
    let failures = state.failure_count()?;
    let attempt = state.attempt()?;
    let condition = Condition::of(mark, turn, attempt.as_ref(), &status.ledger);
    let runs = state.runs()?;
    Ok(StatusSummary { account: account.to_owned(), status, failures, planned, attempt, condition, runs })
}

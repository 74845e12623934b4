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
    accounts.iter().map(|account| status_of(store, account, marks.get(&account.name).copied())).collect()
}

fn status_of(store: &Store, account: &Account, mark: Option<Mark>) -> Result<StatusSummary> {
    let state = store.account(&account.name);
    let status = state.status()?;
    let current = state.plan()?.filter(|plan| state.generation().is_ok_and(|generation| generation == plan.generation));
    let planned = current.map_or(0, |plan| plan.totals().copies);
    let failures = state.failure_count()?;
    let attempt = state.attempt()?;
    let condition = Condition::of(mark, Turn::None, attempt.as_ref(), &status.ledger);
    Ok(StatusSummary { account: account.name.clone(), status, failures, planned, attempt, condition })
}

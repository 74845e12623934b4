//! Sums over accounts, and what one account says of itself.

use crate::model::attempt::{Attempt, AttemptResult, Trouble};
use crate::model::report::StatusSummary;
use crate::model::{Condition, Outcomes};

/// Why the account's last attempt failed, if it did.
pub(super) fn trouble_of(attempt: &Attempt) -> Option<&Trouble> {
    match &attempt.result {
        AttemptResult::Failed(trouble) => Some(trouble),
        AttemptResult::Done | AttemptResult::Cut => None,
    }
}

/// How many accounts are in each condition that any is in, what is not well first.
pub(super) fn conditions(accounts: &[StatusSummary]) -> Vec<(Condition, u64)> {
    let count = |condition: Condition| accounts.iter().filter(|it| it.condition == condition).count() as u64;
    Condition::ALL.into_iter().map(|it| (it, count(it))).filter(|(_, count)| *count > 0).collect()
}

pub(super) fn sums(accounts: &[StatusSummary]) -> (Outcomes, u64) {
    let mut outcomes = Outcomes::default();
    accounts.iter().for_each(|account| outcomes.merge(&account.status.ledger.outcomes));
    (outcomes, accounts.iter().map(|account| account.planned).sum())
}

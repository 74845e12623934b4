//! The last attempt of an account, and what its last verification found: kept whatever else is known of it, so that a login that failed leaves a trace.

use super::account::AccountStore;
use super::codec::stored;
use super::kinds::StoredKind;
use crate::error::Result;
use crate::model::Attempt;
use crate::model::account_report::Verification;
use crate::model::forecast::{KEPT_RUNS, RunSample};

stored! {
    Attempt => StoredKind::Attempt, "the last attempt";
    Verification => StoredKind::Verification, "what the last verification found";
    Vec<RunSample> => StoredKind::Runs, "the runs that were";
}

impl AccountStore {
    /// The last attempt; `None` where there was none.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), [`Kind::Damaged`](crate::error::Kind::Damaged).
    pub fn attempt(&self) -> Result<Option<Attempt>> {
        self.database().load(&self.id.attempt()).map_err(|error| self.named(error))
    }

    /// Records how an attempt ended.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn put_attempt(&self, attempt: &Attempt) -> Result<()> {
        self.database().store(&self.id.attempt(), attempt)
    }
}

impl AccountStore {
    /// What the last verification found; `None` where there was none.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::attempt`].
    pub fn verification(&self) -> Result<Option<Verification>> {
        self.database().load(&self.id.verification()).map_err(|error| self.named(error))
    }

    /// Records what a verification found.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn put_verification(&self, verification: &Verification) -> Result<()> {
        self.database().store(&self.id.verification(), verification)
    }
}

impl AccountStore {
    /// Runs that were, the oldest first.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::attempt`].
    pub fn runs(&self) -> Result<Vec<RunSample>> {
        let runs = self.database().load(&self.id.runs()).map_err(|error| self.named(error))?;
        Ok(runs.unwrap_or_default())
    }

    /// Adds a run; the oldest goes where there are many.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::attempt`].
    pub fn note_run(&self, run: RunSample) -> Result<()> {
        let mut runs = self.runs()?;
        runs.push(run);
        runs.drain(..runs.len().saturating_sub(KEPT_RUNS));
        self.database().store(&self.id.runs(), &runs)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_RUNS, RunSample};
    use crate::model::attempt::{Attempt, AttemptResult, Step, Trouble};
    use crate::store::tests::open;

    #[test]
    fn attempt_of_an_account_that_was_never_opened_comes_back_and_goes_with_it() {
        let (_directory, store) = open();
        let account = store.account("alice");
        assert_eq!(account.attempt().unwrap(), None);
        let trouble = Trouble { line: "why".to_owned(), hint: None, count: 1, needs_a_person: true };
        let attempt = Attempt { step: Step::Sync, started: 7, ended: 9, result: AttemptResult::Failed(trouble) };
        account.put_attempt(&attempt).unwrap();
        assert_eq!(account.attempt().unwrap(), Some(attempt));
        assert_eq!(store.accounts().unwrap(), Vec::<String>::new(), "nothing is known of it but the attempt");
        account.drop_account().unwrap();
        assert_eq!(account.attempt().unwrap(), None);
    }

    #[test]
    fn last_runs_are_kept_in_their_order() {
        let (_directory, store) = open();
        let account = store.account("alice");
        for started in 0..40 {
            let run = RunSample { started, seconds: 1.0, messages: 2, octets: 3, is_resync: true, is_whole: true };
            account.note_run(run).unwrap();
        }
        let kept: Vec<i64> = account.runs().unwrap().iter().map(|run| run.started).collect();
        assert_eq!(kept, (40 - KEPT_RUNS as i64..40).collect::<Vec<_>>());
    }
}

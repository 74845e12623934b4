//! The failures of one account's run: the first are listed in memory, the others go to the state as they come, and at the
//! end all of them are there.

use crate::error::{Error, Result};
use crate::model::failures::{Failures, KeptFailure};
use crate::store::{AccountStore, ListWriter};
use std::sync::{Mutex, PoisonError};

/// Where failures go that are not listed in memory.
pub struct FailureList {
    state: AccountStore,
    kept: Mutex<Option<ListWriter<KeptFailure>>>,
}

impl FailureList {
    /// Nothing has failed yet.
    pub fn new(state: AccountStore) -> Self {
        FailureList { state, kept: Mutex::default() }
    }

    /// Adds a failure to others, or to the list in the state where many are listed already.
    pub fn note(&self, failures: &mut Failures, failure: Error) {
        if let Some(failure) = failures.add(failure) {
            self.keep(&failure);
        }
    }

    /// As [`FailureList::note`], for several.
    pub fn note_all(&self, failures: &mut Failures, more: impl IntoIterator<Item = Error>) {
        more.into_iter().for_each(|failure| self.note(failures, failure));
    }

    /// Takes over what was noted elsewhere.
    pub fn note_others(&self, failures: &mut Failures, others: Failures) {
        failures.append(others).iter().for_each(|failure| self.keep(failure));
    }

    /// A state that cannot be written says so at the next checkpoint.
    fn keep(&self, failure: &Error) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = self.state.list_failures().ok();
        }
        if let Some(list) = kept.as_mut() {
            let _ = list.add(KeptFailure::of(failure));
        }
    }

    /// Ends the list in the state with these failures: then all of the run are there, and none of the run before.
    ///
    /// # Errors
    /// `State`.
    pub fn record(&self, failures: &[Error]) -> Result<()> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if kept.is_none() && failures.is_empty() && self.state.failure_count().is_ok_and(|count| count == 0) {
            return Ok(());
        }
        let mut list = kept.map_or_else(|| self.state.list_failures(), Ok)?;
        failures.iter().try_for_each(|failure| list.add(KeptFailure::of(failure)))?;
        list.finish()
    }
}

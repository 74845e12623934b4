//! `pause`, `resume` and `complete`: what a person says of accounts, also while a run holds the state.

use crate::error::Result;
use crate::model::{Account, Mark};
use crate::store;
use std::path::Path;

/// Says it of these accounts of the state in that directory; `None` takes back what was said. Gives the names of those for
/// which that was new.
///
/// # Errors
/// `State`.
pub fn mark(state: &Path, accounts: &[Account], mark: Option<Mark>) -> Result<Vec<String>> {
    let names: Vec<&str> = accounts.iter().map(|account| &*account.name).collect();
    store::mark(state, &names, mark)
}

/// Lets all processes go on that were halted by a file in the directory of their fleet; false where they were not.
///
/// # Errors
/// `State`.
pub fn lift_halt(fleet: &Path) -> Result<bool> {
    store::halt::lift(fleet)
}

//! What is done with a state, by whom: recorded beside it, also while a run holds it.

use crate::error::Result;
use crate::model::audit::Chain;
use crate::store;
use serde_json::{Map, Value};
use std::path::Path;

pub use crate::store::machine::host_name;

/// Adds an entry to what is recorded of the state in that directory.
///
/// # Errors
/// `State`.
pub fn record(state: &Path, entry: Map<String, Value>) -> Result<()> {
    store::audit::record(state, entry)
}

/// Looks whether what is recorded is as it was written.
///
/// # Errors
/// `State`.
pub fn examine(state: &Path) -> Result<Chain> {
    store::audit::examine(state)
}

//! `forget`: accounts are dropped from the state, without a word to any server.
//!
//! No mail is lost by it: the next sync of such an account matches both sides by identity, as if it were its first. What
//! only the state knew goes: which copies are ours to delete in mirror mode, and which their user has moved away.

use crate::error::Result;
use crate::model::report::Forgotten;
use crate::model::{Account, Side};
use crate::store::Store;

/// Drops these accounts, one after the other; each is gone for good before the next one is begun.
///
/// # Errors
/// `State`.
pub fn forget(store: &Store, accounts: &[Account]) -> Result<Vec<Forgotten>> {
    accounts.iter().map(|account| forget_account(store, &account.name)).collect()
}

/// What is damaged is not counted, and goes as well.
fn forget_account(store: &Store, name: &str) -> Result<Forgotten> {
    let state = store.account(name);
    let mailboxes = state.mailboxes(Side::Source).map_or(0, |mailboxes| mailboxes.len() as u64);
    let links = state.pairs().map_or(0, |pairs| pairs.iter().map(|pair| pair.links).sum());
    state.drop_account()?;
    store.flush()?;
    Ok(Forgotten { account: name.to_owned(), mailboxes, links })
}

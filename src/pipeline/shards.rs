//! The state follows the account: where accounts are shared out among processes, and then among others, what one of them
//! knew of an account goes to the one that has it now.

use crate::error::{Error, Kind, Result};
use crate::model::Account;
use crate::model::report::Taken;
use crate::store::{Moved, Store, roster};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How many accounts an error names.
const NAMED_ACCOUNTS: usize = 5;

/// How large the mail of these accounts is on the source, of those that the state knows.
///
/// # Errors
/// `State`, `Damaged`.
pub fn sizes(store: &Store, accounts: &[Account]) -> Result<Vec<(String, u64)>> {
    let known: HashSet<String> = store.accounts()?.into_iter().collect();
    let known = accounts.iter().filter(|account| known.contains(&*account.name));
    let sized = |account: &Account| {
        let status = store.account(&account.name).status()?;
        Ok((status.source_octets > 0).then(|| (account.name.to_string(), status.source_octets)))
    };
    known.filter_map(|account| sized(account).transpose()).collect()
}

/// Takes over what another state knows of these accounts; the other one knows nothing of them then. It may be done again.
///
/// # Errors
/// `State`, `Damaged`. What was taken before stays taken.
pub fn take(store: &Store, from: &Store, accounts: &[Account]) -> Result<Taken> {
    let mut taken = Taken { from: from.directory().to_owned(), ..Taken::default() };
    for account in accounts {
        let name = account.name.to_string();
        match store.take(from, &name)? {
            None => {}
            Some(Moved::Taken) => taken.taken.push(name),
            Some(Moved::Replaced) => taken.replaced.push(name),
            Some(Moved::Kept) => taken.kept.push(name),
        }
    }
    from.enroll(std::iter::empty())?;
    store.enroll(std::iter::empty())?;
    Ok(taken)
}

/// Notes whose accounts this state is about to hold, unless one of the others holds some of them that this one does not
/// know: a new state beside an old one would bring back what users have deleted meanwhile.
///
/// # Errors
/// `Settings` where an account was left behind; `State`.
pub fn enroll(store: &Store, others: &[PathBuf], accounts: &[Account], take: impl Fn(&Path) -> String) -> Result<()> {
    let known: HashSet<String> = store.accounts()?.into_iter().collect();
    for other in others {
        let held = roster(other)?;
        let left = accounts.iter().map(|account| &*account.name);
        let left: Vec<&str> = left.filter(|name| held.contains(*name) && !known.contains(*name)).collect();
        if !left.is_empty() {
            let named = left.iter().take(NAMED_ACCOUNTS).copied().collect::<Vec<_>>().join(", ");
            let more = left.len().saturating_sub(NAMED_ACCOUNTS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let what = format!("the state of another shard holds accounts of this one: {named}{more}");
            return Err(Error::new(Kind::Settings, what)
                .because(format!("{} knows them, and {} does not", other.display(), store.directory().display()))
                .hint(format!("carry them over, once no process works on that shard: {}", take(other))));
        }
    }
    store.enroll(accounts.iter().map(|account| &*account.name))
}

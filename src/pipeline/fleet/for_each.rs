//! Accounts side by side: a queue, some threads, and the rule that one failure stays one failure.
//!
//! Only a master login that is refused for several accounts and good for none ends the work on its server: going on would hit
//! every account's login with a password that is wrong, and lock the master user out.

use super::access::Access;
use super::commons::Fleet;
use super::queue::accounts_at_once;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::Account;
use crate::model::report::AccountResult;
use crate::pipeline::{Event, Migration};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` for every account, some at a time; the results come in the order of the accounts.
pub fn for_each_account<T: Send>(
    migration: &Migration,
    work: impl Fn(&Access<'_>) -> Result<T> + Sync,
) -> Vec<AccountResult<T>> {
    let fleet = Fleet::new(migration);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new(migration.accounts.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..accounts_at_once(migration) {
            scope.spawn(|| {
                while let Some(index) = fleet.queue.take(&migration.accounts) {
                    let account = &migration.accounts[index];
                    let result = one_account(migration, &fleet, account, &work);
                    fleet.queue.leave(account);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let named = migration.accounts.iter().zip(results);
    named
        .map(|(account, result)| AccountResult {
            account: account.name.clone(),
            result: result.unwrap_or_else(|| Err(not_begun())),
        })
        .collect()
}

fn one_account<T>(
    migration: &Migration,
    fleet: &Fleet,
    account: &Account,
    work: &(impl Fn(&Access<'_>) -> Result<T> + Sync),
) -> Result<T> {
    if migration.stop.is_requested() {
        return Err(not_begun().in_account(&account.name));
    }
    if let Some(refusal) = fleet.halted(account) {
        return Err(not_tried(&refusal).in_account(&account.name));
    }
    let access = Access::new(migration, fleet, account);
    let attempt = || catch_unwind(AssertUnwindSafe(|| work(&access))).unwrap_or_else(|_| Err(panicked()));
    let result = attempt().or_else(|error| access.recover(error).and_then(|()| attempt()));
    let result = result.map_err(|error| error.in_account(&account.name));
    access.close();
    if let Err(error) = &result {
        migration.observer.event(Event::Failed { account: &account.name, error });
    }
    migration.observer.event(Event::Ended { account: &account.name });
    result
}

fn not_begun() -> Error {
    Error::new(Kind::Interrupted, "not begun, because the run was interrupted").scope(Scope::Account)
}

fn not_tried(refusal: &Error) -> Error {
    Error::new(
        refusal.kind().clone(),
        "not tried, because the master user's login was refused for three accounts, and good for none",
    )
    .because(refusal.summary())
    .hint("mend the master user's login first: further tries could lock it out")
}

fn panicked() -> Error {
    Error::new(Kind::Protocol, "mailferry met a situation that it does not handle")
        .hint("nothing is lost: run the command again, and please report this with the log of `--log-level debug`")
}

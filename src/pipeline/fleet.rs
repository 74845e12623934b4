//! Accounts side by side: a queue, some threads, and the rule that one failure stays one failure.
//!
//! Only a refused master login ends the whole run: going on would hit every account's login with a password that is
//! wrong, and lock the master user out.

use super::access::Access;
use super::batch::BatchSize;
use super::{Event, Migration};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::report::AccountResult;
use crate::model::{Account, Side};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Refusals of a master login, with no success before, after which no further account is tried. Servers that do not say
/// whether the password or the account is wrong (Cyrus, Zimbra) get the benefit of the doubt this often.
const MASTER_REFUSALS: usize = 3;

/// What all accounts of a run share.
pub struct Fleet {
    /// How many messages the destination is given at once.
    pub batch: BatchSize,
    logged_in: [AtomicBool; 2],
    refused: [AtomicUsize; 2],
    halted: Mutex<Option<Error>>,
    /// Whether the others may follow the first account: a wrong master password is then found with one login a side.
    scouted: Mutex<bool>,
    scout_is_back: Condvar,
}

impl Fleet {
    fn new(migration: &Migration) -> Self {
        Fleet {
            batch: BatchSize::new(migration.limits.batch_messages, migration.limits.batch_octets),
            logged_in: Default::default(),
            refused: Default::default(),
            halted: Mutex::default(),
            scouted: Mutex::default(),
            scout_is_back: Condvar::new(),
        }
    }

    /// A login on this side succeeded: later refusals are the account's own.
    pub fn note_success(&self, side: Side) {
        self.logged_in[side as usize].store(true, Ordering::Relaxed);
        if self.logged_in.iter().all(|logged_in| logged_in.load(Ordering::Relaxed)) {
            self.let_others_follow();
        }
    }

    fn let_others_follow(&self) {
        *self.scouted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.scout_is_back.notify_all();
    }

    fn await_scout(&self) {
        let mut scouted = self.scouted.lock().unwrap_or_else(PoisonError::into_inner);
        while !*scouted {
            scouted = self.scout_is_back.wait(scouted).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A master login was refused.
    pub fn note_refusal(&self, side: Side, error: &Error) {
        let says_password = error.causes().iter().any(|cause| cause.contains("AUTHENTICATIONFAILED"));
        let refusals = self.refused[side as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let never_succeeded = !self.logged_in[side as usize].load(Ordering::Relaxed);
        if never_succeeded && (says_password || refusals >= MASTER_REFUSALS) {
            self.halted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
    }

    fn halted(&self) -> Option<Error> {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does `work` for every account, some at a time; the results come in the order of the accounts.
pub fn for_each_account<T: Send>(
    migration: &Migration,
    work: impl Fn(&Access<'_>) -> Result<T> + Sync,
) -> Vec<AccountResult<T>> {
    let fleet = Fleet::new(migration);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new(migration.accounts.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..accounts_at_once(migration) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let Some(account) = migration.accounts.get(index) else { return };
                    if index > 0 && has_master(migration) {
                        fleet.await_scout();
                    }
                    let result = one_account(migration, &fleet, account, &work);
                    fleet.let_others_follow();
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

fn has_master(migration: &Migration) -> bool {
    Side::BOTH.iter().any(|side| migration.connector(*side).server().master.is_some())
}

/// Never more accounts at once than either server has connections: so every account gets its first pair of sessions,
/// and none waits for another that waits for it.
pub fn accounts_at_once(migration: &Migration) -> usize {
    let connections = Side::BOTH.map(|side| migration.connector(side).connections());
    migration.jobs.min(connections[0]).min(connections[1]).min(migration.accounts.len()).max(1)
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
    if let Some(refusal) = fleet.halted() {
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
    Error::new(refusal.kind().clone(), "not tried, because the master user's login was refused before")
        .because(refusal.summary())
        .hint("mend the master user's login first: further tries could lock it out")
}

fn panicked() -> Error {
    Error::new(Kind::Protocol, "mailferry met a situation that it does not handle")
        .hint("nothing is lost: run the command again, and please report this with the log of `--log-level debug`")
}

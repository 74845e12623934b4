//! What all accounts of a run share: the size of batches, and what is known of the master logins.

use super::batch::BatchSize;
use super::logins::MasterLogin;
use crate::error::{Error, Result};
use crate::model::{Account, Side};
use crate::pipeline::Migration;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

/// What all accounts of a run share.
pub struct Fleet {
    /// How many messages the destination is given at once.
    pub batch: BatchSize,
    logins: [MasterLogin; 2],
    /// Whether an account of the run was opened on that side by an earlier run.
    opened_before: [OnceLock<bool>; 2],
    scouting: Mutex<Scouting>,
    scout_is_back: Condvar,
}

/// Until a master login was good on both sides, one account after the other tries it: what is wrong is then found with as
/// few logins as can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scouting {
    /// The next account may try.
    Due,
    /// An account is trying.
    Away,
    /// All may go.
    Over,
}

impl Fleet {
    pub fn new(migration: &Migration) -> Self {
        let has_master = Side::BOTH.iter().any(|side| migration.connector(*side).server().master.is_some());
        Fleet {
            batch: BatchSize::new(migration.limits.batch_messages, migration.limits.batch_octets),
            logins: Default::default(),
            opened_before: Default::default(),
            scouting: Mutex::new(if has_master { Scouting::Due } else { Scouting::Over }),
            scout_is_back: Condvar::new(),
        }
    }

    /// A login on this side succeeded: later refusals are the account's own.
    pub fn note_success(&self, side: Side) {
        self.logins[side as usize].note_success();
        if self.logins.iter().all(MasterLogin::was_accepted) {
            self.set_scouting(Scouting::Over);
        }
    }

    /// A login on this side was refused. That another account was opened by an earlier run says that the login was good,
    /// so that only what was opened before tells that it is not any more.
    ///
    /// # Errors
    /// `State`.
    pub fn note_refusal(&self, migration: &Migration, side: Side, account: &Account, error: &Error) -> Result<()> {
        let opened = |account: &Account| Ok(migration.store.account(&account.name).side(side)?.is_some());
        if migration.connector(side).server().master.is_none() {
            return Ok(());
        }
        let opened_before = match self.opened_before[side as usize].get() {
            Some(known) => *known,
            None => {
                let found = any(&migration.accounts, opened)?;
                *self.opened_before[side as usize].get_or_init(|| found)
            }
        };
        if !opened_before || opened(account)? {
            self.logins[side as usize].note_refusal(&account.name, error);
        }
        Ok(())
    }

    /// The refusal from which it was concluded that a master login is wrong.
    pub fn halted(&self) -> Option<Error> {
        self.logins.iter().find_map(MasterLogin::halted)
    }

    fn set_scouting(&self, scouting: Scouting) {
        *self.scouting.lock().unwrap_or_else(PoisonError::into_inner) = scouting;
        self.scout_is_back.notify_all();
    }

    /// Waits until this account may begin.
    pub fn await_turn(&self) {
        let scouting = self.scouting.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.scout_is_back.wait_while(scouting, |scouting| *scouting == Scouting::Away);
        let mut scouting = waited.unwrap_or_else(PoisonError::into_inner);
        if *scouting == Scouting::Due {
            *scouting = Scouting::Away;
        }
    }

    /// The account ended so. Only one whose login was refused leaves the question open; what else went wrong is no reason
    /// for others to wait for each other.
    pub fn note_end(&self, error: Option<&Error>) {
        let mut scouting = self.scouting.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = error.is_some_and(|error| *error.kind() == crate::error::Kind::Authentication);
        if *scouting == Scouting::Away {
            *scouting = if refused && self.halted().is_none() { Scouting::Due } else { Scouting::Over };
            self.scout_is_back.notify_all();
        }
    }
}

fn any(accounts: &[Account], holds: impl Fn(&Account) -> Result<bool>) -> Result<bool> {
    for account in accounts {
        if holds(account)? {
            return Ok(true);
        }
    }
    Ok(false)
}

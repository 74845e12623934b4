//! What all accounts of a run share: the size of batches, and what is known of the master logins.

use super::batch::BatchSize;
use crate::error::Error;
use crate::model::Side;
use crate::pipeline::Migration;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

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
    pub fn new(migration: &Migration) -> Self {
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

    pub fn let_others_follow(&self) {
        *self.scouted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.scout_is_back.notify_all();
    }

    pub fn await_scout(&self) {
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

    pub fn halted(&self) -> Option<Error> {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

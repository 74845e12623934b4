//! Which accounts of a run wait, which are at work, and which are done: for whoever asks while it goes on.

use crate::model::Turn;
use std::sync::atomic::{AtomicU8, Ordering};

const DONE: u8 = 0;
const WAITING: u8 = 1;
const WORKING: u8 = 2;

/// By the numbers of the accounts.
pub struct Roll(Vec<AtomicU8>);

impl Roll {
    /// Of so many accounts, of which nothing is under way.
    pub fn new(accounts: usize) -> Roll {
        Roll((0..accounts).map(|_| AtomicU8::new(DONE)).collect())
    }

    /// All have their turn before them.
    pub fn begin(&self) {
        self.0.iter().for_each(|turn| turn.store(WAITING, Ordering::Relaxed));
    }

    /// This one is in that state from now on.
    pub fn set(&self, number: usize, turn: Turn) {
        let turn = match turn {
            Turn::None => DONE,
            Turn::Waiting => WAITING,
            Turn::Working => WORKING,
        };
        if let Some(account) = self.0.get(number) {
            account.store(turn, Ordering::Relaxed);
        }
    }

    /// How it stands with that one.
    pub fn turn(&self, number: usize) -> Turn {
        match self.0.get(number).map_or(DONE, |turn| turn.load(Ordering::Relaxed)) {
            WAITING => Turn::Waiting,
            WORKING => Turn::Working,
            _ => Turn::None,
        }
    }

    /// How many are done.
    pub fn done(&self) -> usize {
        self.0.iter().filter(|turn| turn.load(Ordering::Relaxed) == DONE).count()
    }
}

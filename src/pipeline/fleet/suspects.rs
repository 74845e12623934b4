//! Mailboxes in the midst of whose listing the connection breaks: the others are listed without them.

use crate::error::{Error, Kind, Scope};
use crate::model::{RawName, Side};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Breaks in the midst of the listing of one mailbox, with no other in flight, after which the others go on without it.
const BREAKS_PER_MAILBOX: u32 = 2;

/// Suspicions that count as a step towards the end of a scan: a server on which everything breaks is given up at last.
const SUSPICIONS: u64 = 60;

/// Those of one account.
#[derive(Default)]
pub struct Suspects {
    /// How often it broke, and how it broke last.
    known: Mutex<HashMap<(Side, RawName), (u32, Error)>>,
    /// Something broke on that side while several mailboxes were in flight: they are listed one by one.
    careful: [AtomicBool; 2],
    count: AtomicU64,
}

impl Suspects {
    /// Whether the mailboxes of that side are to be listed one by one.
    pub fn is_careful(&self, side: Side) -> bool {
        self.careful[side as usize].load(Ordering::Relaxed)
    }

    /// The connection broke in the midst of the listing of that mailbox. Where it was not alone it may have been another.
    pub fn note(&self, side: Side, mailbox: &RawName, error: &Error) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if !self.careful[side as usize].swap(true, Ordering::Relaxed) {
            return;
        }
        let mut suspects = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let suspect = suspects.entry((side, mailbox.clone())).or_insert_with(|| (0, error.clone()));
        *suspect = (suspect.0 + 1, error.clone());
    }

    /// Why that mailbox is not to be opened again in this run, if it is not.
    pub fn conviction(&self, side: Side, mailbox: &RawName) -> Option<Error> {
        let suspects = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (breaks, last) = suspects.get(&(side, mailbox.clone()))?;
        let what = format!("the connection broke {breaks} times while the mailbox was listed");
        let error = Error::new(Kind::Protocol, what).scope(Scope::Mailbox).because(last.summary());
        (*breaks >= BREAKS_PER_MAILBOX)
            .then(|| error.hint("look at it with another client; it is tried again with each `mailferry sync`"))
    }

    /// How many suspicions there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there were some since they were `before`: that it is known better what breaks the connection is a step forward,
    /// unless there is no end to it.
    pub fn have_grown(&self, before: u64) -> bool {
        (before + 1..SUSPICIONS).contains(&self.count())
    }
}

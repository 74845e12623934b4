//! Mailboxes on which something broke in this run: listed one by one then, and told apart from those that can be listed once
//! it is known which of their messages cannot.

use super::dissection::Dissected;
use crate::error::{Error, Kind, Scope};
use crate::model::{RawName, Side};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Breaks while one mailbox is opened, with no other in flight, after which the others go on without it.
const BREAKS_PER_MAILBOX: u32 = 2;

/// Suspicions that count as a step towards the end of a scan: a server on which everything breaks is given up at last.
const SUSPICIONS: u64 = 60;

/// The mailboxes of one account on which something broke.
#[derive(Default)]
pub struct Suspects {
    known: Mutex<HashMap<(Side, RawName), Suspect>>,
    /// Something broke on that side while several mailboxes were in flight: they are listed one by one.
    careful: [AtomicBool; 2],
    suspicions: AtomicU64,
    /// Why mailboxes could not be listed, as it was told.
    told: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Suspect {
    /// While it was opened, and how it broke last.
    breaks: u32,
    looked: Look,
    /// Its messages are to be looked through.
    due: bool,
    dissected: Option<Arc<Dissected>>,
    last: Option<Error>,
}

/// How the messages of a mailbox were looked through for those that cannot be listed, each better than the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Look {
    #[default]
    Never,
    /// Only at those that could not be listed in an earlier run.
    AtKnown,
    /// At all, without their headers.
    AtSizes,
    AtHeaders,
}

/// What was done with a mailbox when the connection broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrokeOn {
    Opening,
    Reading,
}

/// What is known of a mailbox that is to be listed.
pub enum Suspicion {
    None,
    /// Its messages are to be looked through first.
    Due,
    /// Some of its messages cannot be listed.
    Dissected(Arc<Dissected>),
    /// It is not to be opened again in this run.
    Convicted(Error),
}

impl Suspects {
    fn known(&self) -> MutexGuard<'_, HashMap<(Side, RawName), Suspect>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the mailboxes of that side are to be listed one by one.
    pub fn is_careful(&self, side: Side) -> bool {
        self.careful[side as usize].load(Ordering::Relaxed)
    }

    /// The connection broke on that mailbox. Where it was not alone it may have been another.
    pub fn note(&self, side: Side, mailbox: &RawName, broke_on: BrokeOn, error: &Error) {
        self.suspicions.fetch_add(1, Ordering::Relaxed);
        if !self.careful[side as usize].swap(true, Ordering::Relaxed) {
            return;
        }
        if broke_on == BrokeOn::Reading {
            self.doubt(side, mailbox, error);
            return;
        }
        let mut known = self.known();
        let suspect = known.entry((side, mailbox.clone())).or_default();
        suspect.breaks += 1;
        suspect.last = Some(error.clone());
    }

    /// Its messages could not be listed together. Tells whether they are to be looked through.
    pub fn doubt(&self, side: Side, mailbox: &RawName, error: &Error) -> bool {
        let mut known = self.known();
        let suspect = known.entry((side, mailbox.clone())).or_default();
        suspect.last = Some(error.clone());
        suspect.due = suspect.looked < Look::AtHeaders;
        if !suspect.due {
            suspect.breaks = BREAKS_PER_MAILBOX;
        }
        suspect.due
    }

    /// Some of its messages could not be listed in an earlier run.
    pub fn remember(&self, side: Side, mailbox: &RawName) {
        self.known().entry((side, mailbox.clone())).or_default().due = true;
    }

    /// Whether nothing was noted of it in this run.
    pub fn is_unknown(&self, side: Side, mailbox: &RawName) -> bool {
        !self.known().contains_key(&(side, mailbox.clone()))
    }

    /// How its messages were looked through in this run.
    pub fn looked(&self, side: Side, mailbox: &RawName) -> Look {
        self.known().get(&(side, mailbox.clone())).map_or(Look::Never, |suspect| suspect.looked)
    }

    /// What looking through its messages came to.
    pub fn note_dissected(&self, side: Side, mailbox: &RawName, look: Look, result: Result<Dissected, Error>) {
        let mut known = self.known();
        let suspect = known.entry((side, mailbox.clone())).or_default();
        suspect.due = false;
        suspect.looked = look;
        match result {
            Ok(mut dissected) => {
                if let Some(before) = suspect.dissected.take() {
                    let known = before.poisonous.iter().map(|(uid, error)| (*uid, error.clone()));
                    dissected.poisonous.extend(known);
                }
                suspect.dissected = Some(Arc::new(dissected));
            }
            Err(error) => (suspect.breaks, suspect.last) = (BREAKS_PER_MAILBOX, Some(error)),
        }
    }

    /// What is known of that mailbox.
    pub fn of(&self, side: Side, mailbox: &RawName) -> Suspicion {
        let known = self.known();
        let Some(suspect) = known.get(&(side, mailbox.clone())) else { return Suspicion::None };
        match (suspect.due, &suspect.dissected, &suspect.last) {
            (_, _, Some(last)) if suspect.breaks >= BREAKS_PER_MAILBOX => Suspicion::Convicted(conviction(last)),
            (true, ..) => Suspicion::Due,
            (_, Some(dissected), _) => Suspicion::Dissected(Arc::clone(dissected)),
            _ => Suspicion::None,
        }
    }

    /// It was told among the failures why a mailbox could not be listed.
    pub fn note_told(&self, why: &str) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(why.to_owned());
    }

    /// Whether that is why a mailbox stays behind, so that it is not told again.
    pub fn was_told(&self, reason: &str) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().any(|why| reason.ends_with(why.as_str()))
    }

    /// How many suspicions there were.
    pub fn count(&self) -> u64 {
        self.suspicions.load(Ordering::Relaxed)
    }

    /// Whether it is known better since then what breaks the connection, which is a step forward.
    pub fn advanced_since(&self, before: u64) -> bool {
        (before + 1..SUSPICIONS).contains(&self.count())
    }
}

fn conviction(last: &Error) -> Error {
    let error = match last.kind() {
        Kind::Connection | Kind::Protocol => {
            let what = "the connection broke again and again while the mailbox was listed";
            Error::new(Kind::Protocol, what).because(last.summary())
        }
        _ => last.clone(),
    };
    error.scope(Scope::Mailbox).hint("look at it with another client; it is tried again with each `mailferry sync`")
}

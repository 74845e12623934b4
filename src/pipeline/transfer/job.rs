//! The work on one mailbox, as it is known before it begins.

use super::share::Share;
use crate::error::{Error, Kind};
use crate::model::plan::{MailboxPlan, SizeLimit};
use crate::model::{FlagCapacity, Outcome, Pairing, Uid, UidSet, UidValidity};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Why something may stand in the destination mailbox that no link names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unclean {
    /// An earlier run ended without recording all that it did.
    Broken,
    /// There is more than was listed: other people's mail, or ours where the state was lost or rolled back.
    Grown,
}

/// How a destination mailbox stands before anything is appended to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// UIDNEXT noted before the first append of this or an earlier run.
    pub tail: Uid,
    /// UIDNEXT as it is, where the server tells it.
    pub next: Option<Uid>,
    /// Why there may be something that is not linked.
    pub unclean: Option<Unclean>,
}

/// The work on one mailbox.
pub struct Job {
    pub plan: MailboxPlan,
    pub destination_validity: UidValidity,
    /// What the destination mailbox keeps of flags.
    pub capacity: FlagCapacity,
    pub standing: Standing,
    /// How large a message may be.
    pub size_limit: SizeLimit,
    pub share: Share,
    /// Shared by the parts of one that was split.
    given_up: Arc<Mutex<HashSet<Uid>>>,
}

impl Job {
    /// Nothing is given up yet.
    pub fn new(
        plan: MailboxPlan,
        destination_validity: UidValidity,
        capacity: FlagCapacity,
        standing: Standing,
        size_limit: SizeLimit,
        share: Share,
    ) -> Self {
        Job { plan, destination_validity, capacity, standing, size_limit, share, given_up: Arc::default() }
    }

    /// The part that copies these of its messages, of so many octets; and the one that does all else.
    pub fn split(self, first: UidSet, octets: u64) -> (Job, Job) {
        let rest = self.plan.copies.without(&first);
        let plan = MailboxPlan { copies: first, octets, flag_updates: Vec::new(), ..self.plan.clone() };
        let first = Job {
            plan,
            capacity: self.capacity.clone(),
            share: self.share,
            given_up: Arc::clone(&self.given_up),
            ..self
        };
        let octets = self.plan.octets.saturating_sub(octets);
        (first, Job { plan: MailboxPlan { copies: rest, octets, ..self.plan }, ..self })
    }

    /// The two mailboxes under the UIDVALIDITYs that they have.
    pub fn pairing(&self) -> Pairing {
        Pairing {
            source: self.plan.source.raw.clone(),
            source_validity: self.plan.source_validity,
            destination: self.plan.destination.raw.clone(),
            destination_validity: self.destination_validity,
        }
    }

    /// Whether the message is left alone for the rest of this run.
    pub fn is_given_up(&self, uid: Uid) -> bool {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).contains(&uid)
    }

    /// Leaves the message alone for the rest of this run.
    pub fn give_up(&self, uid: Uid) {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).insert(uid);
    }

    /// What becomes of a message that turns out to be too large: some servers list sizes that are estimates.
    pub fn oversized(&self, octets: u64) -> Option<Outcome> {
        self.size_limit.objection(octets).map(|(whose, reason)| whose.outcome(reason))
    }
}

/// The destination mailbox gives UIDs that it has given before.
pub fn went_back() -> Error {
    Error::new(Kind::Changed, "the mailbox went back in time on the destination")
        .because("its UIDNEXT is lower than it was, as after a restored backup")
        .hint("run `mailferry sync`: the mailbox is matched anew, and nothing is copied twice")
}

/// The source mailbox is not the one that was planned.
pub fn source_changed() -> Error {
    Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was scanned")
        .hint("run `mailferry sync`: the mailbox is matched anew, and nothing is copied twice")
}

//! What was done for one mailbox so far, and what is to be known of it when a connection breaks.

use super::job::Job;
use super::strangers::Strangers;
use crate::error::{Error, Kind, Scope};
use crate::model::amount::grow;
use crate::model::failures::Failures;
use crate::model::{Outcome, Outcomes, RawName, Side, Uid};
use crate::pipeline::Event;
use crate::pipeline::fleet::access::Access;
use std::collections::HashSet;

/// Originals that were not what they should be, after which none of a mailbox is tried: each costs a pass.
const MOST_ALONE: usize = 8;

/// What was done for one mailbox so far.
#[derive(Default)]
pub struct Progress {
    /// Every UID below was there before us, or is linked.
    pub tail: Uid,
    /// What came between our own messages.
    pub strangers: Strangers,
    /// What is appended in small batches.
    pub careful: Option<Careful>,
    /// Messages that the destination said it stored, without a word where.
    pub stored: Vec<Uid>,
    /// Of those, which one that was there before it named (Gmail makes one of two).
    pub merged: Vec<(Uid, Uid)>,
    /// Messages that are sent though the destination has them in another mailbox.
    pub alone: HashSet<Uid>,
    /// Messages that the destination refused because of their keywords.
    pub without_keywords: HashSet<Uid>,
    /// Messages whose date the destination refused: they go with another one.
    pub with_another_date: HashSet<Uid>,
    /// The destination said BAD to a literal that was not announced: from now on all are.
    pub announces_literals: bool,
    pub messages: u64,
    pub octets: u64,
    /// Messages that were moved on the destination, and are not among those.
    pub moved: u64,
    /// Their links in the source mailboxes that they left: they go when all lanes have ended.
    pub left: Vec<(RawName, Vec<Uid>)>,
    pub flags_updated: u64,
    pub outcomes: Outcomes,
    pub failures: Failures,
    /// Something may be on the destination that is not linked.
    pub is_unclean: bool,
    /// Steps of any kind: that it grows means that tries are not in vain.
    pub steps: u64,
}

/// Messages up to a UID go in batches of so many, because something among them was refused or broke the connection.
#[derive(Clone, Copy, Debug)]
pub struct Careful {
    pub through: Uid,
    pub messages: usize,
}

impl Progress {
    /// How many messages a batch with that one may have, if that is restricted.
    pub fn careful(&self, uid: Uid) -> Option<usize> {
        self.careful.filter(|careful| uid <= careful.through).map(|careful| careful.messages)
    }

    /// The UID up to which messages go one by one.
    pub fn one_by_one(&self) -> Option<Uid> {
        self.careful.filter(|careful| careful.messages == 1).map(|careful| careful.through)
    }

    /// Whether the message is sent though the destination has it in another mailbox: for itself, or for what was seen of others.
    pub fn goes_alone(&self, uid: Uid) -> bool {
        self.alone.contains(&uid) || self.has_no_originals()
    }

    /// Whether originals turned out to be of no use for this mailbox.
    pub fn has_no_originals(&self) -> bool {
        self.alone.len() >= MOST_ALONE
    }

    /// Messages were appended and linked.
    pub fn copied(&mut self, access: &Access<'_>, job: &Job, messages: u64, octets: u64) {
        self.messages += messages;
        grow(&mut self.octets, octets);
        self.steps += messages;
        self.outcomes.add(&Outcome::Copied, messages);
        advance(access, job, messages, octets);
    }

    /// Messages were moved on the destination and linked.
    pub fn moved(&mut self, access: &Access<'_>, job: &Job, messages: u64) {
        self.moved += messages;
        self.steps += messages;
        self.outcomes.add(&Outcome::Copied, messages);
        advance(access, job, messages, 0);
    }

    /// A message ended without being copied.
    pub fn concluded(&mut self, access: &Access<'_>, job: &Job, uid: Uid, outcome: Outcome) {
        self.steps += 1;
        self.outcomes.add(&outcome, 1);
        if let Some((side, error)) = outcome_error(job, uid, &outcome) {
            let error = error.on(side, &access.connector(side).server().label());
            access.migration.observer.event(Event::Failed { account: &access.account.name, error: &error });
            access.failures.note(&mut self.failures, error);
        }
        advance(access, job, 1, 0);
    }
}

fn advance(access: &Access<'_>, job: &Job, messages: u64, octets: u64) {
    let mailbox = job.plan.source.path();
    access.gauge.count(messages, octets);
    access.migration.observer.event(Event::Advanced {
        account: &access.account.name,
        mailbox: &mailbox,
        messages,
        octets,
    });
}

/// The error that stands for a message's outcome in the list at the end, and on which side it came about.
fn outcome_error(job: &Job, uid: Uid, outcome: &Outcome) -> Option<(Side, Error)> {
    let (side, what, cause, hint) = match outcome {
        Outcome::Refused(cause) => (
            Side::Destination,
            "the destination refused a message",
            cause,
            "it is tried again with each `mailferry sync`; repair or remove it on the source if that does not help",
        ),
        Outcome::Failed(cause) => (
            Side::Source,
            "a message could not be read from the source",
            cause,
            "look at it with another client; it is tried again with each `mailferry sync`",
        ),
        Outcome::NotFoundAgain(cause) => (
            Side::Destination,
            "the destination said that it stored a message, and it is not found again",
            cause,
            "it may merge or move what it takes for a duplicate, as Gmail does: look for it there; `restore_missing = true` under [sync] sends it again",
        ),
        _ => return None,
    };
    let error = Error::new(Kind::Refused, what).scope(Scope::Message).because(cause).hint(hint);
    Some((side, error.in_mailbox(&job.plan.source.path()).at_uid(uid)))
}

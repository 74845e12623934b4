//! What a verification found in one mailbox.

use crate::model::difference::{Difference, DifferenceKind, Differences};
use crate::model::plan::Doubt;
use crate::model::{Losses, Outcome, Outcomes, Uid};
use std::collections::HashSet;

/// What was found in one mailbox.
#[derive(Default)]
pub struct Verdict {
    pub differences: Differences,
    pub listed: Vec<Difference>,
    pub outcomes: Outcomes,
    pub losses: Losses,
    /// Source and destination UID of what is taken for one message, ascending: its octets can be compared.
    pub pairs: Vec<(Uid, Uid)>,
    /// Source messages whose octets were read, as those of their copies, and are the same: now, and by an earlier verification.
    pub verified_now: u64,
    pub verified_before: u64,
    pub messages: u64,
    pub octets: u64,
    pub flags_changed_there: u64,
    /// Copies that the destination keeps in a form of its own.
    pub rewritten: u64,
    /// Source messages that are known to be altered: their octets need not be compared.
    pub altered: HashSet<Uid>,
    /// Source messages, and the UIDs of their copies, under which there is another message now.
    pub taken: Vec<(Uid, Uid)>,
    /// What must be read to be sure: whether messages of one identity are one, or listed sizes lie.
    pub doubt: Doubt,
    /// Source messages of which a person has said that they are good as they are.
    pub accepted: HashSet<Uid>,
}

impl Verdict {
    /// Counts a difference, and lists it.
    pub fn differ(&mut self, difference: Difference) {
        if difference.source.is_some_and(|uid| self.accepted.contains(&uid)) {
            return;
        }
        self.differences.add(difference.kind, 1);
        self.listed.push(difference);
    }

    /// Counts a message that the source holds and does not describe.
    pub fn leave_unread(&mut self, mailbox: &str, (uid, outcome): (Uid, Outcome)) {
        self.messages += 1;
        self.outcomes.add(&outcome, 1);
        let detail = match outcome {
            Outcome::Failed(reason) => reason,
            _ => "it was not listed".to_owned(),
        };
        self.differ(Difference::new(mailbox.to_owned(), DifferenceKind::Missing, (Some(uid), None), detail));
    }
}

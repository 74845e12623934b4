//! The account of outcomes: every source message ends in exactly one of these.

use serde::{Deserialize, Serialize};

/// What became of one source message. New ones come last: those of exceptions stand in the state by their number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It was on the destination before us.
    Present,
    /// We copied it.
    Copied,
    /// Not copied on purpose: the user's own settings say so.
    Skipped(String),
    /// The destination refused it, in these words.
    Refused(String),
    /// It was gone from the source when it was to be copied.
    Vanished,
    /// It could not be read or written for a reason that may pass.
    Failed(String),
    /// Copied once, and since then deleted or moved by its user on the destination.
    Departed,
    /// Planned, not yet done.
    Pending,
    /// Not copied because the destination announced that it takes none such.
    Limited(String),
    /// The destination stored it, and it is not found there under its identity: never sent again blindly.
    NotFoundAgain(String),
    /// Something on the destination may be it or may not: neither tied nor copied until their octets were compared.
    Undecided(String),
    /// It is not there, or not as it was, and a person said why that is good.
    Accepted(String),
}

/// How many messages ended how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outcomes {
    pub present: u64,
    pub copied: u64,
    pub skipped: u64,
    pub limited: u64,
    pub refused: u64,
    pub vanished: u64,
    pub failed: u64,
    pub departed: u64,
    pub pending: u64,
    pub not_found_again: u64,
    pub undecided: u64,
    pub accepted: u64,
}

impl Outcomes {
    /// Counts `count` more messages with this outcome.
    pub fn add(&mut self, outcome: &Outcome, count: u64) {
        *self.of(outcome) += count;
    }

    /// The count of this outcome.
    pub fn of(&mut self, outcome: &Outcome) -> &mut u64 {
        match outcome {
            Outcome::Present => &mut self.present,
            Outcome::Copied => &mut self.copied,
            Outcome::Skipped(_) => &mut self.skipped,
            Outcome::Limited(_) => &mut self.limited,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::Vanished => &mut self.vanished,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Departed => &mut self.departed,
            Outcome::Pending => &mut self.pending,
            Outcome::NotFoundAgain(_) => &mut self.not_found_again,
            Outcome::Undecided(_) => &mut self.undecided,
            Outcome::Accepted(_) => &mut self.accepted,
        }
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Outcomes) {
        for (own, others) in self.counts_mut().into_iter().zip(other.counts()) {
            *own += others;
        }
    }

    /// All messages together: must equal what the source holds, plus what vanished.
    pub fn total(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// Those that are on the destination.
    pub fn there(&self) -> u64 {
        self.present + self.copied
    }

    /// Those that the destination, or a fault, keeps from being there: no success, whatever else went well.
    pub fn left_behind(&self) -> u64 {
        self.limited + self.refused + self.failed + self.not_found_again + self.undecided
    }

    /// Every count, in the order of the fields.
    pub fn counts(&self) -> [u64; 12] {
        let mut copy = *self;
        copy.counts_mut().map(|count| *count)
    }

    /// Every count, in the same order.
    pub fn counts_mut(&mut self) -> [&mut u64; 12] {
        let Outcomes {
            present,
            copied,
            skipped,
            limited,
            refused,
            vanished,
            failed,
            departed,
            pending,
            not_found_again,
            undecided,
            accepted,
        } = self;
        [
            present,
            copied,
            skipped,
            limited,
            refused,
            vanished,
            failed,
            departed,
            pending,
            not_found_again,
            undecided,
            accepted,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_counted_once_and_all_add_up() {
        let words = String::new;
        let all = [
            Outcome::Present,
            Outcome::Copied,
            Outcome::Skipped(words()),
            Outcome::Refused(words()),
            Outcome::Vanished,
            Outcome::Failed(words()),
            Outcome::Departed,
            Outcome::Pending,
            Outcome::Limited(words()),
            Outcome::NotFoundAgain(words()),
            Outcome::Undecided(words()),
            Outcome::Accepted(words()),
        ];
        let mut outcomes = Outcomes::default();
        all.iter().zip(1..).for_each(|(outcome, count)| outcomes.add(outcome, count));
        let mut doubled = outcomes;
        doubled.merge(&outcomes);
        assert_eq!((outcomes.total(), doubled.total()), (78, 156));
        assert_eq!((outcomes.there(), outcomes.left_behind()), (3, 4 + 6 + 9 + 10 + 11));
    }
}

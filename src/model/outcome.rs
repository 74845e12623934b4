//! The account of outcomes: every source message ends in exactly one of these.

use serde::{Deserialize, Serialize};

/// What became of one source message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It was on the destination before us.
    Present,
    /// We copied it.
    Copied,
    /// Not copied on purpose: the settings or a limit say so.
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
}

/// How many messages ended how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outcomes {
    pub present: u64,
    pub copied: u64,
    pub skipped: u64,
    pub refused: u64,
    pub vanished: u64,
    pub failed: u64,
    pub departed: u64,
    pub pending: u64,
}

impl Outcomes {
    /// Counts `count` more messages with this outcome.
    pub fn add(&mut self, outcome: &Outcome, count: u64) {
        *match outcome {
            Outcome::Present => &mut self.present,
            Outcome::Copied => &mut self.copied,
            Outcome::Skipped(_) => &mut self.skipped,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::Vanished => &mut self.vanished,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Departed => &mut self.departed,
            Outcome::Pending => &mut self.pending,
        } += count;
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Outcomes) {
        self.present += other.present;
        self.copied += other.copied;
        self.skipped += other.skipped;
        self.refused += other.refused;
        self.vanished += other.vanished;
        self.failed += other.failed;
        self.departed += other.departed;
        self.pending += other.pending;
    }

    /// All messages together: must equal what the source holds, plus what vanished.
    pub fn total(&self) -> u64 {
        self.present
            + self.copied
            + self.skipped
            + self.refused
            + self.vanished
            + self.failed
            + self.departed
            + self.pending
    }
}

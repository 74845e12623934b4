//! The ledger: where every message, every mailbox and the whole of an account stand at the end of a command. Exit status,
//! last line, `status`, JSON and report are read from it alone.
//!
//! Invariants:
//! 1. Each source message is in one outcome: `outcomes` adds up to `held`, and to what vanished meanwhile.
//! 2. Each mailbox that the source lists is in one condition.
//! 3. What was not compared is not identical, and what a fault or the destination keeps back is no success.

use super::difference::Differences;
use super::failures::Failures;
use super::{Losses, Outcomes};
use serde::{Deserialize, Serialize};

/// Where a mailbox of the source stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailboxCondition {
    /// It has its place on the destination, and its messages have their outcomes.
    TakesPart,
    /// The user's own settings leave it out, or it shows what other mailboxes hold.
    Excluded,
    /// It holds no messages by nature: a name, or a parent of others.
    Container,
    /// It belongs to another user, or to many: it moves with its owner.
    Foreign,
    /// It cannot be read, or its place on the destination cannot: an obstacle, mail stays behind.
    Unreadable,
}

impl MailboxCondition {
    /// Whether mail stays behind because of it though nobody asked for that.
    pub fn is_obstacle(self) -> bool {
        self == MailboxCondition::Unreadable
    }
}

/// How many mailboxes are in which condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Conditions {
    pub takes_part: u64,
    pub excluded: u64,
    pub container: u64,
    pub foreign: u64,
    pub unreadable: u64,
}

impl Conditions {
    /// Counts one mailbox.
    pub fn add(&mut self, condition: MailboxCondition) {
        *match condition {
            MailboxCondition::TakesPart => &mut self.takes_part,
            MailboxCondition::Excluded => &mut self.excluded,
            MailboxCondition::Container => &mut self.container,
            MailboxCondition::Foreign => &mut self.foreign,
            MailboxCondition::Unreadable => &mut self.unreadable,
        } += 1;
    }

    fn merge(&mut self, other: Conditions) {
        let Conditions { takes_part, excluded, container, foreign, unreadable } = other;
        self.takes_part += takes_part;
        self.excluded += excluded;
        self.container += container;
        self.foreign += foreign;
        self.unreadable += unreadable;
    }
}

/// How far a command went with an account: what its success would claim.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Both sides were looked at.
    #[default]
    Looked,
    /// The snapshots were compared, and nothing was done.
    Planned,
    /// What was planned was done as far as it could be, and the next plan was made.
    Applied,
    /// Both sides were listed anew and compared.
    Verified,
}

/// Why an account's work ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All that was planned is done, or has failed for a reason that is listed.
    #[default]
    Complete,
    /// A limit of `apply` was reached with work left.
    Limit,
    /// The user asked to stop; all is checkpointed.
    Interrupted,
}

/// Where one account stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct AccountLedger {
    pub stage: Stage,
    pub ending: Ending,
    pub outcomes: Outcomes,
    /// Messages that the source holds.
    pub held: u64,
    pub conditions: Conditions,
    pub losses: Losses,
    /// Departed messages of which a person has to say that this is good. What copy mode takes for its users' work is not
    /// among them.
    pub questioned: u64,
    /// Only of what was verified.
    pub differences: Differences,
    /// Whether there is something left to do on the destination.
    pub to_do: bool,
    /// Every failure, refusal and obstacle, with its reason and what to do about it. Told once, not kept.
    #[serde(skip)]
    pub failures: Failures,
}

/// What a verification comes to, for one account or for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// All that the source holds is there, and nothing differs.
    Identical,
    /// Every message is there; something that is not octets cannot be kept.
    Lossy,
    /// Nothing differs; the settings leave messages out, or their users removed them.
    Partial,
    /// Something was not compared.
    Uncompared,
    Different,
}

impl AccountLedger {
    /// Of a command that went so far.
    pub fn at(stage: Stage) -> Self {
        AccountLedger { stage, ..AccountLedger::default() }
    }

    /// Whether a fault or the destination keeps something back that was to be brought over: no success, whatever else
    /// went well. A plan only tells of it.
    pub fn leaves_behind(&self) -> bool {
        let finished = self.stage == Stage::Verified || self.ending == Ending::Complete;
        let unfinished = finished && self.outcomes.pending > 0;
        let kept_back = self.outcomes.left_behind() + self.conditions.unreadable + self.questioned > 0;
        self.stage >= Stage::Applied && (kept_back || unfinished)
    }

    /// What its verification comes to.
    pub fn standing(&self) -> Standing {
        if !self.differences.is_clean() || self.leaves_behind() {
            Standing::Different
        } else if self.stage != Stage::Verified || !self.failures.is_empty() {
            Standing::Uncompared
        } else if self.outcomes.there() != self.outcomes.total() {
            Standing::Partial
        } else if self.losses.is_empty() {
            Standing::Identical
        } else {
            Standing::Lossy
        }
    }

    /// Adds another account. The stage of the sum is what all have come to, its ending what any came to.
    pub fn merge(&mut self, other: &AccountLedger) {
        self.stage = self.stage.min(other.stage);
        self.ending = self.ending.max(other.ending);
        self.outcomes.merge(&other.outcomes);
        self.held += other.held;
        self.conditions.merge(other.conditions);
        self.losses.merge(&other.losses);
        self.questioned += other.questioned;
        self.differences.merge(&other.differences);
        self.to_do |= other.to_do;
        // Those of the accounts are told by themselves: here they are only counted.
        drop(self.failures.append(other.failures.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};

    fn verified() -> AccountLedger {
        let outcomes = Outcomes { copied: 3, present: 1, ..Outcomes::default() };
        AccountLedger { outcomes, held: 4, ..AccountLedger::at(Stage::Verified) }
    }

    /// Holds model/ledger.rs invariant 3.
    #[test]
    fn only_what_was_compared_and_is_whole_is_identical() {
        assert_eq!(verified().standing(), Standing::Identical);
        type Spoil = fn(&mut AccountLedger);
        let spoilt: [(Spoil, Standing); 13] = [
            (|it| it.stage = Stage::Applied, Standing::Uncompared),
            (|it| drop(it.failures.add(Error::new(Kind::Connection, "it broke"))), Standing::Uncompared),
            (|it| it.conditions.unreadable = 1, Standing::Different),
            (|it| it.outcomes.limited = 1, Standing::Different),
            (|it| it.outcomes.refused = 1, Standing::Different),
            (|it| it.outcomes.not_found_again = 1, Standing::Different),
            (|it| it.outcomes.undecided = 1, Standing::Different),
            (|it| it.outcomes.pending = 1, Standing::Different),
            (|it| it.differences.missing = 1, Standing::Different),
            (|it| it.questioned = 1, Standing::Different),
            (|it| it.outcomes.skipped = 1, Standing::Partial),
            (|it| it.outcomes.departed = 1, Standing::Partial),
            (|it| it.losses.dates = 1, Standing::Lossy),
        ];
        for (index, (spoil, standing)) in spoilt.into_iter().enumerate() {
            let mut ledger = verified();
            spoil(&mut ledger);
            assert_eq!(ledger.standing(), standing, "{index}");
        }
    }

    #[test]
    fn work_that_is_left_without_a_limit_is_left_behind() {
        let mut ledger = AccountLedger::at(Stage::Applied);
        ledger.outcomes.pending = 1;
        assert!(ledger.leaves_behind());
        ledger.ending = Ending::Limit;
        assert!(!ledger.leaves_behind());
        assert!(!AccountLedger { stage: Stage::Planned, ending: Ending::Complete, ..ledger }.leaves_behind());
    }

    #[test]
    fn sum_stands_where_the_least_of_its_accounts_does() {
        let mut sum = verified();
        sum.merge(&AccountLedger { stage: Stage::Looked, ending: Ending::Limit, ..verified() });
        assert_eq!((sum.stage, sum.ending, sum.held, sum.outcomes.total()), (Stage::Looked, Ending::Limit, 8, 8));
    }
}

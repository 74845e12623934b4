//! All that the state holds of one account, for those who were not there: counts that balance, what is not there and why,
//! and what a verification found.

use super::about::About;
use super::difference::{Difference, Differences};
use super::failures::KeptFailure;
use super::ledger::Standing;
use super::report::StatusSummary;
use super::{Condition, Outcomes};
use serde::{Deserialize, Serialize};

/// What a verification came to, as it is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// Seconds since 1970, when it ended.
    pub at: i64,
    /// Whether every octet was compared.
    pub deep: bool,
    pub messages: u64,
    pub octets: u64,
    /// Octets copied over all runs by then: with more, something came since.
    pub octets_copied: u64,
    pub standing: Standing,
    pub differences: Differences,
}

/// One account.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccountReport {
    pub source_user: String,
    pub destination_user: String,
    pub status: StatusSummary,
    pub mailboxes: Vec<MailboxReport>,
    /// Mailboxes that take no part, and why.
    pub omitted: Vec<(String, String)>,
    pub messages: Vec<MessageReport>,
    /// How many messages more there are that are not listed.
    pub unlisted: u64,
    pub failures: Vec<KeptFailure>,
    pub verification: Option<Verification>,
    /// What it found, and how many differences more there are that are not listed.
    pub differences: (Vec<Difference>, u64),
}

/// One mailbox and where it goes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MailboxReport {
    pub source: String,
    pub destination: String,
    pub source_messages: u64,
    /// `None` where it is not there, or was not listed.
    pub destination_messages: Option<u64>,
    pub outcomes: Outcomes,
}

/// One message that is not there, or of which there is something to say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageReport {
    pub mailbox: String,
    pub uid: u32,
    /// Seconds since 1970, where the source tells.
    pub date: Option<i64>,
    pub octets: Option<u64>,
    /// Where it could be asked for.
    pub about: Option<About>,
    /// `refused`, `skipped`: as the outcomes are called.
    pub outcome: String,
    pub reason: String,
}

/// What the account comes to, in one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Grade {
    /// Something is not there that should be, or nobody knows.
    Incomplete,
    /// Everything is accounted for, and a person should look at some of it.
    ToReview,
    /// Every message is there, or left out as the settings say; it was not compared since.
    Whole,
    /// Every message was compared and is there.
    Exact,
}

impl Grade {
    /// All of them, the worst first.
    pub const ALL: [Grade; 4] = [Grade::Incomplete, Grade::ToReview, Grade::Whole, Grade::Exact];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Grade::Incomplete => "incomplete",
            Grade::ToReview => "to review",
            Grade::Whole => "whole",
            Grade::Exact => "exact",
        }
    }
}

impl AccountReport {
    /// What it comes to.
    pub fn grade(&self) -> Grade {
        let ledger = &self.status.status.ledger;
        let outcomes = &ledger.outcomes;
        let is_done = matches!(self.status.condition, Condition::Synced | Condition::Complete | Condition::Paused);
        if !is_done || outcomes.pending + outcomes.left_behind() + ledger.conditions.unreadable > 0 {
            return Grade::Incomplete;
        }
        let is_current =
            |it: &&Verification| it.messages == ledger.held && it.octets_copied == self.status.status.octets_copied;
        let current = self.verification.as_ref().filter(is_current);
        if current.is_some_and(|it| !it.differences.is_clean()) {
            return Grade::Incomplete;
        }
        if ledger.questioned + outcomes.departed + outcomes.accepted > 0 || !ledger.losses.is_empty() {
            return Grade::ToReview;
        }
        match current.map(|it| it.standing) {
            Some(Standing::Identical) => Grade::Exact,
            _ => Grade::Whole,
        }
    }
}

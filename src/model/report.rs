//! What a command found or did, as data: `report` makes it readable, `cli` derives the exit status from it.

use super::plan::AccountPlan;
use super::server::Quota;
use super::statistics::{AccountStatus, RunFigures};
use super::{Outcomes, Side, Uid};
use crate::error::Error;
use serde::Serialize;

/// The result of a command for one account.
#[derive(Debug)]
pub struct AccountResult<T> {
    pub account: String,
    pub result: Result<T, Error>,
}

/// What `check` found on one side of an account.
#[derive(Clone, PartialEq, Debug)]
pub struct SideCheck {
    pub side: Side,
    pub server: String,
    pub product: String,
    /// How the connection is protected: `TLS 1.3`, `none`, `tunnel`.
    pub protection: String,
    pub user: String,
    pub capabilities: Vec<String>,
    pub mailboxes: u64,
    pub messages: u64,
    pub quotas: Vec<Quota>,
    pub append_limit: Option<u64>,
    /// What will work, but slower or with less.
    pub notes: Vec<String>,
}

/// What `check` found for one account: each side may fail on its own.
#[derive(Debug)]
pub struct AccountCheck {
    pub sides: Vec<Result<SideCheck, Error>>,
}

/// What `scan` did for one account.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ScanSummary {
    pub source: SideSummary,
    pub destination: SideSummary,
    pub warnings: Vec<String>,
    /// Mailboxes that could not be listed, and why.
    pub troubles: Vec<Error>,
}

/// What a scan of one side found.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SideSummary {
    pub mailboxes: u64,
    /// Mailboxes that were as recorded, and not opened.
    pub unchanged: u64,
    pub messages: u64,
    pub octets: u64,
}

/// How `apply` or `sync` ended for one account.
#[derive(Clone, PartialEq, Debug)]
pub struct ApplySummary {
    pub figures: RunFigures,
    pub outcomes: Outcomes,
    pub ending: Ending,
    /// Every failure, refusal and obstacle, with its reason and what to do about it.
    pub failures: Vec<Error>,
    pub warnings: Vec<String>,
    /// Messages that are planned and not done.
    pub left: u64,
}

/// Why an account's work ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// All that was planned is done, or has failed for a reason that is listed.
    Complete,
    /// A limit of `apply` was reached with work left.
    Limit,
    /// The user asked to stop; all is checkpointed.
    Interrupted,
}

/// A plan with what the account's mailboxes hold, for printing.
#[derive(Clone, PartialEq, Debug)]
pub struct PlanSummary {
    pub plan: AccountPlan,
    pub outcomes: Outcomes,
    /// Messages that the source holds: what the outcomes must add up to.
    pub held: u64,
}

/// One difference that `verify` found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    pub mailbox: String,
    pub kind: DifferenceKind,
    /// The UID on the source, where there is one.
    pub source: Option<Uid>,
    /// The UID on the destination, where there is one.
    pub destination: Option<Uid>,
    pub detail: String,
}

/// What differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    Missing,
    Duplicated,
    Altered,
    FlagsDiffer,
    DatesDiffer,
    Extra,
    /// Copied by us, gone from the source, and not deleted yet. Only in mirror mode.
    Undeleted,
}

/// The counts of the Contract's verify report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Differences {
    pub missing: u64,
    pub duplicated: u64,
    pub altered: u64,
    pub flags_differ: u64,
    pub dates_differ: u64,
    /// On the destination and not on the source: new mail there, or deleted on the source since. No fault.
    pub extra: u64,
    /// Copied by us, gone from the source, and not deleted yet. Only in mirror mode; copy mode counts them as extra.
    pub undeleted: u64,
}

impl Differences {
    /// Counts one difference.
    pub fn add(&mut self, kind: DifferenceKind, count: u64) {
        *match kind {
            DifferenceKind::Missing => &mut self.missing,
            DifferenceKind::Duplicated => &mut self.duplicated,
            DifferenceKind::Altered => &mut self.altered,
            DifferenceKind::FlagsDiffer => &mut self.flags_differ,
            DifferenceKind::DatesDiffer => &mut self.dates_differ,
            DifferenceKind::Extra => &mut self.extra,
            DifferenceKind::Undeleted => &mut self.undeleted,
        } += count;
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Differences) {
        self.missing += other.missing;
        self.duplicated += other.duplicated;
        self.altered += other.altered;
        self.flags_differ += other.flags_differ;
        self.dates_differ += other.dates_differ;
        self.extra += other.extra;
        self.undeleted += other.undeleted;
    }

    /// Whether what left has arrived: nothing but extra messages differs.
    pub fn is_clean(&self) -> bool {
        let Differences { missing, duplicated, altered, flags_differ, dates_differ, extra: _, undeleted } = *self;
        missing + duplicated + altered + flags_differ + dates_differ + undeleted == 0
    }
}

/// What `verify` found for one account.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct VerifySummary {
    pub differences: Differences,
    /// The first differences, at most [`LISTED_DIFFERENCES`] of each kind and mailbox.
    pub listed: Vec<Difference>,
    pub outcomes: Outcomes,
    pub mailboxes: u64,
    pub messages: u64,
    pub octets: u64,
    /// Whether the octets of every message were compared.
    pub deep: bool,
    /// Flags that were changed on the destination after they were copied: its user's doing, no difference.
    pub flags_changed_there: u64,
    pub warnings: Vec<String>,
    pub troubles: Vec<Error>,
}

/// How many differences of one kind are listed for one mailbox; all are counted.
pub const LISTED_DIFFERENCES: usize = 20;

/// What `status` knows of one account.
#[derive(Clone, PartialEq, Debug)]
pub struct StatusSummary {
    pub account: String,
    pub status: AccountStatus,
    /// What the saved plan still has to do, where there is one.
    pub planned: u64,
}

/// What the state knew of an account that was dropped from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forgotten {
    pub account: String,
    /// Mailboxes of the source.
    pub mailboxes: u64,
    /// Messages that were tied to their copies.
    pub links: u64,
}

/// The facts and the rule behind what became, or will become, of one message.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    pub account: String,
    pub mailbox: String,
    /// Each a sentence: a fact with its source, or a rule with its reason.
    pub lines: Vec<String>,
}

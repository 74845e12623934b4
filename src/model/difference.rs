//! What differs between a source mailbox and its copy, as `verify` found it.

use super::Uid;
use super::about::About;
use serde::{Deserialize, Serialize};

/// How many differences of one kind are shown of one mailbox; all are counted, and kept.
pub const SHOWN_DIFFERENCES: usize = 20;

/// One difference that `verify` found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Difference {
    pub mailbox: String,
    pub kind: DifferenceKind,
    /// The UID on the source, where there is one.
    pub source: Option<Uid>,
    /// The UID on the destination, where there is one.
    pub destination: Option<Uid>,
    pub detail: String,
    /// Which message it is, where that was asked for.
    pub about: Option<About>,
}

impl Difference {
    /// One of that kind, between the UIDs of the two sides where there are any.
    pub fn new(mailbox: String, kind: DifferenceKind, uids: (Option<Uid>, Option<Uid>), detail: String) -> Self {
        let (source, destination) = uids;
        Difference { mailbox, kind, source, destination, detail, about: None }
    }

    /// By what differences of one mailbox are put in order.
    pub fn rank(&self) -> (DifferenceKind, Option<Uid>, Option<Uid>) {
        (self.kind, self.source, self.destination)
    }
}

/// What differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
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

impl DifferenceKind {
    /// Its words.
    pub fn word(self) -> &'static str {
        match self {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Duplicated => "duplicated",
            DifferenceKind::Altered => "altered",
            DifferenceKind::FlagsDiffer => "flags differ",
            DifferenceKind::DatesDiffer => "dates differ",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Undeleted => "not deleted",
        }
    }
}

/// The counts of the Contract's verify report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
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
        self.faults() == 0
    }

    /// How many differences are faults: all but extra messages.
    pub fn faults(&self) -> u64 {
        let Differences { missing, duplicated, altered, flags_differ, dates_differ, extra: _, undeleted } = *self;
        missing + duplicated + altered + flags_differ + dates_differ + undeleted
    }
}

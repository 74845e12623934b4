//! What a second turn of an account needs to know of the first, and how the two become one.

use crate::error::Error;
use crate::model::report::{
    AcceptSummary, AccountCheck, ApplySummary, HeadersSummary, PlanSummary, ScanSummary, VerifySummary,
};

/// What came of the work on an account, which may be done again.
pub trait Again: Sized {
    /// What failed in it, though it came to its end.
    fn failures(&self) -> &[Error] {
        &[]
    }

    /// Lists its failures as shortly as can be: others have many, and the state has them all.
    fn shorten(&mut self) {}

    /// The result of both, this one being the later.
    fn after(self, _earlier: Self) -> Self {
        self
    }
}

impl Again for AccountCheck {}

impl Again for HeadersSummary {}

impl Again for PlanSummary {}

impl Again for AcceptSummary {}

impl Again for ScanSummary {
    fn failures(&self) -> &[Error] {
        &self.ledger.failures
    }

    fn shorten(&mut self) {
        self.ledger.failures.shorten();
    }
}

impl Again for VerifySummary {
    fn failures(&self) -> &[Error] {
        &self.ledger.failures
    }

    fn shorten(&mut self) {
        self.ledger.failures.shorten();
    }
}

impl Again for ApplySummary {
    fn failures(&self) -> &[Error] {
        &self.ledger.failures
    }

    fn shorten(&mut self) {
        self.ledger.failures.shorten();
    }

    /// What was done is added up; what failed and was tried again is told as it ended.
    fn after(mut self, earlier: Self) -> Self {
        let (figures, before) = (&mut self.figures, earlier.figures);
        figures.started = before.started;
        figures.seconds += before.seconds;
        figures.messages_copied += before.messages_copied;
        figures.octets_copied += before.octets_copied;
        figures.messages_moved += before.messages_moved;
        figures.mailboxes_renamed += before.mailboxes_renamed;
        figures.flags_updated += before.flags_updated;
        figures.messages_deleted += before.messages_deleted;
        figures.reconnects += before.reconnects;
        figures.parts = before.parts.into_iter().chain(std::mem::take(&mut figures.parts)).collect();
        figures.batch = figures.batch.or(before.batch);
        self
    }
}

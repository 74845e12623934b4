//! What the verifications of all accounts come to together.

use crate::model::amount::grow;
use crate::model::difference::{DifferenceKind, Differences};
use crate::model::report::{AccountResult, VerifySummary};
use crate::model::run_ledger::RunLedger;
use crate::report::succeeded;

/// All accounts together.
pub(super) fn sum(results: &[AccountResult<VerifySummary>]) -> VerifySummary {
    let ledger = RunLedger::of(results).sum();
    let mut sum = VerifySummary { deep: true, ledger, ..VerifySummary::default() };
    for (_, summary) in succeeded(results) {
        sum.mailboxes += summary.mailboxes;
        sum.messages += summary.messages;
        grow(&mut sum.octets, summary.octets);
        sum.deep &= summary.deep;
        sum.verified_now += summary.verified_now;
        sum.verified_before += summary.verified_before;
        sum.flags_changed_there += summary.flags_changed_there;
        sum.rewritten += summary.rewritten;
    }
    sum
}

/// Every count with its kind.
pub(super) fn counts(differences: &Differences) -> [(DifferenceKind, u64); 7] {
    let Differences { missing, duplicated, altered, flags_differ, dates_differ, extra, undeleted } = *differences;
    [
        (DifferenceKind::Missing, missing),
        (DifferenceKind::Duplicated, duplicated),
        (DifferenceKind::Altered, altered),
        (DifferenceKind::FlagsDiffer, flags_differ),
        (DifferenceKind::DatesDiffer, dates_differ),
        (DifferenceKind::Extra, extra),
        (DifferenceKind::Undeleted, undeleted),
    ]
}

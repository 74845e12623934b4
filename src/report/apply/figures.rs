//! What the runs of all accounts come to together.

use crate::model::amount::grow;
use crate::model::report::{AccountResult, ApplySummary};
use crate::model::statistics::{PartFigures, RunFigures};
use crate::report::succeeded;

/// Sums over all accounts. Accounts run side by side: the time is from the first beginning to the last end.
pub(super) fn sum(results: &[AccountResult<ApplySummary>]) -> RunFigures {
    let mut sum = RunFigures::default();
    let begun = succeeded(results).map(|(_, summary)| summary.figures.started).min().unwrap_or(0);
    for (_, ApplySummary { figures, .. }) in succeeded(results) {
        sum.messages_copied += figures.messages_copied;
        grow(&mut sum.octets_copied, figures.octets_copied);
        sum.messages_moved += figures.messages_moved;
        sum.mailboxes_renamed += figures.mailboxes_renamed;
        sum.flags_updated += figures.flags_updated;
        sum.messages_deleted += figures.messages_deleted;
        sum.reconnects += figures.reconnects;
        figures.parts.iter().for_each(|part| add_part(&mut sum.parts, part));
        sum.seconds = sum.seconds.max((figures.started - begun) as f64 + figures.seconds);
    }
    sum
}

fn add_part(sum: &mut Vec<PartFigures>, part: &PartFigures) {
    match sum.iter_mut().find(|known| known.part == part.part) {
        Some(known) => known.add(part),
        None => sum.push(part.clone()),
    }
}

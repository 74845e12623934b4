//! What the plans of all accounts come to together, and what is to be known of one mailbox.

use crate::error::made_harmless;
use crate::model::plan::{MailboxPlan, PlanTotals};
use crate::model::report::{AccountResult, PlanSummary};
use crate::report::quantity::counted;
use crate::report::succeeded;

/// Sums over the plans of all accounts.
pub fn totals(results: &[AccountResult<PlanSummary>]) -> PlanTotals {
    let mut totals = PlanTotals::default();
    succeeded(results).for_each(|(_, summary)| totals.merge(&summary.plan.totals()));
    totals
}

/// What is to be known of a mailbox besides its counts.
pub fn notes(plan: &MailboxPlan) -> String {
    let mut notes = Vec::new();
    if plan.create {
        notes.push("new mailbox".to_owned());
    }
    if plan.source.path() != plan.destination.path() {
        notes.push(format!("to `{}`", made_harmless(&plan.destination.path())));
    }
    if plan.subscribe && !plan.create {
        notes.push("subscribe".to_owned());
    }
    if !plan.second_copies.is_empty() {
        notes.push(format!("{} of ours", counted(plan.second_copies.len() as u64, "second copy")));
    }
    if !plan.replaced.is_empty() {
        notes.push(format!("{} to be replaced", counted(plan.replaced.len(), "copy")));
    }
    if plan.guard.is_some() {
        notes.push("guarded".to_owned());
    }
    if plan.is_empty() {
        notes.push("no change".to_owned());
    }
    notes.join(", ")
}

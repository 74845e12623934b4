//! What the plans of all accounts come to together.

use crate::model::plan::PlanTotals;
use crate::model::report::{AccountResult, PlanSummary};
use crate::report::succeeded;

/// Sums over the plans of all accounts.
pub fn totals(results: &[AccountResult<PlanSummary>]) -> PlanTotals {
    let mut totals = PlanTotals::default();
    succeeded(results).for_each(|(_, summary)| totals.merge(&summary.plan.totals()));
    totals
}

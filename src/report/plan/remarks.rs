//! What has to be read of a plan before it is carried out.

use crate::error::sanitized;
use crate::model::plan::AccountPlan;

/// Warnings, guards and obstacles of one account, each with its name.
pub(super) fn remarks(name: &str, plan: &AccountPlan) -> Vec<String> {
    let name = sanitized(name);
    let warnings = plan.warnings.iter().map(|warning| format!("warning: {name}: {}", sanitized(warning)));
    let guards = plan.mailboxes.iter().filter_map(|mailbox| {
        let guard = mailbox.guard.as_ref()?;
        Some(format!("guarded: {name}: `{}`: {}", sanitized(&mailbox.source.path()), sanitized(guard)))
    });
    let obstacles = plan.omitted.iter().filter(|omitted| omitted.condition.is_obstacle()).map(|omitted| {
        let mailbox = sanitized(&omitted.mailbox.path());
        format!("obstacle: {name}: `{mailbox}` stays behind: {}", sanitized(&omitted.reason))
    });
    warnings.chain(guards).chain(obstacles).collect()
}

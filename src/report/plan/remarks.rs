//! What has to be read of a plan before it is carried out.

use crate::error::sanitized;
use crate::model::plan::AccountPlan;
use crate::report::invocation::Invocation;

/// Warnings, guards and obstacles of one account, each with its name.
pub(super) fn remarks(name: &str, plan: &AccountPlan, commands: &Invocation) -> Vec<String> {
    let completed = |warning: &String| commands.completed(&sanitized(warning), &[name]);
    let account = sanitized(name);
    let warnings = plan.warnings.iter().map(|warning| format!("warning: {account}: {}", completed(warning)));
    let guards = plan.mailboxes.iter().filter_map(|mailbox| {
        let guard = mailbox.guard.as_ref()?;
        Some(format!("guarded: {account}: `{}`: {}", sanitized(&mailbox.source.path()), sanitized(guard)))
    });
    let obstacles = plan.omitted.iter().filter(|omitted| omitted.condition.is_obstacle()).map(|omitted| {
        let mailbox = sanitized(&omitted.mailbox.path());
        format!("obstacle: {account}: `{mailbox}` stays behind: {}", sanitized(&omitted.reason))
    });
    warnings.chain(guards).chain(obstacles).collect()
}

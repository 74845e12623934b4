//! What has to be read of a plan before it is carried out.

use crate::error::made_harmless;
use crate::model::plan::AccountPlan;
use crate::report::invocation::Invocation;

/// Warnings, guards and obstacles of one account, each with its name.
pub(super) fn remarks(name: &str, plan: &AccountPlan, commands: &Invocation) -> Vec<String> {
    let completed = |warning: &String| commands.completed(&made_harmless(warning), &[name]);
    let account = made_harmless(name);
    let warnings = plan.warnings.iter().map(|warning| format!("warning: {account}: {}", completed(warning)));
    let guards = plan.mailboxes.iter().filter_map(|mailbox| {
        let guard = mailbox.guard.as_ref()?;
        Some(format!("guarded: {account}: `{}`: {}", made_harmless(&mailbox.source.path()), made_harmless(guard)))
    });
    let obstacles = plan.omitted.iter().filter(|omitted| omitted.condition.is_obstacle()).map(|omitted| {
        let mailbox = made_harmless(&omitted.mailbox.path());
        format!("obstacle: {account}: cannot copy `{mailbox}`: {}", made_harmless(&omitted.reason))
    });
    warnings.chain(guards).chain(obstacles).collect()
}

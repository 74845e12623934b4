//! `mailferry sync`: scan, plan and apply in one go; with `--watch` again and again (`watch`).

use super::round::once;
use super::watch::watch;
use crate::cli::arguments::SyncArguments;
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::error::{Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::Step;
use crate::model::both_ways::check_one_way;
use crate::pipeline::Migration;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::plan::plan;
use crate::pipeline::scan::scan;
use crate::report;
use crate::report::document::document;
use crate::report::plan::Detail;

pub fn run(context: &Context, arguments: &SyncArguments) -> Result<ExitCode> {
    let words = &arguments.accounts.accounts;
    let (mut migration, settings) = context.migration_that_way(words, Needs::Servers, arguments.direction())?;
    context.tell_direction(arguments.direction(), &migration);
    migration.agenda = migration.agenda.keeping(arguments.limits.hours());
    if arguments.repair {
        check_one_way(&migration.accounts, "sync --repair")?;
    }
    if arguments.dry_run {
        check_one_way(&migration.accounts, "sync --dry-run")?;
        return dry_run(context, arguments, migration);
    }
    context.show_outside(&arguments.outside, &migration)?;
    match arguments.watch {
        None => Ok(once(context, arguments, &migration)?.code),
        Some(interval) => watch(context, arguments, (migration, settings), interval).or_else(|end| match end.kind() {
            Kind::Interrupted => Ok(ExitCode::Interrupted),
            _ => Err(end),
        }),
    }
}

/// Scan and plan: what a sync would do.
fn dry_run(context: &Context, arguments: &SyncArguments, mut migration: Migration) -> Result<ExitCode> {
    let began = now();
    let scanned = context.watched(&migration, Step::Scan, |migration| scan(migration, arguments.thoroughness.chosen()));
    // Of what could not be scanned there is nothing to plan, and it is told already.
    let opened = |name: &str| scanned.iter().any(|result| *result.account == *name && result.result.is_ok());
    migration.accounts.retain(|account| opened(&account.name));
    let planned = context.watched(&migration, Step::Plan, plan);
    let text = report::plan::text(&planned, Detail::Brief, &context.commands, Step::Sync);
    let head = || context.head(&migration, Step::Plan, began, &planned);
    output::publish(&text, || document(&head(), report::plan::json(&planned)), arguments.json.file.as_deref())?;
    let plans = planned.iter().filter_map(|result| result.done().ok());
    context.tell_unmatched(plans.map(|plan| &plan.unmatched));
    Ok(context.conclude(&scanned, "sync").merge(context.conclude(&planned, "sync")))
}

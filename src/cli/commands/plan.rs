//! `mailferry plan`: compare the snapshots and show what would change; while a run holds the state, the plan that it works by.

use crate::cli::arguments::PlanArguments;
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::error::{Error, Kind, Result};
use crate::library::assembling::head;
use crate::library::exit_codes::ExitCode;
use crate::model::both_ways::check_one_way;
use crate::model::report::{AccountResult, PlanSummary};
use crate::model::{Side, Step};
use crate::pipeline::beside::ask_plan;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::plan::plan;
use crate::report::document::{Head, document};
use crate::report::plan::{Detail, html, json, text};
use jiff::tz::TimeZone;

pub fn run(context: &Context, arguments: &PlanArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = match context.migration(names, Needs::Snapshot) {
        Err(error) if *error.kind() == Kind::Locked => return of_the_run(context, arguments, &error),
        migration => migration?,
    };
    check_one_way(&migration.accounts, "plan")?;
    let began = now();
    let results = context.watched(&migration, Step::Plan, plan);
    show(context, arguments, &results, || context.head(&migration, Step::Plan, began, &results))?;
    let plans = results.iter().filter_map(|result| result.done().ok());
    context.tell_unmatched(plans.map(|plan| &plan.unmatched));
    Ok(match arguments.detailed_exitcode {
        true => context.conclude_in_detail(&results, "plan"),
        false => context.conclude(&results, "plan"),
    })
}

fn show(
    context: &Context,
    arguments: &PlanArguments,
    results: &[AccountResult<PlanSummary>],
    head: impl Fn() -> Head,
) -> Result<()> {
    let detail = if arguments.details { Detail::Full } else { Detail::Brief };
    let text = text(results, detail, &context.commands, Step::Apply);
    if let Some(file) = &arguments.html {
        let page = html(results, now(), &TimeZone::system(), &context.commands);
        output::stream(file, |output| output.write_all(page.as_bytes()))?;
    }
    output::publish(&text, || document(&head(), json(results)), arguments.json.file.as_deref())
}

/// What another process that holds the state works by. It is shown, and nothing is planned anew.
fn of_the_run(context: &Context, arguments: &PlanArguments, locked: &Error) -> Result<ExitCode> {
    let settings = context.settings()?;
    let began = now();
    let mut results = Vec::new();
    for account in context.select(&settings, &arguments.accounts.accounts)? {
        let plan = ask_plan(&settings.state, &account.name).ok_or_else(|| locked.clone())?;
        results.push(AccountResult::new(account.name.to_string(), plan));
    }
    context.warn(&format!("{}: what it works by is shown, as it was planned", locked.what()));
    let of = |side: Side| settings.servers.iter().filter(move |it| it.side == side).map(|it| it.label()).collect();
    let servers = || [Side::Source, Side::Destination].map(of);
    show(context, arguments, &results, || head(servers(), Step::Plan, began, &results))?;
    Ok(context.conclude(&results, "plan"))
}

//! `mailferry plan`: compare the snapshots and show what would change.

use crate::cli::arguments::PlanArguments;
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::model::Step;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::plan::plan;
use crate::report::document::document;
use crate::report::plan::{Detail, html, json, text};
use jiff::tz::TimeZone;

pub fn run(context: &Context, arguments: &PlanArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::Snapshot)?;
    let began = now();
    let results = context.watched(&migration, Step::Plan, plan);
    let detail = if arguments.details { Detail::Full } else { Detail::Brief };
    let text = text(&results, detail, &context.commands, Step::Apply);
    if let Some(file) = &arguments.html {
        let page = html(&results, now(), &TimeZone::system(), &context.commands);
        output::stream(file, |output| output.write_all(page.as_bytes()))?;
    }
    let head = || context.head(&migration, Step::Plan, began, &results);
    output::publish(&text, || document(&head(), json(&results)), arguments.json.file.as_deref())?;
    let plans = results.iter().filter_map(|result| result.done().ok());
    context.tell_unmatched(plans.map(|plan| &plan.unmatched));
    Ok(match arguments.detailed_exitcode {
        true => context.conclude_in_detail(&results, "plan"),
        false => context.conclude(&results, "plan"),
    })
}

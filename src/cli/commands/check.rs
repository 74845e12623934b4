//! `mailferry check`: log in on both sides; say what was found and what will not work.

use crate::cli::arguments::CheckArguments;
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::model::Step;
use crate::pipeline::check::check;
use crate::report;

pub fn run(context: &Context, arguments: &CheckArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::Look)?;
    let results = context.watched(&migration, Step::Check, check);
    let invocation = context.invocation(names);
    let text = report::check::text(&results, arguments.details, &invocation.next("scan"));
    output::publish(&text, || report::check::json(&results), arguments.json.as_deref())?;
    Ok(context.conclude(&results, &invocation.next("check")))
}

//! `mailferry check`: log in on both sides; say what was found and what will not work.

use crate::cli::arguments::CheckArguments;
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::error::Result;
use crate::library::exit_codes::ExitCode;
use crate::model::Step;
use crate::pipeline::check::check;
use crate::pipeline::fleet::attempts::now;
use crate::report;
use crate::report::document::document;

pub fn run(context: &Context, arguments: &CheckArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::Look)?;
    let began = now();
    let results = context.watched(&migration, Step::Check, check);
    let head = || context.head(&migration, Step::Check, began, &results);
    let text = report::check::text(&results, arguments.details, &context.commands);
    output::publish(&text, || document(&head(), report::check::json(&results)), arguments.json.file.as_deref())?;
    Ok(context.conclude(&results, "check"))
}

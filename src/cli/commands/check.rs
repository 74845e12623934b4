//! `mailferry check`: log in on both sides; say what was found and what will not work.

use crate::cli::arguments::AccountsArguments;
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::model::Step;
use crate::pipeline::check::check;
use crate::report;

pub fn run(context: &Context, arguments: &AccountsArguments) -> Result<ExitCode> {
    let names = &arguments.accounts;
    let migration = context.migration(names, Needs::Look)?;
    let results = context.watched(&migration, Step::Check, check);
    let invocation = context.invocation(names);
    output::print(&report::check::text(&results, &invocation.next("scan")))?;
    Ok(context.conclude(&results, &invocation.next("check")))
}

//! `mailferry apply`: do what the plan says.

use crate::cli::arguments::{ApplyArguments, ChunkArguments};
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::model::limits::Chunk;
use crate::model::report::{AccountResult, ApplySummary};
use crate::pipeline::ApplyOptions;
use crate::pipeline::apply::apply;
use crate::report;

pub fn run(context: &Context, arguments: &ApplyArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::ServersAndSnapshot)?;
    arguments.limits.warn_of_deletes(context);
    let results = context.watched(&migration, |migration| apply(migration, arguments.limits.options()));
    finish(context, &results, &context.invocation(names).next("apply"))
}

/// Prints what was done, lists what failed, and says how to go on with `again`.
///
/// # Errors
/// `Io` when standard output cannot be written to.
pub fn finish(context: &Context, results: &[AccountResult<ApplySummary>], again: &str) -> Result<ExitCode> {
    output::print(&report::apply::text(results, again))?;
    let code = ExitCode::of_results(results, ExitCode::of_apply);
    Ok(context.conclude(results, code, |summary| summary.failures.iter().collect(), again))
}

impl ChunkArguments {
    /// When to stop with work left.
    pub fn options(&self) -> ApplyOptions {
        let chunk = Chunk { max_messages: self.max_messages, max_octets: self.max_bytes, max_time: self.max_time };
        ApplyOptions { chunk }
    }

    /// Says that there is nothing to allow, where it was allowed.
    pub fn warn_of_deletes(&self, context: &Context) {
        if self.allow_deletes {
            context.warn("--allow-deletes changes nothing: in copy mode nothing is deleted");
        }
    }
}

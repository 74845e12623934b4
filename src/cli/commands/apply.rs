//! `mailferry apply`: do what the plan says.

use crate::cli::arguments::{ApplyArguments, ChunkArguments};
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::model::Step;
use crate::model::limits::Chunk;
use crate::model::report::{AccountResult, ApplySummary};
use crate::pipeline::apply::apply;
use crate::pipeline::{ApplyOptions, Deletes, Room};
use crate::report;

pub fn run(context: &Context, arguments: &ApplyArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::ServersAndSnapshot)?;
    context.show_outside(&arguments.outside, &migration)?;
    context.tell_set_aside(&migration)?;
    let results = context.watched(&migration, Step::Apply, |migration| apply(migration, arguments.limits.options()));
    finish(context, &results, &context.invocation(names).next("apply"))
}

/// Prints what was done, lists what failed, and says how to go on with `again`.
///
/// # Errors
/// `Io` when standard output cannot be written to.
pub fn finish(context: &Context, results: &[AccountResult<ApplySummary>], again: &str) -> Result<ExitCode> {
    output::print(&report::apply::text(results, again))?;
    let code = context.conclude(results, again);
    context.tell_failed(results, again);
    Ok(code)
}

impl ChunkArguments {
    /// When to stop with work left, and what may be deleted.
    pub fn options(&self) -> ApplyOptions {
        let chunk = Chunk { max_messages: self.max_messages, max_octets: self.max_bytes, max_time: self.max_time };
        let deletes = if self.allow_deletes { Deletes::Allowed } else { Deletes::Guarded };
        let room = if self.over_quota { Room::Unguarded } else { Room::Guarded };
        ApplyOptions { chunk, deletes, room, ..ApplyOptions::default() }
    }
}

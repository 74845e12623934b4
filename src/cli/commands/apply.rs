//! `mailferry apply`: do what the plan says.

use crate::cli::arguments::{ApplyArguments, ChunkArguments, JsonArguments};
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::error::Result;
use crate::library::exit_codes::ExitCode;
use crate::model::Step;
use crate::model::both_ways::check_one_way;
use crate::model::limits::Chunk;
use crate::model::report::{AccountResult, ApplySummary};
use crate::pipeline::apply::apply;
use crate::pipeline::fleet::agenda::Hours;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::{ApplyOptions, Deletes, Migration, Room};
use crate::report;
use crate::report::document::document;

pub fn run(context: &Context, arguments: &ApplyArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let mut migration = context.migration(names, Needs::ServersAndSnapshot)?;
    check_one_way(&migration.accounts, "apply")?;
    migration.agenda = migration.agenda.keeping(arguments.limits.hours());
    context.show_outside(&arguments.outside, &migration)?;
    context.tell_set_aside(&migration)?;
    let began = now();
    let results = context.watched(&migration, Step::Apply, |migration| apply(migration, arguments.limits.options()));
    finish(context, &migration, Run { step: Step::Apply, began, json: &arguments.json }, &results)
}

/// What is to be finished: since when, and where it is told for programs.
pub struct Run<'a> {
    pub step: Step,
    pub began: i64,
    pub json: &'a JsonArguments,
}

/// Prints what was done, lists what failed, and says how to go on.
///
/// # Errors
/// `Io` when standard output cannot be written to.
pub fn finish(
    context: &Context,
    migration: &Migration,
    Run { step, began, json }: Run<'_>,
    results: &[AccountResult<ApplySummary>],
) -> Result<ExitCode> {
    let text = report::apply::text(results, &context.commands, step);
    let head = || context.head(migration, step, began, results);
    output::publish(&text, || document(&head(), report::apply::json(results)), json.file.as_deref())?;
    context.tell_waiting(results);
    let code = context.conclude(results, step.word());
    context.tell_failed(results, step.word());
    Ok(code)
}

impl ChunkArguments {
    /// Whether the hours of waves are kept.
    pub fn hours(&self) -> Hours {
        if self.now { Hours::Ignored } else { Hours::Obeyed }
    }

    /// When to stop with work left, and what may be deleted.
    pub fn options(&self) -> ApplyOptions {
        let chunk = Chunk { max_messages: self.max_messages, max_octets: self.max_bytes, max_time: self.max_time };
        let deletes = if self.allow_deletes { Deletes::Allowed } else { Deletes::Guarded };
        let room = if self.over_quota { Room::Unguarded } else { Room::Guarded };
        ApplyOptions { chunk, deletes, room, ..ApplyOptions::default() }
    }
}

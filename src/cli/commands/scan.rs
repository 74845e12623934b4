//! `mailferry scan`: take a snapshot of both sides.

use crate::cli::arguments::{ScanArguments, ThoroughnessArguments};
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::error::Result;
use crate::library::exit_codes::ExitCode;
use crate::model::Step;
use crate::pipeline::Thoroughness;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::scan::scan;
use crate::report;
use crate::report::document::document;

pub fn run(context: &Context, arguments: &ScanArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::Servers)?;
    context.tell_set_aside(&migration)?;
    let began = now();
    let results = context.watched(&migration, Step::Scan, |migration| scan(migration, arguments.thoroughness.chosen()));
    let head = || context.head(&migration, Step::Scan, began, &results);
    let text = report::scan::text(&results, &context.commands);
    output::publish(&text, || document(&head(), report::scan::json(&results)), arguments.json.file.as_deref())?;
    let code = context.conclude(&results, "scan");
    context.tell_failed(&results, "scan");
    Ok(code)
}

impl ThoroughnessArguments {
    /// How thoroughly to look.
    pub fn chosen(&self) -> Thoroughness {
        if self.full { Thoroughness::Full } else { Thoroughness::Incremental }
    }
}

//! `mailferry scan`: take a snapshot of both sides.

use crate::cli::arguments::{ScanArguments, ThoroughnessArguments};
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::model::Step;
use crate::pipeline::Thoroughness;
use crate::pipeline::scan::scan;
use crate::report;

pub fn run(context: &Context, arguments: &ScanArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::Servers)?;
    context.tell_set_aside(&migration)?;
    let results = context.watched(&migration, Step::Scan, |migration| scan(migration, arguments.thoroughness.chosen()));
    let invocation = context.invocation(names);
    output::print(&report::scan::text(&results, &invocation.next("plan")))?;
    let again = invocation.next("scan");
    let code = context.conclude(&results, &again);
    context.tell_failed(&results, &again);
    Ok(code)
}

impl ThoroughnessArguments {
    /// How thoroughly to look.
    pub fn chosen(&self) -> Thoroughness {
        if self.full { Thoroughness::Full } else { Thoroughness::Incremental }
    }
}

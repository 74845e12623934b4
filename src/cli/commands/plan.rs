//! `mailferry plan`: compare the snapshots and show what would change.

use crate::cli::arguments::PlanArguments;
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::{output, run::not_yet};
use crate::error::Result;
use crate::model::report::{AccountResult, PlanSummary};
use crate::pipeline::plan::plan;
use crate::report::plan::{Detail, json, text, totals};

pub fn run(context: &Context, arguments: &PlanArguments) -> Result<ExitCode> {
    if arguments.html.is_some() {
        return Err(not_yet("`--html`"));
    }
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::Snapshot)?;
    let results = context.watched(&migration, plan);
    let invocation = context.invocation(names);
    let detail = if arguments.details { Detail::Full } else { Detail::Brief };
    let text = text(&results, detail, &invocation.next("apply"));
    output::publish(&text, || json(&results), arguments.json.as_deref())?;
    Ok(context.conclude(&results, code(&results, arguments), |_| Vec::new(), &invocation.next("plan")))
}

fn code(results: &[AccountResult<PlanSummary>], arguments: &PlanArguments) -> ExitCode {
    let something = arguments.detailed_exitcode && !totals(results).is_empty();
    let planned = if something { ExitCode::SomethingToDo } else { ExitCode::Done };
    ExitCode::of_results(results, |_| ExitCode::Done).merge(planned)
}

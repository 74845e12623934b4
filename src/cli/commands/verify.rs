//! `mailferry verify`: prove that what left has arrived.

use crate::cli::arguments::VerifyArguments;
use crate::cli::context::{Context, Needs};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::model::Step;
use crate::pipeline::Depth;
use crate::pipeline::verify::verify;
use crate::report::verify::{json, text};

pub fn run(context: &Context, arguments: &VerifyArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let migration = context.migration(names, Needs::Servers)?;
    context.show_outside(&arguments.outside, &migration)?;
    let depth = if arguments.deep { Depth::Octets } else { Depth::Listing };
    let results = context.watched(&migration, Step::Verify, |migration| verify(migration, depth));
    let invocation = context.invocation(names);
    let text = text(&results, &invocation.next("sync"));
    output::publish(&text, || json(&results), arguments.json.as_deref())?;
    let again = invocation.next("verify");
    let code = context.conclude(&results, &again);
    context.tell_failed(&results, &again);
    Ok(code)
}

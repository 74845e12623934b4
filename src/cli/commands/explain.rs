//! `mailferry explain`: the facts and the rule behind what is done with a mailbox or a message.

use crate::cli::arguments::ExplainArguments;
use crate::cli::context::Context;
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::{Error, Kind, Result};
use crate::pipeline::explain::explain;
use crate::report;

pub fn run(context: &Context, arguments: &ExplainArguments) -> Result<ExitCode> {
    let settings = context.settings()?;
    let (accounts, _) = settings.select(std::slice::from_ref(&arguments.account))?;
    let [account] = &accounts[..] else { return Err(several(&arguments.account, accounts.len())) };
    let store = context.existing_store(&settings)?;
    let explanation = explain(&store, account, &account.policy, &arguments.mailbox, arguments.message.as_deref())?;
    output::print(&report::explanation::text(&explanation))?;
    Ok(ExitCode::Done)
}

fn several(name: &str, count: usize) -> Error {
    Error::new(Kind::Settings, format!("`{name}` stands for {count} accounts, and one can be explained at a time"))
        .hint("name one account; `mailferry status` lists them")
}

//! `mailferry explain`: the facts and the rule behind what is done with a mailbox or a message.

use crate::cli::arguments::ExplainArguments;
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::cli::patience::patiently;
use crate::error::{Error, Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::Step;
use crate::pipeline::beside::ask_to_explain;
use crate::pipeline::explain::explain;
use crate::pipeline::headers::headers;
use crate::report;

pub fn run(context: &Context, arguments: &ExplainArguments) -> Result<ExitCode> {
    let settings = context.settings()?;
    let (accounts, _) = settings.select(std::slice::from_ref(&arguments.account))?;
    let [account] = &accounts[..] else { return Err(several(&arguments.account, accounts.len())) };
    let (mailbox, message) = (arguments.mailbox.as_str(), arguments.message.as_deref());
    let explanation = patiently(|| match context.existing_store(&settings) {
        Ok(store) => explain(&store, account, &account.policy, mailbox, message),
        Err(error) if *error.kind() == Kind::Locked => {
            ask_to_explain(&settings.state, account, mailbox, message).unwrap_or(Err(error))
        }
        Err(error) => Err(error),
    })?;
    output::tell(&report::explanation::text(&explanation))?;
    if !arguments.headers {
        return Ok(ExitCode::Done);
    }
    let name = std::slice::from_ref(&arguments.account);
    let (migration, _) = context.migration_that_way(name, Needs::Look, explanation.direction)?;
    let results = context.watched(&migration, Step::Check, |migration| headers(migration, &explanation));
    output::print(&report::explanation::headers(&results))?;
    Ok(context.conclude(&results, "explain"))
}

fn several(name: &str, count: usize) -> Error {
    Error::new(Kind::Settings, format!("`{name}` stands for {count} accounts, and one can be explained at a time"))
        .hint("name one account; `mailferry status` lists them")
}

//! `mailferry status`: what is known of each account, without asking a server.

use crate::cli::arguments::StatusArguments;
use crate::cli::context::Context;
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::pipeline::status::status;
use crate::report::status::{json, text};

pub fn run(context: &Context, arguments: &StatusArguments) -> Result<ExitCode> {
    let settings = context.settings()?;
    let accounts = settings.select(&arguments.accounts.accounts)?;
    let store = context.existing_store(&settings)?;
    let statuses = status(&store, &accounts)?;
    output::publish(&text(&statuses), || json(&statuses), arguments.json.as_deref())?;
    Ok(ExitCode::Done)
}

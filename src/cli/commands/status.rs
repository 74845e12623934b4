//! `mailferry status`: what is known of each account, without asking a server.

use crate::cli::arguments::StatusArguments;
use crate::cli::context::Context;
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::error::Result;
use crate::pipeline::fleet::attempts::now;
use crate::report::status::{View, json, text};
use jiff::tz::TimeZone;

pub fn run(context: &Context, arguments: &StatusArguments) -> Result<ExitCode> {
    let settings = context.settings()?;
    let words = &arguments.accounts.accounts;
    let (accounts, conditions) = settings.select(words)?;
    let known = context.known(&settings, &accounts)?;
    let (_, statuses) = context.narrowed(accounts, known.accounts, &conditions);
    let names = words.iter().filter(|word| !word.starts_with("state:")).cloned().collect::<Vec<_>>();
    let invocation = context.invocation(&names);
    let view = View {
        zone: TimeZone::system(),
        now: now(),
        all: !words.is_empty(),
        details: arguments.details,
        again: invocation.next("sync"),
        show: invocation.next("status"),
        under_way: known.under_way,
    };
    output::publish(&text(&statuses, &view), || json(&statuses, view.under_way.as_ref()), arguments.json.as_deref())?;
    Ok(ExitCode::Done)
}

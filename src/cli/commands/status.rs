//! `mailferry status`: what is known of each account, without asking a server.

use crate::cli::arguments::StatusArguments;
use crate::cli::context::Context;
use crate::cli::fleet_page;
use crate::cli::output;
use crate::error::Result;
use crate::library::exit_codes::ExitCode;
use crate::model::{Server, Side};
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::merged::Merged;
use crate::report::company;
use crate::report::document::{Head, document};
use crate::report::status::{View, forecast_json, json, text};
use jiff::tz::TimeZone;

pub fn run(context: &Context, arguments: &StatusArguments) -> Result<ExitCode> {
    if !arguments.from.is_empty() {
        return merged(context, arguments);
    }
    let settings = context.settings()?;
    let words = &arguments.accounts.accounts;
    let (accounts, conditions) = settings.select(words)?;
    let known = context.known(&settings, &accounts)?;
    let (accounts, statuses) = context.narrowed(accounts, known.accounts, &conditions);
    let jobs = usize::from(context.global.jobs);
    let servers = || accounts.iter().map(|account| account.servers).collect();
    let view = View {
        all: !words.is_empty(),
        forecast: arguments.forecast.then(|| (jobs, servers())),
        under_way: known.under_way,
        ..view(context, arguments)
    };
    let of = |side: Side| -> Vec<String> {
        settings.servers.iter().filter(|server| server.side == side).map(Server::label).collect()
    };
    let head = || Head {
        command: "status".to_owned(),
        began: view.now,
        ended: view.now,
        source: of(Side::Source),
        destination: of(Side::Destination),
        ..Head::default()
    };
    let json = || {
        let mut body = json(&statuses, view.under_way.as_ref());
        body.further.insert("forecast".to_owned(), forecast_json(&statuses, &view));
        document(&head(), body)
    };
    output::publish(&text(&statuses, &view), json, arguments.json.file.as_deref())?;
    Ok(ExitCode::Done)
}

fn view(context: &Context, arguments: &StatusArguments) -> View {
    View {
        zone: TimeZone::system(),
        now: now(),
        columns: output::columns(),
        all: false,
        details: arguments.details,
        commands: context.commands.clone(),
        forecast: None,
        under_way: None,
    }
}

/// By what the processes of several shards tell.
fn merged(context: &Context, arguments: &StatusArguments) -> Result<ExitCode> {
    if let Some(place) = &arguments.serve {
        fleet_page::serve(context, &arguments.from, place)?;
        return Ok(ExitCode::Done);
    }
    let merged = Merged::of(&arguments.from)?;
    merged.findings.iter().for_each(|finding| context.warn(finding));
    let (statuses, view) = (merged.statuses()?, view(context, arguments));
    let head = || Head {
        command: "status".to_owned(),
        began: view.now,
        ended: view.now,
        source: merged.servers(|told| &told.source),
        destination: merged.servers(|told| &told.destination),
        ..Head::default()
    };
    let json = || {
        let mut body = json(&statuses, None);
        body.further.insert("forecast".to_owned(), forecast_json(&statuses, &view));
        body.further.insert("fleet".to_owned(), company::json(&merged.heard, &merged.findings));
        document(&head(), body)
    };
    output::publish(&text(&statuses, &view), json, arguments.json.file.as_deref())?;
    Ok(ExitCode::of_findings(&merged.findings))
}

//! `mailferry state take`: carry accounts over from the states of other shards.

use crate::cli::context::Context;
use crate::cli::output;
use crate::cli::sharding::{StateArguments, StateCommand};
use crate::error::{Error, Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::pipeline::shards::take;
use crate::report;
use std::path::Path;

pub fn run(context: &Context, arguments: &StateArguments) -> Result<ExitCode> {
    let StateCommand::Take { directories } = &arguments.command;
    let settings = context.settings()?;
    let (accounts, _) = settings.select(&[])?;
    let store = context.store(&settings.state)?;
    let mut taken = Vec::new();
    for directory in directories {
        refuse_own(&settings.state, directory)?;
        taken.push(take(&store, &context.store_at(directory)?, &accounts)?);
    }
    output::tell(&report::taken::text(&taken))?;
    Ok(ExitCode::Done)
}

fn refuse_own(own: &Path, other: &Path) -> Result<()> {
    let place = |path: &Path| path.canonicalize().ok();
    if place(own).is_none() || place(own) != place(other) {
        return Ok(());
    }
    let what = format!("{} is the state that accounts are to be carried to", other.display());
    Err(Error::new(Kind::Settings, what).hint("name the states of other shards"))
}

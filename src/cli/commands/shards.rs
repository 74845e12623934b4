//! `mailferry shards`: share the accounts out by size, and write down which is where.

use crate::cli::arguments::is_standard_output;
use crate::cli::context::Context;
use crate::cli::output;
use crate::cli::sharding::ShardsArguments;
use crate::config::{Settings, ShardsFile, SizesFile, states_in_use};
use crate::error::{Error, Kind, Result};
use crate::library::exit_codes::ExitCode;
use crate::model::balance::{Sized, balanced};
use crate::pipeline::shards::sizes;
use crate::report;
use std::collections::HashMap;
use std::path::Path;

pub fn run(context: &Context, arguments: &ShardsArguments) -> Result<ExitCode> {
    let settings = context.settings_of_all_shards()?;
    let file = arguments.output.as_deref().or(settings.shards_file.as_deref()).ok_or_else(no_file)?;
    let before = known_shards(file)?;
    let kept = if arguments.rebalance { &HashMap::new() } else { &before };
    let accounts = sized(context, &settings, arguments.sizes.as_deref())?;
    let balance = balanced(&accounts, kept, arguments.into).compared_to(&before);
    output::write(file, &report::shards::file(&balance))?;
    if !is_standard_output(file) {
        output::print(&report::shards::text(&balance))?;
    }
    Ok(ExitCode::Done)
}

fn known_shards(file: &Path) -> Result<HashMap<String, u32>> {
    match file.exists() {
        true => Ok(ShardsFile::read(file)?.shards),
        false => Ok(HashMap::new()),
    }
}

/// The accounts with the sizes that the states know, or that a file tells, which then counts.
fn sized(context: &Context, settings: &Settings, told: Option<&Path>) -> Result<Vec<Sized>> {
    let mut known = HashMap::new();
    for state in states_in_use(&settings.state) {
        known.extend(sizes(&context.store_at(&state)?, &settings.accounts)?);
    }
    if let Some(file) = told {
        known.extend(SizesFile::read(file)?.sizes);
    }
    let sized = |name: &str| Sized { name: name.to_owned(), octets: known.get(name).copied() };
    Ok(settings.accounts.iter().map(|account| sized(&account.name)).collect())
}

fn no_file() -> Error {
    Error::new(Kind::Settings, "nothing says where the shards are to be written")
        .hint("write `shards = \"shards.csv\"` into [accounts], or name a file with --output")
}

//! `mailferry verify`: prove that what left has arrived.

use crate::cli::arguments::{VerifyArguments, is_standard_output};
use crate::cli::assembling::Needs;
use crate::cli::context::Context;
use crate::cli::output;
use crate::error::Result;
use crate::library::exit_codes::ExitCode;
use crate::model::Step;
use crate::model::difference::Difference;
use crate::model::report::{AccountResult, VerifySummary};
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::verify::verify;
use crate::pipeline::{Depth, Migration};
use crate::report::document;
use crate::report::verify::{HEADING, json, line, text};
use std::io::{self, Write};

pub fn run(context: &Context, arguments: &VerifyArguments) -> Result<ExitCode> {
    let names = &arguments.accounts.accounts;
    let (migration, _) = context.migration_that_way(names, Needs::Servers, arguments.direction())?;
    context.tell_direction(arguments.direction(), &migration);
    context.show_outside(&arguments.outside, &migration)?;
    let depth = match (arguments.deep, arguments.again) {
        (false, _) => Depth::Listing,
        (true, false) => Depth::Octets,
        (true, true) => Depth::OctetsAgain,
    };
    let began = now();
    let results = context.watched(&migration, Step::Verify, |migration| verify(migration, depth));
    if let Some(file) = &arguments.list {
        output::stream(file, |output| list(&migration, &results, output))?;
    }
    if let Some(file) = &arguments.json.file {
        let head = context.head(&migration, Step::Verify, began, &results);
        output::stream(file, |output| {
            document::write(output, &head, json(&results), |output, number| {
                listed(&migration, &results[number], output)
            })
        })?;
    }
    let files = [&arguments.list, &arguments.json.file];
    if !files.into_iter().flatten().any(|file| is_standard_output(file)) {
        output::tell(&text(&results, &context.commands))?;
    }
    let code = context.conclude(&results, "verify");
    context.tell_failed(&results, "verify");
    Ok(code)
}

/// Every difference of every account that was verified, as a table.
fn list(migration: &Migration, results: &[AccountResult<VerifySummary>], output: &mut dyn Write) -> io::Result<()> {
    output.write_all(HEADING.as_bytes())?;
    for result in results {
        let write = |difference: &Difference| output.write_all(line(&result.account, difference).as_bytes());
        differences(migration, result, write)?;
    }
    Ok(())
}

/// Every difference of an account that was verified, as a field of its own.
fn listed(migration: &Migration, result: &AccountResult<VerifySummary>, output: &mut dyn Write) -> io::Result<()> {
    if result.result.is_err() {
        return Ok(());
    }
    output.write_all(b",\"listed\":[")?;
    let mut comma = "";
    differences(migration, result, |difference| {
        write!(output, "{comma}\n{}", serde_json::to_string(difference)?)?;
        comma = ",";
        Ok(())
    })?;
    output.write_all(b"]")
}

fn differences(
    migration: &Migration,
    result: &AccountResult<VerifySummary>,
    mut each: impl FnMut(&Difference) -> io::Result<()>,
) -> io::Result<()> {
    if result.result.is_err() {
        return Ok(());
    }
    let listed = migration.store.account(&result.account).differences().map_err(unreadable)?;
    listed.into_iter().try_for_each(|difference| each(&difference.map_err(unreadable)?))
}

fn unreadable(error: crate::error::Error) -> io::Error {
    io::Error::other(error.line())
}

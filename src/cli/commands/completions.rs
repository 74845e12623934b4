//! `mailferry completions`: print completions for a shell.

use crate::cli::arguments::{Arguments, CompletionsArguments};
use crate::cli::output;
use crate::error::Result;
use crate::library::exit_codes::ExitCode;
use clap::CommandFactory;

pub fn run(arguments: &CompletionsArguments) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "mailferry", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Done)
}

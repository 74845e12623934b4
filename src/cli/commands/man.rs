//! `mailferry man`: write the manual pages, one for each command.

use crate::cli::arguments::{Arguments, ManArguments};
use crate::cli::output;
use crate::error::{Error, Kind, Result, Scope};
use crate::library::exit_codes::ExitCode;
use clap::CommandFactory;
use std::fs;

pub fn run(arguments: &ManArguments) -> Result<ExitCode> {
    let directory = &arguments.directory;
    let written =
        fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Arguments::command(), directory));
    written.map_err(|cause| {
        let what = format!("could not write the manual pages to {}", directory.display());
        Error::new(Kind::Io, what).because(cause).scope(Scope::Run)
    })?;
    output::print(&format!("Wrote the manual pages. To read the first: man -l {}/mailferry.1\n", directory.display()))?;
    Ok(ExitCode::Done)
}

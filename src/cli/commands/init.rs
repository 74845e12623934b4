//! `mailferry init`: write a commented settings file to start from.

use crate::cli::arguments::{DEFAULT_CONFIG, InitArguments, is_standard_output};
use crate::cli::exit_codes::ExitCode;
use crate::cli::output;
use crate::config::{Mistake, preset_named, template};
use crate::error::{Error, Kind, Result, Scope};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

pub fn run(arguments: &InitArguments) -> Result<ExitCode> {
    let preset = |name: &Option<String>| name.as_deref().map(preset_named).transpose().map_err(refused);
    let settings = template(preset(&arguments.source)?, preset(&arguments.destination)?);
    if is_standard_output(&arguments.file) {
        output::print(&settings)?;
    } else {
        write_new(&arguments.file, &settings)?;
        output::print(&next_steps(&arguments.file))?;
    }
    Ok(ExitCode::Done)
}

fn refused(mistake: Mistake) -> Error {
    mistake.into()
}

/// Never over a file that is there: it may be the only copy of somebody's settings.
fn write_new(file: &Path, text: &str) -> Result<()> {
    let written = OpenOptions::new().write(true).create_new(true).open(file);
    written.and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(Kind::Settings, format!("{} is there already and is left as it is", file.display()))
                .hint("name another file, or `-` to see the settings on standard output")
        }
        _ => Error::new(Kind::Io, format!("could not write {}", file.display())).because(cause).scope(Scope::Run),
    })
}

fn next_steps(file: &Path) -> String {
    let option = if file == Path::new(DEFAULT_CONFIG) { String::new() } else { format!(" -c {}", file.display()) };
    format!(
        "\
Wrote {}. What to do next:

  1. fill in what stands in <…>: the two servers and the accounts
  2. mailferry check{option}     log in on both sides; see what will not work
  3. mailferry scan{option}      take a snapshot of both sides
  4. mailferry plan{option}      see what would be done
  5. mailferry apply{option}     do it
",
        file.display()
    )
}

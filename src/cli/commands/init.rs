//! `mailferry init`: write a commented settings file to start from.

use crate::cli::arguments::{DEFAULT_CONFIG, InitArguments, is_standard_output};
use crate::cli::output;
use crate::config::{Imported, Mistake, Tool, import, preset_named, template};
use crate::error::{Error, Kind, Result, Scope};
use crate::library::exit_codes::ExitCode;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub fn run(arguments: &InitArguments) -> Result<ExitCode> {
    if let [tool, list] = &arguments.from[..] {
        return from_list(tool, Path::new(list), &arguments.file);
    }
    let preset = |name: &Option<String>| name.as_deref().map(preset_named).transpose().map_err(refused);
    let settings = template(preset(&arguments.source)?, preset(&arguments.destination)?);
    if is_standard_output(&arguments.file) {
        output::print(&settings)?;
    } else {
        write_new(&arguments.file, &settings, READABLE)?;
        output::print(&next_steps(&arguments.file))?;
    }
    Ok(ExitCode::Done)
}

/// The accounts file that stands beside the settings.
const ACCOUNTS_FILE: &str = "accounts.csv";

/// Settings and accounts from a list of another tool.
fn from_list(tool: &str, list: &Path, file: &Path) -> Result<ExitCode> {
    let known = Tool::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(tool)).map(|(_, tool)| *tool);
    let tool = known.ok_or_else(|| {
        let names = Tool::ALL.map(|(name, _)| name).join(", ");
        Error::new(Kind::Settings, "no lists of this tool are known").hint(format!("known tools: {names}"))
    })?;
    if is_standard_output(file) {
        return Err(Error::new(Kind::Settings, "the accounts hold passwords, which are not printed")
            .hint("name a file for the settings; the accounts are written beside it"));
    }
    let imported = import(tool, list, ACCOUNTS_FILE)?;
    let accounts = imported.accounts.as_ref().map(|text| (file.with_file_name(ACCOUNTS_FILE), text));
    // The accounts first: settings without them would be of no use.
    if let Some((accounts, text)) = &accounts {
        write_new(accounts, text, PRIVATE)?;
    }
    if let Err(error) = write_new(file, &imported.settings, READABLE) {
        let _ = accounts.map(|(accounts, _)| fs::remove_file(accounts));
        return Err(error);
    }
    let accounts = accounts.map(|(accounts, _)| accounts);
    output::print(&imported_steps(&imported, file, accounts.as_deref()))?;
    Ok(ExitCode::Done)
}

fn imported_steps(imported: &Imported, file: &Path, accounts: Option<&Path>) -> String {
    let option = if file == Path::new(DEFAULT_CONFIG) { String::new() } else { format!(" -c {}", file.display()) };
    let count = imported.count;
    let noun = if count == 1 { "account" } else { "accounts" };
    let beside = accounts.map_or_else(String::new, |accounts| format!(" and {}", accounts.display()));
    let mut text = format!("Wrote {}{beside} ({count} {noun}).\n", file.display());
    if !imported.notes.is_empty() {
        text.push_str("\nNot carried over, or to be seen to:\n");
        imported.notes.iter().for_each(|note| text.push_str(&format!("  - {note}\n")));
    }
    let them = if accounts.is_some() { "both files" } else { "it" };
    text.push_str(&format!("\nLook at {them}, then run: mailferry check{option}\n"));
    text
}

fn refused(mistake: Mistake) -> Error {
    mistake.into()
}

/// The modes of new files; the process' mask takes rights from them.
const READABLE: u32 = 0o666;
const PRIVATE: u32 = 0o600;

/// Never over a file that is there: it may be the only copy of somebody's settings.
fn write_new(file: &Path, text: &str, mode: u32) -> Result<()> {
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    written.and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(Kind::Settings, format!("{} already exists and was not overwritten", file.display()))
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

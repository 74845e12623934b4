//! Standard output, and the files that results are written to.

use super::arguments::is_standard_output;
use crate::error::{Error, Kind, Result, Scope};
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Prints a result. A reader that closed the pipe (`mailferry plan | head`) has seen enough: no failure.
///
/// # Errors
/// `Io` when standard output cannot be written to.
pub fn print(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Io, "could not write to standard output").because(cause).scope(Scope::Run))
        }
        _ => Ok(()),
    }
}

/// Prints a result as text, and writes it as JSON where that was asked for; with `-` only the JSON is printed.
///
/// # Errors
/// `Io` when the file or standard output cannot be written to.
pub fn publish(text: &str, json: impl FnOnce() -> Value, json_file: Option<&Path>) -> Result<()> {
    match json_file {
        None => print(text),
        Some(file) if is_standard_output(file) => print(&lines(&json())),
        Some(file) => {
            write_file(file, &lines(&json()))?;
            print(text)
        }
    }
}

fn lines(json: &Value) -> String {
    format!("{json:#}\n")
}

fn write_file(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|cause| {
        Error::new(Kind::Io, format!("could not write {}", file.display())).because(cause).scope(Scope::Run)
    })
}

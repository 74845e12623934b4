//! Standard output, and the files that results are written to.

use super::arguments::is_standard_output;
use super::wrapping::wrapped;
use crate::error::{Error, Kind, Result, Scope};
use console::Term;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
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

/// As [`print`], for prose: its lines are broken where the terminal would.
///
/// # Errors
/// As it.
pub fn tell(text: &str) -> Result<()> {
    print(&wrapped(text, columns()))
}

/// Cells of a line of standard output; a file has any number of them.
pub fn columns() -> usize {
    let size = Term::stdout().size_checked().filter(|_| io::stdout().is_terminal());
    size.map_or(usize::MAX, |(_, columns)| columns.into())
}

/// Prints a result as text, and writes it as JSON where that was asked for; with `-` only the JSON is printed.
///
/// # Errors
/// `Io` when the file or standard output cannot be written to.
pub fn publish(text: &str, json: impl FnOnce() -> Value, json_file: Option<&Path>) -> Result<()> {
    match json_file {
        None => tell(text),
        Some(file) if is_standard_output(file) => print(&lines(&json())),
        Some(file) => {
            write_file(file, &lines(&json()))?;
            tell(text)
        }
    }
}

fn lines(json: &Value) -> String {
    format!("{json:#}\n")
}

/// Writes a text to a file, which is replaced whole; `-` is standard output.
///
/// # Errors
/// `Io`.
pub fn write(file: &Path, text: &str) -> Result<()> {
    if is_standard_output(file) { print(text) } else { write_file(file, text) }
}

/// Replaces the file whole, for its owner alone: it names users and mailboxes. A reader sees the old one or the new one,
/// and a symbolic link is replaced rather than followed. What is no file (`/dev/null`, a pipe) is written to.
fn write_file(file: &Path, text: &str) -> Result<()> {
    let written = if is_written_through(file) { write_through(file, text) } else { replace(file, text) };
    written.map_err(|cause| unwritten(file, cause))
}

fn unwritten(file: &Path, cause: io::Error) -> Error {
    Error::new(Kind::Io, format!("could not write {}", file.display()))
        .because(cause)
        .scope(Scope::Run)
        .hint("name a file in a directory that you may write in, or `-` for standard output")
}

/// Replaces the file whole with what `write` writes, as [`publish`] does with what fits into memory; `-` is standard output.
///
/// # Errors
/// `Io`.
pub fn stream(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let streamed = if is_standard_output(file) {
        let mut output = BufWriter::new(io::stdout().lock());
        write(&mut output).and_then(|()| output.flush())
    } else if is_written_through(file) {
        OpenOptions::new().write(true).open(file).and_then(|file| {
            let mut output = BufWriter::new(file);
            write(&mut output).and_then(|()| output.flush())
        })
    } else {
        replace_by(file, |output| write(output))
    };
    streamed.map_err(|cause| unwritten(file, cause))
}

/// Whether it leads to a device or a pipe: there is nothing to replace.
fn is_written_through(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn write_through(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(file)?.write_all(text.as_bytes())
}

/// The temporary file is made with mode 0600, and gone if this fails.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    replace_by(file, |output| output.write_all(text.as_bytes()))
}

fn replace_by(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(".mailferry-").tempfile_in(directory)?;
    let mut output = BufWriter::new(&mut temporary);
    write(&mut output)?;
    output.flush()?;
    drop(output);
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn written(file: &Path) -> (String, u32) {
        write_file(file, "new").unwrap();
        (fs::read_to_string(file).unwrap(), fs::symlink_metadata(file).unwrap().permissions().mode() & 0o7777)
    }

    #[test]
    fn file_is_replaced_whole_and_only_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let (file, held) = (directory.path().join("v.json"), directory.path().join("held"));
        assert_eq!(written(&file), ("new".to_owned(), 0o600));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::hard_link(&file, &held).unwrap();
        assert_eq!(written(&file), ("new".to_owned(), 0o600));
        assert_eq!(fs::read_to_string(&held).unwrap(), "old", "who has the old one open reads it to its end");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn symbolic_link_is_replaced_and_what_it_points_to_is_untouched() {
        let directory = tempfile::tempdir().unwrap();
        let (link, target) = (directory.path().join("link"), directory.path().join("target"));
        fs::write(&target, "dear").unwrap();
        symlink(&target, &link).unwrap();
        assert_eq!(written(&link), ("new".to_owned(), 0o600));
        assert_eq!(fs::read_to_string(&target).unwrap(), "dear");
    }

    #[test]
    fn device_is_written_to_and_a_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let null = directory.path().join("null");
        symlink("/dev/null", &null).unwrap();
        write_file(&null, "new").unwrap();
        assert!(fs::symlink_metadata(&null).unwrap().is_symlink());
        assert!(write_file(directory.path(), "new").is_err());
        assert!(write_file(&directory.path().join("no/v.json"), "new").unwrap_err().advice().is_some());
    }
}

//! Small files of ours beside the database, which other processes read and write as well: JSON, replaced whole.

use super::ownership;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// More than 100,000 accounts with long names have need of.
const LARGEST_FILE_OCTETS: u64 = 64 << 20;

/// What such a file holds; nothing where it is not there.
///
/// # Errors
///
/// Why it is not ours, not what was written, or cannot be read.
pub(super) fn read_json<T: DeserializeOwned + Default>(path: &Path) -> std::result::Result<T, String> {
    if let Some(objection) = ownership::objection(path) {
        return Err(objection);
    }
    let mut text = Vec::new();
    match File::open(path).and_then(|file| file.take(LARGEST_FILE_OCTETS).read_to_end(&mut text)) {
        Ok(_) => serde_json::from_slice(&text).map_err(|why| why.to_string()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(why) => Err(why.to_string()),
    }
}

/// Replaces such a file whole: a reader sees the old one or the new one.
pub(super) fn replace_json<T: Serialize>(directory: &Path, path: &Path, value: &T) -> io::Result<()> {
    let temporary = unnamed_json(directory, value)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    File::open(directory)?.sync_all()
}

/// Such a file before it has its name.
pub(super) fn unnamed_json<T: Serialize>(directory: &Path, value: &T) -> io::Result<NamedTempFile> {
    let mut temporary = tempfile::Builder::new().prefix(".mailferry-").tempfile_in(directory)?;
    serde_json::to_writer_pretty(&mut temporary, value)?;
    temporary.write_all(b"\n")?;
    Ok(temporary)
}

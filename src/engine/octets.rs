//! The octets of one message on their way: in memory, or in a temporary file when they are many.

use crate::error::{Error, Kind, Result};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What an open file is reckoned as, so that what bounds memory bounds open files, too.
const SPOOLED_MEMORY: u64 = 32 << 10;

/// Literals up to this size are held in memory.
pub const MEMORY_OCTETS: u64 = 1 << 20;

/// The largest literal taken at all. A server that announces more is not believed.
pub const LITERAL_OCTETS: u64 = 4 << 30;

const COPY_OCTETS: usize = 64 << 10;

/// Octets that came as one literal or string.
#[derive(Debug)]
pub enum Octets {
    Memory(Vec<u8>),
    Spooled { file: File, length: u64 },
}

impl Octets {
    /// Room for `length` octets to come: a file in `directory` when they are more than [`MEMORY_OCTETS`].
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be made.
    pub fn with_room(length: u64, directory: &Path) -> Result<Octets> {
        if length <= MEMORY_OCTETS {
            return Ok(Octets::Memory(Vec::with_capacity(length as usize)));
        }
        let file = tempfile::tempfile_in(directory).map_err(|cause| spool_error(&cause))?;
        Ok(Octets::Spooled { file, length: 0 })
    }

    /// Adds a piece at the end.
    ///
    /// # Errors
    /// `Io` when the disk is full.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        match self {
            Octets::Memory(octets) => octets.extend_from_slice(piece),
            Octets::Spooled { file, length } => {
                file.write_all(piece).map_err(|cause| spool_error(&cause))?;
                *length += piece.len() as u64;
            }
        }
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Octets::Memory(octets) => octets.len() as u64,
            Octets::Spooled { length, .. } => *length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them are held in memory; a file counts as [`SPOOLED_MEMORY`].
    pub fn memory(&self) -> u64 {
        match self {
            Octets::Memory(octets) => octets.len() as u64,
            Octets::Spooled { .. } => SPOOLED_MEMORY,
        }
    }

    /// Hands all octets to `sink`, piece by piece.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read, or what `sink` returns.
    pub fn each_piece(&self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self {
            Octets::Memory(octets) => sink(octets),
            Octets::Spooled { file, .. } => {
                let mut reader: &File = file;
                reader.seek(SeekFrom::Start(0)).map_err(|cause| spool_error(&cause))?;
                let mut buffer = vec![0; COPY_OCTETS];
                loop {
                    match reader.read(&mut buffer).map_err(|cause| spool_error(&cause))? {
                        0 => return Ok(()),
                        count => sink(&buffer[..count])?,
                    }
                }
            }
        }
    }

    /// SHA-256 of all octets.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read.
    pub fn sha256(&self) -> Result<[u8; 32]> {
        let mut hash = Sha256::new();
        self.each_piece(|piece| {
            hash.update(piece);
            Ok(())
        })?;
        Ok(hash.finalize().into())
    }

    /// All octets in memory, for what is known to be small: at most `limit` of them.
    ///
    /// # Errors
    /// `Protocol` when there are more.
    pub fn into_small(self, limit: u64) -> Result<Vec<u8>> {
        match self {
            Octets::Memory(octets) if octets.len() as u64 <= limit => Ok(octets),
            other => Err(Error::new(Kind::Protocol, format!("the server sent a string of {} octets", other.len()))),
        }
    }
}

fn spool_error(cause: &io::Error) -> Error {
    Error::new(Kind::Io, "a large message could not be kept in a temporary file").because(cause).hint(
        "make room on the disk of the state directory, then run the command again: nothing is lost, and nothing will be copied twice",
    )
}

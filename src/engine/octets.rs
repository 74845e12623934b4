//! The octets of one message on their way: in memory, or, when they are many and there is no room for them, in a temporary
//! file.

use super::wire::Wire;
use crate::error::{Error, Kind, Result};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an open file is reckoned as, so that what bounds memory bounds open files, too.
const SPOOLED_MEMORY: u64 = 32 << 10;

/// Literals up to this size are held in memory, whatever else is.
pub const MEMORY_OCTETS: u64 = 1 << 20;

/// The largest literal taken at all. A server that announces more is not believed.
pub const LITERAL_OCTETS: u64 = 4 << 30;

const COPY_OCTETS: usize = 64 << 10;

/// Where large literals are kept: in memory while there is room for them, over all connections that share it, else in
/// temporary files.
pub struct Spool {
    directory: PathBuf,
    free: Arc<AtomicU64>,
}

/// Memory that one literal takes; dropping it gives it back.
#[derive(Debug)]
pub struct Room {
    free: Arc<AtomicU64>,
    octets: u64,
}

impl Spool {
    /// Files in `directory` for what does not fit into `memory` octets.
    pub fn new(directory: PathBuf, memory: u64) -> Spool {
        Spool { directory, free: Arc::new(AtomicU64::new(memory)) }
    }

    fn room(&self, octets: u64) -> Option<Room> {
        let taken = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(octets));
        taken.is_ok().then(|| Room { free: self.free.clone(), octets })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.free.fetch_add(self.octets, Ordering::Relaxed);
    }
}

/// Octets that came as one literal or string.
#[derive(Debug)]
pub enum Octets {
    Memory(Vec<u8>),
    /// More than [`MEMORY_OCTETS`], for which there was room.
    Large {
        octets: Vec<u8>,
        room: Room,
    },
    Spooled {
        file: File,
        length: u64,
    },
}

impl Octets {
    /// Reads a literal of that length.
    ///
    /// # Errors
    /// `Connection`, `Io` when a temporary file cannot be written.
    pub fn read(wire: &mut Wire, length: u64, spool: &Spool) -> Result<Octets> {
        let mut octets = Octets::with_room(length, spool)?;
        match &mut octets {
            Octets::Memory(memory) | Octets::Large { octets: memory, .. } => wire.read_into(length, memory)?,
            Octets::Spooled { file, length: written } => wire.read_octets(length, |piece| {
                *written += piece.len() as u64;
                file.write_all(piece).map_err(|cause| spool_error(&cause))
            })?,
        }
        Ok(octets)
    }

    fn with_room(length: u64, spool: &Spool) -> Result<Octets> {
        if length <= MEMORY_OCTETS {
            return Ok(Octets::Memory(Vec::with_capacity(length as usize)));
        }
        if let Some(room) = spool.room(length) {
            return Ok(Octets::Large { octets: Vec::with_capacity(length as usize), room });
        }
        let file = tempfile::tempfile_in(&spool.directory).map_err(|cause| spool_error(&cause))?;
        Ok(Octets::Spooled { file, length: 0 })
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Octets::Memory(octets) | Octets::Large { octets, .. } => octets.len() as u64,
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
            Octets::Memory(octets) | Octets::Large { octets, .. } => octets.len() as u64,
            Octets::Spooled { .. } => SPOOLED_MEMORY,
        }
    }

    /// Hands all octets to `sink`, piece by piece.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read, or what `sink` returns.
    pub fn each_piece(&self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self {
            Octets::Memory(octets) | Octets::Large { octets, .. } => sink(octets),
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

    /// The first octets, at most `limit` of them.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read.
    pub fn head(&self, limit: u64) -> Result<Cow<'_, [u8]>> {
        match self {
            Octets::Memory(octets) | Octets::Large { octets, .. } => {
                let length = usize::try_from(limit).unwrap_or(usize::MAX).min(octets.len());
                Ok(Cow::Borrowed(&octets[..length]))
            }
            Octets::Spooled { file, .. } => {
                let (mut reader, mut head): (&File, _) = (file, Vec::new());
                let read = reader.seek(SeekFrom::Start(0)).and_then(|_| reader.take(limit).read_to_end(&mut head));
                read.map(|_| Cow::Owned(head)).map_err(|cause| spool_error(&cause))
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

//! The octets of one message on their way: in memory, or, when they are many and there is no room for them, in a temporary
//! file.

use super::buffered::Wire;
use crate::error::{Error, Kind, Result};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What an open file is reckoned as, so that what bounds memory bounds open files, too.
const SPOOLED_MEMORY: u64 = 32 << 10;

/// Literals up to this size are held in memory, whatever else is.
pub const MEMORY_OCTETS: u64 = 1 << 20;

/// The largest literal taken at all. A server that announces more is not believed.
pub const LITERAL_OCTETS: u64 = 4 << 30;

const COPY_OCTETS: usize = 64 << 10;

/// A piece of a large literal in memory.
type Chunk = Box<[u8]>;

/// Large enough that few reads fill it, and small enough that the last one of a message wastes little.
const CHUNK_OCTETS: usize = 256 << 10;

/// How long room in memory is waited for. What holds it may itself wait for this one: then a file is the way out.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(250);

/// Where large literals are kept: in memory while there is room for them, over all connections that share it, else in
/// temporary files. What was used is used again: fresh memory costs more than what is read into it.
pub struct Spool {
    directory: PathBuf,
    /// How many chunks there may be.
    chunks: usize,
    shelf: Arc<Shelf>,
}

struct Shelf {
    chunks: Mutex<Chunks>,
    returned: Condvar,
}

struct Chunks {
    /// Those that were used before.
    idle: Vec<Chunk>,
    /// How many may be made yet.
    unmade: usize,
}

/// Memory that one literal takes; dropping it gives it back.
pub struct Room {
    chunks: Vec<Chunk>,
    shelf: Arc<Shelf>,
}

impl Spool {
    /// Files in `directory` for what does not fit into `memory` octets.
    pub fn new(directory: PathBuf, memory: u64) -> Spool {
        let unmade = usize::try_from(memory / CHUNK_OCTETS as u64).unwrap_or(usize::MAX);
        let chunks = Mutex::new(Chunks { idle: Vec::new(), unmade });
        Spool { directory, chunks: unmade, shelf: Arc::new(Shelf { chunks, returned: Condvar::new() }) }
    }

    /// Room for so many octets. It is waited for, for a short time: what holds it is on its way to the destination, and a
    /// file costs more than that.
    fn room(&self, octets: u64) -> Option<Room> {
        let count = usize::try_from(octets.div_ceil(CHUNK_OCTETS as u64)).ok()?;
        if count > self.chunks {
            return None;
        }
        let shelf = self.shelf.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shelf.returned.wait_timeout_while(shelf, WAIT_FOR_ROOM, |shelf| count > shelf.left());
        let mut shelf = waited.unwrap_or_else(PoisonError::into_inner).0;
        if count > shelf.left() {
            return None;
        }
        let used = shelf.idle.len().saturating_sub(count);
        let mut chunks = shelf.idle.split_off(used);
        shelf.unmade -= count - chunks.len();
        drop(shelf);
        chunks.resize_with(count, || vec![0; CHUNK_OCTETS].into_boxed_slice());
        Some(Room { chunks, shelf: self.shelf.clone() })
    }
}

impl Chunks {
    fn left(&self) -> usize {
        self.idle.len() + self.unmade
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shelf.chunks.lock().unwrap_or_else(PoisonError::into_inner).idle.append(&mut self.chunks);
        self.shelf.returned.notify_all();
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} chunks", self.chunks.len())
    }
}

impl Room {
    /// The pieces of a literal of that length.
    fn pieces(&self, length: u64) -> impl Iterator<Item = &[u8]> {
        let mut left = length;
        self.chunks.iter().map(move |chunk| {
            let count = left.min(CHUNK_OCTETS as u64) as usize;
            left -= count as u64;
            &chunk[..count]
        })
    }
}

/// Octets that came as one literal or string.
#[derive(Debug)]
pub enum Octets {
    Memory(Vec<u8>),
    /// More than [`MEMORY_OCTETS`], for which there was room.
    Large {
        room: Room,
        length: u64,
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
        if length <= MEMORY_OCTETS {
            let mut octets = Vec::with_capacity(length as usize);
            wire.read_octets(length, |piece| {
                octets.extend_from_slice(piece);
                Ok(())
            })?;
            return Ok(Octets::Memory(octets));
        }
        if let Some(mut room) = spool.room(length) {
            let mut left = length;
            for chunk in &mut room.chunks {
                let count = left.min(CHUNK_OCTETS as u64) as usize;
                wire.read_large(&mut chunk[..count])?;
                left -= count as u64;
            }
            return Ok(Octets::Large { room, length });
        }
        let mut file = tempfile::tempfile_in(&spool.directory).map_err(|cause| spool_error(&cause))?;
        wire.read_octets(length, |piece| file.write_all(piece).map_err(|cause| spool_error(&cause)))?;
        Ok(Octets::Spooled { file, length })
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Octets::Memory(octets) => octets.len() as u64,
            Octets::Large { length, .. } | Octets::Spooled { length, .. } => *length,
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
            Octets::Large { .. } => MEMORY_OCTETS,
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
            Octets::Large { room, length } => room.pieces(*length).try_for_each(sink),
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

    /// The first octets: enough for the header of nearly any message.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read.
    pub fn head(&self) -> Result<Cow<'_, [u8]>> {
        match self {
            Octets::Memory(octets) => Ok(Cow::Borrowed(octets)),
            Octets::Large { room, length } => Ok(Cow::Borrowed(room.pieces(*length).next().unwrap_or_default())),
            Octets::Spooled { file, .. } => {
                let (mut reader, mut head): (&File, _) = (file, Vec::new());
                let read = reader
                    .seek(SeekFrom::Start(0))
                    .and_then(|_| reader.take(CHUNK_OCTETS as u64).read_to_end(&mut head));
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
    Error::new(Kind::State, "a large message could not be kept in a temporary file").because(cause).hint(
        "make room on the disk of the state directory, then run the command again: nothing is lost, and nothing will be copied twice",
    )
}

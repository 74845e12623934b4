//! The octets of one message on their way: in memory, or, when they are many and there is no room for them, in a temporary
//! file.

use super::buffered::Wire;
use crate::error::{Error, Kind, Result};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
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
    /// A part of a temporary file.
    Spooled {
        file: Arc<File>,
        offset: u64,
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
        Ok(Octets::Spooled { file: Arc::new(file), offset: 0, length })
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
            Octets::Spooled { file, offset, length } => {
                let mut buffer = vec![0; COPY_OCTETS];
                let (mut at, end) = (*offset, *offset + *length);
                while at < end {
                    let piece = &mut buffer[..(end - at).min(COPY_OCTETS as u64) as usize];
                    file.read_exact_at(piece, at).map_err(|cause| spool_error(&cause))?;
                    at += piece.len() as u64;
                    sink(piece)?;
                }
                Ok(())
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
            Octets::Spooled { file, offset, length } => {
                let mut head = vec![0; (*length).min(CHUNK_OCTETS as u64) as usize];
                file.read_exact_at(&mut head, *offset).map_err(|cause| spool_error(&cause))?;
                Ok(Cow::Owned(head))
            }
        }
    }

    /// SHA-256 of all octets.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read.
    pub fn sha256(&self) -> Result<[u8; 32]> {
        self.hash_of_first(self.len())
    }

    /// SHA-256 of the first so many octets; `None` where there are fewer.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read.
    pub fn beginning(&self, length: u64) -> Result<Option<[u8; 32]>> {
        if length > self.len() { Ok(None) } else { self.hash_of_first(length).map(Some) }
    }

    fn hash_of_first(&self, length: u64) -> Result<[u8; 32]> {
        let (mut hash, mut left) = (Sha256::new(), length);
        self.each_piece(|piece| {
            let taken = left.min(piece.len() as u64);
            hash.update(&piece[..taken as usize]);
            left -= taken;
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
            other => Err(Error::new(Kind::Protocol, format!("the server sent a string of {} bytes", other.len()))),
        }
    }
}

/// A temporary file for messages that are more than was said: where the memory for them is used up, they wait here.
/// Many share a file, so that their number is no number of open files.
pub struct Spill {
    spool: Arc<Spool>,
    file: Option<Arc<File>>,
    length: u64,
}

/// A file that has grown to so much is given up, and with it what is in it when nobody needs that any more.
const SPILL_OCTETS: u64 = 64 << 20;

impl Spill {
    /// No file yet.
    pub(in crate::engine) fn new(spool: Arc<Spool>) -> Spill {
        Spill { spool, file: None, length: 0 }
    }

    /// Moves octets out of the memory.
    ///
    /// # Errors
    /// `Io`.
    pub fn take(&mut self, octets: &Octets) -> Result<Octets> {
        let (file, offset) = match self.file.take().filter(|_| self.length < SPILL_OCTETS) {
            Some(file) => (file, self.length),
            None => {
                let file = tempfile::tempfile_in(&self.spool.directory).map_err(|cause| spool_error(&cause))?;
                (Arc::new(file), 0)
            }
        };
        self.length = offset;
        octets.each_piece(|piece| {
            file.write_all_at(piece, self.length).map_err(|cause| spool_error(&cause))?;
            self.length += piece.len() as u64;
            Ok(())
        })?;
        self.file = Some(file.clone());
        Ok(Octets::Spooled { file, offset, length: octets.len() })
    }
}

fn spool_error(cause: &io::Error) -> Error {
    Error::new(Kind::State, "a large message could not be kept in a temporary file").because(cause).hint(
        "make room on the disk of the state directory, then run the command again: nothing is lost, and nothing will be copied twice",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spill_keeps_each_message_apart_from_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(Arc::new(Spool::new(directory.path().to_owned(), 0)));
        let message = |number: usize| vec![b'a' + number as u8; COPY_OCTETS * number + 1];
        let spilt: Vec<Octets> = (0..4).map(|number| spill.take(&Octets::Memory(message(number))).unwrap()).collect();
        drop(spill);
        for (number, octets) in spilt.iter().enumerate().rev() {
            let mut read = Vec::new();
            octets
                .each_piece(|piece| {
                    read.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            assert!(read == message(number) && octets.memory() == SPOOLED_MEMORY, "{number}");
            assert_eq!(octets.sha256().unwrap(), Octets::Memory(message(number)).sha256().unwrap());
            assert!(message(number).starts_with(&octets.head().unwrap()));
        }
    }
}

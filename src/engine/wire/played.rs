//! A connection that says what it was given, in pieces of given sizes, and notes what it is told: for tests of what is
//! read, at every place where the network may cut it.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// What a server says, and how much of it arrives at once.
pub struct Played {
    octets: Vec<u8>,
    at: usize,
    /// Sizes of the pieces, again from the first when all were used; empty: as much as there is room for.
    pieces: Vec<usize>,
    read: usize,
    heard: Heard,
}

/// What was written.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// All of it so far.
    pub fn octets(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Played {
    /// These octets arrive in pieces of these sizes; the second part has what is written.
    pub fn new(octets: &[u8], pieces: &[usize]) -> (Played, Heard) {
        let heard = Heard::default();
        (Played { octets: octets.to_vec(), at: 0, pieces: pieces.to_vec(), read: 0, heard: heard.clone() }, heard)
    }
}

impl Read for Played {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.octets[self.at..];
        let piece = self.pieces.get(self.read % self.pieces.len().max(1)).map_or(left.len(), |size| (*size).max(1));
        let count = piece.min(left.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.at += count;
        self.read += 1;
        Ok(count)
    }
}

impl Write for Played {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

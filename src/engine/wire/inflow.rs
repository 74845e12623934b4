//! What comes from a socket, taken in large pieces for who asks for small ones: rustls asks for 4 KiB at a time, and a record
//! has 16.

use super::socket::Socket;
use std::io::{self, IoSlice, Read, Write};
use std::time::Duration;

/// Octets taken from the socket at once: four records.
const TAKEN_OCTETS: usize = 64 << 10;

/// A socket below TLS.
pub struct Inflow {
    socket: Socket,
    taken: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Inflow {
    /// Nothing is read yet.
    pub fn new(socket: Socket) -> Self {
        Inflow { socket, taken: vec![0; TAKEN_OCTETS].into_boxed_slice(), start: 0, end: 0 }
    }

    /// See [`Socket::set_timeout`].
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.socket.set_timeout(timeout)
    }
}

impl Read for Inflow {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.end = self.socket.read(&mut self.taken)?;
        }
        let count = room.len().min(self.end - self.start);
        room[..count].copy_from_slice(&self.taken[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

impl Write for Inflow {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.socket.write(octets)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::played::Played;
    use super::*;

    #[test]
    fn what_came_is_given_in_pieces_of_any_size_and_in_order() {
        let octets: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
        let (played, _) = Played::new(&octets, &[7, 100_000, 3]);
        let mut inflow = Inflow::new(Socket::Played(played));
        let (mut room, mut given) = ([0; 4096], Vec::new());
        loop {
            match inflow.read(&mut room).unwrap() {
                0 => break,
                count => given.extend_from_slice(&room[..count]),
            }
        }
        assert!(given == octets);
    }
}

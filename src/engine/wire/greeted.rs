//! The wire as the `imap` crate sees it, which reads the greeting and does LOGIN on it.
//!
//! What holds here stands on top of [`super::buffered`]: invariants 1, 4 and 5.

use super::buffered::{LINE_OCTETS, UNTAGGED_BEFORE_INVITATION, Wire};
use super::stand_in::StandIn;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// For the `imap` crate: at most to the end of the line (invariant 1), 8-bit octets as `?`, which it would choke on.
impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            Write::flush(self)?;
            if self.fill_once()? == 0 {
                return Ok(0);
            }
        }
        let unread = &self.input[self.start..self.end];
        let line = memchr::memchr(b'\n', unread).map_or(unread.len(), |at| at + 1);
        let count = line.min(buffer.len());
        if self.witnessed.len() + count > LINE_OCTETS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the server's answer to the login is too long"));
        }
        self.witnessed.extend_from_slice(&unread[..count]);
        for (to, from) in buffer.iter_mut().zip(&unread[..count]) {
            *to = if from.is_ascii() { *from } else { b'?' };
        }
        self.start += count;
        Ok(count)
    }
}

/// For the `imap` crate, which writes logins: what goes to the transcript has the stand-in for the secret (invariant 4).
impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = Zeroizing::new(std::mem::take(&mut self.output));
        if self.stand_in.is_some() && !written.is_empty() {
            self.note_sent(&written);
        }
        let [head, tail] = match self.stand_in.as_ref().and_then(|stand_in| stand_in.replace(&written)) {
            Some(parts) => parts,
            None => [written, Zeroizing::default()],
        };
        if self.deflate.is_some() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a login does not go over a compressed line"));
        }
        self.line.send([&head, &[]])?;
        if tail.is_empty() || !self.is_invited()? { Ok(()) } else { self.line.send([&tail, &[]]) }
    }
}

impl Wire {
    /// Sends the secret for its stand-in from now on; `None` erases it.
    pub fn set_stand_in(&mut self, stand_in: Option<StandIn>) {
        self.stand_in = stand_in;
    }

    /// The lines that the `imap` crate read since the last call.
    pub fn take_witnessed(&mut self) -> Vec<u8> {
        let witnessed = std::mem::take(&mut self.witnessed);
        witnessed.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).for_each(|line| self.note_heard(line));
        witnessed
    }

    /// Whether the server says `+` to a literal that was announced. A tagged answer stays where it is, for the crate.
    fn is_invited(&mut self) -> io::Result<bool> {
        for _ in 0..UNTAGGED_BEFORE_INVITATION {
            if self.start == self.end && self.fill_once()? == 0 {
                return Ok(false);
            }
            let first = self.input[self.start];
            if first != b'+' && first != b'*' {
                return Ok(false);
            }
            self.read_line(&mut Vec::new()).map_err(|error| io::Error::other(error.line()))?;
            if first == b'+' {
                return Ok(true);
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the server neither takes the password nor refuses it"))
    }
}

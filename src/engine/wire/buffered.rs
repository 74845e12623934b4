//! The wire: one buffered, counted, bounded stream of octets, below the framing and below the `imap` crate.
//!
//! Not here: what the octets mean.
//!
//! Invariants:
//! 1. A `read` through [`std::io::Read`] (what the `imap` crate sees) never returns past the next LF, so the crate
//!    never holds read-ahead and the engine can go on with the same wire after it.
//! 2. A line longer than [`LINE_OCTETS`] is an error, never an allocation.
//! 3. What was read before TLS is never read after it: leftovers are an injection and fail the connection.
//! 4. Secrets and message octets never reach the transcript.
//! 5. What was written through [`std::io::Write`] is erased when it is sent, and a secret is put in only then.
//! 6. DEFLATE begins with the octet behind the line that agreed on it, in both directions. Before, at the login, nothing
//!    goes through it, and no login goes through it afterwards: no secret is left in its window, or told by a length.

use super::binding::ChannelBinding;
use super::deflate::Deflate;
use super::line::Line;
use super::meter::Meter;
use super::pace::{LARGE_MESSAGE_OCTETS, Pace};
use super::patience::Patience;
use super::socket::Socket;
use super::stand_in::StandIn;
use super::throttle::Throttle;
use super::tls::TlsClient;
use crate::error::{Error, Kind, Result, sanitized};
use crate::model::Side;
use std::io;
use std::time::Duration;

/// The longest line taken from a server, literals not counted. Servers tried stay below 64 KiB; a LIST or SEARCH
/// answer may be longer.
pub const LINE_OCTETS: usize = 1 << 20;

/// Octets read from the stream at once.
const INPUT_OCTETS: usize = 64 << 10;

/// What a server may say before it takes a literal.
pub(super) const UNTAGGED_BEFORE_INVITATION: usize = 100;

/// What is not there when the line breaks does not come any more.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// Octets gathered before they are written to the stream.
const OUTPUT_OCTETS: usize = 64 << 10;

/// Octets that are not worth being gathered: they are written from where they are, with what was gathered before.
const UNGATHERED_OCTETS: usize = 16 << 10;

/// One connection's octets, in both directions.
pub struct Wire {
    pub(super) line: Line,
    side: Side,
    /// Whose connection it is, for the log.
    whose: String,
    pub(super) input: Box<[u8]>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) output: Vec<u8>,
    /// The lines that the `imap` crate read since this was last taken: it drops response codes, which we need.
    pub(super) witnessed: Vec<u8>,
    /// The secret that leaves in the stead of what the `imap` crate was given.
    pub(super) stand_in: Option<StandIn>,
    /// The line broke while something was sent: what the server said before was not read.
    broke_sending: bool,
    /// Since COMPRESS was agreed on.
    pub(super) deflate: Option<Box<Deflate>>,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Wire {
    /// A wire on which these octets arrive in pieces of these sizes.
    pub fn played(octets: &[u8], pieces: &[usize]) -> Wire {
        Self::heard(octets, pieces).0
    }

    /// The same, with what is written on it.
    pub fn heard(octets: &[u8], pieces: &[usize]) -> (Wire, super::played::Heard) {
        let (played, heard) = super::played::Played::new(octets, pieces);
        (Wire::new(Socket::Played(played), Side::Source, Throttle::new(None), Meter::default()), heard)
    }
}

impl Wire {
    /// The same, with a name for the log: sanitised, since a user's name may be anything.
    pub fn named(self, whose: &str) -> Self {
        Wire { whose: sanitized(whose), ..self }
    }

    /// Wraps an open socket.
    pub fn new(socket: Socket, side: Side, bandwidth: Throttle, meter: Meter) -> Self {
        Wire {
            line: Line::new(socket, bandwidth, meter),
            side,
            whose: String::new(),
            input: vec![0; INPUT_OCTETS].into_boxed_slice(),
            start: 0,
            end: 0,
            output: Vec::new(),
            witnessed: Vec::new(),
            stand_in: None,
            broke_sending: false,
            deflate: None,
        }
    }

    /// Puts TLS on the wire (invariant 3).
    ///
    /// # Errors
    /// `Certificate`, `Connection`, or `Protocol` when the server sent anything before the handshake.
    pub fn start_tls(&mut self, client: &TlsClient) -> Result<()> {
        if self.start != self.end {
            return Err(Error::new(Kind::Protocol, "the server sent text between STARTTLS and the TLS handshake")
                .hint("somebody on the path may have injected it; use port 993 with tls = \"implicit\""));
        }
        self.line.start_tls(client)
    }

    /// What ties a login to the TLS connection, if there is one.
    pub fn channel_binding(&self) -> Option<ChannelBinding> {
        self.line.channel_binding()
    }

    /// Bounds the wait for each next octet from now on.
    ///
    /// # Errors
    /// `Connection` when the socket is gone.
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<()> {
        let set = self.line.set_timeout(timeout);
        set.map_err(|cause| self.broken(&cause))
    }

    /// How long the server may take in all.
    pub fn patience(&mut self) -> &mut Patience {
        &mut self.line.patience
    }

    /// Compresses from here on (invariant 6).
    ///
    /// # Errors
    /// `Protocol` when something is still to be sent.
    pub fn start_deflate(&mut self) -> Result<()> {
        if !self.output.is_empty() || self.stand_in.is_some() || self.deflate.is_some() {
            return Err(Error::new(Kind::Protocol, "compression cannot begin in the midst of something else"));
        }
        self.deflate = Some(Box::new(Deflate::new(&self.input[self.start..self.end])));
        (self.start, self.end) = (0, 0);
        Ok(())
    }

    /// Whether COMPRESS was agreed on.
    pub fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    /// How fast octets come while a large message does.
    pub fn pace(&self) -> Pace {
        self.line.pace()
    }

    /// Appends the next line to `line`, without its CRLF (a bare LF is taken as well).
    ///
    /// # Errors
    /// `Connection` when the line breaks or times out, `Protocol` beyond [`LINE_OCTETS`].
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> Result<()> {
        let begin = line.len();
        loop {
            let unread = &self.input[self.start..self.end];
            let found = memchr::memchr(b'\n', unread);
            let taken = found.map_or(unread.len(), |at| at + 1);
            line.extend_from_slice(&unread[..taken]);
            self.start += taken;
            if found.is_some() {
                break;
            }
            if line.len() - begin > LINE_OCTETS {
                return Err(Error::new(
                    Kind::Protocol,
                    format!("the server sent a line of more than {LINE_OCTETS} bytes"),
                ));
            }
            self.fill()?;
        }
        line.pop();
        if line.len() > begin && line.last() == Some(&b'\r') {
            line.pop();
        }
        self.note_heard(&line[begin..]);
        Ok(())
    }

    pub(super) fn note_heard(&self, line: &[u8]) {
        tracing::trace!(target: "wire", side = %self.side, connection = %self.whose, "S: {}", sanitized(&String::from_utf8_lossy(line)));
    }

    /// Notes in the transcript what is sent, or what stands for it.
    pub fn note_sent(&self, line: &[u8]) {
        tracing::trace!(target: "wire", side = %self.side, connection = %self.whose, "C: {}", sanitized(&String::from_utf8_lossy(line)));
    }

    /// Hands the next `count` octets to `sink`, piece by piece as they arrive.
    ///
    /// # Errors
    /// `Connection`, or what `sink` returns.
    pub fn read_octets(&mut self, count: u64, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut missing = count;
        while missing > 0 {
            if self.start == self.end {
                self.line.in_large_message = count >= LARGE_MESSAGE_OCTETS;
                let filled = self.fill();
                self.line.in_large_message = false;
                filled?;
                self.earn(self.end);
            }
            let available = (self.end - self.start) as u64;
            let taken = missing.min(available) as usize;
            sink(&self.input[self.start..self.start + taken])?;
            self.start += taken;
            missing -= taken as u64;
        }
        Ok(())
    }

    /// Fills `room` with the next octets of a large message, as far as can be without a detour through the wire's own
    /// memory.
    ///
    /// # Errors
    /// `Connection`.
    pub fn read_large(&mut self, room: &mut [u8]) -> Result<()> {
        self.line.in_large_message = true;
        let read = self.fill_room(room);
        self.line.in_large_message = false;
        read
    }

    fn fill_room(&mut self, mut room: &mut [u8]) -> Result<()> {
        while !room.is_empty() {
            let mut count = room.len().min(self.end - self.start);
            if count > 0 {
                room[..count].copy_from_slice(&self.input[self.start..self.start + count]);
                self.start += count;
            } else if room.len() < INPUT_OCTETS || self.deflate.is_some() {
                self.fill()?;
                self.earn(self.end);
            } else {
                self.flush()?;
                count = self.line.receive(room).map_err(|cause| self.broken(&cause))?;
                if count == 0 {
                    return Err(closed());
                }
                self.earn(count);
            }
            room = &mut room[count..];
        }
        Ok(())
    }

    /// Octets of a literal came: a message that was asked for may be so large that a server needs long for it.
    fn earn(&mut self, octets: usize) {
        if self.line.patience.is_wanted {
            self.line.patience.earn(octets as u64);
        }
    }

    /// Queues octets for sending; they go out at the latest with [`Wire::flush`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        if octets.len() >= UNGATHERED_OCTETS {
            return self.flush_with(octets, false);
        }
        self.output.extend_from_slice(octets);
        if self.output.len() >= OUTPUT_OCTETS { self.flush() } else { Ok(()) }
    }

    /// Queues a command line, its CRLF added, and notes it in the transcript.
    ///
    /// # Errors
    /// `Connection`.
    pub fn write_line(&mut self, line: &[u8]) -> Result<()> {
        self.note_sent(line);
        self.write(line)?;
        self.write(b"\r\n")
    }

    /// Sends what is queued.
    ///
    /// # Errors
    /// `Connection`.
    pub fn flush(&mut self) -> Result<()> {
        self.flush_with(&[], true)
    }

    fn flush_with(&mut self, octets: &[u8], all: bool) -> Result<()> {
        let mut output = std::mem::take(&mut self.output);
        let sent = self.transmit([&output, octets], all);
        output.clear();
        self.output = output;
        self.broke_sending |= sent.is_err();
        sent.map_err(|cause| self.broken(&cause))
    }

    /// The lines that came before the line broke as we sent, as far as they are there; none where it broke otherwise.
    pub fn last_words(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        if !std::mem::take(&mut self.broke_sending) || self.line.set_timeout(LAST_WORDS_TIMEOUT).is_err() {
            return lines;
        }
        while lines.len() < UNTAGGED_BEFORE_INVITATION && lines.iter().map(Vec::len).sum::<usize>() < LINE_OCTETS {
            let mut line = Vec::new();
            if self.read_line(&mut line).is_err() {
                break;
            }
            lines.push(line);
        }
        lines
    }

    /// Sends octets, compressed where that was agreed on; with `all` nothing of them is held back.
    fn transmit(&mut self, pieces: [&[u8]; 2], all: bool) -> io::Result<()> {
        let Some(mut deflate) = self.deflate.take() else { return self.line.send(pieces) };
        let sent = pieces
            .into_iter()
            .try_for_each(|piece| deflate.deflate(piece, all, |compressed| self.line.send([compressed, &[]])));
        self.deflate = Some(deflate);
        sent
    }

    /// The login is through: from now on answers may be on their way when something is sent.
    pub fn end_introduction(&mut self) {
        self.line.end_introduction();
    }

    fn fill(&mut self) -> Result<()> {
        self.flush()?;
        match self.fill_once() {
            Ok(0) => Err(closed()),
            Ok(_) => Ok(()),
            Err(cause) => Err(self.broken(&cause)),
        }
    }

    /// Whether anything comes within that time: of a server that may have nothing to say it is no failure that nothing does.
    ///
    /// # Errors
    /// `Connection` when the line breaks.
    pub fn hears_within(&mut self, patience: Duration) -> Result<bool> {
        self.flush()?;
        if self.start < self.end {
            return Ok(true);
        }
        let before = self.line.timeout();
        self.set_timeout(patience)?;
        let filled = self.fill_once();
        self.set_timeout(before)?;
        match filled {
            Ok(0) => Err(closed()),
            Ok(_) => Ok(true),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(false),
            Err(cause) => Err(self.broken(&cause)),
        }
    }

    pub(super) fn fill_once(&mut self) -> io::Result<usize> {
        let mut input = std::mem::take(&mut self.input);
        let filled = match self.deflate.take() {
            None => self.line.receive(&mut input),
            Some(mut deflate) => {
                let filled = deflate.inflate(&mut input, |compressed| self.line.receive(compressed));
                self.deflate = Some(deflate);
                filled
            }
        };
        self.input = input;
        (self.start, self.end) = (0, *filled.as_ref().unwrap_or(&0));
        filled
    }

    fn broken(&self, cause: &io::Error) -> Error {
        self.line.broken(cause, self.side)
    }
}

fn closed() -> Error {
    Error::new(Kind::Connection, "the server closed the connection")
}

//! DEFLATE in both directions of a connection, without a header (RFC 4978, RFC 1951).
//!
//! Inflation is bounded: it gives no more than it is asked for, and what gives nothing for too long is an error.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::fmt;
use std::io;

/// The quickest: further levels take several times the processor's time, and save a twelfth of the octets of mail.
const LEVEL: u32 = 1;

/// Compressed octets taken from the line at once, if the room is not larger.
const COMPRESSED_OCTETS: usize = 32 << 10;

/// Compressed octets after which something must come out. The head of a block takes a few hundred; an empty one, as a
/// flush leaves it, takes five.
const FRUITLESS_OCTETS: usize = 256 << 10;

/// Octets that are no DEFLATE.
#[derive(Debug)]
pub struct NotDeflate;

impl fmt::Display for NotDeflate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("it is no DEFLATE, or was altered on the way")
    }
}

impl std::error::Error for NotDeflate {}

impl From<NotDeflate> for io::Error {
    fn from(it: NotDeflate) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, it)
    }
}

/// Both directions.
pub struct Deflate {
    inflater: Decompress,
    /// Compressed octets that came; those from `start` to `end` are not inflated yet.
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// The server said that nothing more comes.
    ended: bool,
    deflater: Compress,
    output: Vec<u8>,
    /// Something went in since the last flush.
    dirty: bool,
}

impl Deflate {
    /// Begins with what came behind the line that agreed on it: that is compressed already.
    pub fn new(leftover: &[u8]) -> Deflate {
        let mut input = vec![0; leftover.len().max(COMPRESSED_OCTETS)].into_boxed_slice();
        input[..leftover.len()].copy_from_slice(leftover);
        Deflate {
            inflater: Decompress::new(false),
            input,
            start: 0,
            end: leftover.len(),
            ended: false,
            deflater: Compress::new(Compression::new(LEVEL), false),
            output: Vec::with_capacity(COMPRESSED_OCTETS),
            dirty: false,
        }
    }

    /// Fills `plain` with at least one octet, and as many as there are; `more` reads from the line, as
    /// [`io::Read::read`]. 0: the end.
    ///
    /// # Errors
    /// [`NotDeflate`], what `more` returns.
    pub fn inflate(
        &mut self,
        plain: &mut [u8],
        mut more: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut fruitless = 0;
        while !self.ended {
            // Also when nothing came since: what there was no room for last time is still to come out.
            let begin = self.start;
            let count = self.inflate_some(plain)?;
            fruitless += self.start - begin;
            if count > 0 {
                return Ok(count);
            }
            if fruitless > FRUITLESS_OCTETS || (self.start == begin && begin < self.end) {
                return Err(NotDeflate.into());
            }
            if self.start == self.end && !self.ended {
                (self.start, self.end) = (0, 0);
                self.end = more(&mut self.input)?;
                if self.end == 0 {
                    break;
                }
            }
        }
        Ok(0)
    }

    fn inflate_some(&mut self, plain: &mut [u8]) -> io::Result<usize> {
        let before = (self.inflater.total_in(), self.inflater.total_out());
        let input = &self.input[self.start..self.end];
        let status = self.inflater.decompress(input, plain, FlushDecompress::None).map_err(|_| NotDeflate)?;
        self.ended = status == Status::StreamEnd;
        self.start += (self.inflater.total_in() - before.0) as usize;
        Ok((self.inflater.total_out() - before.1) as usize)
    }

    /// Deflates `plain` and hands what comes of it to `send`, as [`io::Write::write_all`]; with `flush` all of it, so
    /// that the server can read it, else what has come out so far.
    ///
    /// # Errors
    /// What `send` returns.
    pub fn deflate(
        &mut self,
        mut plain: &[u8],
        flush: bool,
        mut send: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.dirty |= !plain.is_empty();
        // A flush of nothing would be an empty block each time.
        if !self.dirty {
            return Ok(());
        }
        let mode = if flush { FlushCompress::Sync } else { FlushCompress::None };
        loop {
            let before = self.deflater.total_in();
            // Without room it would have nothing to do; there is always some here.
            self.deflater.compress_vec(plain, &mut self.output, mode)?;
            plain = &plain[(self.deflater.total_in() - before) as usize..];
            let is_full = self.output.len() == self.output.capacity();
            if is_full || flush {
                send(&self.output)?;
                self.output.clear();
            }
            if plain.is_empty() && !is_full {
                break;
            }
        }
        self.dirty &= !flush;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fuzzing::{deflated, inflated};

    #[test]
    fn deflate_flush_gives_all_and_of_nothing_gives_nothing() {
        let large: Vec<u8> =
            (0..300_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        let line = deflated(&[(large.clone(), true)]);
        assert_eq!(inflated(&line, 0, 4096, std::iter::empty()).unwrap(), large);
        let once = deflated(&[(b"NOOP\r\n".to_vec(), true)]);
        let often = deflated(&[(b"NOOP\r\n".to_vec(), true), (Vec::new(), true), (Vec::new(), true)]);
        assert_eq!(once, often);
        assert!(deflated(&[(Vec::new(), true)]).is_empty());
    }

    #[test]
    fn inflate_bomb_gives_no_more_than_there_is_room_for() {
        let bomb = deflated(&[(vec![b'x'; 8 << 20], true)]);
        let (mut deflate, mut room) = (Deflate::new(b""), [0; 1000]);
        let mut line = &bomb[..];
        let mut reads = 0;
        for _ in 0..1000 {
            let count = deflate.inflate(&mut room, |octets| {
                reads += 1;
                io::Read::read(&mut line, octets)
            });
            assert!((1..=1000).contains(&count.unwrap()));
        }
        assert_eq!(reads, 1, "what came first lasts for a megabyte");
    }

    #[test]
    fn inflate_endless_empty_blocks_is_an_error() {
        let mut octets = [0, 0, 0, 0xff, 0xff].into_iter().cycle();
        let mut taken = 0;
        let mut endless = |room: &mut [u8]| {
            taken += room.len();
            room.iter_mut().zip(&mut octets).for_each(|(to, from)| *to = from);
            Ok(room.len())
        };
        let error = Deflate::new(b"").inflate(&mut [0; 100], &mut endless).unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<NotDeflate>()));
        assert!(taken < 2 * FRUITLESS_OCTETS);
    }

    #[test]
    fn inflate_garbage_is_an_error_and_a_cut_the_end() {
        let error = inflated(b"m1 OK plain text\r\n", 0, 100, std::iter::empty()).unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<NotDeflate>()));
        let line = deflated(&[(b"* OK one\r\n".to_vec(), true), (b"m1 OK two\r\n".to_vec(), true)]);
        for cut in 0..line.len() {
            let came = inflated(&line[..cut], 0, 100, std::iter::empty()).unwrap();
            assert!(b"* OK one\r\nm1 OK two\r\n".starts_with(&came));
        }
    }
}

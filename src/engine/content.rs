//! The octets of a message as digests, made as they pass: what decides whether two messages are one. They are hashed by `ring`: where
//! the processor has no instructions for SHA-256, that takes half the time that `sha2` does, and a deep verification hashes all mail.

use crate::engine::wire::octets::Octets;
use crate::error::Result;
use crate::model::{Content, Digest};
use memchr::memchr3;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

/// The digests of a message.
///
/// # Errors
/// `Io` when its temporary file cannot be read.
pub fn of_octets(octets: &Octets) -> Result<Content> {
    let (mut whole, mut text) = (Context::new(&SHA256), Text::new());
    octets.each_piece(|piece| {
        whole.update(piece);
        text.take(piece);
        Ok(())
    })?;
    Ok(Content { octets: finished(whole), text: text.digest() })
}

fn finished(hash: Context) -> [u8; SHA256_OUTPUT_LEN] {
    let mut digest = [0; SHA256_OUTPUT_LEN];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

/// What stands behind the header; of a message that has nothing there, the last line of the header. Line ends become LF,
/// those at the end go, NUL becomes what Dovecot makes of it, 8-bit octets of a header what Cyrus does.
struct Text {
    hash: Context,
    /// What is to be hashed of a piece.
    plain: Vec<u8>,
    /// The header has ended.
    begun: bool,
    /// Something came behind it.
    holds: bool,
    /// The line of the header in hand, and the last one that was whole: as much as tells them from others.
    line: Vec<u8>,
    last_line: Vec<u8>,
    /// Line ends that count only if something follows.
    line_ends: usize,
}

/// Octets of a line that are kept.
const LINE_OCTETS: usize = 1 << 10;

impl Text {
    fn new() -> Text {
        let (plain, line, last_line) = Default::default();
        Text { hash: Context::new(&SHA256), plain, begun: false, holds: false, line, last_line, line_ends: 0 }
    }

    fn take(&mut self, piece: &[u8]) {
        let mut rest = piece;
        if !self.begun {
            rest = self.take_header(piece);
        }
        self.plain.clear();
        while !rest.is_empty() {
            let run = memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
            self.take_run(&rest[..run]);
            match rest.get(run) {
                Some(b'\n') => self.line_ends += 1,
                Some(0) => self.take_run(&[0x80]),
                _ => {}
            }
            rest = rest.get(run + 1..).unwrap_or_default();
        }
        self.hash.update(&self.plain);
    }

    /// Takes what belongs to the header, and returns what stands behind it.
    fn take_header<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        for (place, &octet) in piece.iter().enumerate().filter(|(_, octet)| **octet != b'\r') {
            match octet {
                b'\n' if self.line.is_empty() => {
                    self.begun = true;
                    return &piece[place + 1..];
                }
                b'\n' => self.last_line = std::mem::take(&mut self.line),
                _ if self.line.len() < LINE_OCTETS => {
                    self.line.push(if octet.is_ascii() && octet != 0 { octet } else { b'X' });
                }
                _ => {}
            }
        }
        &[]
    }

    /// Takes text that has no line end.
    fn take_run(&mut self, run: &[u8]) {
        if !run.is_empty() {
            self.plain.extend(std::iter::repeat_n(b'\n', std::mem::take(&mut self.line_ends)));
            self.plain.extend_from_slice(run);
            self.holds = true;
        }
    }

    fn digest(mut self) -> Digest {
        if !self.holds {
            let last = if self.line.is_empty() { &self.last_line } else { &self.line };
            self.hash.update(&[&b"header\n"[..], last].concat());
        }
        Digest::from_sha256(finished(self.hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest as _;

    fn content(octets: &[u8]) -> Content {
        of_octets(&Octets::Memory(octets.to_vec())).unwrap()
    }

    #[test]
    fn text_is_the_same_whatever_servers_do_to_line_ends_and_headers() {
        let text = content(b"A: 1\r\n\r\none\r\n\r\ntwo\r\n").text;
        let rewritten = [
            &b"A: 1\n\none\n\ntwo\n"[..],
            b"X: y\r\nA: X\r\n\r\none\r\n\r\ntwo",
            b"A: 1\r\n\r\none\r\n\r\ntwo\r\n\r\n\r\n",
            b"A: 1\r\n\r\no\rne\r\n\r\ntwo\r\n",
        ];
        for octets in rewritten {
            assert_eq!(content(octets).text, text, "{octets:?}");
        }
        for octets in
            [&b"A: 1\r\n\r\none\r\ntwo\r\n"[..], b"\r\nA: 1\r\n\r\none\r\n\r\ntwo\r\n", b"A: 1\r\none\r\n\r\ntwo\r\n"]
        {
            assert_ne!(content(octets).text, text, "{octets:?}");
        }
        assert_eq!(content(b"A: 1\r\nx").text, content(b"B: 2\r\nA: 1\r\nx\r\n\r\n").text, "no text");
        assert_ne!(content(b"A: 1\r\n\r\n").text, content(b"A: 2\r\n\r\n").text);
        assert_eq!(content(b"\r\na\0b").text, content(b"\n\na\x80b".strip_prefix(b"\n").unwrap()).text);
    }

    #[test]
    fn text_is_the_same_in_whatever_pieces_it_comes() {
        let message = b"A: 1\r\nB: \xff2\r\n\r\n\r\none\r\n\r\n\0t\rwo\r\n\r\n";
        let in_pieces = |octets: usize| {
            let mut text = Text::new();
            message.chunks(octets).for_each(|piece| text.take(piece));
            text.digest()
        };
        for octets in 1..message.len() {
            assert_eq!(in_pieces(octets), content(message).text, "{octets}");
        }
        let hashed = Digest::from_sha256(sha2::Sha256::digest(b"\none\n\n\x80two").into());
        assert_eq!(content(message).text, hashed, "what is kept in states");
    }

    #[test]
    fn octets_differ_by_any_of_them() {
        assert_ne!(content(b"A: 1\r\n\r\nx").octets, content(b"A: 2\r\n\r\nx").octets);
        assert_eq!(content(b"A: 1\r\n\r\nx"), content(b"A: 1\r\n\r\nx"));
    }
}

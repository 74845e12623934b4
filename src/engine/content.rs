//! The octets of a message as digests, made as they pass: what decides whether two messages are one.

use crate::engine::wire::octets::Octets;
use crate::error::Result;
use crate::model::{Content, Digest};
use sha2::{Digest as _, Sha256};

/// The digests of a message.
///
/// # Errors
/// `Io` when its temporary file cannot be read.
pub fn of_octets(octets: &Octets) -> Result<Content> {
    let (mut whole, mut text) = (Sha256::new(), Text::default());
    octets.each_piece(|piece| {
        whole.update(piece);
        text.take(piece);
        Ok(())
    })?;
    Ok(Content { octets: whole.finalize().into(), text: text.digest() })
}

/// What stands behind the header; of a message that has nothing there, the last line of the header. Line ends become LF,
/// those at the end go, NUL becomes what Dovecot makes of it, 8-bit octets of a header what Cyrus does.
#[derive(Default)]
struct Text {
    hash: Sha256,
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
    fn take(&mut self, piece: &[u8]) {
        let mut plain = Vec::with_capacity(if self.begun { piece.len() } else { 0 });
        for &octet in piece.iter().filter(|octet| **octet != b'\r') {
            match octet {
                b'\n' if self.begun => self.line_ends += 1,
                b'\n' if self.line.is_empty() => self.begun = true,
                b'\n' => self.last_line = std::mem::take(&mut self.line),
                _ if !self.begun && self.line.len() < LINE_OCTETS => {
                    self.line.push(if octet.is_ascii() && octet != 0 { octet } else { b'X' });
                }
                _ if !self.begun => {}
                _ => {
                    plain.extend(std::iter::repeat_n(b'\n', std::mem::take(&mut self.line_ends)));
                    plain.push(if octet == 0 { 0x80 } else { octet });
                }
            }
        }
        self.holds |= !plain.is_empty();
        self.hash.update(&plain);
    }

    fn digest(mut self) -> Digest {
        if !self.holds {
            let last = if self.line.is_empty() { &self.last_line } else { &self.line };
            self.hash.update([&b"header\n"[..], last].concat());
        }
        Digest::from_sha256(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn octets_differ_by_any_of_them() {
        assert_ne!(content(b"A: 1\r\n\r\nx").octets, content(b"A: 2\r\n\r\nx").octets);
        assert_eq!(content(b"A: 1\r\n\r\nx"), content(b"A: 1\r\n\r\nx"));
    }
}

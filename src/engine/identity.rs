//! What a message is recognised by: a digest over its normalised Message-ID, or, where that is missing or empty, over a
//! fixed set of header fields that servers keep.
//!
//! Both sides compute it from the same fields in the same way, so what servers are known to change is normalised away:
//! folding, white space, line ends, and 8-bit or NUL octets, which Cyrus and Dovecot replace.

use crate::engine::wire::octets::Octets;
use crate::error::Result;
use crate::model::Digest;
use memchr::memchr;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

/// The fields that identify a message without Message-ID, in the order in which they are hashed.
pub const STABLE_FIELDS: [&str; 7] = ["date", "from", "to", "cc", "subject", "references", "received"];

/// The digest by Message-ID. `None` when the header holds no such field, or an empty one.
pub fn by_message_id(header: &[u8]) -> Option<Digest> {
    let (_, value) = fields(header).find(|(name, _)| name.eq_ignore_ascii_case(b"message-id"))?;
    let value = normalised(value);
    (!value.is_empty()).then(|| digest(&[&b"message-id"[..], &value]))
}

/// The digest by the stable fields, each with all its occurrences in their order; [`Digest::NAMELESS`] where there is none
/// that says anything.
pub fn by_stable_fields(header: &[u8]) -> Digest {
    let mut hashed: Vec<Cow<'_, [u8]>> = vec![Cow::Borrowed(b"fields")];
    let mut named = false;
    for stable in STABLE_FIELDS {
        hashed.push(Cow::Borrowed(stable.as_bytes()));
        let found = fields(header).filter(|(name, _)| name.eq_ignore_ascii_case(stable.as_bytes()));
        for value in found.map(|(_, value)| normalised(value)) {
            named |= !value.is_empty();
            hashed.push(Cow::Owned(value));
        }
    }
    if named { digest(&hashed) } else { Digest::NAMELESS }
}

/// The digest of a whole message: what the two listings of it will give.
pub fn of_message(head: &[u8]) -> Digest {
    by_message_id(head).unwrap_or_else(|| by_stable_fields(head))
}

/// The digest of a message that passes. One with an endless header is recognised by what stands at its beginning.
///
/// # Errors
/// `Io` when its temporary file cannot be read.
pub fn of_octets(octets: &Octets) -> Result<Digest> {
    octets.head().map(|head| of_message(&head))
}

fn digest(pieces: &[impl AsRef<[u8]>]) -> Digest {
    let mut hash = Sha256::new();
    for piece in pieces.iter().map(AsRef::as_ref) {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    Digest::from_sha256(hash.finalize().into())
}

/// The header fields as name and value, both as they stand there, up to the empty line.
fn fields(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = header;
    std::iter::from_fn(move || {
        loop {
            let length = field_length(rest);
            let (field, behind) = rest.split_at(length);
            rest = behind;
            if field.strip_suffix(b"\n").map_or(field, |line| line.strip_suffix(b"\r").unwrap_or(line)).is_empty() {
                rest = &[];
                return None;
            }
            // The name stands on the first line.
            let first = &field[..memchr(b'\n', field).unwrap_or(length)];
            if let Some(colon) = memchr(b':', first) {
                return Some((field[..colon].trim_ascii(), &field[colon + 1..]));
            }
        }
    })
}

/// The first line with those that it is folded over.
fn field_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(end) = memchr(b'\n', &text[length..]) {
        length += end + 1;
        let is_empty = matches!(&text[..length], b"\n" | b"\r\n");
        if is_empty || !text.get(length).is_some_and(|octet| b" \t".contains(octet)) {
            return length;
        }
    }
    text.len()
}

/// Runs of white space become one space, none at the ends; 8-bit octets and NUL become `X`.
fn normalised(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    for word in value.split(|octet| octet.is_ascii_whitespace()).filter(|word| !word.is_empty()) {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend(word.iter().map(|&octet| if octet.is_ascii() && octet != 0 { octet } else { b'X' }));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_message_id_folding_and_case_of_the_name_do_not_matter() {
        let plain = by_message_id(b"Message-ID: <a@b>\r\n\r\n");
        assert!(plain.is_some());
        assert_eq!(by_message_id(b"MESSAGE-ID:\r\n <a@b> \r\n\r\n"), plain);
        assert_eq!(by_message_id(b"Subject: x\nMessage-Id:\t<a@b>\n\nMessage-ID: <body@x>\n"), plain);
        assert_ne!(by_message_id(b"Message-ID: <A@b>\r\n\r\n"), plain);
    }

    #[test]
    fn by_message_id_missing_or_empty_is_none() {
        assert_eq!(by_message_id(b"\r\n"), None);
        assert_eq!(by_message_id(b"Message-ID:  \r\n\r\n"), None);
        assert_eq!(by_message_id(b"Subject: x\r\n\r\nMessage-ID: <in@body>\r\n"), None);
    }

    #[test]
    fn fields_end_at_the_empty_line_and_lines_without_colon_are_passed() {
        let found =
            |header: &[u8]| fields(header).map(|(name, value)| (name.to_vec(), normalised(value))).collect::<Vec<_>>();
        let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(
            found(b"A: 1\r\nno field\r\n of mine\r\nB : 2\r\n\t3\r\n\r\nC: 4\r\n"),
            [field("A", "1"), field("B", "2 3")]
        );
        assert_eq!(found(b"A: 1\n \nB: 2"), [field("A", "1"), field("B", "2")]);
        for header in [&b""[..], b"\r\nA: 1\r\n", b"\nA: 1\n", b"\r\n A: 1\r\n"] {
            assert_eq!(found(header), [], "{header:?}");
        }
    }

    #[test]
    fn by_stable_fields_without_any_is_nameless() {
        for header in [&b""[..], b"\r\n", b"X-Notice: 1\r\nDate:  \r\n\r\n"] {
            assert_eq!(of_message(header), Digest::NAMELESS, "{header:?}");
        }
        assert_ne!(of_message(b"Subject: x\r\n\r\n"), Digest::NAMELESS);
    }

    #[test]
    fn by_stable_fields_order_and_munged_octets_do_not_matter() {
        let one = by_stable_fields(b"From: a\xe9\r\nDate: d\r\nX-Other: 1\r\n\r\n");
        assert_eq!(by_stable_fields(b"Date:  d\r\nFrom: aX\r\n\r\n"), one);
        assert_ne!(by_stable_fields(b"Date:  d\r\nTo: aX\r\n\r\n"), one);
    }
}

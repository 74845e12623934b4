//! What a message is recognised by: a digest over its normalised Message-ID, or, where that is missing or empty, over a
//! fixed set of header fields that servers keep.
//!
//! Both sides compute it from the same fields in the same way, so what servers are known to change is normalised away:
//! folding, white space, line ends, and 8-bit or NUL octets, which Cyrus and Dovecot replace.

use crate::model::Digest;
use sha2::{Digest as _, Sha256};

/// The fields that identify a message without Message-ID, in the order in which they are hashed.
pub const STABLE_FIELDS: [&str; 7] = ["date", "from", "to", "cc", "subject", "references", "received"];

/// The digest by Message-ID. `None` when the header holds no such field, or an empty one.
pub fn by_message_id(header: &[u8]) -> Option<Digest> {
    let value = fields(header).find(|(name, _)| name == "message-id").map(|(_, value)| value)?;
    (!value.is_empty()).then(|| digest(&[b"message-id", &value]))
}

/// The digest by the stable fields, each with all its occurrences in their order.
pub fn by_stable_fields(header: &[u8]) -> Digest {
    let found: Vec<_> = fields(header).collect();
    let mut hashed: Vec<&[u8]> = vec![b"fields"];
    for name in STABLE_FIELDS {
        hashed.push(name.as_bytes());
        hashed.extend(found.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_slice()));
    }
    digest(&hashed)
}

/// The digest of a whole message: what the two listings of it will give.
pub fn of_message(head: &[u8]) -> Digest {
    by_message_id(head).unwrap_or_else(|| by_stable_fields(head))
}

fn digest(pieces: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    Digest::from_sha256(hash.finalize().into())
}

/// The header fields as (name in lower case, normalised value), up to the empty line.
fn fields(header: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
    let mut lines =
        header.split(|&octet| octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).peekable();
    std::iter::from_fn(move || {
        loop {
            let first = lines.next().filter(|line| !line.is_empty())?;
            let mut value: Vec<u8> = Vec::new();
            let colon = first.iter().position(|&octet| octet == b':');
            value.extend_from_slice(colon.map_or(&[][..], |colon| &first[colon + 1..]));
            while let Some(line) = lines.next_if(|line| line.first().is_some_and(|octet| b" \t".contains(octet))) {
                value.extend_from_slice(line);
            }
            if let Some(colon) = colon {
                let name = String::from_utf8_lossy(first[..colon].trim_ascii()).to_ascii_lowercase();
                return Some((name, normalised(&value)));
            }
        }
    })
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
    fn by_stable_fields_order_and_munged_octets_do_not_matter() {
        let one = by_stable_fields(b"From: a\xe9\r\nDate: d\r\nX-Other: 1\r\n\r\n");
        assert_eq!(by_stable_fields(b"Date:  d\r\nFrom: aX\r\n\r\n"), one);
        assert_ne!(by_stable_fields(b"Date:  d\r\nTo: aX\r\n\r\n"), one);
    }
}

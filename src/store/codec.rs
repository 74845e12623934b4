//! How a value becomes octets: bincode in an envelope that tells damage from data.
//!
//! ```text
//! schema(1) kind(1) payload(bincode, standard) CRC-32(4, big-endian, over key, schema, kind and payload)
//! ```
//!
//! bincode alone notices little: most corrupted records decode to wrong values without an error. The
//! CRC covers the key as well, so that a value that turns up under another key is noticed.

use super::faults;
use super::kinds::StoredKind;
use crate::error::{Error, Kind, Result};
use crate::model::{Names, SideState};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// The version of all that is written. Raised whenever a stored type or a key changes its form. Each value says with which
/// version it was written: one of before is read by [`Stored::from_older`]; what cannot be read so goes to
/// `database::MIGRATIONS`.
pub(super) const SCHEMA: u8 = 4;

/// The oldest version whose values are read.
const OLDEST_SCHEMA: u8 = 2;

/// The largest payload: four times the longest line that the wire takes (1 MiB), and with it the longest mailbox name.
const PAYLOAD_OCTETS: usize = 4 << 20;

const HEAD_OCTETS: usize = 2;
const CHECKSUM_OCTETS: usize = 4;

/// A type that is stored as it is.
pub trait Stored: Serialize + DeserializeOwned {
    /// Tells the types apart on disk.
    const KIND: StoredKind;
    /// What a user calls it.
    const NOUN: &'static str;

    /// The value as that older version wrote it: in the form of today, unless the type says otherwise. `None` where that
    /// is of no use any more.
    fn from_older(_version: u8, payload: &[u8]) -> Option<std::result::Result<Self, Flaw>> {
        Some(decode_payload(payload))
    }
}

macro_rules! stored {
    ($($type:ty => $kind:expr, $noun:literal;)*) => {$(
        impl $crate::store::codec::Stored for $type {
            const KIND: $crate::store::kinds::StoredKind = $kind;
            const NOUN: &'static str = $noun;
        }
    )*};
}
pub(super) use stored;

stored! {
    () => StoredKind::SchemaVersion, "the schema version";
    SideState => StoredKind::Server, "what is known of a server";
    Names => StoredKind::Names, "the names of a listing";
}

/// Why octets from the disk are not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flaw {
    Short,
    Checksum,
    /// Sound, and written with this other schema version.
    Schema(u8),
    Kind(u8),
    Payload(String),
    Trailing,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Short => f.write_str("the value is cut off"),
            Flaw::Checksum => f.write_str("the checksum does not fit"),
            Flaw::Schema(found) => write!(f, "the value has schema version {found}, not {SCHEMA}"),
            Flaw::Kind(found) => write!(f, "the value is of another kind ({found})"),
            Flaw::Payload(why) => f.write_str(why),
            Flaw::Trailing => f.write_str("octets are left over"),
        }
    }
}

/// The octets to store under `key`. Fails only for a value beyond all limits.
pub(super) fn encode<T: Stored>(key: &[u8], value: &T) -> Result<Vec<u8>> {
    let mut envelope = vec![SCHEMA, T::KIND as u8];
    let written = bincode::serde::encode_into_std_write(value, &mut envelope, bincode::config::standard());
    let octets = written.map_err(|why| unstorable::<T>().because(why))?;
    if octets > PAYLOAD_OCTETS {
        return Err(unstorable::<T>().because(format!("it has {octets} bytes, and {PAYLOAD_OCTETS} are the limit")));
    }
    Ok(sealed(key, &envelope))
}

/// The envelope with its checksum.
pub(super) fn sealed(key: &[u8], envelope: &[u8]) -> Vec<u8> {
    [envelope, &checksum(key, envelope).to_be_bytes()].concat()
}

/// The value that was stored under `key`, as it is stored under `other`.
pub(super) fn resealed(key: &[u8], other: &[u8], octets: &[u8]) -> Result<Vec<u8>> {
    match octets.split_last_chunk::<CHECKSUM_OCTETS>() {
        Some((envelope, stored)) if checksum(key, envelope) == u32::from_be_bytes(*stored) => {
            Ok(sealed(other, envelope))
        }
        _ => Err(faults::damaged("a value of a mailbox").because(Flaw::Checksum)),
    }
}

fn unstorable<T: Stored>() -> Error {
    Error::new(Kind::State, format!("could not store {}", T::NOUN)).scope(crate::error::Scope::Mailbox)
}

/// The value that was stored under `key`.
pub(super) fn decode<T: Stored>(key: &[u8], octets: &[u8]) -> Result<T, Flaw> {
    let (body, stored) = octets.split_last_chunk::<CHECKSUM_OCTETS>().ok_or(Flaw::Short)?;
    let (head, payload) = body.split_at_checked(HEAD_OCTETS).ok_or(Flaw::Short)?;
    if checksum(key, body) != u32::from_be_bytes(*stored) {
        return Err(Flaw::Checksum);
    }
    if !(OLDEST_SCHEMA..=SCHEMA).contains(&head[0]) {
        return Err(Flaw::Schema(head[0]));
    }
    if head[1] != T::KIND as u8 {
        return Err(Flaw::Kind(head[1]));
    }
    match head[0] {
        SCHEMA => decode_payload(payload),
        older => T::from_older(older, payload).unwrap_or(Err(Flaw::Schema(older))),
    }
}

/// What a payload holds.
pub(super) fn decode_payload<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Flaw> {
    let limited = bincode::config::standard().with_limit::<PAYLOAD_OCTETS>();
    let (value, consumed) =
        bincode::serde::decode_from_slice(payload, limited).map_err(|why| Flaw::Payload(why.to_string()))?;
    if consumed == payload.len() { Ok(value) } else { Err(Flaw::Trailing) }
}

/// [`decode`], with the flaw told as damage of the account.
pub(super) fn decode_or_damage<T: Stored>(key: &[u8], octets: &[u8]) -> Result<T> {
    decode(key, octets).map_err(|flaw| faults::damaged(T::NOUN).because(flaw))
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

/// The schema version that a sound envelope was written with.
pub(super) fn version(octets: &[u8]) -> Option<u8> {
    octets.first().copied()
}

/// The checksum at the end of an envelope, as it stands there; 0 where there is none.
pub(super) fn stored_checksum(octets: &[u8]) -> u32 {
    octets.last_chunk().map_or(0, |stored| u32::from_be_bytes(*stored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Link, MessageRecord, Outcome, Uid};
    use crate::store::leaves::Leaf;
    use crate::store::tests::record;

    type Records = Leaf<MessageRecord>;

    const KEY: &[u8] = b"key";

    fn records() -> Records {
        Leaf(vec![record(7), record(8)])
    }

    #[test]
    fn decode_what_was_encoded_returns_it() {
        let octets = encode(KEY, &records()).unwrap();
        assert_eq!(decode::<Records>(KEY, &octets), Ok(records()));
    }

    #[test]
    fn decode_any_flipped_bit_is_noticed() {
        let octets = encode(KEY, &records()).unwrap();
        for bit in 0..octets.len() * 8 {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode::<Records>(KEY, &flipped), Err(Flaw::Checksum), "bit {bit}");
        }
    }

    #[test]
    fn decode_any_cut_is_noticed() {
        let octets = encode(KEY, &records()).unwrap();
        for length in 0..octets.len() {
            assert!(decode::<Records>(KEY, &octets[..length]).is_err(), "{length} octets");
        }
    }

    #[test]
    fn decode_under_another_key_is_noticed() {
        let octets = encode(KEY, &records()).unwrap();
        assert_eq!(decode::<Records>(b"other", &octets), Err(Flaw::Checksum));
    }

    #[test]
    fn decode_as_another_kind_is_refused() {
        let octets = encode(KEY, &records()).unwrap();
        assert_eq!(decode::<Leaf<Link>>(KEY, &octets), Err(Flaw::Kind(Records::KIND as u8)));
    }

    #[test]
    fn decode_newer_schema_is_told_from_damage() {
        assert_eq!(decode::<()>(KEY, &sealed(&[SCHEMA + 1, <()>::KIND as u8])), Err(Flaw::Schema(SCHEMA + 1)));
    }

    #[test]
    fn decode_links_of_an_older_schema_leaves_the_date_unknown() {
        let older = (Uid(1), Uid(2), crate::model::Flags::none(), crate::model::LinkOrigin::Appended, 9u64, [3u8; 16]);
        let payload = bincode::serde::encode_to_vec([older].to_vec(), bincode::config::standard()).unwrap();
        let links: Leaf<Link> = decode(KEY, &sealed(&[&[2, 2], &payload[..]].concat())).unwrap();
        let link = &links.0[0];
        assert_eq!((link.source, link.destination, link.octets, link.date), (Uid(1), Uid(2), 9, None));
        assert_eq!(link.identity, crate::model::Digest([3; 16]));
    }

    #[test]
    fn decode_sound_envelope_with_octets_left_over_is_refused() {
        assert_eq!(decode::<()>(KEY, &sealed(&[SCHEMA, <()>::KIND as u8, 0])), Err(Flaw::Trailing));
    }

    #[test]
    fn encode_beyond_the_limit_is_refused() {
        let huge = Leaf(vec![(Uid(1), Outcome::Failed("x".repeat(PAYLOAD_OCTETS)))]);
        assert!(encode(KEY, &huge).is_err());
    }

    fn sealed(body: &[u8]) -> Vec<u8> {
        super::sealed(KEY, body)
    }
}

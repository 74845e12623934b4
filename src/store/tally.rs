//! What the entries of a mailbox add up to, and how trouble with them is told.

use super::codec;
use crate::error::{Error, Scope};
use crate::model::{RawName, utf7};
use serde::{Deserialize, Serialize};

/// What the entries of a mailbox add up to; kept in its header. Notices what a checksum of each entry cannot: entries
/// that are lost, left over, or older than the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) count: u64,
    /// Sum of the checksums of the leaves, modulo 2^64: they come and go in any order.
    checksums: u64,
}

impl Tally {
    /// So many entries, of which no leaf is noted yet.
    pub(super) fn of(count: u64) -> Tally {
        Tally { count, checksums: 0 }
    }

    /// Counts a sealed value that is one entry.
    pub(super) fn add(&mut self, octets: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.add_checksum(octets);
    }

    /// Notes a sealed leaf; its entries are counted apart.
    pub(super) fn add_checksum(&mut self, octets: &[u8]) {
        self.checksums = self.checksums.wrapping_add(codec::stored_checksum(octets).into());
    }

    /// Takes a sealed leaf off again. On damaged data it may wrap; then it will not fit, which is noticed.
    pub(super) fn forget_checksum(&mut self, octets: &[u8]) {
        self.checksums = self.checksums.wrapping_sub(codec::stored_checksum(octets).into());
    }
}

/// Damage that spoils one mailbox only.
pub(super) fn of_mailbox(error: Error, mailbox: &str) -> Error {
    error.scope(Scope::Mailbox).in_mailbox(mailbox)
}

/// A raw name for an error's text.
pub(super) fn shown(mailbox: &RawName) -> String {
    let text = utf7::decode(&mailbox.0).unwrap_or_else(|| String::from_utf8_lossy(&mailbox.0).into_owned());
    crate::error::sanitized(&text)
}

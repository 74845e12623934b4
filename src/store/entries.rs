//! The messages of one mailbox as they stand on disk: read one by one, never all in memory, and counted.

use super::codec::{self, Stored};
use super::damage;
use super::database::Walk;
use crate::error::{Error, Result, Scope};
use crate::model::{RawName, utf7};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// What the entries of a mailbox add up to; kept in its header. Notices what a checksum of each entry cannot: entries
/// that are lost, left over, or older than the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) count: u64,
    /// Sum of the checksums, modulo 2^64: entries come and go in any order.
    checksums: u64,
}

impl Tally {
    /// Counts a sealed entry.
    pub(super) fn add(&mut self, octets: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.checksums = self.checksums.wrapping_add(codec::stored_checksum(octets).into());
    }

    /// Takes a sealed entry off again. On damaged data it may wrap; then it will not fit, which is noticed.
    pub(super) fn subtract(&mut self, octets: &[u8]) {
        self.count = self.count.wrapping_sub(1);
        self.checksums = self.checksums.wrapping_sub(codec::stored_checksum(octets).into());
    }
}

/// The entries of one mailbox in ascending order of UIDs. Owned: it can be handed to another thread.
///
/// The last item is an error of [`Kind::State`](crate::error::Kind::State) and scope mailbox if the entries are not
/// those that the header counts: what was read before is then not to be relied on. The mailbox must not be changed
/// meanwhile, or that is what is seen.
pub struct Entries<T> {
    /// `None` at the end and after an error.
    walk: Option<Walk>,
    mailbox: String,
    seen: Tally,
    /// What the entries must add up to; `None` where nothing is counted.
    expected: Option<Tally>,
    values: PhantomData<fn() -> T>,
}

impl<T: Stored> Entries<T> {
    pub(super) fn new(walk: Walk, mailbox: &RawName, expected: Option<Tally>) -> Self {
        Entries { walk: Some(walk), expected, ..Self::none(mailbox) }
    }

    /// No entries at all.
    pub(super) fn none(mailbox: &RawName) -> Self {
        Entries { walk: None, mailbox: shown(mailbox), seen: Tally::default(), expected: None, values: PhantomData }
    }

    fn open(&mut self, key: &[u8], octets: &[u8]) -> Result<T> {
        self.seen.add(octets);
        codec::decode_or_damage(key, octets).map_err(|error| of_mailbox(error, &self.mailbox))
    }

    fn check_tally(&self) -> Result<()> {
        match self.expected {
            Some(expected) if expected != self.seen => {
                let why = format!("{} entries are there, and {} were written", self.seen.count, expected.count);
                Err(of_mailbox(damage::damaged(T::NOUN).because(why), &self.mailbox))
            }
            _ => Ok(()),
        }
    }
}

impl<T: Stored> Iterator for Entries<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = match self.walk.as_mut()?.next() {
            Some(entry) => Some(entry.and_then(|(key, octets)| self.open(&key, &octets))),
            None => self.check_tally().err().map(Err),
        };
        if !matches!(entry, Some(Ok(_))) {
            self.walk = None;
        }
        entry
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

//! The messages of one mailbox as they stand on disk: read leaf by leaf, never all in memory, and counted.

use super::codec;
use super::database::Walk;
use super::faults;
use super::leaves::{Entry, Leaf};
use super::tally::{Tally, of_mailbox, shown};
use crate::error::Result;
use crate::model::RawName;
use std::vec;

/// The entries of one mailbox in ascending order of UIDs. Owned: it can be handed to another thread.
///
/// The last item is an error of [`Kind::State`](crate::error::Kind::State) and scope mailbox if the entries are not
/// those that the header counts: what was read before is then not to be relied on. The mailbox must not be changed
/// meanwhile, or that is what is seen.
pub struct Entries<T> {
    /// `None` at the end and after an error.
    walk: Option<Walk>,
    /// What is left of the leaf in hand.
    leaf: vec::IntoIter<T>,
    mailbox: String,
    seen: Tally,
    /// What the entries must add up to; `None` where nothing is counted.
    expected: Option<Tally>,
}

impl<T: Entry> Entries<T> {
    pub(super) fn new(walk: Walk, mailbox: &RawName, expected: Option<Tally>) -> Self {
        Entries { walk: Some(walk), expected, ..Self::none(mailbox) }
    }

    /// No entries at all.
    pub(super) fn none(mailbox: &RawName) -> Self {
        let leaf = Vec::new().into_iter();
        Entries { walk: None, leaf, mailbox: shown(mailbox), seen: Tally::default(), expected: None }
    }

    fn open(&mut self, key: &[u8], octets: &[u8]) -> Result<()> {
        let leaf: Leaf<T> = codec::decode_or_damage(key, octets).map_err(|error| of_mailbox(error, &self.mailbox))?;
        self.seen.count += leaf.0.len() as u64;
        self.seen.add_checksum(octets);
        self.leaf = leaf.0.into_iter();
        Ok(())
    }

    fn check_tally(&self) -> Result<()> {
        match self.expected {
            Some(expected) if expected != self.seen => {
                let why = format!("{} entries are there, and {} were written", self.seen.count, expected.count);
                Err(of_mailbox(faults::damaged(T::NOUN).because(why), &self.mailbox))
            }
            _ => Ok(()),
        }
    }
}

impl<T: Entry> Iterator for Entries<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.leaf.next() {
                return Some(Ok(entry));
            }
            let opened = match self.walk.as_mut()?.next() {
                Some(entry) => entry.and_then(|(key, octets)| self.open(&key, &octets)).err(),
                None => {
                    self.walk = None;
                    self.check_tally().err()
                }
            };
            if let Some(error) = opened {
                self.walk = None;
                return Some(Err(error));
            }
        }
    }
}

//! Copies of ours that were read and are not what was sent: no success, until they are replaced, gone or accepted.

use super::{Link, Pairing, Uid, UidSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Copies of one mailbox that are kept: where more are spoilt, the mailbox is no success by these alone.
const LARGEST_LIST: usize = 100_000;

/// Those of one source mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Spoilt {
    /// The UIDVALIDITYs that the UIDs hold for.
    pub pairing: Pairing,
    /// The UID of each copy, by the UID of its source message.
    copies: BTreeMap<Uid, Uid>,
}

impl Spoilt {
    /// None is known.
    pub fn none(pairing: Pairing) -> Self {
        Spoilt { pairing, copies: BTreeMap::new() }
    }

    /// The same, where the mailboxes of the pair are called otherwise.
    pub fn of(self, pairing: Pairing) -> Self {
        Spoilt { pairing, ..self }
    }

    /// UIDs of the source messages and their copies, ascending.
    pub fn pairs(&self) -> impl Iterator<Item = (Uid, Uid)> {
        self.copies.iter().map(|(source, copy)| (*source, *copy))
    }

    /// The UID of the copy of that source message that is known.
    pub fn copy(&self, source: Uid) -> Option<Uid> {
        self.copies.get(&source).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    /// Takes down what reading a copy came to.
    pub fn note(&mut self, (source, copy): (Uid, Uid), is_spoilt: bool) {
        if !is_spoilt {
            self.copies.remove(&source);
        } else if self.copies.len() < LARGEST_LIST {
            self.copies.insert(source, copy);
        }
    }

    /// The copies of these source messages are what was sent.
    pub fn forget(&mut self, sources: &UidSet) {
        self.copies.retain(|source, _| !sources.contains(*source));
    }

    /// Whether it is that copy of which it is known. One that was made anew has another UID.
    pub fn is(&self, link: &Link) -> bool {
        self.copy(link.source) == Some(link.destination)
    }
}

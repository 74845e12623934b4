//! Copies that are left in their old place after their messages were moved, where the server did not move them: they go when the
//! message has its copy in the new place.

use super::{RawName, Uid, UidValidity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Copies that are kept of one source mailbox: of more the rest stays where it is.
const LARGEST_LIST: usize = 100_000;

/// One copy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leftover {
    pub destination: Uid,
    /// The source mailbox that the message is in now, by its number.
    place: u32,
    /// Its UID there.
    pub source: Uid,
}

/// Those of messages that left one source mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leftovers {
    /// The mailbox that they left.
    pub source: RawName,
    /// The UIDVALIDITY of the destination mailbox that holds the copies.
    pub destination_validity: UidValidity,
    /// Source mailboxes, each with its UIDVALIDITY.
    places: Vec<(RawName, UidValidity)>,
    /// By the UIDs that the messages had.
    copies: BTreeMap<Uid, Leftover>,
}

impl Leftovers {
    /// None.
    pub fn none(source: RawName, destination_validity: UidValidity) -> Self {
        Leftovers { source, destination_validity, places: Vec::new(), copies: BTreeMap::new() }
    }

    /// The same, where a source mailbox is called otherwise.
    pub fn renamed(mut self, former: &RawName, now: &RawName) -> Self {
        let places = self.places.iter_mut().map(|(name, _)| name);
        places.chain([&mut self.source]).filter(|name| *name == former).for_each(|name| *name = now.clone());
        self
    }

    pub fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    pub fn len(&self) -> u64 {
        self.copies.len() as u64
    }

    /// Notes the copy of a message, by the UID that it had, and the mailbox and UID that it has now.
    pub fn note(&mut self, [former, destination]: [Uid; 2], (name, validity): (&RawName, UidValidity), source: Uid) {
        if self.copies.len() >= LARGEST_LIST {
            return;
        }
        let known = self.places.iter().position(|(place, known)| place == name && *known == validity);
        let place = known.unwrap_or_else(|| {
            self.places.push((name.clone(), validity));
            self.places.len() - 1
        });
        self.copies.insert(former, Leftover { destination, place: place as u32, source });
    }

    /// Each copy by the UID that its message had, with the mailbox that it is in now and its UIDVALIDITY.
    pub fn each(&self) -> impl Iterator<Item = (Uid, &Leftover, &RawName, UidValidity)> {
        self.copies.iter().filter_map(|(former, copy)| {
            let (name, validity) = self.places.get(copy.place as usize)?;
            Some((*former, copy, name, *validity))
        })
    }

    /// Forgets those of these UIDs.
    pub fn forget(&mut self, formers: impl IntoIterator<Item = Uid>) {
        for former in formers {
            self.copies.remove(&former);
        }
    }
}

//! Leaves: what a mailbox holds message by message stands on disk by the leaf, the entries of [`LEAF_UIDS`] consecutive
//! UIDs in one value.
//!
//! With a value for each message the tree was what a migration spent most on: two fifths of the processor's time of a
//! first copy. A leaf costs about as much as one message did.

use super::codec::{self, Flaw, Stored};
use super::database::{Changes, Database};
use super::keys;
use super::kinds::StoredKind;
use super::tally::{Tally, of_mailbox, shown};
use crate::error::{Error, Result, Scope};
use crate::model::{Digest, Flags, Link, LinkOrigin, MessageRecord, Outcome, RawName, Uid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sled::IVec;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// UIDs whose entries share a leaf: with records of 40 octets a leaf is smaller than a page of the disk.
pub(super) const LEAF_UIDS: u32 = 64;

/// Changed leaves in one batch, where a batch may end anywhere.
pub(super) const BATCH_LEAVES: usize = 64;

/// What is stored of one message.
pub trait Entry: Serialize + DeserializeOwned + Clone {
    /// Tells the types apart on disk.
    const KIND: StoredKind;
    /// What a user calls several of them.
    const NOUN: &'static str;

    /// The UID under which it stands.
    fn uid(&self) -> Uid;

    /// Several of them as that older version wrote them.
    fn several_from_older(_version: u8, payload: &[u8]) -> std::result::Result<Vec<Self>, Flaw> {
        codec::decode_payload(payload)
    }
}

impl Entry for MessageRecord {
    const KIND: StoredKind = StoredKind::Records;
    const NOUN: &'static str = "message records";

    fn uid(&self) -> Uid {
        self.uid
    }
}

impl Entry for Link {
    const KIND: StoredKind = StoredKind::Links;
    const NOUN: &'static str = "links";

    fn uid(&self) -> Uid {
        self.source
    }

    fn several_from_older(version: u8, payload: &[u8]) -> std::result::Result<Vec<Self>, Flaw> {
        if version > 2 {
            return codec::decode_payload(payload);
        }
        let links: Vec<UndatedLink> = codec::decode_payload(payload)?;
        Ok(links.into_iter().map(UndatedLink::dated).collect())
    }
}

/// A link as schema 2 kept it.
#[derive(Serialize, Deserialize)]
struct UndatedLink {
    source: Uid,
    destination: Uid,
    agreed: Flags,
    origin: LinkOrigin,
    octets: u64,
    identity: Digest,
}

impl UndatedLink {
    /// With what was not kept unknown.
    fn dated(self) -> Link {
        let UndatedLink { source, destination, agreed, origin, octets, identity } = self;
        let (lost, date, source_octets, altered) = (Flags::none(), None, None, None);
        Link { source, destination, agreed, lost, origin, octets, date, source_octets, altered, identity }
    }
}

impl Entry for (Uid, Outcome) {
    const KIND: StoredKind = StoredKind::Exceptions;
    const NOUN: &'static str = "outcomes of messages";

    fn uid(&self) -> Uid {
        self.0
    }
}

/// The entries of consecutive UIDs, ascending.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Leaf<T>(pub(super) Vec<T>);

impl<T: Entry> Stored for Leaf<T> {
    const KIND: StoredKind = T::KIND;
    const NOUN: &'static str = T::NOUN;

    fn from_older(version: u8, payload: &[u8]) -> Option<std::result::Result<Self, Flaw>> {
        Some(T::several_from_older(version, payload).map(Leaf))
    }
}

impl<T: Entry> Leaf<T> {
    fn position(&self, uid: Uid) -> std::result::Result<usize, usize> {
        self.0.binary_search_by_key(&uid, Entry::uid)
    }

    fn get(&self, uid: Uid) -> Option<&T> {
        self.position(uid).ok().map(|at| &self.0[at])
    }
}

/// The number of the leaf in which that UID stands.
pub(super) fn number(uid: Uid) -> u32 {
    uid.0 / LEAF_UIDS
}

/// Looks up the entries of one mailbox one by one; cheap where the next is in the same leaf as the last.
pub struct Lookup<T> {
    /// `None`: there is nothing to be found.
    database: Option<Arc<Database>>,
    prefix: Vec<u8>,
    mailbox: String,
    last: Option<(u32, Leaf<T>)>,
}

impl<T: Entry> Lookup<T> {
    pub(super) fn new(database: &Arc<Database>, prefix: Vec<u8>, mailbox: &RawName) -> Self {
        Lookup { database: Some(Arc::clone(database)), prefix, mailbox: shown(mailbox), last: None }
    }

    /// Finds nothing.
    pub(super) fn nothing() -> Self {
        Lookup { database: None, prefix: Vec::new(), mailbox: String::new(), last: None }
    }

    /// The entry of that UID. What is written after its leaf was read is not seen.
    ///
    /// # Errors
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn get(&mut self, uid: Uid) -> Result<Option<T>> {
        let Some(database) = &self.database else { return Ok(None) };
        let number = number(uid);
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            let leaf =
                database.load(&keys::leaf_under(&self.prefix, number)).map_err(|error| self.spoilt(error, uid))?;
            self.last = Some((number, leaf.unwrap_or(Leaf(Vec::new()))));
        }
        Ok(self.last.as_ref().and_then(|(_, leaf)| leaf.get(uid).cloned()))
    }
}

impl<T> Lookup<T> {
    /// Damage of a leaf spoils its mailbox only.
    fn spoilt(&self, error: Error, uid: Uid) -> Error {
        if error.reach() == Scope::Run { error } else { of_mailbox(error, &self.mailbox).at_uid(uid) }
    }
}

/// Changes to the entries of one mailbox, gathered in memory until [`LeafEditor::seal_into`].
pub(super) struct LeafEditor<T> {
    database: Arc<Database>,
    prefix: Vec<u8>,
    /// Of all entries; the count as of now, the checksums as sealed last.
    tally: Tally,
    /// Leaves with this number or a higher one are not on disk.
    end: u64,
    open: BTreeMap<u32, OpenLeaf<T>>,
    changed: usize,
}

struct OpenLeaf<T> {
    /// As on disk.
    sealed: Option<IVec>,
    leaf: Leaf<T>,
    changed: bool,
}

impl<T: Entry> LeafEditor<T> {
    /// On what is on disk, which adds up to `tally`.
    pub(super) fn new(database: &Arc<Database>, prefix: Vec<u8>, tally: Tally) -> Self {
        let end = u64::MAX;
        LeafEditor { database: Arc::clone(database), prefix, tally, end, open: BTreeMap::new(), changed: 0 }
    }

    /// Leaves from this number on need not be looked for.
    pub(super) fn ending_at(self, end: u64) -> Self {
        LeafEditor { end, ..self }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// How many changed leaves are in memory.
    pub(super) fn changed_leaves(&self) -> usize {
        self.changed
    }

    pub(super) fn get(&mut self, uid: Uid) -> Result<Option<&T>> {
        Ok(self.leaf(number(uid))?.leaf.get(uid))
    }

    /// Adds an entry, or replaces the one of its UID.
    pub(super) fn put(&mut self, entry: T) -> Result<()> {
        let open = self.leaf(number(entry.uid()))?;
        let known = open.leaf.position(entry.uid());
        let newly = !std::mem::replace(&mut open.changed, true);
        match known {
            Ok(at) => open.leaf.0[at] = entry,
            Err(at) => open.leaf.0.insert(at, entry),
        }
        self.changed += usize::from(newly);
        self.tally.count = self.tally.count.wrapping_add(u64::from(known.is_err()));
        Ok(())
    }

    /// Takes the entry of that UID out, if there is one.
    pub(super) fn remove(&mut self, uid: Uid) -> Result<Option<T>> {
        let open = self.leaf(number(uid))?;
        let Ok(at) = open.leaf.position(uid) else { return Ok(None) };
        let removed = open.leaf.0.remove(at);
        let newly = !std::mem::replace(&mut open.changed, true);
        self.changed += usize::from(newly);
        self.tally.count = self.tally.count.wrapping_sub(1);
        Ok(Some(removed))
    }

    /// The numbers of all leaves in which these UIDs may stand.
    pub(super) fn numbers(&self, uids: RangeInclusive<Uid>) -> Result<BTreeSet<u32>> {
        let (first, last) = (number(*uids.start()), number(*uids.end()));
        let mut numbers: BTreeSet<u32> = self.open.range(first..=last).map(|(number, _)| *number).collect();
        let key = |number| keys::leaf_under(&self.prefix, number);
        for entry in self.database.walk_range(&key(first), &key(last)) {
            numbers.extend(keys::leaf_of(&entry?.0));
        }
        Ok(numbers)
    }

    /// The UIDs in that leaf.
    pub(super) fn uids(&mut self, number: u32) -> Result<Vec<Uid>> {
        Ok(self.leaf(number)?.leaf.0.iter().map(Entry::uid).collect())
    }

    /// Lets go of leaves that were only looked at.
    pub(super) fn close_unchanged(&mut self) {
        if self.open.len() > self.changed + BATCH_LEAVES {
            self.open.retain(|_, open| open.changed);
        }
    }

    /// Hands over all that was changed; the tally is then that of what will be on disk.
    pub(super) fn seal_into(&mut self, changes: &mut Changes) -> Result<()> {
        for (number, open) in std::mem::take(&mut self.open).into_iter().filter(|(_, open)| open.changed) {
            let key = keys::leaf_under(&self.prefix, number);
            if let Some(sealed) = &open.sealed {
                self.tally.forget_checksum(sealed);
            }
            if open.leaf.0.is_empty() {
                changes.remove(key);
                continue;
            }
            let sealed = codec::encode(&key, &open.leaf)?;
            self.tally.add_checksum(&sealed);
            changes.put_sealed(&key, sealed);
            self.end = self.end.max(u64::from(number) + 1);
        }
        self.changed = 0;
        Ok(())
    }

    fn leaf(&mut self, number: u32) -> Result<&mut OpenLeaf<T>> {
        if !self.open.contains_key(&number) {
            let open = self.read(number)?;
            self.open.insert(number, open);
        }
        // It was inserted just now, if it was not there.
        Ok(self.open.entry(number).or_insert_with(OpenLeaf::empty))
    }

    fn read(&self, number: u32) -> Result<OpenLeaf<T>> {
        if u64::from(number) >= self.end {
            return Ok(OpenLeaf::empty());
        }
        let key = keys::leaf_under(&self.prefix, number);
        match self.database.get(&key)? {
            Some(sealed) => {
                let leaf = codec::decode_or_damage(&key, &sealed)?;
                Ok(OpenLeaf { sealed: Some(sealed), leaf, changed: false })
            }
            None => Ok(OpenLeaf::empty()),
        }
    }
}

impl<T> OpenLeaf<T> {
    fn empty() -> Self {
        OpenLeaf { sealed: None, leaf: Leaf(Vec::new()), changed: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{inbox, open, record};

    const PREFIX: &[u8] = b"prefix";

    fn editor(database: &Arc<Database>, tally: Tally) -> LeafEditor<MessageRecord> {
        LeafEditor::new(database, PREFIX.to_vec(), tally)
    }

    fn write(database: &Arc<Database>, editor: &mut LeafEditor<MessageRecord>) {
        let mut changes = Changes::default();
        editor.seal_into(&mut changes).unwrap();
        database.apply(changes).unwrap();
    }

    /// What walking over all leaves adds up to.
    fn counted(database: &Arc<Database>) -> Tally {
        let mut tally = Tally::default();
        for entry in database.walk(PREFIX) {
            let (key, octets) = entry.unwrap();
            let leaf: Leaf<MessageRecord> = codec::decode(&key, &octets).unwrap();
            tally.count += leaf.0.len() as u64;
            tally.add_checksum(&octets);
        }
        tally
    }

    #[test]
    fn editor_tally_is_that_of_what_is_written() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let database = account.database();
        let mut editor = editor(database, Tally::default()).ending_at(0);
        for uid in [1, 63, 64, 65, 200, 4_294_967_295, 63] {
            editor.put(record(uid)).unwrap();
        }
        assert_eq!(editor.tally().count, 6);
        write(database, &mut editor);
        assert_eq!(counted(database), editor.tally());
        assert_eq!(editor.remove(Uid(64)).unwrap(), Some(record(64)));
        assert_eq!(editor.remove(Uid(64)).unwrap(), None);
        editor.put(MessageRecord { octets: 9, ..record(1) }).unwrap();
        editor.remove(Uid(200)).unwrap();
        write(database, &mut editor);
        assert_eq!((counted(database), editor.tally().count), (editor.tally(), 4));
        assert_eq!(editor.get(Uid(1)).unwrap().unwrap().octets, 9);
        assert_eq!(editor.numbers(Uid(0)..=Uid(u32::MAX)).unwrap().into_iter().collect::<Vec<_>>(), [0, 1, 67_108_863]);
    }

    #[test]
    fn lookup_finds_what_is_there_across_leaves() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let database = account.database();
        let mut editor = editor(database, Tally::default());
        (1..=300).filter(|uid| uid % 3 == 0).for_each(|uid| editor.put(record(uid)).unwrap());
        write(database, &mut editor);
        let mut lookup = Lookup::<MessageRecord>::new(database, PREFIX.to_vec(), &inbox());
        for uid in (1..=400).chain([3, 299]) {
            let there = uid % 3 == 0 && uid <= 300;
            assert_eq!(lookup.get(Uid(uid)).unwrap(), there.then(|| record(uid)), "{uid}");
        }
    }
}

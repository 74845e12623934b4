//! The one sled tree, behind a wall: sled's panics and errors become ours here, and values are sealed and opened.
//!
//! sled panics on damage that it does not expect. Once it has met damage the database is condemned:
//! nothing more is read from it or written to it.

use super::codec::{self, Stored};
use super::directory::{self, DATA_FILE};
use super::faults;
use super::obstacle::Obstacle;
use super::opening::open_sled;
use super::panics;
use crate::error::{Error, Result};
use sled::IVec;
use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Changes in one batch, where a batch may end anywhere. Until a batch is written sled keeps every page that it
/// replaces: 200,000 records took 80 MB in batches of 1,024, and 448 MB in batches of 4,096.
pub(super) const BATCH_CHANGES: usize = 512;

/// Batches that are applied before sled is made to write them out. It keeps a kilobyte or more of each until then: 20,000
/// accounts that failed without a flush took 70 MB.
const BATCHES_UNWRITTEN: usize = 256;

/// After so many entries of a walk each further one is looked up so often besides. sled keeps the pages that it reads in 256 parts,
/// and drops what is beyond its capacity from a part once 64 looks at its pages were noted. A walk looks at each page once, so that
/// all that it goes through would stay: planning with a million records on each side took 40 MB more, and to verify them 80 MB
/// more. With these looks it takes the same time.
const SHORT_WALK: usize = 256;
const LOOKS: usize = 4;

/// Steps from one schema version to the next, by the version that they start from. Version 1, in which every record had an
/// identity, was never released: its data is forgotten, and the next scan begins from nothing.
const MIGRATIONS: &[(u8, Migration)] = &[(1, |database| database.guarded(|tree| tree.clear()))];

type Migration = fn(&Database) -> Result<()>;

/// An open database.
pub(super) struct Database {
    tree: sled::Db,
    /// For an fsync of our own: sled's flush uses sync_file_range, which a power loss does not respect.
    data: File,
    path: PathBuf,
    condemned: AtomicBool,
    /// Batches that were applied since sled was made to write last.
    unwritten: AtomicUsize,
    /// Every write meets a full disk.
    #[cfg(test)]
    full: AtomicBool,
}

impl Database {
    /// Opens sled's files in `path`, or creates them.
    pub(super) fn open(path: &Path) -> Result<Self, Obstacle> {
        let tree = open_sled(path)?;
        let data = File::open(path.join(DATA_FILE));
        let data = data.map_err(|why| Obstacle::System(faults::refused_by_system(&why.to_string())))?;
        Ok(Database {
            tree,
            data,
            path: path.to_owned(),
            condemned: AtomicBool::new(false),
            unwritten: AtomicUsize::new(0),
            #[cfg(test)]
            full: AtomicBool::new(false),
        })
    }

    /// Lets every write meet a full disk, or no longer.
    #[cfg(test)]
    pub(super) fn refuse_writes(&self, refused: bool) {
        self.full.store(refused, Ordering::Release);
    }

    /// The value under `key`, opened.
    pub(super) fn load<T: Stored>(&self, key: &[u8]) -> Result<Option<T>> {
        self.get(key)?.map(|octets| codec::decode_or_damage(key, &octets)).transpose()
    }

    /// All values under keys that begin with `prefix`, in the order of their keys.
    pub(super) fn load_all<T: Stored>(self: &Arc<Self>, prefix: &[u8]) -> LoadAll<T> {
        LoadAll { walk: self.walk(prefix), values: PhantomData }
    }

    /// Writes one value.
    pub(super) fn store<T: Stored>(&self, key: &[u8], value: &T) -> Result<()> {
        let mut changes = Changes::default();
        changes.put(key, value)?;
        self.apply(changes)
    }

    /// The octets under `key`, sealed.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>> {
        self.guarded(|tree| tree.get(key))
    }

    /// Applies all changes or, if the process dies meanwhile, none. No change is not written: sled would.
    pub(super) fn apply(&self, changes: Changes) -> Result<()> {
        if changes.count == 0 {
            return Ok(());
        }
        #[cfg(test)]
        if self.full.load(Ordering::Acquire) {
            return self.guarded(|_| Err(sled::Error::Io(std::io::Error::from(std::io::ErrorKind::StorageFull))));
        }
        self.guarded(|tree| tree.apply_batch(changes.batch))?;
        match self.unwritten.fetch_add(1, Ordering::Relaxed) + 1 {
            count if count.is_multiple_of(BATCHES_UNWRITTEN) => self.write_out(),
            _ => Ok(()),
        }
    }

    /// Removes all under keys that begin with `prefix`; in batches, so that a crash may leave some.
    pub(super) fn clear(self: &Arc<Self>, prefix: &[u8]) -> Result<()> {
        let mut changes = Changes::default();
        for entry in self.walk(prefix) {
            changes.remove(entry?.0);
            if changes.count == BATCH_CHANGES {
                self.apply(std::mem::take(&mut changes))?;
            }
        }
        self.apply(changes)
    }

    /// Keys and sealed values under `prefix`, in the order of the keys. Holds on to the database, not to a snapshot.
    pub(super) fn walk(self: &Arc<Self>, prefix: &[u8]) -> Walk {
        Walk { entries: self.tree.scan_prefix(prefix), database: Arc::clone(self), walked: 0 }
    }

    /// As [`Database::walk`], from `first` to `last`.
    pub(super) fn walk_range(self: &Arc<Self>, first: &[u8], last: &[u8]) -> Walk {
        Walk { entries: self.tree.range(first..=last), database: Arc::clone(self), walked: 0 }
    }

    /// The last key that begins with `prefix`.
    pub(super) fn last_key(&self, prefix: &[u8]) -> Result<Option<IVec>> {
        self.guarded(|tree| tree.scan_prefix(prefix).next_back().transpose()).map(|entry| entry.map(|(key, _)| key))
    }

    /// Makes all that was applied survive a power loss.
    pub(super) fn flush(&self) -> Result<()> {
        self.write_out()?;
        self.data.sync_all().map_err(|why| faults::refused_by_system(&why.to_string()))
    }

    /// Has sled write all that was applied.
    fn write_out(&self) -> Result<()> {
        self.unwritten.store(0, Ordering::Relaxed);
        self.guarded(|tree| tree.flush()).map(drop)
    }

    /// Brings the data from schema `version` to ours.
    pub(super) fn migrate(&self, version: u8) -> Result<()> {
        MIGRATIONS.iter().filter(|(from, _)| *from >= version).try_for_each(|(_, step)| step(self))?;
        self.store(&super::keys::schema(), &())?;
        self.flush()
    }

    pub(super) fn try_get(&self, key: &[u8]) -> Result<Option<IVec>, Obstacle> {
        self.attempt(|tree| tree.get(key))
    }

    pub(super) fn try_is_empty(&self) -> Result<bool, Obstacle> {
        self.attempt(|tree| tree.first()).map(|first| first.is_none())
    }

    /// Runs `work` on the tree. Damage condemns the database.
    pub(super) fn guarded<T>(&self, work: impl FnOnce(&sled::Tree) -> sled::Result<T>) -> Result<T> {
        if self.condemned.load(Ordering::Acquire) {
            return Err(faults::condemned("it was found damaged before in this run"));
        }
        self.attempt(work).map_err(|obstacle| self.condemn_if_damaged(obstacle))
    }

    fn attempt<T>(&self, work: impl FnOnce(&sled::Tree) -> sled::Result<T>) -> Result<T, Obstacle> {
        match panics::caught(|| work(&self.tree)) {
            Ok(outcome) => outcome.map_err(|error| Obstacle::from_sled(&error)),
            Err(panic) => Err(Obstacle::from_panic(&panic)),
        }
    }

    fn condemn_if_damaged(&self, obstacle: Obstacle) -> Error {
        if matches!(obstacle, Obstacle::Damage(_)) && !self.condemned.swap(true, Ordering::AcqRel) {
            directory::condemn(&self.path);
        }
        obstacle.into_error()
    }
}

/// Changes that are applied together.
#[derive(Default)]
pub(super) struct Changes {
    batch: sled::Batch,
    count: usize,
}

impl Changes {
    pub(super) fn put<T: Stored>(&mut self, key: &[u8], value: &T) -> Result<()> {
        self.put_sealed(key, codec::encode(key, value)?);
        Ok(())
    }

    /// A value that [`codec::encode`] made for this key.
    pub(super) fn put_sealed(&mut self, key: &[u8], octets: Vec<u8>) {
        self.batch.insert(key, octets);
        self.count += 1;
    }

    pub(super) fn remove(&mut self, key: impl Into<IVec>) {
        self.batch.remove(key);
        self.count += 1;
    }
}

/// Keys and sealed values; ends after the first error.
pub(super) struct Walk {
    entries: sled::Iter,
    database: Arc<Database>,
    walked: usize,
}

impl Iterator for Walk {
    type Item = Result<(IVec, IVec)>;

    fn next(&mut self) -> Option<Self::Item> {
        let Walk { entries, database, walked } = self;
        *walked += 1;
        let next = |tree: &sled::Tree| {
            let Some((key, value)) = entries.next().transpose()? else { return Ok(None) };
            if *walked > SHORT_WALK {
                (0..LOOKS).try_for_each(|_| tree.get(&key).map(drop))?;
            }
            Ok(Some((key, value)))
        };
        database.guarded(next).transpose()
    }
}

/// Opened values.
pub(super) struct LoadAll<T> {
    walk: Walk,
    values: PhantomData<fn() -> T>,
}

impl<T: Stored> Iterator for LoadAll<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.walk.next()?;
        Some(entry.and_then(|(key, octets)| codec::decode_or_damage(&key, &octets)))
    }
}

//! An open state directory: opened once, shared by all, released when the last is gone.

use super::damage;
use super::database::Database;
use super::directory::StateDirectory;
use super::lease::HeldLease;
use super::lock::{LockFile, Purpose};
use crate::error::Result;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An open state directory. Cheap to clone; the directory is released when the last clone, and all that came from it,
/// is gone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// Closed before the lease and the lock are released: fields are dropped in this order.
    database: Arc<Database>,
    lease: HeldLease,
    _lock: LockFile,
    directory: PathBuf,
    /// Held while a header is read, changed and written.
    changing: Mutex<()>,
}

impl Store {
    /// Opens the state in `directory`, or creates it with mode 0700. The second part is what the user should be told:
    /// that the state was damaged and set aside, for one.
    ///
    /// # Errors
    ///
    /// [`Kind::Locked`](crate::error::Kind::Locked) while another process holds it;
    /// [`Kind::State`](crate::error::Kind::State) if it is no directory, not ours, not writable, or written by a newer
    /// mailferry. None of these changes anything in it.
    pub fn open(directory: &Path) -> Result<(Store, Vec<String>)> {
        Self::open_telling(directory, &mut |_| ())
    }

    /// As [`Store::open`]. `tell` is told what is waited for: whether the process of another machine still holds the state
    /// shows only after a while.
    ///
    /// # Errors
    ///
    /// As it.
    pub fn open_telling(directory: &Path, tell: &mut dyn FnMut(&str)) -> Result<(Store, Vec<String>)> {
        Self::open_in(directory, StateDirectory::prepare(directory)?, Purpose::Work, tell)
    }

    /// Opens a state that is there already; nothing is created.
    ///
    /// # Errors
    ///
    /// As [`Store::open`], and [`Kind::State`](crate::error::Kind::State) where there is no state.
    pub fn open_existing(directory: &Path) -> Result<(Store, Vec<String>)> {
        Self::open_existing_telling(directory, &mut |_| ())
    }

    /// As [`Store::open_existing`]; `tell` as for [`Store::open_telling`].
    ///
    /// # Errors
    ///
    /// As it.
    pub fn open_existing_telling(directory: &Path, tell: &mut dyn FnMut(&str)) -> Result<(Store, Vec<String>)> {
        Self::open_in(directory, StateDirectory::existing(directory)?, Purpose::Work, tell)
    }

    /// As [`Store::open_existing`], for a moment: others wait until it is over.
    ///
    /// # Errors
    ///
    /// As it.
    pub fn open_to_look(directory: &Path) -> Result<(Store, Vec<String>)> {
        Self::open_in(directory, StateDirectory::existing(directory)?, Purpose::Look, &mut |_| ())
    }

    fn open_in(
        path: &Path,
        directory: StateDirectory,
        purpose: Purpose,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(Store, Vec<String>)> {
        let lock = LockFile::acquire(&directory, purpose)?;
        let mut notices = directory.make_private();
        directory.check_ownership()?;
        let (lease, notice) = HeldLease::acquire(&directory, tell)?;
        notices.extend(notice);
        let (database, damage) = damage::open_or_set_aside(&directory)?;
        notices.extend(damage);
        directory.sync()?;
        let (database, directory) = (Arc::new(database), path.to_owned());
        let inner = Inner { database, lease, _lock: lock, directory, changing: Mutex::new(()) };
        Ok((Store(Arc::new(inner)), notices))
    }

    /// What is to be done where the state turns out to be another's, with the reason in words: all work with it is to end.
    pub fn when_lost(&self, work: impl FnOnce(&str) + Send + 'static) {
        self.0.lease.on_loss(Box::new(work));
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// The file for the word that opens the page of a run.
    pub fn page_file(&self) -> PathBuf {
        StateDirectory::named(self.directory()).page()
    }

    /// Makes all that was written so far survive a power loss.
    pub fn flush(&self) -> Result<()> {
        self.database().flush()
    }

    pub(super) fn database(&self) -> &Arc<Database> {
        &self.0.database
    }

    /// Keeps others from changing a header meanwhile. A thread that panicked with it in hand has left no half change:
    /// changes are applied as one batch.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.0.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

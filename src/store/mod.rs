//! The state on disk: what was seen of both servers, what was tied together, and what is to be done.
//!
//! It is not the truth: the servers are. Whatever is lost or damaged here costs a scan, never a message. It knows no
//! protocol and no network, decides nothing, and holds no secret. It is the only home of sled and bincode.
//!
//! - `keys`: where each value stands; `codec`: how it is sealed, so that damage is noticed.
//! - `database`: the one sled tree, behind a wall that turns its panics into errors.
//! - `directory`, `ownership`, `lock`, `damage`: the directory, whose it is, who holds it, and what happens when it is
//!   damaged.
//! - `account`, `listing`, `listing_writer`, `pairs`, `reach`, `checkpoint`, `plans`, `status`: what [`AccountStore`] can do.
//! - `leaves`: how many messages share a value; `entries`: the messages of a mailbox, read one by one and counted.
//!
//! Invariants:
//!
//! 1. A value is returned only as it was written under that key; anything else is an error of [`Kind::Damaged`].
//! 2. A header goes first and comes back last: what stands under a header (records, links, pieces of a plan) is
//!    replaced only while the header is void or gone, so that a crash leaves less, never something else.
//! 3. Nothing written is durable before [`Store::flush`] has returned.
//! 4. One process holds a state directory, for as long as a [`Store`] of it lives.
//!
//! How much is damaged is told by the scope of the error of [`Kind::Damaged`]: [`Scope::Mailbox`] is repaired by a new
//! listing ([`AccountStore::relist`]) or new links ([`AccountStore::reset_pair`]), [`Scope::Account`] by
//! [`AccountStore::forget_everything`]; after [`Kind::State`] of [`Scope::Run`] nothing more is read or written, and where it was damage,
//! the next [`Store::open`] sets the data aside and starts anew.
//!
//! [`Kind::State`]: crate::error::Kind::State
//! [`Kind::Damaged`]: crate::error::Kind::Damaged
//! [`Scope::Mailbox`]: crate::error::Scope::Mailbox
//! [`Scope::Account`]: crate::error::Scope::Account
//! [`Scope::Run`]: crate::error::Scope::Run

mod account;
mod checkpoint;
mod codec;
mod damage;
mod database;
mod directory;
mod entries;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod keys;
mod leaves;
mod listing;
mod listing_writer;
mod lock;
mod ownership;
mod pairs;
mod plans;
mod reach;
mod status;

pub use account::{AccountStore, Binding};
pub use checkpoint::{CHECKPOINT_LINKS, Exceptions, Links};
pub use entries::Entries;
pub use leaves::Lookup;
pub use listing::Records;
pub use listing_writer::ListingWriter;
pub use reach::{Reach, SideReach};

use crate::error::Result;
use account::AccountHeader;
use database::Database;
use directory::StateDirectory;
use lock::LockFile;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An open state directory. Cheap to clone; the directory is released when the last clone, and all that came from it,
/// is gone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// Closed before the lock is released: fields are dropped in this order.
    database: Arc<Database>,
    _lock: LockFile,
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
        Self::open_in(StateDirectory::prepare(directory)?)
    }

    /// Opens a state that is there already; nothing is created.
    ///
    /// # Errors
    ///
    /// As [`Store::open`], and [`Kind::State`](crate::error::Kind::State) where there is no state.
    pub fn open_existing(directory: &Path) -> Result<(Store, Vec<String>)> {
        Self::open_in(StateDirectory::existing(directory)?)
    }

    fn open_in(directory: StateDirectory) -> Result<(Store, Vec<String>)> {
        let lock = LockFile::acquire(&directory)?;
        let mut notices = directory.make_private();
        directory.check_ownership()?;
        let (database, damage) = damage::open_or_set_aside(&directory)?;
        notices.extend(damage);
        directory.sync()?;
        let inner = Inner { database: Arc::new(database), _lock: lock, changing: Mutex::new(()) };
        Ok((Store(Arc::new(inner)), notices))
    }

    /// The part of the state that belongs to one account, which need not be known yet.
    pub fn account(&self, name: &str) -> AccountStore {
        AccountStore::new(self.clone(), name)
    }

    /// The names of all accounts that were ever bound or scanned, sorted.
    pub fn accounts(&self) -> Result<Vec<String>> {
        let headers = self.database().load_all::<AccountHeader>(&keys::all_accounts());
        let mut names = headers.map(|header| Ok(header?.name)).collect::<Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// Makes all that was written so far survive a power loss.
    pub fn flush(&self) -> Result<()> {
        self.database().flush()
    }

    fn database(&self) -> &Arc<Database> {
        &self.0.database
    }

    /// Keeps others from changing a header meanwhile. A thread that panicked with it in hand has left no half change:
    /// changes are applied as one batch.
    fn alone(&self) -> MutexGuard<'_, ()> {
        self.0.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

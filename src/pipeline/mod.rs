//! The story, one file a command: the only place where engine, store and diff meet. Nothing here prints.
//!
//! - [`accept`], [`check`], [`scan`], [`plan`], [`apply`], [`resync`] with [`repair`] and `both_ways`, [`verify`], [`status`], [`explain`] with
//!   [`headers`], [`forget`], [`mark`], [`report`]: the commands. [`shards`]: the state follows its accounts.
//! - [`audit`]: what is recorded of who does what. [`beside`]: what others may ask while a run holds the state.
//!   [`bulletin`]: what a process of several tells of its accounts; [`merged`]: what all of them tell.
//! - [`herald`]: those who are not looking are told; `hook`: by a command.
//! - [`listening`]: accounts that are listened to between two rounds of a watch.
//! - [`renaming`]: mailboxes that have another name get it first. [`granted`]: what of a plan need not wait for a word. [`stock`]: what an apply has come to, and by [`shortfalls`] why that is
//!   no success. [`deep`]: what a verification reads.
//! - [`fleet`]: accounts side by side, and one account's sessions and state.
//! - [`survey`]: what is there. [`planning`]: what is to be done. [`transfer`]: how it gets across, and what goes.
//!
//! The commands know the rooms; of the rooms, `transfer` and `planning` know `survey`, and all know `fleet`.

pub mod accept;
pub mod apply;
pub mod audit;
pub mod beside;
mod both_ways;
pub mod bulletin;
pub mod check;
pub mod deep;
pub mod explain;
pub mod fleet;
pub mod forget;
pub mod granted;
pub mod headers;
pub mod herald;
mod hook;
pub mod listening;
pub mod login;
pub mod mark;
pub mod merged;
pub mod plan;
pub mod planning;
pub mod renaming;
pub mod repair;
pub mod report;
pub mod resync;
pub mod scan;
pub mod shards;
pub mod shortfalls;
pub mod status;
pub mod stock;
pub mod survey;
pub mod transfer;
pub mod verify;

use crate::engine::Connector;
use crate::engine::wire::meter::Meter;
use crate::error::{Error, Result};
use crate::model::bulletin::Bulletin;
use crate::model::everybody::Everybody;
use crate::model::limits::{Chunk, Limits};
use crate::model::secret::Passwords;
use crate::model::{Account, Side};
use crate::store::Store;
use fleet::agenda::Agenda;
use fleet::roll::Roll;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All that a run works with.
pub struct Migration {
    pub accounts: Vec<Account>,
    /// Who is who, where rights of others are carried over.
    pub everybody: Everybody,
    /// By the numbers of their servers.
    pub servers: Vec<Connector>,
    pub limits: Limits,
    /// Accounts worked on at the same time.
    pub jobs: usize,
    /// The same of accounts of which all was copied before, where that is another number.
    pub resync_jobs: Option<usize>,
    /// The directory in which the processes of the fleet tell each other to halt.
    pub fleet: Option<PathBuf>,
    /// What it says of itself where it tells how its accounts stand: as one of several processes.
    pub bulletin: Option<Bulletin>,
    /// When accounts may be worked on.
    pub agenda: Agenda,
    pub passwords: Arc<dyn Passwords>,
    pub store: Store,
    pub observer: Arc<dyn Observer>,
    pub stop: Stop,
    /// Whether senders and subjects of messages that are not there may be asked for and shown.
    pub names_messages: bool,
    /// How far the run has come with the accounts.
    pub roll: Arc<Roll>,
}

impl Migration {
    /// The connector of an account on that side.
    pub fn connector(&self, account: &Account, side: Side) -> &Connector {
        self.servers[account.server(side).0].on(side)
    }

    /// The same with each account the way that its mail went last.
    ///
    /// # Errors
    /// `State`; `Settings` where the settings do not tell what goes where on the way back.
    pub fn as_it_stands(mut self) -> Result<Migration> {
        for account in &mut self.accounts {
            if self.store.account(&account.name).standing()? != account.direction() {
                *account = account.turned()?;
            }
        }
        Ok(self)
    }

    /// The same with another handle of the state, which `open` gets for its directory once the old one is closed. After the
    /// system has refused something, nothing more is read or written through the old one.
    ///
    /// # Errors
    /// What `open` gives.
    pub fn reopened(self, open: impl FnOnce(&Path) -> Result<Store>) -> Result<Migration> {
        let directory = self.store.directory().to_owned();
        drop(self.store);
        let store = open(&directory)?;
        Ok(Migration { store, ..self })
    }
}

/// How thoroughly a scan looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thoroughness {
    /// Trust what the servers say of changes, within the distrust rules.
    Incremental,
    /// List every mailbox whole.
    Full,
}

/// How thoroughly verify compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Identity, size, flags and dates.
    Listing,
    /// Also the SHA-256 of every message on both sides, but of those that were so compared before and are listed as they were
    /// then.
    Octets,
    /// The same of every message.
    OctetsAgain,
}

/// What `apply` and `sync` are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ApplyOptions {
    pub chunk: Chunk,
    pub deletes: Deletes,
    pub room: Room,
    /// Only of `sync`.
    pub repair: Repair,
}

/// Whether copies of ours are read again, and replaced where they are spoilt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Repair {
    #[default]
    Nothing,
    SpoiltCopies,
}

/// Whether what does not fit into the destination's quota is begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Room {
    /// Not without a word from the user.
    #[default]
    Guarded,
    /// It is: what fills up on the way stops there.
    Unguarded,
}

/// Which messages of the destination may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Deletes {
    /// What the mode deletes, as far as the guard lets it.
    #[default]
    Guarded,
    /// All that the plan shows: the user has said so.
    Allowed,
}

/// The user's wish to stop: set once, seen by all threads.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks all work to finish the batch in hand and end.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What an account is being taken through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Connecting,
    Scanning,
    Planning,
    Copying,
    Verifying,
}

/// Something that happened, for whoever shows progress.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// An account enters a phase. `messages` and `octets` are what the phase has to do, where known.
    Began { account: &'a str, phase: Phase, messages: u64, octets: u64 },
    /// So much of the account was done before the phase, in an earlier run; and there is counted what passes from server to
    /// server meanwhile.
    Resumed { account: &'a str, messages: u64, octets: u64, passing: &'a Passing },
    /// A part of the phase is done.
    Advanced { account: &'a str, mailbox: &'a str, messages: u64, octets: u64 },
    /// A connection broke, a server asked for patience, a state was rebuilt: the run goes on.
    Noticed { account: &'a str, text: &'a str },
    /// Something failed and is recorded; the run goes on with the rest.
    Failed { account: &'a str, error: &'a Error },
    /// The account is done.
    Ended { account: &'a str },
}

/// Counts what passes from an account's source to its destination, long before a message is whole.
#[derive(Clone, Debug, Default)]
pub struct Passing([Meter; 2]);

impl Passing {
    /// Over the lines that these meters count, the source's first.
    pub fn over(meters: [Meter; 2]) -> Passing {
        Passing(meters)
    }

    /// Octets so far: what came on one side and left on the other counts half on each.
    pub fn octets(&self) -> u64 {
        let [source, destination] = self.0.each_ref().map(Meter::figures);
        (source.received / 2).saturating_add(destination.sent / 2)
    }
}

/// Shows progress. Called from many threads.
pub trait Observer: Send + Sync {
    /// Takes note of an event; must be quick.
    fn event(&self, event: Event<'_>);
}

/// Shows nothing.
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event<'_>) {}
}

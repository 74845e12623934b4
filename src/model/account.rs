//! An account: one user's mailboxes on the source and on the destination.

use super::policy::Policy;
use super::wave::Wave;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One of the two servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Side {
    Source,
    Destination,
}

impl Side {
    /// Both, source first.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Destination];

    /// The one that this is not.
    pub fn other(self) -> Side {
        match self {
            Side::Source => Side::Destination,
            Side::Destination => Side::Source,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "source",
            Side::Destination => "destination",
        })
    }
}

/// One pair of users to migrate. Its name is the stable key in the state. There may be 100,000 of them, and most have one
/// text for all three names: what is equal is shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub name: Arc<str>,
    pub source_user: Arc<str>,
    pub destination_user: Arc<str>,
    /// Free words to select accounts by.
    pub tags: Vec<String>,
    /// On which servers of the run it is: source, destination.
    pub servers: [ServerId; 2],
    /// What is wanted of its mail.
    pub policy: Arc<Policy>,
    /// With whom it moves, if with anybody.
    pub wave: Option<Arc<Wave>>,
    /// A higher one comes first; within the priority of its wave.
    pub priority: i64,
}

/// The number of a server among those of a run. A machine that is a source and a destination has two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId(pub usize);

impl Account {
    /// The user on that side.
    pub fn user(&self, side: Side) -> &str {
        match side {
            Side::Source => &self.source_user,
            Side::Destination => &self.destination_user,
        }
    }

    /// The server on that side.
    pub fn server(&self, side: Side) -> ServerId {
        self.servers[side as usize]
    }
}

//! What a pair of mailboxes stands on when nothing is to be done for it: by it, a plan of what changed since is told from a plan of
//! all (`pipeline/planning/part.rs`).

use super::link::Settled;
use super::{Pairing, Uid, UidSet};
use serde::{Deserialize, Serialize};

/// So many UIDs of each kind are kept: what is more is compared whole.
pub const GROUND_MESSAGES: u64 = 4096;

/// The messages that have no part in this: every other message of the source is tied to one of the destination by a link of its
/// own, and nobody else is tied to that.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ground {
    /// Destination UIDs of messages that no link names of which the source message is there.
    pub unlinked: UidSet,
    /// Source UIDs of links whose source message is gone, or another one by now.
    pub orphaned: UidSet,
    /// Source UIDs of messages of which something is lost, whether they are tied or not.
    pub lossy: UidSet,
    /// The highest UIDs of source messages and of their copies, of those that we copied: copies stand in the order of their source
    /// messages, all of them.
    pub last: [Uid; 2],
}

/// How a pair stood when nothing was to be done, and what became of its links since.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settlement {
    pub pairing: Pairing,
    pub settled: Settled,
    /// UIDNEXT of the destination: all links of that time name UIDs below it.
    pub below: Uid,
    pub ground: Ground,
    /// How many links are of copies of ours, as of now.
    pub ours: u64,
    /// Source UIDs whose links are not what they were.
    pub relinked: UidSet,
    /// Those of them whose links are new, or are gone, or name another copy or another way in which it came there.
    pub anew: UidSet,
    /// Destination UIDs that those of before named.
    pub freed: UidSet,
}

impl Settlement {
    /// That of a pair from now on.
    pub fn new(pairing: Pairing, settled: Settled, below: Uid, ground: Ground, ours: u64) -> Self {
        let none = UidSet::new;
        Settlement { pairing, settled, below, ground, ours, relinked: none(), anew: none(), freed: none() }
    }
}

/// What changed in a listing since its pair was settled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Journal {
    /// The revision of the listing from which on it tells all.
    pub since: u64,
    /// The revision up to which it does.
    pub upto: u64,
    /// UIDs of messages that are new, gone, or listed otherwise.
    pub changed: UidSet,
}

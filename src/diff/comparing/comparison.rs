//! What is compared: the two mailboxes of a pair, and what is known of the destination.

use super::flags::FlagHistory;
use super::same::{Contents, Keeps};
use crate::diff::routing::mapping::MailboxPair;
use crate::model::{FlagCapacity, MailboxState, Uid, UidSet};

/// What is compared.
#[derive(Clone, Copy)]
pub struct Comparison<'a> {
    pub pair: &'a MailboxPair,
    pub source: &'a MailboxState,
    /// `None` where the mailbox does not exist yet.
    pub destination: Option<&'a MailboxState>,
    /// What a mailbox that is to be created will hold of flags; the destination's INBOX is the best evidence.
    pub capacity: &'a FlagCapacity,
    /// What is known of the flags of the copies.
    pub flags: FlagHistory<'a>,
    /// The largest message that the destination takes, in octets.
    pub append_limit: Option<u64>,
    /// Whether the destination can expunge single messages.
    pub expunges_by_uid: bool,
    /// What an earlier run noted of its appends to this destination mailbox.
    pub appends: Appends,
    /// Source messages that the destination said it stored, and that were not found there.
    pub stored: &'a UidSet,
    /// Source messages that it made one with another of their octets.
    pub merged: &'a UidSet,
    /// Source messages that the user's own search found; `None` where there is no search.
    pub found: Option<&'a UidSet>,
    /// Source messages that are copied with another mailbox (`diff/labels.rs`); both ways, what may be second copies of ours, which
    /// go when mail goes the other way.
    pub elsewhere: &'a UidSet,
    /// Destination UIDs of copies that are to be replaced: nothing is tied to them.
    pub replaced: &'a UidSet,
    /// Destination UIDs that are other source mailboxes', where several go to one: nothing is tied to them, and they are not this
    /// one's to delete.
    pub others: &'a UidSet,
    /// What both servers keep of a message.
    pub keeps: Keeps,
    /// What was read of messages.
    pub contents: Contents<'a>,
    /// What is not compared.
    pub apart: Apart,
}

/// Messages that are in none of the three lists, for they are known to be tied one to one, with nothing to be done: the plan counts
/// them, and is else as if they had been compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Apart {
    /// Tied to what was on the destination before us.
    pub present: u64,
    /// Tied to the copies that we made.
    pub copied: u64,
}

impl Apart {
    /// How many there are, of either side.
    pub fn messages(self) -> u64 {
        self.present + self.copied
    }
}

/// Where messages may stand that we appended without knowing it, each as the lowest destination UID.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Appends {
    /// A run did not end cleanly, and its tail was not reconciled yet.
    pub unreconciled: Option<Uid>,
    /// Appends may have landed late (`PairState::late_from`).
    pub late: Option<Uid>,
}

impl<'a> Comparison<'a> {
    /// The destination mailbox, where it holds messages already.
    pub(in crate::diff) fn standing(&self) -> Option<&'a MailboxState> {
        self.destination.filter(|_| !self.pair.create)
    }

    /// The UIDNEXT of the destination when it was listed.
    pub(in crate::diff) fn listed_below(&self) -> Option<Uid> {
        self.standing()?.sync_point?.uid_next
    }
}

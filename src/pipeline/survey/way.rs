//! By which commands a mailbox is listed, and what such a listing may leave unfinished.

use super::extent::Extent;
use crate::model::{MailboxState, SyncPoint, UidSet};
use crate::store::ListingWriter;

/// By which commands it is listed.
pub enum Way {
    Whole,
    /// Whole, without identities.
    Bare,
    Delta(SyncPoint),
    /// What came since it was listed in this run, by that or by a bare listing.
    Rest {
        since: SyncPoint,
        is_bare: bool,
    },
    /// The second look at messages without Message-ID, or with items missing.
    Identify(Box<Unfinished>),
}

/// A listing that lacks the messages in `uids`: they are to be asked for once more.
pub struct Unfinished {
    pub writer: ListingWriter,
    pub state: MailboxState,
    pub uids: UidSet,
    pub extent: Extent,
}

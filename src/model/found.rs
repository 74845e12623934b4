//! What the user's own search found of a source mailbox.

use super::search_keys::SearchKeys;
use super::{SyncPoint, UidSet};
use serde::{Deserialize, Serialize};

/// The answer to one search of one mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    pub keys: SearchKeys,
    /// Where the listing stood that it is about: the search came after it.
    pub point: SyncPoint,
    /// What was found, or why the server does not search.
    pub uids: Result<UidSet, String>,
}

impl Found {
    /// Whether it answers that search of a mailbox whose listing stands there.
    pub fn answers(&self, keys: &SearchKeys, point: SyncPoint) -> bool {
        self.keys == *keys && self.point == point
    }
}

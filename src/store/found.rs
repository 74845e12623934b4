//! What the user's own search found of source mailboxes. It is asked again wherever it does not hold.

use super::account::AccountStore;
use super::codec::stored;
use super::kinds::StoredKind;
use crate::error::Result;
use crate::model::{Found, RawName};

stored! {
    Found => StoredKind::Found, "what a search found";
}

impl AccountStore {
    /// What was found last of that source mailbox.
    pub fn found(&self, source: &RawName) -> Result<Option<Found>> {
        self.database().load(&self.id.found(source)).map_err(|error| self.named(error))
    }

    /// Records what was found.
    pub fn put_found(&self, source: &RawName, found: &Found) -> Result<()> {
        self.database().store(&self.id.found(source), found).map_err(|error| self.named(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::search_keys::SearchKeys;
    use crate::model::{SyncPoint, Uid, UidSet};
    use crate::store::tests::{inbox, open};

    #[test]
    fn what_was_found_comes_back_and_goes_with_the_account() {
        let (_directory, store) = open();
        let account = store.account("alice");
        assert_eq!(account.found(&inbox()).unwrap(), None);
        let keys = SearchKeys::parse("UNSEEN").unwrap();
        let found = Found { keys, point: SyncPoint::default(), uids: Ok(UidSet::range(Uid(3), Uid(9))) };
        account.put_found(&inbox(), &found).unwrap();
        assert_eq!(account.found(&inbox()).unwrap(), Some(found));
        account.drop_account().unwrap();
        assert_eq!(account.found(&inbox()).unwrap(), None);
    }
}

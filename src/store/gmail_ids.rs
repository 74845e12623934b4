//! What Gmail knows the messages of a source mailbox by, under one UIDVALIDITY. What is not known is asked again, or left
//! unknown.

use super::account::AccountStore;
use super::database::Changes;
use super::keys::PerMessage;
use super::kinds::StoredKind;
use super::leaves::Entry;
use super::tally::Tally;
use crate::error::Result;
use crate::model::{GmailId, RawName, Uid, UidValidity};
use serde::{Deserialize, Serialize};

/// What Gmail knows one message by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct KnownId {
    uid: Uid,
    validity: UidValidity,
    id: GmailId,
}

impl Entry for KnownId {
    const KIND: StoredKind = StoredKind::GmailIds;
    const NOUN: &'static str = "numbers that Gmail gives to messages";

    fn uid(&self) -> Uid {
        self.uid
    }
}

impl AccountStore {
    /// What is known under that UIDVALIDITY, ascending by UID; as far as it can be read.
    pub fn gmail_ids(&self, source: &RawName, validity: UidValidity) -> impl Iterator<Item = (Uid, GmailId)> + use<> {
        let walk = self.database().walk(&self.of_source(PerMessage::GmailId, source));
        let known = super::entries::Entries::<KnownId>::new(walk, source, None).map_while(Result::ok);
        known.filter(move |known| known.validity == validity).map(|known| (known.uid, known.id))
    }

    /// Records what is known under that UIDVALIDITY, beside what was known under it before.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn put_gmail_ids(&self, source: &RawName, validity: UidValidity, ids: &[(Uid, GmailId)]) -> Result<()> {
        let _alone = self.store.alone();
        // Nothing is kept of another UIDVALIDITY, nor behind what cannot be read.
        let is_sound = self.gmail_ids(source, validity).next().is_some();
        if !is_sound {
            self.database().clear(&self.of_source(PerMessage::GmailId, source))?;
        }
        let mut known = self.editor::<KnownId>(PerMessage::GmailId, source, Tally::default());
        for &(uid, id) in ids {
            known.put(KnownId { uid, validity, id })?;
        }
        let mut changes = Changes::default();
        known.seal_into(&mut changes)?;
        self.database().apply(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{inbox, open};

    #[test]
    fn ids_are_known_under_their_uidvalidity_alone() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let known = |validity| account.gmail_ids(&inbox(), UidValidity(validity)).collect::<Vec<_>>();
        let ids =
            |uids: &[u32]| uids.iter().map(|uid| (Uid(*uid), GmailId(u64::MAX - u64::from(*uid)))).collect::<Vec<_>>();
        account.put_gmail_ids(&inbox(), UidValidity(7), &ids(&[1, 2, 500])).unwrap();
        account.put_gmail_ids(&inbox(), UidValidity(7), &ids(&[501])).unwrap();
        assert_eq!((known(7), known(8)), (ids(&[1, 2, 500, 501]), Vec::new()));
        account.put_gmail_ids(&inbox(), UidValidity(8), &ids(&[1])).unwrap();
        assert_eq!((known(7), known(8)), (Vec::new(), ids(&[1])));
        account.drop_account().unwrap();
        assert_eq!(known(8), Vec::new());
    }
}

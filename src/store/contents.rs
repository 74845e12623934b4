//! What was read of messages to tell whether they are one, so that nothing is read twice.
//!
//! Invariant: what is found was read of the very message that is asked for: of this UIDVALIDITY and UID, with the identity,
//! size and date that it had then. Anything else is as good as not read.

use super::account::AccountStore;
use super::database::Changes;
use super::keys::PerMessage;
use super::kinds::StoredKind;
use super::leaves::{Entry, LeafEditor, Lookup};
use super::tally::Tally;
use crate::error::{Kind, Result};
use crate::model::{Content, Listed, MessageRecord, RawName, Side, Uid, UidValidity};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// What was read of one message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct KnownContent {
    pub(super) uid: Uid,
    validity: UidValidity,
    listed: Listed,
    content: Content,
}

impl Entry for KnownContent {
    const KIND: StoredKind = StoredKind::Contents;
    const NOUN: &'static str = "digests of messages";

    fn uid(&self) -> Uid {
        self.uid
    }
}

/// The contents that are known of one mailbox.
pub struct Contents {
    validity: UidValidity,
    lookup: RefCell<Lookup<KnownContent>>,
}

impl Contents {
    /// What was read of that message. What cannot be read from the state is read from the server again.
    pub fn of(&self, record: &MessageRecord) -> Option<Content> {
        let known = self.lookup.borrow_mut().get(record.uid).ok().flatten()?;
        let same = known.validity == self.validity && known.listed == record.listed();
        same.then_some(known.content)
    }
}

impl AccountStore {
    /// What is known of the messages of a mailbox under that UIDVALIDITY.
    pub fn contents(&self, side: Side, mailbox: &RawName, validity: UidValidity) -> Contents {
        let lookup = Lookup::new(self.database(), self.content_keys(side, mailbox), mailbox);
        Contents { validity, lookup: RefCell::new(lookup) }
    }

    /// Records what was read of messages, beside what is listed of them.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn put_contents(
        &self,
        side: Side,
        mailbox: &RawName,
        validity: UidValidity,
        read: &[(MessageRecord, Content)],
    ) -> Result<()> {
        let _alone = self.store.alone();
        match self.write_contents(side, mailbox, validity, read) {
            // What cannot be read is as good as not read, and its place is taken.
            Err(error) if *error.kind() == Kind::Damaged => {
                self.database().clear(&self.content_keys(side, mailbox))?;
                self.write_contents(side, mailbox, validity, read)
            }
            written => written,
        }
    }

    fn write_contents(
        &self,
        side: Side,
        mailbox: &RawName,
        validity: UidValidity,
        read: &[(MessageRecord, Content)],
    ) -> Result<()> {
        let keys = self.content_keys(side, mailbox);
        let mut editor: LeafEditor<KnownContent> = LeafEditor::new(self.database(), keys, Tally::default());
        for (record, content) in read {
            let known = KnownContent { uid: record.uid, validity, listed: record.listed(), content: *content };
            editor.put(known)?;
        }
        let mut changes = Changes::default();
        editor.seal_into(&mut changes)?;
        self.database().apply(changes)
    }

    pub(super) fn content_keys(&self, side: Side, mailbox: &RawName) -> Vec<u8> {
        self.id.entries(PerMessage::Content, self.id.mailbox(side, mailbox))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;
    use crate::store::tests::{inbox, open, record};

    const READ: Content = Content { octets: [1; 32], text: Digest([2; 16]) };

    #[test]
    fn content_is_known_of_the_very_message_that_was_read() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let validity = UidValidity(7);
        account.put_contents(Side::Source, &inbox(), validity, &[(record(5), READ), (record(500), READ)]).unwrap();
        let known = |side, validity, record: &MessageRecord| account.contents(side, &inbox(), validity).of(record);
        assert_eq!(known(Side::Source, validity, &record(5)), Some(READ));
        assert_eq!(known(Side::Source, validity, &record(500)), Some(READ));
        let others = [
            known(Side::Destination, validity, &record(5)),
            known(Side::Source, UidValidity(8), &record(5)),
            known(Side::Source, validity, &record(6)),
            known(Side::Source, validity, &MessageRecord { octets: 99, ..record(5) }),
        ];
        assert_eq!(others, [None; 4]);
    }

    /// They were written with the number of another kind once.
    #[test]
    fn content_that_cannot_be_read_is_as_good_as_not_read_and_is_written_anew() {
        let (_directory, store) = open();
        let (account, validity) = (store.account("alice"), UidValidity(7));
        account.put_contents(Side::Source, &inbox(), validity, &[(record(5), READ)]).unwrap();
        let keys = account.content_keys(Side::Source, &inbox());
        let (key, octets) = account.database().walk(&keys).next().unwrap().unwrap();
        let mut envelope = octets[..octets.len() - 4].to_vec();
        envelope[1] = StoredKind::Names as u8;
        let mut changes = Changes::default();
        changes.put_sealed(&key, crate::store::codec::sealed(&key, &envelope));
        account.database().apply(changes).unwrap();
        let known = || account.contents(Side::Source, &inbox(), validity).of(&record(5));
        assert_eq!(known(), None);
        account.put_contents(Side::Source, &inbox(), validity, &[(record(5), READ)]).unwrap();
        assert_eq!(known(), Some(READ));
    }
}

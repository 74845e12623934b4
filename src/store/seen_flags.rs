//! Flags of source messages that were seen when they were downloaded: newer than the listing, and what their copies have.

use super::account::AccountStore;
use super::database::Changes;
use super::leaves::LeafEditor;
use crate::error::Result;
use crate::model::{Flags, MessageRecord, RawName, Side, Uid};

impl AccountStore {
    /// Notes the flags that messages of a listed source mailbox have now. Its sync point and its revision stay: the next
    /// scan sees the change once more, and a plan that was made from the listing is as good as before.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn note_flags(&self, source: &RawName, seen: &[(Uid, Flags)]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        let _alone = self.store.alone();
        let header = self.mailbox_header(Side::Source, source)?.filter(|header| header.state.sync_point.is_some());
        let Some(mut header) = header else { return Ok(()) };
        let mut records: LeafEditor<MessageRecord> =
            LeafEditor::new(self.database(), self.record_keys(Side::Source, source), header.tally);
        for (uid, flags) in seen {
            if let Some(record) = records.get(*uid)?.cloned() {
                records.put(MessageRecord { flags: flags.clone(), ..record })?;
            }
        }
        let mut changes = Changes::default();
        records.seal_into(&mut changes)?;
        header.tally = records.tally();
        changes.put(&self.id.listing(Side::Source, source), &header)?;
        self.database().apply(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{fill, inbox, open};

    #[test]
    fn flags_noted_are_those_of_the_record_and_nothing_else_changes() {
        let (_directory, store) = open();
        let account = store.account("alice");
        fill(&account, Side::Source, 100);
        let before = account.mailbox(Side::Source, &inbox()).unwrap().unwrap();
        let seen = Flags::from_texts(["\\Seen", "work"]);
        account.note_flags(&inbox(), &[(Uid(70), seen.clone()), (Uid(1000), seen.clone())]).unwrap();
        let records: Vec<MessageRecord> =
            account.records(Side::Source, &inbox()).unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(records.len(), 100);
        assert_eq!(
            records.iter().filter(|record| record.flags == seen).map(|it| it.uid).collect::<Vec<_>>(),
            [Uid(70)]
        );
        assert_eq!(account.mailbox(Side::Source, &inbox()).unwrap().unwrap(), before);
    }
}

//! What is remembered of source messages without a link, and must outlive their UIDs: those that the destination stored and
//! does not show, and those of which a person said that it is good that they are not there.
//!
//! Invariants:
//! 1. It stands as long as no link of the message does, whatever becomes of its pair: only another UIDVALIDITY of the source
//!    moves it ([`AccountStore::recall`], [`AccountStore::carry_links`]), in one batch with the agreement.
//! 2. The outcomes beside it (`checkpoint`) are those of the UIDVALIDITY of now, and are forgotten when it changes: the next
//!    run finds each of them again. Those of messages that the new listing could not describe are of now already.

use super::account::AccountStore;
use super::database::Changes;
use super::entries::Entries;
use super::keys::PerMessage;
use super::kinds::StoredKind;
use super::leaves::Entry;
use super::tally::Tally;
use crate::error::Result;
use crate::model::{Agreement, Outcome, RawName, Remembered, Side, Uid};

impl Entry for Remembered {
    const KIND: StoredKind = StoredKind::Remembered;
    const NOUN: &'static str = "what is remembered of messages";

    fn uid(&self) -> Uid {
        self.uid
    }
}

impl AccountStore {
    /// What is remembered of messages of a source mailbox, ascending by UID. It is not counted.
    pub fn remembered(&self, source: &RawName) -> Entries<Remembered> {
        Entries::new(self.database().walk(&self.of_source(PerMessage::Remembered, source)), source, None)
    }

    /// Remembers messages, beside others and instead of what was remembered of the same UIDs; forgets those of `over`.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn remember(&self, source: &RawName, messages: &[Remembered], over: &[Uid]) -> Result<()> {
        let _alone = self.store.alone();
        let mut known = self.editor::<Remembered>(PerMessage::Remembered, source, Tally::default());
        over.iter().try_for_each(|uid| known.remove(*uid).map(drop))?;
        messages.iter().try_for_each(|message| known.put(message.clone()))?;
        let mut changes = Changes::default();
        known.seal_into(&mut changes)?;
        self.database().apply(changes)
    }

    /// Replaces all that is remembered of a source mailbox, and what a person agreed to, by what holds under the UIDVALIDITY
    /// of now.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State); nothing has changed then.
    pub fn recall(&self, source: &RawName, agreement: &Agreement, messages: &[Remembered]) -> Result<()> {
        let _alone = self.store.alone();
        let mut changes = Changes::default();
        self.turn_source(source, agreement, messages, &mut changes)?;
        self.database().apply(changes)
    }

    /// What stands by source UIDs, and is not a link, as it is under other UIDs.
    pub(super) fn turn_source(
        &self,
        source: &RawName,
        agreement: &Agreement,
        messages: &[Remembered],
        changes: &mut Changes,
    ) -> Result<()> {
        self.replace_leaves(PerMessage::Remembered, source, messages, changes)?;
        self.replace_leaves(PerMessage::Exception, source, &self.of_now(source)?, changes)?;
        changes.put(&self.id.agreement(source), agreement)
    }

    /// Invariant 2.
    pub(super) fn of_now(&self, source: &RawName) -> Result<Vec<(Uid, Outcome)>> {
        let (mut of_now, mut records) = (Vec::new(), self.record_lookup(Side::Source, source));
        // What is damaged is found again.
        for (uid, outcome) in self.exceptions(source).map_while(Result::ok) {
            if matches!(outcome, Outcome::Failed(_)) && records.get(uid)?.is_none() {
                of_now.push((uid, outcome));
            }
        }
        Ok(of_now)
    }

    /// Writes a table of a mailbox anew.
    pub(super) fn replace_leaves<T: Entry>(
        &self,
        table: PerMessage,
        source: &RawName,
        entries: &[T],
        changes: &mut Changes,
    ) -> Result<()> {
        for entry in self.database().walk(&self.of_source(table, source)) {
            changes.remove(entry?.0.to_vec());
        }
        let mut written = self.editor::<T>(table, source, Tally::default()).ending_at(0);
        entries.iter().try_for_each(|entry| written.put(entry.clone()))?;
        written.seal_into(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UidValidity;
    use crate::store::tests::{fill, inbox, open, pair, remembered};

    fn known(account: &AccountStore) -> Vec<Remembered> {
        account.remembered(&inbox()).collect::<Result<_>>().unwrap()
    }

    /// Holds store/remembered.rs invariant 1.
    #[test]
    fn what_is_remembered_outlives_its_pair_and_goes_with_a_word() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.remember(&inbox(), &[remembered(5, 1), remembered(200, 1)], &[]).unwrap();
        account.reset_pair(&pair()).unwrap();
        let mut other = pair();
        other.pairing.source_validity = UidValidity(9);
        account.reset_pair(&other).unwrap();
        assert_eq!(known(&account), [remembered(5, 1), remembered(200, 1)]);
        account.remember(&inbox(), &[remembered(6, 1)], &[Uid(200), Uid(3)]).unwrap();
        assert_eq!(known(&account), [remembered(5, 1), remembered(6, 1)]);
    }

    /// Holds store/remembered.rs invariant 2.
    #[test]
    fn recall_moves_all_that_is_remembered_and_forgets_outcomes_of_before() {
        let (_directory, store) = open();
        let account = store.account("alice");
        fill(&account, Side::Source, 8);
        account.remember(&inbox(), &[remembered(5, 1), remembered(300, 1)], &[]).unwrap();
        let failed = || Outcome::Failed("the server cannot list it".to_owned());
        let outcomes = [(Uid(5), Outcome::NotFoundAgain(String::new())), (Uid(7), failed()), (Uid(9), failed())];
        account.checkpoint(&inbox(), &[], &outcomes).unwrap();
        let agreement = Agreement { source_validity: UidValidity(9), deleted: 3, ..Agreement::default() };
        account.recall(&inbox(), &agreement, &[remembered(2, 9)]).unwrap();
        assert_eq!(known(&account), [remembered(2, 9)]);
        assert_eq!(account.agreement(&inbox(), UidValidity(9)).unwrap(), agreement);
        // 9 is none of the eight that the listing of now describes.
        let left: Vec<_> = account.exceptions(&inbox()).collect::<Result<_>>().unwrap();
        assert_eq!(left, [(Uid(9), failed())]);
    }
}

//! What changed in a listing since its pair was settled (`settlement`): written by who changes the listing, in the batch in which it
//! changes.
//!
//! Invariants:
//! 1. A journal holds for the listing of its last revision, and for no other: whoever changes a listing without a word to it voids
//!    it (`journal_is_void_when_a_listing_changes_behind_its_back`).
//! 2. What is not told has not changed; where that cannot be said there is no journal (`journal_tells_what_changed_or_nothing`).
//! 3. It is bounded by [`GROUND_MESSAGES`], however often the listing is renewed, and begins anew when the pair is settled.

use super::account::AccountStore;
use super::codec::{Stored, stored};
use super::database::Changes;
use super::kinds::StoredKind;
use crate::error::{Kind, Result};
use crate::model::{GROUND_MESSAGES, Journal, MailboxState, RawName, Side, Uid};

stored! {
    Journal => StoredKind::Journal, "what changed in a listing";
}

impl AccountStore {
    /// What changed in that listing since its pair was settled; `None` where that is not known.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn journal(&self, side: Side, listing: &MailboxState) -> Result<Option<Journal>> {
        let known: Option<Journal> = self.forgiving(&self.id.journal(side, &listing.name.raw))?;
        Ok(known.filter(|known| known.upto == listing.revision && listing.sync_point.is_some()))
    }

    /// Begins to note changes of a listing with that revision.
    pub(super) fn relisting(&self, side: Side, mailbox: &RawName, revision: u64) -> Result<Relisting> {
        let key = self.id.journal(side, mailbox);
        let known: Option<Journal> = self.forgiving(&key)?;
        let is_there = known.is_some();
        Ok(Relisting { key, known: known.filter(|known| known.upto == revision), is_there, noted: 0 })
    }

    /// What can be done without: where it is damaged, it is as good as not there.
    pub(super) fn forgiving<T: Stored>(&self, key: &[u8]) -> Result<Option<T>> {
        self.database().load(key).or_else(|error| if *error.kind() == Kind::Damaged { Ok(None) } else { Err(error) })
    }
}

/// Changes of a listing, to be told with them.
pub(super) struct Relisting {
    key: Vec<u8>,
    known: Option<Journal>,
    /// Something stands there.
    is_there: bool,
    /// What was noted of it, at most.
    noted: u64,
}

impl Relisting {
    /// Of a listing that is replaced whole: nobody knows what changes.
    pub(super) fn untold(key: Vec<u8>) -> Relisting {
        Relisting { key, known: None, is_there: true, noted: 0 }
    }

    /// Notes a message that is new, gone, or listed otherwise.
    pub(super) fn note(&mut self, uid: Uid) {
        let Some(known) = &mut self.known else { return };
        known.changed.insert(uid);
        self.noted += 1;
        if self.noted > GROUND_MESSAGES {
            self.known = None;
        }
    }

    /// From now on it is not known what changes.
    pub(super) fn give_up(&mut self, changes: &mut Changes) {
        self.known = None;
        if std::mem::take(&mut self.is_there) {
            changes.remove(&self.key[..]);
        }
    }

    /// Hands over what is to be written with the listing of that revision.
    pub(super) fn seal_into(mut self, revision: u64, changes: &mut Changes) -> Result<()> {
        match self.known.take().filter(|known| known.changed.len() <= GROUND_MESSAGES) {
            Some(known) if known.upto == revision => Ok(()),
            Some(known) => changes.put(&self.key, &Journal { upto: revision, ..known }),
            None => {
                self.give_up(changes);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::link::Settled;
    use crate::model::{FlagCapacity, Flags, Ground, Outcomes, PairState, UidSet, UidValidity};
    use crate::store::Store;
    use crate::store::tests::{fill, inbox, open, pair, record, state};

    const SIDE: Side = Side::Source;

    /// Listings of so many messages each, settled without a link.
    fn settled(records: u32) -> (tempfile::TempDir, Store, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        Side::BOTH.into_iter().for_each(|side| fill(&account, side, records));
        let settled = Settled { source_revision: 1, destination_revision: 2, policy: [7; 16] };
        let settled = PairState { settled: Some(settled), outcomes: Outcomes::default(), ..pair() };
        account.settle_pair(&settled, Some((Ground::default(), Uid(1)))).unwrap();
        (directory, store, account)
    }

    /// Since which revision, and what.
    fn told(account: &AccountStore) -> Option<(u64, String)> {
        let listing = account.mailbox(SIDE, &inbox()).unwrap().unwrap();
        account.journal(SIDE, &listing).unwrap().map(|known| (known.since, known.changed.to_string()))
    }

    /// Holds store/journal.rs invariant 2.
    #[test]
    fn journal_tells_what_changed_or_nothing() {
        let (_directory, _store, account) = settled(300);
        let seen = Flags::from_texts(["\\Draft"]);
        let mut writer = account.amend(SIDE, &inbox()).unwrap();
        writer.put(&record(301)).unwrap();
        writer.put(&record(7)).unwrap();
        writer.set_flags(Uid(5), &seen).unwrap();
        writer.remove(&UidSet::parse(b"100:101,4000").unwrap()).unwrap();
        writer.finish(state()).unwrap();
        assert_eq!(told(&account), Some((1, "5,100:101,301".to_owned())));
        let mut writer = account.amend(SIDE, &inbox()).unwrap();
        writer.retain(&UidSet::range(Uid(2), Uid(400))).unwrap();
        writer.finish(state()).unwrap();
        account.amend(SIDE, &inbox()).unwrap().finish(state()).unwrap();
        assert_eq!(told(&account), Some((1, "1,5,100:101,301".to_owned())));
        account.relist(SIDE, &inbox()).unwrap().finish(state()).unwrap();
        assert_eq!(told(&account), None);
    }

    #[test]
    fn journal_outlasts_other_words_about_what_is_kept_and_nothing_more() {
        let (_directory, _store, account) = settled(10);
        let keeps = |capacity: &FlagCapacity| {
            let writer = account.amend(SIDE, &inbox()).unwrap();
            writer.finish(crate::model::MailboxState { capacity: capacity.clone(), ..state() }).unwrap();
            told(&account)
        };
        let told =
            FlagCapacity::from_texts(["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", "work", "\\*"]);
        assert_eq!(keeps(&told), Some((1, String::new())));
        assert_eq!(keeps(&FlagCapacity::from_texts(["\\Seen", "\\*"])), None);
    }

    /// Holds store/journal.rs invariant 1.
    #[test]
    fn journal_is_void_when_a_listing_changes_behind_its_back() {
        let change: [fn(&AccountStore); 4] = [
            |account| {
                let capacity = FlagCapacity::from_texts(["\\Seen"]);
                account.put_mailbox(SIDE, &crate::model::MailboxState { capacity, ..state() }).unwrap();
            },
            |account| {
                let mut renumbered = state();
                renumbered.sync_point.as_mut().unwrap().uid_validity = UidValidity(99);
                drop(account.amend(SIDE, &inbox()).unwrap().finish(renumbered).unwrap());
            },
            |account| {
                account.forget_mailbox(SIDE, &inbox()).unwrap();
                fill(account, SIDE, 10);
            },
            |account| {
                let key = account.id.journal(SIDE, &inbox());
                account.database().guarded(|tree| tree.insert(key, "junk")).map(drop).unwrap();
            },
        ];
        for change in change {
            let (_directory, _store, account) = settled(10);
            assert!(told(&account).is_some());
            change(&account);
            assert_eq!(told(&account), None);
            let mut writer = account.amend(SIDE, &inbox()).unwrap();
            writer.put(&record(11)).unwrap();
            writer.finish(account.mailbox(SIDE, &inbox()).unwrap().unwrap()).unwrap();
            assert_eq!(told(&account), None, "it does not begin by itself");
        }
    }

    /// Holds store/journal.rs invariant 3.
    #[test]
    fn journal_is_bounded_over_many_renewals() {
        let (_directory, _store, account) = settled(10);
        let most = GROUND_MESSAGES as u32;
        for (first, is_told) in [(100, true), (100 + most / 2, true), (100 + most, false)] {
            let mut writer = account.amend(SIDE, &inbox()).unwrap();
            (first..first + most / 2).for_each(|uid| writer.put(&record(uid)).unwrap());
            writer.finish(state()).unwrap();
            assert_eq!(told(&account).is_some(), is_told, "{first}");
        }
        assert!(account.database().get(&account.id.journal(SIDE, &inbox())).unwrap().is_none());
    }
}

//! Accounts that go from one state directory to another: when they are shared out among other processes than before.
//!
//! The state follows the account: a new one loses no mail, but brings back what users deleted on the new server meanwhile.
//!
//! Invariants:
//!
//! 1. Both states are held, so no other process knows of an account that is on its way.
//! 2. It is durable here before anything of it goes there; the header, without which nothing is read of an account, is
//!    written last. So a crash leaves it there, or in both, and the same again brings it to its end.
//! 3. In both, what knows more wins: the one whose listings were renewed more often.

use super::account::{AccountHeader, AccountStore};
use super::database::{BATCH_CHANGES, Changes};
use super::handle::Store;
use super::keys::PerMessage;
use super::marks::mark;
use crate::error::Result;

/// What became of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// It was known there alone.
    Taken,
    /// It was known in both, and there more of it.
    Replaced,
    /// It was known in both, and here no less of it.
    Kept,
}

impl Store {
    /// Takes the account of that name over from another state, and drops it there; `None` where that does not know it.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), [`Kind::Damaged`](crate::error::Kind::Damaged) where its header there
    /// cannot be read.
    pub fn take(&self, from: &Store, name: &str) -> Result<Option<Moved>> {
        let (ours, theirs) = (self.account(name), from.account(name));
        let Some(there) = theirs.known()? else { return Ok(None) };
        let moved = match ours.known()? {
            None => Moved::Taken,
            Some(here) if here.knows_less_than(&there) => Moved::Replaced,
            Some(_) => Moved::Kept,
        };
        if moved != Moved::Kept {
            ours.drop_account()?;
            ours.copy(&theirs)?;
            if let Some(said) = from.marks()?.get(name) {
                mark(self.directory(), &[name], Some(*said))?;
            }
            self.flush()?;
        }
        theirs.drop_account()?;
        from.flush()?;
        mark(from.directory(), &[name], None)?;
        Ok(Some(moved))
    }
}

impl AccountStore {
    fn known(&self) -> Result<Option<AccountHeader>> {
        self.database().load(&self.id.header()).map_err(|error| self.named(error))
    }

    /// All of the account as it is sealed, its own header last. What was verified is not taken over: who verifies here has read it.
    fn copy(&self, from: &AccountStore) -> Result<()> {
        let _alone = self.store.alone();
        let (mut changes, verified) = (Changes::default(), from.id.all(PerMessage::Verified));
        let entries = from.database().walk(&from.id.data()).chain(from.database().walk(&from.id.header()));
        let taken = entries.filter(|entry| !entry.as_ref().is_ok_and(|(key, _)| key.starts_with(&verified)));
        for (index, entry) in taken.enumerate() {
            let (key, value) = entry?;
            changes.put_sealed(&key, value.to_vec());
            if index % BATCH_CHANGES == BATCH_CHANGES - 1 {
                self.database().apply(std::mem::take(&mut changes))?;
            }
        }
        self.database().apply(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fill, inbox, pair, record};
    use super::*;
    use crate::model::{Mark, Side, UidSet};
    use crate::store::Binding;

    fn stores() -> ([tempfile::TempDir; 2], Store, Store) {
        let directories = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [ours, theirs] = [0, 1].map(|index| Store::open(&directories[index].path().join("state")).unwrap().0);
        (directories, ours, theirs)
    }

    fn known(store: &Store, name: &str, scans: u32) {
        let account = store.account(name);
        account.bind(&Binding { users: [name, name].map(str::to_owned), places: Default::default() }).unwrap();
        (0..scans).for_each(|_| fill(&account, Side::Source, 700));
    }

    fn records(store: &Store, name: &str) -> usize {
        store.account(name).records(Side::Source, &inbox()).map_or(0, Iterator::count)
    }

    /// Holds store/moving.rs invariant 1.
    #[test]
    fn account_is_taken_whole_and_no_other() {
        let (_directories, ours, theirs) = stores();
        known(&theirs, "alice", 1);
        known(&theirs, "bob", 1);
        mark(theirs.directory(), &["alice"], Some(Mark::Paused)).unwrap();
        assert_eq!(ours.take(&theirs, "alice").unwrap(), Some(Moved::Taken));
        assert_eq!((ours.accounts().unwrap(), theirs.accounts().unwrap()), (vec!["alice".into()], vec!["bob".into()]));
        assert_eq!((records(&ours, "alice"), records(&theirs, "bob")), (700, 700));
        assert_eq!(ours.account("alice").binding().unwrap().unwrap().users[0], "alice");
        assert_eq!(ours.marks().unwrap().get("alice"), Some(&Mark::Paused));
        assert!(theirs.marks().unwrap().is_empty());
        assert_eq!(ours.take(&theirs, "alice").unwrap(), None, "again");
    }

    /// Holds store/verified.rs invariant 2.
    #[test]
    fn what_was_verified_is_not_taken_over() {
        let (_directories, ours, theirs) = stores();
        known(&theirs, "alice", 1);
        let here = Binding { users: ["alice", "alice"].map(str::to_owned), places: Default::default() };
        let (pairing, two) = (pair().pairing, [record(1), record(2)]);
        let octets = |store: &Store| store.account("alice").verified(&pairing, &here).octets([&two[0], &two[1]]);
        let verified = theirs.account("alice").verified(&pairing, &here);
        verified.note(&[(two.clone(), [9; 32])], &UidSet::new()).unwrap();
        assert_eq!(octets(&theirs), Some([9; 32]));
        assert_eq!(ours.take(&theirs, "alice").unwrap(), Some(Moved::Taken));
        assert_eq!((octets(&ours), records(&ours, "alice")), (None, 700));
    }

    /// Holds store/moving.rs invariant 3.
    #[test]
    fn account_in_both_is_the_one_that_knows_more() {
        let (_directories, ours, theirs) = stores();
        known(&ours, "alice", 1);
        known(&theirs, "alice", 2);
        known(&ours, "bob", 2);
        known(&theirs, "bob", 1);
        assert_eq!(ours.take(&theirs, "alice").unwrap(), Some(Moved::Replaced));
        assert_eq!(ours.take(&theirs, "bob").unwrap(), Some(Moved::Kept));
        assert!(theirs.accounts().unwrap().is_empty());
        assert_eq!(records(&ours, "alice"), 700);
    }

    /// Holds store/moving.rs invariant 2.
    #[test]
    fn account_that_was_half_taken_is_taken_again_and_until_then_unknown() {
        let (_directories, ours, theirs) = stores();
        known(&theirs, "alice", 1);
        ours.database().refuse_writes(true);
        ours.take(&theirs, "alice").unwrap_err();
        ours.database().refuse_writes(false);
        assert_eq!(theirs.accounts().unwrap(), ["alice"]);
        let (alice, half) = (theirs.account("alice"), ours.account("alice"));
        for entry in alice.database().walk(&alice.id.data()).take(3) {
            let (key, value) = entry.unwrap();
            half.database().guarded(|tree| tree.insert(&key, value)).unwrap();
        }
        assert!(ours.accounts().unwrap().is_empty());
        assert_eq!(ours.take(&theirs, "alice").unwrap(), Some(Moved::Taken));
        assert_eq!(records(&ours, "alice"), 700);
    }
}

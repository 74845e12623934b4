//! Two lists of an account, whole: the failures of its last run, and the differences that its last verification found.

use super::account::AccountStore;
use super::codec::stored;
use super::keys::AccountId;
use super::kinds::StoredKind;
use super::pieces::{Header, ListWriter, Listed, Piece};
use crate::error::Result;
use crate::model::difference::Difference;
use crate::model::failures::KeptFailure;

stored! {
    Header<KeptFailure> => StoredKind::Failures, "the header of the list of failures";
    Piece<KeptFailure> => StoredKind::FailuresPiece, "a piece of the list of failures";
    Header<Difference> => StoredKind::Differences, "the header of the list of differences";
    Piece<Difference> => StoredKind::DifferencesPiece, "a piece of the list of differences";
}

impl Listed for KeptFailure {
    fn keys(account: AccountId) -> [Vec<u8>; 2] {
        [account.failures(), account.failure_pieces()]
    }
}

impl Listed for Difference {
    fn keys(account: AccountId) -> [Vec<u8>; 2] {
        [account.differences(), account.difference_pieces()]
    }
}

impl AccountStore {
    /// Begins the list of failures anew; there is none until [`ListWriter::finish`].
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn list_failures(&self) -> Result<ListWriter<KeptFailure>> {
        self.begin_list()
    }

    /// How many failures are listed.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), [`Kind::Damaged`](crate::error::Kind::Damaged).
    pub fn failure_count(&self) -> Result<u64> {
        self.list_count::<KeptFailure>()
    }

    /// The failures, in the order in which they came.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::failure_count`].
    pub fn failures(&self) -> Result<impl Iterator<Item = Result<KeptFailure>> + use<>> {
        self.list()
    }

    /// Begins the list of differences anew, as [`AccountStore::list_failures`] does.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn list_differences(&self) -> Result<ListWriter<Difference>> {
        self.begin_list()
    }

    /// The differences that the last verification found, all of them.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::failure_count`].
    pub fn differences(&self) -> Result<impl Iterator<Item = Result<Difference>> + use<>> {
        self.list()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;
    use crate::store::tests::open;

    fn failure(uid: u32) -> KeptFailure {
        KeptFailure { mailbox: Some("INBOX".to_owned()), uid: Some(Uid(uid)), line: format!("refused: {uid}") }
    }

    fn listed(account: &AccountStore) -> Vec<KeptFailure> {
        account.failures().unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn all_failures_come_back_in_order_and_the_next_list_replaces_them() {
        let (_directory, store) = open();
        let (alice, bob) = (store.account("alice"), store.account("bob"));
        for count in [1000, 3, 0] {
            let mut list = alice.list_failures().unwrap();
            (1..=count).for_each(|uid| list.add(failure(uid)).unwrap());
            assert_eq!(alice.failure_count().unwrap(), 0, "there is none while it is written");
            list.finish().unwrap();
            assert_eq!(alice.failure_count().unwrap(), u64::from(count));
            assert_eq!(listed(&alice), (1..=count).map(failure).collect::<Vec<_>>());
        }
        assert_eq!(listed(&bob), []);
    }

    #[test]
    fn list_that_was_cut_off_is_none() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let mut list = account.list_failures().unwrap();
        (1..=1000).for_each(|uid| list.add(failure(uid)).unwrap());
        drop(list);
        assert_eq!(listed(&account), []);
    }
}

//! The failures of the last run of an account, all of them: what a run holds in memory is only the first.
//!
//! They are written as they come. While a list is being written there is none: the header goes first and comes back last.

use super::account::AccountStore;
use super::codec::stored;
use super::kinds::StoredKind;
use crate::error::Result;
use crate::model::failures::KeptFailure;
use serde::{Deserialize, Serialize};

/// Failures in a piece: some ten KiB.
const PIECE_FAILURES: usize = 128;

#[derive(Serialize, Deserialize)]
struct FailuresHeader {
    count: u64,
}

#[derive(Serialize, Deserialize)]
struct FailuresPiece(Vec<KeptFailure>);

stored! {
    FailuresHeader => StoredKind::Failures, "the header of the list of failures";
    FailuresPiece => StoredKind::FailuresPiece, "a piece of the list of failures";
}

impl AccountStore {
    /// Begins the list anew; there is none until [`FailureWriter::finish`].
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn list_failures(&self) -> Result<FailureWriter> {
        self.database().clear(&self.id.failures())?;
        self.database().clear(&self.id.failure_pieces())?;
        Ok(FailureWriter { account: self.clone(), piece: Vec::new(), pieces: 0, count: 0 })
    }

    /// How many failures are listed.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), [`Kind::Damaged`](crate::error::Kind::Damaged).
    pub fn failure_count(&self) -> Result<u64> {
        let header = self.database().load::<FailuresHeader>(&self.id.failures()).map_err(|error| self.named(error))?;
        Ok(header.map_or(0, |header| header.count))
    }

    /// The list, in the order in which they came; without a header there is none.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::failure_count`].
    pub fn failures(&self) -> Result<impl Iterator<Item = Result<KeptFailure>>> {
        let listed = self.failure_count()? > 0;
        let pieces = listed.then(|| self.database().load_all::<FailuresPiece>(&self.id.failure_pieces()));
        Ok(pieces.into_iter().flatten().flat_map(|piece| match piece {
            Ok(FailuresPiece(failures)) => failures.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }))
    }
}

/// A list of failures being written.
pub struct FailureWriter {
    account: AccountStore,
    piece: Vec<KeptFailure>,
    pieces: u32,
    count: u64,
}

impl FailureWriter {
    /// Adds a failure.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn add(&mut self, failure: KeptFailure) -> Result<()> {
        self.piece.push(failure);
        self.count += 1;
        if self.piece.len() < PIECE_FAILURES { Ok(()) } else { self.write() }
    }

    /// Ends the list.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn finish(mut self) -> Result<()> {
        if !self.piece.is_empty() {
            self.write()?;
        }
        self.account.database().store(&self.account.id.failures(), &FailuresHeader { count: self.count })
    }

    fn write(&mut self) -> Result<()> {
        let piece = FailuresPiece(std::mem::take(&mut self.piece));
        self.account.database().store(&self.account.id.failure_piece(self.pieces), &piece)?;
        self.pieces += 1;
        Ok(())
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

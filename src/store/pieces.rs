//! Lists of any length, which a run writes as they come, in pieces: what it holds in memory is only the first of them.
//!
//! While a list is being written there is none: the header goes first and comes back last.

use super::account::AccountStore;
use super::codec::Stored;
use super::keys::AccountId;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Entries in a piece: some ten KiB.
const PIECE_ENTRIES: usize = 128;

/// What stands over a list.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Header<T> {
    count: u64,
    #[serde(skip)]
    of: PhantomData<T>,
}

/// A part of a list.
#[derive(Serialize, Deserialize)]
pub struct Piece<T>(Vec<T>);

/// An entry of a list; an account has one of each type.
pub trait Listed: Sized
where
    Header<Self>: Stored,
    Piece<Self>: Stored,
{
    /// The key of the header, and what those of all pieces begin with.
    fn keys(account: AccountId) -> [Vec<u8>; 2];
}

impl AccountStore {
    /// Begins the list anew; there is none until [`ListWriter::finish`].
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub(super) fn begin_list<T: Listed>(&self) -> Result<ListWriter<T>>
    where
        Header<T>: Stored,
        Piece<T>: Stored,
    {
        let [header, pieces] = T::keys(self.id);
        self.database().clear(&header)?;
        self.database().clear(&pieces)?;
        Ok(ListWriter { account: self.clone(), piece: Vec::new(), pieces: 0, count: 0 })
    }

    /// How many entries the list has.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), [`Kind::Damaged`](crate::error::Kind::Damaged).
    pub(super) fn list_count<T: Listed>(&self) -> Result<u64>
    where
        Header<T>: Stored,
        Piece<T>: Stored,
    {
        let [header, _] = T::keys(self.id);
        let header = self.database().load::<Header<T>>(&header).map_err(|error| self.named(error))?;
        Ok(header.map_or(0, |header| header.count))
    }

    /// The list, in the order in which its entries came; without a header there is none.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::list_count`].
    pub(super) fn list<T: Listed>(&self) -> Result<impl Iterator<Item = Result<T>> + use<T>>
    where
        Header<T>: Stored,
        Piece<T>: Stored,
    {
        let [_, pieces] = T::keys(self.id);
        let pieces = (self.list_count::<T>()? > 0).then(|| self.database().load_all::<Piece<T>>(&pieces));
        Ok(pieces.into_iter().flatten().flat_map(|piece| match piece {
            Ok(Piece(entries)) => entries.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }))
    }
}

/// A list being written.
pub struct ListWriter<T> {
    account: AccountStore,
    piece: Vec<T>,
    pieces: u32,
    count: u64,
}

impl<T: Listed> ListWriter<T>
where
    Header<T>: Stored,
    Piece<T>: Stored,
{
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn add(&mut self, entry: T) -> Result<()> {
        self.piece.push(entry);
        self.count += 1;
        if self.piece.len() < PIECE_ENTRIES { Ok(()) } else { self.write() }
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
        let [header, _] = T::keys(self.account.id);
        self.account.database().store(&header, &Header::<T> { count: self.count, of: PhantomData })
    }

    fn write(&mut self) -> Result<()> {
        let [_, pieces] = T::keys(self.account.id);
        let key = [&pieces[..], &self.pieces.to_be_bytes()].concat();
        self.account.database().store(&key, &Piece(std::mem::take(&mut self.piece)))?;
        self.pieces += 1;
        Ok(())
    }
}

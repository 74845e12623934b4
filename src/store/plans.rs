//! The plan of an account, cut into pieces: a plan for a million messages is larger than any one value should be.
//!
//! A plan is one stream of octets, and a mailbox may begin and end anywhere in a piece. While a plan is being replaced
//! there is none: the header goes first and comes back last. One that is a single piece, as it is of most accounts that are
//! at rest, is replaced by another in one batch.

use super::account::AccountStore;
use super::codec::{self, Flaw, Stored, stored};
use super::database::{Changes, Walk};
use super::kinds::StoredKind;
use super::tally::Tally;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::AccountPlan;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read, Write};

/// Octets in a piece: well below the size from which sled keeps a value in a file of its own.
const PIECE_OCTETS: usize = 64 << 10;

/// The largest plan that is read: tens of millions of flag updates.
const PLAN_OCTETS: usize = 1 << 30;

#[derive(Serialize, Deserialize)]
struct PlanHeader {
    /// The pieces.
    tally: Tally,
    /// It was made by an older version, and is to be made again.
    #[serde(skip)]
    outdated: bool,
}

#[derive(Serialize, Deserialize)]
struct Piece(Vec<u8>);

impl Stored for PlanHeader {
    const KIND: StoredKind = StoredKind::Plan;
    const NOUN: &'static str = "the header of the plan";

    fn from_older(_version: u8, _payload: &[u8]) -> Option<std::result::Result<Self, Flaw>> {
        Some(Ok(PlanHeader { tally: Tally::default(), outdated: true }))
    }
}

stored! {
    Piece => StoredKind::PlanPiece, "a piece of the plan";
}

impl AccountStore {
    /// Replaces the plan.
    pub fn put_plan(&self, plan: &AccountPlan) -> Result<()> {
        let _alone = self.store.alone();
        let mut writer =
            PieceWriter { account: self, piece: Vec::new(), tally: Tally::default(), begun: false, failure: None };
        let written = bincode::serde::encode_into_std_write(plan, &mut writer, bincode::config::standard());
        if let Some(failure) = writer.failure.take() {
            return Err(failure);
        }
        written.map_err(|why| self.unwritten_plan(why))?;
        let before = self.database().load::<PlanHeader>(&self.id.plan()).ok().flatten();
        if !(writer.begun || before.is_some_and(|before| !before.outdated && before.tally.count == 1)) {
            writer.begin()?;
        }
        writer.finish()
    }

    /// The plan that was made last.
    ///
    /// # Errors
    ///
    /// [`Kind::Damaged`] of scope account if it is damaged; it is to be made again.
    pub fn plan(&self) -> Result<Option<AccountPlan>> {
        let header = self.database().load::<PlanHeader>(&self.id.plan()).map_err(|error| self.unread_plan(error))?;
        header.filter(|header| !header.outdated).map(|header| self.read_pieces(header.tally)).transpose()
    }

    fn read_pieces(&self, expected: Tally) -> Result<AccountPlan> {
        let walk = self.database().walk(&self.id.plan_pieces());
        let mut reader = PieceReader { walk, piece: Vec::new(), taken: 0, tally: Tally::default(), failure: None };
        let limited = bincode::config::standard().with_limit::<PLAN_OCTETS>();
        let read = bincode::serde::decode_from_std_read(&mut reader, limited).map_err(|why| why.to_string());
        let read = read.and_then(|plan| match reader.read(&mut [0]) {
            Ok(0) if reader.tally == expected => Ok(plan),
            Ok(_) => Err("pieces are lost or left over".to_owned()),
            Err(why) => Err(why.to_string()),
        });
        match reader.failure {
            Some(failure) => Err(self.unread_plan(failure)),
            None => read.map_err(|why| self.damaged_plan(why)),
        }
    }

    /// What is damaged is only the plan; that the state cannot be read at all stays what it is.
    fn unread_plan(&self, error: Error) -> Error {
        if *error.kind() == Kind::Damaged { self.damaged_plan(error.summary()) } else { error }
    }

    fn unwritten_plan(&self, why: impl fmt::Display) -> Error {
        Error::new(Kind::State, "could not store the plan").scope(Scope::Account).in_account(self.name()).because(why)
    }

    fn damaged_plan(&self, why: impl fmt::Display) -> Error {
        Error::new(Kind::Damaged, "the state is damaged: the plan cannot be read")
            .scope(Scope::Account)
            .in_account(self.name())
            .because(why)
            .hint(format!("run `mailferry plan {}` again", self.name()))
    }
}

/// Stores what is written to it as pieces, but for the last one.
struct PieceWriter<'a> {
    account: &'a AccountStore,
    piece: Vec<u8>,
    tally: Tally,
    /// The plan of before is gone.
    begun: bool,
    /// Why the state could not be written: an [`io::Error`] would only hold its words.
    failure: Option<Error>,
}

impl PieceWriter<'_> {
    /// Forgets the plan of before, the header first.
    fn begin(&mut self) -> Result<()> {
        self.begun = true;
        let (database, id) = (self.account.database(), self.account.id);
        database.clear(&id.plan())?;
        database.clear(&id.plan_pieces())
    }

    fn store_piece(&mut self) -> Result<()> {
        if !self.begun {
            self.begin()?;
        }
        let mut changes = Changes::default();
        self.seal_piece_into(&mut changes)?;
        self.account.database().apply(changes)
    }

    fn seal_piece_into(&mut self, changes: &mut Changes) -> Result<()> {
        let number = u32::try_from(self.tally.count).unwrap_or(u32::MAX);
        let key = self.account.id.plan_piece(number);
        let sealed = codec::encode(&key, &Piece(std::mem::take(&mut self.piece)))?;
        self.tally.add(&sealed);
        changes.put_sealed(&key, sealed);
        Ok(())
    }

    /// The last piece, and the header.
    fn finish(mut self) -> Result<()> {
        let mut changes = Changes::default();
        if !self.piece.is_empty() {
            self.seal_piece_into(&mut changes)?;
        }
        changes.put(&self.account.id.plan(), &PlanHeader { tally: self.tally, outdated: false })?;
        self.account.database().apply(changes)
    }
}

impl Write for PieceWriter<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.piece.len() == PIECE_OCTETS {
            self.store_piece().map_err(|error| {
                let told = io::Error::other(error.summary());
                self.failure.get_or_insert(error);
                told
            })?;
        }
        let taken = octets.len().min(PIECE_OCTETS - self.piece.len());
        self.piece.extend_from_slice(&octets[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads pieces as one stream.
struct PieceReader {
    walk: Walk,
    piece: Vec<u8>,
    taken: usize,
    tally: Tally,
    /// As that of [`PieceWriter`].
    failure: Option<Error>,
}

impl PieceReader {
    /// Whether there is another piece.
    fn load_piece(&mut self) -> Result<bool> {
        let Some(entry) = self.walk.next() else { return Ok(false) };
        let (key, octets) = entry?;
        self.tally.add(&octets);
        self.piece = codec::decode_or_damage::<Piece>(&key, &octets)?.0;
        self.taken = 0;
        Ok(true)
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() {
            match self.load_piece() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    let told = io::Error::other(error.summary());
                    self.failure.get_or_insert(error);
                    return Err(told);
                }
            }
        }
        let length = buffer.len().min(self.piece.len() - self.taken);
        buffer[..length].copy_from_slice(&self.piece[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::{Doubt, MailboxPlan, Skipped, Whose};
    use crate::model::{Losses, Uid, UidSet, UidValidity};
    use crate::store::tests::{name, open};

    fn plan(mailboxes: usize, skipped: u32) -> AccountPlan {
        let mailbox = MailboxPlan {
            source: name("INBOX"),
            destination: name("INBOX"),
            source_validity: UidValidity(1),
            destination_validity: None,
            revisions: (1, 0),
            create: true,
            special_use: None,
            subscribe: false,
            copies: UidSet::range(Uid(1), Uid(1_000_000)),
            moves: Vec::new(),
            octets: 9,
            flag_updates: Vec::new(),
            skipped: (1..=skipped)
                .map(|uid| Skipped { uid: Uid(uid), reason: "too large".to_owned(), whose: Whose::Settings })
                .collect(),
            departed: UidSet::new(),
            doubt: Doubt::default(),
            not_found_again: UidSet::new(),
            deletions: Vec::new(),
            kept: 0,
            second_copies: Vec::new(),
            replaced: UidSet::new(),
            guard: None,
            present: 0,
            copied: 0,
            losses: Losses::default(),
        };
        AccountPlan {
            account: "alice".to_owned(),
            generation: 3,
            policy: [7; 16],
            mailboxes: vec![mailbox; mailboxes],
            omitted: Vec::new(),
            renames: Vec::new(),
            leftovers: 0,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn plan_larger_than_a_piece_comes_back() {
        let (_directory, store) = open();
        let account = store.account("alice");
        assert_eq!(account.plan().unwrap(), None);
        for plan in [plan(3, 30_000), plan(1, 0), plan(0, 0)] {
            account.put_plan(&plan).unwrap();
            assert_eq!(account.plan().unwrap(), Some(plan));
        }
    }

    #[test]
    fn plan_without_one_of_its_pieces_is_damaged() {
        for piece in 0..3 {
            let (_directory, store) = open();
            let account = store.account("alice");
            account.put_plan(&plan(1, 14_000)).unwrap();
            account.database().clear(&account.id.plan_piece(piece)).unwrap();
            assert_eq!(account.plan().unwrap_err().reach(), Scope::Account);
            account.put_plan(&plan(1, 1)).unwrap();
            assert!(account.plan().is_ok());
        }
    }

    /// Else a disk that is full would be the account's own failure, and the run would go on.
    #[test]
    fn plan_that_finds_no_room_ends_the_run_as_all_that_finds_none() {
        for skipped in [1, 30_000] {
            let (_directory, store) = open();
            let account = store.account("alice");
            account.database().refuse_writes(true);
            let error = account.put_plan(&plan(1, skipped)).unwrap_err();
            assert_eq!((error.kind(), error.reach()), (&Kind::State, Scope::Run), "{}", error.line());
            account.database().refuse_writes(false);
            account.put_plan(&plan(1, skipped)).unwrap();
        }
    }

    #[test]
    fn plan_of_an_older_version_is_none() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let key = account.id.plan();
        let older = codec::sealed(&key, &[2, PlanHeader::KIND as u8, 1, 1]);
        account.database().guarded(|tree| tree.insert(&key, older)).unwrap();
        assert_eq!(account.plan().unwrap(), None);
    }

    #[test]
    fn plan_cut_off_while_being_replaced_is_none() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_plan(&plan(1, 1)).unwrap();
        account.database().clear(&account.id.plan()).unwrap();
        assert_eq!(account.plan().unwrap(), None);
    }

    /// A plan that is one piece takes the place of another in one batch; a larger one is cleared first.
    #[test]
    fn plans_of_any_size_replace_each_other() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let pieces = || account.database().walk(&account.id.plan_pieces()).count();
        for (mailboxes, skipped) in [(1, 1), (2, 0), (50, 5_000), (1, 0), (3, 1), (40, 6_000), (50, 5_000), (0, 0)] {
            account.put_plan(&plan(mailboxes, skipped)).unwrap();
            assert_eq!(account.plan().unwrap(), Some(plan(mailboxes, skipped)));
            assert_eq!(pieces() > 1, skipped > 1_000, "{mailboxes}, {skipped}: {}", pieces());
        }
    }
}

//! Where each value stands. One tree; all of an account lies together, in it all of a mailbox, in UID order.
//!
//! ```text
//! 00                                             the schema
//! 01 account(16)                                 the account's header, which holds its name
//! 02 account(16) table(1) …                      the account's data:
//!    'A' side(1)                                 what is known of a server
//!    'N' side(1)                                 what its listing names besides the user's mailboxes
//!    'M' side(1) mailbox(16)                     header of a listing
//!    'R' mailbox(16) leaf(4, big-endian)         message records, those of 64 consecutive UIDs
//!    'G' mailbox(16)                             what a person agreed to, by source mailbox
//!    'Q' mailbox(16)                             what the user's own search found, by source mailbox
//!    'J' mailbox(16)                             copies that are not what was sent, by source mailbox
//!    'n' mailbox(16)                             old copies of messages that were moved, by the source mailbox that they left
//!    'g' mailbox(16)                             what a pair stood on when nothing was to be done, by its source mailbox
//!    'j' mailbox(16)                             what changed in a listing since then, of either side
//!    'l' mailbox(16)                             from where on appends of ours may have landed late, of either side
//!    'q'                                         how the account stood when there was nothing to do either way
//!    'r' mailbox(16)                             what the destination is to rename, by source mailbox
//!    'P' mailbox(16)                             header of a pair, by its source mailbox
//!    'p' mailbox(16)                             the same of a pair that stands the other way round
//!    'L' mailbox(16) leaf(4, big-endian)         links, by their source UIDs, likewise
//!    'K' mailbox(16) leaf(4, big-endian)         links again: the header of the pair says which of the two tables holds
//!    'X' mailbox(16) leaf(4, big-endian)         exceptions, by their source UIDs, likewise
//!    'C' mailbox(16) leaf(4, big-endian)         what was read of messages, likewise
//!    'v' mailbox(16) leaf(4, big-endian)         copies that were read and are what their source messages are, by these, likewise
//!    'V' mailbox(16) leaf(4, big-endian)         copies to be replaced, by their destination UIDs, likewise
//!    'W' mailbox(16) leaf(4, big-endian)         what must outlive source UIDs of messages without a link, by these, likewise
//!    'O' mailbox(16) leaf(4, big-endian)         what Gmail knows messages by, likewise
//!    'T'                                         header of the plan
//!    'U' number(4, big-endian)                   a piece of the plan
//!    'S'                                         the status
//!    'Y'                                         the last attempt
//!    'B'                                         what the last verification found
//!    'H'                                         the runs that were
//!    'I'                                         header of the list of differences that it found
//!    'Z' number(4, big-endian)                   a piece of that list
//!    'D' mailbox(16) uid(4, big-endian)          who sent a message that is named
//!    'F'                                         header of the list of failures
//!    'E' number(4, big-endian)                   a piece of that list
//! ```
//!
//! A side is the one that the settings call so, whichever way mail goes: what stands under a mailbox stands there both ways.
//!
//! `account` and `mailbox` are the first 16 octets of a SHA-256 of the name (of the side and the raw name), so that a
//! key has a fixed length whatever a server calls its mailboxes. The names themselves stand in the headers.

use crate::model::{Direction, RawName, Side, Uid};
use sha2::{Digest as _, Sha256};

const SCHEMA: u8 = 0;
const ACCOUNT: u8 = 1;
const DATA: u8 = 2;

/// The account's octets in a key, and which way its data is looked at.
#[derive(Clone, Copy)]
pub struct AccountId([u8; 16], Direction);

/// The octets in a key of one mailbox of one side.
#[derive(Clone, Copy)]
pub(super) struct MailboxId([u8; 16]);

/// What stands under a mailbox, message by message.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum PerMessage {
    Record = b'R',
    Link = b'L',
    CarriedLink = b'K',
    Exception = b'X',
    Content = b'C',
    Replaced = b'V',
    Remembered = b'W',
    GmailId = b'O',
    Verified = b'v',
}

impl AccountId {
    pub(super) fn new(name: &str) -> Self {
        AccountId(cut(Sha256::digest(name)), Direction::Forward)
    }

    /// Of what stands aside from the account of that name.
    pub(super) fn aside(name: &str) -> Self {
        AccountId(cut(Sha256::new().chain_update(b"aside\0").chain_update(name).finalize()), Direction::Forward)
    }

    /// The same, looked at that way.
    pub(super) fn facing(self, direction: Direction) -> Self {
        AccountId(self.0, direction)
    }

    /// Which way it is looked at.
    pub(super) fn direction(self) -> Direction {
        self.1
    }

    /// The account's header.
    pub(super) fn header(self) -> Vec<u8> {
        [&[ACCOUNT], &self.0[..]].concat()
    }

    /// What all of the account's data begins with; the header is not part of it.
    pub(super) fn data(self) -> Vec<u8> {
        [&[DATA], &self.0[..]].concat()
    }

    /// What its headers begin with: without them, the rest is what a crash may leave, and nothing is read of it.
    pub(super) fn headers(self) -> [Vec<u8>; 7] {
        [b'M', b'P', b'p', b'T', b'S', b'F', b'I'].map(|table| self.table(table, &[]))
    }

    pub(super) fn side(self, side: Side) -> Vec<u8> {
        self.table(b'A', &[self.octet(side)])
    }

    pub(super) fn names(self, side: Side) -> Vec<u8> {
        self.table(b'N', &[self.octet(side)])
    }

    /// What all headers of listings of one side begin with.
    pub(super) fn listings(self, side: Side) -> Vec<u8> {
        self.table(b'M', &[self.octet(side)])
    }

    pub(super) fn listing(self, side: Side, mailbox: &RawName) -> Vec<u8> {
        self.table(b'M', &[&[self.octet(side)], &self.mailbox(side, mailbox).0[..]].concat())
    }

    pub(super) fn agreement(self, source: &RawName) -> Vec<u8> {
        self.table(b'G', &self.mailbox(Side::Source, source).0)
    }

    pub(super) fn found(self, source: &RawName) -> Vec<u8> {
        self.table(b'Q', &self.mailbox(Side::Source, source).0)
    }

    pub(super) fn spoilt(self, source: &RawName) -> Vec<u8> {
        self.table(b'J', &self.mailbox(Side::Source, source).0)
    }

    /// What all lists of old copies begin with.
    pub(super) fn leftovers(self) -> Vec<u8> {
        self.table(b'n', &[])
    }

    pub(super) fn leftovers_of(self, source: &RawName) -> Vec<u8> {
        self.table(b'n', &self.mailbox(Side::Source, source).0)
    }

    pub(super) fn late(self, side: Side, mailbox: &RawName) -> Vec<u8> {
        self.table(b'l', &self.mailbox(side, mailbox).0)
    }

    pub(super) fn settlement(self, source: &RawName) -> Vec<u8> {
        self.table(b'g', &self.mailbox(Side::Source, source).0)
    }

    pub(super) fn journal(self, side: Side, mailbox: &RawName) -> Vec<u8> {
        self.table(b'j', &self.mailbox(side, mailbox).0)
    }

    pub(super) fn quiet(self) -> Vec<u8> {
        self.table(b'q', &[])
    }

    /// What all notes of mailboxes that are to be renamed begin with.
    pub(super) fn renamings(self) -> Vec<u8> {
        self.table(b'r', &[])
    }

    pub(super) fn renaming(self, source: &RawName) -> Vec<u8> {
        self.table(b'r', &self.mailbox(Side::Source, source).0)
    }

    /// What all headers of pairs begin with.
    pub(super) fn pairs(self) -> Vec<u8> {
        self.table(self.table_of_pairs(), &[])
    }

    pub(super) fn pair(self, source: &RawName) -> Vec<u8> {
        self.table(self.table_of_pairs(), &self.mailbox(Side::Source, source).0)
    }

    /// What all entries of that table for one mailbox begin with.
    pub(super) fn entries(self, table: PerMessage, mailbox: MailboxId) -> Vec<u8> {
        self.table(table as u8, &mailbox.0)
    }

    /// What all of that table begins with.
    pub(super) fn all(self, table: PerMessage) -> Vec<u8> {
        self.table(table as u8, &[])
    }

    pub(super) fn plan(self) -> Vec<u8> {
        self.table(b'T', &[])
    }

    /// What all pieces of the plan begin with.
    pub(super) fn plan_pieces(self) -> Vec<u8> {
        self.table(b'U', &[])
    }

    pub(super) fn plan_piece(self, number: u32) -> Vec<u8> {
        self.table(b'U', &number.to_be_bytes())
    }

    pub(super) fn status(self) -> Vec<u8> {
        self.table(b'S', &[])
    }

    pub(super) fn attempt(self) -> Vec<u8> {
        self.table(b'Y', &[])
    }

    pub(super) fn verification(self) -> Vec<u8> {
        self.table(b'B', &[])
    }

    pub(super) fn runs(self) -> Vec<u8> {
        self.table(b'H', &[])
    }

    pub(super) fn differences(self) -> Vec<u8> {
        self.table(b'I', &[])
    }

    /// What all pieces of the list of differences begin with.
    pub(super) fn difference_pieces(self) -> Vec<u8> {
        self.table(b'Z', &[])
    }

    pub(super) fn about(self, source: &RawName, uid: Uid) -> Vec<u8> {
        let mailbox = self.mailbox(Side::Source, source);
        self.table(b'D', &[&mailbox.0[..], &uid.0.to_be_bytes()].concat())
    }

    pub(super) fn failures(self) -> Vec<u8> {
        self.table(b'F', &[])
    }

    /// What all pieces of the list of failures begin with.
    pub(super) fn failure_pieces(self) -> Vec<u8> {
        self.table(b'E', &[])
    }

    /// The octets of a mailbox of that side.
    pub(super) fn mailbox(self, side: Side, mailbox: &RawName) -> MailboxId {
        MailboxId(cut(Sha256::new().chain_update([self.octet(side)]).chain_update(&mailbox.0).finalize()))
    }

    fn octet(self, side: Side) -> u8 {
        match self.1.named(side) {
            Side::Source => b's',
            Side::Destination => b'd',
        }
    }

    /// Pairs of the two ways never stand beside each other for long; what a crash leaves is told apart.
    fn table_of_pairs(self) -> u8 {
        match self.1 {
            Direction::Forward => b'P',
            Direction::Reversed => b'p',
        }
    }

    fn table(self, table: u8, rest: &[u8]) -> Vec<u8> {
        [&[DATA], &self.0[..], &[table], rest].concat()
    }
}

pub(super) fn schema() -> Vec<u8> {
    vec![SCHEMA]
}

/// What all headers of accounts begin with.
pub(super) fn all_accounts() -> Vec<u8> {
    vec![ACCOUNT]
}

/// The key of one leaf under what all entries of its mailbox begin with.
pub(super) fn leaf_under(entries: &[u8], number: u32) -> Vec<u8> {
    [entries, &number.to_be_bytes()].concat()
}

/// The number of the leaf at the end of its key.
pub(super) fn leaf_of(key: &[u8]) -> Option<u32> {
    key.last_chunk().map(|octets| u32::from_be_bytes(*octets))
}

fn cut(full: impl Into<[u8; 32]>) -> [u8; 16] {
    crate::model::Digest::from_sha256(full.into()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> RawName {
        RawName(b"INBOX".to_vec())
    }

    #[test]
    fn leaves_sort_by_number_and_never_mix_mailboxes() {
        let account = AccountId::new("alice");
        let (source, destination) =
            (account.mailbox(Side::Source, &inbox()), account.mailbox(Side::Destination, &inbox()));
        let key = |number| leaf_under(&account.entries(PerMessage::Record, source), number);
        assert!(key(1) < key(255) && key(255) < key(256) && key(256) < key(u32::MAX));
        assert!(!key(1).starts_with(&account.entries(PerMessage::Record, destination)));
        assert_eq!(leaf_of(&key(70_000)), Some(70_000));
    }

    #[test]
    fn what_stands_under_a_mailbox_stands_there_both_ways_and_pairs_do_not() {
        let forward = AccountId::new("alice");
        let back = forward.facing(Direction::Reversed);
        assert_eq!(forward.listing(Side::Source, &inbox()), back.listing(Side::Destination, &inbox()));
        assert_eq!(forward.side(Side::Destination), back.side(Side::Source));
        assert!(!back.pair(&inbox()).starts_with(&forward.pairs()));
        assert!(back.headers().iter().any(|headers| back.pair(&inbox()).starts_with(headers)));
    }

    #[test]
    fn data_of_one_account_holds_all_but_its_header() {
        let (alice, bob) = (AccountId::new("alice"), AccountId::new("bob"));
        for key in [alice.side(Side::Source), alice.pair(&inbox()), alice.plan_piece(7), alice.status()] {
            assert!(key.starts_with(&alice.data()));
            assert!(!key.starts_with(&bob.data()));
        }
        assert!(!alice.header().starts_with(&alice.data()));
    }
}

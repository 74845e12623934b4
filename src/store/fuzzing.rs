//! What holds of the state whatever stands on the disk. Each function panics where its property does not hold.
//!
//! A checksum keeps chance out, so the payloads are sealed here as if they had been written: what is decoded of them
//! must still be a value that the program can go on with.

use super::account::AccountHeader;
use super::codec::{self, SCHEMA, Stored};
use super::contents::KnownContent;
use super::gmail_ids::KnownId;
use super::keys::{self, AccountId, PerMessage};
use super::leaves::{self, Leaf};
use super::mailbox_header::MailboxHeader;
use super::pair_header::PairHeader;
use crate::model::fuzzing::{check_flags, check_uids};
use crate::model::plan::AccountPlan;
use crate::model::statistics::AccountStatus;
use crate::model::{Link, MessageRecord, Outcome, RawName, Side, SideState, Uid};

const KEY: &[u8] = b"key";

/// Records: octets that nobody sealed are refused, and what is decoded of sealed ones is encoded the same from then on.
pub fn records(octets: &[u8]) {
    settle::<()>(octets);
    let records = settle::<Leaf<MessageRecord>>(octets);
    records.iter().flat_map(|leaf| &leaf.0).for_each(|record| check_flags(&record.flags));
    settle::<Leaf<Link>>(octets).iter().flat_map(|leaf| &leaf.0).for_each(|link| check_flags(&link.agreed));
    settle::<Leaf<(Uid, Outcome)>>(octets);
    settle::<Leaf<KnownContent>>(octets);
    settle::<Leaf<KnownId>>(octets);
    settle::<SideState>(octets);
    settle::<AccountStatus>(octets);
    settle::<AccountHeader>(octets);
    settle::<MailboxHeader>(octets);
    settle::<PairHeader>(octets);
}

/// The value that this payload is, if it is one.
fn settle<T: Stored>(payload: &[u8]) -> Option<T> {
    assert!(codec::decode::<T>(KEY, payload).is_err(), "a value that nobody sealed");
    let value = codec::decode::<T>(KEY, &codec::sealed(KEY, &[&[SCHEMA, T::KIND as u8], payload].concat())).ok()?;
    let written = codec::encode(KEY, &value).expect("what was decoded can be encoded");
    let again = codec::decode::<T>(KEY, &written).expect("what was encoded can be decoded");
    assert_eq!(codec::encode(KEY, &again).expect("and again"), written);
    Some(value)
}

/// Plans: what is decoded can be done, or refused, without harm.
pub fn plans(octets: &[u8]) {
    let limited = bincode::config::standard().with_limit::<{ 1 << 24 }>();
    let Ok((plan, _)) = bincode::serde::decode_from_slice::<AccountPlan, _>(octets, limited) else { return };
    for mailbox in &plan.mailboxes {
        check_uids(&mailbox.copies);
        check_uids(&mailbox.departed);
        let flags = mailbox.flag_updates.iter().flat_map(|update| [&update.add, &update.remove, &update.agreed]);
        flags.for_each(check_flags);
    }
    let written = bincode::serde::encode_to_vec(&plan, bincode::config::standard()).expect("a plan can be written");
    let again = bincode::serde::decode_from_slice::<AccountPlan, _>(&written, limited);
    assert_eq!(again.map(|(again, _)| again).ok(), Some(plan));
}

/// Keys: those of one mailbox's leaves lie together, in the order of their UIDs, whatever it is called.
pub fn keys(octets: &[u8]) {
    let (name, rest) = octets.split_at(octets.len() / 2);
    let account = AccountId::new(&String::from_utf8_lossy(rest));
    let [source, destination] = Side::BOTH.map(|side| account.mailbox(side, &RawName(name.to_vec())));
    let uids = rest.chunks_exact(4).map(|uid| Uid(u32::from_be_bytes([uid[0], uid[1], uid[2], uid[3]])));
    let entries = account.entries(PerMessage::Record, source);
    let mut sorted: Vec<_> = uids.map(leaves::number).map(|leaf| (keys::leaf_under(&entries, leaf), leaf)).collect();
    sorted.sort();
    assert!(sorted.is_sorted_by_key(|(_, leaf)| *leaf));
    for (key, leaf) in sorted {
        assert_eq!(keys::leaf_of(&key), Some(leaf));
        assert!(key.starts_with(&entries) && key.starts_with(&account.data()));
        assert!(!key.starts_with(&account.entries(PerMessage::Record, destination)));
        assert!(!key.starts_with(&account.entries(PerMessage::Link, source)));
    }
}

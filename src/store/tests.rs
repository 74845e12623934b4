//! What the tests of the store begin with.

use super::{AccountStore, Store};
use crate::model::*;
use std::path::Path;
use tempfile::TempDir;

pub(super) fn open() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let (store, notices) = Store::open(directory.path()).unwrap();
    assert_eq!(notices, Vec::<String>::new());
    (directory, store)
}

pub(super) fn name(path: &str) -> MailboxName {
    MailboxName { raw: RawName(path.as_bytes().to_vec()), levels: path.split('/').map(str::to_owned).collect() }
}

pub(super) fn inbox() -> RawName {
    name("INBOX").raw
}

pub(super) fn record(uid: u32) -> MessageRecord {
    let texts = if uid.is_multiple_of(2) { &["\\Seen", "$Forwarded"][..] } else { &[] };
    MessageRecord {
        uid: Uid(uid),
        octets: 1000 + u64::from(uid),
        internal_date: (!uid.is_multiple_of(5)).then_some(InternalDate(1_700_000_000 + i64::from(uid))),
        flags: Flags::from_texts(texts.iter().copied()),
        identity: Some(Digest(std::array::from_fn(|index| (uid as u8).wrapping_mul(31).wrapping_add(index as u8)))),
    }
}

pub(super) fn state() -> MailboxState {
    MailboxState {
        name: name("INBOX"),
        delimiter: Some('/'),
        attributes: vec![Attribute::NoInferiors],
        subscribed: true,
        sync_point: Some(SyncPoint { uid_validity: UidValidity(1), messages: 3, ..SyncPoint::default() }),
        capacity: FlagCapacity::everything(),
        octets: 0,
        records: 0,
        revision: 0,
        deltas: 0,
        identified: true,
        trouble: None,
    }
}

/// Lists INBOX with the records 1 to `records`.
pub(super) fn fill(account: &AccountStore, side: Side, records: u32) {
    let mut writer = account.relist(side, &inbox()).unwrap();
    (1..=records).for_each(|uid| writer.put(&record(uid)).unwrap());
    writer.finish(state()).unwrap();
}

pub(super) fn link(uid: u32) -> Link {
    Link {
        source: Uid(uid),
        destination: Uid(uid + 1000),
        agreed: Flags::none(),
        lost: Flags::none(),
        origin: LinkOrigin::Appended,
        octets: 12,
        date: None,
        source_octets: None,
        altered: None,
        identity: Digest([7; 16]),
    }
}

pub(super) fn remembered(uid: u32, validity: u32) -> Remembered {
    let stored = Some("it is not there".to_owned());
    Remembered { uid: Uid(uid), validity: UidValidity(validity), listed: record(uid).listed(), stored }
}

pub(super) fn pair() -> PairState {
    let pairing = Pairing {
        source: inbox(),
        source_validity: UidValidity(1),
        destination: inbox(),
        destination_validity: UidValidity(2),
    };
    PairState::new(pairing, name("INBOX"))
}

/// A copy of the database's files as they are now, as a kill would leave them.
pub(super) fn copy_of(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let (from, to) = (directory.join("database"), copy.path().join("database"));
    std::fs::create_dir_all(to.join("blobs")).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    copy
}

/// Holds store/mod.rs invariant 3.
#[test]
fn flushed_state_is_there_after_reopening() {
    let (directory, store) = open();
    let account = store.account("alice");
    fill(&account, Side::Source, 100);
    account.put_pair(&pair()).unwrap();
    account.checkpoint(&inbox(), &[link(1)], &[(Uid(2), Outcome::Vanished)]).unwrap();
    store.flush().unwrap();
    drop((store, account));
    let (store, notices) = Store::open_existing(directory.path()).unwrap();
    let account = store.account("alice");
    assert!(notices.is_empty());
    assert_eq!(account.records(Side::Source, &inbox()).unwrap().filter(|record| record.is_ok()).count(), 100);
    assert_eq!(account.links(&inbox()).unwrap().count(), 1);
    assert_eq!(account.exceptions(&inbox()).count(), 1);
}

#[test]
fn store_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn handed_on<T: Send + 'static>() {}
    shared::<Store>();
    shared::<AccountStore>();
    handed_on::<super::Records>();
    handed_on::<super::ListingWriter>();
}

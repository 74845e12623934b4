//! What mailferry spends its own processor time on, without servers: reading responses, reading listings, comparing,
//! keeping the state. `make bench` runs it, or `cargo bench --bench micro --features fuzzing [FILTER]`.

use std::env::temp_dir;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use mailferry::diff::comparing::comparison::{Apart, Appends, Comparison};
use mailferry::diff::comparing::flags::FlagHistory;
use mailferry::diff::comparing::messages::plan_mailbox;
use mailferry::diff::comparing::same::{Keeps, UNREAD};
use mailferry::diff::routing::mapping::MailboxPair;
use mailferry::engine::wire::buffered::Wire;
use mailferry::engine::wire::octets::Spool;
use mailferry::engine::wire::response::Response;
use mailferry::engine::{fuzzing, identity};
use mailferry::error::Result;
use mailferry::model::policy::Policy;
use mailferry::model::{
    Attribute, Digest, FlagCapacity, Flags, InternalDate, Link, LinkOrigin, MailboxName, MailboxState, MessageRecord,
    RawName, Side, SyncPoint, Uid, UidSet, UidValidity,
};
use mailferry::store::{AccountStore, Store};

fn main() {
    divan::main();
}

const RECORDS: u32 = 100_000;

// Framing

/// Whole messages as the source sends them, of these sizes.
#[divan::bench(args = [2_000, 31_000, 500_000])]
fn framing_of_whole_messages(bencher: Bencher, octets: usize) {
    let literal = "x".repeat(octets);
    let response = format!("* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[] {{{octets}}}\r\n{literal})\r\n");
    let sent = response.repeat((8_000_000 / response.len()).max(1)).into_bytes();
    let spool = Spool::new(temp_dir(), 0);
    bencher
        .counter(BytesCount::of_slice(&sent))
        .with_inputs(|| Wire::played(&sent, &[]))
        .bench_values(|mut wire| while Response::read(&mut wire, &spool).is_ok() {});
}

/// A first listing, read up to what is known of each message but for the identity.
#[divan::bench]
fn reading_a_listing(bencher: Bencher) {
    const LINES: u32 = 10_000;
    let line = |uid: u32| {
        let header = format!("Message-ID: <{uid:08x}.1763944@mail.example.org>\r\n\r\n");
        format!(
            "* {uid} FETCH (UID {uid} FLAGS (\\Seen NonJunk) INTERNALDATE \"17-Jul-2023 02:44:25 +0200\" RFC822.SIZE 31744 \
             BODY[HEADER.FIELDS (MESSAGE-ID)] {{{}}}\r\n{header})\r\n",
            header.len()
        )
    };
    let sent = (1..=LINES).map(line).collect::<String>().into_bytes();
    bencher
        .counter(ItemsCount::new(LINES))
        .with_inputs(|| Wire::played(&sent, &[]))
        .bench_values(|wire| assert_eq!(fuzzing::fetched_messages(wire), LINES as usize));
}

#[divan::bench]
fn identity_by_message_id(bencher: Bencher) {
    let header = b"Message-ID:\r\n <00c0ffee.1763944@mail.example.org>\r\n\r\n";
    bencher.bench(|| identity::by_message_id(black_box(header)));
}

// Comparing

fn record(uid: u32) -> MessageRecord {
    let mut digest = [0; 16];
    digest[..4].copy_from_slice(&uid.wrapping_mul(2_654_435_761).to_be_bytes());
    MessageRecord {
        uid: Uid(uid),
        octets: 2_000 + u64::from(uid % 1_000),
        internal_date: Some(InternalDate(1_700_000_000 + i64::from(uid))),
        flags: Flags::from_texts(if uid.is_multiple_of(3) { vec!["\\Seen", "NonJunk"] } else { vec!["\\Seen"] }),
        identity: Some(Digest(digest)),
    }
}

fn link(uid: u32) -> Link {
    let MessageRecord { uid, octets, flags, identity, .. } = record(uid);
    let identity = identity.expect("every record has one");
    Link {
        source: uid,
        destination: uid,
        agreed: flags,
        lost: Flags::none(),
        origin: LinkOrigin::Appended,
        octets,
        date: None,
        source_octets: None,
        altered: None,
        identity,
    }
}

fn inbox() -> MailboxState {
    let point = SyncPoint { uid_validity: UidValidity(1), uid_next: Some(Uid(RECORDS + 1)), ..SyncPoint::default() };
    MailboxState {
        name: MailboxName { raw: RawName(b"INBOX".to_vec()), levels: vec!["INBOX".to_owned()] },
        delimiter: Some('/'),
        attributes: vec![Attribute::NoInferiors],
        subscribed: true,
        sync_point: Some(SyncPoint { messages: RECORDS, ..point }),
        capacity: FlagCapacity::everything(),
        octets: 0,
        records: 0,
        revision: 0,
        deltas: 0,
        identified: true,
        trouble: None,
    }
}

/// Returns how many messages are to be copied.
fn plan(destination: &[MessageRecord], links: &[Link], source: &[MessageRecord]) -> usize {
    let state = inbox();
    let name = || state.name.clone();
    let pair = MailboxPair { source: name(), destination: name(), create: false, special_use: None, subscribe: false };
    let comparison = Comparison {
        pair: &pair,
        source: &state,
        destination: Some(&state),
        capacity: &state.capacity,
        flags: FlagHistory::default(),
        append_limit: None,
        expunges_by_uid: true,
        appends: Appends::default(),
        stored: &UidSet::new(),
        found: None,
        elsewhere: &UidSet::new(),
        merged: &UidSet::new(),
        replaced: &UidSet::new(),
        others: &UidSet::new(),
        keeps: Keeps::ALL,
        contents: UNREAD,
        apart: Apart::default(),
    };
    let links = || links.iter().cloned().map(Ok);
    let destination = || destination.iter().cloned().map(Ok);
    let source = || source.iter().cloned().map(Ok);
    plan_mailbox(&comparison, source, destination, links, &Policy::default(), &mut |_| Ok(()))
        .expect("records in memory")
        .plan
        .copies
        .len() as usize
}

fn records() -> Vec<MessageRecord> {
    (1..=RECORDS).map(record).collect()
}

/// Into an empty mailbox.
#[divan::bench(sample_count = 20)]
fn diff_of_a_first_copy(bencher: Bencher) {
    let source = records();
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| assert_eq!(plan(&[], &[], &source), RECORDS as usize));
}

/// Everything is linked.
#[divan::bench(sample_count = 20)]
fn diff_of_a_resync(bencher: Bencher) {
    let source = records();
    let links: Vec<Link> = (1..=RECORDS).map(link).collect();
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| assert_eq!(plan(&source, &links, &source), 0));
}

/// Everything is there, and nothing is known of it.
#[divan::bench(sample_count = 20)]
fn diff_that_finds_all_by_identity(bencher: Bencher) {
    let source = records();
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| assert_eq!(plan(&source, &[], &source), 0));
}

// The state

fn list(account: &AccountStore, records: &[MessageRecord]) -> Result<()> {
    let mut writer = account.relist(Side::Source, &inbox().name.raw)?;
    records.iter().try_for_each(|record| writer.put(record))?;
    writer.finish(inbox()).map(drop)
}

#[divan::bench(sample_count = 10)]
fn state_writes_a_listing(bencher: Bencher) {
    let records = records();
    bencher
        .counter(ItemsCount::new(RECORDS))
        .with_inputs(|| {
            let directory = tempfile::tempdir().expect("a directory");
            let (store, _) = Store::open(&directory.path().join("state")).expect("a new state");
            (directory, store)
        })
        .bench_values(|(directory, store)| {
            list(&store.account("alice"), &records).and_then(|()| store.flush()).expect("a listing");
            (directory, store)
        });
}

#[divan::bench(sample_count = 10)]
fn state_reads_a_listing(bencher: Bencher) {
    let directory = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(&directory.path().join("state")).expect("a new state");
    let account = store.account("alice");
    list(&account, &records()).expect("a listing");
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| {
        let records = account.records(Side::Source, &inbox().name.raw).expect("the listing");
        assert_eq!(records.filter(Result::is_ok).count(), RECORDS as usize);
    });
}

//! The octets of messages, reduced to digests as they pass: what `verify --deep` compares, and what settles whether two
//! messages are one where their listings do not. What was read for that is kept in the state, and not read again.

use crate::engine::commands::fetch::{FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::engine::{Session, content};
use crate::error::{Error, Kind, Result};
use crate::model::plan::Doubt;
use crate::model::{Content, MailboxState, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::store::AccountStore;
use std::collections::HashMap;
use std::thread;

/// Messages in one FETCH, and FETCHes in flight.
const FETCH_MESSAGES: u64 = 100;
const FETCHES_IN_FLIGHT: usize = 4;

/// Command lines stay below this.
const COMMAND_OCTETS: usize = crate::engine::commands::fetch::COMMAND_OCTETS;

/// Messages of either side that are read before what they are is recorded: what a run that is killed reads again.
const BATCH_MESSAGES: usize = 500;

/// What was read, by UID.
pub type Digests = HashMap<Uid, Content>;

/// Reads the messages of both halves of `pairs`, both sides at the same time.
///
/// # Errors
/// `Changed` when a mailbox is not the one that was listed, `Connection`.
pub fn hash_both(access: &Access<'_>, mailboxes: [&MailboxState; 2], pairs: &[(Uid, Uid)]) -> Result<[Digests; 2]> {
    let uids = [uid_set(pairs.iter().map(|pair| pair.0)), uid_set(pairs.iter().map(|pair| pair.1))];
    hash_sides(access, mailboxes, &uids)
}

fn hash_sides(access: &Access<'_>, mailboxes: [&MailboxState; 2], uids: &[UidSet; 2]) -> Result<[Digests; 2]> {
    let [source, destination] = mailboxes;
    let [ours, theirs] = uids;
    thread::scope(|scope| {
        let other = scope.spawn(|| hash_side(access, Side::Destination, destination, theirs));
        let source = hash_side(access, Side::Source, source, ours)?;
        let destination = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok([source, destination])
    })
}

/// Reads what is in doubt, batch by batch, and records it. What cannot be read stays in doubt.
///
/// `listed` is where the messages' records stand.
///
/// # Errors
/// As [`hash_both`]; `State`.
pub fn read_doubt(
    access: &Access<'_>,
    listed: &AccountStore,
    mailboxes: [&MailboxState; 2],
    doubt: &Doubt,
) -> Result<()> {
    let [ours, theirs] = [&doubt.source, &doubt.destination].map(|uids| uids.iter().collect::<Vec<Uid>>());
    let batches = ours.len().max(theirs.len()).div_ceil(BATCH_MESSAGES);
    let batch = |uids: &[Uid], number| uid_set(uids.iter().copied().skip(number * BATCH_MESSAGES).take(BATCH_MESSAGES));
    for number in 0..batches {
        access.go_on()?;
        let read = hash_sides(access, mailboxes, &[batch(&ours, number), batch(&theirs, number)])?;
        for ((side, mailbox), read) in Side::BOTH.into_iter().zip(mailboxes).zip(read) {
            record(access, listed, side, mailbox, read)?;
        }
    }
    Ok(())
}

fn record(access: &Access<'_>, listed: &AccountStore, side: Side, mailbox: &MailboxState, read: Digests) -> Result<()> {
    let mut records = listed.record_lookup(side, &mailbox.name.raw);
    let mut known = Vec::with_capacity(read.len());
    for (uid, content) in read {
        if let Some(record) = records.get(uid)? {
            known.push((record, content));
        }
    }
    let validity = mailbox.sync_point.unwrap_or_default().uid_validity;
    access.state.put_contents(side, &mailbox.name.raw, validity, &known)
}

fn uid_set(uids: impl Iterator<Item = Uid>) -> UidSet {
    let mut sorted: Vec<Uid> = uids.collect();
    sorted.sort_unstable();
    sorted.into_iter().collect()
}

fn hash_side(access: &Access<'_>, side: Side, mailbox: &MailboxState, uids: &UidSet) -> Result<Digests> {
    if uids.is_empty() {
        return Ok(Digests::new());
    }
    access.with_session(side, |session| hash_mailbox(access, session, mailbox, uids))
}

fn hash_mailbox(access: &Access<'_>, session: &mut Session, mailbox: &MailboxState, uids: &UidSet) -> Result<Digests> {
    let opened = session.open(&mailbox.name, Opening::Examine)?;
    if Some(opened.sync_point.uid_validity) != mailbox.sync_point.map(|point| point.uid_validity) {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was listed")
            .in_mailbox(&mailbox.name.path())
            .hint("run the command again"));
    }
    read_contents(access, session, uids)
}

/// Reads messages of the mailbox that is open.
///
/// # Errors
/// `Connection`. What the server does not give is not in the result.
pub fn read_contents(access: &Access<'_>, session: &mut Session, uids: &UidSet) -> Result<Digests> {
    let mut digests = Digests::new();
    let most = FETCH_MESSAGES.min(session.most_messages());
    for window in uids.chunks(COMMAND_OCTETS, most).chunks(FETCHES_IN_FLIGHT) {
        access.go_on()?;
        let tags: Vec<_> =
            window.iter().map(|set| session.send_fetch(set, "(UID BODY.PEEK[])")).collect::<Result<_>>()?;
        for tag in tags {
            session.finish_fetch(tag, |event| {
                if let FetchEvent::Message(Fetched { uid: Some(uid), body: Some(octets), .. }) = event {
                    // Zimbra sends an empty message for one that is gone.
                    if !octets.is_empty() && uids.contains(uid) {
                        digests.insert(uid, content::of_octets(&octets)?);
                    }
                }
                Ok(())
            })?;
        }
    }
    Ok(digests)
}

//! The octets of messages, reduced to their SHA-256 as they pass: what `verify --deep` compares.

use crate::engine::Session;
use crate::engine::commands::fetch::{FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result};
use crate::model::{MailboxState, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use std::collections::HashMap;
use std::thread;

/// Messages in one FETCH, and FETCHes in flight.
const FETCH_MESSAGES: u64 = 100;
const FETCHES_IN_FLIGHT: usize = 4;

/// Command lines stay below this.
const COMMAND_OCTETS: usize = crate::engine::commands::fetch::COMMAND_OCTETS;

/// UID to SHA-256.
pub type Digests = HashMap<Uid, [u8; 32]>;

/// Reads the messages of both halves of `pairs`, both sides at the same time.
///
/// # Errors
/// `Changed` when a mailbox is not the one that was listed, `Connection`.
pub fn hash_both(access: &Access<'_>, mailboxes: [&MailboxState; 2], pairs: &[(Uid, Uid)]) -> Result<[Digests; 2]> {
    let [source, destination] = mailboxes;
    let ours = uid_set(pairs.iter().map(|pair| pair.0));
    let theirs = uid_set(pairs.iter().map(|pair| pair.1));
    thread::scope(|scope| {
        let other = scope.spawn(|| hash_side(access, Side::Destination, destination, &theirs));
        let source = hash_side(access, Side::Source, source, &ours)?;
        let destination = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok([source, destination])
    })
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
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY while it was verified")
            .in_mailbox(&mailbox.name.path())
            .hint("run `mailferry verify` again"));
    }
    let mut digests = Digests::new();
    for window in uids.chunks(COMMAND_OCTETS, FETCH_MESSAGES).chunks(FETCHES_IN_FLIGHT) {
        access.go_on()?;
        let tags: Vec<_> =
            window.iter().map(|set| session.send_fetch(set, "(UID BODY.PEEK[])")).collect::<Result<_>>()?;
        for tag in tags {
            session.finish_fetch(tag, |event| {
                if let FetchEvent::Message(Fetched { uid: Some(uid), body: Some(octets), .. }) = event {
                    digests.insert(uid, octets.sha256()?);
                }
                Ok(())
            })?;
        }
    }
    Ok(digests)
}

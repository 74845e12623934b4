//! What a verification reads: the octets of every message for `--deep`, and of those that are listed in another way.
//!
//! What was read on both sides and found the same is kept in the state, window by window (`store/verified.rs`), and is not read
//! again: neither by a run that goes on where another was killed, nor by a later one, unless it is asked to.

use crate::diff::verdict::Verdict;
use crate::error::{Error, Result};
use crate::model::difference::{Difference, DifferenceKind};
use crate::model::{Content, MailboxState, MessageRecord, Side, Spoilt, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::dissection::reason;
use crate::pipeline::survey::content::{Read, read_both};
use crate::pipeline::survey::pairing::pairing;
use crate::pipeline::survey::spoiling::CopiesRead;
use crate::store::{Contents, Lookup, Verified};
use std::collections::HashSet;

/// Messages that are read before what they came to is kept, and their octets, of the source: enough for several connections, and
/// what a run that is killed reads again.
const WINDOW_MESSAGES: usize = 2_000;
const WINDOW_OCTETS: u64 = 128 << 20;

/// What is worth a write to the disk that is waited for.
const DURABLE_MESSAGES: usize = 500;
const DURABLE_OCTETS: u64 = 16 << 20;

/// What becomes of what was verified before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Earlier {
    Stands,
    IsReadAgain,
}

/// What was read of those that are listed in another way, where it was.
pub fn altered_pairs(
    [access, aside]: [&Access<'_>; 2],
    mailboxes: [&MailboxState; 2],
    verdict: &Verdict,
) -> Result<CopiesRead> {
    let [ours, theirs] = [0, 1].map(|side| contents(access, Side::BOTH[side], mailboxes[side]));
    let [mut sources, mut copies] = listed(aside, mailboxes);
    let mut read = CopiesRead::default();
    for uids in verdict.pairs.iter().filter(|(source, _)| verdict.altered.contains(source)) {
        let ours = sources.get(uids.0)?.and_then(|record| ours.of(&record));
        let theirs = copies.get(uids.1)?.and_then(|record| theirs.of(&record));
        ours.zip(theirs).into_iter().for_each(|(ours, theirs)| read.take(*uids, [ours, theirs]));
    }
    Ok(read)
}

/// What was read of messages of that mailbox.
pub fn contents(access: &Access<'_>, side: Side, mailbox: &MailboxState) -> Contents {
    access.state.contents(side, &mailbox.name.raw, mailbox.sync_point.unwrap_or_default().uid_validity)
}

fn listed(aside: &Access<'_>, mailboxes: [&MailboxState; 2]) -> [Lookup<MessageRecord>; 2] {
    [0, 1].map(|side| aside.state.record_lookup(Side::BOTH[side], &mailboxes[side].name.raw))
}

/// Compares SHA-256 digests. A message whose size differs is counted as altered already, and not again. Returns what was read
/// of both.
///
/// # Errors
/// As [`read_both`]; `State`. What was verified by then is kept.
pub fn compare_octets(
    [access, aside]: [&Access<'_>; 2],
    mailboxes: [&MailboxState; 2],
    earlier: Earlier,
    verdict: &mut Verdict,
) -> Result<CopiesRead> {
    let pairs = std::mem::take(&mut verdict.pairs);
    let known = std::mem::take(&mut verdict.altered);
    let pairing = pairing(mailboxes[0], mailboxes[1]);
    let spoilt = access.state.spoilt_copies(&pairing)?;
    let mut verified = access.state.verified(&pairing, &access.here());
    let mut records = listed(aside, mailboxes);
    let mut comparing = Comparing { access, aside, mailboxes, known, read: CopiesRead::default() };
    let mut window = Window::default();
    for uids in pairs {
        let [sources, copies] = &mut records;
        let two = sources.get(uids.0)?.zip(copies.get(uids.1)?).map(|(source, copy)| [source, copy]);
        let before = two.as_ref().and_then(|[source, copy]| verified.octets([source, copy]));
        let stands = earlier == Earlier::Stands && !comparing.known.contains(&uids.0) && !is_spoilt(&spoilt, uids);
        if before.is_some() && stands {
            verdict.verified_before += 1;
            continue;
        }
        window.add(ToRead { uids, two, before });
        if window.is_full() {
            comparing.read(std::mem::take(&mut window), &verified, verdict)?;
        }
    }
    comparing.read(window, &verified, verdict)?;
    Ok(comparing.read)
}

fn is_spoilt(spoilt: &Spoilt, uids: (Uid, Uid)) -> bool {
    spoilt.copy(uids.0) == Some(uids.1)
}

/// A message and its copy.
struct ToRead {
    uids: (Uid, Uid),
    /// As they are listed.
    two: Option<[MessageRecord; 2]>,
    /// SHA-256 of both, when they were verified before.
    before: Option<[u8; 32]>,
}

#[derive(Default)]
struct Window {
    messages: Vec<ToRead>,
    octets: u64,
}

impl Window {
    fn add(&mut self, message: ToRead) {
        self.octets = self.octets.saturating_add(message.two.as_ref().map_or(0, |[source, _]| source.octets));
        self.messages.push(message);
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= WINDOW_MESSAGES || self.octets >= WINDOW_OCTETS
    }
}

struct Comparing<'a> {
    access: &'a Access<'a>,
    aside: &'a Access<'a>,
    mailboxes: [&'a MailboxState; 2],
    /// Source messages that are known to be altered.
    known: HashSet<Uid>,
    read: CopiesRead,
}

impl Comparing<'_> {
    /// Reads a window on both sides, and keeps what it came to.
    fn read(&mut self, window: Window, verified: &Verified, verdict: &mut Verdict) -> Result<()> {
        if window.messages.is_empty() {
            return Ok(());
        }
        let is_worth_waiting = window.messages.len() >= DURABLE_MESSAGES || window.octets >= DURABLE_OCTETS;
        let uids: Vec<(Uid, Uid)> = window.messages.iter().map(|message| message.uids).collect();
        let read = read_both(self.aside, self.mailboxes, &uids)?;
        let (mut same, mut others) = (Vec::new(), UidSet::new());
        for message in window.messages {
            match (self.compare(&message, &read, verdict), message.two) {
                (Some(octets), Some(two)) => same.push((two, octets)),
                (Some(_), None) => {}
                (None, _) => others.insert(message.uids.0),
            }
        }
        verified.note(&same, &others)?;
        if is_worth_waiting { self.access.migration.store.flush() } else { Ok(()) }
    }

    /// SHA-256 of both, if it is one.
    fn compare(&mut self, message: &ToRead, [ours, theirs]: &[Read; 2], verdict: &mut Verdict) -> Option<[u8; 32]> {
        let (source_uid, copy) = message.uids;
        let (left, right) = (ours.contents.get(&source_uid), theirs.contents.get(&copy));
        left.zip(right).into_iter().for_each(|(left, right)| self.read.take(message.uids, [*left, *right]));
        let detail = match (left, right) {
            (Some(left), Some(right)) if left.octets == right.octets => {
                verdict.verified_now += 1;
                return Some(left.octets);
            }
            (Some(left), Some(right)) => differing(message.before, left, right),
            (None, _) => not_compared(Side::Source, ours.unreadable.get(&source_uid)),
            (_, None) => not_compared(Side::Destination, theirs.unreadable.get(&copy)),
        };
        if !self.known.contains(&source_uid) {
            let uids = (Some(source_uid), Some(copy));
            verdict.differ(Difference::new(self.mailboxes[0].name.path(), DifferenceKind::Altered, uids, detail));
        }
        None
    }
}

/// How two messages differ that may have been the same before.
fn differing(before: Option<[u8; 32]>, ours: &Content, theirs: &Content) -> String {
    let whose = match before {
        Some(before) if before == ours.octets => "; that of the copy was altered since it was verified",
        Some(before) if before == theirs.octets => "; that of the source was altered since it was verified",
        _ => "",
    };
    format!("the content differs{whose}")
}

fn not_compared(side: Side, error: Option<&Error>) -> String {
    let why = error.map(|error| format!(" ({})", reason(error))).unwrap_or_default();
    format!("it could not be compared: the {side} did not give its content{why}")
}

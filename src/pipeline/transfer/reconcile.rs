//! After an unclean end: what stands at the end of the destination mailbox is recognised before anything is sent again.
//!
//! All that we may have stored without knowing it has a UID at or above the noted UIDNEXT. The messages there are
//! matched as a multiset with what is planned and not linked; what that makes of them is decided in `diff/comparing/tail.rs`.
//! The source is asked for identities that the scan did not ask for, and what only octets tell is read on both sides.
//!
//! Invariants:
//! 1. A destination message that is linked already, from whatever source mailbox, is never linked again.
//! 2. A mailbox whose UIDVALIDITY changed is not reconciled: its links are void, and only a new scan can tell.
//! 3. What may have landed, and could not be read, is not sent again.
//! 3. Nor is one whose UIDNEXT is below what it has given us in this run: it went back in time, as when a backup is
//!    restored, and gives UIDs that are linked already to other messages.

use super::contention::{Doubled, doubled};
use super::job::{Job, source_changed, went_back};
use super::lane::Lane;
use super::pending::Pending;
use super::settling::{LOOKS, SETTLING};
use crate::diff::comparing::same::Keeps;
use crate::diff::comparing::tail::{self, Look, Recognised};
use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, IDENTITY_ITEMS};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::engine::identity;
use crate::error::{Error, Kind, Result};
use crate::model::amount::{Amounts, grow};
use crate::model::{InternalDate, Link, MessageRecord, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::content::{Digests, read_contents};
use crate::pipeline::survey::keeping::keeps;
use crate::pipeline::survey::recognise::identities;
use crate::pipeline::survey::sharing::Sharing;
use crate::pipeline::survey::snapshots::Snapshots;
use crate::store::CHECKPOINT_LINKS;
use std::collections::HashSet;

/// A tail of more windows is not one of ours.
const WINDOWS: u64 = 10_000;

/// Which part of the destination mailbox to look at.
pub struct Tail {
    /// The lowest UID that may be unknown to us.
    pub from: Uid,
    /// Others below it that may be.
    pub strangers: UidSet,
    /// A connection broke: wait until what it had sent has landed.
    pub settle: bool,
    /// A break of ours, or an answer that told too little, explains what is there; else the mailbox merely grew.
    pub broken: bool,
}

/// What was found.
#[derive(Default)]
pub struct Found {
    pub messages: u64,
    pub octets: u64,
    /// The UID after the last one that was looked at.
    pub next: Uid,
    /// Source messages of which it cannot be told whether they are there.
    pub undecided: Vec<Uid>,
    /// Messages were there that no link named.
    pub were_there: bool,
    /// What of them is what we have appended in this run.
    pub doubled: Vec<Doubled>,
}

/// Links what has landed.
///
/// # Errors
/// `Changed` when the mailbox is another one or went back in time, `Connection`, `Protocol`, `State`.
pub fn reconcile(access: &Access<'_>, lane: &mut Lane, job: &Job, tail: &Tail) -> Result<Found> {
    let session = &mut lane.destination;
    let mut standing = open(session, job)?;
    for _ in 0..LOOKS {
        if !tail.settle {
            break;
        }
        access.pause(SETTLING)?;
        let now = open(session, job)?;
        if now == standing {
            break;
        }
        standing = now;
    }
    let (next, _) = standing;
    if next.is_some_and(|next| next < tail.from) {
        // UIDs that the server has named and that it does not know itself tell of no gap either; the listing at the end tells.
        if !tail.strangers.is_empty() && !tail.broken {
            return Ok(Found { next: tail.from, ..Found::default() });
        }
        return Err(went_back().in_mailbox(&job.plan.destination.path()));
    }
    let mut found = Found { next: next.unwrap_or(tail.from), ..Found::default() };
    if next.is_none_or(|next| next > tail.from) || !tail.strangers.is_empty() {
        let mut landed = strangers(session, &tail.strangers)?;
        if next.is_none_or(|next| next > tail.from) {
            landed.extend(list(session, tail.from, next)?);
        }
        let highest = landed.iter().filter_map(|landed| landed.uid.next()).max();
        found.next = highest.map_or(found.next, |highest| highest.max(found.next));
        remove_linked(access, job, &mut landed)?;
        found.were_there = !landed.is_empty();
        let keeps = keeps(access, &Snapshots::load(access)?)?;
        let mut reconciliation =
            Reconciliation { access, lane, job, keeps, broken: tail.broken, read: Default::default() };
        let left = reconciliation.link(landed, &mut found)?;
        found.doubled = doubled(access, job, &left)?;
    }
    Ok(found)
}

/// Opens the mailbox and returns its UIDNEXT, where the server gives one, and how many messages it holds.
fn open(session: &mut Session, job: &Job) -> Result<(Option<Uid>, u32)> {
    let opened = session.open(&job.plan.destination, Opening::Select)?;
    if opened.sync_point.uid_validity != job.destination_validity {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY on the destination")
            .in_mailbox(&job.plan.destination.path())
            .hint("run `mailferry sync`: the mailbox is matched anew, and nothing is copied twice"));
    }
    Ok((opened.sync_point.uid_next, opened.sync_point.messages))
}

/// What stands at or above that UID, below UIDNEXT where it is known.
fn list(session: &mut Session, from: Uid, next: Option<Uid>) -> Result<Vec<MessageRecord>> {
    let tags = ask(session, from, next)?;
    described(session, tags, |uid| uid >= from)
}

/// What there is of these.
fn strangers(session: &mut Session, uids: &UidSet) -> Result<Vec<MessageRecord>> {
    let windows = uids.chunks(COMMAND_OCTETS, session.most_messages());
    let tags: Result<Vec<Tag>> = windows.iter().map(|set| session.send_fetch(set, IDENTITY_ITEMS)).collect();
    described(session, tags?, |uid| uids.contains(uid))
}

/// The answers to these, about the messages that were asked for.
fn described(session: &mut Session, tags: Vec<Tag>, asked: impl Fn(Uid) -> bool) -> Result<Vec<MessageRecord>> {
    let mut landed = Vec::new();
    for tag in tags {
        let status = session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(fetched) = event
                && let (Some(uid), Some(header)) = (fetched.uid.filter(|uid| asked(*uid)), fetched.header)
            {
                landed.push(MessageRecord {
                    uid,
                    octets: fetched.octets.unwrap_or(0),
                    internal_date: fetched.internal_date.flatten(),
                    flags: fetched.flags.unwrap_or_default(),
                    identity: Some(identity::of_message(&header)),
                });
            }
            Ok(())
        })?;
        session.complete(status, "could not look at the end of the mailbox")?;
    }
    Ok(landed)
}

/// In one piece, or in windows of as many UIDs as the server takes messages a command.
fn ask(session: &mut Session, from: Uid, next: Option<Uid>) -> Result<Vec<Tag>> {
    let (most, last) = (session.most_messages(), next.map(|next| Uid(next.0 - 1)));
    match last.map(|last| UidSet::range(from, last)) {
        Some(tail) if tail.len() > most && tail.len().div_ceil(most) <= WINDOWS => {
            tail.chunks(COMMAND_OCTETS, most).iter().map(|set| session.send_fetch(set, IDENTITY_ITEMS)).collect()
        }
        // `n:*` names the last message even where it is below n.
        _ => Ok(vec![session.send_fetch_from(from, IDENTITY_ITEMS)?]),
    }
}

/// Invariant 1.
fn remove_linked(access: &Access<'_>, job: &Job, landed: &mut Vec<MessageRecord>) -> Result<()> {
    let mut linked = HashSet::new();
    for link in access.state.links(&job.plan.source.raw)? {
        linked.insert(link?.destination);
    }
    let others = Sharing::load(access, &[])?.others(&job.pairing())?;
    landed.retain(|landed| !linked.contains(&landed.uid) && !others.contains(landed.uid));
    Ok(())
}

/// The tail of one mailbox being recognised.
struct Reconciliation<'a> {
    access: &'a Access<'a>,
    lane: &'a mut Lane,
    job: &'a Job,
    keeps: Keeps,
    broken: bool,
    /// What was read, by side.
    read: [Digests; 2],
}

impl Reconciliation<'_> {
    /// Gives what of it is none of what is pending.
    fn link(&mut self, mut landed: Vec<MessageRecord>, found: &mut Found) -> Result<Vec<MessageRecord>> {
        let likeness = (!self.broken && self.keeps.sizes).then(|| Likeness::of(&landed));
        let pending = Pending::new(self.access, self.job)?;
        let mut pending = Identified { job: self.job, pending, likeness, open: false };
        let mut unread = Vec::new();
        while !landed.is_empty() {
            let records = pending.next(&mut self.lane.source)?;
            if records.is_empty() {
                break;
            }
            let mut recognised = self.look(records, &mut landed);
            let [ours, mut theirs] = recognised.unsettled;
            if !ours.is_empty() {
                self.read([&ours, &theirs])?;
                landed.append(&mut theirs);
                let again = self.look(ours, &mut landed);
                recognised.links.extend(again.links);
                recognised.absent.extend(again.absent);
                let [ours, theirs] = again.unsettled;
                found.undecided.extend(ours.iter().map(|record| record.uid));
                unread.extend(theirs);
            }
            recognised.links.extend(self.renamed(&mut recognised.absent, &mut landed)?);
            // A later message may be the one that they are.
            landed.append(&mut unread);
            self.record(&recognised.links, found)?;
        }
        Ok(landed)
    }

    fn look(&self, pending: Vec<MessageRecord>, landed: &mut Vec<MessageRecord>) -> Recognised {
        self.with_look(|look| tail::recognise(pending, landed, look))
    }

    /// What the destination stored under another identity.
    fn renamed(&mut self, absent: &mut Vec<MessageRecord>, landed: &mut Vec<MessageRecord>) -> Result<Vec<Link>> {
        let [ours, theirs] = tail::of_one_date(absent, landed);
        if !self.broken || ours.is_empty() {
            return Ok(Vec::new());
        }
        self.read([&ours, &theirs])?;
        Ok(self.with_look(|look| tail::recognise_renamed(absent, landed, look)))
    }

    fn with_look<T>(&self, work: impl FnOnce(Look<'_>) -> T) -> T {
        let contents = |side, record: &MessageRecord| self.read[side as usize].get(&record.uid).copied();
        work(Look { keeps: self.keeps, contents: &contents, capacity: &self.job.capacity, broken: self.broken })
    }

    /// Reads what was not read before.
    fn read(&mut self, records: [&[MessageRecord]; 2]) -> Result<()> {
        let unread = |side: usize, known: &Digests| -> UidSet {
            let mut uids: Vec<Uid> = records[side].iter().map(|record| record.uid).collect();
            uids.retain(|uid| !known.contains_key(uid));
            uids.sort_unstable();
            uids.into_iter().collect()
        };
        let [ours, theirs] = [unread(0, &self.read[0]), unread(1, &self.read[1])];
        if !ours.is_empty() {
            open_source(&mut self.lane.source, self.job)?;
            self.read[0].extend(read_contents(self.access, &mut self.lane.source, &ours)?);
        }
        if !theirs.is_empty() {
            self.read[1].extend(read_contents(self.access, &mut self.lane.destination, &theirs)?);
        }
        Ok(())
    }

    fn record(&self, links: &[Link], found: &mut Found) -> Result<()> {
        found.messages += links.len() as u64;
        grow(&mut found.octets, links.iter().map(|link| link.octets).total());
        let name = &self.job.plan.source.raw;
        links.chunks(CHECKPOINT_LINKS).try_for_each(|links| self.access.state.checkpoint(name, links, &[]))
    }
}

/// Opens the source mailbox, if it is the one that was planned.
pub(super) fn open_source(source: &mut Session, job: &Job) -> Result<()> {
    let opened = source.open(&job.plan.source, Opening::Examine)?;
    if opened.sync_point.uid_validity != job.plan.source_validity {
        return Err(source_changed().in_mailbox(&job.plan.source.path()));
    }
    Ok(())
}

/// Sizes and dates of messages: what shares neither with any of them is none of them.
struct Likeness {
    sizes: HashSet<u64>,
    dates: HashSet<InternalDate>,
}

impl Likeness {
    fn of(landed: &[MessageRecord]) -> Likeness {
        Likeness {
            sizes: landed.iter().map(|record| record.octets).collect(),
            dates: landed.iter().filter_map(|record| record.internal_date).collect(),
        }
    }

    fn is_of(&self, record: &MessageRecord) -> bool {
        self.sizes.contains(&record.octets) || record.internal_date.is_none_or(|date| self.dates.contains(&date))
    }
}

/// What is pending, with identities.
struct Identified<'a> {
    job: &'a Job,
    pending: Pending<'a>,
    /// What they are like that they are looked for among, where others cannot be.
    likeness: Option<Likeness>,
    /// The source mailbox is open.
    open: bool,
}

impl Identified<'_> {
    /// The next of them, at most as many as go into one checkpoint; none at the end.
    fn next(&mut self, source: &mut Session) -> Result<Vec<MessageRecord>> {
        let mut records = Vec::new();
        while records.len() < CHECKPOINT_LINKS
            && let Some(record) = self.pending.next().transpose()?
        {
            let is_alike = self.likeness.as_ref().is_none_or(|likeness| likeness.is_of(&record));
            if is_alike && (record.identity.is_some() || !self.job.is_given_up(record.uid)) {
                records.push(record);
            }
        }
        self.identify(source, &mut records)?;
        Ok(records)
    }

    fn identify(&mut self, source: &mut Session, records: &mut [MessageRecord]) -> Result<()> {
        let unknown: UidSet =
            records.iter().filter(|record| record.identity.is_none()).map(|record| record.uid).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.open, true) {
            open_source(source, self.job)?;
        }
        let identities = identities(source, &unknown)?;
        for record in records.iter_mut().filter(|record| record.identity.is_none()) {
            record.identity = identities.get(&record.uid).and_then(|listed| listed.identity);
        }
        Ok(())
    }
}

//! After an unclean end: what stands at the end of the destination mailbox is recognised before anything is sent again.
//!
//! All that we may have stored without knowing it has a UID at or above the noted UIDNEXT. The messages there are
//! matched by identity, as a multiset, with what is planned and not linked. The source is asked for identities that the
//! scan did not ask for.
//!
//! Invariants:
//! 1. A destination message that is linked already is never linked again.
//! 2. A mailbox whose UIDVALIDITY changed is not reconciled: its links are void, and only a new scan can tell.
//! 3. Nor is one whose UIDNEXT is below what it has given us in this run: it went back in time, as when a backup is
//!    restored, and gives UIDs that are linked already to other messages.

use super::job::{Job, source_changed, went_back};
use super::lane::Lane;
use super::pending::Pending;
use super::settling::{LOOKS, SETTLING};
use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, IDENTITY_ITEMS};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::engine::identity;
use crate::error::{Error, Kind, Result};
use crate::model::amount::{Amounts, grow};
use crate::model::{Digest, Flags, Link, LinkOrigin, MessageRecord, Uid, UidSet};
use crate::pipeline::fleet::access::{Access, pause};
use crate::pipeline::survey::recognise::identities;
use crate::store::CHECKPOINT_LINKS;
use std::collections::{HashMap, HashSet, VecDeque};

/// A tail of more windows is not one of ours.
const WINDOWS: u64 = 10_000;

/// Which part of the destination mailbox to look at.
pub struct Tail {
    /// The lowest UID that may be unknown to us.
    pub from: Uid,
    /// A connection broke: wait until what it had sent has landed.
    pub settle: bool,
}

/// What was found.
#[derive(Default)]
pub struct Found {
    pub messages: u64,
    pub octets: u64,
    /// The UID after the last one that was looked at.
    pub next: Uid,
}

struct Landed {
    uid: Uid,
    octets: u64,
    flags: Flags,
}

type Candidates = HashMap<Digest, VecDeque<Landed>>;

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
        pause(access, SETTLING)?;
        let now = open(session, job)?;
        if now == standing {
            break;
        }
        standing = now;
    }
    let (next, _) = standing;
    if next.is_some_and(|next| next < tail.from) {
        return Err(went_back().in_mailbox(&job.plan.destination.path()));
    }
    let mut found = Found { next: next.unwrap_or(tail.from), ..Found::default() };
    if next.is_none_or(|next| next > tail.from) {
        let mut landed = list(session, tail.from, next)?;
        let highest = landed.values().flatten().filter_map(|landed| landed.uid.next()).max();
        found.next = highest.map_or(found.next, |highest| highest.max(found.next));
        remove_linked(access, job, &mut landed)?;
        link(access, &mut lane.source, job, landed, &mut found)?;
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
fn list(session: &mut Session, from: Uid, next: Option<Uid>) -> Result<Candidates> {
    let mut landed: Candidates = HashMap::new();
    for tag in ask(session, from, next)? {
        let status = session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(fetched) = event
                && let (Some(uid), Some(header)) = (fetched.uid.filter(|uid| *uid >= from), fetched.header)
            {
                let identity = identity::of_message(&header);
                let octets = fetched.octets.unwrap_or(0);
                let flags = fetched.flags.unwrap_or_default();
                landed.entry(identity).or_default().push_back(Landed { uid, octets, flags });
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
fn remove_linked(access: &Access<'_>, job: &Job, landed: &mut Candidates) -> Result<()> {
    let mut linked = HashSet::new();
    for link in access.state.links(&job.plan.source.raw)? {
        linked.insert(link?.destination);
    }
    landed.values_mut().for_each(|candidates| candidates.retain(|landed| !linked.contains(&landed.uid)));
    landed.retain(|_, candidates| !candidates.is_empty());
    Ok(())
}

/// Of twins the one of the same size and flags is the copy, then the one of the same size; else the first in order.
fn closest(candidates: &VecDeque<Landed>, octets: u64, flags: &Flags) -> usize {
    let same_size = |landed: &Landed| landed.octets == octets;
    let alike = candidates.iter().position(|landed| same_size(landed) && landed.flags == *flags);
    alike.or_else(|| candidates.iter().position(same_size)).unwrap_or(0)
}

fn link(access: &Access<'_>, source: &mut Session, job: &Job, mut landed: Candidates, found: &mut Found) -> Result<()> {
    let name = &job.plan.source.raw;
    let mut pending = Identified { job, pending: Pending::new(access, job)?, open: false };
    while !landed.is_empty() {
        let records = pending.next(source)?;
        if records.is_empty() {
            break;
        }
        let links: Vec<Link> = records.iter().filter_map(|record| matched(job, record, &mut landed)).collect();
        found.messages += links.len() as u64;
        grow(&mut found.octets, links.iter().map(|link| link.octets).total());
        access.state.checkpoint(name, &links, &[])?;
    }
    Ok(())
}

/// The link to the candidate that is this message, if one is.
fn matched(job: &Job, record: &MessageRecord, landed: &mut Candidates) -> Option<Link> {
    let identity = record.identity?;
    let candidates = landed.get_mut(&identity)?;
    let wanted = record.flags.within(&job.capacity);
    let copy = candidates.remove(closest(candidates, record.octets, &wanted))?;
    if candidates.is_empty() {
        landed.remove(&identity);
    }
    let agreed = wanted.minus(&wanted.minus(&copy.flags));
    let (origin, octets, date) = (LinkOrigin::Reconciled, record.octets, record.internal_date);
    Some(Link {
        source: record.uid,
        destination: copy.uid,
        agreed,
        origin,
        octets,
        date,
        source_octets: None,
        altered: None,
        identity,
    })
}

/// What is pending, with identities.
struct Identified<'a> {
    job: &'a Job,
    pending: Pending<'a>,
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
            records.push(record);
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
            let opened = source.open(&self.job.plan.source, Opening::Examine)?;
            if opened.sync_point.uid_validity != self.job.plan.source_validity {
                return Err(source_changed().in_mailbox(&self.job.plan.source.path()));
            }
        }
        let identities = identities(source, &unknown)?;
        for record in records.iter_mut().filter(|record| record.identity.is_none()) {
            record.identity = identities.get(&record.uid).and_then(|listed| listed.identity);
        }
        Ok(())
    }
}

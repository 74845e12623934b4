//! After an unclean end: what stands at the end of the destination mailbox is recognised before anything is sent again.
//!
//! All that we may have stored without knowing it has a UID at or above the noted UIDNEXT. The messages there are
//! matched by identity, as a multiset, with what is planned and not linked.
//!
//! Invariants:
//! 1. A destination message that is linked already is never linked again.
//! 2. A mailbox whose UIDVALIDITY changed is not reconciled: its links are void, and only a new scan can tell.

use super::access::{Access, pause};
use super::copy::Job;
use crate::engine::Session;
use crate::engine::fetch::{FetchEvent, IDENTITY_ITEMS};
use crate::engine::identity;
use crate::engine::select::Opening;
use crate::error::{Error, Kind, Result};
use crate::model::{Digest, Flags, Link, LinkOrigin, Side, Uid};
use crate::store::CHECKPOINT_LINKS;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// A server process whose connection broke may still be storing what it had received. The tail is believed when two
/// looks this far apart find the same UIDNEXT.
const SETTLING: Duration = Duration::from_millis(1500);

/// After this many looks a mailbox that grows all the time is taken as it is: somebody else delivers into it.
const LOOKS: usize = 4;

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
/// `Changed` when the mailbox is another one, `Connection`, `Protocol`, `State`.
pub fn reconcile(access: &Access<'_>, session: &mut Session, job: &Job, tail: &Tail) -> Result<Found> {
    let mut next = open(session, job)?;
    for _ in 0..LOOKS {
        if !tail.settle {
            break;
        }
        pause(access, SETTLING)?;
        let now = open(session, job)?;
        if now == next {
            break;
        }
        next = now;
    }
    let mut found = Found { next, ..Found::default() };
    if next > tail.from {
        let mut landed = list(session, tail.from)?;
        found.next = landed.values().flatten().filter_map(|landed| landed.uid.next()).max().unwrap_or(next).max(next);
        remove_linked(access, job, &mut landed)?;
        link(access, job, landed, &mut found)?;
    }
    Ok(found)
}

/// Opens the mailbox and returns its UIDNEXT; 1 where the server gives none, which makes the tail the whole mailbox.
fn open(session: &mut Session, job: &Job) -> Result<Uid> {
    let opened = session.open(&job.plan.destination, Opening::Select)?;
    if opened.sync_point.uid_validity != job.destination_validity {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY on the destination")
            .in_mailbox(&job.plan.destination.path())
            .hint("run `mailferry sync`: the mailbox is matched anew, and nothing is copied twice"));
    }
    Ok(opened.sync_point.uid_next.unwrap_or(Uid(u32::MAX)))
}

fn list(session: &mut Session, from: Uid) -> Result<Candidates> {
    let mut landed: Candidates = HashMap::new();
    // `n:*` names the last message even where it is below n.
    let tag = session.send(format!("UID FETCH {from}:* {IDENTITY_ITEMS}").as_bytes())?;
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
    session.accepted(status, "could not look at the end of the mailbox")?;
    Ok(landed)
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

fn link(access: &Access<'_>, job: &Job, mut landed: Candidates, found: &mut Found) -> Result<()> {
    let name = &job.plan.source.raw;
    let mut links = Vec::new();
    let (mut linked, mut records) = (access.state.link_lookup(name)?, access.state.record_lookup(Side::Source, name));
    for uid in job.plan.copies.iter() {
        if landed.is_empty() {
            break;
        }
        if linked.get(uid)?.is_some() {
            continue;
        }
        let Some(record) = records.get(uid)? else { continue };
        let Some(candidates) = landed.get_mut(&record.identity) else { continue };
        let wanted = record.flags.within(&job.capacity);
        let Some(copy) = candidates.remove(closest(candidates, record.octets, &wanted)) else { continue };
        found.messages += 1;
        found.octets += copy.octets;
        let agreed = wanted.minus(&wanted.minus(&copy.flags));
        let origin = LinkOrigin::Reconciled;
        let (octets, identity) = (record.octets, record.identity);
        links.push(Link { source: uid, destination: copy.uid, agreed, origin, octets, identity });
        if candidates.is_empty() {
            landed.remove(&record.identity);
        }
        if links.len() >= CHECKPOINT_LINKS {
            access.state.checkpoint(name, &std::mem::take(&mut links), &[])?;
        }
    }
    access.state.checkpoint(name, &links, &[])
}

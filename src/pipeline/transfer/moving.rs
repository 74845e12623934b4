//! Messages that were moved on the source are moved on the destination: nothing of them goes over the line.
//!
//! Invariants:
//! 1. A copy is moved only while its link says what it said when that was planned, the source answers that it does not have the
//!    message there any more, and the destination has the copy as it was listed.
//! 2. The intent of the mailbox that they go to is durable before; whatever breaks off, they are recognised at its end as what
//!    was appended.
//! 3. The new link is recorded before the old one goes, which waits until no lane is at work any more: others may be reading the
//!    links of the mailbox that was left. A crash in between leaves a link to what is not there.
//! 4. What the server does not move it is asked to copy (UID COPY), and what it does not copy goes over the line. The old copy is
//!    noted before, durably, and goes when the new one is there (`leftovers`); a server that cannot expunge it keeps it. Not both ways,
//!    where an old copy that stays is mail of the other side: it goes over the line, and the old one to the trash. What is not
//!    in its place after a MOVE, and is found nowhere, is not sent again without a word.

use super::job::Job;
use super::lane::Lane;
use super::progress::Progress;
use crate::diff::moves::portions;
use crate::engine::Session;
use crate::engine::commands::fetch::{BARE_ITEMS, COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::relocate::{Relocated, Relocation};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result};
use crate::model::plan::{Moved, Moves};
use crate::model::{
    Link, LinkOrigin, MailboxName, MessageRecord, Presence, Side, SystemFlag, Uid, UidSet, UidValidity,
};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::leftovers::note_leftovers;
use crate::store::CHECKPOINT_LINKS;
use std::collections::{HashMap, HashSet};

/// Portions of a move for the order of its messages, each a command; beyond them the order is given up.
const PORTIONS: usize = 1_000;

/// Breaks while messages are moved, or copied on the server, after which that is not tried any more.
const BREAKS: u32 = 2;

/// The ways in their order.
const WAYS: [Relocation; 2] = [Relocation::Move, Relocation::Copy];

/// How far the moves of a mailbox are.
#[derive(Default)]
pub struct Moving {
    /// Messages that were asked for, by way.
    tried: [HashSet<Uid>; 2],
    /// Breaks, likewise.
    breaks: [u32; 2],
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// What was not moved is copied.
    Copy,
    /// Some were moved, or may have been, and the server did not say where to.
    Reconcile,
}

impl Moving {
    /// Moves what comes to the mailbox of that job.
    ///
    /// # Errors
    /// `Connection`, `Protocol`, `State`. What is refused is no error: it is copied.
    pub fn go(&mut self, access: &Access<'_>, lane: &mut Lane, job: &Job, progress: &mut Progress) -> Result<Next> {
        let may_leave = !access.account.policy.is_two_way();
        for (way, moves) in WAYS.into_iter().flat_map(|way| job.plan.moves.iter().map(move |moves| (way, moves))) {
            let is_offered = if way == Relocation::Move { lane.destination.moves() } else { may_leave };
            if self.breaks[way as usize] >= BREAKS || access.is_stopped() || !is_offered {
                continue;
            }
            let tried = &mut self.tried[way as usize];
            match (Work { access, lane, job, progress, moves, way, tried }).run() {
                Ok(Next::Copy) => {}
                Ok(Next::Reconcile) => return Ok(Next::Reconcile),
                Err(error) if error.breaks_connection() => {
                    self.breaks[way as usize] += 1;
                    return Err(error);
                }
                Err(error) if matches!(error.kind(), Kind::State | Kind::Damaged | Kind::Interrupted) => {
                    return Err(error);
                }
                Err(error) => access.notice(&format!(
                    "messages of `{}` are copied instead of moved: {}",
                    job.plan.source,
                    error.summary()
                )),
            }
        }
        Ok(Next::Copy)
    }
}

/// What comes from one mailbox.
struct Work<'a> {
    access: &'a Access<'a>,
    lane: &'a mut Lane,
    job: &'a Job,
    progress: &'a mut Progress,
    moves: &'a Moves,
    way: Relocation,
    tried: &'a mut HashSet<Uid>,
}

impl Work<'_> {
    fn run(&mut self) -> Result<Next> {
        let mut pending = self.pending()?;
        self.keep_what_left_the_source(&mut pending)?;
        self.keep_what_is_in_place(&mut pending)?;
        if pending.is_empty() {
            return Ok(Next::Copy);
        }
        let messages: Vec<Moved> = pending.iter().map(|(moved, _)| *moved).collect();
        if self.way == Relocation::Copy && self.lane.destination.expunges_by_uid() {
            let place = (&self.job.plan.source.raw, self.job.plan.source_validity);
            note_leftovers(self.access, self.moves, place, &messages)?;
        }
        let portions = portions(&messages, PORTIONS);
        let sets: Vec<UidSet> = portions.iter().map(|portion| uid_set(portion, |moved| moved.destination)).collect();
        let mut relocated = Relocated::default();
        let to = &self.job.plan.destination.raw;
        let result = self.lane.destination.relocate(self.way, &sets, to, &mut relocated);
        let unnamed = self.record(&pending, &relocated)?;
        result?;
        self.tried.extend(messages.iter().map(|moved| moved.source));
        if let Some(refusal) = &relocated.refusal {
            self.access.notice(&format!("{}: it is tried in another way", refusal.summary()));
        }
        if unnamed.is_empty() {
            return Ok(Next::Copy);
        }
        if self.way == Relocation::Move {
            self.note_unnamed(&unnamed)?;
        }
        Ok(Next::Reconcile)
    }

    /// What is to be moved and was not tried, with the links that it has where it was.
    fn pending(&self) -> Result<Vec<(Moved, Link)>> {
        let (state, is_two_way) = (&self.access.state, self.access.account.policy.is_two_way());
        let mut arrived = state.link_lookup(&self.job.plan.source.raw)?;
        let mut left = state.link_lookup(&self.moves.source)?;
        let mut pending = Vec::new();
        for moved in &self.moves.messages {
            let is_pending = self.job.plan.copies.contains(moved.source)
                && !self.tried.contains(&moved.source)
                && !self.job.is_given_up(moved.source)
                && arrived.get(moved.source)?.is_none();
            let link = if is_pending { left.get(moved.former)? } else { None };
            let as_planned =
                link.filter(|link| (link.is_ours() || is_two_way) && link.destination == moved.destination);
            pending.extend(as_planned.map(|link| (*moved, link)));
        }
        Ok(pending)
    }

    /// Invariant 1, the source: a listing may lack what the mailbox holds. A mailbox that was not listed has no messages.
    fn keep_what_left_the_source(&mut self, pending: &mut Vec<(Moved, Link)>) -> Result<()> {
        let listed = self.access.state.mailbox(Side::Source, &self.moves.source)?;
        let Some(mailbox) = listed.filter(|_| !self.moves.is_gone && !pending.is_empty()) else { return Ok(()) };
        let session = &mut self.lane.source;
        open(session, &mailbox.name, self.moves.source_validity, Opening::Examine)?;
        let messages: Vec<Moved> = pending.iter().map(|(moved, _)| *moved).collect();
        let sighting = session.look_for(&uid_set(&messages, |moved| moved.former))?;
        pending.retain(|(moved, _)| sighting.of(moved.former) == Presence::NotThere);
        Ok(())
    }

    /// Invariant 1, the destination.
    fn keep_what_is_in_place(&mut self, pending: &mut Vec<(Moved, Link)>) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        let session = &mut self.lane.destination;
        open(session, &self.moves.destination, self.moves.destination_validity, Opening::Select)?;
        let messages: Vec<Moved> = pending.iter().map(|(moved, _)| *moved).collect();
        let there = look(session, &uid_set(&messages, |moved| moved.destination))?;
        let mut listed = self.access.state.record_lookup(Side::Destination, &self.moves.destination.raw);
        let mut in_place = HashSet::new();
        for (moved, link) in pending.iter() {
            if let (Some(now), Some(before)) = (there.get(&moved.destination), listed.get(moved.destination)?)
                && is_as_it_was(now, &before, link)
            {
                in_place.insert(moved.source);
            }
        }
        pending.retain(|(moved, _)| in_place.contains(&moved.source));
        Ok(())
    }

    /// Invariant 3. Returned is what the server did not name, or in a way that cannot be.
    fn record(&mut self, pending: &[(Moved, Link)], relocated: &Relocated) -> Result<Vec<Moved>> {
        let (state, to) = (&self.access.state, &self.job.plan.source.raw);
        let (mut links, mut formers, mut unnamed, mut given) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
        for (moved, link) in pending {
            let named = relocated.named.get(&moved.destination).filter(|(validity, uid)| {
                *validity == self.job.destination_validity && *uid >= self.job.standing.tail && given.insert(*uid)
            });
            match named {
                Some((_, uid)) => {
                    links.push(Link {
                        source: moved.source,
                        destination: *uid,
                        origin: if link.is_ours() { LinkOrigin::Moved } else { link.origin },
                        ..link.clone()
                    });
                    formers.push(moved.former);
                }
                None => unnamed.push(*moved),
            }
        }
        let mut arrived: Vec<Uid> = links.iter().map(|link| link.destination).collect();
        arrived.sort_unstable();
        self.progress.strangers.note(&arrived);
        links.sort_unstable_by_key(|link| link.source);
        links.chunks(CHECKPOINT_LINKS).try_for_each(|links| state.checkpoint(to, links, &[]))?;
        if self.way == Relocation::Move {
            self.progress.left.push((self.moves.source.clone(), formers));
        }
        self.progress.moved(self.access, self.job, links.len() as u64);
        Ok(unnamed)
    }

    /// Invariant 4: of these it is asked whether they are in their place.
    fn note_unnamed(&mut self, unnamed: &[Moved]) -> Result<()> {
        let sighting = self.lane.destination.look_for(&uid_set(unnamed, |moved| moved.destination))?;
        let elsewhere = unnamed.iter().filter(|moved| sighting.of(moved.destination) != Presence::There);
        self.progress.stored.extend(elsewhere.map(|moved| moved.source));
        Ok(())
    }
}

/// What a copy is known again by without its header: it is the message of that UID, as the UIDVALIDITY is what it was.
fn is_as_it_was(now: &Fetched, before: &MessageRecord, link: &Link) -> bool {
    let marked = |flags: &crate::model::Flags| flags.has(SystemFlag::Deleted);
    let flags = now.flags.as_ref();
    now.octets == Some(before.octets)
        && now.internal_date.flatten() == before.internal_date
        && flags.is_some_and(|flags| !marked(flags) || marked(&link.agreed))
}

fn look(session: &mut Session, uids: &UidSet) -> Result<HashMap<Uid, Fetched>> {
    let mut there: HashMap<Uid, Fetched> = HashMap::new();
    let chunks = uids.chunks(COMMAND_OCTETS, session.most_messages());
    let tags = chunks.iter().map(|chunk| session.send_fetch(chunk, BARE_ITEMS)).collect::<Result<Vec<_>>>()?;
    for tag in tags {
        let status = session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(fetched) = event
                && let Some(uid) = fetched.uid.filter(|uid| uids.contains(*uid))
            {
                there.entry(uid).or_default().complete_with(fetched);
            }
            Ok(())
        })?;
        session.complete(status, "could not look at messages that were moved")?;
    }
    Ok(there)
}

fn open(session: &mut Session, mailbox: &MailboxName, validity: UidValidity, opening: Opening) -> Result<()> {
    let opened = session.open(mailbox, opening)?;
    if opened.sync_point.uid_validity != validity {
        return Err(Error::new(Kind::Changed, "a mailbox changed its UIDVALIDITY since it was planned"));
    }
    if opening == Opening::Select && !opened.read_write {
        return Err(Error::new(Kind::Refused, "the mailbox is read-only, nothing can be moved out of it"));
    }
    Ok(())
}

fn uid_set(messages: &[Moved], uid: impl Fn(&Moved) -> Uid) -> UidSet {
    let mut uids: Vec<Uid> = messages.iter().map(uid).collect();
    uids.sort_unstable();
    uids.into_iter().collect()
}

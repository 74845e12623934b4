//! Flag updates of one mailbox: grouped into few UID STOREs, and looked at afterwards, because an OK to STORE proves
//! nothing.

use super::job::Job;
use super::progress::Progress;
use crate::engine::Session;
use crate::engine::commands::change::FlagChange;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FLAG_ITEMS, FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::FlagUpdate;
use crate::model::{FlagCapacity, Flags, Link, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use std::collections::{BTreeMap, HashMap};

/// UIDs in one STORE.
const STORE_UIDS: u64 = 1000;

/// Brings the flags of one destination mailbox up to date.
///
/// # Errors
/// `Changed` when it is another mailbox, `Refused` when it is read-only, `Connection`, `State`.
pub fn update_flags(access: &Access<'_>, session: &mut Session, job: &Job, progress: &mut Progress) -> Result<()> {
    let pending = pending(access, job)?;
    if pending.is_empty() || access.migration.stop.is_requested() {
        return Ok(());
    }
    let capacity = open(session, job)?;
    let pending: Vec<FlagUpdate> = pending.into_iter().map(|update| within(update, &capacity)).collect();
    let stores = send_stores(session, &pending)?;
    let now = look(session, &pending)?;
    for tag in stores {
        let status = session.finish(tag, |_| Ok(()))?;
        session.accepted(status, "could not update flags")?;
    }
    let (done, undone): (Vec<&FlagUpdate>, Vec<&FlagUpdate>) =
        pending.iter().partition(|update| now.get(&update.destination).is_none_or(|flags| is_done(update, flags)));
    record(access, job, &done)?;
    progress.flags_updated += done.len() as u64;
    if let Some(first) = undone.first() {
        access.failures.note(&mut progress.failures, not_kept(job, first, undone.len()));
    }
    Ok(())
}

/// Updates that were not done by an earlier, interrupted apply of the same plan.
fn pending<'a>(access: &Access<'_>, job: &'a Job) -> Result<Vec<&'a FlagUpdate>> {
    let (mut pending, mut links) = (Vec::new(), access.state.link_lookup(&job.plan.source.raw)?);
    for update in &job.plan.flag_updates {
        if links
            .get(update.source)?
            .is_some_and(|link| link.destination == update.destination && link.agreed != update.agreed)
        {
            pending.push(update);
        }
    }
    Ok(pending)
}

/// What of an update the mailbox can hold. The plan may have been made without knowing that: a scan does not SELECT.
fn within(update: &FlagUpdate, capacity: &FlagCapacity) -> FlagUpdate {
    let add = update.add.within(capacity);
    let agreed = update.agreed.minus(&update.add.minus(&add));
    FlagUpdate { add, remove: update.remove.within(capacity), agreed, ..update.clone() }
}

/// Opens the mailbox; returns what it keeps of flags.
fn open(session: &mut Session, job: &Job) -> Result<FlagCapacity> {
    let opened = session.open(&job.plan.destination, Opening::Select)?;
    let mailbox = job.plan.destination.path();
    if opened.sync_point.uid_validity != job.destination_validity {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY on the destination")
            .in_mailbox(&mailbox)
            .hint("run `mailferry sync`"));
    }
    if !opened.read_write {
        return Err(Error::new(Kind::Refused, "the mailbox is read-only, its flags cannot be updated")
            .in_mailbox(&mailbox)
            .hint("give the login the rights `s`, `w` and `t` on it"));
    }
    Ok(opened.capacity)
}

fn send_stores(session: &mut Session, updates: &[FlagUpdate]) -> Result<Vec<Tag>> {
    let mut groups: BTreeMap<String, (FlagChange, Flags, Vec<Uid>)> = BTreeMap::new();
    for update in updates {
        for (change, flags) in [(FlagChange::Add, &update.add), (FlagChange::Remove, &update.remove)] {
            if !flags.is_empty() {
                let group = groups.entry(format!("{change:?} {flags}"));
                group.or_insert_with(|| (change, flags.clone(), Vec::new())).2.push(update.destination);
            }
        }
    }
    let mut tags = Vec::new();
    for (change, flags, mut uids) in groups.into_values() {
        uids.sort_unstable();
        let set: UidSet = uids.into_iter().collect();
        for chunk in set.chunks(COMMAND_OCTETS, STORE_UIDS.min(session.most_messages())) {
            tags.push(session.send_store(&chunk, change, &flags)?);
        }
    }
    Ok(tags)
}

/// The flags as they are after the STOREs, which are on their way. A message that is gone is not in it: its user removed it, nothing is to be done.
fn look(session: &mut Session, updates: &[FlagUpdate]) -> Result<HashMap<Uid, Flags>> {
    let mut uids: Vec<Uid> = updates.iter().map(|update| update.destination).collect();
    uids.sort_unstable();
    let set: UidSet = uids.into_iter().collect();
    let mut now = HashMap::with_capacity(updates.len());
    let chunks = set.chunks(COMMAND_OCTETS, STORE_UIDS.min(session.most_messages()));
    let tags: Vec<_> = chunks.iter().map(|chunk| session.send_fetch(chunk, FLAG_ITEMS)).collect::<Result<_>>()?;
    for tag in tags {
        session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(Fetched { uid: Some(uid), flags: Some(flags), .. }) = event {
                now.insert(uid, flags);
            }
            Ok(())
        })?;
    }
    Ok(now)
}

fn is_done(update: &FlagUpdate, now: &Flags) -> bool {
    update.add.minus(now).is_empty() && update.remove.minus(now) == update.remove
}

fn record(access: &Access<'_>, job: &Job, done: &[&FlagUpdate]) -> Result<()> {
    let name = &job.plan.source.raw;
    let (mut links, mut known) = (Vec::with_capacity(done.len()), access.state.link_lookup(name)?);
    for update in done {
        if let Some(link) = known.get(update.source)? {
            links.push(Link { agreed: update.agreed.clone(), ..link });
        }
    }
    access.state.checkpoint(name, &links, &[])
}

fn not_kept(job: &Job, first: &FlagUpdate, count: usize) -> Error {
    let what =
        format!("the destination did not keep the flags of {count} messages, the first with UID {}", first.destination);
    Error::new(Kind::Refused, what)
        .scope(Scope::Mailbox)
        .in_mailbox(&job.plan.destination.path())
        .hint("look at the rights on the mailbox; it is tried again with each `mailferry sync`")
}

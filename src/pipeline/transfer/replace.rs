//! Copies that are replaced: when the source message was copied anew, the copy goes that was not as it is.
//!
//! Invariants:
//! 1. The old copy goes only when the new one was read and is as the source is now, or as the destination makes it each time.
//! 2. It is removed only if it has the very octets that it was found with, under the UID that was linked as ours.
//! 3. What users of the destination did to the flags of the old copy is done to the new one before the old one goes.
//! 4. What is not done stays noted, and is gone on with by the next run; where it cannot be done (no UIDPLUS) it is named, once.

use super::purge::{Purge, Purged, copies_of};
use super::reflag::flags_of;
use super::removal::{Order, Targets, uid_set};
use crate::diff::comparing::same::{Keeps, is_spoilt};
use crate::engine::commands::change::FlagChange;
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::model::{Flags, InternalDate, Link, Listed, Presence, Replaced, Side, SystemFlag, Uid, UidSet, UidValidity};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::content::{Digests, read_contents};
use crate::pipeline::survey::keeping::keeps;
use crate::pipeline::survey::recognise::identities;
use crate::pipeline::survey::snapshots::Snapshots;
use std::collections::{HashMap, HashSet};

/// Removes the copies that the plan replaces, as far as their messages were copied anew. What was done is in `purged`, also
/// after an error.
///
/// # Errors
/// What ends the account's work; what keeps one mailbox from being mended is in `purged`.
pub fn remove_replaced(access: &Access<'_>, plan: &AccountPlan, purged: &mut Purged) -> Result<()> {
    for mailbox in plan.mailboxes.iter().filter(|mailbox| !mailbox.replaced.is_empty()) {
        access.go_on()?;
        let result = replace(access, mailbox, purged);
        Purge { access, purged }.take(mailbox, result)?;
    }
    Ok(())
}

/// A copy that is to go, and the one in its place.
struct Exchange {
    old: Replaced,
    new: Link,
}

/// What becomes of an old copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// As long as it is listed so.
    Goes(Listed),
    /// The destination made the same of the message again.
    GoesUnmended(Listed),
    Stays(&'static str),
    /// Nothing is there any more that is ours to remove.
    Settled,
}

fn replace(access: &Access<'_>, plan: &MailboxPlan, purged: &mut Purged) -> Result<()> {
    let name = &plan.source.raw;
    let exchanges = exchanges(access, plan)?;
    if exchanges.is_empty() {
        return Ok(());
    }
    let read = Read::of(access, plan, &exchanges)?;
    let (mut targets, mut settled, mut named) = (Targets::new(), Vec::new(), Vec::new());
    for exchange in &exchanges {
        let uid = exchange.old.copy.destination;
        match read.fate(exchange) {
            Fate::Settled => settled.push(uid),
            Fate::Goes(listed) => drop(targets.insert(uid, listed)),
            Fate::GoesUnmended(listed) => {
                targets.insert(uid, listed);
                named.push(unmended(plan, exchange.new.destination));
            }
            Fate::Stays(why) => named.push(stays(plan, uid, why)),
        }
    }
    access.failures.note_all(&mut purged.failures, named);
    if !read.expunges_by_uid {
        let left = targets.keys().map(|uid| cannot_go(plan, *uid));
        access.failures.note_all(&mut purged.failures, left);
        settled.extend(targets.keys());
    } else if !targets.is_empty() {
        carry_flags(access, plan, exchanges.iter().filter(|it| targets.contains_key(&it.old.copy.destination)), &read)?;
        let gone = Purge { access, purged }.remove(Order::to_expunge(copies_of(plan), targets))?;
        settled.extend(gone);
    }
    access.state.settle_replaced(name, &settled, &[])
}

/// Those whose source message has another copy by now. Where the source message is gone, the old copy is what it was before.
fn exchanges(access: &Access<'_>, plan: &MailboxPlan) -> Result<Vec<Exchange>> {
    let (state, name) = (&access.state, &plan.source.raw);
    let noted: Vec<Replaced> = state.replaced(name)?.collect::<Result<_>>()?;
    let mut linked = HashSet::new();
    for link in state.links(name)? {
        linked.insert(link?.destination);
    }
    let (mut links, mut records) = (state.link_lookup(name)?, state.record_lookup(Side::Source, name));
    let (mut exchanges, mut settled, mut ties) = (Vec::new(), Vec::new(), Vec::new());
    for old in noted.into_iter().filter(|old| plan.replaced.contains(old.copy.destination)) {
        let uid = old.copy.destination;
        match links.get(old.copy.source)? {
            _ if linked.contains(&uid) => settled.push(uid),
            Some(new) => exchanges.push(Exchange { old, new }),
            None if records.get(old.copy.source)?.is_none() => {
                settled.push(uid);
                ties.push(old.copy);
            }
            // It could not be copied, for a reason that is told.
            None => {}
        }
    }
    state.settle_replaced(name, &settled, &ties)?;
    Ok(exchanges)
}

/// What was read to decide.
struct Read {
    /// By side.
    contents: [Digests; 2],
    /// The dates of the source messages.
    dates: HashMap<Uid, Option<InternalDate>>,
    /// What the destination lists.
    listed: HashMap<Uid, Listed>,
    /// The flags of the old copies.
    flags: HashMap<Uid, Flags>,
    /// Old copies that are not there any more.
    gone: HashSet<Uid>,
    keeps: Keeps,
    expunges_by_uid: bool,
}

impl Read {
    fn of(access: &Access<'_>, plan: &MailboxPlan, exchanges: &[Exchange]) -> Result<Read> {
        let sources = uid_set(exchanges.iter().map(|exchange| exchange.new.source));
        let copies = exchanges.iter().flat_map(|exchange| [exchange.old.copy.destination, exchange.new.destination]);
        let copies = uid_set(copies);
        let ours = access.with_session(Side::Source, |session| {
            let opened = session.open(&plan.source, Opening::Examine)?;
            same_mailbox(opened.sync_point.uid_validity, plan.source_validity)?;
            read_contents(access, session, &sources)
        })?;
        let mut records = access.state.record_lookup(Side::Source, &plan.source.raw);
        let date = |uid| Ok((uid, records.get(uid)?.and_then(|record| record.internal_date)));
        let dates = sources.iter().map(date).collect::<Result<_>>()?;
        let keeps = keeps(access, &Snapshots::load(access)?)?;
        access.with_session(Side::Destination, |session| {
            let opened = session.open(&plan.destination, Opening::Examine)?;
            same_mailbox(opened.sync_point.uid_validity, plan.destination_validity.unwrap_or_default())?;
            let theirs = read_contents(access, session, &copies)?;
            let listed = identities(session, &copies)?;
            let old = uid_set(exchanges.iter().map(|exchange| exchange.old.copy.destination));
            let sighting = session.look_for(&old)?;
            let gone = old.iter().filter(|uid| sighting.of(*uid) == Presence::NotThere).collect();
            let flags = flags_of(session, old.iter())?;
            let (contents, expunges_by_uid) = ([ours.clone(), theirs], session.expunges_by_uid());
            Ok(Read { contents, dates: HashMap::clone(&dates), listed, flags, gone, keeps, expunges_by_uid })
        })
    }

    /// Invariants 1 and 2.
    fn fate(&self, Exchange { old, new }: &Exchange) -> Fate {
        let [ours, theirs] = &self.contents;
        let uid = old.copy.destination;
        if self.gone.contains(&uid) {
            return Fate::Settled;
        }
        let (Some(before), Some(listed)) = (theirs.get(&uid), self.listed.get(&uid)) else {
            return Fate::Stays("it could not be read");
        };
        if before.octets != old.octets {
            return Fate::Stays("under its UID there is another message");
        }
        let (Some(source), Some(now)) = (ours.get(&new.source), theirs.get(&new.destination)) else {
            return Fate::Stays("the message, or its new copy, could not be read");
        };
        let copied = self.listed.get(&new.destination).and_then(|listed| listed.date);
        let date = self.dates.get(&new.source).copied().flatten();
        match is_spoilt((date, source), (copied, now), self.keeps) {
            false => Fate::Goes(*listed),
            true if now.octets == before.octets => Fate::GoesUnmended(*listed),
            true => Fate::Stays("the new copy is not as its source is, either"),
        }
    }
}

/// Invariant 3. A mark of deletion may be ours, of a run that broke off.
fn carry_flags<'e>(
    access: &Access<'_>,
    plan: &MailboxPlan,
    exchanges: impl Iterator<Item = &'e Exchange> + Clone,
    read: &Read,
) -> Result<()> {
    let changes = exchanges.flat_map(|Exchange { old, new }| {
        let now = read.flags.get(&old.copy.destination).unwrap_or(&old.copy.agreed);
        let deleted = Flags::none().with(SystemFlag::Deleted);
        let set = now.minus(&old.copy.agreed).minus(&deleted);
        let taken_off = old.copy.agreed.minus(now).minus(&deleted);
        [(FlagChange::Add, set), (FlagChange::Remove, taken_off)].map(|change| (new.destination, change))
    });
    let changes: Vec<_> = changes.filter(|(_, (_, flags))| !flags.is_empty()).collect();
    if changes.is_empty() {
        return Ok(());
    }
    access.with_session(Side::Destination, |session| {
        let opened = session.open(&plan.destination, Opening::Select)?;
        same_mailbox(opened.sync_point.uid_validity, plan.destination_validity.unwrap_or_default())?;
        let send = |(uid, (change, flags)): &(Uid, (FlagChange, Flags))| {
            let (one, flags) = (UidSet::range(*uid, *uid), flags.within(&opened.keeps()));
            if flags.is_empty() { Ok(None) } else { session.send_store(&one, *change, &flags).map(Some) }
        };
        let tags: Vec<_> = changes.iter().map(send).collect::<Result<_>>()?;
        tags.into_iter().flatten().try_for_each(|tag| {
            let status = session.finish(tag, |_| Ok(()))?;
            session.accepted(status, "could not give the new copy the flags of the old one").map(drop)
        })
    })
}

fn same_mailbox(now: UidValidity, planned: UidValidity) -> Result<()> {
    if now == planned {
        return Ok(());
    }
    Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was planned")
        .hint("run `mailferry sync`: the mailbox is matched anew, and nothing is removed in that pass"))
}

fn of_copy(plan: &MailboxPlan, uid: Uid, what: &str) -> Error {
    Error::new(Kind::Refused, what).scope(Scope::Message).in_mailbox(&plan.destination.path()).at_uid(uid)
}

fn unmended(plan: &MailboxPlan, new: Uid) -> Error {
    of_copy(plan, new, "the destination made the same of a message that was copied anew, and not what the source has")
        .hint("look at both with a mail program; what the destination does not keep cannot be repaired from here")
}

fn stays(plan: &MailboxPlan, old: Uid, why: &str) -> Error {
    of_copy(plan, old, "a copy that was to be replaced stays beside the new one").because(why).hint(
        "look at both with a mail program, and remove the one that is wrong; `mailferry verify` names what is there twice",
    )
}

fn cannot_go(plan: &MailboxPlan, old: Uid) -> Error {
    of_copy(plan, old, "a copy was replaced, and stays beside the new one")
        .because("the destination cannot expunge single messages (UIDPLUS)")
        .hint("remove it with a mail program")
}

//! `sync --repair`: copies of ours that are not as their source messages are (half a message, a draft that was edited since)
//! are copied anew, and only then removed.
//!
//! Here they are found, by reading every copy of ours and its source message; what is noted is replaced by the apply that
//! follows (`transfer/replace.rs`), or, if that does not come to it, by the next one.
//!
//! Invariants:
//! 1. Only what we put there is replaced, and is still known as that by its identity, or as the beginning of its source message:
//!    another message under its UID, as after a restored backup, is not ours. What a person accepted as it is stays.
//! 2. What could not be read is not spoilt.
//! 3. In a mailbox where they are more than the guard allows, none is replaced without a word from the user. Nothing else
//!    waits for that.

use super::Deletes;
use super::plan::plan_settled;
use crate::diff::agreements::replacement_objection;
use crate::diff::comparing::same::{Keeps, is_known_as, is_spoilt};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::MailboxPlan;
use crate::model::report::PlanSummary;
use crate::model::{Link, MailboxState, MessageRecord, Replaced, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::content::{read_both, read_octets};
use crate::pipeline::survey::keeping::keeps;
use crate::pipeline::survey::recognise::identities;
use crate::pipeline::survey::snapshots::Snapshots;
use std::collections::{HashMap, HashSet};

/// Messages that are read before what they are is weighed.
const BATCH_MESSAGES: usize = 500;

/// A plan in which the spoilt copies of the account are to be replaced, and what needs a word first.
///
/// # Errors
/// Those of [`plan_settled`], and of the servers.
pub fn plan_repair(access: &Access<'_>, planned: PlanSummary, deletes: Deletes) -> Result<(PlanSummary, Vec<Error>)> {
    let snapshots = Snapshots::load(access)?;
    let keeps = keeps(access, &snapshots)?;
    let (mut is_noted, mut questions) = (false, Vec::new());
    for plan in planned.plan.mailboxes.iter().filter(|plan| plan.copied > 0) {
        access.go_on()?;
        let source = snapshots.mailbox(Side::Source, &plan.source.raw);
        let destination = snapshots.mailbox(Side::Destination, &plan.destination.raw);
        let (Some(source), Some(destination)) = (source, destination) else { continue };
        let (spoilt, taken_over) = spoilt(access, [source, destination], plan, keeps)?;
        questions.extend(taken_over);
        let question = question(access, plan, spoilt.len() as u64, u64::from(destination.records));
        match question.filter(|_| deletes == Deletes::Guarded) {
            Some(question) => questions.push(question),
            None if spoilt.is_empty() => {}
            None => {
                access.state.replace(&plan.source.raw, &spoilt)?;
                is_noted = true;
            }
        }
    }
    let planned = if is_noted { plan_settled(access)? } else { planned };
    Ok((planned, questions))
}

/// Invariant 3.
fn question(access: &Access<'_>, plan: &MailboxPlan, spoilt: u64, held: u64) -> Option<Error> {
    let why = replacement_objection(spoilt, held, access.account.policy.delete_guard)?;
    let error = Error::new(
        Kind::Guard,
        "the repair would replace more than it may without a word, and replaced nothing",
    )
    .because(why)
    .in_mailbox(&plan.destination.path())
    .in_account(&access.account.name)
    .scope(Scope::Mailbox)
    .hint("look at `mailferry verify --deep`; if it is as it should be, run `mailferry sync --repair --allow-deletes`");
    Some(error)
}

/// The copies of ours in a mailbox that are not as their source messages are, and a word of those that are ours no more.
fn spoilt(
    access: &Access<'_>,
    mailboxes: [&MailboxState; 2],
    plan: &MailboxPlan,
    keeps: Keeps,
) -> Result<(Vec<Replaced>, Option<Error>)> {
    let mut spoilt = Vec::new();
    for batch in ours(access, plan)?.chunks(BATCH_MESSAGES) {
        access.go_on()?;
        let uids: Vec<(Uid, Uid)> = batch.iter().map(|(link, _)| (link.source, link.destination)).collect();
        let [sources, copies] = read_both(access, mailboxes, &uids)?.map(|read| read.contents);
        for (link, [source, copy]) in batch {
            let read = (sources.get(&link.source), copies.get(&link.destination));
            if let (Some(ours), Some(theirs)) = read
                && is_spoilt((source.internal_date, ours), (copy.internal_date, theirs), keeps)
            {
                spoilt.push(Replaced { copy: link.clone(), octets: theirs.octets });
            }
        }
    }
    // Whatever becomes of them: they are not what was verified once.
    access.state.forget_verified(&plan.source.raw, &spoilt.iter().map(|it| it.copy.source).collect())?;
    let found = spoilt.len();
    retain_ours(access, mailboxes, &mut spoilt)?;
    let others = found - spoilt.len();
    if others > 0 {
        access.state.suspect_links(&plan.source.raw, Side::Destination)?;
    }
    Ok((spoilt, (others > 0).then(|| taken_over(plan, others))))
}

/// Invariant 1: the next scan compares what is under those UIDs now with the links, which are void then.
fn taken_over(plan: &MailboxPlan, others: usize) -> Error {
    Error::new(Kind::Changed, "another message stands under the UID of a copy")
        .because(format!("it is so of {others} copies, as after a backup was restored; what stands there stays"))
        .in_mailbox(&plan.destination.path())
        .scope(Scope::Mailbox)
        .hint("run `mailferry sync`: what is lost is copied anew")
}

/// Invariant 1, by what the destination lists now.
fn retain_ours(access: &Access<'_>, mailboxes: [&MailboxState; 2], spoilt: &mut Vec<Replaced>) -> Result<()> {
    if spoilt.is_empty() {
        return Ok(());
    }
    let mut uids: Vec<Uid> = spoilt.iter().map(|replaced| replaced.copy.destination).collect();
    uids.sort_unstable();
    let uids: UidSet = uids.into_iter().collect();
    let listed = access.with_session(Side::Destination, |session| {
        session.open(&mailboxes[1].name, Opening::Examine)?;
        identities(session, &uids)
    })?;
    let known = |copy: &Link| listed.get(&copy.destination).is_some_and(|now| is_known_as(copy, now));
    // Of a message that was cut off within its header not even the name may be left.
    let nameless: Vec<&Replaced> = spoilt.iter().filter(|replaced| !known(&replaced.copy)).collect();
    let beginnings = beginnings(access, mailboxes, &nameless)?;
    spoilt.retain(|Replaced { copy, .. }| known(copy) || beginnings.contains(&copy.destination));
    Ok(())
}

/// Those that are nothing but the beginning of their source message, by their UIDs on the destination.
fn beginnings(access: &Access<'_>, mailboxes: [&MailboxState; 2], copies: &[&Replaced]) -> Result<HashSet<Uid>> {
    if copies.is_empty() {
        return Ok(HashSet::new());
    }
    let mut lengths = HashMap::new();
    let theirs = copies.iter().map(|replaced| replaced.copy.destination);
    read_octets(access, Side::Destination, mailboxes[1], theirs, |uid, octets| {
        lengths.insert(uid, octets.len());
        Ok(())
    })?;
    let by_source: HashMap<Uid, &Replaced> = copies.iter().map(|replaced| (replaced.copy.source, *replaced)).collect();
    let mut found = HashSet::new();
    read_octets(access, Side::Source, mailboxes[0], by_source.keys().copied(), |uid, octets| {
        if let Some(Replaced { copy, octets: seen }) = by_source.get(&uid)
            && let Some(length) = lengths.get(&copy.destination)
            && octets.beginning(*length)?.is_some_and(|beginning| beginning == *seen)
        {
            found.insert(copy.destination);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Links of copies of ours that may be replaced, with what both sides list of them: invariant 1.
fn ours(access: &Access<'_>, plan: &MailboxPlan) -> Result<Vec<(Link, [MessageRecord; 2])>> {
    let (state, name) = (&access.state, &plan.source.raw);
    let agreement = state.agreement(name, plan.source_validity)?;
    // Those of which a copy is to go already.
    let noted = state.replaced(name)?.map(|replaced| Ok(replaced?.copy.source)).collect::<Result<HashSet<Uid>>>()?;
    let mut sources = state.record_lookup(Side::Source, name);
    let mut copies = state.record_lookup(Side::Destination, &plan.destination.raw);
    let mut ours = Vec::new();
    for link in state.links(name)? {
        let link = link?;
        if !link.is_ours() || noted.contains(&link.source) || agreement.reason(link.source).is_some() {
            continue;
        }
        if let (Some(source), Some(copy)) = (sources.get(link.source)?, copies.get(link.destination)?) {
            ours.push((link, [source, copy]));
        }
    }
    Ok(ours)
}

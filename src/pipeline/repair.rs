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
//! 3. More than the guard allows needs a word from the user, before anything is copied.

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

/// A plan in which the spoilt copies of the account are to be replaced.
///
/// # Errors
/// `Guard` where they are more than the guard allows; those of [`plan_settled`], and of the servers.
pub fn plan_repair(access: &Access<'_>, planned: PlanSummary, deletes: Deletes) -> Result<PlanSummary> {
    let snapshots = Snapshots::load(access)?;
    let keeps = keeps(access, &snapshots)?;
    let mut found = Vec::new();
    for plan in planned.plan.mailboxes.iter().filter(|plan| plan.copied > 0) {
        access.go_on()?;
        let source = snapshots.mailbox(Side::Source, &plan.source.raw);
        let destination = snapshots.mailbox(Side::Destination, &plan.destination.raw);
        if let (Some(source), Some(destination)) = (source, destination) {
            let spoilt = spoilt(access, [source, destination], plan, keeps)?;
            if !spoilt.is_empty() {
                found.push((plan, spoilt, u64::from(destination.records)));
            }
        }
    }
    if found.is_empty() {
        return Ok(planned);
    }
    if deletes == Deletes::Guarded {
        guard(access, &found)?;
    }
    for (plan, spoilt, _) in &found {
        access.state.replace(&plan.source.raw, spoilt)?;
    }
    plan_settled(access)
}

/// Invariant 3.
fn guard(access: &Access<'_>, found: &[(&MailboxPlan, Vec<Replaced>, u64)]) -> Result<()> {
    let share = access.account.policy.delete_guard;
    let objections = found.iter().filter_map(|(plan, spoilt, held)| {
        let why = replacement_objection(spoilt.len() as u64, *held, share)?;
        Some(format!("`{}`: {why}", plan.destination))
    });
    let objections: Vec<String> = objections.collect();
    if objections.is_empty() {
        return Ok(());
    }
    let error =
        Error::new(Kind::Guard, "the repair replaces more than it may without being told to, and was not begun");
    Err(objections.into_iter().fold(error, Error::because).scope(Scope::Account).hint(
        "look at `mailferry verify --deep`; if it is as it should be, run `mailferry sync --repair --allow-deletes`",
    ))
}

/// The copies of ours in a mailbox that are not as their source messages are.
fn spoilt(
    access: &Access<'_>,
    mailboxes: [&MailboxState; 2],
    plan: &MailboxPlan,
    keeps: Keeps,
) -> Result<Vec<Replaced>> {
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
    retain_ours(access, mailboxes, &mut spoilt)?;
    Ok(spoilt)
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

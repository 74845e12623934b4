//! What a person agreed to, brought together with what is found now: see `diff/agreements.rs`.

use crate::diff::agreements::{Departures, deletion_objection, departures, take_accepted};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::ledger::MailboxCondition;
use crate::model::plan::{MailboxPlan, Omitted};
use crate::model::{Agreement, MailboxName, MailboxState, Outcome, RawName, Side, Uid, UidSet, UidValidity};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::carrying::Known;
use crate::store::AccountStore;
use std::collections::HashMap;

/// Takes what a person accepted into a plan, and asks about the copies that are gone, and about those that would go.
///
/// # Errors
/// `State`.
pub fn agree(access: &Access<'_>, plan: &mut MailboxPlan, held: u64) -> Result<Departures> {
    let (state, policy) = (&access.state, &access.account.policy);
    let name = plan.source.raw.clone();
    let mut agreement = state.agreement(&name, plan.source_validity)?;
    if agreement.gone.is_some() && !plan.create {
        // It was said of a mailbox that was not there; when this one goes, it is asked again.
        agreement.gone = None;
        state.put_agreement(&name, &agreement)?;
    }
    if policy.mode.deletes() && plan.guard.is_none() {
        plan.guard = deletion_objection(plan.deletions.len() as u64, held, &agreement, policy.delete_guard);
    }
    let (gone, linked) = (plan.departed.clone(), plan.present + plan.copied + plan.departed.len());
    for uid in take_accepted(plan, &agreement) {
        let record = state.record(Side::Source, &name, uid)?;
        plan.octets -= record.map_or(0, |record| record.octets).min(plan.octets);
    }
    look(access, &name, &gone, linked, agreement)
}

/// Asks about copies that are gone. Those of which there is no question are taken for their users' work from now on.
///
/// # Errors
/// `State`.
pub fn look(
    access: &Access<'_>,
    source: &RawName,
    gone: &UidSet,
    linked: u64,
    mut agreement: Agreement,
) -> Result<Departures> {
    let found = departures(gone, linked, &agreement, &access.account.policy);
    if found.question.is_none() && agreement.departed != *gone {
        agreement.departed = gone.clone();
        access.state.put_agreement(source, &agreement)?;
    }
    Ok(found)
}

/// Why it is good that the mailbox to which this one was copied is gone, if a person has said so.
///
/// # Errors
/// `State`.
pub fn accepted_gone(access: &Access<'_>, source: &MailboxState) -> Result<Option<String>> {
    let agreement = access.state.agreement(&source.name.raw, validity(source))?;
    Ok(agreement.gone.filter(|_| !access.account.policy.restore_missing))
}

/// A source mailbox that is gone from the destination, and left out because a person said so.
pub fn gone(source: &MailboxState, reason: &str) -> Omitted {
    let (mailbox, messages) = (source.name.clone(), u64::from(source.records));
    let reason = format!("gone from the destination; accepted: {reason}");
    Omitted { mailbox, reason, condition: MailboxCondition::Excluded, messages }
}

/// The copies that are gone, as far as a person has not said that this is good; what is known holds for both listings, which
/// are those of `listed`.
///
/// # Errors
/// `State`.
pub fn questioned(
    access: &Access<'_>,
    listed: &AccountStore,
    source: &MailboxState,
    destination: Option<&MailboxState>,
    known: &Known,
) -> Result<Departures> {
    let uids = |side, mailbox: &MailboxState| {
        let records = listed.records(side, &mailbox.name.raw)?;
        records.map(|record| Ok(record?.uid)).collect::<Result<UidSet>>()
    };
    let mut links = known.links.read()?.peekable();
    let Some(destination) = destination.filter(|_| links.peek().is_some()) else { return Ok(Departures::default()) };
    let (records, copies) = (uids(Side::Source, source)?, uids(Side::Destination, destination)?);
    let (mut linked, mut gone) = (0, UidSet::new());
    for link in links {
        let link = link?;
        if records.contains(link.source) {
            linked += 1;
            if !copies.contains(link.destination) {
                gone.insert(link.source);
            }
        }
    }
    Ok(departures(&gone, linked, &known.agreement, &access.account.policy))
}

/// Why messages are not there, and what a person has said of them.
///
/// # Errors
/// `State`.
pub fn exceptions(
    listed: &AccountStore,
    source: &MailboxState,
    destination: Option<&MailboxState>,
    known: &Known,
) -> Result<HashMap<Uid, Outcome>> {
    let (mut exceptions, agreement) = (known.outcomes.clone(), &known.agreement);
    let gone = agreement.gone.as_deref().filter(|_| destination.is_none());
    if gone.is_none() && agreement.accepted.is_empty() {
        return Ok(exceptions);
    }
    for record in listed.records(Side::Source, &source.name.raw)? {
        let uid = record?.uid;
        if let Some(reason) = agreement.reason(uid).or(gone) {
            exceptions.insert(uid, Outcome::Accepted(reason.to_owned()));
        }
    }
    Ok(exceptions)
}

fn validity(source: &MailboxState) -> UidValidity {
    source.sync_point.map(|point| point.uid_validity).unwrap_or_default()
}

/// The question as an error: nothing is done for the mailbox before it is answered.
pub fn unanswered(question: &str, source: &MailboxName, destination: &MailboxName, account: &str) -> Error {
    Error::new(Kind::Guard, "many copies are gone: a lost disk, or their users' work?")
        .scope(Scope::Mailbox)
        .because(question)
        .in_mailbox(&destination.path())
        .hint(format!(
            "to copy them again, set restore_missing = true under [sync]; if it is as it should be, run `mailferry accept \
             {account} \"{source}\" --reason \"…\"`"
        ))
}

/// Copies were deleted because their source is gone. It is counted before they go: a run that is killed has counted too many
/// rather than too few.
///
/// # Errors
/// `State`.
pub fn count_deleted(access: &Access<'_>, source: &RawName, validity: UidValidity, change: i64) -> Result<()> {
    let mut agreement = access.state.agreement(source, validity)?;
    agreement.deleted = agreement.deleted.saturating_add_signed(change);
    access.state.put_agreement(source, &agreement)
}

/// A person agreed to what was deleted until now.
///
/// # Errors
/// `State`.
pub fn agree_to_deletions(access: &Access<'_>, plan: &MailboxPlan) -> Result<()> {
    let mut agreement = access.state.agreement(&plan.source.raw, plan.source_validity)?;
    if agreement.deleted > 0 {
        agreement.deleted = 0;
        access.state.put_agreement(&plan.source.raw, &agreement)?;
    }
    Ok(())
}

//! `accept`: a person has seen that something is not on the destination, or not as it was, and says why that is good.
//!
//! It is kept in the state, with the reason, and no server is asked. What was accepted is an outcome of its own from then on:
//! it is neither copied, nor asked about, nor a difference. Guards that count over time begin anew.

use super::Migration;
use super::plan::plan_account;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::{AccountPlan, MailboxPlan, Omitted};
use crate::model::report::{AcceptSummary, AccountResult};
use crate::model::{Outcome, PairState, Pairing, Side, Step, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::survey::remembering::remember;
use crate::pipeline::survey::spoiling::known_spoilt;

/// What is accepted.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The source mailbox, by its path; `None` for all of the account.
    pub mailbox: Option<String>,
    /// One message, by its UID on the source.
    pub uid: Option<Uid>,
    pub reason: String,
}

/// Accepts what stands in the state of every account of the run.
pub fn accept(migration: &Migration, acceptance: &Acceptance) -> Vec<AccountResult<AcceptSummary>> {
    for_each_account(migration, Step::Accept, |access| {
        let summary = accept_in_account(access, acceptance)?;
        migration.store.flush()?;
        Ok(summary)
    })
}

fn accept_in_account(access: &Access<'_>, acceptance: &Acceptance) -> Result<AcceptSummary> {
    let plan = plan_account(access)?.plan;
    let wanted = |path: String| acceptance.mailbox.as_ref().is_none_or(|mailbox| *mailbox == path);
    let mut summary = AcceptSummary { reason: acceptance.reason.clone(), ..AcceptSummary::default() };
    for mailbox in plan.mailboxes.iter().filter(|mailbox| wanted(mailbox.source.path())) {
        summary.mailboxes += 1;
        summary.messages += accept_in_mailbox(access, mailbox, acceptance)?;
    }
    let is_two_way = access.account.policy.is_two_way();
    let is_question = |omitted: &&Omitted| omitted.condition.is_obstacle() || is_two_way;
    let left = plan.omitted.iter().filter(is_question).filter(|omitted| wanted(omitted.mailbox.path()));
    for omitted in left {
        summary.gone += u64::from(accept_gone(access, omitted, &acceptance.reason)?);
    }
    for pair in access.state.pairs()?.iter().filter(|pair| wanted(pair.destination.path())) {
        summary.gone += u64::from(accept_without_source(access, pair, &acceptance.reason)?);
    }
    if summary.mailboxes + summary.gone == 0 {
        return Err(unknown_mailbox(&plan, acceptance));
    }
    // What is saved is what apply would do.
    plan_account(access)?;
    Ok(summary)
}

/// Accepts one message, or all that are gone, refused, failed or not what was sent. Returns how many.
fn accept_in_mailbox(access: &Access<'_>, plan: &MailboxPlan, acceptance: &Acceptance) -> Result<u64> {
    let (state, name) = (&access.state, &plan.source.raw);
    let mut agreement = state.agreement(name, plan.source_validity)?;
    let uids = match acceptance.uid {
        Some(uid) => {
            state.record(Side::Source, name, uid)?.ok_or_else(|| unknown_message(plan, uid))?;
            UidSet::range(uid, uid)
        }
        None => {
            agreement.deleted = 0;
            let mut uids = plan.departed.clone();
            for exception in state.exceptions(name) {
                let (uid, outcome) = exception?;
                if !matches!(outcome, Outcome::Skipped(_) | Outcome::Accepted(_)) {
                    uids.insert(uid);
                }
            }
            known_spoilt(state, plan)?.iter().for_each(|uid| uids.insert(uid));
            uids
        }
    };
    let count = uids.len();
    let mut links = state.link_lookup(name)?;
    let unlinked = uids.iter().map(|uid| Ok(links.get(uid)?.is_none().then_some((uid, None))));
    let unlinked = unlinked.filter_map(Result::transpose).collect::<Result<Vec<_>>>()?;
    remember(state, name, plan.source_validity, unlinked)?;
    agreement.accept(uids, &acceptance.reason);
    state.put_agreement(name, &agreement)?;
    Ok(count)
}

/// Accepts that the mailbox which this one was copied to is gone. Other obstacles are mended, not accepted.
fn accept_gone(access: &Access<'_>, omitted: &Omitted, reason: &str) -> Result<bool> {
    let (state, name) = (&access.state, &omitted.mailbox.raw);
    let (Some(source), Some(pair)) = (state.mailbox(Side::Source, name)?, state.pair(name)?) else { return Ok(false) };
    let Some(point) = source.sync_point else { return Ok(false) };
    if pair.links == 0 || state.mailbox(Side::Destination, &pair.pairing.destination)?.is_some() {
        return Ok(false);
    }
    let mut agreement = state.agreement(name, point.uid_validity)?;
    agreement.gone = Some(reason.to_owned());
    state.put_agreement(name, &agreement)?;
    Ok(true)
}

/// Accepts that the source mailbox is gone whose copy is there, and stays.
fn accept_without_source(access: &Access<'_>, pair: &PairState, reason: &str) -> Result<bool> {
    let (state, Pairing { source, source_validity, destination, .. }) = (&access.state, &pair.pairing);
    let is_there = |side, name| Ok::<_, Error>(state.mailbox(side, name)?.is_some());
    if pair.links == 0 || is_there(Side::Source, source)? || !is_there(Side::Destination, destination)? {
        return Ok(false);
    }
    let mut agreement = state.agreement(source, *source_validity)?;
    agreement.gone = Some(reason.to_owned());
    state.put_agreement(source, &agreement)?;
    if access.account.policy.is_two_way() {
        // There it is asked about on the way back.
        let back = state.facing(state.direction().opposite());
        let mut agreement = back.agreement(destination, pair.pairing.destination_validity)?;
        agreement.gone = Some(reason.to_owned());
        back.put_agreement(destination, &agreement)?;
    }
    Ok(true)
}

fn unknown_mailbox(plan: &AccountPlan, acceptance: &Acceptance) -> Error {
    let name = acceptance.mailbox.as_deref().unwrap_or("**");
    let known: Vec<String> = plan.mailboxes.iter().take(10).map(|mailbox| mailbox.source.path()).collect();
    Error::new(Kind::Settings, format!("there is nothing to accept in `{name}`"))
        .scope(Scope::Account)
        .because(format!("the source mailboxes that take part are {}", known.join(", ")))
        .hint("name the mailbox as it is on the source, with / between the levels of its name")
}

fn unknown_message(plan: &MailboxPlan, uid: Uid) -> Error {
    Error::new(Kind::Settings, "the source has no such message, as of the last scan")
        .scope(Scope::Account)
        .in_mailbox(&plan.source.path())
        .at_uid(uid)
        .hint("`mailferry plan --details` and `mailferry verify` name the UIDs")
}

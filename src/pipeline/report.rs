//! `report`: what the state holds of each account, for those who were not there. No server is asked.

use super::status::status_of;
use crate::error::Result;
use crate::model::account_report::{AccountReport, MailboxReport, MessageReport};
use crate::model::difference::Difference;
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::model::{Account, MailboxState, Mark, MessageRecord, Outcome, Outcomes, RawName, Side, Turn, Uid};
use crate::store::{AccountStore, Store};
use std::collections::{BTreeMap, HashMap};

/// Messages that are listed for one account; the rest is counted.
const LISTED_MESSAGES: usize = 10_000;

/// Failures that are listed for one account.
const LISTED_FAILURES: usize = 1000;

/// Of one account.
///
/// # Errors
/// `State`.
pub fn report(store: &Store, account: &Account, mark: Option<Mark>) -> Result<AccountReport> {
    let state = store.account_as_it_stands(&account.name)?;
    let users = Side::BOTH.map(|side| account.user(state.direction().named(side)).to_owned());
    let [source_user, destination_user] = users;
    let plan = state.plan()?;
    let (source, destination) = (state.mailboxes(Side::Source)?, state.mailboxes(Side::Destination)?);
    let mailboxes = mailboxes(&state, plan.as_ref(), &source, &destination)?;
    let (messages, unlisted) = messages(&state, plan.as_ref(), &source)?;
    let omitted = plan.iter().flat_map(|plan| &plan.omitted);
    Ok(AccountReport {
        source_user,
        destination_user,
        status: status_of(store, &account.name, mark, Turn::None)?,
        mailboxes,
        omitted: omitted.map(|it| (it.mailbox.path(), it.reason.clone())).collect(),
        messages,
        unlisted,
        failures: state.failures()?.take(LISTED_FAILURES).collect::<Result<_>>()?,
        verification: state.verification()?,
        differences: differences(&state)?,
    })
}

fn differences(state: &AccountStore) -> Result<(Vec<Difference>, u64)> {
    let (mut listed, mut unlisted) = (Vec::new(), 0);
    for difference in state.differences()? {
        let difference = difference?;
        if listed.len() < LISTED_MESSAGES { listed.push(difference) } else { unlisted += 1 }
    }
    Ok((listed, unlisted))
}

fn mailboxes(
    state: &AccountStore,
    plan: Option<&AccountPlan>,
    source: &[MailboxState],
    destination: &[MailboxState],
) -> Result<Vec<MailboxReport>> {
    let count = |mailbox: &MailboxState| mailbox.sync_point.map(|point| u64::from(point.messages));
    let known: HashMap<&RawName, &MailboxState> = destination.iter().map(|it| (&it.name.raw, it)).collect();
    let pairs: BTreeMap<RawName, Outcomes> =
        state.pairs()?.into_iter().map(|pair| (pair.pairing.source, pair.outcomes)).collect();
    let planned: HashMap<&RawName, &MailboxPlan> =
        plan.iter().flat_map(|plan| &plan.mailboxes).map(|it| (&it.source.raw, it)).collect();
    let of = |mailbox: &MailboxState| {
        let plan = planned.get(&mailbox.name.raw)?;
        Some(MailboxReport {
            source: mailbox.name.path(),
            destination: plan.destination.path(),
            source_messages: count(mailbox).unwrap_or(0),
            destination_messages: known.get(&plan.destination.raw).and_then(|there| count(there)),
            outcomes: pairs.get(&mailbox.name.raw).copied().unwrap_or_else(|| not_begun(plan)),
        })
    };
    Ok(source.iter().filter_map(of).collect())
}

/// Where the messages of a mailbox stand of which nothing was copied yet.
fn not_begun(plan: &MailboxPlan) -> Outcomes {
    Outcomes { pending: plan.copies.len() + plan.moved(), skipped: plan.skipped.len() as u64, ..Outcomes::default() }
}

/// Messages that are still to be copied, where others of their mailbox are there: else all of it is, and the count says so.
fn pending(state: &AccountStore, plan: &MailboxPlan) -> Result<Vec<Uid>> {
    let mut links = state.link_lookup(&plan.source.raw)?;
    let mut left = Vec::new();
    for uid in plan.arrivals().iter() {
        if links.get(uid)?.is_none() {
            left.push(uid);
        }
    }
    let all = state.mailbox(Side::Source, &plan.source.raw)?.and_then(|mailbox| mailbox.sync_point);
    let is_begun = all.is_some_and(|all| (left.len() as u64) < u64::from(all.messages));
    Ok(if is_begun { left } else { Vec::new() })
}

/// What is not there, or was accepted, with the reason; and how many there are beyond those that are listed.
fn messages(
    state: &AccountStore,
    plan: Option<&AccountPlan>,
    source: &[MailboxState],
) -> Result<(Vec<MessageReport>, u64)> {
    let (mut listed, mut unlisted) = (Vec::new(), 0);
    let planned: HashMap<&RawName, &MailboxPlan> =
        plan.iter().flat_map(|plan| &plan.mailboxes).map(|it| (&it.source.raw, it)).collect();
    for mailbox in source {
        let name = &mailbox.name;
        let mut outcomes: BTreeMap<Uid, Outcome> = BTreeMap::new();
        for exception in state.exceptions(&name.raw) {
            let (uid, outcome) = exception?;
            outcomes.insert(uid, outcome);
        }
        if let Some(plan) = planned.get(&name.raw) {
            outcomes.extend(plan.skipped.iter().map(|skipped| (skipped.uid, skipped.outcome())));
            outcomes.extend(plan.departed.iter().map(|uid| (uid, Outcome::Departed)));
            let undecided = || Outcome::Undecided("its content was not compared yet".to_owned());
            outcomes.extend(plan.doubt.source.iter().map(|uid| (uid, undecided())));
            for uid in pending(state, plan)? {
                outcomes.entry(uid).or_insert(Outcome::Pending);
            }
        }
        for (uid, outcome) in outcomes {
            if listed.len() >= LISTED_MESSAGES {
                unlisted += 1;
                continue;
            }
            let record = state.record(Side::Source, &name.raw, uid)?;
            let validity = mailbox.sync_point.map(|point| point.uid_validity).unwrap_or_default();
            let about = state.about(&name.raw, validity, uid)?;
            listed.push(MessageReport { about, ..told(name.path(), uid, record.as_ref(), &outcome) });
        }
    }
    Ok((listed, unlisted))
}

fn told(mailbox: String, uid: Uid, record: Option<&MessageRecord>, outcome: &Outcome) -> MessageReport {
    let (key, reason): (&str, &str) = match outcome {
        Outcome::Present => ("present", ""),
        Outcome::Copied => ("copied", ""),
        Outcome::Skipped(reason) => ("skipped", reason.as_str()),
        Outcome::Refused(reason) => ("refused", reason),
        Outcome::Vanished => ("vanished", "it was gone from the source when it was to be copied"),
        Outcome::Failed(reason) => ("failed", reason),
        Outcome::Departed => ("departed", "its copy was deleted or moved on the destination"),
        Outcome::Pending => ("pending", ""),
        Outcome::Limited(reason) => ("limited", reason),
        Outcome::NotFoundAgain(reason) => ("not_found_again", reason),
        Outcome::Undecided(reason) => ("undecided", reason),
        Outcome::Accepted(reason) => ("accepted", reason),
    };
    MessageReport {
        mailbox,
        uid: uid.0,
        date: record.and_then(|record| record.internal_date).map(|date| date.0),
        octets: record.map(|record| record.octets),
        about: None,
        outcome: key.to_owned(),
        reason: reason.to_owned(),
    }
}

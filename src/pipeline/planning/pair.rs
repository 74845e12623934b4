//! One pair of mailboxes: what is known of it is compared, and what that brings is recorded.

use super::compared::{self, Compared};
use super::planner::Planner;
use super::stray::Stray;
use crate::diff::comparing::comparison::{Apart, Appends, Comparison};
use crate::diff::comparing::flags::FlagHistory;
use crate::diff::comparing::messages::Planned;
use crate::diff::comparing::wanted::MERGED;
use crate::diff::routing::mapping::MailboxPair;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::MailboxPlan;
use crate::model::{
    Ground, Link, MailboxState, MessageRecord, Outcome, Outcomes, PairState, RawName, Side, Uid, UidSet,
};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::agreeing::{agree, unanswered};
use crate::pipeline::survey::dead_links::drop_dead_links;
use crate::pipeline::survey::outdated::forget_outdated;
use crate::pipeline::survey::pairing::{appends, pairing};
use crate::pipeline::survey::remembering::{remember, remembered};
use crate::pipeline::survey::searching::found;
use crate::store::{AccountStore, CHECKPOINT_LINKS};
use std::collections::HashSet;

impl Planner<'_> {
    /// A link would say that the message is done: one to a copy that is gone, or to what another link names, too.
    fn unlink_copies(&self, plan: &MailboxPlan) -> Result<()> {
        let name = &plan.source.raw;
        let (mut linked, mut links) = (Vec::new(), self.access.state.link_lookup(name)?);
        for uid in plan.copies.iter() {
            linked.extend(links.get(uid)?.map(|link| link.source));
        }
        if linked.is_empty() { Ok(()) } else { self.access.state.unlink(name, linked) }
    }

    /// The diff proper.
    pub(super) fn compare(
        &mut self,
        pair: &MailboxPair,
        source: &MailboxState,
        destination: Option<&MailboxState>,
        known: Option<PairState>,
    ) -> Result<MailboxPlan> {
        let state = &self.access.state;
        let validity = |mailbox: &MailboxState| mailbox.sync_point.unwrap_or_default().uid_validity;
        let ours = state.contents(Side::Source, &source.name.raw, validity(source));
        let theirs = destination
            .map(|destination| state.contents(Side::Destination, &destination.name.raw, validity(destination)));
        let contents = |side, record: &MessageRecord| match side {
            Side::Source => ours.of(record),
            Side::Destination => theirs.as_ref()?.of(record),
        };
        let name = &pair.source.raw;
        forget_outdated(state, source, self.keeps()?)?;
        let others = self.others(source, destination)?;
        let found = found(self.access, source)?;
        let [stored, merged] = stored(state, source);
        let mut elsewhere = self.labels.elsewhere_of(name).clone();
        elsewhere.merge(&late_twins(self.access, source)?);
        let comparison = Comparison {
            pair,
            source,
            destination,
            capacity: &self.capacity,
            flags: known.as_ref().map_or_else(FlagHistory::default, FlagHistory::of),
            append_limit: self.snapshots.side(Side::Destination).append_limit,
            expunges_by_uid: self.snapshots.side(Side::Destination).expunges_by_uid,
            appends: known.as_ref().map_or_else(Appends::default, appends),
            stored: &stored,
            merged: &merged,
            found: found.as_ref(),
            elsewhere: &elsewhere,
            replaced: &replaced(state, name, destination)?,
            others: &others,
            keeps: self.keeps()?,
            contents: &contents,
            apart: Apart::default(),
        };
        let compared = Compared { state, comparison, known: known.as_ref(), policy: &self.access.account.policy };
        let is_own = !self.carried.contains(name) && !self.sharing.is_shared(&pair.destination.raw);
        let part = if is_own { compared.part(self.policy)? } else { None };
        let mut unrecorded = false;
        let mut record = |links: &[Link]| {
            let recorded = links.chunks(CHECKPOINT_LINKS).try_for_each(|links| state.checkpoint(name, links, &[]));
            unrecorded |= recorded.is_err();
            recorded
        };
        let planned = compared.planned(part.as_ref(), &mut record);
        let Planned { mut plan, ownerless, ground } = planned.map_err(|error| match unrecorded {
            true => error,
            false => self.forget_damaged(error, source, destination),
        })?;
        self.leave_to_the_way_back(&mut plan)?;
        self.unlink_copies(&plan)?;
        self.refresh_remembered(&plan)?;
        let held = destination.map_or(0, |it| u64::from(it.records)).saturating_sub(others.len());
        self.ask_about_departures(&mut plan, held)?;
        let outcomes = self.outcomes(&plan)?;
        self.ledger.outcomes.merge(&outcomes);
        self.ledger.losses.merge(&plan.losses);
        if let (Some(_), Some(destination), true) = (&known, destination, plan.doubt.is_empty()) {
            let tied = plan.present + plan.copied + plan.departed.len() + ownerless;
            drop_dead_links(state, [source, destination], tied, compared::links(state, name, part.as_ref()))?;
        }
        if let Some(part) = &part {
            self.strays.insert(name.clone(), Stray::Among { sources: part.linked(), free: part.listed() });
        }
        if known.is_some() {
            self.record_pair(&plan, outcomes, (source, destination), ground)?;
        }
        Ok(plan)
    }

    /// Takes what was accepted into the plan, and asks about copies that are gone from a mailbox which holds so many.
    fn ask_about_departures(&mut self, plan: &mut MailboxPlan, held: u64) -> Result<()> {
        let departures = agree(self.access, plan, held)?;
        self.ledger.questioned += departures.questioned;
        let account = &*self.access.account.name;
        if let Some(why) = departures.question {
            let question = unanswered(&why, &plan.source, &plan.destination, account);
            self.access.failures.note(&mut self.ledger.failures, question.in_account(account));
        }
        Ok(())
    }

    /// Where every message stands before the plan is applied, with what became of those that were tried before.
    fn outcomes(&mut self, plan: &MailboxPlan) -> Result<Outcomes> {
        let mut outcomes = outcomes(plan);
        for (uid, outcome) in self.refresh_exceptions(plan)? {
            // What is to be tried again has its outcome until then; what the source does not describe is in no plan.
            let planned = u64::from(plan.copies.contains(uid));
            outcomes.pending -= planned;
            self.unreadable += 1 - planned;
            outcomes.add(&outcome, 1);
        }
        Ok(outcomes)
    }

    /// What of the destination mailbox is other source mailboxes'.
    pub(super) fn others(&self, source: &MailboxState, destination: Option<&MailboxState>) -> Result<UidSet> {
        destination.map_or_else(|| Ok(UidSet::new()), |destination| self.sharing.others(&pairing(source, destination)))
    }

    fn record_pair(
        &self,
        plan: &MailboxPlan,
        outcomes: Outcomes,
        (source, destination): (&MailboxState, Option<&MailboxState>),
        ground: Option<Ground>,
    ) -> Result<()> {
        let Some(mut pair) = self.access.state.pair(&plan.source.raw)? else { return Ok(()) };
        // What is left alone has to be told again each time.
        let finished = plan.is_empty()
            && outcomes.failed == 0
            && plan.doubt.is_empty()
            && plan.not_found_again.is_empty()
            && plan.skipped.is_empty()
            && plan.departed.is_empty()
            && plan.kept == 0;
        pair.settled = destination.filter(|_| finished).map(|destination| self.settlement(source, destination));
        pair.outcomes = outcomes;
        pair.losses = plan.losses.clone();
        pair.unseen_from = still_unseen(&pair, destination);
        if !finished {
            return self.access.state.put_pair(&pair);
        }
        let below = destination.and_then(|destination| destination.sync_point?.uid_next);
        self.access.state.settle_pair(&pair, ground.zip(below))
    }

    /// A listing that does not hold what it should is forgotten: the next scan repairs it from the server.
    fn forget_damaged(&self, error: Error, source: &MailboxState, destination: Option<&MailboxState>) -> Error {
        if !matches!(error.kind(), Kind::State | Kind::Damaged) || error.reach() > Scope::Mailbox {
            return error;
        }
        let state = &self.access.state;
        // An obstacle until it is listed again: a mailbox that is not in the snapshot would be missed by nobody.
        let trouble = Some("its part of the state was damaged, and was set back".to_owned());
        let set_back = MailboxState { sync_point: None, trouble, ..source.clone() };
        let forgotten = state.forget_mailbox(Side::Source, &source.name.raw);
        let _ = forgotten.and_then(|()| state.put_mailbox(Side::Source, &set_back));
        if let Some(destination) = destination {
            let _ = state.forget_mailbox(Side::Destination, &destination.name.raw);
            let _ = state.reset_pair(&PairState::new(pairing(source, destination), destination.name.clone()));
        }
        error
            .scope(Scope::Mailbox)
            .hint("its part of the state was set back: run `mailferry sync` again, it is rebuilt from the servers")
    }

    /// Refusals and failures stay on record while their message is still to be copied, or cannot be listed: these are
    /// returned. The skipped are recorded anew.
    fn refresh_exceptions(&self, plan: &MailboxPlan) -> Result<Vec<(Uid, Outcome)>> {
        let state = &self.access.state;
        let name = &plan.source.raw;
        // One that is damaged is found again by the next try.
        let before: Vec<_> = state.exceptions(name).map_while(Result::ok).collect();
        if before.is_empty()
            && plan.skipped.is_empty()
            && plan.not_found_again.is_empty()
            && state.exceptions(name).next().is_none()
        {
            return Ok(Vec::new());
        }
        state.clear_exceptions(name)?;
        let (mut kept, mut records) = (Vec::new(), state.record_lookup(Side::Source, name));
        for (uid, outcome) in before {
            let mut unreadable = || Ok::<_, Error>(records.get(uid)?.is_none());
            if plan.copies.contains(uid) || (matches!(outcome, Outcome::Failed(_)) && unreadable()?) {
                kept.push((uid, outcome));
            }
        }
        let remembered = remembered(state, name, plan.source_validity);
        let why = |uid| remembered.get(&uid).and_then(|message| message.stored.clone()).unwrap_or_default();
        let stored = plan.not_found_again.iter().map(|uid| (uid, Outcome::NotFoundAgain(why(uid))));
        let skipped = plan.skipped.iter().map(|skipped| (skipped.uid, skipped.outcome())).chain(stored);
        let recorded: Vec<_> = kept.iter().cloned().chain(skipped).collect();
        state.checkpoint(name, &[], &recorded)?;
        Ok(kept)
    }

    /// What the destination stored and does not show is remembered until a link says more, with all that is listed of it.
    fn refresh_remembered(&self, plan: &MailboxPlan) -> Result<()> {
        let (state, name) = (&self.access.state, &plan.source.raw);
        let (mut over, mut unnamed, mut links) = (Vec::new(), Vec::new(), state.link_lookup(name)?);
        for message in state.remembered(name).map_while(Result::ok) {
            over.extend(links.get(message.uid)?.map(|_| message.uid));
            unnamed.extend(message.listed.identity.is_none().then_some((message.uid, None)));
        }
        if !over.is_empty() {
            state.remember(name, &[], &over)?;
            unnamed.retain(|(uid, _)| !over.contains(uid));
        }
        let stored = plan.not_found_again.iter().map(|uid| (uid, Some(NOT_FOUND_AGAIN.to_owned())));
        remember(state, name, plan.source_validity, unnamed.into_iter().chain(stored))
    }
}

/// From where on copies are still not listed, this listing having been compared: those that came after it, where a run did
/// not end cleanly.
fn still_unseen(pair: &PairState, destination: Option<&MailboxState>) -> Option<Uid> {
    let from = pair.unseen_from?;
    let listed_below = destination.and_then(|destination| destination.sync_point?.uid_next);
    if pair.intent.is_none() && destination.is_some() {
        None
    } else {
        Some(listed_below.map_or(from, |it| it.max(from)))
    }
}

/// Why it is not sent again.
const NOT_FOUND_AGAIN: &str = "the destination said that it stored it, and it is not in the mailbox";

/// Source messages that the destination stored, and that were not found there, and those that it made one with another. An older
/// state has the outcomes of the first alone.
fn stored(state: &AccountStore, source: &MailboxState) -> [UidSet; 2] {
    let (name, validity) = (&source.name.raw, source.sync_point.unwrap_or_default().uid_validity);
    let [mut stored, mut merged] = [UidSet::new(), UidSet::new()];
    for message in remembered(state, name, validity).into_values() {
        match message.stored.as_deref() {
            Some(MERGED) => merged.insert(message.uid),
            Some(_) => stored.insert(message.uid),
            None => {}
        }
    }
    let outcomes = state.exceptions(name).map_while(Result::ok);
    outcomes.filter(|(_, it)| matches!(it, Outcome::NotFoundAgain(_))).for_each(|(uid, _)| stored.insert(uid));
    [stored, merged]
}

/// Both ways: messages of the source, without a link, that may be second copies of ours. They stand where an append of ours may have
/// landed late, and are listed as a message there is that we put there.
fn late_twins(access: &Access<'_>, source: &MailboxState) -> Result<UidSet> {
    let (state, name) = (&access.state, &source.name.raw);
    let validity = source.sync_point.unwrap_or_default().uid_validity;
    let late =
        if access.account.policy.is_two_way() { state.late_appends(Side::Source, name, validity)? } else { None };
    let Some(late) = late else { return Ok(UidSet::new()) };
    let listed = |record: &MessageRecord| (record.octets, record.internal_date);
    let (mut links, mut ours, mut unlinked) = (state.link_lookup(name)?, HashSet::new(), Vec::new());
    for record in state.records(Side::Source, name)? {
        let record = record?;
        match links.get(record.uid)? {
            _ if record.uid < late => {}
            Some(link) if link.origin.is_of_the_source() => drop(ours.insert(listed(&record))),
            Some(_) => {}
            None => unlinked.push(record),
        }
    }
    Ok(unlinked.iter().filter(|record| ours.contains(&listed(record))).map(|record| record.uid).collect())
}

/// The copies of a source mailbox that are to be replaced, as far as they are there.
fn replaced(state: &AccountStore, source: &RawName, destination: Option<&MailboxState>) -> Result<UidSet> {
    let Some(destination) = destination else { return Ok(UidSet::new()) };
    let mut records = state.record_lookup(Side::Destination, &destination.name.raw);
    let mut there = UidSet::new();
    for replaced in state.replaced(source)? {
        let uid = replaced?.copy.destination;
        if records.get(uid)?.is_some() {
            there.insert(uid);
        }
    }
    Ok(there)
}

/// Where every message of the source mailbox stands before the plan is applied.
fn outcomes(plan: &MailboxPlan) -> Outcomes {
    let mut outcomes = Outcomes {
        present: plan.present,
        copied: plan.copied,
        departed: plan.departed.len(),
        undecided: plan.doubt.source.len(),
        not_found_again: plan.not_found_again.len(),
        pending: plan.copies.len(),
        ..Outcomes::default()
    };
    plan.skipped.iter().for_each(|skipped| outcomes.add(&skipped.outcome(), 1));
    outcomes
}

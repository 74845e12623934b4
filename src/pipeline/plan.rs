//! `plan`: the two snapshots of each account become a plan, without a word to any server.
//!
//! What the diff learns on the way (messages that are on both sides already) is recorded as links: it is a fact about
//! the snapshots, not an action.

use super::{Event, Migration, Phase};
use crate::diff::comparing::comparison::{Appends, Comparison};
use crate::diff::comparing::flags::FlagHistory;
use crate::diff::comparing::messages::plan_mailbox;
use crate::diff::comparing::same::Keeps;
use crate::diff::fit::fit_quota;
use crate::diff::policy::policy_digest;
use crate::diff::routing::mapping::{MailboxPair, Mapping};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::amount::Amounts;
use crate::model::failures::Failures;
use crate::model::ledger::{AccountLedger, Stage};
use crate::model::link::Settled;
use crate::model::plan::{AccountPlan, MailboxPlan, Omitted};
use crate::model::policy::Mode;
use crate::model::report::{AccountResult, PlanSummary};
use crate::model::{
    Account, FlagCapacity, Link, MailboxCondition, MailboxState, MessageRecord, Outcome, Outcomes, PairState, RawName,
    Side, Step, Uid, UidSet,
};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::survey::agreeing::{accepted_gone, agree, gone, unanswered};
use crate::pipeline::survey::carrying::carried_over;
use crate::pipeline::survey::dead_links::drop_dead_links;
use crate::pipeline::survey::keeping::keeps;
use crate::pipeline::survey::pairing::{appends, pairing};
use crate::pipeline::survey::settle::settle;
use crate::pipeline::survey::snapshots::Snapshots;
use crate::store::{AccountStore, CHECKPOINT_LINKS};
use std::cell::OnceCell;
use std::collections::HashMap;

/// Plans every account from its last scan.
pub fn plan(migration: &Migration) -> Vec<AccountResult<PlanSummary>> {
    for_each_account(migration, Step::Plan, |access| {
        let summary = plan_account(access)?;
        migration.store.flush()?;
        Ok(summary)
    })
}

/// Plans one account and saves the plan.
///
/// # Errors
/// `Stale` when it was never scanned, `Settings` for a wrong glob, `State`.
pub fn plan_account(access: &Access<'_>) -> Result<PlanSummary> {
    let account = access.account.name.as_str();
    access.check_users()?;
    access.migration.observer.event(Event::Began { account, phase: Phase::Planning, messages: 0, octets: 0 });
    let (snapshots, summary) = draft(access)?;
    access.state.put_plan(&summary.plan)?;
    record_status(&access.state, &snapshots, &summary)?;
    Ok(summary)
}

/// What is read may raise a further doubt: of messages that had departed, about what others leave over.
const SETTLING_ROUNDS: usize = 3;

/// Reads what the last scan leaves in doubt, so that the next plan is not.
///
/// # Errors
/// Those of [`plan_account`], and of the servers.
pub fn settle_doubts(access: &Access<'_>) -> Result<()> {
    for _ in 0..SETTLING_ROUNDS {
        let (_, summary) = draft(access)?;
        if summary.plan.mailboxes.iter().all(|mailbox| mailbox.doubt.is_empty()) {
            break;
        }
        settle(access, &summary.plan)?;
    }
    Ok(())
}

/// Plans one account, and reads what is in doubt first.
///
/// # Errors
/// Those of [`plan_account`], and of the servers.
pub fn plan_settled(access: &Access<'_>) -> Result<PlanSummary> {
    let planned = plan_account(access)?;
    if planned.plan.mailboxes.iter().all(|mailbox| mailbox.doubt.is_empty()) {
        return Ok(planned);
    }
    settle(access, &planned.plan)?;
    settle_doubts(access)?;
    plan_account(access)
}

fn draft<'a>(access: &'a Access<'a>) -> Result<(Snapshots<'a>, PlanSummary)> {
    let snapshots = Snapshots::load(access)?;
    let mapping = snapshots.map()?;
    let mut planner = Planner::new(access, &snapshots);
    for pair in &mapping.pairs {
        planner.take_pair(pair)?;
    }
    let summary = planner.finish(mapping)?;
    Ok((snapshots, summary))
}

/// The digest that a plan is stamped with.
pub fn stamp(account: &Account) -> [u8; 16] {
    policy_digest(&account.policy)
}

/// An account's plan in the making.
struct Planner<'a> {
    access: &'a Access<'a>,
    snapshots: &'a Snapshots<'a>,
    by_name: [HashMap<&'a RawName, &'a MailboxState>; 2],
    capacity: FlagCapacity,
    keeps: OnceCell<Keeps>,
    policy: [u8; 16],
    plan: AccountPlan,
    ledger: AccountLedger,
    /// Messages that the source holds and does not describe.
    unreadable: u64,
}

impl<'a> Planner<'a> {
    fn new(access: &'a Access<'a>, snapshots: &'a Snapshots<'a>) -> Self {
        let policy = stamp(access.account);
        let plan = AccountPlan {
            account: access.account.name.clone(),
            generation: 0,
            policy,
            mailboxes: Vec::new(),
            omitted: Vec::new(),
            warnings: Vec::new(),
        };
        let by_name = Side::BOTH.map(|side| snapshots.by_name(side));
        let capacity = snapshots.capacity();
        let ledger = AccountLedger::at(Stage::Planned);
        Planner { access, snapshots, by_name, capacity, keeps: OnceCell::new(), policy, plan, ledger, unreadable: 0 }
    }

    /// What the servers keep of a message; looked up only where messages are compared.
    fn keeps(&self) -> Result<Keeps> {
        if let Some(keeps) = self.keeps.get() {
            return Ok(*keeps);
        }
        let keeps = keeps(self.access, self.snapshots)?;
        Ok(*self.keeps.get_or_init(|| keeps))
    }

    fn mailbox(&self, side: Side, name: &RawName) -> Option<&'a MailboxState> {
        self.by_name[side as usize].get(name).copied()
    }

    fn take_pair(&mut self, pair: &MailboxPair) -> Result<()> {
        let Some(source) = self.mailbox(Side::Source, &pair.source.raw) else { return Ok(()) };
        let destination = self.mailbox(Side::Destination, &pair.destination.raw);
        let destination = destination.filter(|destination| destination.sync_point.is_some());
        if destination.is_none()
            && let Some(reason) = accepted_gone(self.access, source)?
        {
            self.plan.omitted.push(gone(source, &reason));
            return Ok(());
        }
        match self.plan_pair(pair, source, destination) {
            Ok(plan) => self.plan.mailboxes.push(plan),
            Err(error) if error.reach() <= Scope::Mailbox => self.obstacle(source, &error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A mailbox that cannot be planned stays behind, and is named. What is damaged is forgotten, so that the next scan
    /// lists it anew.
    fn obstacle(&mut self, source: &MailboxState, error: &Error) {
        let messages = u64::from(source.records);
        self.plan.omitted.push(Omitted {
            mailbox: source.name.clone(),
            reason: [Some(error.summary().as_str()), error.advice()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
            condition: MailboxCondition::Unreadable,
            messages,
        });
    }

    fn plan_pair(
        &mut self,
        pair: &MailboxPair,
        source: &'a MailboxState,
        destination: Option<&'a MailboxState>,
    ) -> Result<MailboxPlan> {
        let known = self.known_pair(&pair.source.raw)?;
        let Some(destination) = destination.filter(|_| !pair.create) else {
            self.refuse_vanished(pair, known.as_ref())?;
            return self.compare(pair, source, None, None);
        };
        let pairing = pairing(source, destination);
        let lasting = pairing.source_validity.is_lasting() && pairing.destination_validity.is_lasting();
        let (known, before) = match known {
            Some(known) if known.pairing == pairing && lasting => (Some(known), None),
            before => (None, before),
        };
        match known {
            Some(known) if known.settled == Some(self.settlement(source, destination)) => {
                Ok(self.settled_plan(pair, source, destination, &known))
            }
            Some(known) => self.compare(pair, source, Some(destination), Some(known)),
            None => {
                let keeps = self.keeps()?;
                let carried = carried_over(self.access, before, [source, destination], keeps)?;
                self.compare(pair, source, Some(destination), Some(carried))
            }
        }
    }

    /// A pair that cannot be read is as good as none: its messages are matched by identity again.
    fn known_pair(&self, source: &RawName) -> Result<Option<PairState>> {
        self.access.state.pair(source).or_else(|error| match error.kind() {
            Kind::Damaged => {
                self.access.notice(&format!("{}; its messages are matched anew: nothing is lost", error.line()));
                Ok(None)
            }
            _ => Err(error),
        })
    }

    /// The mailbox that messages were copied to is gone: its user may have deleted or renamed it, or the server lost it.
    fn refuse_vanished(&self, pair: &MailboxPair, known: Option<&PairState>) -> Result<()> {
        // With an intent open, the snapshot is older than the mailbox: it was created, and not listed since.
        let gone = known.filter(|known| {
            known.links > 0 && known.intent.is_none() && known.pairing.destination == pair.destination.raw
        });
        if gone.is_none() || self.access.account.policy.restore_missing {
            return Ok(());
        }
        Err(Error::new(
            Kind::Changed,
            format!("`{}`, to which it was copied, is gone from the destination", pair.destination),
        )
        .hint("set restore_missing = true under [sync] to copy it again, or exclude it under [mailboxes]"))
    }

    /// A link would say that the message is done: one to a copy that is gone, or to what another link names, too.
    fn unlink_copies(&self, plan: &MailboxPlan) -> Result<()> {
        let name = &plan.source.raw;
        let mut linked = Vec::new();
        if !plan.copies.is_empty() {
            for link in self.access.state.links(name)? {
                let source = link?.source;
                linked.extend(plan.copies.contains(source).then_some(source));
            }
        }
        if linked.is_empty() { Ok(()) } else { self.access.state.unlink(name, linked) }
    }

    fn settlement(&self, source: &MailboxState, destination: &MailboxState) -> Settled {
        Settled { source_revision: source.revision, destination_revision: destination.revision, policy: self.policy }
    }

    fn settled_plan(
        &mut self,
        pair: &MailboxPair,
        source: &MailboxState,
        destination: &MailboxState,
        known: &PairState,
    ) -> MailboxPlan {
        self.ledger.outcomes.merge(&known.outcomes);
        self.ledger.losses.merge(&known.losses);
        MailboxPlan {
            present: known.outcomes.present,
            copied: known.outcomes.copied,
            losses: known.losses.clone(),
            create: false,
            ..pair.empty_plan(source, Some(destination))
        }
    }

    /// The diff proper.
    fn compare(
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
        let comparison = Comparison {
            pair,
            source,
            destination,
            capacity: &self.capacity,
            flags: known.as_ref().map_or_else(FlagHistory::default, FlagHistory::of),
            append_limit: self.snapshots.side(Side::Destination).append_limit,
            expunges_by_uid: self.snapshots.side(Side::Destination).expunges_by_uid,
            appends: known.as_ref().map_or_else(Appends::default, appends),
            stored: &stored(state, name),
            replaced: &replaced(state, name, destination)?,
            keeps: self.keeps()?,
            contents: &contents,
        };
        let records = || flattened(state.records(Side::Source, &source.name.raw));
        let their_records = |theirs: &MailboxState| flattened(state.records(Side::Destination, &theirs.name.raw));
        let listed = || destination.map(their_records).into_iter().flatten();
        let links = || known.as_ref().map(|_| flattened(state.links(name))).into_iter().flatten();
        let mut unrecorded = false;
        let mut record = |links: &[Link]| {
            let mut parts = links.chunks(CHECKPOINT_LINKS);
            let recorded = parts.try_for_each(|links| state.checkpoint(name, links, &[]));
            unrecorded |= recorded.is_err();
            recorded
        };
        let policy = &self.access.account.policy;
        let planned = plan_mailbox(&comparison, records, listed, links, policy, &mut record);
        let mut plan = planned.map_err(|error| match unrecorded {
            true => error,
            false => self.forget_damaged(error, source, destination),
        })?;
        self.unlink_copies(&plan)?;
        let departures = agree(self.access, &mut plan, destination.map_or(0, |it| u64::from(it.records)))?;
        self.ledger.questioned += departures.questioned;
        let account = self.access.account.name.as_str();
        let question = departures.question.map(|why| unanswered(&why, &plan.source, &plan.destination, account));
        if let Some(question) = question {
            self.access.failures.note(&mut self.ledger.failures, question.in_account(account));
        }
        let mut outcomes = outcomes(&plan);
        for (uid, outcome) in self.refresh_exceptions(&plan)? {
            // What is to be tried again has its outcome until then; what the source does not describe is in no plan.
            let planned = u64::from(plan.copies.contains(uid));
            outcomes.pending -= planned;
            self.unreadable += 1 - planned;
            outcomes.add(&outcome, 1);
        }
        self.ledger.outcomes.merge(&outcomes);
        self.ledger.losses.merge(&plan.losses);
        if let (Some(_), Some(destination), true) = (&known, destination, plan.doubt.is_empty()) {
            drop_dead_links(state, source, destination, plan.present + plan.copied + plan.departed.len())?;
        }
        if known.is_some() {
            self.record_pair(&plan, outcomes, source, destination)?;
        }
        Ok(plan)
    }

    fn record_pair(
        &self,
        plan: &MailboxPlan,
        outcomes: Outcomes,
        source: &MailboxState,
        destination: Option<&MailboxState>,
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
        self.access.state.put_pair(&pair)
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
        let stored = plan.not_found_again.iter().map(|uid| (uid, Outcome::NotFoundAgain(NOT_FOUND_AGAIN.to_owned())));
        let skipped = plan.skipped.iter().map(|skipped| (skipped.uid, skipped.outcome())).chain(stored);
        let recorded: Vec<_> = kept.iter().cloned().chain(skipped).collect();
        state.checkpoint(name, &[], &recorded)?;
        Ok(kept)
    }

    fn finish(mut self, mapping: Mapping) -> Result<PlanSummary> {
        self.plan.generation = self.access.state.generation()?;
        self.plan.omitted.extend(mapping.omitted);
        self.plan.warnings = mapping.warnings;
        self.plan.warnings.extend(self.snapshots.emptiness());
        self.plan.warnings.extend(self.removal_warnings());
        self.plan.warnings.extend(self.questions()?);
        let quotas = &self.snapshots.side(Side::Destination).quotas;
        self.plan.warnings.extend(fit_quota(quotas, &self.plan.totals()));
        let source = self.snapshots.mailboxes(Side::Source);
        let ledger = &mut self.ledger;
        let taking_part: Vec<&RawName> = self.plan.mailboxes.iter().map(|mailbox| &mailbox.source.raw).collect();
        ledger.conditions = self.snapshots.conditions(&taking_part, &self.plan.omitted);
        for omitted in &self.plan.omitted {
            ledger.outcomes.add(&omitted.outcome(), omitted.messages);
        }
        ledger.held = source.iter().map(|mailbox| u64::from(mailbox.records)).sum::<u64>() + self.unreadable;
        ledger.to_do = !self.plan.totals().is_empty();
        let keeps = self.keeps.get().copied();
        Ok(PlanSummary { plan: self.plan, ledger: self.ledger, keeps, unmatched: mapping.unmatched })
    }
}

impl Planner<'_> {
    /// What the reader must know of messages that would go.
    fn removal_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for plan in &self.plan.mailboxes {
            if let Some(guard) = &plan.guard {
                warnings.push(format!("`{}`: {guard}; apply refuses that without --allow-deletes", plan.destination));
            }
        }
        let second_copies = self.plan.totals().second_copies;
        if second_copies > 0 && self.access.account.policy.mode == Mode::Copy {
            warnings.push(format!(
                "second copies of ours on the destination, which landed after their connection had broken: \
                 {second_copies}; to remove them, run `mailferry sync --allow-deletes`"
            ));
        }
        warnings
    }

    /// In mirror mode a mailbox that is gone from the source is a question: deleted or renamed, only the user can tell.
    fn questions(&self) -> Result<Vec<String>> {
        if self.access.account.policy.mode != Mode::Mirror {
            return Ok(Vec::new());
        }
        let gone = |pair: &PairState| {
            pair.links > 0
                && self.mailbox(Side::Source, &pair.pairing.source).is_none()
                && self.mailbox(Side::Destination, &pair.pairing.destination).is_some()
        };
        let pairs = self.access.state.pairs()?;
        let question = |pair: &PairState| {
            format!(
                "the source mailbox of `{}` is gone; nothing of the {} messages that were tied to it is deleted: delete the \
                 mailbox on the destination if that is what you want",
                pair.destination, pair.links
            )
        };
        Ok(pairs.iter().filter(|pair| gone(pair)).map(question).collect())
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

/// Source messages that the destination stored, and that were not found there. What cannot be read of the state is as good
/// as not known: the message is copied again.
fn stored(state: &AccountStore, source: &RawName) -> UidSet {
    let exceptions = state.exceptions(source).map_while(Result::ok);
    exceptions.filter(|(_, outcome)| matches!(outcome, Outcome::NotFoundAgain(_))).map(|(uid, _)| uid).collect()
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

/// An error in the place of the records, for an iterator that is asked for again and again.
fn flattened<T>(records: Result<impl Iterator<Item = Result<T>>>) -> impl Iterator<Item = Result<T>> {
    let (records, error) = match records {
        Ok(records) => (Some(records), None),
        Err(error) => (None, Some(Err(error))),
    };
    error.into_iter().chain(records.into_iter().flatten())
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

fn record_status(state: &AccountStore, snapshots: &Snapshots<'_>, summary: &PlanSummary) -> Result<()> {
    let source = snapshots.mailboxes(Side::Source);
    let mut status = state.status()?;
    let before = status.clone();
    status.ledger = AccountLedger { failures: Failures::default(), ..summary.ledger.clone() };
    status.source_octets = source.iter().map(|mailbox| mailbox.octets).total();
    if status == before { Ok(()) } else { state.put_status(&status) }
}

//! `apply`: does exactly what the saved plan says, in an order and with checkpoints from which it can always go on.
//!
//! 1. The plan is checked: made from the last scan, with these settings. What of it needs a word from a person waits
//!    (`granted`).
//!    Mailboxes that have another name get it first (`renaming`).
//! 2. The destination is made ready, and where each mailbox stands is noted durably (`prepare`).
//! 3. Mailboxes are copied side by side (`copy`); each acknowledged batch becomes links at once.
//! 4. What goes from the destination goes last (`purge`).
//! 5. The notes are closed, the destination is listed again, and the next plan is made: it tells what is left (`stock`). What
//!    a copy lacks of its flags is set then, and what was copied anew takes the place of the copy that it replaces.

use super::granted::{Granted, grant};
use super::plan::stamp;
use super::renaming::follow_renames;
use super::shortfalls::left_over;
use super::stock::{StockTaken, Traces, take_stock};
use super::{ApplyOptions, Deletes, Event, Migration, Passing, Phase};
use crate::error::{Error, Kind, Result};
use crate::model::amount::grow;
use crate::model::both_ways::check_one_way;
use crate::model::failures::Failures;
use crate::model::forecast::RunSample;
use crate::model::ledger::{AccountLedger, Ending};
use crate::model::plan::{AccountPlan, MailboxPlan, PlanTotals};
use crate::model::policy::Mode;
use crate::model::report::{AccountResult, ApplySummary};
use crate::model::statistics::{AccountStatus, Part, RunFigures};
use crate::model::{Account, Side, Step};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::fleet::proof::prove_mailboxes;
use crate::pipeline::survey::agreeing::agree_to_deletions;
use crate::pipeline::survey::naming::name_messages;
use crate::pipeline::transfer::besides::carry_besides;
use crate::pipeline::transfer::crew::Crew;
use crate::pipeline::transfer::leftovers::remove_leftovers;
use crate::pipeline::transfer::originals::Originals;
use crate::pipeline::transfer::passes::passes;
use crate::pipeline::transfer::prepare::{Prepared, prepare};
use crate::pipeline::transfer::progress::Progress;
use crate::pipeline::transfer::purge::{Purged, SecondCopies, purge};
use crate::pipeline::transfer::share::Share;
use crate::pipeline::transfer::subscribe::subscribe;
use crate::store::AccountStore;
use std::collections::HashSet;
use std::thread;
use std::time::Instant;

/// Applies the saved plan of every account.
pub fn apply(migration: &Migration, options: ApplyOptions) -> Vec<AccountResult<ApplySummary>> {
    let allowance = Allowance::new(options.chunk);
    for_each_account(migration, Step::Apply, |access| {
        let clock = Clock::start();
        check_one_way([access.account], "apply")?;
        access.check_users()?;
        let plan = current_plan(access)?;
        let summary = apply_account(access, &plan, &allowance, options, clock)?;
        access.failures.record(&summary.ledger.failures)?;
        Ok(summary)
    })
}

/// What saved plans have to do in all: messages and octets, with what was done of unfinished first copies before. `None` where
/// that of an account cannot be read.
pub fn extent(migration: &Migration) -> Option<(u64, u64)> {
    let of = |account: &Account| {
        let state = migration.store.account(&account.name);
        let totals = state.plan()?.map(|plan| plan.totals()).unwrap_or_default();
        Extent::of(&state, &totals)
    };
    migration.accounts.iter().try_fold((0, 0u64), |(messages, octets), account| {
        let Extent { before, left } = of(account).ok()?;
        Some((messages + before.0 + left.0, octets.saturating_add(before.1).saturating_add(left.1)))
    })
}

/// How far an account is, in messages and octets.
struct Extent {
    /// What an unfinished first copy did already; nothing of an account that was whole before.
    before: (u64, u64),
    left: (u64, u64),
}

impl Extent {
    fn of(state: &AccountStore, totals: &PlanTotals) -> Result<Extent> {
        let AccountStatus { ledger, source_octets, .. } = state.status()?;
        let arrivals = totals.arrivals();
        let messages = arrivals.min(ledger.outcomes.pending + ledger.outcomes.left_behind());
        let octets = match arrivals {
            0 => 0,
            arrivals => (u128::from(totals.octets) * u128::from(messages) / u128::from(arrivals)) as u64,
        };
        let was_whole = state.runs()?.iter().any(|run| run.is_whole);
        let before = match was_whole || messages == 0 {
            true => (0, 0),
            false => (ledger.outcomes.there(), source_octets.saturating_sub(octets)),
        };
        Ok(Extent { before, left: (messages, octets) })
    }
}

/// The saved plan, unless it is stale.
fn current_plan(access: &Access<'_>) -> Result<AccountPlan> {
    let stale = |what: &str| {
        Error::new(Kind::Stale, what).hint("run `mailferry scan` and `mailferry plan`, look at the plan, then apply it")
    };
    let plan = access.state.plan().map_err(|error| match error.kind() {
        Kind::Damaged => stale("the plan cannot be read").because(error.summary()),
        _ => error,
    })?;
    let plan = plan.ok_or_else(|| stale("there is no plan for this account"))?;
    if plan.generation != access.state.generation()? {
        return Err(stale("the plan is stale: the account was scanned again since it was made"));
    }
    if access.state.binding()?.is_some_and(|known| known.places != access.here().places) {
        return Err(stale("the plan is stale: the address of a server is another one than when it was made"));
    }
    if plan.policy != stamp(access.account) {
        return Err(stale("the plan is stale: the settings changed since it was made"));
    }
    if let Some(mailbox) = plan.mailboxes.iter().find(|mailbox| !is_current(access, mailbox)) {
        let what = format!("the plan is stale: `{}` was listed again since it was made", mailbox.source);
        return Err(stale(&what));
    }
    Ok(plan)
}

/// Whether both listings are those that the plan was made from. What cannot be read is none.
fn is_current(access: &Access<'_>, mailbox: &MailboxPlan) -> bool {
    let revision = |side, name| access.state.mailbox(side, name).ok().flatten().map_or(0, |state| state.revision);
    let (source, destination) = mailbox.revisions;
    source == revision(Side::Source, &mailbox.source.raw)
        && (destination == 0 || destination == revision(Side::Destination, &mailbox.destination.raw))
}

/// When a run began.
pub struct Clock {
    began: Instant,
    started: i64,
}

impl Clock {
    /// Now.
    pub fn start() -> Self {
        Clock { began: Instant::now(), started: now() }
    }
}

/// Does what the plan of one account says.
///
/// # Errors
/// What made going on impossible; all that was done is recorded, and in the account's status.
pub fn apply_account(
    access: &Access<'_>,
    plan: &AccountPlan,
    allowance: &Allowance,
    options: ApplyOptions,
    clock: Clock,
) -> Result<ApplySummary> {
    let mut run = Run::new(access, allowance, options, clock);
    let renamed = run.rename(plan);
    let (plan, begun) = match &renamed {
        Ok(renamed) => (renamed.as_ref().unwrap_or(plan), Ok(())),
        Err(error) => (plan, Err(error.clone())),
    };
    match begun.and_then(|()| run.execute(plan)) {
        Ok(()) => run.finish(plan),
        Err(error) if *error.kind() == Kind::Interrupted => {
            run.ending = access.ending_when_stopped();
            run.finish(plan)
        }
        // Nothing was begun: this is not a run with failures but one that did not come about.
        Err(error) if run.traces.touched.is_empty() => {
            run.record_status(None)?;
            Err(error)
        }
        Err(error) => {
            let account = &*access.account.name;
            access.migration.observer.event(Event::Failed { account, error: &error });
            run.traces.broken = true;
            run.failures.add_first(error);
            run.finish(plan)
        }
    }
}

/// One account's apply under way.
struct Run<'a> {
    access: &'a Access<'a>,
    allowance: &'a Allowance,
    options: ApplyOptions,
    /// What waits for a word from a person.
    questions: Vec<Error>,
    clock: Clock,
    figures: RunFigures,
    ending: Ending,
    /// Another process copies the account: nothing is removed beside it.
    gives_way: bool,
    failures: Failures,
    warnings: Vec<String>,
    traces: Traces,
}

impl<'a> Run<'a> {
    fn new(access: &'a Access<'a>, allowance: &'a Allowance, options: ApplyOptions, clock: Clock) -> Self {
        Run {
            access,
            allowance,
            options,
            questions: Vec::new(),
            figures: RunFigures { started: clock.started, ..RunFigures::default() },
            clock,
            ending: Ending::Complete,
            gives_way: false,
            failures: Failures::default(),
            warnings: Vec::new(),
            traces: Traces::default(),
        }
    }

    /// Returns the plan that holds from then on, where another does.
    fn rename(&mut self, plan: &AccountPlan) -> Result<Option<AccountPlan>> {
        let followed = follow_renames(self.access, plan, &mut self.failures)?;
        Ok(followed.map(|(renamed, plan)| {
            self.figures.mailboxes_renamed = renamed;
            plan
        }))
    }

    fn execute(&mut self, plan: &AccountPlan) -> Result<()> {
        let Granted { plan: granted, questions } = grant(self.access, plan, self.allowance, self.options)?;
        self.questions = questions;
        let totals = granted.totals();
        if !totals.is_empty() {
            prove_mailboxes(self.access)?;
            self.announce(&totals)?;
            self.access.gauge.part(Part::Copy, || {
                if granted.mailboxes.iter().any(MailboxPlan::adds) {
                    self.add(&granted)?;
                }
                self.remove(plan, &granted)?;
                self.remove_leftovers()
            })?;
        }
        if self.ending == Ending::Complete {
            self.warnings.extend(carry_besides(self.access, plan)?);
        }
        Ok(())
    }

    /// Creates, copies and marks.
    fn add(&mut self, plan: &AccountPlan) -> Result<()> {
        let access = self.access;
        let originals = Originals::load(access, plan)?;
        let crew = Crew::new(access, self.allowance, &originals);
        let adding = plan.mailboxes.iter().filter(|mailbox| mailbox.adds()).count();
        let share = Share::new(access.migration, access.account, adding, access.gauge.latency());
        // The first lane's, before others take what is idle.
        let source = access.session(Side::Source)?;
        thread::scope(|scope| {
            let _foreman = crew.foreman();
            let lanes = if originals.are_worth_waiting_for(plan) { 1 } else { share.lanes };
            for _ in 1..lanes {
                scope.spawn(|| crew.join());
            }
            let prepared = prepare(access, plan, share);
            access.give_back(Side::Source, source);
            match prepared {
                Ok(Prepared { jobs, failures }) => {
                    access.failures.note_others(&mut self.failures, failures);
                    self.traces.touched.extend(jobs.iter().map(|job| job.plan.destination.raw.clone()));
                    let moves = jobs.iter().flat_map(|job| &job.plan.moves);
                    self.traces.touched.extend(moves.map(|moves| moves.destination.raw.clone()));
                    let receiving = jobs.iter().filter(|job| !job.plan.moves.is_empty());
                    self.traces.received.extend(receiving.map(|job| job.plan.source.raw.clone()));
                    self.traces.tails.extend(jobs.iter().map(|job| (job.plan.source.raw.clone(), job.standing.tail)));
                    let unclean = jobs.iter().filter(|job| job.standing.unclean.is_some());
                    self.traces.unclean.extend(unclean.map(|job| job.plan.source.raw.clone()));
                    crew.begin(passes(access, jobs)?);
                    crew.work(None);
                    Ok(())
                }
                Err(error) => Err(error),
            }
        })?;
        self.merge_results(crew)?;
        let there = plan.mailboxes.iter().filter(|mailbox| self.traces.tails.contains_key(&mailbox.source.raw));
        if self.ending != Ending::Interrupted {
            self.warnings.extend(subscribe(access, there)?);
        }
        Ok(())
    }

    /// Deletes what is gone from the source, as far as it is granted, once all was tried that is to be copied.
    fn remove(&mut self, plan: &AccountPlan, granted: &AccountPlan) -> Result<()> {
        let totals = granted.totals();
        let second_copies = match (self.mode(), self.options.deletes) {
            (Mode::Copy, Deletes::Guarded) => SecondCopies::Stay,
            (Mode::Mirror | Mode::TwoWay, _) | (_, Deletes::Allowed) => SecondCopies::Go,
        };
        if totals.deletes + totals.second_copies == 0 || self.ending != Ending::Complete || self.gives_way {
            return Ok(());
        }
        let mut purged = Purged::default();
        let result = purge(self.access, [plan, granted], second_copies, &mut purged);
        self.figures.messages_deleted += purged.removed;
        self.note_purged(purged);
        if self.options.deletes == Deletes::Allowed {
            granted.mailboxes.iter().try_for_each(|mailbox| agree_to_deletions(self.access, mailbox))?;
        }
        result
    }

    /// What was moved and has its copy goes from its old place.
    fn remove_leftovers(&mut self) -> Result<()> {
        if self.ending != Ending::Complete || !self.access.account.policy.follows_moves() {
            return Ok(());
        }
        let mut purged = Purged::default();
        let result = remove_leftovers(self.access, &mut purged);
        self.note_purged(purged);
        result
    }

    fn note_purged(&mut self, purged: Purged) {
        self.access.failures.note_others(&mut self.failures, purged.failures);
        self.warnings.extend(purged.warnings);
        self.traces.touched.extend(purged.touched);
    }

    fn mode(&self) -> Mode {
        self.access.account.policy.mode
    }

    /// Tells what is left of the plan: an earlier run may have done a part of it.
    fn announce(&self, totals: &PlanTotals) -> Result<()> {
        let (account, observer) = (&*self.access.account.name, &self.access.migration.observer);
        let Extent { before, left } = Extent::of(&self.access.state, totals)?;
        let (messages, octets) = left;
        observer.event(Event::Began { account, phase: Phase::Copying, messages, octets });
        let meters = [Side::Source, Side::Destination].map(|side| self.access.gauge.connections(side).meter.clone());
        let (messages, octets) = before;
        observer.event(Event::Resumed { account, messages, octets, passing: &Passing::over(meters) });
        Ok(())
    }

    fn merge_results(&mut self, crew: Crew<'_>) -> Result<()> {
        let (mut fatal, mut unclean) = (None, HashSet::new());
        self.gives_way = crew.gives_way();
        for (source, result) in crew.into_results() {
            if !result.as_ref().is_ok_and(|(progress, _)| !progress.is_unclean) {
                unclean.insert(source.clone());
            }
            match result {
                Ok((progress, ending)) => {
                    self.traces.clean.insert(source);
                    let mut left = progress.left.iter();
                    left.try_for_each(|(name, uids)| self.access.state.unlink(name, uids.iter().copied()))?;
                    self.merge(progress, ending);
                }
                Err(error) => {
                    fatal.get_or_insert(error);
                }
            }
        }
        self.traces.clean.retain(|source| !unclean.contains(source));
        fatal.map_or(Ok(()), Err)
    }

    fn merge(&mut self, progress: Progress, ending: Ending) {
        self.figures.messages_copied += progress.messages;
        grow(&mut self.figures.octets_copied, progress.octets);
        self.figures.messages_moved += progress.moved;
        self.figures.flags_updated += progress.flags_updated;
        self.traces.outcomes.merge(&progress.outcomes);
        self.access.failures.note_others(&mut self.failures, progress.failures);
        if ending != Ending::Complete && self.ending != Ending::Interrupted {
            self.ending = ending;
        }
    }

    /// Takes stock, and records how the run went.
    fn finish(&mut self, plan: &AccountPlan) -> Result<ApplySummary> {
        let (access, gauge) = (self.access, &self.access.gauge);
        let stock = || take_stock(access, plan, &self.traces, self.options.deletes, self.ending);
        let StockTaken { mut ledger, removed } = gauge.part(Part::Close, stock)?;
        self.figures.messages_deleted += removed;
        self.figures.parts = gauge.parts();
        self.figures.batch = gauge.batch();
        self.figures.reconnects = access.reconnects();
        self.figures.seconds = self.clock.began.elapsed().as_secs_f64();
        let mut failures = std::mem::take(&mut self.failures);
        access.failures.note_others(&mut failures, std::mem::take(&mut ledger.failures));
        ledger.failures = failures;
        // The plan that tells what is left asks about copies that are gone, too.
        let untold: Vec<Error> = self.questions.drain(..).filter(|it| !ledger.failures.contains(it)).collect();
        access.failures.note_all(&mut ledger.failures, untold);
        if !self.traces.broken {
            let left = left_over(&ledger);
            access.failures.note_all(&mut ledger.failures, left);
        }
        if ledger.outcomes.left_behind() > 0 && access.migration.names_messages && !access.is_stopped() {
            ledger.failures = name_messages(access, plan, std::mem::take(&mut ledger.failures))?;
        }
        ledger.failures = std::mem::take(&mut ledger.failures).map(|it| it.in_account(&access.account.name));
        self.record_status(Some(&ledger))?;
        self.note_run(&ledger)?;
        Ok(ApplySummary {
            figures: self.figures.clone(),
            ledger,
            warnings: plan.warnings.iter().cloned().chain(std::mem::take(&mut self.warnings)).collect(),
            unmatched: Vec::new(),
            granted: Side::BOTH.map(|side| access.connector(side).learnt_connections()),
        })
    }

    /// What a forecast is told from: runs that came to their end.
    fn note_run(&self, ledger: &AccountLedger) -> Result<()> {
        if self.ending != Ending::Complete || self.traces.broken {
            return Ok(());
        }
        let state = &self.access.state;
        let RunFigures { started, seconds, messages_copied: messages, octets_copied: octets, .. } = self.figures;
        let is_resync = state.runs()?.last().is_some_and(|before| before.is_whole);
        let is_whole = ledger.outcomes.pending == 0;
        state.note_run(RunSample { started, seconds, messages, octets, is_resync, is_whole })
    }

    fn record_status(&self, ledger: Option<&AccountLedger>) -> Result<()> {
        let mut status = self.access.state.status()?;
        if let Some(ledger) = ledger {
            status.ledger = AccountLedger { failures: Failures::default(), ..ledger.clone() };
        }
        grow(&mut status.octets_copied, self.figures.octets_copied);
        status.last_run = Some(self.figures.clone());
        self.access.state.put_status(&status)?;
        self.access.migration.store.flush()
    }
}

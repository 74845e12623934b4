//! `apply`: does exactly what the saved plan says, in an order and with checkpoints from which it can always go on.
//!
//! 1. The plan is checked: made from the last scan, with these settings.
//! 2. The destination is made ready, and where each mailbox stands is noted durably (`prepare`).
//! 3. Mailboxes are copied side by side (`copy`); each acknowledged batch becomes links at once.
//! 4. What goes from the destination goes last (`purge`).
//! 5. The notes are closed, the destination is listed again, and the next plan is made: it tells what is left (`stock`). What
//!    a copy lacks of its flags is set then, and what was copied anew takes the place of the copy that it replaces.

use super::plan::stamp;
use super::stock::{StockTaken, Traces, left_over, take_stock};
use super::{ApplyOptions, Deletes, Event, Migration, Phase, Room};
use crate::diff::agreements::departures;
use crate::diff::fit::quota_excess;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::amount::grow;
use crate::model::failures::Failures;
use crate::model::ledger::{AccountLedger, Ending};
use crate::model::plan::{AccountPlan, MailboxPlan, PlanTotals};
use crate::model::policy::Mode;
use crate::model::report::{AccountResult, ApplySummary};
use crate::model::statistics::{Part, RunFigures};
use crate::model::{Side, Step};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::fleet::proof::prove_mailboxes;
use crate::pipeline::survey::agreeing::{agree_to_deletions, unanswered};
use crate::pipeline::survey::naming::name_messages;
use crate::pipeline::transfer::crew::Crew;
use crate::pipeline::transfer::passes::passes;
use crate::pipeline::transfer::prepare::{Prepared, prepare};
use crate::pipeline::transfer::progress::Progress;
use crate::pipeline::transfer::purge::{Purged, SecondCopies, purge};
use crate::pipeline::transfer::share::Share;
use crate::pipeline::transfer::subscribe::subscribe;
use std::collections::HashSet;
use std::thread;
use std::time::Instant;

/// Applies the saved plan of every account.
pub fn apply(migration: &Migration, options: ApplyOptions) -> Vec<AccountResult<ApplySummary>> {
    let allowance = Allowance::new(options.chunk);
    for_each_account(migration, Step::Apply, |access| {
        let clock = Clock::start();
        access.check_users()?;
        let plan = current_plan(access)?;
        let summary = apply_account(access, &plan, &allowance, options, clock)?;
        access.failures.record(&summary.ledger.failures)?;
        Ok(summary)
    })
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
    match run.execute(plan) {
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
    deletes: Deletes,
    room: Room,
    clock: Clock,
    figures: RunFigures,
    ending: Ending,
    failures: Failures,
    warnings: Vec<String>,
    traces: Traces,
}

impl<'a> Run<'a> {
    fn new(access: &'a Access<'a>, allowance: &'a Allowance, options: ApplyOptions, clock: Clock) -> Self {
        Run {
            access,
            allowance,
            deletes: options.deletes,
            room: options.room,
            figures: RunFigures { started: clock.started, ..RunFigures::default() },
            clock,
            ending: Ending::Complete,
            failures: Failures::default(),
            warnings: Vec::new(),
            traces: Traces::default(),
        }
    }

    fn execute(&mut self, plan: &AccountPlan) -> Result<()> {
        let totals = plan.totals();
        self.guard_departures(plan)?;
        if totals.is_empty() {
            return Ok(());
        }
        self.guard_deletions(plan)?;
        self.guard_quota(&totals)?;
        prove_mailboxes(self.access)?;
        self.announce(&totals)?;
        self.access.gauge.part(Part::Copy, || {
            if plan.mailboxes.iter().any(MailboxPlan::adds) {
                self.add(plan)?;
            }
            self.remove(plan)
        })
    }

    /// Creates, copies and marks.
    fn add(&mut self, plan: &AccountPlan) -> Result<()> {
        let access = self.access;
        let crew = Crew::new(access, self.allowance);
        let adding = plan.mailboxes.iter().filter(|mailbox| mailbox.adds()).count();
        let share = Share::new(access.migration, access.account, adding, access.gauge.latency());
        // The first lane's, before others take what is idle.
        let source = access.session(Side::Source)?;
        thread::scope(|scope| {
            let _foreman = crew.foreman();
            for _ in 1..share.lanes {
                scope.spawn(|| crew.join());
            }
            let prepared = prepare(access, plan, share);
            access.give_back(Side::Source, source);
            match prepared {
                Ok(Prepared { jobs, failures }) => {
                    access.failures.note_others(&mut self.failures, failures);
                    self.traces.touched.extend(jobs.iter().map(|job| job.plan.destination.raw.clone()));
                    self.traces.tails.extend(jobs.iter().map(|job| (job.plan.source.raw.clone(), job.tail)));
                    let unclean = jobs.iter().filter(|job| job.unclean.is_some());
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

    /// Deletes what is gone from the source, once all is copied that the plan names.
    fn remove(&mut self, plan: &AccountPlan) -> Result<()> {
        let totals = plan.totals();
        let second_copies = match (self.mode(), self.deletes) {
            (Mode::Copy, Deletes::Guarded) => SecondCopies::Stay,
            (Mode::Mirror, _) | (_, Deletes::Allowed) => SecondCopies::Go,
        };
        if totals.deletes + totals.second_copies == 0 || self.ending != Ending::Complete {
            return Ok(());
        }
        let mut purged = Purged::default();
        let result = purge(self.access, plan, second_copies, &mut purged);
        self.figures.messages_deleted += purged.removed;
        self.access.failures.note_others(&mut self.failures, purged.failures);
        self.warnings.extend(purged.warnings);
        self.traces.touched.extend(purged.touched);
        if self.deletes == Deletes::Allowed {
            plan.mailboxes.iter().try_for_each(|mailbox| agree_to_deletions(self.access, mailbox))?;
        }
        result
    }

    fn mode(&self) -> Mode {
        self.access.account.policy.mode
    }

    /// Begins nothing while it is not answered why many copies are gone.
    fn guard_departures(&self, plan: &AccountPlan) -> Result<()> {
        for mailbox in plan.mailboxes.iter().filter(|mailbox| !mailbox.departed.is_empty()) {
            let agreement = self.access.state.agreement(&mailbox.source.raw, mailbox.source_validity)?;
            let linked = mailbox.present + mailbox.copied + mailbox.departed.len();
            let found = departures(&mailbox.departed, linked, &agreement, &self.access.account.policy);
            if let Some(why) = found.question {
                let account = &self.access.account.name;
                return Err(unanswered(&why, &mailbox.source, &mailbox.destination, account).scope(Scope::Account));
            }
        }
        Ok(())
    }

    /// Refuses a plan that deletes more than it may without a word from the user.
    fn guard_deletions(&self, plan: &AccountPlan) -> Result<()> {
        let guarded: Vec<_> = plan.mailboxes.iter().filter(|mailbox| mailbox.guard.is_some()).collect();
        if guarded.is_empty() || self.deletes == Deletes::Allowed {
            return Ok(());
        }
        let error =
            Error::new(Kind::Guard, "the plan deletes more than it may without being told to, and was not begun");
        let reasons = guarded.iter().filter_map(|mailbox| Some((&mailbox.destination, mailbox.guard.as_ref()?)));
        let error = reasons.fold(error, |error, (name, reason)| error.because(format!("`{name}`: {reason}")));
        Err(error
            .hint("look at `mailferry plan --details`; if it is as it should be, run `mailferry sync --allow-deletes`"))
    }

    /// Asks about a plan that does not fit, as far as the quota tells: half a mailbox in a full account helps nobody. What
    /// does not count against it (a Trash, on many servers) cannot be known, so that the user may know better.
    fn guard_quota(&self, totals: &PlanTotals) -> Result<()> {
        let quotas = self.access.state.side(Side::Destination)?.map_or_else(Vec::new, |side| side.quotas);
        let (messages, octets) = self.allowance.bounded(totals.copies, totals.octets);
        let excess = quota_excess(&quotas, messages, octets).filter(|_| self.room == Room::Guarded);
        let Some(excess) = excess else { return Ok(()) };
        Err(Error::new(Kind::Guard, "the plan does not fit into the destination, and was not begun").because(excess).hint(
            "raise the quota and run `mailferry sync`; or copy a part of it with --max-bytes or --max-messages; or, where \
             some mailboxes do not count, run `mailferry sync --over-quota`",
        ))
    }

    /// Tells what is left of the plan: an earlier apply may have done a part of it.
    fn announce(&self, totals: &PlanTotals) -> Result<()> {
        let outcomes = self.access.state.status()?.ledger.outcomes;
        let messages = totals.copies.min(outcomes.pending + outcomes.left_behind());
        let octets = match totals.copies {
            0 => 0,
            copies => (u128::from(totals.octets) * u128::from(messages) / u128::from(copies)) as u64,
        };
        let account = &*self.access.account.name;
        self.access.migration.observer.event(Event::Began { account, phase: Phase::Copying, messages, octets });
        Ok(())
    }

    fn merge_results(&mut self, crew: Crew<'_>) -> Result<()> {
        let (mut fatal, mut unclean) = (None, HashSet::new());
        for (source, result) in crew.into_results() {
            if !result.as_ref().is_ok_and(|(progress, _)| !progress.is_unclean) {
                unclean.insert(source.clone());
            }
            match result {
                Ok((progress, ending)) => {
                    self.traces.clean.insert(source);
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
        let stock = || take_stock(access, plan, &self.traces, self.deletes, self.ending);
        let StockTaken { mut ledger, removed } = gauge.part(Part::Close, stock)?;
        self.figures.messages_deleted += removed;
        self.figures.parts = gauge.parts();
        self.figures.batch = gauge.batch();
        self.figures.reconnects = access.reconnects();
        self.figures.seconds = self.clock.began.elapsed().as_secs_f64();
        let mut failures = std::mem::take(&mut self.failures);
        access.failures.note_others(&mut failures, std::mem::take(&mut ledger.failures));
        ledger.failures = failures;
        if !self.traces.broken {
            let left = left_over(&ledger);
            access.failures.note_all(&mut ledger.failures, left);
        }
        if ledger.outcomes.left_behind() > 0 && access.migration.names_messages && !access.is_stopped() {
            ledger.failures = name_messages(access, plan, std::mem::take(&mut ledger.failures))?;
        }
        ledger.failures = std::mem::take(&mut ledger.failures).map(|it| it.in_account(&access.account.name));
        self.record_status(Some(&ledger))?;
        Ok(ApplySummary {
            figures: self.figures.clone(),
            ledger,
            warnings: plan.warnings.iter().cloned().chain(std::mem::take(&mut self.warnings)).collect(),
            unmatched: Vec::new(),
        })
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

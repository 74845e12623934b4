//! `apply`: does exactly what the saved plan says, in an order and with checkpoints from which it can always go on.
//!
//! 1. The plan is checked: made from the last scan, with these settings.
//! 2. The destination is made ready, and where each mailbox stands is noted durably (`prepare`).
//! 3. Mailboxes are copied side by side (`copy`); each acknowledged batch becomes links at once.
//! 4. What goes from the destination goes last (`purge`).
//! 5. The notes are closed, the destination is listed again, and the next plan is made: it tells what is left.

use super::plan::{plan_account, stamp};
use super::{ApplyOptions, Deletes, Event, Migration, Phase, Thoroughness};
use crate::diff::fit::quota_excess;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::amount::grow;
use crate::model::plan::{AccountPlan, MailboxPlan, PlanTotals};
use crate::model::policy::Mode;
use crate::model::report::{AccountResult, ApplySummary, Ending};
use crate::model::statistics::{Part, RunFigures};
use crate::model::{Outcomes, RawName, Side, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use crate::pipeline::fleet::for_each::for_each_account;
use crate::pipeline::survey::listing::{Identities, SideScan, Wanted};
use crate::pipeline::survey::recognise::recognise;
use crate::pipeline::transfer::crew::Crew;
use crate::pipeline::transfer::prepare::{Prepared, close_intents, prepare};
use crate::pipeline::transfer::progress::Progress;
use crate::pipeline::transfer::purge::{Purged, SecondCopies, purge};
use crate::pipeline::transfer::share::Share;
use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Applies the saved plan of every account.
pub fn apply(migration: &Migration, options: ApplyOptions) -> Vec<AccountResult<ApplySummary>> {
    let allowance = Allowance::new(options.chunk);
    for_each_account(migration, |access| {
        let clock = Clock::start();
        access.bind()?;
        let plan = current_plan(access)?;
        apply_account(access, &plan, &allowance, options.deletes, clock)
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
    if plan.policy != stamp(access.migration) {
        return Err(stale("the plan is stale: the settings changed since it was made"));
    }
    Ok(plan)
}

/// When a run began.
pub struct Clock {
    began: Instant,
    started: i64,
}

impl Clock {
    /// Now.
    pub fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Clock { began: Instant::now(), started: i64::try_from(since).unwrap_or(0) }
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
    deletes: Deletes,
    clock: Clock,
) -> Result<ApplySummary> {
    let mut run = Run::new(access, allowance, deletes, clock);
    match run.execute(plan) {
        Ok(()) => run.finish(plan),
        Err(error) if *error.kind() == Kind::Interrupted => {
            run.ending = Ending::Interrupted;
            run.finish(plan)
        }
        // Nothing was begun: this is not a run with failures but one that did not come about.
        Err(error) if run.touched.is_empty() => {
            run.record_status(None, Some(&error))?;
            Err(error)
        }
        Err(error) => {
            let account = access.account.name.as_str();
            access.migration.observer.event(Event::Failed { account, error: &error });
            run.broken = true;
            run.failures.insert(0, error);
            run.finish(plan)
        }
    }
}

/// One account's apply under way.
struct Run<'a> {
    access: &'a Access<'a>,
    allowance: &'a Allowance,
    deletes: Deletes,
    clock: Clock,
    figures: RunFigures,
    ending: Ending,
    failures: Vec<Error>,
    warnings: Vec<String>,
    /// Destination mailboxes that changed.
    touched: HashSet<RawName>,
    /// By source mailbox, the UID from which on copies are of this run, or of an unclean one before it.
    tails: HashMap<RawName, Uid>,
    /// What happened to messages in this run, besides being copied.
    outcomes: Outcomes,
    /// Source mailboxes whose work ended with everything linked.
    clean: HashSet<RawName>,
    /// Something ended the work before its time.
    broken: bool,
}

impl<'a> Run<'a> {
    fn new(access: &'a Access<'a>, allowance: &'a Allowance, deletes: Deletes, clock: Clock) -> Self {
        Run {
            access,
            allowance,
            deletes,
            figures: RunFigures { started: clock.started, ..RunFigures::default() },
            clock,
            ending: Ending::Complete,
            failures: Vec::new(),
            warnings: Vec::new(),
            touched: HashSet::new(),
            tails: HashMap::new(),
            outcomes: Outcomes::default(),
            clean: HashSet::new(),
            broken: false,
        }
    }

    fn execute(&mut self, plan: &AccountPlan) -> Result<()> {
        let totals = plan.totals();
        if totals.is_empty() {
            return Ok(());
        }
        self.guard_deletions(plan)?;
        self.guard_quota(&totals)?;
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
            for _ in 1..share.lanes {
                scope.spawn(|| crew.join());
            }
            let prepared = access.with_session(Side::Destination, |session| prepare(access, session, plan, share));
            access.give_back(Side::Source, source);
            match prepared {
                Ok(Prepared { jobs, failures }) => {
                    self.failures.extend(failures);
                    self.touched.extend(jobs.iter().map(|job| job.plan.destination.raw.clone()));
                    self.tails.extend(jobs.iter().map(|job| (job.plan.source.raw.clone(), job.tail)));
                    crew.begin(jobs);
                    crew.work(None);
                    Ok(())
                }
                Err(error) => {
                    crew.begin(Vec::new());
                    Err(error)
                }
            }
        })?;
        self.merge_results(crew)
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
        self.failures.extend(purged.failures);
        self.warnings.extend(purged.warnings);
        self.touched.extend(purged.touched);
        result
    }

    fn mode(&self) -> Mode {
        self.access.migration.policy.mode
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

    /// Refuses a plan that certainly does not fit: half a mailbox in a full account helps nobody.
    fn guard_quota(&self, totals: &PlanTotals) -> Result<()> {
        let quotas = self.access.state.side(Side::Destination)?.map_or_else(Vec::new, |side| side.quotas);
        let (messages, octets) = self.allowance.bounded(totals.copies, totals.octets);
        let Some(excess) = quota_excess(&quotas, messages, octets) else { return Ok(()) };
        Err(Error::new(Kind::Guard, "the plan does not fit into the destination, and was not begun")
            .because(excess)
            .hint("raise the quota and run `mailferry sync`, or copy a part of it with --max-bytes or --max-messages"))
    }

    /// Tells what is left of the plan: an earlier apply may have done a part of it.
    fn announce(&self, totals: &PlanTotals) -> Result<()> {
        let messages = totals.copies.min(self.access.state.status()?.outcomes.pending);
        let octets = match totals.copies {
            0 => 0,
            copies => (u128::from(totals.octets) * u128::from(messages) / u128::from(copies)) as u64,
        };
        let account = self.access.account.name.as_str();
        self.access.migration.observer.event(Event::Began { account, phase: Phase::Copying, messages, octets });
        Ok(())
    }

    fn merge_results(&mut self, crew: Crew<'_>) -> Result<()> {
        let mut fatal = None;
        for (source, result) in crew.into_results() {
            match result {
                Ok((progress, ending)) => {
                    self.clean.insert(source);
                    self.merge(progress, ending);
                }
                Err(error) => {
                    fatal.get_or_insert(error);
                }
            }
        }
        fatal.map_or(Ok(()), Err)
    }

    fn merge(&mut self, progress: Progress, ending: Ending) {
        self.figures.messages_copied += progress.messages;
        grow(&mut self.figures.octets_copied, progress.octets);
        self.figures.flags_updated += progress.flags_updated;
        self.outcomes.merge(&progress.outcomes);
        self.failures.extend(progress.failures);
        if ending != Ending::Complete && self.ending != Ending::Interrupted {
            self.ending = ending;
        }
    }

    /// Takes stock, and records how the run went.
    fn finish(&mut self, plan: &AccountPlan) -> Result<ApplySummary> {
        let gauge = &self.access.gauge;
        let outcomes = gauge.part(Part::Close, || self.take_stock())?;
        self.figures.parts = gauge.parts();
        self.figures.batch = gauge.batch();
        self.failures.extend(imbalance(&outcomes, self.access.state.status()?.source_messages));
        self.failures.extend(obstacles(plan));
        self.figures.reconnects = self.access.reconnects();
        self.figures.seconds = self.clock.began.elapsed().as_secs_f64();
        let account = &self.access.account.name;
        self.failures = std::mem::take(&mut self.failures).into_iter().map(|it| it.in_account(account)).collect();
        self.record_status(Some(outcomes), self.failures.first())?;
        Ok(ApplySummary {
            figures: self.figures.clone(),
            outcomes,
            ending: self.ending,
            failures: std::mem::take(&mut self.failures),
            warnings: plan.warnings.iter().cloned().chain(std::mem::take(&mut self.warnings)).collect(),
            left: outcomes.pending,
        })
    }

    /// Lists the destination again where it changed, closes the intents, and plans again: the new plan says what is
    /// left. Where that cannot be, the intents stay open, and what is left is reckoned from what was done.
    fn take_stock(&mut self) -> Result<Outcomes> {
        let access = self.access;
        access.gauge.on_state(|| access.migration.store.flush())?;
        let mut outcomes = access.state.status()?.outcomes;
        let listed = self.touched.is_empty() || self.list_again()?;
        if listed {
            close_intents(access, self.clean.iter())?;
            self.identify_copied()?;
            self.failures.extend(recognise(access)?);
            let next = plan_account(access)?;
            outcomes = next.outcomes;
            self.failures.extend(self.second_copies_left(&next.plan));
            self.failures.extend(self.gone_at_once(&next.plan)?);
        } else {
            transfer(&mut outcomes.pending, &mut outcomes.copied, self.outcomes.copied);
        }
        transfer(&mut outcomes.pending, &mut outcomes.refused, self.outcomes.refused);
        transfer(&mut outcomes.pending, &mut outcomes.failed, self.outcomes.failed);
        transfer(&mut outcomes.pending, &mut outcomes.vanished, self.outcomes.vanished);
        Ok(outcomes)
    }

    /// What was copied tells the identities that were not asked for.
    fn identify_copied(&self) -> Result<()> {
        let state = &self.access.state;
        for source in self.tails.keys() {
            if let Some(pair) = state.pair(source)? {
                state.identify_linked(&pair.pairing)?;
            }
        }
        Ok(())
    }

    /// Messages that were appended in this run and are not there when it ends: their user may have been quick, or the
    /// server did not keep what it said that it stored. Told once; that their user deleted them is no failure later.
    fn gone_at_once(&self, plan: &AccountPlan) -> Result<Vec<Error>> {
        let mut gone = Vec::new();
        for mailbox in plan.mailboxes.iter().filter(|mailbox| !mailbox.departed.is_empty()) {
            let Some(tail) = self.tails.get(&mailbox.source.raw) else { continue };
            let mut links = self.access.state.link_lookup(&mailbox.source.raw)?;
            let mut count = 0;
            for uid in mailbox.departed.iter() {
                count += u64::from(links.get(uid)?.is_some_and(|link| link.destination >= *tail));
            }
            if count > 0 {
                let what =
                    format!("messages that were copied in this run are not on the destination any more: {count}");
                let error = Error::new(Kind::Refused, what).scope(Scope::Mailbox);
                gone.push(error.in_mailbox(&mailbox.destination.path()).hint(
                    "if their user did not delete them, the server lost them: `restore_missing = true` copies them again",
                ));
            }
        }
        Ok(gone)
    }

    /// What we stored twice stays so until the user, or the mode, lets us remove it: no success.
    fn second_copies_left(&self, plan: &AccountPlan) -> Vec<Error> {
        let again = match (self.mode(), self.deletes) {
            (_, Deletes::Allowed) => {
                "where the destination cannot expunge single messages (UIDPLUS) they are marked as deleted, and go when \
                 somebody expunges the mailbox; else run `mailferry sync --allow-deletes` again"
            }
            (Mode::Copy, Deletes::Guarded) => "to remove them, run `mailferry sync --allow-deletes`",
            (Mode::Mirror, Deletes::Guarded) => {
                "run `mailferry sync` again: it removes them, as far as delete_guard lets it"
            }
        };
        let doubled = plan.mailboxes.iter().filter(|mailbox| !mailbox.second_copies.is_empty());
        let left = doubled.map(|mailbox| {
            let what = match mailbox.second_copies.len() {
                1 => "1 second copy of ours is on the destination".to_owned(),
                count => format!("{count} second copies of ours are on the destination"),
            };
            Error::new(Kind::Refused, what)
                .because("an append whose connection had broken landed after it was looked for")
                .in_mailbox(&mailbox.destination.path())
                .hint(again)
        });
        left.collect()
    }

    fn record_status(&self, outcomes: Option<Outcomes>, error: Option<&Error>) -> Result<()> {
        let mut status = self.access.state.status()?;
        status.outcomes = outcomes.unwrap_or(status.outcomes);
        grow(&mut status.octets_copied, self.figures.octets_copied);
        status.last_run = Some(self.figures.clone());
        status.last_error = error.map(Error::line);
        self.access.state.put_status(&status)?;
        self.access.migration.store.flush()
    }

    /// Whether the destination is listed as it is now.
    fn list_again(&mut self) -> Result<bool> {
        let access = self.access;
        if self.broken || access.migration.stop.is_requested() {
            return Ok(false);
        }
        let account = access.account.name.as_str();
        let event = Event::Began { account, phase: Phase::Scanning, messages: 0, octets: 0 };
        access.migration.observer.event(event);
        let wanted = Wanted::Only(self.touched.clone());
        let listed = access.with_session(Side::Destination, |session| {
            SideScan::new(access, Side::Destination, session, Thoroughness::Incremental, Identities::WhereOthersMayBe)
                .run(&wanted)
        });
        match listed {
            Ok(result) => {
                let complete = result.troubles.is_empty();
                self.failures.extend(result.troubles);
                Ok(complete)
            }
            // The copying is done and recorded; the next scan will list it.
            Err(error) if *error.kind() == Kind::Interrupted => Ok(false),
            Err(error) => {
                access.notice(&format!("the destination could not be listed again: {}", error.summary()));
                Ok(false)
            }
        }
    }
}

/// A run in which a message has no outcome is no success, whatever else went well.
fn imbalance(outcomes: &Outcomes, held: u64) -> Option<Error> {
    let accounted = outcomes.total();
    (accounted != held).then(|| {
        Error::new(Kind::State, "the account of outcomes does not balance")
            .scope(Scope::Account)
            .because(format!("the source holds {held} messages, and {accounted} are accounted for"))
            .hint("run `mailferry sync --full`, then `mailferry verify`, which compares both servers as they are")
    })
}

/// The plan counts as pending what was tried in this run and has an outcome now.
fn transfer(pending: &mut u64, outcome: &mut u64, count: u64) {
    let moved = count.min(*pending);
    *pending -= moved;
    *outcome += moved;
}

/// Mailboxes that stay behind for a reason that the user did not ask for.
fn obstacles(plan: &AccountPlan) -> impl Iterator<Item = Error> + '_ {
    plan.omitted.iter().filter(|omitted| !omitted.intended).map(|omitted| {
        Error::new(Kind::Refused, "a mailbox stays behind")
            .scope(Scope::Mailbox)
            .because(&omitted.reason)
            .in_mailbox(&omitted.mailbox.path())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_noticed_in_both_directions() {
        let outcomes = Outcomes { copied: 3, refused: 1, pending: 2, ..Outcomes::default() };
        assert_eq!(imbalance(&outcomes, 6), None);
        for held in [5, 7] {
            let error = imbalance(&outcomes, held).expect("it does not balance");
            assert!(error.line().contains(&format!("{held} messages, and 6")), "{}", error.line());
        }
    }
}

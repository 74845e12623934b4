//! One mailbox from source to destination: download and upload side by side, and what to do when either breaks.
//!
//! After any unclean end the tail is reconciled before another message is appended. What breaks the connection again
//! and again is found by going one by one, and given up with its name.

use super::contention::{giving_way, told};
use super::conveyor::Conveyor;
use super::download::{Download, DownloadEnd, FETCH_MESSAGES, Parcel, Sizes};
use super::held::Held;
use super::job::{Job, Standing, Unclean};
use super::lane::Lane;
use super::merged::merged_whole;
use super::moving::{Moving, Next};
use super::originals::Originals;
use super::pending::Pending;
use super::progress::{Careful, Progress};
use super::reconcile::{Tail, reconcile};
use super::reflag::{Reflagged, update_flags};
use super::strangers::Strangers;
use super::uplinks::Uplinks;
use super::upload::{UploadEnd, UploadRun};
use crate::diff::comparing::wanted::{self, MERGED};
use crate::engine::Session;
use crate::engine::commands::fetch::IDENTITY_ITEMS;
use crate::engine::wire::octets::MEMORY_OCTETS;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::{counted, verb_for};
use crate::model::ledger::Ending;
use crate::model::{Outcome, Side, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use crate::pipeline::fleet::backoff::{Backoff, Renewals};
use crate::pipeline::fleet::dissection::reason;
use crate::pipeline::fleet::probing::{About, LOST_COMMANDS, Question};
use crate::pipeline::survey::remembering::remember;
use std::collections::{HashMap, HashSet};
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Breaks on the same message, with nothing done in between, after which it is given up.
const BREAKS_PER_MESSAGE: u32 = 3;

/// Breaks while flags are updated, after which the mailbox is copied without that.
const BREAKS_ON_FLAGS: u32 = 2;

/// Messages given up one after the other, with none between them that was copied, after which the mailbox is.
const GIVEN_UP_IN_A_ROW: u32 = 10;

/// A mailbox that takes fewer batches is done before a second connection is of use.
const BATCHES_WORTH_TWO_UPLINKS: usize = 4;

/// What else is done for the account.
#[derive(Clone, Copy)]
pub struct Company<'a> {
    /// The account is left to another process.
    pub gives_way: &'a AtomicBool,
    /// What the destination has already of messages in several mailboxes.
    pub originals: &'a Originals,
    /// Up to which UID the destination mailbox is known from the work of this run on another mailbox that goes there.
    pub reached: Option<Uid>,
}

/// Copies one mailbox and brings its flags up to date. The lane is `None` when it broke.
///
/// # Errors
/// What ends the account's work; what ends only this mailbox's is in the progress' failures.
pub fn copy_mailbox(
    access: &Access<'_>,
    lane: &mut Option<Lane>,
    job: &Job,
    allowance: &Allowance,
    company: Company<'_>,
) -> Result<(Progress, Ending)> {
    let Standing { tail, next, unclean } = job.standing;
    let mut strangers = Strangers::default();
    strangers.expect(next.max(company.reached));
    let mut work = MailboxWork {
        access,
        job,
        allowance,
        originals: company.originals,
        gives_way: company.gives_way,
        progress: Progress { tail, strangers, ..Progress::default() },
        looked: false,
        due: unclean.map(|unclean| match unclean {
            Unclean::Broken => Due::Earlier,
            Unclean::Grown => Due::Growth,
        }),
        flags: None,
        moving: Moving::default(),
        flag_breaks: 0,
        broke_beside: false,
        breaks: 0,
        renewals: Renewals::default(),
        given_up: 0,
        lost: Duration::ZERO,
        settling: false,
        backoff: Backoff::new(),
    };
    let ending = work.run(lane)?;
    work.progress.is_unclean = work.due.is_some();
    Ok((work.progress, ending))
}

/// Why the tail is to be reconciled before anything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    /// An earlier run ended uncleanly; what it sent has landed (`settling`).
    Earlier,
    /// A connection broke in this run.
    Break,
    /// The mailbox grew since it was listed: others deliver there, or the state is older than it.
    Growth,
    /// A batch was refused.
    Refusal,
    /// Messages were stored, and the server did not say where.
    Unnamed,
}

struct MailboxWork<'a> {
    access: &'a Access<'a>,
    job: &'a Job,
    allowance: &'a Allowance,
    gives_way: &'a AtomicBool,
    originals: &'a Originals,
    progress: Progress,
    /// It was seen whether others came since it was made ready.
    looked: bool,
    /// Why something may be on the destination that is not linked.
    due: Option<Due>,
    /// How updating the flags ended, unless the connection broke meanwhile.
    flags: Option<Result<()>>,
    moving: Moving,
    /// How often it broke while flags were updated.
    flag_breaks: u32,
    /// The last break was then, or while messages were moved: not on one that was being copied.
    broke_beside: bool,
    /// Breaks in a row with nothing done in between.
    breaks: u32,
    /// Sessions in a row that ended with their tokens, with nothing done in between.
    renewals: Renewals,
    /// Messages given up with nothing done in between.
    given_up: u32,
    /// How long went by until these breaks.
    lost: Duration,
    /// What is on the destination is being recognised.
    settling: bool,
    backoff: Backoff,
}

impl MailboxWork<'_> {
    fn run(&mut self, lane: &mut Option<Lane>) -> Result<Ending> {
        loop {
            let open = match lane.take() {
                Some(open) => open,
                None => Lane::open(self.access)?,
            };
            let open = lane.insert(open);
            let (steps, began) = (self.progress.steps, Instant::now());
            match self.pass(open) {
                Ok(Some(ending)) => return Ok(ending),
                Ok(None) => {}
                Err(error) if error.breaks_connection() => {
                    if let Some(broken) = lane.take() {
                        broken.close(self.access);
                    }
                    if let Some(ending) = self.after_break(error, steps, began.elapsed())? {
                        return Ok(ending);
                    }
                }
                Err(error) => return self.fail(error),
            }
            if lane.as_ref().is_some_and(|lane| !lane.source.is_alive() || !lane.destination.is_alive())
                && let Some(broken) = lane.take()
            {
                broken.close(self.access);
            }
        }
    }

    /// One go at everything that is left. `None`: another go is needed.
    fn pass(&mut self, lane: &mut Lane) -> Result<Option<Ending>> {
        if let Some(due) = self.due {
            self.settle(lane, due)?;
        }
        if self.gives_way.load(Ordering::Relaxed) {
            return Ok(Some(Ending::Complete));
        }
        if self.move_here(lane)? == Next::Reconcile {
            self.due = Some(Due::Unnamed);
            return Ok(None);
        }
        let (download, upload) = self.transfer(lane);
        self.due = match &upload {
            Ok(UploadEnd::Complete) if self.progress.strangers.are_unknown() => Some(Due::Growth),
            Ok(UploadEnd::Complete | UploadEnd::Stopped) => None,
            Ok(UploadEnd::Grown) => Some(Due::Growth),
            Ok(UploadEnd::Reconcile) => Some(Due::Unnamed),
            Ok(UploadEnd::Split) => Some(Due::Refusal),
            Err(_) => Some(Due::Break),
        };
        let upload = upload?;
        if self.due.is_some() {
            return Ok(None);
        }
        if upload == UploadEnd::Stopped {
            let gives_way = self.gives_way.load(Ordering::Relaxed) && !self.access.is_stopped();
            return Ok(Some(if gives_way { Ending::Complete } else { self.access.ending_when_stopped() }));
        }
        match download? {
            DownloadEnd::Complete => self.flags.take().unwrap_or(Ok(())).map(|()| Some(Ending::Complete)),
            DownloadEnd::Limit => Ok(Some(Ending::Limit)),
            DownloadEnd::Stopped => Ok(Some(self.access.ending_when_stopped())),
        }
    }

    /// What was moved on the source comes before what is new.
    fn move_here(&mut self, lane: &mut Lane) -> Result<Next> {
        let moved = self.moving.go(self.access, lane, self.job, &mut self.progress);
        self.broke_beside = moved.as_ref().is_err_and(Error::breaks_connection);
        moved
    }

    /// Recognises what is on the destination and not linked.
    fn settle(&mut self, lane: &mut Lane, due: Due) -> Result<()> {
        let strangers = self.progress.strangers.uids().clone();
        let tail = Tail { from: self.progress.tail, strangers, settle: due == Due::Break, broken: due != Due::Growth };
        self.settling = true;
        self.reconcile(lane, &tail)?;
        (self.due, self.settling) = (None, false);
        self.conclude_stored(lane)
    }

    /// What the destination said that it stored, and what is not there under anything that it is known by, is never sent
    /// again: it may have merged it with another message, as Gmail does, or put it elsewhere.
    fn conclude_stored(&mut self, lane: &mut Lane) -> Result<()> {
        let state = &self.access.state;
        let name = &self.job.plan.source.raw;
        let named: HashMap<Uid, Uid> = self.progress.merged.iter().copied().collect();
        let whole = merged_whole(self.access, lane, self.job, &self.progress.merged)?;
        self.progress.merged.clear();
        for uid in std::mem::take(&mut self.progress.stored) {
            if state.link(name, uid)?.is_none() && !self.job.is_given_up(uid) {
                let why = match (named.get(&uid), whole.contains(&uid)) {
                    (Some(_), true) => MERGED.to_owned(),
                    (Some(there), false) => format!("it was made one with UID {there}, whose content is another"),
                    (None, _) => {
                        self.note_late_appends()?;
                        "it is not in the mailbox".to_owned()
                    }
                };
                let outcome = wanted::stored(why.clone());
                remember(state, name, self.job.plan.source_validity, [(uid, Some(why))])?;
                state.checkpoint(name, &[], &[(uid, outcome.clone())])?;
                self.job.give_up(uid);
                self.progress.concluded(self.access, self.job, uid, outcome);
            }
        }
        Ok(())
    }

    /// Updates flags while the first messages come: the destination has nothing else to do.
    fn transfer(&mut self, lane: &mut Lane) -> (Result<DownloadEnd>, Result<UploadEnd>) {
        if self.job.plan.copies.is_empty() {
            let updated = self.update_flags(&mut lane.destination);
            return (Ok(DownloadEnd::Complete), updated.map(|()| UploadEnd::Complete));
        }
        let conveyor = Conveyor::new(self.job.share.belt_octets);
        let came = Held::new(self.job.share.window_octets + MEMORY_OCTETS, lane.source.spill());
        let sizes = match Sizes::known(self.access, self.job) {
            Ok(sizes) => sizes,
            Err(error) => return (Err(error), Ok(UploadEnd::Complete)),
        };
        let none = Originals::default();
        let mut download = Download {
            access: self.access,
            session: &mut lane.source,
            job: self.job,
            conveyor: &conveyor,
            allowance: self.allowance,
            originals: if self.progress.has_no_originals() { &none } else { self.originals },
            alone: self.progress.alone.clone(),
            careful_through: self.progress.one_by_one(),
            came,
            awaited: HashSet::new(),
            sizes,
            listed: HashMap::new(),
        };
        let spare = Mutex::default();
        let transferred = thread::scope(|scope| {
            let downloading = scope.spawn(move || download.run());
            if self.gains_by_two(&lane.destination) {
                let (access, spare) = (self.access, &spare);
                scope.spawn(move || {
                    let session = access.spare_session(Side::Destination);
                    *spare.lock().unwrap_or_else(PoisonError::into_inner) = session;
                });
            }
            let clearing = conveyor.clear();
            let updated = self.update_flags(&mut lane.destination);
            let uploaded = updated.and_then(|()| self.upload(&mut lane.destination, &conveyor, &spare));
            drop(clearing);
            let downloaded = downloading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (downloaded, uploaded)
        });
        // It came too late to be of use.
        if let Some(session) = spare.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.access.give_back(Side::Destination, session);
        }
        transferred
    }

    fn upload(
        &mut self,
        session: &mut Session,
        conveyor: &Conveyor<Parcel>,
        spare: &Mutex<Option<Session>>,
    ) -> Result<UploadEnd> {
        session.open_for_appends(&self.job.plan.destination)?;
        if self.others_came(session)? {
            return Ok(UploadEnd::Grown);
        }
        let uplinks = Uplinks::new(session, spare);
        UploadRun::new(self.access, self.job, conveyor, &mut self.progress, (self.gives_way, self.originals), uplinks)
            .run()
    }

    /// Whether somebody has stored messages there since the mailbox was made ready, which may be long ago. Asked for once, while
    /// the first messages come: later the UIDs of our own tell.
    fn others_came(&mut self, session: &mut Session) -> Result<bool> {
        if std::mem::replace(&mut self.looked, true) {
            return Ok(false);
        }
        let told = session.statuses(std::slice::from_ref(&self.job.plan.destination.raw))?;
        let told = told.into_iter().flatten().next();
        Ok(told.is_some_and(|status| status.messages > 0 && self.progress.strangers.came_before(status.uid_next)))
    }

    /// Whether a second connection to the destination makes it quicker.
    fn gains_by_two(&self, destination: &Session) -> bool {
        let worth = BATCHES_WORTH_TWO_UPLINKS * self.access.batch().next().messages;
        self.job.share.uplinks > 1
            && self.progress.careful.is_none()
            && self.job.plan.copies.len() >= worth as u64
            && destination.appends_many()
            && destination.numbers_at_the_end()
    }

    /// Once: what is refused does not keep messages from being copied, and is told afterwards.
    fn update_flags(&mut self, session: &mut Session) -> Result<()> {
        if self.flags.is_none() {
            let updated = update_flags(self.access, session, &self.job.plan, self.job.destination_validity);
            if let Err(error) = &updated
                && error.breaks_connection()
            {
                (self.flag_breaks, self.broke_beside) = (self.flag_breaks + 1, true);
                if self.flag_breaks >= BREAKS_ON_FLAGS {
                    let given_up = error.clone().recast(Kind::Refused).scope(Scope::Mailbox);
                    self.flags = Some(Err(given_up.in_mailbox(&self.job.plan.destination.path())));
                }
                return updated.map(drop);
            }
            self.flags = Some(updated.map(|Reflagged { updated, failure }| {
                self.progress.flags_updated += updated;
                self.access.failures.note_all(&mut self.progress.failures, failure);
            }));
        }
        Ok(())
    }

    fn reconcile(&mut self, lane: &mut Lane, tail: &Tail) -> Result<()> {
        let found = reconcile(self.access, lane, self.job, tail)?;
        self.progress.tail = found.next;
        self.progress.strangers.looked(found.were_there);
        self.progress.strangers.expect(Some(found.next));
        if !found.doubled.is_empty() {
            let giving_way = giving_way(&found.doubled);
            self.gives_way.fetch_or(giving_way.is_some(), Ordering::Relaxed);
            let failures = iter::once(told(self.job, &found.doubled)).chain(giving_way);
            self.access.failures.note_all(&mut self.progress.failures, failures);
        }
        // The next plan is in doubt about them, and has them read again.
        found.undecided.iter().for_each(|uid| self.job.give_up(*uid));
        if found.messages > 0 {
            let (messages, octets) = (found.messages, found.octets);
            self.access.notice(&format!(
                "{} of `{}` had arrived without an answer, and {} recognised",
                counted(messages, "message"),
                self.job.plan.source,
                verb_for(messages, "was", "were")
            ));
            self.progress.copied(self.access, self.job, messages, octets);
        }
        Ok(())
    }

    /// After a broken connection: wait, and if it breaks again and again with nothing done, find the message.
    fn after_break(&mut self, error: Error, steps_before: u64, took: Duration) -> Result<Option<Ending>> {
        self.due = Some(Due::Break);
        self.note_late_appends()?;
        let account = &self.access.account.name;
        let servers = Side::BOTH.map(|side| self.access.connector(side).server());
        if self.progress.steps > steps_before {
            (self.breaks, self.given_up, self.lost, self.backoff) = (0, 0, Duration::ZERO, Backoff::new());
            self.renewals.forget();
        }
        if self.renewals.grant(&error) {
            return Ok(None);
        }
        self.breaks += 1;
        self.lost += took;
        tracing::info!(%account, breaks = self.breaks, "{error}: {}", error.summary());
        let retries = servers.map(|server| server.retries).into_iter().max().unwrap_or(0);
        let patience = servers.map(|server| server.timeouts.command()).into_iter().max().unwrap_or_default();
        let hopeless =
            self.given_up >= GIVEN_UP_IN_A_ROW || (self.given_up > 0 && self.lost > patience * LOST_COMMANDS);
        if self.breaks > retries.max(BREAKS_PER_MESSAGE) || hopeless {
            // It is this mailbox on which it breaks: the others are not given up for it.
            let error = error.scope(Scope::Mailbox).in_mailbox(&self.job.plan.source.path());
            self.access.failures.note(&mut self.progress.failures, error);
            return Ok(Some(Ending::Complete));
        }
        let is_beside = std::mem::take(&mut self.broke_beside);
        if self.breaks >= 2 && !is_beside && !matches!(error.kind(), Kind::Throttled(_)) {
            match (self.settling, error.place().side) {
                (false, _) => self.isolate(&error)?,
                (true, Some(Side::Source)) => self.find_unrecognisable()?,
                (true, _) => {}
            }
        }
        self.access.notice(&format!("{}; going on with a new connection", error.summary()));
        self.access.before_reconnect(&mut self.backoff, &error)?;
        Ok(None)
    }

    /// What the broken connection had sent may land after it was looked for. Durable with the next flush: until then
    /// the intent is open, which says the same.
    fn note_late_appends(&self) -> Result<()> {
        let state = &self.access.state;
        if let Some(mut pair) = state.pair(&self.job.plan.source.raw)?
            && let (Some(intent), None) = (pair.intent, pair.late_from)
        {
            pair.late_from = Some(intent.uid_next);
            state.put_pair(&pair)?;
        }
        Ok(())
    }

    /// One of the messages that were asked for at once is the one: they go one by one, and then the first that is not
    /// done is given up in the end.
    fn isolate(&mut self, error: &Error) -> Result<()> {
        let state = &self.access.state;
        let name = &self.job.plan.source.raw;
        let (mut suspects, mut pending) = (Vec::new(), Pending::new(self.access, self.job)?);
        while suspects.len() < FETCH_MESSAGES
            && let Some(record) = pending.next().transpose()?
        {
            if !self.job.is_given_up(record.uid) {
                suspects.push(record.uid);
            }
        }
        let (Some(&uid), Some(&last)) = (suspects.first(), suspects.iter().max()) else { return Ok(()) };
        let known = self.progress.one_by_one().filter(|through| *through >= uid);
        self.progress.careful = Some(Careful { through: known.unwrap_or(last), messages: 1 });
        if self.breaks >= BREAKS_PER_MESSAGE {
            self.job.give_up(uid);
            let why = format!("the connection broke on it {} times: {}", self.breaks, error.summary());
            let outcome = match error.place().side {
                Some(Side::Destination) => Outcome::Refused(why),
                _ => Outcome::Failed(why),
            };
            state.checkpoint(name, &[], &[(uid, outcome.clone())])?;
            self.progress.concluded(self.access, self.job, uid, outcome);
            // The next one that breaks it is found sooner: they go one by one already.
            (self.breaks, self.given_up, self.backoff) = (1, self.given_up + 1, Backoff::new());
        }
        Ok(())
    }

    /// One of the messages breaks the connection when it is asked for what it is recognised by.
    fn find_unrecognisable(&mut self) -> Result<()> {
        let mailbox = &self.job.plan.source;
        let question = Question { mailbox, about: About::All, items: IDENTITY_ITEMS };
        let dissected = self.access.dissect(Side::Source, question, &mut |_| Ok(()))?;
        for (uid, error) in dissected.poisonous {
            if self.job.plan.copies.contains(uid) && !self.job.is_given_up(uid) {
                self.job.give_up(uid);
                let outcome = Outcome::Failed(reason(&error));
                self.access.state.checkpoint(&mailbox.raw, &[], &[(uid, outcome.clone())])?;
                self.progress.concluded(self.access, self.job, uid, outcome);
            }
        }
        Ok(())
    }

    /// A failure that ends this mailbox but not the account's other mailboxes.
    fn fail(&mut self, error: Error) -> Result<Ending> {
        let error = error.in_mailbox(&self.job.plan.source.path());
        match error.kind() {
            Kind::Interrupted => Ok(self.access.ending_when_stopped()),
            // There may be room in another mailbox: some count by themselves, and some not at all.
            Kind::Refused | Kind::Changed | Kind::Quota => {
                self.access.failures.note(&mut self.progress.failures, error);
                Ok(Ending::Complete)
            }
            _ => Err(error),
        }
    }
}

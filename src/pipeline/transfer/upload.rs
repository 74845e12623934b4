//! The destination's half of copying a mailbox: messages leave the belt and go straight into an APPEND that is open, in the
//! order of their source UIDs; every answer becomes links, those of a moment in one checkpoint.
//!
//! A large mailbox is appended over two connections in turns, where the server gives its UIDs when a command ends
//! (`Session::numbers_at_the_end`): it works on the messages of both, and the end of a command is sent when the one before
//! it was answered. So the order is kept, and neither connection waits for the server's disk alone.
//!
//! Invariants:
//! 1. The pair's intent is durable before the first octet of the first APPEND is sent (apply.rs notes it).
//! 2. A link is recorded only for a message that the server said is stored, under a UID that it named and that can be
//!    true: of this UIDVALIDITY, above every UID that was there before.
//! 3. Anything else means that the tail must be reconciled before another message of this mailbox is appended.
//! 4. An APPEND that is open or unanswered when the upload breaks off takes its connection with it.

use super::conveyor::{Conveyor, Taken};
use super::download::{Message, Parcel};
use super::job::Job;
use super::originals::{self, Original, Originals, Repeated};
use super::progress::{Careful, Progress};
use super::uplinks::{Uplink, Uplinks};
use crate::engine::commands::append::{Appended, PendingAppend, Upload, refusal};
use crate::engine::conversation::status::Status;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::statistics::BatchFigures;
use crate::model::{Digest, Flags, InternalDate, Link, LinkOrigin, Outcome, RawName, Side, Uid, UidValidity};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::batch::Batch;
use crate::store::CHECKPOINT_LINKS;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Commands unanswered, at most, and the octets of them after which no further one is begun: what would have to be looked
/// for after a break.
const MULTIAPPENDS_IN_FLIGHT: usize = 4;
const APPENDS_IN_FLIGHT: usize = 32;
const UNANSWERED_OCTETS: u64 = 16 << 20;

/// How long links wait to be recorded with others: writing to the state wakes all of sled's threads, each time.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(250);

/// How long an open APPEND waits for its next message before it is ended: what came is then stored.
const PATIENCE: Duration = Duration::from_millis(500);

/// Octets that are not held back for more to come.
const WORTH_PUSHING: u64 = 64 << 10;

/// A refused batch is tried again in that many parts.
const SPLIT: usize = 4;

/// The destination's half at work.
pub struct UploadRun<'a> {
    access: &'a Access<'a>,
    pub(super) job: &'a Job,
    conveyor: &'a Conveyor<Parcel>,
    pub(super) progress: &'a mut Progress,
    /// The account is left to another process.
    gives_way: &'a AtomicBool,
    originals: &'a Originals,
    pub(super) uplinks: Uplinks<'a>,
    open: Option<Open>,
    /// Those that the destination is to copy next, itself.
    pub(super) repeated: Vec<Repeated>,
    /// The mailbox that is open to look at their originals.
    pub(super) looking_at: Option<RawName>,
    /// No UID up to this one is given a second time.
    given: Uid,
    in_flight: VecDeque<InFlight>,
    pub(super) end: UploadEnd,
    /// When the last batch was answered.
    answered: Option<Instant>,
    pub(super) owed: Owed,
}

/// Links that are not recorded yet. Were the process to die with them, the tail would tell: the intent is open.
pub(super) struct Owed {
    pub(super) links: Vec<Link>,
    /// Flags that the source has by now: without them the next plan would take back what the copies have.
    pub(super) reflagged: Vec<(Uid, Flags)>,
    since: Instant,
}

impl Owed {
    fn are_due(&self) -> bool {
        self.links.len() >= CHECKPOINT_LINKS || self.since.elapsed() >= CHECKPOINT_PAUSE
    }
}

/// One message of a batch, its octets having left.
struct Sent {
    uid: Uid,
    identity: Digest,
    octets: u64,
    /// Of its octets, where they tell originals.
    sha256: Option<[u8; 32]>,
    listed_octets: u64,
    date: Option<InternalDate>,
    agreed: Flags,
    /// The source's flags, where they are others than when it was listed.
    reflagged: Option<Flags>,
}

/// An APPEND to which messages are added.
struct Open {
    pending: PendingAppend,
    uplink: Uplink,
    batch: Vec<Sent>,
    octets: u64,
    /// Octets that may not have left yet.
    gathered: u64,
    limit: Batch,
    /// Its messages are tried in batches of so many, because something was refused.
    careful: Option<usize>,
    began: Instant,
}

impl Open {
    fn is_full(&self) -> bool {
        self.batch.len() >= self.limit.messages || self.octets >= self.limit.octets
    }
}

struct InFlight {
    pending: PendingAppend,
    uplink: Uplink,
    batch: Vec<Sent>,
    octets: u64,
    full: bool,
    began: Instant,
}

/// How the upload ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum UploadEnd {
    Complete,
    /// Others store messages there: they are looked at first.
    Grown,
    /// The run is to end, or the account is set aside: what lay on the belt was not sent.
    Stopped,
    /// Some messages are stored, but the server did not say where: the tail tells.
    Reconcile,
    /// A batch was refused: its messages are to be tried in smaller ones, after a look at the tail.
    Split,
}

impl<'a> UploadRun<'a> {
    /// Nothing is sent yet.
    pub fn new(
        access: &'a Access<'a>,
        job: &'a Job,
        conveyor: &'a Conveyor<Parcel>,
        progress: &'a mut Progress,
        (gives_way, originals): (&'a AtomicBool, &'a Originals),
        uplinks: Uplinks<'a>,
    ) -> Self {
        UploadRun {
            access,
            job,
            conveyor,
            progress,
            gives_way,
            originals,
            uplinks,
            open: None,
            repeated: Vec::new(),
            looking_at: None,
            given: Uid(0),
            in_flight: VecDeque::new(),
            end: UploadEnd::Complete,
            answered: None,
            owed: Owed { links: Vec::new(), reflagged: Vec::new(), since: Instant::now() },
        }
    }

    /// Appends everything that comes along the belt.
    ///
    /// # Errors
    /// `Connection`, `Throttled`: worth another try after reconciling; `Quota`, `Changed`, `Refused`: not.
    pub fn run(mut self) -> Result<UploadEnd> {
        let result = self.append_all();
        let recorded = self.record_owed();
        if result.as_ref().is_err_and(|error| error.breaks_connection() && *error.kind() != Kind::Expired) {
            self.access.batch().failed();
        }
        self.conveyor.abandon();
        // Invariant 4.
        let unanswered = self.in_flight.iter().map(|sent| sent.uplink);
        for uplink in self.open.iter().map(|open| open.uplink).chain(unanswered) {
            self.uplinks.session(uplink).kill();
        }
        if let Some(mut second) = self.uplinks.second.take() {
            // Whoever appended last is used next: what STATUS says may be older on the other connection.
            if self.uplinks.last == Uplink::Second {
                std::mem::swap(self.uplinks.first, &mut second);
            }
            self.access.give_back(Side::Destination, second);
        }
        recorded.and(result)
    }

    fn record_owed(&mut self) -> Result<()> {
        let Owed { links, reflagged, since } = &mut self.owed;
        let (access, name) = (self.access, &self.job.plan.source.raw);
        access.gauge.on_state(|| access.state.note_flags(name, reflagged))?;
        reflagged.clear();
        links
            .chunks(CHECKPOINT_LINKS)
            .try_for_each(|links| access.gauge.on_state(|| access.state.checkpoint(name, links, &[])))?;
        links.clear();
        *since = Instant::now();
        Ok(())
    }

    fn append_all(&mut self) -> Result<UploadEnd> {
        let mut is_stopped = false;
        while !self.is_broken_off() && !is_stopped {
            match self.conveyor.take(PATIENCE) {
                Taken::Items(parcels) => is_stopped = !self.take(parcels)?,
                Taken::Nothing => self.close_batch()?,
                Taken::End => break,
            }
        }
        self.copy_repeated()?;
        self.close_batch()?;
        while self.settle_oldest()? {}
        Ok(if is_stopped { self.end.max(UploadEnd::Stopped) } else { self.end })
    }

    /// Whether nothing more is appended in this pass.
    fn is_broken_off(&self) -> bool {
        matches!(self.end, UploadEnd::Grown | UploadEnd::Split)
    }

    /// False where the work is to end: what is left of these, and on the belt, will be fetched again.
    fn take(&mut self, parcels: Vec<Parcel>) -> Result<bool> {
        for parcel in parcels {
            if self.is_broken_off() {
                return Ok(true);
            }
            if self.access.is_stopped() || self.gives_way.load(Ordering::Relaxed) {
                return Ok(false);
            }
            match parcel {
                Parcel::Absent { uid, outcome } => self.conclude(uid, outcome)?,
                Parcel::Message(message) => match self.job.oversized(message.octets.len()) {
                    Some(outcome) => self.conclude(message.uid, outcome)?,
                    None => self.add(*message)?,
                },
                Parcel::Repeated(repeated) => self.add_repeated(*repeated)?,
            }
        }
        self.copy_repeated()?;
        self.push().map(|()| true)
    }

    /// The server works on what has come while the next message does.
    fn push(&mut self) -> Result<()> {
        if let Some(open) = self.open.as_mut().filter(|open| open.gathered >= WORTH_PUSHING) {
            open.gathered = 0;
            self.uplinks.session(open.uplink).push_append()?;
        }
        Ok(())
    }

    /// Sends a message, in the APPEND that is open or in a new one; or has it copied where it turns out to be there already.
    fn add(&mut self, message: Message) -> Result<()> {
        let sha256 = if self.originals.go_by_octets() { Some(message.octets.sha256()?) } else { None };
        if let Some(original) = sha256.and_then(|sha256| self.original(&message, &sha256)) {
            return self.add_repeated(message.repeated(original));
        }
        self.copy_repeated()?;
        if self.end == UploadEnd::Split {
            return Ok(());
        }
        let Message { uid, identity, octets, listed_octets, mut flags, reflagged, internal_date } = message;
        let reflagged = reflagged.then(|| flags.clone());
        let (length, careful) = (octets.len(), self.progress.careful(uid));
        let ends = |open: &Open| open.octets + length > open.limit.octets || open.careful != careful;
        if self.open.as_ref().is_some_and(ends) {
            self.close_batch()?;
        }
        if self.open.is_none() {
            self.open = self.begin(careful)?;
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        if self.progress.without_keywords.contains(&uid) {
            flags = flags.without_keywords();
        }
        let flags = flags.within(&self.job.capacity);
        let connector = self.access.connector(Side::Destination);
        if connector.is_paced() {
            self.access.gauge.on_pace(|| connector.pace(1));
        }
        let date_given = match self.progress.with_another_date.contains(&uid) {
            true => internal_date.and_then(InternalDate::instead),
            false => internal_date,
        };
        let upload = Upload { octets, flags, internal_date: date_given };
        self.uplinks.session(open.uplink).add_message(&mut open.pending, &upload)?;
        let (agreed, date) = (upload.flags, internal_date);
        open.batch.push(Sent { uid, identity, octets: length, sha256, listed_octets, date, agreed, reflagged });
        open.octets += length;
        open.gathered += length;
        if open.is_full() || open.pending.is_refused() { self.close_batch() } else { Ok(()) }
    }

    /// Begins an APPEND. `None` when a batch before it turns out to be refused.
    fn begin(&mut self, careful: Option<usize>) -> Result<Option<Open>> {
        // Whoever is tried alone is tried in the plainest way: what is refused then is the message.
        let alone = careful == Some(1);
        while (self.is_crowded() || alone) && self.settle_oldest()? {}
        if self.is_broken_off() {
            return Ok(None);
        }
        let uplink = if careful.is_some() { Uplink::First } else { self.uplinks.take_turns() };
        let announced = self.progress.announces_literals || alone;
        let session = self.uplinks.session(uplink);
        session.announce_literals(announced);
        let limit = match (session.appends_many(), careful) {
            (false, _) => Batch { messages: 1, octets: u64::MAX },
            (true, Some(messages)) => Batch { messages, ..self.access.batch().next() },
            (true, None) => self.access.batch().next(),
        };
        let pending = session.begin_append(&self.job.plan.destination.raw)?;
        let (batch, began) = (Vec::new(), Instant::now());
        Ok(Some(Open { pending, uplink, batch, octets: 0, gathered: 0, limit, careful, began }))
    }

    fn is_crowded(&self) -> bool {
        let most = match (self.uplinks.first.sends_ahead(), self.uplinks.first.appends_many()) {
            (false, _) => 1,
            (true, true) => MULTIAPPENDS_IN_FLIGHT,
            (true, false) => APPENDS_IN_FLIGHT,
        };
        let octets: u64 = self.in_flight.iter().map(|sent| sent.octets).sum();
        self.in_flight.len() >= most || octets >= UNANSWERED_OCTETS
    }

    /// Ends the APPEND that is open, when all before it that went over another connection were answered.
    pub(super) fn close_batch(&mut self) -> Result<()> {
        let Some(open) = self.open.as_ref() else { return Ok(()) };
        let uplink = open.uplink;
        while self.in_flight.iter().any(|sent| sent.uplink != uplink) {
            self.settle_oldest()?;
        }
        let Some(open) = self.open.take() else { return Ok(()) };
        self.uplinks.session(uplink).end_append(&open.pending)?;
        let (full, messages) = (open.is_full(), open.batch.len() as u64);
        let Open { pending, batch, octets, began, .. } = open;
        self.in_flight.push_back(InFlight { pending, uplink, batch, octets, full, began });
        self.access.gauge.note_batch(BatchFigures { messages, in_flight: self.in_flight.len() as u64 });
        Ok(())
    }

    /// Reads the answer to the oldest APPEND; false when there is none.
    pub(super) fn settle_oldest(&mut self) -> Result<bool> {
        let Some(sent) = self.in_flight.pop_front() else { return Ok(false) };
        let InFlight { pending, uplink, batch, full, began, .. } = sent;
        let at_once = pending.went_at_once();
        match self.uplinks.session(uplink).finish_append(pending)? {
            Appended::Stored { uid_validity, uids } if self.can_be_true(uid_validity, &uids) => {
                let now = Instant::now();
                let busy_since = self.answered.replace(now).map_or(began, |answered| answered.max(began));
                self.access.batch().stored(full, now - busy_since);
                self.link(batch, &uids)?;
            }
            Appended::Stored { uid_validity, uids } => {
                self.stored_elsewhere(batch.iter().map(|sent| sent.uid).zip(uids), uid_validity);
            }
            Appended::StoredSomewhere => {
                self.progress.stored.extend(batch.iter().map(|sent| sent.uid));
                self.end = self.end.max(UploadEnd::Reconcile);
            }
            Appended::Refused(status) => self.refused(batch, &status, uplink, at_once)?,
        }
        Ok(true)
    }

    /// Invariant 2.
    pub(super) fn can_be_true(&self, uid_validity: UidValidity, uids: &[Uid]) -> bool {
        let lowest = uids.iter().min();
        uid_validity == self.job.destination_validity
            && lowest.is_some_and(|lowest| *lowest >= self.progress.tail && *lowest > self.given)
    }

    /// The destination says that it stored them under UIDs that cannot be theirs. Gmail does where it takes a message for one that
    /// it has: then that may be as good.
    pub(super) fn stored_elsewhere(&mut self, messages: impl Iterator<Item = (Uid, Uid)>, uid_validity: UidValidity) {
        let merges = self.uplinks.first.is_gmail() && uid_validity == self.job.destination_validity;
        for (uid, there) in messages {
            self.progress.stored.push(uid);
            self.progress.merged.extend(merges.then_some((uid, there)));
        }
        self.end = self.end.max(UploadEnd::Reconcile);
    }

    /// What the destination has of the very octets of a message, in another mailbox.
    fn original(&self, message: &Message, sha256: &[u8; 32]) -> Option<Original> {
        let goes_alone = self.progress.goes_alone(message.uid) || self.progress.careful(message.uid).is_some();
        if goes_alone { None } else { self.originals.of_octets(sha256, &self.job.plan.destination.raw) }
    }

    fn link(&mut self, mut batch: Vec<Sent>, uids: &[Uid]) -> Result<()> {
        let reflagged = batch.iter_mut().filter_map(|sent| Some((sent.uid, sent.reflagged.take()?)));
        self.owed.reflagged.extend(reflagged);
        let (messages, octets) = (batch.len() as u64, batch.iter().map(|sent| sent.octets).sum());
        self.note_originals(&batch, uids);
        self.owed.links.extend(batch.into_iter().zip(uids).map(|(sent, uid)| Link {
            source: sent.uid,
            destination: *uid,
            agreed: sent.agreed,
            lost: Flags::none(),
            origin: LinkOrigin::Appended,
            octets: sent.octets,
            date: sent.date,
            source_octets: Some(sent.listed_octets).filter(|listed| *listed != sent.octets),
            altered: None,
            identity: sent.identity,
        }));
        self.linked(uids, messages, octets)
    }

    /// Links were made: recorded at once, or with others.
    pub(super) fn linked(&mut self, uids: &[Uid], messages: u64, octets: u64) -> Result<()> {
        if self.owed.are_due() {
            self.record_owed()?;
        }
        // What is copied within may get them in another order.
        let mut uids = uids.to_vec();
        uids.sort_unstable();
        if let Some(highest) = uids.last().copied() {
            self.given = self.given.max(highest);
            // An earlier batch whose outcome is not known may stand below these: then the tail still begins before it.
            if self.end <= UploadEnd::Stopped {
                self.progress.tail = highest.next().unwrap_or(self.progress.tail);
                self.progress.strangers.note(&uids);
                if self.progress.strangers.are_due() {
                    self.end = self.end.max(UploadEnd::Grown);
                }
            }
        }
        self.progress.copied(self.access, self.job, messages, octets);
        Ok(())
    }

    fn note_originals(&self, batch: &[Sent], uids: &[Uid]) {
        for (sent, uid) in batch.iter().zip(uids) {
            if let (Some(sha256), Some(date)) = (sent.sha256, sent.date) {
                let stored = originals::Sent { uid: *uid, octets: sent.octets, date, identity: sent.identity };
                let (mailbox, validity) = (&self.job.plan.destination, self.job.destination_validity);
                self.originals.note(sha256, || Original::new(mailbox, validity, stored));
            }
        }
    }

    /// A refused batch is tried again in parts, down to single messages with each literal announced, so that the one is
    /// found. Before that the tail is looked at: not every server undoes what it stored of a refused MULTIAPPEND.
    fn refused(&mut self, batch: Vec<Sent>, status: &Status, uplink: Uplink, at_once: bool) -> Result<()> {
        let error = refusal(status).in_mailbox(&self.job.plan.destination.path());
        if !self.uplinks.session(uplink).is_alive() || error.is_transient() {
            return Err(self.broken_by_refusal(&batch, error, at_once)?);
        }
        if *error.kind() == Kind::Quota {
            return Err(self.at_destination(error));
        }
        let Some(last) = batch.last().map(|sent| sent.uid) else { return Ok(()) };
        if batch.len() > 1 || at_once {
            self.access.batch().failed();
            self.try_again(Careful { through: last, messages: (batch.len() / SPLIT).max(1) });
            return Ok(());
        }
        batch.into_iter().try_for_each(|sent| self.refused_message(sent, status, &error))
    }

    fn try_again(&mut self, careful: Careful) {
        self.end = UploadEnd::Split;
        self.progress.careful = Some(careful);
    }

    /// A BAD ends the connection. It may be about literals that were not announced; else, if it was about one message,
    /// that message is the one.
    fn broken_by_refusal(&mut self, batch: &[Sent], error: Error, at_once: bool) -> Result<Error> {
        // The server says itself how long it wants to be left alone.
        if let Kind::Throttled(Some(_)) = error.kind() {
            return Ok(error.scope(Scope::Account));
        }
        if at_once && !error.is_transient() {
            self.progress.announces_literals = true;
        } else if let ([sent], false) = (batch, error.is_transient())
            && !self.goes_in_another_form(sent, &error.summary())
        {
            self.conclude(sent.uid, Outcome::Refused(error.summary()))?;
        }
        Ok(self.at_destination(Error::new(Kind::Connection, "it refused a command").because(error.summary())))
    }

    pub(super) fn at_destination(&self, error: Error) -> Error {
        error.on(Side::Destination, &self.access.connector(Side::Destination).server().label())
    }

    fn refused_message(&mut self, sent: Sent, status: &Status, error: &Error) -> Result<()> {
        if status.code == "TRYCREATE" || *error.kind() == Kind::Changed {
            let gone = Error::new(Kind::Changed, "the mailbox is gone").because(&status.text);
            let gone = gone.in_mailbox(&self.job.plan.destination.path());
            return Err(self.at_destination(gone).hint("run `mailferry sync` to create it again"));
        }
        if self.goes_in_another_form(&sent, &status.text) {
            self.try_again(Careful { through: sent.uid, messages: 1 });
            return Ok(());
        }
        self.conclude(sent.uid, Outcome::Refused(status.text.clone()))
    }

    /// A message that was refused alone may have been so for its date, if that is said; or for its keywords, whatever is said:
    /// they are stored apart when it is there, each that is taken. Each is tried once.
    fn goes_in_another_form(&mut self, sent: &Sent, why: &str) -> bool {
        let is_of_date = why.to_ascii_lowercase().contains("date");
        if is_of_date && sent.date.is_some() && self.progress.with_another_date.insert(sent.uid) {
            self.access.notice(&format!("UID {} goes with another date: {why}", sent.uid));
            self.progress.steps += 1;
            return true;
        }
        let goes = sent.agreed.keywords().next().is_some() && self.progress.without_keywords.insert(sent.uid);
        if goes {
            self.access.notice(&format!("UID {} goes without its keywords: {why}", sent.uid));
            self.progress.steps += 1;
        }
        goes
    }

    /// Records what became of a message that is not copied.
    fn conclude(&mut self, uid: Uid, outcome: Outcome) -> Result<()> {
        let outcomes = [(uid, outcome)];
        self.access.state.checkpoint(&self.job.plan.source.raw, &[], &outcomes)?;
        let [(uid, outcome)] = outcomes;
        // Not again in this run: another pass would count it twice.
        self.job.give_up(uid);
        self.progress.concluded(self.access, self.job, uid, outcome);
        Ok(())
    }
}

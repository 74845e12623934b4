//! The destination's half of copying a mailbox: messages leave the belt and go straight into an APPEND that is open, in the
//! order of their source UIDs; every answer becomes links (`answered.rs`), those of a moment in one checkpoint.
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
use super::originals::{Original, Originals, Repeated};
use super::progress::Progress;
use super::uplinks::{Uplink, Uplinks};
use crate::engine::commands::append::{PendingAppend, Upload};
use crate::error::{Error, Kind, Result};
use crate::model::statistics::BatchFigures;
use crate::model::{Digest, Flags, InternalDate, Link, RawName, Side, Uid};
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

/// The destination's half at work.
pub struct UploadRun<'a> {
    pub(super) access: &'a Access<'a>,
    pub(super) job: &'a Job,
    pub(super) conveyor: &'a Conveyor<Parcel>,
    pub(super) progress: &'a mut Progress,
    /// The account is left to another process.
    pub(super) gives_way: &'a AtomicBool,
    pub(super) originals: &'a Originals,
    pub(super) uplinks: Uplinks<'a>,
    pub(super) open: Option<Open>,
    /// Those that the destination is to copy next, itself.
    pub(super) repeated: Vec<Repeated>,
    /// The mailbox that is open to look at their originals.
    pub(super) looking_at: Option<RawName>,
    /// No UID up to this one is given a second time.
    pub(super) given: Uid,
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) end: UploadEnd,
    /// When the last batch was answered.
    pub(super) answered: Option<Instant>,
    pub(super) owed: Owed,
}

/// Links that are not recorded yet. Were the process to die with them, the tail would tell: the intent is open.
pub(super) struct Owed {
    pub(super) links: Vec<Link>,
    /// Flags that the source has by now: without them the next plan would take back what the copies have.
    pub(super) reflagged: Vec<(Uid, Flags)>,
    pub(super) since: Instant,
}

impl Owed {
    pub(super) fn are_due(&self) -> bool {
        self.links.len() >= CHECKPOINT_LINKS || self.since.elapsed() >= CHECKPOINT_PAUSE
    }
}

/// One message of a batch, its octets having left.
pub(super) struct Sent {
    pub(super) uid: Uid,
    pub(super) identity: Digest,
    pub(super) octets: u64,
    /// Of its octets, where they tell originals.
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) listed_octets: u64,
    pub(super) date: Option<InternalDate>,
    pub(super) agreed: Flags,
    /// The source's flags, where they are others than when it was listed.
    pub(super) reflagged: Option<Flags>,
}

/// An APPEND to which messages are added.
pub(super) struct Open {
    pub(super) pending: PendingAppend,
    pub(super) uplink: Uplink,
    pub(super) batch: Vec<Sent>,
    pub(super) octets: u64,
    /// Octets that may not have left yet.
    pub(super) gathered: u64,
    pub(super) limit: Batch,
    /// Its messages are tried in batches of so many, because something was refused.
    pub(super) careful: Option<usize>,
    pub(super) began: Instant,
}

impl Open {
    fn is_full(&self) -> bool {
        self.batch.len() >= self.limit.messages || self.octets >= self.limit.octets
    }
}

pub(super) struct InFlight {
    pub(super) pending: PendingAppend,
    pub(super) uplink: Uplink,
    pub(super) batch: Vec<Sent>,
    pub(super) octets: u64,
    pub(super) full: bool,
    pub(super) began: Instant,
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

    pub(super) fn record_owed(&mut self) -> Result<()> {
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
    pub(super) fn is_broken_off(&self) -> bool {
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
    pub(super) fn begin(&mut self, careful: Option<usize>) -> Result<Option<Open>> {
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

    /// What the destination has of the very octets of a message, in another mailbox.
    fn original(&self, message: &Message, sha256: &[u8; 32]) -> Option<Original> {
        let goes_alone = self.progress.goes_alone(message.uid) || self.progress.careful(message.uid).is_some();
        if goes_alone { None } else { self.originals.of_octets(sha256, &self.job.plan.destination.raw) }
    }

    pub(super) fn at_destination(&self, error: Error) -> Error {
        error.on(Side::Destination, &self.access.connector(Side::Destination).server().label())
    }
}

//! The destination's half of copying a mailbox: messages leave the belt in batches, are appended in the order of their
//! source UIDs, and every answer becomes links, those of a moment in one checkpoint.
//!
//! Invariants:
//! 1. The pair's intent is durable before the first octet of the first APPEND is sent (apply.rs notes it).
//! 2. A link is recorded only for a message that the server said is stored, under a UID that it named and that can be
//!    true: of this UIDVALIDITY, above every UID that was there before.
//! 3. Anything else means that the tail must be reconciled before another message of this mailbox is appended.

use super::access::Access;
use super::conveyor::Conveyor;
use super::copy::{Job, Progress};
use super::download::{Message, Parcel};
use crate::engine::Session;
use crate::engine::append::{Appended, PendingAppend, Upload, refusal};
use crate::engine::status::Status;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::statistics::BatchFigures;
use crate::model::{Digest, FlagCapacity, Flags, Link, LinkOrigin, Outcome, Uid, UidValidity};
use crate::store::CHECKPOINT_LINKS;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// MULTIAPPENDs in flight, at most; and how many of the largest the memory is divided into.
const MULTIAPPENDS_IN_FLIGHT: usize = 8;
const LARGEST_IN_FLIGHT: u64 = 2;

/// Single APPENDs in flight.
const APPENDS_IN_FLIGHT: usize = 32;

/// How long links wait to be recorded with others: writing to the state wakes all of sled's threads, each time.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(250);

/// The destination's half at work.
pub struct UploadRun<'a> {
    pub access: &'a Access<'a>,
    pub session: &'a mut Session,
    pub job: &'a Job,
    pub conveyor: &'a Conveyor<Parcel>,
    pub capacity: &'a FlagCapacity,
    pub progress: &'a mut Progress,
    /// When the last batch was answered.
    pub answered: Option<Instant>,
    pub owed: Owed,
}

/// Links that are not recorded yet. Were the process to die with them, the tail would tell: the intent is open.
pub struct Owed {
    links: Vec<Link>,
    since: Instant,
}

impl Owed {
    /// Nothing is owed yet.
    pub fn none() -> Self {
        Owed { links: Vec::new(), since: Instant::now() }
    }

    fn are_due(&self) -> bool {
        self.links.len() >= CHECKPOINT_LINKS || self.since.elapsed() >= CHECKPOINT_PAUSE
    }
}

/// One message of a batch.
struct Sent {
    uid: Uid,
    identity: Digest,
    upload: Upload,
    agreed: Flags,
}

/// A batch that was refused, and whether a literal of it was not announced.
struct Refused {
    batch: Vec<Sent>,
    status: Status,
    at_once: bool,
}

struct InFlight {
    pending: PendingAppend,
    batch: Vec<Sent>,
    sent: Instant,
}

impl InFlight {
    fn octets(&self) -> u64 {
        self.batch.iter().map(|sent| sent.upload.octets.len()).sum()
    }
}

/// How the upload ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum UploadEnd {
    Complete,
    /// Some messages are stored, but the server did not say where: the tail tells.
    Reconcile,
    /// A batch was refused: its messages are to be tried one by one, after a look at the tail.
    Split,
}

impl UploadRun<'_> {
    /// Appends everything that comes along the belt.
    ///
    /// # Errors
    /// `Connection`, `Throttled`: worth another try after reconciling; `Quota`, `Changed`, `Refused`: not.
    pub fn run(&mut self) -> Result<UploadEnd> {
        let result = self.append_all();
        let recorded = self.record_owed();
        if result.as_ref().is_err_and(Error::breaks_connection) {
            self.access.batch().failed();
        }
        self.conveyor.abandon();
        recorded.and(result)
    }

    fn record_owed(&mut self) -> Result<()> {
        let Owed { links, since } = &mut self.owed;
        let (access, name) = (self.access, &self.job.plan.source.raw);
        links
            .chunks(CHECKPOINT_LINKS)
            .try_for_each(|links| access.gauge.on_state(|| access.state.checkpoint(name, links, &[])))?;
        links.clear();
        *since = Instant::now();
        Ok(())
    }

    fn append_all(&mut self) -> Result<UploadEnd> {
        let mut in_flight = VecDeque::new();
        let mut end = UploadEnd::Complete;
        while end != UploadEnd::Split {
            let (messages, octets) = self.batch_size();
            let parcels = self.conveyor.take_batch(messages, octets);
            if parcels.is_empty() {
                break;
            }
            let batch = self.unpack(parcels)?;
            if !batch.is_empty() {
                self.append(batch, &mut in_flight, &mut end)?;
            }
        }
        while let Some(front) = in_flight.pop_front() {
            self.settle(front, &mut in_flight, &mut end)?;
        }
        Ok(end)
    }

    fn batch_size(&self) -> (usize, u64) {
        let limits = &self.access.migration.limits;
        let octets = self.job.share.upload_octets / LARGEST_IN_FLIGHT;
        if self.progress.is_careful() || !self.session.appends_many() {
            return (1, octets);
        }
        (self.access.batch().messages(), limits.batch_octets.unwrap_or(octets))
    }

    /// Takes the messages out; what is absent gets its outcome at once.
    fn unpack(&mut self, parcels: Vec<Parcel>) -> Result<Vec<Sent>> {
        let mut batch = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            match parcel {
                Parcel::Absent { uid, outcome } => self.conclude(uid, outcome)?,
                Parcel::Message(message) => match self.job.oversized(message.octets.len()) {
                    Some(reason) => self.conclude(message.record.uid, Outcome::Skipped(reason))?,
                    None => batch.push(self.prepare(*message)),
                },
            }
        }
        Ok(batch)
    }

    fn prepare(&self, message: Message) -> Sent {
        let flags = message.flags.within(self.capacity);
        let upload = Upload { octets: message.octets, flags: flags.clone(), internal_date: message.internal_date };
        Sent { uid: message.record.uid, identity: message.record.identity, upload, agreed: flags }
    }

    fn append(&mut self, batch: Vec<Sent>, in_flight: &mut VecDeque<InFlight>, end: &mut UploadEnd) -> Result<()> {
        if *end == UploadEnd::Split {
            return Ok(());
        }
        self.progress.reached = batch.last().map_or(self.progress.reached, |sent| sent.uid.max(self.progress.reached));
        // Whoever is tried alone is tried in the plainest way: what is refused then is the message.
        let alone = batch.last().map(|sent| sent.uid) <= self.progress.careful_through;
        self.session.announce_literals(self.progress.announces_literals || alone);
        while alone && let Some(front) = in_flight.pop_front() {
            self.settle(front, in_flight, end)?;
        }
        self.access.migration.destination.pace(batch.len() as u64);
        let uploads = batch.iter().map(|sent| &sent.upload);
        let sent = Instant::now();
        let pending = self.session.send_append(&self.job.plan.destination.raw, uploads)?;
        let messages = batch.len() as u64;
        in_flight.push_back(InFlight { pending, batch, sent });
        self.access.gauge.note_batch(BatchFigures { messages, in_flight: in_flight.len() as u64 });
        while self.is_crowded(in_flight)
            && let Some(front) = in_flight.pop_front()
        {
            self.settle(front, in_flight, end)?;
        }
        Ok(())
    }

    fn is_crowded(&self, in_flight: &VecDeque<InFlight>) -> bool {
        let (most, room) = match self.session.appends_many() {
            true => (MULTIAPPENDS_IN_FLIGHT, self.job.share.upload_octets / LARGEST_IN_FLIGHT),
            false => (APPENDS_IN_FLIGHT, 0),
        };
        // There must be room for one more.
        in_flight.len() >= most
            || in_flight.iter().map(InFlight::octets).sum::<u64>() + room > self.job.share.upload_octets
    }

    /// Reads the answer to the oldest APPEND.
    fn settle(&mut self, sent: InFlight, in_flight: &mut VecDeque<InFlight>, end: &mut UploadEnd) -> Result<()> {
        let (at_once, octets) = (sent.pending.went_at_once(), sent.octets());
        match self.session.finish_append(sent.pending)? {
            Appended::Stored { uid_validity, uids } if self.can_be_true(uid_validity, &uids) => {
                let now = Instant::now();
                let began = self.answered.replace(now).map_or(sent.sent, |answered| answered.max(sent.sent));
                self.access.batch().stored(sent.batch.len(), octets, now - began);
                self.link(&sent.batch, &uids, *end)
            }
            Appended::Stored { .. } | Appended::StoredSomewhere => {
                *end = (*end).max(UploadEnd::Reconcile);
                Ok(())
            }
            Appended::Refused(status) => {
                let refused = Refused { batch: sent.batch, status, at_once };
                self.refused(refused, in_flight, end)
            }
        }
    }

    /// Invariant 2.
    fn can_be_true(&self, uid_validity: UidValidity, uids: &[Uid]) -> bool {
        uid_validity == self.job.destination_validity && uids.first().is_some_and(|first| *first >= self.progress.tail)
    }

    fn link(&mut self, batch: &[Sent], uids: &[Uid], end: UploadEnd) -> Result<()> {
        self.owed.links.extend(batch.iter().zip(uids).map(|(sent, uid)| Link {
            source: sent.uid,
            destination: *uid,
            agreed: sent.agreed.clone(),
            origin: LinkOrigin::Appended,
            octets: sent.upload.octets.len(),
            identity: sent.identity,
        }));
        if self.owed.are_due() {
            self.record_owed()?;
        }
        // An earlier batch whose outcome is not known may stand below these: then the tail still begins before it.
        if end == UploadEnd::Complete
            && let Some(next) = uids.last().and_then(|last| last.next())
        {
            self.progress.tail = next;
        }
        let octets = batch.iter().map(|sent| sent.upload.octets.len()).sum();
        self.progress.copied(self.access, self.job, batch.len() as u64, octets);
        Ok(())
    }

    /// A refused batch is tried again message by message, each literal announced, so that the one is found. Before that
    /// the tail is looked at: not every server undoes what it stored of a refused MULTIAPPEND.
    fn refused(&mut self, refused: Refused, in_flight: &mut VecDeque<InFlight>, end: &mut UploadEnd) -> Result<()> {
        let Refused { batch, status, at_once } = refused;
        let error = refusal(&status).in_mailbox(&self.job.plan.destination.path());
        if !self.session.is_alive() || error.is_transient() {
            return Err(self.broken_by_refusal(&batch, error, at_once)?);
        }
        if *error.kind() == Kind::Quota {
            return Err(error);
        }
        if batch.len() > 1 || at_once {
            self.access.batch().failed();
            *end = UploadEnd::Split;
            self.progress.careful_through = batch.last().map(|sent| sent.uid);
            self.progress.reached = Uid(0);
            return Ok(());
        }
        match batch.into_iter().next() {
            Some(sent) => self.refused_message(sent, &status, &error, in_flight, end),
            None => Ok(()),
        }
    }

    /// A BAD ends the connection. It may be about literals that were not announced; else, if it was about one message,
    /// that message is the one.
    fn broken_by_refusal(&mut self, batch: &[Sent], error: Error, at_once: bool) -> Result<Error> {
        if at_once && !error.is_transient() {
            self.progress.announces_literals = true;
        } else if let ([sent], false) = (batch, error.is_transient()) {
            self.conclude(sent.uid, Outcome::Refused(error.summary()))?;
        }
        Ok(Error::new(Kind::Connection, "the destination refused a command").because(error.summary()))
    }

    fn refused_message(
        &mut self,
        mut sent: Sent,
        status: &Status,
        error: &Error,
        in_flight: &mut VecDeque<InFlight>,
        end: &mut UploadEnd,
    ) -> Result<()> {
        if status.code == "TRYCREATE" || *error.kind() == Kind::Changed {
            return Err(Error::new(Kind::Changed, "the mailbox is gone from the destination")
                .because(&status.text)
                .in_mailbox(&self.job.plan.destination.path())
                .hint("run `mailferry sync` to create it again"));
        }
        if is_about_keywords(status) && sent.agreed.keywords().next().is_some() {
            let system = sent.agreed.texts().filter(|text| text.starts_with('\\')).map(str::to_owned);
            sent.agreed = Flags::from_texts(system.collect::<Vec<_>>().iter().map(String::as_str));
            sent.upload.flags = sent.agreed.clone();
            self.access.notice(&format!("UID {} goes without its keywords: {}", sent.uid, status.text));
            return self.append(vec![sent], in_flight, end);
        }
        self.conclude(sent.uid, Outcome::Refused(status.text.clone()))
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

/// Servers that cannot keep a keyword refuse the whole message because of it.
fn is_about_keywords(status: &Status) -> bool {
    let text = status.text.to_ascii_lowercase();
    ["too many user flags", "keyword"].iter().any(|phrase| text.contains(phrase))
}

/// The error that stands for a message's outcome in the list at the end.
pub fn outcome_error(job: &Job, uid: Uid, outcome: &Outcome) -> Option<Error> {
    let (what, cause, hint) = match outcome {
        Outcome::Refused(cause) => (
            "the destination refused a message",
            cause,
            "it is tried again with each `mailferry sync`; repair or remove it on the source if that does not help",
        ),
        Outcome::Failed(cause) => (
            "a message could not be read from the source",
            cause,
            "look at it with another client; it is tried again with each `mailferry sync`",
        ),
        _ => return None,
    };
    let error = Error::new(Kind::Refused, what).scope(Scope::Message).because(cause).hint(hint);
    Some(error.in_mailbox(&job.plan.source.path()).at_uid(uid))
}

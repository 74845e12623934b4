//! The source's half of copying a mailbox: messages are fetched ahead, in the order of their UIDs, and put on the belt.
//!
//! A message goes on only when all of it is in and its FETCH was answered. What did not come is asked for again before
//! anything behind it goes on, so that the order is the source's whatever a server refuses: it is then there, or gone, or
//! unreadable, and never copied as a stub.

use super::conveyor::{Conveyor, Load, Weight};
use super::held::Held;
use super::job::{Job, source_changed};
use super::originals::{Original, Originals, Repeated};
use super::pending::Pending;
use crate::engine::commands::fetch::{FetchEvent, Fetched, MESSAGE_ITEMS};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::engine::wire::octets::LITERAL_OCTETS;
use crate::engine::{Octets, Session, identity};
use crate::error::Result;
use crate::model::amount::grow;
use crate::model::server::Preset;
use crate::model::{Digest, Flags, InternalDate, MessageRecord, Outcome, Presence, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use std::collections::{HashMap, HashSet, VecDeque};

/// FETCH commands in flight.
const FETCHES_IN_FLIGHT: usize = 4;

/// Messages asked for with one FETCH.
pub const FETCH_MESSAGES: usize = 100;

/// Something for the destination's half.
pub enum Parcel {
    /// A message, complete.
    Message(Box<Message>),
    /// A message that the destination has already: it does not come from the source.
    Repeated(Box<Repeated>),
    /// A message that will not come, and why.
    Absent { uid: Uid, outcome: Outcome },
}

/// A complete message of the source.
pub struct Message {
    pub uid: Uid,
    pub identity: Digest,
    pub octets: Octets,
    /// The size that the source lists.
    pub listed_octets: u64,
    /// As of now.
    pub flags: Flags,
    /// Whether they are others than when it was listed.
    pub reflagged: bool,
    pub internal_date: Option<InternalDate>,
}

impl Message {
    /// The same, to be copied by the destination from there.
    pub fn repeated(self, original: Original) -> Repeated {
        Repeated {
            uid: self.uid,
            identity: self.identity,
            listed_octets: self.listed_octets,
            octets: self.octets.len(),
            reflagged: self.reflagged.then(|| self.flags.clone()),
            flags: self.flags,
            internal_date: self.internal_date,
            original,
        }
    }
}

impl Load for Parcel {
    fn weight(&self) -> Weight {
        match self {
            Parcel::Message(message) => Weight { memory: message.octets.memory(), octets: message.octets.len() },
            Parcel::Repeated(_) | Parcel::Absent { .. } => Weight { memory: 0, octets: 0 },
        }
    }
}

/// Why the download ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DownloadEnd {
    /// Everything that was wanted went onto the belt.
    Complete,
    /// A limit of the run was reached.
    Limit,
    /// The user asked to stop, or nobody takes from the belt.
    Stopped,
}

/// The source's half at work.
pub struct Download<'a> {
    pub access: &'a Access<'a>,
    pub session: &'a mut Session,
    pub job: &'a Job,
    pub conveyor: &'a Conveyor<Parcel>,
    pub allowance: &'a Allowance,
    pub originals: &'a Originals,
    /// Messages that are fetched though the destination has them in another mailbox.
    pub alone: HashSet<Uid>,
    /// Messages up to this UID are asked for one by one: something broke before, and the one that breaks it is to be
    /// found.
    pub careful_through: Option<Uid>,
    /// Messages that came before their FETCH was answered: a server may answer several at once.
    pub came: Held,
    /// What was asked for and has not come: nothing else is taken, whatever a server sends.
    pub awaited: HashSet<Uid>,
    /// Whether the source's sizes are exact.
    pub sizes: Sizes,
    /// The listed sizes of the messages whose turn it is.
    pub listed: HashMap<Uid, u64>,
}

/// How often the size that the source lists was that of the message, and how often not.
#[derive(Default)]
pub struct Sizes {
    exact: u64,
    wrong: u64,
}

/// Links that are looked at for it: of messages that came earlier.
const LINKS_LOOKED_AT: usize = 64;

impl Sizes {
    /// As what was copied from a mailbox before tells it.
    ///
    /// # Errors
    /// `State`.
    pub fn known(access: &Access<'_>, job: &Job) -> Result<Sizes> {
        let mut sizes = Sizes::default();
        for link in access.state.links(&job.plan.source.raw)?.take(LINKS_LOOKED_AT) {
            let link = link?;
            if link.is_ours() {
                sizes.note(link.source_octets.is_none());
            }
        }
        Ok(sizes)
    }

    fn note(&mut self, is_exact: bool) {
        *(if is_exact { &mut self.exact } else { &mut self.wrong }) += 1;
    }

    /// Whether a message that is shorter than listed is not all of it. Some servers list estimates.
    fn are_exact(&self) -> bool {
        self.exact > self.wrong
    }
}

struct Asked {
    /// `None` once it was answered.
    tag: Option<Tag>,
    records: Vec<MessageRecord>,
    /// Those of them that need not come.
    originals: HashMap<Uid, Original>,
}

impl Download<'_> {
    /// Fetches every message that is planned and not yet linked.
    ///
    /// # Errors
    /// `Changed` when the mailbox is not the one that was planned, `Connection`, `Protocol`, `State`, `Io`.
    pub fn run(&mut self) -> Result<DownloadEnd> {
        let _feeding = self.conveyor.feed();
        self.fetch_all()
    }

    fn fetch_all(&mut self) -> Result<DownloadEnd> {
        let opening = self.session.send_open(&self.job.plan.source.raw, Opening::Examine)?;
        let mut opening = Some(opening);
        if !self.session.keeps_order() {
            opening.take().map_or(Ok(()), |tag| self.finish_open(tag))?;
        }
        let mut pending = Pending::new(self.access, self.job)?;
        let mut in_flight = VecDeque::new();
        let mut end = DownloadEnd::Complete;
        loop {
            while end == DownloadEnd::Complete && in_flight.len() < self.most_in_flight(&in_flight) {
                if self.access.is_stopped() {
                    end = DownloadEnd::Stopped;
                    break;
                }
                if self.lets_run_dry(&in_flight)? {
                    break;
                }
                let (records, limited) = self.next_records(&mut pending)?;
                if limited {
                    end = DownloadEnd::Limit;
                }
                if records.is_empty() {
                    break;
                }
                in_flight.push_back(self.ask(records)?);
            }
            // The first FETCHes are on their way with it: nothing of them counts before the mailbox is known to be right.
            if let Some(tag) = opening.take() {
                self.finish_open(tag)?;
            }
            let Some(asked) = in_flight.pop_front() else { break };
            if !self.receive(asked, &mut in_flight)? {
                // Answers are left unread: this connection is of no more use.
                self.session.kill();
                return Ok(DownloadEnd::Stopped);
            }
        }
        Ok(end)
    }

    /// Where the one that breaks the connection is to be found, nothing else is on its way with it: a server that ends the
    /// connection keeps back what it had to say of the others.
    fn most_in_flight(&self, in_flight: &VecDeque<Asked>) -> usize {
        let is_searched = |asked: &Asked| asked.records.iter().any(|record| Some(record.uid) <= self.careful_through);
        let begins = in_flight.is_empty() && self.careful_through.is_some();
        if begins || in_flight.iter().any(is_searched) { 1 } else { FETCHES_IN_FLIGHT }
    }

    /// Whether nothing more is to be asked for until all is answered: then the line is compressed, in the midst of a
    /// large mailbox, too.
    fn lets_run_dry(&mut self, in_flight: &VecDeque<Asked>) -> Result<bool> {
        let wanted = self.session.wants_compression();
        if wanted && in_flight.is_empty() {
            self.session.compress_if_wanted()?;
            self.access.pass_on_news();
        }
        Ok(wanted && !in_flight.is_empty())
    }

    fn finish_open(&mut self, tag: Tag) -> Result<()> {
        let opened = self.session.finish_open(tag, &self.job.plan.source);
        let right = |validity| validity == self.job.plan.source_validity;
        if !opened.as_ref().is_ok_and(|opened| right(opened.sync_point.uid_validity)) {
            // The answers to the FETCHes behind it are left unread.
            self.session.kill();
        }
        let opened = opened?;
        if opened.sync_point.uid_validity != self.job.plan.source_validity {
            return Err(source_changed().in_mailbox(&self.job.plan.source.path()));
        }
        Ok(())
    }

    /// The next messages to ask for, and whether the run's limits end here.
    fn next_records(&self, pending: &mut Pending<'_>) -> Result<(Vec<MessageRecord>, bool)> {
        let (mut records, mut octets) = (Vec::<MessageRecord>::new(), 0);
        let most_octets = self.job.share.window_octets / FETCHES_IN_FLIGHT as u64;
        while records.len() < FETCH_MESSAGES && octets < most_octets {
            if records.last().is_some_and(|last| Some(last.uid) <= self.careful_through) {
                break;
            }
            if self.allowance.is_used_up() {
                return Ok((records, true));
            }
            let Some(record) = pending.next().transpose()? else { break };
            if self.job.is_given_up(record.uid) {
                continue;
            }
            if !self.allowance.grant(record.octets) {
                return Ok((records, true));
            }
            grow(&mut octets, record.octets);
            records.push(record);
        }
        Ok((records, false))
    }

    fn ask(&mut self, records: Vec<MessageRecord>) -> Result<Asked> {
        let mut originals = HashMap::new();
        for record in &records {
            originals.extend(self.original(record)?.map(|original| (record.uid, original)));
        }
        let uids = records.iter().map(|record| record.uid).filter(|uid| !originals.contains_key(uid));
        let uids: UidSet = uids.collect();
        self.awaited.extend(uids.iter());
        let tag = if uids.is_empty() { None } else { Some(self.session.send_fetch(&uids, MESSAGE_ITEMS)?) };
        Ok(Asked { tag, records, originals })
    }

    fn original(&self, record: &MessageRecord) -> Result<Option<Original>> {
        let goes_alone = self.alone.contains(&record.uid) || self.careful_through.is_some();
        if goes_alone { Ok(None) } else { self.originals.of(self.access, self.job, record) }
    }

    /// Reads one FETCH and puts its messages on the belt, in their order. False when nobody takes them.
    fn receive(&mut self, mut asked: Asked, behind: &mut VecDeque<Asked>) -> Result<bool> {
        self.collect(&mut asked)?;
        self.note_sizes(&asked.records);
        let lacks = |uid: &Uid| !asked.originals.contains_key(uid) && self.lacks(*uid);
        let lacking: UidSet = asked.records.iter().map(|record| record.uid).filter(lacks).collect();
        let mut absent = if lacking.is_empty() { HashMap::new() } else { self.ask_again(&lacking, behind)? };
        for record in asked.records {
            let uid = record.uid;
            if let Some(original) = asked.originals.remove(&uid) {
                if !self.conveyor.put(Parcel::Repeated(Box::new(repeated(record, original)))) {
                    return Ok(false);
                }
                continue;
            }
            let parcel = match (absent.remove(&uid), self.came.remove(uid)) {
                (None, Some(fetched)) => match self.judge(record, fetched)? {
                    Judged::Good(message) => Parcel::Message(message),
                    Judged::Stub => Parcel::Absent { uid, outcome: not_given() },
                    Judged::Placeholder(uid) => {
                        let reason = "the source sent a placeholder instead of the message".to_owned();
                        Parcel::Absent { uid, outcome: Outcome::Failed(reason) }
                    }
                },
                (absent, _) => Parcel::Absent { uid, outcome: absent.unwrap_or_else(not_given) },
            };
            if !self.conveyor.put(parcel) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the answer to one FETCH. A tagged NO is no reason to stop: what came is complete in itself.
    fn collect(&mut self, asked: &mut Asked) -> Result<()> {
        let Some(tag) = asked.tag.take() else { return Ok(()) };
        let (came, awaited) = (&mut self.came, &mut self.awaited);
        self.session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(fetched) = event
                && let Some(uid) = fetched.uid
                && fetched.body.is_some()
                && awaited.remove(&uid)
            {
                came.insert(uid, fetched)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Learns whether what the source lists is what it gives, and remembers how long these messages are to be.
    fn note_sizes(&mut self, records: &[MessageRecord]) {
        for record in records {
            if let Some(body) = self.came.get(record.uid).and_then(|fetched| fetched.body.as_ref()) {
                self.sizes.note(body.len() == record.octets);
            }
        }
        self.listed = records.iter().map(|record| (record.uid, record.octets)).collect();
    }

    /// Whether the message has not come, or not all of it. Zimbra sends an empty one for what was expunged by another
    /// session.
    fn lacks(&self, uid: Uid) -> bool {
        let body = self.came.get(uid).and_then(|fetched| fetched.body.as_ref());
        let least = self
            .listed
            .get(&uid)
            .copied()
            .filter(|listed| self.sizes.are_exact() && *listed <= LITERAL_OCTETS)
            .unwrap_or(0);
        body.is_none_or(|octets| octets.is_empty() || octets.len() < least)
    }

    /// Asks once more for what did not come, and then for each message by itself that may be there. Returns why those are
    /// absent that do not come at all. All that is in flight is read first: no other command may meet its answers.
    fn ask_again(&mut self, lacking: &UidSet, behind: &mut VecDeque<Asked>) -> Result<HashMap<Uid, Outcome>> {
        for asked in behind {
            self.collect(asked)?;
        }
        self.fetch_again(lacking)?;
        let lacking: UidSet = lacking.iter().filter(|uid| self.lacks(*uid)).collect();
        let mut absent = HashMap::new();
        if lacking.is_empty() {
            return Ok(absent);
        }
        self.session.run(b"NOOP", "the source refused NOOP", |_| Ok(()))?;
        let sighting = self.session.look_for(&lacking)?;
        for uid in lacking.iter() {
            let outcome = match sighting.of(uid) {
                Presence::NotThere => Outcome::Vanished,
                Presence::There => not_given(),
                Presence::Unknown => {
                    let why = sighting.refusal.as_deref().unwrap_or_default();
                    Outcome::Failed(format!(
                        "the source does not give its content, nor tell whether it is there: {why}"
                    ))
                }
            };
            if outcome != Outcome::Vanished {
                self.fetch_again(&UidSet::range(uid, uid))?;
            }
            if self.lacks(uid) {
                absent.insert(uid, outcome);
            }
        }
        Ok(absent)
    }

    fn fetch_again(&mut self, uids: &UidSet) -> Result<()> {
        for uid in uids.iter() {
            self.came.remove(uid);
            self.awaited.insert(uid);
        }
        let tag = Some(self.session.send_fetch(uids, MESSAGE_ITEMS)?);
        self.collect(&mut Asked { tag, records: Vec::new(), originals: HashMap::new() })
    }

    fn judge(&self, record: MessageRecord, fetched: Fetched) -> Result<Judged> {
        // Zimbra sends an empty message for one that was expunged by another session.
        let Some(octets) = fetched.body.filter(|octets| !octets.is_empty()) else { return Ok(Judged::Stub) };
        let MessageRecord { uid, octets: listed_octets, internal_date, flags, identity } = record;
        if self.session.preset() == Preset::Exchange && is_placeholder(&octets) {
            return Ok(Judged::Placeholder(uid));
        }
        let reflagged = fetched.flags.as_ref().is_some_and(|now| *now != flags);
        let flags = fetched.flags.unwrap_or(flags);
        let internal_date = fetched.internal_date.unwrap_or(internal_date);
        let identity = identity.map_or_else(|| identity::of_octets(&octets), Ok)?;
        Ok(Judged::Good(Box::new(Message { uid, identity, octets, listed_octets, flags, reflagged, internal_date })))
    }
}

/// A message as it was listed, with the octets that its original has.
fn repeated(record: MessageRecord, original: Original) -> Repeated {
    let MessageRecord { uid, octets: listed_octets, internal_date, flags, .. } = record;
    let (octets, identity) = (original.listed.octets, original.identity);
    Repeated { uid, identity, listed_octets, octets, flags, reflagged: None, internal_date, original }
}

/// It is there, and its octets are not.
fn not_given() -> Outcome {
    Outcome::Failed("the source does not give its content".to_owned())
}

enum Judged {
    Good(Box<Message>),
    Stub,
    Placeholder(Uid),
}

/// What Exchange sends for an item that it cannot convert.
const PLACEHOLDER: &[u8] = b"Retrieval using the IMAP4 protocol failed for the following message";

/// A placeholder is short.
fn is_placeholder(octets: &Octets) -> bool {
    let Octets::Memory(octets) = octets else { return false };
    octets[..octets.len().min(4096)].windows(PLACEHOLDER.len()).any(|window| window == PLACEHOLDER)
}

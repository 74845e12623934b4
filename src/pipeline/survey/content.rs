//! The octets of messages, reduced to digests as they pass: what `verify --deep` compares, and what settles whether two
//! messages are one where their listings do not. What was read for that is kept in the state, and not read again.

use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::engine::conversation::status::Condition;
use crate::engine::wire::octets::Octets;
use crate::engine::{Session, content};
use crate::error::{Error, Kind, Result};
use crate::model::plan::Doubt;
use crate::model::{Content, MailboxState, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::dissection::Poisonous;
use crate::pipeline::fleet::probing::{About, Question, renumbered};
use crate::store::AccountStore;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::{thread, vec};

/// Messages in one FETCH, and FETCHes in flight: when one is answered, the next one leaves.
const FETCH_MESSAGES: u64 = 100;
const FETCHES_IN_FLIGHT: usize = 4;

/// Connections that read one mailbox, and messages that are worth a further one.
const CONNECTIONS: u64 = 4;
const MESSAGES_OF_A_CONNECTION: u64 = 500;

/// FETCH items.
const ITEMS: &str = "(UID BODY.PEEK[])";

/// Messages of either side that are read before what they are is recorded: what a run that is killed reads again.
const BATCH_MESSAGES: usize = 500;

/// What was read, by UID.
pub type Digests = HashMap<Uid, Content>;

/// What messages of one side came to.
#[derive(Default)]
pub struct Read {
    pub contents: Digests,
    /// Those that the server cannot give.
    pub unreadable: Poisonous,
}

/// Reads the messages of both halves of `pairs`, both sides at the same time.
///
/// # Errors
/// `Changed` when a mailbox is not the one that was listed, `Connection`.
pub fn read_both(access: &Access<'_>, mailboxes: [&MailboxState; 2], pairs: &[(Uid, Uid)]) -> Result<[Read; 2]> {
    let uids = [uid_set(pairs.iter().map(|pair| pair.0)), uid_set(pairs.iter().map(|pair| pair.1))];
    read_sides(access, mailboxes, &uids)
}

fn read_sides(access: &Access<'_>, mailboxes: [&MailboxState; 2], uids: &[UidSet; 2]) -> Result<[Read; 2]> {
    let [source, destination] = mailboxes;
    let [ours, theirs] = uids;
    thread::scope(|scope| {
        let other = scope.spawn(|| read_side(access, Side::Destination, destination, theirs));
        let source = read_side(access, Side::Source, source, ours)?;
        let destination = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok([source, destination])
    })
}

/// Reads what is in doubt, batch by batch, and records it among what is known. What cannot be read stays in doubt.
///
/// # Errors
/// As [`read_both`]; `State`.
pub fn read_doubt(
    access: &Access<'_>,
    known: &AccountStore,
    mailboxes: [&MailboxState; 2],
    doubt: &Doubt,
) -> Result<()> {
    let [ours, theirs] = [&doubt.source, &doubt.destination].map(|uids| uids.iter().collect::<Vec<Uid>>());
    let batches = ours.len().max(theirs.len()).div_ceil(BATCH_MESSAGES);
    let batch = |uids: &[Uid], number| uid_set(uids.iter().copied().skip(number * BATCH_MESSAGES).take(BATCH_MESSAGES));
    for number in 0..batches {
        access.go_on()?;
        let read = read_sides(access, mailboxes, &[batch(&ours, number), batch(&theirs, number)])?;
        for ((side, mailbox), read) in Side::BOTH.into_iter().zip(mailboxes).zip(read) {
            record([&access.state, known], side, mailbox, read.contents)?;
        }
    }
    Ok(())
}

fn record([listed, known]: [&AccountStore; 2], side: Side, mailbox: &MailboxState, read: Digests) -> Result<()> {
    let mut records = listed.record_lookup(side, &mailbox.name.raw);
    let mut contents = Vec::with_capacity(read.len());
    for (uid, content) in read {
        if let Some(record) = records.get(uid)? {
            contents.push((record, content));
        }
    }
    let validity = mailbox.sync_point.unwrap_or_default().uid_validity;
    known.put_contents(side, &mailbox.name.raw, validity, &contents)
}

fn uid_set(uids: impl Iterator<Item = Uid>) -> UidSet {
    let mut sorted: Vec<Uid> = uids.collect();
    sorted.sort_unstable();
    sorted.into_iter().collect()
}

/// Reads messages of one side; what cannot be had together with others is asked for in ever smaller parts.
fn read_side(access: &Access<'_>, side: Side, mailbox: &MailboxState, uids: &UidSet) -> Result<Read> {
    let mut read = Read::default();
    if uids.is_empty() {
        return Ok(read);
    }
    let mut session = access.session(side)?;
    let reading = Reading::of(access, (side, mailbox), uids, &session);
    let asked = thread::scope(|scope| {
        let further = (uids.len() / MESSAGES_OF_A_CONNECTION).min(CONNECTIONS).saturating_sub(1);
        let helpers: Vec<_> = (0..further).map(|_| scope.spawn(|| reading.help())).collect();
        let mut asked = reading.read(&mut session, &mut read.contents);
        access.give_back(side, session);
        for helper in helpers {
            let (contents, answered) = helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            read.contents.extend(contents);
            if answered == Answered::InPart && asked.is_ok() {
                asked = Ok(Answered::InPart);
            }
        }
        asked
    });
    match asked {
        Ok(Answered::Whole) => return Ok(read),
        Ok(Answered::InPart) => {}
        Err(error) if error.breaks_connection() || *error.kind() == Kind::Expired => {
            access.notice(&format!("{}; trying again in smaller parts", error.summary()));
        }
        Err(error) => return Err(error),
    }
    let left = uids.without(&uid_set(read.contents.keys().copied()));
    let validity = mailbox.sync_point.unwrap_or_default().uid_validity;
    let question = Question { mailbox: &mailbox.name, about: About::These(left, validity), items: ITEMS };
    let mut take = |fetched| take(fetched, uids, &mut read.contents);
    read.unreadable = match access.dissect(side, question, &mut take) {
        // It refuses them all: they are not in what was read.
        Err(error) if *error.kind() == Kind::Refused => return Ok(read),
        dissected => dissected?.poisonous,
    };
    read.contents.retain(|uid, _| !read.unreadable.contains_key(uid));
    Ok(read)
}

/// Gives the octets of messages of a side that is listed, as far as the server gives them.
///
/// # Errors
/// As [`read_both`]; those of `take`.
pub fn read_octets(
    access: &Access<'_>,
    side: Side,
    mailbox: &MailboxState,
    uids: impl Iterator<Item = Uid>,
    mut take: impl FnMut(Uid, &Octets) -> Result<()>,
) -> Result<()> {
    let about = About::These(uid_set(uids), mailbox.sync_point.unwrap_or_default().uid_validity);
    let question = Question { mailbox: &mailbox.name, about, items: ITEMS };
    access.dissect(side, question, &mut |fetched| match fetched {
        Fetched { uid: Some(uid), body: Some(octets), .. } => take(uid, &octets),
        _ => Ok(()),
    })?;
    Ok(())
}

/// Whether all FETCHes were answered with OK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answered {
    Whole,
    InPart,
}

/// Messages of one mailbox that are read over several connections.
struct Reading<'a> {
    access: &'a Access<'a>,
    side: Side,
    mailbox: &'a MailboxState,
    uids: &'a UidSet,
    /// What nobody has asked for yet.
    parts: Mutex<vec::IntoIter<UidSet>>,
}

impl<'a> Reading<'a> {
    fn of(
        access: &'a Access<'a>,
        (side, mailbox): (Side, &'a MailboxState),
        uids: &'a UidSet,
        session: &Session,
    ) -> Reading<'a> {
        Reading { access, side, mailbox, uids, parts: Mutex::new(parts(session, uids).into_iter()) }
    }

    fn next(&self) -> Option<UidSet> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// Reads over a further connection, if there is one to spare. What it does not get is asked for again by who has the first.
    fn help(&self) -> (Digests, Answered) {
        let mut contents = Digests::new();
        let Some(mut session) = self.access.spare_session(self.side) else { return (contents, Answered::Whole) };
        let answered = self.read(&mut session, &mut contents);
        self.access.give_back(self.side, session);
        (contents, answered.unwrap_or(Answered::InPart))
    }

    /// Where the order of commands is kept, what is asked of the mailbox leaves with what opens it.
    fn read(&self, session: &mut Session, contents: &mut Digests) -> Result<Answered> {
        let name = &self.mailbox.name;
        let mut fetches = Fetches::default();
        let open = session.send_open(&name.raw, Opening::Examine)?;
        if session.keeps_order() {
            fetches.send(self.access, session, &mut || self.next())?;
        }
        let opened = session.finish_open(open, name).and_then(|opened| {
            let validity = self.mailbox.sync_point.unwrap_or_default().uid_validity;
            let is_same = opened.sync_point.uid_validity == validity;
            if is_same { Ok(()) } else { Err(renumbered().in_mailbox(&name.path())) }
        });
        if opened.is_err() && !fetches.in_flight.is_empty() {
            // What is answered to them says nothing.
            session.kill();
        }
        opened?;
        fetches.read(self.access, session, &mut || self.next(), (self.uids, contents))
    }
}

/// What goes in one FETCH each.
fn parts(session: &Session, uids: &UidSet) -> Vec<UidSet> {
    uids.chunks(COMMAND_OCTETS, FETCH_MESSAGES.min(session.most_messages()))
}

/// FETCHes of octets.
#[derive(Default)]
struct Fetches {
    /// Those that are not answered yet.
    in_flight: VecDeque<Tag>,
    /// Why no more are sent.
    stopped: Option<Error>,
}

impl Fetches {
    /// Sends as many as may be in flight.
    fn send(
        &mut self,
        access: &Access<'_>,
        session: &mut Session,
        next: &mut dyn FnMut() -> Option<UidSet>,
    ) -> Result<()> {
        while self.in_flight.len() < FETCHES_IN_FLIGHT && self.stopped.is_none() {
            self.stopped = access.go_on().err();
            let part = if self.stopped.is_none() { next() } else { None };
            let Some(part) = part else { break };
            self.in_flight.push_back(session.send_fetch(&part, ITEMS)?);
        }
        Ok(())
    }

    /// Reads all answers, and sends what is left.
    fn read(
        mut self,
        access: &Access<'_>,
        session: &mut Session,
        next: &mut dyn FnMut() -> Option<UidSet>,
        (uids, contents): (&UidSet, &mut Digests),
    ) -> Result<Answered> {
        let mut answered = Answered::Whole;
        loop {
            self.send(access, session, next)?;
            let Some(tag) = self.in_flight.pop_front() else { break };
            let status = session.finish_fetch(tag, |event| match event {
                FetchEvent::Message(fetched) => take(fetched, uids, contents),
                _ => Ok(()),
            })?;
            if status.condition != Condition::Ok {
                answered = Answered::InPart;
            }
        }
        self.stopped.map_or(Ok(answered), Err)
    }
}

/// Reads messages of the mailbox that is open.
///
/// # Errors
/// `Connection`. What the server does not give is not in the result.
pub fn read_contents(access: &Access<'_>, session: &mut Session, uids: &UidSet) -> Result<Digests> {
    let (mut contents, mut parts) = (Digests::new(), parts(session, uids).into_iter());
    Fetches::default().read(access, session, &mut || parts.next(), (uids, &mut contents))?;
    Ok(contents)
}

/// Zimbra sends an empty message for one that is gone.
fn take(fetched: Fetched, uids: &UidSet, contents: &mut Digests) -> Result<()> {
    if let Fetched { uid: Some(uid), body: Some(octets), .. } = fetched
        && !octets.is_empty()
        && uids.contains(uid)
    {
        contents.insert(uid, content::of_octets(&octets)?);
    }
    Ok(())
}

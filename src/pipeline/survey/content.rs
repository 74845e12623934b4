//! The octets of messages, reduced to digests as they pass: what `verify --deep` compares, and what settles whether two
//! messages are one where their listings do not. What was read for that is kept in the state, and not read again.

use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::status::Condition;
use crate::engine::wire::octets::Octets;
use crate::engine::{Session, content};
use crate::error::{Kind, Result};
use crate::model::plan::Doubt;
use crate::model::{Content, MailboxName, MailboxState, Side, Uid, UidSet, UidValidity};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::dissection::Poisonous;
use crate::pipeline::fleet::probing::{About, Question, renumbered};
use crate::store::AccountStore;
use std::collections::HashMap;
use std::thread;

/// Messages in one FETCH, and FETCHes in flight.
const FETCH_MESSAGES: u64 = 100;
const FETCHES_IN_FLIGHT: usize = 4;

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

/// Reads what is in doubt, batch by batch, and records it. What cannot be read stays in doubt.
///
/// `listed` is where the messages' records stand.
///
/// # Errors
/// As [`read_both`]; `State`.
pub fn read_doubt(
    access: &Access<'_>,
    listed: &AccountStore,
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
            record(access, listed, side, mailbox, read.contents)?;
        }
    }
    Ok(())
}

fn record(access: &Access<'_>, listed: &AccountStore, side: Side, mailbox: &MailboxState, read: Digests) -> Result<()> {
    let mut records = listed.record_lookup(side, &mailbox.name.raw);
    let mut known = Vec::with_capacity(read.len());
    for (uid, content) in read {
        if let Some(record) = records.get(uid)? {
            known.push((record, content));
        }
    }
    let validity = mailbox.sync_point.unwrap_or_default().uid_validity;
    access.state.put_contents(side, &mailbox.name.raw, validity, &known)
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
    let validity = mailbox.sync_point.unwrap_or_default().uid_validity;
    let mut session = access.session(side)?;
    let asked = open(&mut session, &mailbox.name, validity)
        .and_then(|()| read_into(access, &mut session, uids, &mut read.contents));
    access.give_back(side, session);
    match asked {
        Ok(Answered::Whole) => return Ok(read),
        Ok(Answered::InPart) => {}
        Err(error) if error.breaks_connection() || *error.kind() == Kind::Expired => {
            access.notice(&format!("{}; trying again in smaller parts", error.summary()));
        }
        Err(error) => return Err(error),
    }
    let left = uids.without(&uid_set(read.contents.keys().copied()));
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

fn open(session: &mut Session, mailbox: &MailboxName, validity: UidValidity) -> Result<()> {
    let opened = session.open(mailbox, Opening::Examine)?;
    if opened.sync_point.uid_validity == validity {
        return Ok(());
    }
    Err(renumbered().in_mailbox(&mailbox.path()))
}

/// Whether all FETCHes were answered with OK.
enum Answered {
    Whole,
    InPart,
}

/// Reads messages of the mailbox that is open.
///
/// # Errors
/// `Connection`. What the server does not give is not in the result.
pub fn read_contents(access: &Access<'_>, session: &mut Session, uids: &UidSet) -> Result<Digests> {
    let mut contents = Digests::new();
    read_into(access, session, uids, &mut contents)?;
    Ok(contents)
}

/// The same, with what was read before an error.
fn read_into(access: &Access<'_>, session: &mut Session, uids: &UidSet, contents: &mut Digests) -> Result<Answered> {
    let mut answered = Answered::Whole;
    let most = FETCH_MESSAGES.min(session.most_messages());
    for window in uids.chunks(COMMAND_OCTETS, most).chunks(FETCHES_IN_FLIGHT) {
        access.go_on()?;
        let tags: Vec<_> = window.iter().map(|set| session.send_fetch(set, ITEMS)).collect::<Result<_>>()?;
        for tag in tags {
            let status = session.finish_fetch(tag, |event| match event {
                FetchEvent::Message(fetched) => take(fetched, uids, contents),
                _ => Ok(()),
            })?;
            if status.condition != Condition::Ok {
                answered = Answered::InPart;
            }
        }
    }
    Ok(answered)
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

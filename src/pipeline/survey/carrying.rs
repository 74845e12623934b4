//! A pair of mailboxes of which one has another UIDVALIDITY than its links hold for: a rebuilt index, a mailbox that was made
//! anew, the name of a server that leads to another one now. The links are carried over by what is listed
//! (`diff/comparing/carry.rs`), with the flags that they agree on, whose the copies are, and what has departed; so what its user
//! removed there stays away, and what they marked stays marked. With them goes what is remembered of source messages without
//! a link (`recalling`).
//!
//! Nothing is read from a server for it, and nothing is done where both UIDVALIDITYs are what they were.

use super::recalling::{Recalled, not_listed_whole, recall, recalled, recalled_alone, remembered_before, validity};
use crate::diff::comparing::carry::{Carried, carry};
use crate::diff::comparing::same::{self, Keeps};
use crate::diff::comparing::wanted::stored;
use crate::error::{Kind, Result, Scope};
use crate::model::{
    Agreement, Link, MailboxState, MessageRecord, Outcome, PairState, Pairing, RawName, Remembered, Side, Spoilt, Uid,
    UidSet,
};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::pairing::pairing;
use crate::store::AccountStore;
use std::collections::HashMap;

/// The pair of these two listings, with the links of the known one if that is of the same two mailboxes, and with none
/// otherwise. It is recorded. `others` are messages of the destination that are other source mailboxes'.
///
/// # Errors
/// `State`; `Stale` where a listing does not tell what it holds.
pub fn carried_over(
    access: &Access<'_>,
    known: Option<PairState>,
    listings: [&MailboxState; 2],
    others: &UidSet,
    keeps: Keeps,
) -> Result<PairState> {
    let [source, destination] = listings;
    let fresh = PairState::new(pairing(source, destination), destination.name.clone());
    let state = &access.state;
    let known = known.filter(|known| known.links > 0 && is_of_same_mailboxes(&known.pairing, &fresh.pairing));
    let Some(known) = known else {
        recall(access, source, keeps)?;
        state.reset_pair(&fresh)?;
        return Ok(fresh);
    };
    check_identified(&known.pairing, &fresh.pairing, listings)?;
    match carry_pair(access, [&known, &fresh], source, others, keeps) {
        Err(error) if *error.kind() == Kind::Damaged && error.reach() <= Scope::Mailbox => {
            access.notice(&format!("{}; its messages are matched anew: nothing is lost", error.line()));
            state.reset_pair(&fresh)?;
            Ok(fresh)
        }
        other => other,
    }
}

fn carry_pair(
    access: &Access<'_>,
    [known, fresh]: [&PairState; 2],
    source: &MailboxState,
    others: &UidSet,
    keeps: Keeps,
) -> Result<PairState> {
    let state = &access.state;
    let name = &known.pairing.source;
    tie_again(state, name)?;
    let over = find([state, state], source, (&known.pairing, &fresh.pairing), others, keeps)?;
    let mut pair = PairState { lost_under: known.lost_under.clone(), ..fresh.clone() };
    if !is_renumbered(&known.pairing, &pair.pairing, Side::Destination) {
        // They are UIDs of the destination.
        (pair.intent, pair.late_from, pair.unseen_from) = (known.intent, known.late_from, known.unseen_from);
    }
    let mut links = state.link_lookup(name)?;
    let carry = over.links.iter().filter_map(|carried| {
        let link = links.get(carried.before).transpose()?;
        Some(link.map(|link| carried.apply(link, known)))
    });
    state.carry_links(&pair, &over.recalled.agreement, &over.recalled.remembered, carry)?;
    carry_spoilt(state, [known, &pair], &over.links)?;
    tell(access, known, &pair, &over.links);
    pair.links = over.links.len() as u64;
    Ok(pair)
}

/// What is known to be spoilt is so under other UIDs.
fn carry_spoilt(state: &AccountStore, [known, now]: [&PairState; 2], carried: &[Carried]) -> Result<()> {
    let before: HashMap<Uid, Uid> = state.spoilt_copies(&known.pairing)?.pairs().collect();
    let mut spoilt = Spoilt::none(now.pairing.clone());
    if !before.is_empty() {
        let is_known = |it: &&Carried| before.contains_key(&it.before) && it.destination != Uid::NOWHERE;
        carried.iter().filter(is_known).for_each(|it| spoilt.note((it.source, it.destination), true));
    }
    state.put_spoilt_copies(&spoilt)
}

/// A copy that was to be replaced is noted under a UID of before: it is tied again, and will be found to be spoilt again.
fn tie_again(state: &AccountStore, source: &RawName) -> Result<()> {
    let (mut links, mut settled, mut ties) = (state.link_lookup(source)?, Vec::new(), Vec::new());
    for replaced in state.replaced(source)? {
        let copy = replaced?.copy;
        if links.get(copy.source)?.is_none() {
            settled.push(copy.destination);
            ties.push(copy);
        }
    }
    if ties.is_empty() { Ok(()) } else { state.settle_replaced(source, &settled, &ties) }
}

/// What of a pair holds under other UIDVALIDITYs.
struct Over {
    links: Vec<Carried>,
    recalled: Recalled,
}

/// Where links held, and where they are to hold.
type Move<'a> = (&'a Pairing, &'a Pairing);

/// What holds under the UIDVALIDITYs of now, and ties none of the `others`; the listings stand in the second state.
fn find(
    [state, listed]: [&AccountStore; 2],
    source: &MailboxState,
    (before, now): Move<'_>,
    others: &UidSet,
    keeps: Keeps,
) -> Result<Over> {
    let agreement = state.agreement(&now.source, before.source_validity)?;
    let remembered = remembered_before(state, source);
    let records = |side| {
        let name = if side == Side::Source { &now.source } else { &now.destination };
        is_renumbered(before, now, side).then(|| listed.records(side, name)).transpose()
    };
    let is_ours = |record: &Result<MessageRecord>| record.as_ref().map_or(true, |it| !others.contains(it.uid));
    let [ours, theirs] = [records(Side::Source)?, records(Side::Destination)?];
    let renumbered: [Option<Box<dyn Iterator<Item = Result<MessageRecord>>>>; 2] =
        [ours.map(|records| Box::new(records) as _), theirs.map(|records| Box::new(records.filter(is_ours)) as _)];
    let mut departed = agreement.departed.clone();
    if !is_renumbered(before, now, Side::Destination) {
        add_departed(&mut departed, [state, listed], now, keeps)?;
    }
    let over = carry(state.links(&before.source)?, &remembered, renumbered, &departed, keeps)?;
    let recalled = match is_renumbered(before, now, Side::Source) {
        true => recalled(agreement, &remembered, &over, now.source_validity),
        false => Recalled { agreement, remembered: Vec::new() },
    };
    Ok(Over { links: over.links, recalled })
}

/// Of messages that no listing tells from others, those whose copies are gone as the destination is listed now.
fn add_departed(departed: &mut UidSet, [state, listed]: [&AccountStore; 2], now: &Pairing, keeps: Keeps) -> Result<()> {
    let mut copies = listed.record_lookup(Side::Destination, &now.destination);
    for link in state.links(&now.source)? {
        let link = link?;
        if !same::is_told(&link, keeps) && copies.get(link.destination)?.is_none() {
            departed.insert(link.source);
        }
    }
    Ok(())
}

/// What is known of a source mailbox and its copy, as they are listed now.
pub struct Known {
    pub links: KnownLinks,
    pub agreement: Agreement,
    /// Why messages are not there.
    pub outcomes: HashMap<Uid, Outcome>,
}

/// Links of a source mailbox: those of a million messages are too many to be held, and are read where they are asked for.
pub enum KnownLinks {
    None,
    /// Those that the state has of that mailbox.
    Recorded(AccountStore, RawName),
    /// Those that hold under other UIDs than these.
    CarriedOver(Vec<Link>),
}

impl KnownLinks {
    /// All of them, by the UID of their source message.
    ///
    /// # Errors
    /// `State`.
    pub fn read(&self) -> Result<Box<dyn Iterator<Item = Result<Link>> + '_>> {
        Ok(match self {
            KnownLinks::None => Box::new(std::iter::empty()),
            KnownLinks::Recorded(state, source) => Box::new(state.links(source)?),
            KnownLinks::CarriedOver(links) => Box::new(links.iter().cloned().map(Ok)),
        })
    }
}

/// What holds for two listings that stand `aside`, carried over where it has to be, and to none of the `others`. Nothing is
/// recorded.
///
/// # Errors
/// `State`.
pub fn known_between(
    [access, aside]: [&Access<'_>; 2],
    source: &MailboxState,
    destination: Option<&MailboxState>,
    others: &UidSet,
    keeps: Keeps,
) -> Result<Known> {
    let (state, listed, name) = (&access.state, &aside.state, &source.name.raw);
    let now = destination.map(|destination| pairing(source, destination));
    let known = if now.is_some() { state.pair(name)? } else { None };
    let movement = known.as_ref().zip(now.as_ref()).map(|(known, now)| (&known.pairing, now));
    let movement = movement.filter(|(before, now)| is_of_same_mailboxes(before, now));
    let (links, recalled) = match (movement, &known) {
        (Some(movement), Some(known)) if Side::BOTH.iter().any(|side| is_renumbered(movement.0, movement.1, *side)) => {
            let over = find([state, listed], source, movement, others, keeps)?;
            let (mut before, mut links) = (state.link_lookup(name)?, Vec::new());
            for carried in &over.links {
                links.extend(before.get(carried.before)?.map(|link| carried.apply(link, known)));
            }
            links.sort_by_key(|link| link.source);
            (KnownLinks::CarriedOver(links), over.recalled)
        }
        (Some(_), _) => {
            let links = KnownLinks::Recorded(state.clone(), name.clone());
            (links, recalled_alone([state, listed], source, keeps)?)
        }
        (None, _) => (KnownLinks::None, recalled_alone([state, listed], source, keeps)?),
    };
    Ok(Known { links, outcomes: outcomes(state, source, &recalled.remembered)?, agreement: recalled.agreement })
}

/// Outcomes stand by the UIDs of the account's own listing.
fn outcomes(state: &AccountStore, source: &MailboxState, remembered: &[Remembered]) -> Result<HashMap<Uid, Outcome>> {
    let name = &source.name.raw;
    let listed = state.mailbox(Side::Source, name)?.and_then(|listed| listed.sync_point);
    let hold = listed.is_none_or(|point| point.uid_validity == validity(source));
    let mut outcomes: HashMap<Uid, Outcome> =
        if hold { state.exceptions(name).collect::<Result<_>>()? } else { HashMap::new() };
    let of_remembered = remembered.iter().filter_map(|it| Some((it.uid, stored(it.stored.clone()?))));
    outcomes.extend(of_remembered);
    Ok(outcomes)
}

/// Whether UIDs of that side are others now. Those of a mailbox whose UIDVALIDITY does not last may be.
fn is_renumbered(before: &Pairing, now: &Pairing, side: Side) -> bool {
    before.validity(side) != now.validity(side) || !now.validity(side).is_lasting()
}

fn is_of_same_mailboxes(one: &Pairing, other: &Pairing) -> bool {
    (&one.source, &one.destination) == (&other.source, &other.destination)
}

/// A listing without identities does not tell what is gone.
fn check_identified(before: &Pairing, now: &Pairing, listings: [&MailboxState; 2]) -> Result<()> {
    let untold = |(side, listing): (Side, &MailboxState)| is_renumbered(before, now, side) && !listing.identified;
    if Side::BOTH.into_iter().zip(listings).any(untold) { Err(not_listed_whole()) } else { Ok(()) }
}

fn tell(access: &Access<'_>, known: &PairState, now: &PairState, carried: &[Carried]) {
    let changed = |side| is_renumbered(&known.pairing, &now.pairing, side);
    let sides: Vec<String> = Side::BOTH.into_iter().filter(|side| changed(*side)).map(|it| it.to_string()).collect();
    let found = carried.iter().filter(|it| !it.source.is_stand_in() && it.destination != Uid::NOWHERE).count();
    access.notice(&format!(
        "`{}` has another UIDVALIDITY on the {}: {found} of {} messages are known again; what is gone stays away",
        now.destination,
        sides.join(" and the "),
        known.links
    ));
}

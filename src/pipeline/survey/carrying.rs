//! A pair of mailboxes of which one has another UIDVALIDITY than its links hold for: a rebuilt index, a mailbox that was made
//! anew, the name of a server that leads to another one now. The links are carried over by what is listed
//! (`diff/comparing/carry.rs`), with the flags that they agree on, whose the copies are, and what has departed; so what its user
//! removed there stays away, and what they marked stays marked.
//!
//! Nothing is read from a server for it, and nothing is done where both UIDVALIDITYs are what they were.

use crate::diff::comparing::carry::{Carried, carry};
use crate::diff::comparing::same::Keeps;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Agreement, Link, MailboxState, MessageRecord, PairState, Pairing, Side, Uid, UidSet};
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
        state.reset_pair(&fresh)?;
        return Ok(fresh);
    };
    check_identified(&known.pairing, &fresh.pairing, listings)?;
    match carry_pair(access, &known, fresh.clone(), others, keeps) {
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
    known: &PairState,
    fresh: PairState,
    others: &UidSet,
    keeps: Keeps,
) -> Result<PairState> {
    let state = &access.state;
    let name = &known.pairing.source;
    let agreement = state.agreement(name, known.pairing.source_validity)?;
    let apart = Apart { departed: &agreement.departed, others };
    let carried = find([state, state], [&known.pairing, &fresh.pairing], apart, keeps)?;
    let [renumbered, elsewhere] = Side::BOTH.map(|side| is_renumbered(&known.pairing, &fresh.pairing, side));
    let mut pair = PairState { lost_under: known.lost_under.clone(), ..fresh };
    if !elsewhere {
        // They are UIDs of the destination.
        (pair.intent, pair.late_from, pair.unseen_from) = (known.intent, known.late_from, known.unseen_from);
    }
    let agreement = if renumbered { under_new_uids(agreement, &pair.pairing, &carried) } else { agreement };
    let mut links = state.link_lookup(name)?;
    let carry = carried.iter().filter_map(|carried| {
        let link = links.get(carried.before).transpose()?;
        Some(link.map(|link| carried.apply(link, known)))
    });
    state.carry_links(&pair, &agreement, carry)?;
    tell(access, known, &pair, &carried);
    pair.links = carried.len() as u64;
    Ok(pair)
}

/// What takes no part when links are carried over.
struct Apart<'a> {
    /// Source messages whose copies were known to be gone.
    departed: &'a UidSet,
    /// Messages of the destination that are other source mailboxes'.
    others: &'a UidSet,
}

/// Which link ties what under the UIDVALIDITYs of `now`; the listings stand in `listed`.
fn find(
    [state, listed]: [&AccountStore; 2],
    [before, now]: [&Pairing; 2],
    apart: Apart<'_>,
    keeps: Keeps,
) -> Result<Vec<Carried>> {
    let records = |side| {
        let name = if side == Side::Source { &now.source } else { &now.destination };
        is_renumbered(before, now, side).then(|| listed.records(side, name)).transpose()
    };
    let is_ours =
        |record: &Result<MessageRecord>| record.as_ref().map_or(true, |record| !apart.others.contains(record.uid));
    let [source, destination] = [records(Side::Source)?, records(Side::Destination)?];
    let sides: [Option<Box<dyn Iterator<Item = Result<MessageRecord>>>>; 2] = [
        source.map(|records| Box::new(records) as _),
        destination.map(|records| Box::new(records.filter(is_ours)) as _),
    ];
    carry(state.links(&before.source)?, sides, apart.departed, keeps)
}

/// The links that hold for two listings which stand in `listed`, carried over where they have to be, and to none of the `others`.
/// Nothing is recorded.
///
/// # Errors
/// `State`.
pub fn links_between(
    access: &Access<'_>,
    listed: &AccountStore,
    [source, destination]: [&MailboxState; 2],
    others: &UidSet,
    keeps: Keeps,
) -> Result<Vec<Link>> {
    let (state, now) = (&access.state, pairing(source, destination));
    let known = state.pair(&now.source)?.filter(|known| is_of_same_mailboxes(&known.pairing, &now));
    let Some(known) = known else { return Ok(Vec::new()) };
    if !Side::BOTH.into_iter().any(|side| is_renumbered(&known.pairing, &now, side)) {
        return state.links(&now.source)?.collect();
    }
    let agreement = state.agreement(&now.source, known.pairing.source_validity)?;
    let mut links = state.link_lookup(&now.source)?;
    let mut found = Vec::new();
    let apart = Apart { departed: &agreement.departed, others };
    for carried in find([state, listed], [&known.pairing, &now], apart, keeps)? {
        found.extend(links.get(carried.before)?.map(|link| carried.apply(link, &known)));
    }
    Ok(found)
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
    if !Side::BOTH.into_iter().zip(listings).any(untold) {
        return Ok(());
    }
    Err(Error::new(Kind::Stale, "the mailbox has another UIDVALIDITY, and was not listed whole since")
        .scope(Scope::Mailbox)
        .hint("run `mailferry scan`, or `mailferry sync` for all in one"))
}

/// What a person agreed to, under the UIDs that its messages have now. What was agreed to of a message without a link has to
/// be asked again.
fn under_new_uids(agreement: Agreement, now: &Pairing, carried: &[Carried]) -> Agreement {
    let there = carried.iter().filter(|carried| !carried.source.is_stand_in());
    let uids: HashMap<Uid, Uid> = there.map(|carried| (carried.before, carried.source)).collect();
    agreement.renumbered(now.source_validity, |before| uids.get(&before).copied())
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

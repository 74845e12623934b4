//! Between scan and plan: mailboxes that were listed without identities are listed with them where something may have to be
//! recognised by them, so that nothing is copied that is on the destination already.
//!
//! That is where the destination mailbox holds messages that no link names, or that are not as they were linked, and, in
//! mirror mode, everywhere once something was copied: what looks deleted may have been moved to another mailbox, even to one
//! of which the settings copy nothing; in any mode, once messages are gone from where they were, as they may have been moved to a
//! mailbox that nothing was copied from; and where something is remembered of messages without a link (`recalling`).

use super::errand::{How, Identities, Occasion, Wanted};
use super::side::list_side;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched, IDENTITY_ITEMS};
use crate::engine::conversation::session::Tag;
use crate::engine::{Session, identity};
use crate::error::Result;
use crate::model::failures::Failures;
use crate::model::link::Settled;
use crate::model::{Flags, Listed, MailboxState, PairState, RawName, Side, Uid, UidSet};
use crate::pipeline::Thoroughness;
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::pairing::pairing;
use crate::pipeline::survey::recalling::wants_identities;
use crate::pipeline::survey::sharing::Sharing;
use crate::pipeline::survey::snapshots::Snapshots;
use std::collections::{HashMap, HashSet};

/// Lists with identities what is to be recognised by them, both sides having been listed. Returns what failed.
///
/// # Errors
/// As [`list_side`], and those of [`Snapshots`].
pub fn recognise(access: &Access<'_>) -> Result<Failures> {
    let mut troubles = Failures::default();
    for (side, names) in [(Side::Destination, unidentified(access)?), (Side::Source, unrecognised(access)?)] {
        if !names.is_empty() {
            let (thoroughness, identities) = (Thoroughness::Full, Identities::All);
            let how = How { thoroughness, identities, occasion: Occasion::Survey };
            let listed = list_side(access, side, how, &Wanted::Only(names))?;
            access.failures.note_others(&mut troubles, listed.troubles);
        }
    }
    Ok(troubles)
}

/// Destination mailboxes that hold messages which are not as they were linked.
fn unidentified(access: &Access<'_>) -> Result<HashSet<RawName>> {
    let mailboxes = access.state.mailboxes(Side::Destination)?;
    Ok(mailboxes
        .into_iter()
        .filter(|mailbox| !mailbox.identified && mailbox.sync_point.is_some())
        .map(|mailbox| mailbox.name.raw)
        .collect())
}

/// Source mailboxes some of whose messages may be on the destination without our knowing.
fn unrecognised(access: &Access<'_>) -> Result<HashSet<RawName>> {
    if access.state.mailboxes(Side::Source)?.iter().all(|mailbox| mailbox.identified) {
        return Ok(HashSet::new());
    }
    let snapshots = Snapshots::load(access)?;
    let by_name = Side::BOTH.map(|side| snapshots.by_name(side));
    let mut names = HashSet::new();
    let mapping = snapshots.map()?;
    let pairs = mapping.pairs;
    let sharing = Sharing::load(access, &pairs)?;
    let known = access.state.pairs()?;
    let may_delete = access.account.policy.mode.deletes() && known.iter().any(|pair| pair.links > 0);
    let may_follow = access.account.policy.follows_moves() && !may_delete && any_left(access, &known, &by_name[0])?;
    for pair in &pairs {
        let source = by_name[0].get(&pair.source.raw).filter(|source| !source.identified);
        let Some(source) = source else { continue };
        let destination = by_name[1].get(&pair.destination.raw).filter(|_| !pair.create);
        let known = destination.map_or(Ok(false), |it| may_hold_known(access, &sharing, source, it))?;
        let may_be_moved_here = (may_delete || may_follow) && source.records > 0;
        if known || may_be_moved_here || wants_identities(&access.state, source) {
            names.insert(pair.source.raw.clone());
        }
    }
    // What has no place yet may have one when others have their new names.
    let moves = may_delete || may_follow;
    let obstacles = mapping.omitted.into_iter().filter(|it| moves && it.condition.is_obstacle() && it.messages > 0);
    let bare = |name: &RawName| by_name[0].get(name).is_some_and(|it| !it.identified && it.sync_point.is_some());
    names.extend(obstacles.map(|it| it.mailbox.raw).filter(bare));
    Ok(names)
}

/// Whether messages that were linked are not where they were.
fn any_left(access: &Access<'_>, known: &[PairState], source: &HashMap<&RawName, &MailboxState>) -> Result<bool> {
    for pair in known.iter().filter(|pair| pair.links > 0) {
        let name = &pair.pairing.source;
        let Some(listed) = source.get(name) else { return Ok(true) };
        let is_settled = |settled: Settled| settled.source_revision == listed.revision;
        if pair.settled.is_some_and(is_settled) {
            if pair.links > pair.outcomes.there() + pair.outcomes.departed {
                return Ok(true);
            }
            continue;
        }
        let mut records = access.state.record_lookup(Side::Source, name);
        // What cannot be read is matched anew.
        for link in access.state.links(name)?.map_while(Result::ok) {
            if records.get(link.source)?.is_none() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn may_hold_known(
    access: &Access<'_>,
    sharing: &Sharing,
    source: &MailboxState,
    destination: &MailboxState,
) -> Result<bool> {
    let others = sharing.others(&pairing(source, destination))?;
    // A pair that cannot be read ties nothing.
    let known = access.state.pair(&source.name.raw).ok().flatten();
    let links = known.filter(|pair| pair.pairing == pairing(source, destination)).map_or(0, |pair| pair.links);
    Ok(u64::from(destination.records) > links + others.len() || holds_unlinked(access, source, destination, &others)?)
}

/// Whether the destination holds a message that is not the others', and that no link of a message which is still there
/// names: a user may have taken a copy away and got the same message again.
fn holds_unlinked(
    access: &Access<'_>,
    source: &MailboxState,
    destination: &MailboxState,
    others: &UidSet,
) -> Result<bool> {
    let (state, mut linked) = (&access.state, HashSet::with_capacity(destination.records as usize));
    let mut records = state.record_lookup(Side::Source, &source.name.raw);
    for link in state.links(&source.name.raw)? {
        let link = link?;
        if records.get(link.source)?.is_some() {
            linked.insert(link.destination);
        }
    }
    for record in state.records(Side::Destination, &destination.name.raw)? {
        let uid = record?.uid;
        if !linked.contains(&uid) && !others.contains(uid) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is listed of those messages that are there, with their identities.
///
/// # Errors
/// `Connection`, `Protocol`, `Refused`.
pub fn identities(session: &mut Session, uids: &UidSet) -> Result<HashMap<Uid, Listed>> {
    let described = described(session, uids)?;
    Ok(described.into_iter().map(|(uid, (listed, _))| (uid, listed)).collect())
}

/// The same with their flags.
///
/// # Errors
/// As [`identities`].
pub fn described(session: &mut Session, uids: &UidSet) -> Result<HashMap<Uid, (Listed, Flags)>> {
    let mut found = HashMap::new();
    for set in uids.chunks(COMMAND_OCTETS, session.most_messages()) {
        let tag = session.send_fetch(&set, IDENTITY_ITEMS)?;
        finish_described(session, tag, &mut found)?;
    }
    Ok(found)
}

/// Reads the answer to a FETCH of [`IDENTITY_ITEMS`].
///
/// # Errors
/// As [`identities`].
pub fn finish_described(session: &mut Session, tag: Tag, found: &mut HashMap<Uid, (Listed, Flags)>) -> Result<()> {
    let status = session.finish_fetch(tag, |event| {
        if let FetchEvent::Message(fetched) = event
            && let Fetched { uid: Some(uid), header: Some(header), octets: Some(octets), internal_date, flags, .. } =
                fetched
        {
            let identity = Some(identity::of_message(&header));
            let listed = Listed { octets, date: internal_date.flatten(), identity };
            found.insert(uid, (listed, flags.unwrap_or_default()));
        }
        Ok(())
    })?;
    session.complete(status, "could not look at messages").map(drop)
}

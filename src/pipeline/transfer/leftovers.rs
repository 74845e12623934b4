//! Old copies of messages that were moved go, when their messages have others (`survey/leftovers.rs`).
//!
//! Invariants:
//! 1. An old copy goes only while its link says what it said, the message has a link in its new place, and the destination shows
//!    the copy that this names: it is never the last one.
//! 2. It goes as what is deleted goes: by UID EXPUNGE, and only if it is still listed as it was (`purge`).

use super::purge::{Purge, Purged};
use super::removal::{Order, Targets};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result};
use crate::model::counted::counted;
use crate::model::{Leftovers, Presence, RawName, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::leftovers::{Old, Sorted};
use std::collections::{HashMap, HashSet};

/// Removes the old copies whose messages have others. What was done is in `purged`, also after an error.
///
/// # Errors
/// What ends the account's work; what keeps a mailbox from being looked at is in `purged`.
pub fn remove_leftovers(access: &Access<'_>, purged: &mut Purged) -> Result<()> {
    for mut left in access.state.all_leftovers() {
        access.go_on()?;
        let (troubles, mut done) = (purged.failures.len(), Vec::new());
        match remove(access, &left, purged, &mut done) {
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::Changed) => {
                access.failures.note(&mut purged.failures, error);
            }
            other => other?,
        }
        left.forget(done.iter().copied());
        access.state.change_leftovers(&left.source, left.destination_validity, |known| known.forget(done))?;
        let stay = Sorted::of(access, &left)?.ready.len() as u64;
        let place = access.state.pair(&left.source)?.map(|pair| pair.destination.path());
        if let Some(place) = place.filter(|_| stay > 0 && purged.failures.len() == troubles) {
            access.failures.note(&mut purged.failures, stayed(stay).in_mailbox(&place));
        }
    }
    Ok(())
}

fn stayed(count: u64) -> Error {
    let what = format!("{} of moved messages could not be removed from the old place", counted(count, "copy"));
    Error::new(Kind::Refused, what)
        .hint("run `mailferry sync` again: their messages are in their new place, and they go then")
}

/// Of which nothing is left to be done is in `done`, also after an error.
fn remove(access: &Access<'_>, left: &Leftovers, purged: &mut Purged, done: &mut Vec<Uid>) -> Result<()> {
    let state = &access.state;
    let Sorted { mut ready, void } = Sorted::of(access, left)?;
    done.extend(void);
    let Some(pair) = state.pair(&left.source)? else { return Ok(()) };
    keep_what_has_another(access, &mut ready)?;
    let Some(mailbox) = state.mailbox(Side::Destination, &pair.pairing.destination)? else { return Ok(()) };
    let mut records = state.record_lookup(Side::Destination, &mailbox.name.raw);
    let (mut targets, mut formers) = (Targets::new(), HashMap::new());
    for old in &ready {
        if let Some(record) = records.get(old.copy)? {
            targets.insert(old.copy, record.listed());
        }
        formers.insert(old.copy, old.former);
    }
    let mut gone: HashSet<Uid> = formers.keys().copied().filter(|uid| !targets.contains_key(uid)).collect();
    if !targets.is_empty() {
        let order = Order::to_expunge((&mailbox.name, left.destination_validity), targets);
        let removed = Purge { access, purged }.remove(order)?;
        gone.extend(removed);
    }
    let settled: Vec<Uid> = gone.iter().filter_map(|copy| formers.get(copy).copied()).collect();
    state.unlink(&left.source, settled.iter().copied())?;
    done.extend(settled);
    Ok(())
}

/// Invariant 1: the destination is asked for the other copies.
fn keep_what_has_another(access: &Access<'_>, ready: &mut Vec<Old>) -> Result<()> {
    let mut by_place: HashMap<RawName, Vec<Uid>> = HashMap::new();
    for old in ready.iter() {
        by_place.entry(old.place.clone()).or_default().push(old.other);
    }
    let mut there: HashSet<(RawName, Uid)> = HashSet::new();
    for (place, mut uids) in by_place {
        let Some(pair) = access.state.pair(&place)? else { continue };
        uids.sort_unstable();
        let uids: UidSet = uids.into_iter().collect();
        let sighting = access.ask_one(Side::Destination, |session| {
            let opened = session.open(&pair.destination, Opening::Examine)?;
            let is_that = opened.sync_point.uid_validity == pair.pairing.destination_validity;
            if is_that { session.look_for(&uids).map(Some) } else { Ok(None) }
        })?;
        let Some(sighting) = sighting else { continue };
        let shown = uids.iter().filter(|uid| sighting.of(*uid) == Presence::There);
        there.extend(shown.map(|uid| (place.clone(), uid)));
    }
    ready.retain(|old| there.contains(&(old.place.clone(), old.other)));
    Ok(())
}

//! Copies that are left in their old place after their messages were moved, because the server could not move them. Each is noted
//! before its message is copied to its new place, by whatever way; when that copy is there, the old one goes
//! (`transfer/leftovers.rs`).

use crate::error::Result;
use crate::model::plan::{Moved, Moves};
use crate::model::{Leftover, Leftovers, RawName, Side, Uid, UidValidity};
use crate::pipeline::fleet::access::Access;
use std::collections::HashMap;

/// Notes that these copies go when their messages have others, durably.
///
/// # Errors
/// `State`.
pub fn note_leftovers(
    access: &Access<'_>,
    moves: &Moves,
    place: (&RawName, UidValidity),
    messages: &[Moved],
) -> Result<()> {
    access.state.change_leftovers(&moves.source, moves.destination_validity, |left| {
        for moved in messages {
            left.note([moved.former, moved.destination], place, moved.source);
        }
    })?;
    access.gauge.on_state(|| access.migration.store.flush())
}

/// How many old copies may go now.
///
/// # Errors
/// `State`.
pub fn count_leftovers(access: &Access<'_>) -> Result<u64> {
    let mut count = 0;
    if !access.account.policy.follows_moves() {
        return Ok(0);
    }
    for left in access.state.all_leftovers() {
        count += Sorted::of(access, &left)?.ready.len() as u64;
    }
    Ok(count)
}

/// An old copy, and the one that its message has now.
pub struct Old {
    pub former: Uid,
    pub copy: Uid,
    /// The source mailbox that the message is in now.
    pub place: RawName,
    pub other: Uid,
}

/// Those of one source mailbox, by what the state says of them.
#[derive(Default)]
pub struct Sorted {
    pub ready: Vec<Old>,
    /// Their links say something else by now, or their messages are gone from where they went.
    pub void: Vec<Uid>,
}

impl Sorted {
    /// Sorts them.
    ///
    /// # Errors
    /// `State`.
    pub fn of(access: &Access<'_>, left: &Leftovers) -> Result<Sorted> {
        let state = &access.state;
        let mut sorted = Sorted::default();
        let pair = state.pair(&left.source)?;
        let holds = pair.is_some_and(|pair| pair.pairing.destination_validity == left.destination_validity);
        let mut validities: HashMap<&RawName, Option<UidValidity>> = HashMap::new();
        for (former, Leftover { destination, source, .. }, place, validity) in left.each() {
            let old = state.link(&left.source, former)?;
            let stands = holds && old.is_some_and(|link| link.is_ours() && link.destination == *destination);
            let known = match validities.get(place) {
                Some(known) => *known,
                None => *validities.entry(place).or_insert(state.pair(place)?.map(|pair| pair.pairing.source_validity)),
            };
            let new = if known == Some(validity) { state.link(place, *source)? } else { None };
            let is_listed = || state.record(Side::Source, place, *source).map(|record| record.is_some());
            match new.filter(|link| link.destination != Uid::NOWHERE) {
                Some(link) if stands => {
                    let (place, other) = (place.clone(), link.destination);
                    sorted.ready.push(Old { former, copy: *destination, place, other });
                }
                None if stands && is_listed()? => {}
                _ => sorted.void.push(former),
            }
        }
        Ok(sorted)
    }
}

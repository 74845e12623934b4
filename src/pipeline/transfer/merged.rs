//! What the destination took for a message that it had: Gmail keeps one of two that it takes for duplicates, and names that one.
//! Where both are the same to the octet, nothing was lost by it.

use super::job::Job;
use super::lane::Lane;
use super::reconcile::open_source;
use crate::engine::commands::select::Opening;
use crate::error::Result;
use crate::model::{Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::content::read_contents;
use std::collections::HashSet;

/// Messages that are read at once, of each side.
const AT_ONCE: usize = 100;

/// Which source messages have their very octets under the UID that the destination named for them. Of those that either side
/// does not give, none.
///
/// # Errors
/// `Changed` where the source mailbox is another one, `Connection`.
pub fn merged_whole(access: &Access<'_>, lane: &mut Lane, job: &Job, merged: &[(Uid, Uid)]) -> Result<HashSet<Uid>> {
    let mut whole = HashSet::new();
    if merged.is_empty() {
        return Ok(whole);
    }
    open_source(&mut lane.source, job)?;
    let opened = lane.destination.open(&job.plan.destination, Opening::Examine)?;
    if opened.sync_point.uid_validity != job.destination_validity {
        return Ok(whole);
    }
    for window in merged.chunks(AT_ONCE) {
        let ours = read_contents(access, &mut lane.source, &uid_set(window.iter().map(|it| it.0)))?;
        let theirs = read_contents(access, &mut lane.destination, &uid_set(window.iter().map(|it| it.1)))?;
        let is_whole = |(source, there): &&(Uid, Uid)| {
            ours.get(source).zip(theirs.get(there)).is_some_and(|(ours, theirs)| ours.octets == theirs.octets)
        };
        whole.extend(window.iter().filter(is_whole).map(|(source, _)| *source));
    }
    Ok(whole)
}

fn uid_set(uids: impl Iterator<Item = Uid>) -> UidSet {
    let mut sorted: Vec<Uid> = uids.collect();
    sorted.sort_unstable();
    sorted.into_iter().collect()
}

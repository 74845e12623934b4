//! What a verification reads: the octets of every message for `--deep`, and of those that are listed in another way.

use crate::diff::verdict::Verdict;
use crate::error::{Error, Result};
use crate::model::difference::{Difference, DifferenceKind};
use crate::model::{MailboxState, Side};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::dissection::reason;
use crate::pipeline::survey::content::read_both;
use crate::pipeline::survey::spoiling::CopiesRead;
use crate::store::Contents;

/// What was read of those that are listed in another way, where it was.
pub fn altered_pairs(
    [access, aside]: [&Access<'_>; 2],
    mailboxes: [&MailboxState; 2],
    verdict: &Verdict,
) -> Result<CopiesRead> {
    let [ours, theirs] = [0, 1].map(|side| contents(access, Side::BOTH[side], mailboxes[side]));
    let [mut sources, mut copies] =
        [0, 1].map(|side| aside.state.record_lookup(Side::BOTH[side], &mailboxes[side].name.raw));
    let mut read = CopiesRead::default();
    for uids in verdict.pairs.iter().filter(|(source, _)| verdict.altered.contains(source)) {
        let ours = sources.get(uids.0)?.and_then(|record| ours.of(&record));
        let theirs = copies.get(uids.1)?.and_then(|record| theirs.of(&record));
        ours.zip(theirs).into_iter().for_each(|(ours, theirs)| read.take(*uids, [ours, theirs]));
    }
    Ok(read)
}

/// What was read of messages of that mailbox.
pub fn contents(access: &Access<'_>, side: Side, mailbox: &MailboxState) -> Contents {
    access.state.contents(side, &mailbox.name.raw, mailbox.sync_point.unwrap_or_default().uid_validity)
}

/// Compares SHA-256 digests. A message whose size differs is counted as altered already, and not again. Returns what was read
/// of both.
pub fn compare_octets(
    access: &Access<'_>,
    [source, destination]: [&MailboxState; 2],
    verdict: &mut Verdict,
) -> Result<CopiesRead> {
    let pairs = std::mem::take(&mut verdict.pairs);
    let [ours, theirs] = read_both(access, [source, destination], &pairs)?;
    let mut read = CopiesRead::default();
    let known = std::mem::take(&mut verdict.altered);
    for (source_uid, copy) in pairs {
        let (left, right) = (ours.contents.get(&source_uid), theirs.contents.get(&copy));
        left.zip(right).into_iter().for_each(|(left, right)| read.take((source_uid, copy), [*left, *right]));
        let detail = match (left, right) {
            (Some(left), Some(right)) if left.octets == right.octets => continue,
            (Some(_), Some(_)) => "the content differs".to_owned(),
            (None, _) => not_compared(Side::Source, ours.unreadable.get(&source_uid)),
            (_, None) => not_compared(Side::Destination, theirs.unreadable.get(&copy)),
        };
        if !known.contains(&source_uid) {
            let uids = (Some(source_uid), Some(copy));
            verdict.differ(Difference::new(source.name.path(), DifferenceKind::Altered, uids, detail));
        }
    }
    Ok(read)
}

fn not_compared(side: Side, error: Option<&Error>) -> String {
    let why = error.map(|error| format!(" ({})", reason(error))).unwrap_or_default();
    format!("it could not be compared: the {side} did not give its content{why}")
}

//! Which source message is which destination message where no link says so: a match of multisets by identity digest.
//!
//! Within one digest the closest are paired first: equal size, internal date and flags, then without the flags, then
//! equal size, then equal date, then whatever is left; always in UID order. Size is never proof, because servers add line
//! ends and rewrite; the date is not, because some lose it; the flags tell twins apart that came in another order.
//!
//! Each step walks two sorted lists in step, so that ten thousand messages of one digest cost no more than others.

use crate::model::{Digest, Flags, InternalDate, MessageRecord};
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What two records must share to be taken for one message, and their order in the walk.
type Likeness = (Digest, Option<u64>, Option<InternalDate>, Option<u64>);

/// From the closest likeness to the loosest. `None`: the record cannot be compared in that way.
const LIKENESSES: [fn(&MessageRecord) -> Option<Likeness>; 5] = [
    |record| Some((record.identity?, Some(record.octets), Some(record.internal_date?), Some(hash(&record.flags)))),
    |record| Some((record.identity?, Some(record.octets), Some(record.internal_date?), None)),
    |record| Some((record.identity?, Some(record.octets), None, None)),
    |record| Some((record.identity?, None, Some(record.internal_date?), None)),
    |record| Some((record.identity?, None, None, None)),
];

/// Flags of one hash are taken for equal: where they are not, twins are paired in another order, and nothing else.
fn hash(flags: &Flags) -> u64 {
    let mut hasher = DefaultHasher::new();
    flags.texts().for_each(|text| text.to_ascii_lowercase().hash(&mut hasher));
    hasher.finish()
}

/// What a match found.
#[derive(Default)]
pub(in crate::diff) struct Matched {
    /// Source and destination record.
    pub pairs: Vec<(MessageRecord, MessageRecord)>,
    /// Source records without a counterpart.
    pub unmatched: Vec<MessageRecord>,
}

/// Pairs source records with candidates of the destination, each used at most once; those used are taken out.
pub(in crate::diff) fn match_records(source: Vec<MessageRecord>, candidates: &mut Vec<MessageRecord>) -> Matched {
    let mut matched = Matched { pairs: Vec::new(), unmatched: source };
    for likeness in LIKENESSES {
        let wanted = std::mem::take(&mut matched.unmatched);
        let offered = std::mem::take(candidates);
        walk_in_step(sorted(wanted, likeness), sorted(offered, likeness), |step| match step {
            Step::Pair(source, destination) => matched.pairs.push((source, destination)),
            Step::Source(source) => matched.unmatched.push(source),
            Step::Destination(destination) => candidates.push(destination),
        });
    }
    matched
}

type Keyed = (Option<Likeness>, MessageRecord);

fn sorted(records: Vec<MessageRecord>, likeness: fn(&MessageRecord) -> Option<Likeness>) -> Vec<Keyed> {
    let mut keyed: Vec<Keyed> = records.into_iter().map(|record| (likeness(&record), record)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.uid.cmp(&b.1.uid)));
    keyed
}

enum Step {
    Pair(MessageRecord, MessageRecord),
    Source(MessageRecord),
    Destination(MessageRecord),
}

fn walk_in_step(source: Vec<Keyed>, destination: Vec<Keyed>, mut take: impl FnMut(Step)) {
    let (mut source, mut destination) = (source.into_iter().peekable(), destination.into_iter().peekable());
    while let Some(order) = next_order(source.peek(), destination.peek()) {
        let left = if order.is_le() { source.next() } else { None };
        let right = if order.is_ge() { destination.next() } else { None };
        match (left, right) {
            (Some((_, source)), Some((_, destination))) => take(Step::Pair(source, destination)),
            (Some((_, source)), None) => take(Step::Source(source)),
            (None, Some((_, destination))) => take(Step::Destination(destination)),
            (None, None) => {}
        }
    }
}

/// Which list goes next; `Equal` only for two records that are alike. `None` at the end of both.
fn next_order(source: Option<&Keyed>, destination: Option<&Keyed>) -> Option<Ordering> {
    match (source, destination) {
        (None, None) => None,
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some((None, _)), Some(_)) => Some(Ordering::Less),
        (Some(_), Some((None, _))) => Some(Ordering::Greater),
        (Some((source, _)), Some((destination, _))) => Some(source.cmp(destination)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;

    /// `uid:identity:octets:date`, the date `-` where there is none, and a keyword perhaps.
    fn records(text: &str) -> Vec<MessageRecord> {
        text.split_whitespace().map(record).collect()
    }

    fn record(text: &str) -> MessageRecord {
        let parts: Vec<&str> = text.split(':').collect();
        MessageRecord {
            uid: Uid(parts[0].parse().unwrap()),
            identity: Some(Digest([parts[1].as_bytes()[0]; 16])),
            octets: parts[2].parse().unwrap(),
            internal_date: parts[3].parse().ok().map(InternalDate),
            flags: Flags::from_texts(parts.get(4).copied()),
        }
    }

    fn pairs(source: &str, destination: &str) -> (Vec<(u32, u32)>, Vec<u32>, Vec<u32>) {
        let mut candidates = records(destination);
        let matched = match_records(records(source), &mut candidates);
        let mut pairs: Vec<_> = matched.pairs.iter().map(|(source, copy)| (source.uid.0, copy.uid.0)).collect();
        pairs.sort_unstable();
        let uids = |records: &[MessageRecord]| records.iter().map(|record| record.uid.0).collect::<Vec<_>>();
        (pairs, uids(&matched.unmatched), uids(&candidates))
    }

    #[test]
    fn two_of_one_identity_need_two_copies() {
        assert_eq!(pairs("1:a:9:5 2:a:9:5", "7:a:9:5"), (vec![(1, 7)], vec![2], vec![]));
        assert_eq!(pairs("1:a:9:5", "7:a:9:5 8:a:9:5"), (vec![(1, 7)], vec![], vec![8]));
    }

    #[test]
    fn closest_likeness_is_paired_first() {
        // 2 is 7 in all; 1 shares its size with 8, 3 its date with 9, 4 nothing with 6.
        let (found, unmatched, left) =
            pairs("1:a:10:1 2:a:20:2 3:a:30:3 4:a:40:4", "6:a:99:- 7:a:20:2 8:a:10:- 9:a:31:3");
        assert_eq!(found, [(1, 8), (2, 7), (3, 9), (4, 6)]);
        assert!(unmatched.is_empty() && left.is_empty());
    }

    #[test]
    fn records_alike_are_paired_in_uid_order() {
        assert_eq!(pairs("3:a:9:- 1:a:9:-", "8:a:9:- 6:a:9:-").0, [(1, 6), (3, 8)]);
    }

    #[test]
    fn twins_in_another_order_are_told_apart_by_their_flags() {
        assert_eq!(pairs("1:a:9:5:x 2:a:9:5", "7:a:9:5 8:a:9:5:X").0, [(1, 8), (2, 7)]);
        assert_eq!(pairs("1:a:9:5:x 2:a:9:5", "7:a:9:5 8:a:9:5:y").0, [(1, 8), (2, 7)]);
    }

    #[test]
    fn other_identities_never_pair() {
        assert_eq!(pairs("1:a:9:5", "1:b:9:5"), (vec![], vec![1], vec![1]));
    }
}

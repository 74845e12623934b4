//! Which source message is which destination message where no link says so: a match of multisets, by what `same` asks.
//!
//! Those that are one at sight are paired first; what is left and shares its identity with the other side is paired by what
//! was read of it. Within each step the closest come first: the same date and flags, for twins may have come in another
//! order; then UID order. Where something that matters was not read, nobody of that identity is paired or left over: they
//! are unsettled.
//!
//! Each step walks two sorted lists in step, so that ten thousand messages of one digest cost no more than others.

use super::same::{self, Contents, Keeps, Key};
use crate::model::{Content, Digest, MessageRecord, Side};
use std::cmp::Ordering;
use std::collections::HashSet;

/// What a match found.
#[derive(Default)]
pub(in crate::diff) struct Matched {
    /// Source and destination record.
    pub pairs: Vec<(MessageRecord, MessageRecord)>,
    /// Source records without a counterpart.
    pub unmatched: Vec<MessageRecord>,
    /// Records of either side of which it cannot be told yet.
    pub unsettled: [Vec<MessageRecord>; 2],
}

/// What tells messages apart besides their listing.
#[derive(Clone, Copy)]
pub(in crate::diff) struct Judge<'a> {
    pub keeps: Keeps,
    pub contents: Contents<'a>,
}

/// Pairs source records with candidates of the destination, each used at most once; those used or unsettled are taken
/// out.
pub(in crate::diff) fn match_records(
    source: Vec<MessageRecord>,
    candidates: &mut Vec<MessageRecord>,
    judge: Judge<'_>,
) -> Matched {
    let mut matched = Matched { unmatched: source, ..Matched::default() };
    let at_sight = |_, record: &MessageRecord| same::at_sight(record, judge.keeps);
    matched.step(candidates, |side, record| Some(same::closest(at_sight(side, record)?, record)));
    matched.step(candidates, at_sight);
    let shared = shared_identities(&matched.unmatched, candidates);
    if shared.is_empty() {
        return matched;
    }
    matched.set_unread_aside(candidates, shared, judge);
    let read = |side, record: &MessageRecord| (judge.contents)(side, record);
    let by_octets = |side, record: &MessageRecord| same::by_octets(record, &read(side, record)?);
    matched.step(candidates, |side, record| Some(same::closest(by_octets(side, record)?, record)));
    matched.step(candidates, by_octets);
    matched.step(candidates, |side, record| same::by_text(record, &read(side, record)?, judge.keeps));
    matched
}

impl Matched {
    /// Pairs what shares a key.
    fn step(&mut self, candidates: &mut Vec<MessageRecord>, key: impl Fn(Side, &MessageRecord) -> Option<Key>) {
        let wanted = sorted(std::mem::take(&mut self.unmatched), |record| key(Side::Source, record));
        let offered = sorted(std::mem::take(candidates), |record| key(Side::Destination, record));
        walk_in_step(wanted, offered, |step| match step {
            Step::Pair(source, destination) => self.pairs.push((source, destination)),
            Step::Source(source) => self.unmatched.push(source),
            Step::Destination(destination) => candidates.push(destination),
        });
    }

    /// Takes out everybody of an identity of which anybody was not read.
    fn set_unread_aside(&mut self, candidates: &mut Vec<MessageRecord>, shared: HashSet<Digest>, judge: Judge<'_>) {
        let unread = |side, record: &MessageRecord| {
            let content: Option<Content> = (judge.contents)(side, record);
            record.identity.filter(|identity| content.is_none() && shared.contains(identity))
        };
        let ours = self.unmatched.iter().filter_map(|record| unread(Side::Source, record));
        let theirs = candidates.iter().filter_map(|record| unread(Side::Destination, record));
        let unread: HashSet<Digest> = ours.chain(theirs).collect();
        let is_unread = |record: &mut MessageRecord| record.identity.is_some_and(|identity| unread.contains(&identity));
        self.unsettled =
            [self.unmatched.extract_if(.., is_unread).collect(), candidates.extract_if(.., is_unread).collect()];
    }
}

/// The identities that both have.
fn shared_identities(source: &[MessageRecord], candidates: &[MessageRecord]) -> HashSet<Digest> {
    let ours: HashSet<Digest> = source.iter().filter_map(|record| record.identity).collect();
    candidates.iter().filter_map(|record| record.identity).filter(|identity| ours.contains(identity)).collect()
}

type Keyed = (Option<Key>, MessageRecord);

fn sorted(records: Vec<MessageRecord>, key: impl Fn(&MessageRecord) -> Option<Key>) -> Vec<Keyed> {
    let mut keyed: Vec<Keyed> = records.into_iter().map(|record| (key(&record), record)).collect();
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
    use crate::model::{Flags, InternalDate, Uid};

    /// `uid:identity:octets:date`, the date `-` where there is none, and a keyword perhaps. What was read of it is one letter
    /// behind `=`: of the octets if it is small, else of the text of rewritten octets.
    fn records(text: &str) -> Vec<MessageRecord> {
        text.split_whitespace().map(record).collect()
    }

    fn record(text: &str) -> MessageRecord {
        let parts: Vec<&str> = text.split('=').next().unwrap().split(':').collect();
        MessageRecord {
            uid: Uid(parts[0].parse().unwrap()),
            identity: Some(Digest([parts[1].as_bytes()[0]; 16])),
            octets: parts[2].parse().unwrap(),
            internal_date: parts[3].parse().ok().map(InternalDate),
            flags: Flags::from_texts(parts.get(4).copied()),
        }
    }

    fn content(listing: &str, record: &MessageRecord) -> Option<Content> {
        let word = listing.split_whitespace().find(|word| word.starts_with(&format!("{}:", record.uid.0)))?;
        let letter = word.split_once('=')?.1.as_bytes()[0];
        Some(Content { octets: [letter; 32], text: Digest([letter.to_ascii_lowercase(); 16]) })
    }

    /// Pairs, source UIDs and destination UIDs left over, and both sides' UIDs unsettled.
    type Found = (Vec<(u32, u32)>, Vec<u32>, Vec<u32>, [Vec<u32>; 2]);

    fn found(source: &str, destination: &str) -> Found {
        let mut candidates = records(destination);
        let contents = |side, record: &MessageRecord| match side {
            Side::Source => content(source, record),
            Side::Destination => content(destination, record),
        };
        let judge = Judge { keeps: Keeps::ALL, contents: &contents };
        let matched = match_records(records(source), &mut candidates, judge);
        let mut pairs: Vec<_> = matched.pairs.iter().map(|(source, copy)| (source.uid.0, copy.uid.0)).collect();
        pairs.sort_unstable();
        let uids = |records: &[MessageRecord]| records.iter().map(|record| record.uid.0).collect::<Vec<_>>();
        (pairs, uids(&matched.unmatched), uids(&candidates), matched.unsettled.map(|records| uids(&records)))
    }

    const SETTLED: [Vec<u32>; 2] = [vec![], vec![]];

    #[test]
    fn two_of_one_identity_need_two_copies() {
        assert_eq!(found("1:a:9:5 2:a:9:5", "7:a:9:5"), (vec![(1, 7)], vec![2], vec![], SETTLED));
        assert_eq!(found("1:a:9:5", "7:a:9:5 8:a:9:5"), (vec![(1, 7)], vec![], vec![8], SETTLED));
    }

    #[test]
    fn what_agrees_in_identity_alone_is_unsettled_until_it_was_read() {
        // 2 is 7 at sight; nobody knows of the others.
        let (source, destination) = ("1:a:10:1 2:a:20:2 3:b:30:3", "6:a:99:- 7:a:20:2 8:a:10:2");
        assert_eq!(found(source, destination), (vec![(2, 7)], vec![3], vec![], [vec![1], vec![6, 8]]));
        assert_eq!(found("1:a:10:1=p", "6:a:9:1"), (vec![], vec![], vec![], [vec![1], vec![6]]));
        assert_eq!(found("1:a:10:1=p 2:a:9:5=q", "6:a:9:1=q 8:a:9:1=r").0, [(2, 6)]);
        assert_eq!(found("1:a:10:1=p", "6:a:9:1=q"), (vec![], vec![1], vec![6], SETTLED));
    }

    #[test]
    fn rewritten_message_is_one_if_its_date_is() {
        assert_eq!(found("1:a:10:1=p", "6:a:12:1=P").0, [(1, 6)]);
        assert_eq!(found("1:a:10:1=p", "6:a:12:2=P"), (vec![], vec![1], vec![6], SETTLED));
        assert_eq!(found("1:a:10:1=p 2:a:9:1=P", "6:a:12:1=P").0, [(2, 6)], "the same octets come first");
    }

    #[test]
    fn records_alike_are_paired_in_uid_order() {
        assert_eq!(found("3:a:9:5 1:a:9:5", "8:a:9:5 6:a:9:5").0, [(1, 6), (3, 8)]);
    }

    #[test]
    fn twins_in_another_order_are_told_apart_by_their_flags_and_dates() {
        assert_eq!(found("1:a:9:5:x 2:a:9:5", "7:a:9:5 8:a:9:5:X").0, [(1, 8), (2, 7)]);
        assert_eq!(found("1:a:9:5:x 2:a:9:5", "7:a:9:5 8:a:9:5:y").0, [(1, 8), (2, 7)]);
        assert_eq!(found("1:a:9:5=p 2:a:9:6=p", "7:a:8:6=p 8:a:8:5=p").0, [(1, 8), (2, 7)]);
    }

    #[test]
    fn other_identities_never_pair() {
        assert_eq!(found("1:a:9:5=p", "1:b:9:5=p"), (vec![], vec![1], vec![1], SETTLED));
    }
}

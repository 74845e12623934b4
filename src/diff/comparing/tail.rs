//! What stands at the end of a destination mailbox after a break: which of it is what was to be copied. Pure.
//!
//! 1. A message is ours ([`LinkOrigin::Reconciled`]) only where a break of ours explains it, and it is as we sent it, in size
//!    and date. Else it is at most adopted: mail that came there by another way looks alike, and is not ours to delete.
//! 2. What a server stored under another identity (some add a Message-ID) is recognised by its date and its text.

use super::matching::{Judge, match_records};
use super::same;
use crate::model::{FlagCapacity, Flags, Link, LinkOrigin, MessageRecord, Side};
use std::collections::HashMap;

/// How the end of a mailbox is looked at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub keeps: same::Keeps,
    pub contents: same::Contents<'a>,
    /// What the mailbox keeps of flags.
    pub capacity: &'a FlagCapacity,
    /// A connection of ours broke, or an answer told too little.
    pub broken: bool,
}

/// What was recognised.
#[derive(Default)]
pub struct Recognised {
    pub links: Vec<Link>,
    /// Source records that are not there.
    pub absent: Vec<MessageRecord>,
    /// Records of both sides of which it cannot be told before they are read.
    pub unsettled: [Vec<MessageRecord>; 2],
}

/// Matches what is pending with what has landed, which shrinks by what was used or is unsettled.
pub fn recognise(pending: Vec<MessageRecord>, landed: &mut Vec<MessageRecord>, look: Look<'_>) -> Recognised {
    let judge = Judge { keeps: look.keeps, contents: look.contents };
    let matched = match_records(pending, landed, judge);
    let links = matched.pairs.iter().filter_map(|(record, copy)| link(record, copy, look)).collect();
    Recognised { links, absent: matched.unmatched, unsettled: matched.unsettled }
}

/// What of both is to be read to recognise messages under another identity: those of one date.
pub fn of_one_date(absent: &[MessageRecord], landed: &[MessageRecord]) -> [Vec<MessageRecord>; 2] {
    let dates = |records: &[MessageRecord]| records.iter().filter_map(|record| record.internal_date).collect();
    let (ours, theirs): (std::collections::HashSet<_>, std::collections::HashSet<_>) = (dates(absent), dates(landed));
    let shared =
        |record: &&MessageRecord| record.internal_date.is_some_and(|it| ours.contains(&it) && theirs.contains(&it));
    [absent, landed].map(|records| records.iter().filter(shared).cloned().collect())
}

/// Rule 2, for what was read. What was used is taken out of both.
pub fn recognise_renamed(
    absent: &mut Vec<MessageRecord>,
    landed: &mut Vec<MessageRecord>,
    look: Look<'_>,
) -> Vec<Link> {
    let key = |side, record: &MessageRecord| same::under_another_identity(record, &(look.contents)(side, record)?);
    let mut offered: HashMap<_, Vec<usize>> = HashMap::new();
    for (number, copy) in landed.iter().enumerate().rev() {
        if let Some(key) = key(Side::Destination, copy) {
            offered.entry(key).or_default().push(number);
        }
    }
    let (mut links, mut used) = (Vec::new(), Vec::new());
    absent.retain(|record| {
        let found = key(Side::Source, record).and_then(|key| offered.get_mut(&key)?.pop());
        let tied = found.and_then(|number| Some((number, link(record, &landed[number], look)?)));
        tied.map(|(number, link)| (used.push(number), links.push(link))).is_none()
    });
    used.sort_unstable();
    for number in used.into_iter().rev() {
        landed.remove(number);
    }
    links
}

fn link(record: &MessageRecord, copy: &MessageRecord, look: Look<'_>) -> Option<Link> {
    let wanted = record.flags.within(look.capacity);
    let mut link = Link {
        source: record.uid,
        destination: copy.uid,
        agreed: wanted.shared_with(&copy.flags),
        lost: Flags::none(),
        origin: LinkOrigin::Adopted,
        octets: record.octets,
        date: record.internal_date,
        source_octets: None,
        altered: None,
        identity: record.identity?,
    };
    link.altered = same::alteration(&link, copy);
    if look.broken && same::is_as_sent(record, copy, look.contents) {
        link.origin = LinkOrigin::Reconciled;
    }
    Some(link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Content, Digest, InternalDate, Uid};

    /// `uid:identity:octets:date`; the octets are told by the size, and the text is the same for all.
    fn records(text: &str) -> Vec<MessageRecord> {
        let record = |word: &str| {
            let facts: Vec<i64> = word.split(':').map(|fact| fact.parse().unwrap()).collect();
            let (identity, flags) = (Some(Digest([facts[1] as u8; 16])), Flags::none());
            let internal_date = Some(InternalDate(facts[3]));
            MessageRecord { uid: Uid(facts[0] as u32), octets: facts[2] as u64, internal_date, flags, identity }
        };
        text.split_whitespace().map(record).collect()
    }

    fn read(_: Side, record: &MessageRecord) -> Option<Content> {
        Some(Content { octets: [record.octets as u8; 32], text: Digest([7; 16]) })
    }

    fn shown(links: &[Link]) -> Vec<(u32, u32, LinkOrigin)> {
        links.iter().map(|link| (link.source.0, link.destination.0, link.origin)).collect()
    }

    fn look(broken: bool, capacity: &FlagCapacity) -> Look<'_> {
        Look { keeps: same::Keeps::ALL, contents: &read, capacity, broken }
    }

    #[test]
    fn what_landed_is_ours_only_after_a_break_and_as_it_was_sent() {
        use LinkOrigin::{Adopted, Reconciled};
        let everything = FlagCapacity::everything();
        let recognised = |broken, pending: &str, landed: &str| {
            let found = recognise(records(pending), &mut records(landed), look(broken, &everything));
            (shown(&found.links), found.absent.len())
        };
        assert_eq!(recognised(true, "1:1:9:5", "7:1:9:5"), (vec![(1, 7, Reconciled)], 0));
        assert_eq!(recognised(false, "1:1:9:5", "7:1:9:5"), (vec![(1, 7, Adopted)], 0), "the mailbox only grew");
        // The same octets came by another way a second later; and with other lines of the way that they went.
        assert_eq!(recognised(true, "1:1:9:5", "7:1:9:6"), (vec![(1, 7, Adopted)], 0));
        assert_eq!(recognised(true, "1:1:9:5", "7:1:12:6"), (vec![], 1));
    }

    #[test]
    fn message_under_another_identity_is_recognised_by_date_and_text() {
        let everything = FlagCapacity::everything();
        let (mut absent, mut landed) = (records("1:1:9:5 2:2:9:6"), records("7:8:30:5 8:9:30:4"));
        assert_eq!(of_one_date(&absent, &landed).map(|records| records.len()), [1, 1]);
        let links = recognise_renamed(&mut absent, &mut landed, look(true, &everything));
        assert_eq!(shown(&links), [(1, 7, LinkOrigin::Adopted)]);
        assert_eq!((absent.len(), landed.len(), links[0].altered.is_some()), (1, 1, true));
    }
}

//! UIDs, UIDVALIDITY and MODSEQ as distinct types, and sets of UIDs as ranges (RFC 9051 2.3.1, RFC 7162 3.1).
//!
//! A [`UidSet`] never expands a range: `1:4294967294` from a server costs eight octets.

use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A unique identifier of a message within one mailbox and one UIDVALIDITY; never 0 when a server sent it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Uid(pub u32);

/// The value that makes UIDs of a mailbox comparable. 0 means that the server gave none, or none that lasts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct UidValidity(pub u32);

/// A modification sequence (63 bits on the wire). 0 means that the mailbox has none (RFC 7162 3.1.2.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct ModSeq(pub u64);

impl Uid {
    /// No server gives it: the destination message of a link is not there under the UIDVALIDITY of now.
    pub const NOWHERE: Uid = Uid(0);

    /// From here on UIDs stand for source messages of links that are not there under the UIDVALIDITY of now. A server would
    /// have to give out four billion UIDs to come so far.
    pub const LOST: Uid = Uid(0xf000_0000);

    /// Whether it is a stand-in of ours, under which there is no message.
    pub fn is_stand_in(self) -> bool {
        self == Uid::NOWHERE || self >= Uid::LOST
    }

    /// The UID after this one, or `None` at the end of the 32-bit space.
    pub fn next(self) -> Option<Uid> {
        self.0.checked_add(1).map(Uid)
    }
}

impl UidValidity {
    /// Whether UIDs of a mailbox with this value may be remembered at all.
    pub fn is_lasting(self) -> bool {
        self.0 != 0
    }
}

macro_rules! plain_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
    )*};
}
plain_number!(Uid, UidValidity, ModSeq);

/// A set of UIDs: ascending, disjoint, non-adjacent closed ranges, the last UID of each by its first.
///
/// A tree and not a list: UIDs are put in and taken out one by one as a server names them, and that may be in any order.
/// A list would move all that stands behind, which for a million scattered UIDs takes hours.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenRanges")]
pub struct UidSet {
    #[serde(serialize_with = "write_ranges")]
    ranges: BTreeMap<u32, u32>,
}

/// Ranges as they may stand in a file: in any order, until they were looked at.
#[derive(Deserialize)]
struct WrittenRanges {
    ranges: Vec<(u32, u32)>,
}

/// As pairs.
fn write_ranges<S: Serializer>(ranges: &BTreeMap<u32, u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ranges)
}

impl From<WrittenRanges> for UidSet {
    fn from(WrittenRanges { mut ranges }: WrittenRanges) -> Self {
        ranges.retain(|(first, last)| 0 < *first && first <= last);
        Self::from_ranges(ranges)
    }
}

impl UidSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The closed range `first..=last`; empty when `first > last`.
    pub fn range(first: Uid, last: Uid) -> Self {
        UidSet { ranges: (first <= last).then_some((first.0, last.0)).into_iter().collect() }
    }

    /// Reads an RFC 9051 sequence set of UIDs such as `2:3,7`. `*` and 0 are refused; ranges may come in any order.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once(':').unwrap_or((part, part));
            let (first, last) = (parse_number(first)?, parse_number(last)?);
            ranges.push((first.min(last), first.max(last)));
        }
        Some(Self::from_ranges(ranges))
    }

    fn from_ranges(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(previous) if first <= previous.1.saturating_add(1) => previous.1 = previous.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        UidSet { ranges: merged.into_iter().collect() }
    }

    /// Adds one UID; logarithmic in the number of ranges, in whatever order they come.
    pub fn insert(&mut self, uid: Uid) {
        // What begins right behind it cannot be there where the UID is in the set already.
        let last = uid.next().and_then(|next| self.ranges.remove(&next.0)).unwrap_or(uid.0);
        match self.ranges.range_mut(..=uid.0).next_back() {
            Some((_, end)) if *end >= uid.0 => {}
            Some((_, end)) if *end + 1 == uid.0 => *end = last,
            _ => drop(self.ranges.insert(uid.0, last)),
        }
    }

    /// Takes one UID out; logarithmic in the number of ranges.
    pub fn remove(&mut self, uid: Uid) {
        let Some((&first, &last)) = self.ranges.range(..=uid.0).next_back().filter(|(_, last)| **last >= uid.0) else {
            return;
        };
        match first < uid.0 {
            true => drop(self.ranges.insert(first, uid.0 - 1)),
            false => drop(self.ranges.remove(&first)),
        }
        if uid.0 < last {
            self.ranges.insert(uid.0 + 1, last);
        }
    }

    /// Adds all of `other`, range by range.
    pub fn merge(&mut self, other: &UidSet) {
        *self =
            Self::from_ranges(self.ranges.iter().chain(&other.ranges).map(|(first, last)| (*first, *last)).collect());
    }

    /// What is in this set and not in `other`; linear in the ranges of both.
    pub fn without(&self, other: &UidSet) -> UidSet {
        let (mut left, mut cuts) = (BTreeMap::new(), other.ranges.iter().peekable());
        for (&first, &last) in &self.ranges {
            let mut next = Some(first);
            while let (Some(from), Some((&begin, &end))) = (next, cuts.peek().copied()) {
                if end < from {
                    cuts.next();
                    continue;
                }
                if begin > last {
                    break;
                }
                if from < begin {
                    left.insert(from, begin - 1);
                }
                next = end.checked_add(1).filter(|from| *from <= last);
                if end <= last {
                    cuts.next();
                }
            }
            if let Some(from) = next.filter(|from| *from <= last) {
                left.insert(from, last);
            }
        }
        UidSet { ranges: left }
    }

    /// The first `count` UIDs of it, and the others.
    pub fn split(&self, count: u64) -> (UidSet, UidSet) {
        let mut parts = self.chunks(usize::MAX, count).into_iter();
        let head = parts.next().unwrap_or_default();
        let tail = self.without(&head);
        (head, tail)
    }

    /// Whether the UID is in the set; logarithmic in the number of ranges.
    pub fn contains(&self, uid: Uid) -> bool {
        self.ranges.range(..=uid.0).next_back().is_some_and(|(_, last)| *last >= uid.0)
    }

    /// How many UIDs the set holds.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The smallest UID.
    pub fn first(&self) -> Option<Uid> {
        self.ranges.first_key_value().map(|(first, _)| Uid(*first))
    }

    /// The largest UID.
    pub fn last(&self) -> Option<Uid> {
        self.ranges.last_key_value().map(|(_, last)| Uid(*last))
    }

    /// The closed ranges, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (Uid, Uid)> + '_ {
        self.ranges.iter().map(|(first, last)| (Uid(*first), Uid(*last)))
    }

    /// Each UID, ascending. Only for sets that we made: a server's range may span 2^32.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        self.ranges.iter().flat_map(|(first, last)| (*first..=*last).map(Uid))
    }

    /// Splits into sets whose text is at most `octets` long and that hold at most `count` UIDs each.
    pub fn chunks(&self, octets: usize, count: u64) -> Vec<UidSet> {
        let mut chunks = Vec::new();
        let (mut current, mut length, mut held) = (UidSet::new(), 0usize, 0u64);
        for (&(mut first), &last) in &self.ranges {
            loop {
                let room = count.max(1) - held;
                let upto = last.min(first.saturating_add(u32::try_from(room - 1).unwrap_or(u32::MAX)));
                let text = range_length(first, upto);
                if !current.is_empty() && length + text > octets {
                    chunks.push(std::mem::take(&mut current));
                    (length, held) = (0, 0);
                    continue;
                }
                current.ranges.insert(first, upto);
                length += text;
                held += u64::from(upto - first) + 1;
                if held >= count.max(1) {
                    chunks.push(std::mem::take(&mut current));
                    (length, held) = (0, 0);
                }
                if upto == last {
                    break;
                }
                first = upto + 1;
            }
        }
        if !current.is_empty() {
            chunks.push(current);
        }
        chunks
    }
}

fn parse_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|&number| digits && number != 0)
}

fn range_length(first: u32, last: u32) -> usize {
    let digits = |number: u32| number.checked_ilog10().map_or(1, |log| log as usize + 1);
    if first == last { digits(first) + 1 } else { digits(first) + digits(last) + 2 }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut set = UidSet::new();
        uids.into_iter().for_each(|uid| set.insert(uid));
        set
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}:{last}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_unordered_overlapping_ranges_merges_them() {
        let set = UidSet::parse(b"7,2:3,4,20:9").unwrap();
        assert_eq!(set.to_string(), "2:4,7,9:20");
        assert_eq!(set.len(), 16);
    }

    #[test]
    fn parse_star_zero_or_junk_is_refused() {
        for text in ["1:*", "0", "", "1,,2", "+1", "4294967296", "a"] {
            assert_eq!(UidSet::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn ranges_from_a_file_that_are_none_are_dropped() {
        let set: UidSet = serde_json::from_str(r#"{"ranges":[[9,9],[5,3],[0,4],[2,3],[1,2]]}"#).unwrap();
        assert_eq!(set.to_string(), "1:3,9");
    }

    #[test]
    fn huge_range_is_not_expanded() {
        let set = UidSet::parse(b"1:4294967295").unwrap();
        assert!(set.contains(Uid(4_000_000_000)));
        assert_eq!(set.len(), u64::from(u32::MAX));
    }

    #[test]
    fn insert_out_of_order_keeps_the_set_sorted() {
        let set: UidSet = [5, 1, 2, 9, 3, 4].into_iter().map(Uid).collect();
        assert_eq!(set.to_string(), "1:5,9");
    }

    #[test]
    fn remove_splits_and_shrinks_ranges() {
        let mut set = UidSet::parse(b"1:5,8").unwrap();
        [3, 8, 1, 7].into_iter().for_each(|uid| set.remove(Uid(uid)));
        assert_eq!(set.to_string(), "2,4:5");
    }

    #[test]
    fn without_and_split_cut_ranges() {
        let set = |text: &str| UidSet::parse(text.as_bytes()).unwrap();
        for (from, cut, left) in [
            ("1:10", "3:4,10", "1:2,5:9"),
            ("1:3,7:9", "2:8", "1,9"),
            ("5", "1:4294967295", ""),
            ("4294967294:4294967295", "4294967295", "4294967294"),
            ("1:5", "6:9", "1:5"),
            ("1:2,4:5,7:8", "4:5", "1:2,7:8"),
        ] {
            assert_eq!(set(from).without(&set(cut)).to_string(), left);
        }
        let (head, tail) = set("1:3,7:9").split(4);
        assert_eq!((head.to_string(), tail.to_string()), ("1:3,7".to_owned(), "8:9".to_owned()));
    }

    /// A server may name messages in any order; with a list of ranges this took minutes.
    #[test]
    fn scattered_uids_in_any_order_cost_no_more_each() {
        const SCATTERED: u32 = 300_000;
        let odd = || (0..SCATTERED).map(|number| Uid(2 * number + 1));
        let mut set: UidSet = odd().rev().collect();
        assert_eq!(set, odd().collect());
        assert_eq!(set.ranges().count(), SCATTERED as usize);
        odd().for_each(|uid| set.remove(uid));
        assert!(set.is_empty());
    }

    #[test]
    fn set_is_written_as_a_list_of_ranges() {
        let set = UidSet::parse(b"1:3,9").unwrap();
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"{"ranges":[[1,3],[9,9]]}"#);
    }

    #[test]
    fn chunks_respect_octets_and_count_and_lose_nothing() {
        let set: UidSet = (1..2000).filter(|n| n % 3 != 0).map(Uid).collect();
        let chunks = set.chunks(100, 25);
        assert!(chunks.iter().all(|chunk| chunk.to_string().len() <= 100 && chunk.len() <= 25));
        let joined: UidSet = chunks.iter().flat_map(|chunk| chunk.iter().collect::<Vec<_>>()).collect();
        assert_eq!(joined, set);
        assert_eq!(UidSet::range(Uid(1), Uid(10)).chunks(100, 4).len(), 3);
    }
}

//! Records in little memory, for mailboxes of a million messages: 32 octets for each, however many flags it has.

use crate::model::{Digest, Flags, InternalDate, MessageRecord, Uid};
use std::collections::HashMap;

/// Sets of flags, each kept once as it is spelt. Messages have few different ones.
#[derive(Default)]
pub(in crate::diff) struct FlagSets {
    sets: Vec<Flags>,
    numbers: HashMap<String, u32>,
    /// What most messages have is what the one before had.
    last: String,
    last_number: u32,
}

impl FlagSets {
    /// The number of this set.
    pub(in crate::diff) fn number(&mut self, flags: &Flags) -> u32 {
        let mut key = String::with_capacity(self.last.len());
        flags.texts().for_each(|text| key.extend([text, " "]));
        if self.sets.is_empty() || key != self.last {
            self.last_number = *self.numbers.entry(key.clone()).or_insert_with(|| {
                self.sets.push(flags.clone());
                (self.sets.len() - 1) as u32
            });
            self.last = key;
        }
        self.last_number
    }

    /// The set of this number.
    pub(in crate::diff) fn get(&self, number: u32) -> &Flags {
        &self.sets[number as usize]
    }
}

/// Records by number, in whatever order they were added or sorted.
#[derive(Default)]
pub(in crate::diff) struct Roster {
    records: Vec<Packed>,
    flags: FlagSets,
    /// Sizes and dates that do not fit: of messages above 4 GiB, or before 1970 or after 2106.
    wide: HashMap<Uid, (u64, i64)>,
}

struct Packed {
    /// All zeroes where none is known.
    identity: Digest,
    octets: u32,
    seconds: u32,
    uid: Uid,
    /// [`MARKS`] times the number of the set of flags, and what is known: [`DATED`], [`IDENTIFIED`], [`WIDE`].
    flags_and_known: u32,
}

const DATED: u32 = 1;
const IDENTIFIED: u32 = 2;
/// Size and date stand elsewhere.
const WIDE: u32 = 4;
const MARKS: u32 = 8;

impl Packed {
    /// What records are sorted by.
    fn identity(&self) -> Option<Digest> {
        (self.flags_and_known & IDENTIFIED != 0).then_some(self.identity)
    }
}

impl Roster {
    pub(in crate::diff) fn add(&mut self, record: &MessageRecord) {
        let MessageRecord { uid, octets, internal_date, flags, identity } = record;
        let seconds = internal_date.map_or(0, |date| date.0);
        let mut known = self.flags.number(flags) * MARKS;
        known += if internal_date.is_some() { DATED } else { 0 };
        known += if identity.is_some() { IDENTIFIED } else { 0 };
        let narrow = (u32::try_from(*octets), u32::try_from(seconds));
        let (octets, seconds) = if let (Ok(octets), Ok(seconds)) = narrow {
            (octets, seconds)
        } else {
            known += WIDE;
            self.wide.insert(*uid, (*octets, seconds));
            (0, 0)
        };
        let identity = identity.unwrap_or(Digest([0; 16]));
        self.records.push(Packed { identity, octets, seconds, uid: *uid, flags_and_known: known });
    }

    pub(in crate::diff) fn sort_by_identity(&mut self) {
        self.records.sort_unstable_by_key(|record| (record.identity(), record.uid));
    }

    pub(in crate::diff) fn sort_by_uid(&mut self) {
        self.records.sort_unstable_by_key(|record| record.uid);
    }

    /// The number of the record of this UID; sorted by UID.
    pub(in crate::diff) fn number_of(&self, uid: Uid) -> Option<usize> {
        self.records.binary_search_by_key(&uid, |record| record.uid).ok()
    }

    /// The number of the first record of this identity, if it is one; sorted by identity.
    pub(in crate::diff) fn first_of(&self, identity: Option<Digest>) -> Option<usize> {
        identity?;
        let first = self.records.partition_point(|record| record.identity() < identity);
        self.records.get(first).is_some_and(|record| record.identity() == identity).then_some(first)
    }

    /// The numbers of all records that share the identity of the one with this number; sorted by identity.
    pub(in crate::diff) fn alike(&self, first: usize) -> std::ops::Range<usize> {
        let identity = self.records[first].identity();
        let count = self.records[first..].iter().take_while(|record| record.identity() == identity).count();
        first..first + count
    }

    pub(in crate::diff) fn get(&self, number: usize) -> MessageRecord {
        let record = &self.records[number];
        let is = |mark: u32| record.flags_and_known & mark != 0;
        let narrow = (u64::from(record.octets), i64::from(record.seconds));
        let (octets, seconds) = self.wide.get(&record.uid).copied().filter(|_| is(WIDE)).unwrap_or(narrow);
        MessageRecord {
            uid: record.uid,
            octets,
            internal_date: is(DATED).then_some(InternalDate(seconds)),
            flags: self.flags.get(record.flags_and_known / MARKS).clone(),
            identity: record.identity(),
        }
    }

    pub(in crate::diff) fn len(&self) -> usize {
        self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(uid: u32, identity: u8, date: Option<i64>, flags: &[&str]) -> MessageRecord {
        MessageRecord {
            uid: Uid(uid),
            octets: u64::from(uid) << 40,
            internal_date: date.map(InternalDate),
            flags: Flags::from_texts(flags.iter().copied()),
            identity: Some(Digest([identity; 16])).filter(|_| identity != 0),
        }
    }

    #[test]
    fn records_come_out_as_they_went_in_and_keywords_as_they_are_spelt() {
        let records = [
            record(9, 3, Some(i64::MIN), &["\\Seen", "Work"]),
            record(8, 0, None, &[]),
            record(7, 3, Some(0), &["\\Seen", "work"]),
            record(6, 2, Some(5), &["\\Seen", "Work"]),
        ];
        let mut roster = Roster::default();
        records.iter().for_each(|record| roster.add(record));
        for (number, record) in records.iter().enumerate() {
            assert_eq!(roster.get(number), *record);
            assert_eq!(roster.get(number).flags.texts().collect::<Vec<_>>(), record.flags.texts().collect::<Vec<_>>());
        }
        roster.sort_by_identity();
        assert_eq!(roster.first_of(Some(Digest([3; 16]))).map(|first| roster.alike(first)), Some(2..4));
        assert_eq!((roster.get(2).uid, roster.first_of(Some(Digest([4; 16])))), (Uid(7), None));
        assert_eq!(roster.first_of(None), None, "what is not known is no identity");
        roster.sort_by_uid();
        assert_eq!([6, 7, 9, 5, 10].map(|uid| roster.number_of(Uid(uid))), [Some(0), Some(1), Some(3), None, None]);
    }
}

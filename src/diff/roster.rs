//! Records in little memory, for mailboxes of a million messages: 40 octets for each, however many flags it has.

use crate::model::{Digest, Flags, InternalDate, MessageRecord, Uid};
use std::collections::HashMap;

/// Sets of flags, each kept once as it is spelt. Messages have few different ones.
#[derive(Default)]
pub(super) struct FlagSets {
    sets: Vec<Flags>,
    numbers: HashMap<String, u32>,
    /// What most messages have is what the one before had.
    last: String,
    last_number: u32,
}

impl FlagSets {
    /// The number of this set.
    pub(super) fn number(&mut self, flags: &Flags) -> u32 {
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
    pub(super) fn get(&self, number: u32) -> &Flags {
        &self.sets[number as usize]
    }
}

/// Records by number, in whatever order they were added or sorted.
#[derive(Default)]
pub(super) struct Roster {
    records: Vec<Packed>,
    flags: FlagSets,
}

struct Packed {
    /// All zeroes where none is known.
    identity: Digest,
    octets: u64,
    seconds: i64,
    uid: Uid,
    /// Four times the number of the set of flags, and what is known: [`DATED`], [`IDENTIFIED`].
    flags_and_known: u32,
}

const DATED: u32 = 1;
const IDENTIFIED: u32 = 2;

impl Packed {
    /// What records are sorted by.
    fn identity(&self) -> Option<Digest> {
        (self.flags_and_known & IDENTIFIED != 0).then_some(self.identity)
    }
}

impl Roster {
    pub(super) fn add(&mut self, record: &MessageRecord) {
        let MessageRecord { uid, octets, internal_date, flags, identity } = record;
        let dated = if internal_date.is_some() { DATED } else { 0 };
        let identified = if identity.is_some() { IDENTIFIED } else { 0 };
        self.records.push(Packed {
            identity: identity.unwrap_or(Digest([0; 16])),
            octets: *octets,
            seconds: internal_date.map_or(0, |date| date.0),
            uid: *uid,
            flags_and_known: self.flags.number(flags) * 4 + dated + identified,
        });
    }

    pub(super) fn sort_by_identity(&mut self) {
        self.records.sort_unstable_by_key(|record| (record.identity(), record.uid));
    }

    /// The number of the first record of this identity, if it is one; sorted by identity.
    pub(super) fn first_of(&self, identity: Option<Digest>) -> Option<usize> {
        identity?;
        let first = self.records.partition_point(|record| record.identity() < identity);
        self.records.get(first).is_some_and(|record| record.identity() == identity).then_some(first)
    }

    /// The numbers of all records that share the identity of the one with this number; sorted by identity.
    pub(super) fn alike(&self, first: usize) -> std::ops::Range<usize> {
        let identity = self.records[first].identity();
        let count = self.records[first..].iter().take_while(|record| record.identity() == identity).count();
        first..first + count
    }

    pub(super) fn get(&self, number: usize) -> MessageRecord {
        let record = &self.records[number];
        MessageRecord {
            uid: record.uid,
            octets: record.octets,
            internal_date: (record.flags_and_known & DATED != 0).then_some(InternalDate(record.seconds)),
            flags: self.flags.get(record.flags_and_known / 4).clone(),
            identity: record.identity(),
        }
    }

    pub(super) fn len(&self) -> usize {
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
    }
}

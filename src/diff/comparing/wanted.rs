//! Which messages the user wants copied: `since`, `before`, `min_message_size`, `unseen`, `flagged` and `search` of `[sync]`.
//!
//! 1. Asked is only what would be copied otherwise: what is there already stays, and what was copied goes on to be followed.
//! 2. What is not known of a message is no reason to leave it out.

use crate::model::policy::MessageFilter;
use crate::model::{MessageRecord, Outcome, SystemFlag, Uid, UidSet};

/// Why the message is left out; `None` when it is wanted. Short, for there may be a million of them.
pub fn objection(filter: &MessageFilter, record: &MessageRecord) -> Option<&'static str> {
    let MessageFilter { since, before, min_octets, unseen, flagged } = *filter;
    let date = record.internal_date;
    if date.zip(since).is_some_and(|(date, since)| date < since) {
        Some("its date is before `since` in [sync]")
    } else if date.zip(before).is_some_and(|(date, before)| date >= before) {
        Some("its date is not before `before` in [sync]")
    } else if min_octets.is_some_and(|least| record.octets < least) {
        Some("it is smaller than min_message_size in [sync]")
    } else if unseen && record.flags.has(SystemFlag::Seen) {
        Some("it is seen, and `unseen` is set in [sync]")
    } else if flagged && !record.flags.has(SystemFlag::Flagged) {
        Some("it is not flagged, and `flagged` is set in [sync]")
    } else {
        None
    }
}

/// Why a message is left out that is in another mailbox, too, and copied with that.
pub(in crate::diff) const ELSEWHERE: &str = "it is copied with another mailbox";

/// Both ways.
pub(in crate::diff) const SECOND_COPY: &str = "it may be a second copy of ours, which the next sync looks at";

/// Why a message is left out that the destination made one with another of its octets.
pub const MERGED: &str = "the destination keeps it as one message with another of the same content";

/// What became of a message that the destination stored, and of which this was noted.
pub fn stored(why: String) -> Outcome {
    if why == MERGED { Outcome::Skipped(why) } else { Outcome::NotFoundAgain(why) }
}

/// Why a message is left out that the user's own search did not find.
pub(in crate::diff) fn unfound(found: Option<&UidSet>, uid: Uid) -> Option<&'static str> {
    found.is_some_and(|found| !found.contains(uid)).then_some("`search` in [sync] does not find it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Flags, InternalDate};

    fn record(date: Option<i64>, octets: u64, flags: &[&str]) -> MessageRecord {
        let flags = Flags::from_texts(flags.iter().copied());
        MessageRecord { uid: Uid(1), octets, internal_date: date.map(InternalDate), flags, identity: None }
    }

    #[test]
    fn each_setting_leaves_out_what_it_says() {
        let filter = MessageFilter {
            since: Some(InternalDate(10)),
            before: Some(InternalDate(20)),
            min_octets: Some(5),
            ..MessageFilter::default()
        };
        let cases = [
            (record(Some(10), 5, &[]), true),
            (record(Some(19), 5, &[]), true),
            (record(Some(9), 5, &[]), false),
            (record(Some(20), 5, &[]), false),
            (record(Some(10), 4, &[]), false),
            (record(None, 5, &[]), true),
        ];
        for (record, wanted) in cases {
            assert_eq!(objection(&filter, &record).is_none(), wanted, "{record:?}");
        }
        let unseen = MessageFilter { unseen: true, ..MessageFilter::default() };
        let flagged = MessageFilter { flagged: true, ..MessageFilter::default() };
        assert!(objection(&unseen, &record(None, 0, &["\\Seen"])).is_some());
        assert!(objection(&flagged, &record(None, 0, &["\\Seen"])).is_some());
        assert!(objection(&flagged, &record(None, 0, &["\\Flagged"])).is_none());
        assert!(objection(&MessageFilter::default(), &record(Some(0), 0, &["\\Seen"])).is_none());
    }
}

//! What cannot be kept of messages that are there, octet for octet: flags, keywords, dates, order. One account of it is
//! shared by plan, sync and verify.

use super::Flags;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the destination cannot keep, or the source does not tell. Not a failure, and never hidden.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Losses {
    /// System flags and keywords that the destination does not keep, and on how many messages each stands.
    pub flags: BTreeMap<String, u64>,
    /// Messages whose date the destination cannot hold.
    pub dates: u64,
    /// Messages of which the source tells no date.
    pub untold_dates: u64,
    /// Copies of ours that stand behind one that came after them.
    pub out_of_order: u64,
    /// Messages with flags that are to be copied to where nobody knows what is kept of them. No loss yet: the copy shows it.
    pub unknown_flags: u64,
}

impl Losses {
    /// Counts what one message loses of its flags.
    pub fn add_flags(&mut self, lost: &Flags) {
        for flag in lost.texts() {
            match self.flags.get_mut(flag) {
                Some(count) => *count += 1,
                None => drop(self.flags.insert(flag.to_owned(), 1)),
            }
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Losses) {
        let Losses { flags, dates, untold_dates, out_of_order, unknown_flags } = other;
        for (flag, count) in flags {
            *self.flags.entry(flag.clone()).or_default() += count;
        }
        self.dates += dates;
        self.untold_dates += untold_dates;
        self.out_of_order += out_of_order;
        self.unknown_flags += unknown_flags;
    }

    /// Whether all is kept.
    pub fn is_empty(&self) -> bool {
        let Losses { flags, dates, untold_dates, out_of_order, unknown_flags: _ } = self;
        flags.is_empty() && dates + untold_dates + out_of_order == 0
    }

    /// Flags lost, over all messages.
    pub fn lost_flags(&self) -> u64 {
        self.flags.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_by_flag() {
        let mut losses = Losses::default();
        assert!(losses.is_empty());
        losses.add_flags(&Flags::from_texts(["\\Flagged", "work"]));
        losses.add_flags(&Flags::from_texts(["\\Flagged"]));
        losses.merge(&Losses { dates: 1, ..losses.clone() });
        assert_eq!(losses.flags, [("\\Flagged".to_owned(), 4), ("work".to_owned(), 2)].into());
        assert_eq!((losses.lost_flags(), losses.dates, losses.is_empty()), (6, 1, false));
    }
}

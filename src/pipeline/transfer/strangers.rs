//! Messages that came into a destination mailbox between those that we append: mail that others deliver there, or copies of the
//! very messages that we copy, where a second process works on the account. Their UIDs are those that our appends skipped.
//!
//! They are looked at before more is appended. There are servers whose UIDs always leave gaps (Zimbra counts over all mailboxes of
//! an account): each look that finds nothing doubles how many answers go by before the next.

use crate::model::{Uid, UidSet};

/// Answers to APPENDs that go by without a look, at most.
const MOST_PATIENT: u32 = 64;

/// What is not ours, as far as our own UIDs tell.
#[derive(Default)]
pub struct Strangers {
    /// The UID that the next message gets if nobody else comes; `None` where the server does not tell.
    next: Option<Uid>,
    found: UidSet,
    /// Answers with gaps before them since the last look, and how many call for one.
    passed: u32,
    patience: u32,
}

impl Strangers {
    /// The mailbox was looked at up to that UID.
    pub fn expect(&mut self, next: Option<Uid>) {
        self.next = next;
    }

    /// Whether a mailbox whose UIDNEXT is that holds more than is expected.
    pub fn came_before(&self, next: Option<Uid>) -> bool {
        self.next.is_some() && next > self.next
    }

    /// Messages of ours were stored under these UIDs, which ascend.
    pub fn note(&mut self, ours: &[Uid]) {
        let before = self.found.len();
        for uid in ours {
            if let Some(next) = self.next
                && next < *uid
            {
                self.found.merge(&UidSet::range(next, Uid(uid.0 - 1)));
            }
            self.next = uid.next();
        }
        self.passed += u32::from(self.found.len() > before);
    }

    /// Whether they are to be looked at before anything more is appended.
    pub fn are_due(&self) -> bool {
        self.passed > self.patience
    }

    /// Whether there are any that were not looked at.
    pub fn are_unknown(&self) -> bool {
        !self.found.is_empty()
    }

    /// Their UIDs.
    pub fn uids(&self) -> &UidSet {
        &self.found
    }

    /// They were looked at, and some of them were there.
    pub fn looked(&mut self, were_there: bool) {
        self.patience = if were_there { 0 } else { (self.patience * 2).clamp(1, MOST_PATIENT) };
        (self.found, self.passed) = (UidSet::new(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(strangers: &mut Strangers, uids: impl IntoIterator<Item = u32>) {
        strangers.note(&uids.into_iter().map(Uid).collect::<Vec<_>>());
    }

    #[test]
    fn what_our_own_uids_skip_is_not_ours() {
        let mut strangers = Strangers::default();
        note(&mut strangers, 5..8);
        assert!(!strangers.are_unknown(), "nobody knows what came before the first");
        note(&mut strangers, [8, 10, 11]);
        note(&mut strangers, [15]);
        assert_eq!((strangers.uids().to_string().as_str(), strangers.are_due()), ("9,12:14", true));
        strangers.looked(true);
        assert!(!strangers.are_unknown() && !strangers.are_due());
        note(&mut strangers, [16]);
        assert!(!strangers.are_due());
        strangers.expect(Some(Uid(17)));
        assert_eq!([16, 17, 18].map(|next| strangers.came_before(Some(Uid(next)))), [false, false, true]);
        assert!(!strangers.came_before(None) && !Strangers::default().came_before(Some(Uid(9))));
    }

    #[test]
    fn gaps_with_nothing_in_them_are_looked_at_less_and_less_often() {
        let (mut strangers, mut looks) = (Strangers::default(), Vec::new());
        strangers.expect(Some(Uid(1)));
        for answer in 1..500 {
            note(&mut strangers, [answer * 10]);
            if strangers.are_due() {
                looks.push(answer);
                strangers.looked(false);
            }
        }
        assert_eq!(looks, [1, 3, 6, 11, 20, 37, 70, 135, 200, 265, 330, 395, 460]);
        strangers.looked(true);
        note(&mut strangers, [6000]);
        assert!(strangers.are_due());
    }
}

//! Messages that a server cannot answer for: where a FETCH of many is refused, or breaks the connection, those on which it
//! does are found by asking for ever smaller parts, so that each is given up alone and its neighbours are not.
//!
//! Only decisions: [`super::probing`] asks.

use crate::error::{Error, Kind};
use crate::model::{Uid, UidSet};
use std::collections::{BTreeMap, VecDeque};

/// Tries of one message alone, after which it is given up: the first break may have been the server's own.
const TRIES: u32 = 2;

/// Messages that may be given up one after the other, with none between them that comes: after that it is not them.
const IN_A_ROW: u32 = 4;

/// The messages that were given up, and why.
pub type Poisonous = BTreeMap<Uid, Error>;

/// What the messages of a mailbox came to.
#[derive(Default)]
pub struct Dissected {
    /// The others, as they were asked for and came.
    pub parts: Vec<UidSet>,
    pub poisonous: Poisonous,
}

/// Parts that are still to be asked for.
#[derive(Debug)]
pub struct Dissection {
    parts: VecDeque<UidSet>,
    came: Vec<UidSet>,
    poisonous: Poisonous,
    /// Of the first part, where it is one message, and how many there may be.
    tries: u32,
    most_tries: u32,
    /// Failures with nothing between them that came, and how many there may be.
    fruitless: u32,
    most_fruitless: u32,
}

impl Dissection {
    /// Nothing is known of these messages but that not all can be had together.
    pub fn of(parts: Vec<UidSet>) -> Dissection {
        let halvings = parts.iter().map(UidSet::len).max().unwrap_or(0).max(1).ilog2() + 1;
        let most_fruitless = halvings + TRIES * IN_A_ROW;
        Dissection {
            parts: parts.into(),
            came: Vec::new(),
            poisonous: Poisonous::new(),
            tries: 0,
            most_tries: TRIES,
            fruitless: 0,
            most_fruitless,
        }
    }

    /// Each of these was given up before: one try is enough to know that it still is.
    pub fn of_known(uids: &UidSet) -> Dissection {
        let parts = uids.chunks(usize::MAX, 1);
        Dissection { most_tries: 1, most_fruitless: u32::MAX, ..Dissection::of(parts) }
    }

    /// What is to be asked for next; nothing when all is known.
    pub fn next_part(&self) -> Option<&UidSet> {
        self.parts.front()
    }

    /// All of the first part came.
    pub fn answered(&mut self) {
        self.came.extend(self.parts.pop_front());
        (self.tries, self.fruitless) = (0, 0);
    }

    /// Of the first part only those came, if any. What did not is asked for in smaller parts: where some came, it is
    /// most likely the one after them.
    pub fn failed(&mut self, came: &UidSet, error: &Error) {
        let Some(part) = self.parts.pop_front() else { return };
        let left = part.without(came);
        let whole = part.without(&left);
        self.came.extend((!whole.is_empty()).then_some(whole));
        self.fruitless = if left.len() < part.len() { 0 } else { self.fruitless + 1 };
        match (left.first(), left.len()) {
            (None, _) => self.tries = 0,
            (Some(uid), 1) => {
                self.tries += 1;
                if self.tries < self.most_tries {
                    self.parts.push_front(left);
                } else {
                    self.poisonous.insert(uid, error.clone());
                    self.tries = 0;
                }
            }
            (Some(_), count) => {
                let first = if came.is_empty() { count / 2 } else { 1 };
                let (head, tail) = left.split(first);
                self.parts.push_front(tail);
                self.parts.push_front(head);
                self.tries = 0;
            }
        }
    }

    /// What it came to.
    pub fn into_dissected(self) -> Dissected {
        Dissected { parts: self.came, poisonous: self.poisonous }
    }

    /// It is not single messages.
    pub fn is_hopeless(&self) -> bool {
        self.fruitless > self.most_fruitless
    }
}

/// Why a message was given up, in a line.
pub fn reason(error: &Error) -> String {
    match error.kind() {
        Kind::Connection | Kind::Protocol => format!("the connection broke on it: {}", error.summary()),
        _ => error.summary(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uids(text: &str) -> UidSet {
        UidSet::parse(text.as_bytes()).expect("a set")
    }

    fn broken() -> Error {
        Error::new(Kind::Connection, "the server ended the connection")
    }

    /// What a server does that breaks on each of `poison`, and says which came before, or not. Returns what was given up
    /// and how often it broke.
    fn dissect(parts: Vec<UidSet>, poison: &UidSet, tells: bool) -> (UidSet, u32) {
        let (mut dissection, mut breaks) = (Dissection::of(parts), 0);
        while let Some(part) = dissection.next_part().cloned() {
            match part.iter().find(|uid| poison.contains(*uid)) {
                None => dissection.answered(),
                Some(at) => {
                    let before = part.iter().filter(|uid| tells && *uid < at).collect();
                    dissection.failed(&before, &broken());
                    breaks += 1;
                }
            }
            assert!(!dissection.is_hopeless(), "{dissection:?}");
        }
        (dissection.into_dissected().poisonous.into_keys().collect(), breaks)
    }

    #[test]
    fn dissection_finds_each_poisonous_message_and_no_other() {
        for poison in ["1", "7", "100000", "1,2", "3,4,5", "50:52,99999", "1,25000,50000,75000"].map(uids) {
            for tells in [false, true] {
                let (found, breaks) = dissect(vec![uids("1:100000")], &poison, tells);
                assert_eq!(found, poison);
                let most = poison.len() as u32 * (17 + TRIES);
                assert!(breaks <= most, "{poison}: {breaks} breaks, and {most} suffice");
            }
        }
    }

    #[test]
    fn dissection_of_a_server_that_tells_what_comes_before_needs_no_halving() {
        assert_eq!(dissect(vec![uids("1:100000")], &uids("70000"), true), (uids("70000"), 1 + TRIES));
    }

    #[test]
    fn dissection_of_one_message_tries_it_twice() {
        assert_eq!(dissect(vec![uids("9")], &uids("9"), false), (uids("9"), 2));
    }

    #[test]
    fn dissection_where_every_message_breaks_ends_soon() {
        let (mut dissection, mut breaks) = (Dissection::of(vec![uids("1:100000")]), 0);
        while !dissection.is_hopeless() {
            dissection.failed(&UidSet::new(), &broken());
            breaks += 1;
        }
        assert!(breaks < 40, "{breaks}");
    }
}

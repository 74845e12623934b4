//! What is sent, and when: commands leave in the order in which they were given, and no more octets of them are
//! unanswered at one time than lie on a connection unread.
//!
//! Most servers do not read while they write. One whose answers nobody takes stops reading, and who then goes on writing
//! waits for it for ever. So a command for which there is no room waits here, and leaves when an answer has made some:
//! whoever awaits an answer reads, and no caller is ahead by more, however much it gives.
//!
//! Not here: reading. The session tells what was answered, and writes what may leave.
//!
//! Invariants:
//! 1. The commands on their way are at most [`UNANSWERED_OCTETS`] together; a longer one goes alone.
//! 2. Commands leave in the order in which they were given.
//! 3. While an APPEND is open nothing else leaves, and it begins when nothing but APPENDs is unanswered: its literals
//!    are written without reading in between, and the answers to APPENDs are so short that they lie on the connection.
//! 4. An answer is one to a command that left, and only once.

use std::collections::{BTreeMap, VecDeque};

/// Octets of commands on their way. The sending end of a connection holds more on every system tried, so that writing
/// them never waits for the server.
pub const UNANSWERED_OCTETS: usize = 16 << 10;

/// A server may tell what nobody asked for, as other clients change what is open: so many octets between two answers
/// are forty thousand changed flags, and more is a server that never stops.
pub const UNASKED_OCTETS: u64 = 8 << 20;

/// The longest line of a response that was asked for; what is more on it counts as unasked for.
pub const WANTED_OCTETS: u64 = 4 << 10;

/// The tag of a command that was given and is not finished.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[must_use = "an answer that nobody reads stands in the way of the next"]
pub struct Tag(pub(in crate::engine) u32);

/// The commands of one connection, until they are answered.
#[derive(Default)]
pub(in crate::engine) struct Sender {
    last_tag: u32,
    /// Given, and not on their way yet.
    waiting: VecDeque<(Tag, Command)>,
    /// On their way: how many octets each is.
    unanswered: BTreeMap<Tag, Weight>,
    octets: usize,
    /// An APPEND has begun and not ended.
    is_open: bool,
    /// Untagged responses that the commands on their way may still bring.
    wanted: u64,
    /// Octets of others since the last answer.
    unasked: u64,
}

struct Command {
    line: Vec<u8>,
    /// How many untagged responses it asks for at most.
    responses: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Command(usize),
    /// Its literals are not counted (invariant 3).
    Append,
}

impl Sender {
    fn next_tag(&mut self) -> Tag {
        self.last_tag += 1;
        Tag(self.last_tag)
    }

    /// Takes a command that asks for so many untagged responses at most.
    pub fn give(&mut self, command: &[u8], responses: u64) -> Tag {
        let tag = self.next_tag();
        let line = [format!("m{} ", tag.0).as_bytes(), command].concat();
        self.waiting.push_back((tag, Command { line, responses }));
        tag
    }

    /// The next line that may leave now, if there is one: it is on its way from then on.
    pub fn release(&mut self) -> Option<Vec<u8>> {
        let length = self.waiting.front()?.1.line.len();
        let has_room = self.unanswered.is_empty() || self.octets + length <= UNANSWERED_OCTETS;
        if self.is_open || !has_room {
            return None;
        }
        let (tag, command) = self.waiting.pop_front()?;
        self.unanswered.insert(tag, Weight::Command(length));
        self.octets += length;
        self.wanted = self.wanted.saturating_add(command.responses);
        Some(command.line)
    }

    /// Whether an APPEND may begin (invariant 3).
    pub fn may_append(&self) -> bool {
        self.waiting.is_empty() && self.unanswered.values().all(|weight| *weight == Weight::Append)
    }

    /// Begins an APPEND.
    pub fn begin_append(&mut self) -> Tag {
        let tag = self.next_tag();
        self.unanswered.insert(tag, Weight::Append);
        self.is_open = true;
        tag
    }

    /// The APPEND is sent, or refused: other commands may leave again.
    pub fn end_append(&mut self) {
        self.is_open = false;
    }

    /// Takes note of an answer; false when nothing of that tag is on its way.
    pub fn answered(&mut self, tag: Tag) -> bool {
        let Some(weight) = self.unanswered.remove(&tag) else { return false };
        if let Weight::Command(octets) = weight {
            self.octets -= octets;
        }
        self.unasked = 0;
        if self.unanswered.is_empty() {
            self.wanted = 0;
        }
        true
    }

    /// What was sent first of what is not answered.
    pub fn oldest(&self) -> Option<Tag> {
        self.unanswered.first_key_value().map(|(tag, _)| *tag)
    }

    /// Whether nothing is under way or waits.
    pub fn is_idle(&self) -> bool {
        self.unanswered.is_empty() && self.waiting.is_empty()
    }

    /// Whether untagged responses are awaited.
    pub fn wants_more(&self) -> bool {
        self.wanted > 0
    }

    /// Takes note of an untagged response that may be one of those which were asked for; false when none are awaited.
    pub fn came(&mut self) -> bool {
        let wanted = self.wants_more();
        self.wanted -= u64::from(wanted);
        wanted
    }

    /// Takes note of so many octets that nobody asked for; false when they are too many.
    pub fn came_unasked(&mut self, octets: u64) -> bool {
        self.unasked = self.unasked.saturating_add(octets);
        self.unasked <= UNASKED_OCTETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn released(sender: &mut Sender) -> Vec<usize> {
        std::iter::from_fn(|| sender.release()).map(|line| line.len()).collect()
    }

    /// Holds engine/conversation/sender.rs invariant 1. Holds engine/conversation/sender.rs invariant 2.
    #[test]
    fn commands_leave_in_order_and_only_while_there_is_room() {
        let mut sender = Sender::default();
        let command = vec![b'x'; UNANSWERED_OCTETS / 3];
        let tags: Vec<Tag> = (0..9).map(|_| sender.give(&command, 0)).collect();
        let mut sent = 0;
        for tag in &tags {
            let lines: Vec<Vec<u8>> = std::iter::from_fn(|| sender.release()).collect();
            for line in &lines {
                sent += 1;
                assert!(line.starts_with(format!("m{sent} ").as_bytes()));
            }
            assert!(sender.octets <= UNANSWERED_OCTETS);
            assert!(sender.answered(*tag), "it is on its way: {tag:?}");
        }
        assert!(sent == 9 && sender.is_idle());
    }

    /// Holds engine/conversation/sender.rs invariant 1.
    #[test]
    fn command_that_is_longer_than_the_budget_goes_alone() {
        let mut sender = Sender::default();
        let (short, long) = (sender.give(b"NOOP", 0), sender.give(&vec![b'x'; 2 * UNANSWERED_OCTETS], 0));
        let _behind = sender.give(b"NOOP", 0);
        assert_eq!(released(&mut sender).len(), 1);
        assert!(!sender.answered(long) && sender.answered(short));
        assert_eq!(released(&mut sender).len(), 1);
        assert!(sender.answered(long));
        assert_eq!(released(&mut sender).len(), 1);
    }

    /// Holds engine/conversation/sender.rs invariant 3.
    #[test]
    fn append_waits_for_all_others_and_others_for_its_end() {
        let mut sender = Sender::default();
        let fetch = sender.give(b"FETCH", 1);
        assert!(!sender.may_append(), "it waits to leave");
        assert_eq!(released(&mut sender).len(), 1);
        assert!(!sender.may_append(), "it is not answered");
        assert!(sender.answered(fetch) && sender.may_append());
        let first = sender.begin_append();
        sender.end_append();
        assert!(sender.may_append(), "several may be on their way");
        let second = sender.begin_append();
        let _noop = sender.give(b"NOOP", 0);
        assert!(released(&mut sender).is_empty(), "it would land in a literal");
        sender.end_append();
        assert_eq!(released(&mut sender).len(), 1);
        assert!(sender.answered(second) && sender.answered(first), "in any order");
    }

    /// Holds engine/conversation/sender.rs invariant 4.
    #[test]
    fn answers_are_to_what_left_and_only_once() {
        let mut sender = Sender::default();
        let first = sender.give(&vec![b'x'; UNANSWERED_OCTETS], 0);
        let second = sender.give(b"NOOP", 0);
        assert!(!sender.answered(first), "it did not leave yet");
        assert_eq!(released(&mut sender).len(), 1);
        assert!(!sender.answered(second) && sender.answered(first) && !sender.answered(first));
    }

    #[test]
    fn what_was_asked_for_is_told_from_what_was_not() {
        let mut sender = Sender::default();
        let tag = sender.give(b"UID FETCH 1:2 (UID)", 2);
        assert!(!sender.wants_more());
        assert_eq!(released(&mut sender).len(), 1);
        assert!(sender.came() && sender.came() && !sender.came());
        assert!(sender.came_unasked(UNASKED_OCTETS) && !sender.came_unasked(1));
        assert!(sender.answered(tag) && sender.came_unasked(1), "each command has patience of its own");
    }
}

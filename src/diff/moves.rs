//! Which copies follow their messages, that were moved on the source to another mailbox. Pure.
//!
//! 1. A message that was linked in one mailbox, and is not there any more, is the one that is new in another, if both are listed
//!    with one identity, size and internal date: both listings are of the same server, so nothing was rewritten in between.
//! 2. Where more than one left with those, or more than one arrived, nobody can tell which is which: they are copied.
//! 3. Its copy follows only if we made it, it is where we left it and as we left it, and the user there did not mark it as
//!    deleted; both ways, whoever made it. Whoever has removed it or has another one there, keeps what they have.
//! 4. What may have left a mailbox that cannot be looked at now waits until it can: it is on the destination already, where it was.
//!
//! Memory: about 64 octets for each message that is to be copied, and only where something left.

use super::comparing::same::{self, Keeps};
use crate::model::plan::Moved;
use crate::model::{Digest, Link, MessageRecord, Side, SystemFlag, Uid};
use std::collections::BTreeMap;
use std::collections::HashMap;

/// Messages of one account that arrived, and who may have left for them. Mailboxes go by the numbers that the caller gives them.
#[derive(Default)]
pub struct Following {
    arrived: HashMap<Digest, Arrival>,
    /// Both sides are equal: a copy follows whoever put it there.
    whosever: bool,
}

/// The message of a trace that arrived.
struct Arrival {
    mailbox: usize,
    uid: Uid,
    /// It is not the only one.
    several: bool,
    left: Left,
}

/// Who left with that trace.
enum Left {
    Nobody,
    One {
        mailbox: usize,
        former: Uid,
        copy: Uid,
    },
    /// Whose copy is not ours to move; or several.
    Unfit,
    /// Somebody, perhaps, whose mailbox cannot be looked at.
    Unseen,
}

impl Left {
    /// Whether no other copy is known than this one: a message that was moved away and back has two links to it.
    fn is_none_but(&self, place: usize, uid: Uid) -> bool {
        match self {
            Left::Nobody => true,
            Left::One { mailbox, copy, .. } => (*mailbox, *copy) == (place, uid),
            Left::Unfit | Left::Unseen => false,
        }
    }
}

/// Messages that go from one mailbox to another, by their numbers; ascending by the UIDs that they have now.
#[derive(PartialEq, Eq, Debug)]
pub struct Passage {
    pub from: usize,
    pub to: usize,
    pub messages: Vec<Moved>,
}

impl Following {
    /// Whether a copy follows though others put it there, as both ways.
    pub fn whosever(&mut self, whosever: bool) {
        self.whosever = whosever;
    }

    /// Takes a source message that is to be copied.
    pub fn arrive(&mut self, mailbox: usize, record: &MessageRecord) {
        let Some(trace) = same::trace(&record.listed(), Keeps::ALL) else { return };
        let new = Arrival { mailbox, uid: record.uid, several: false, left: Left::Nobody };
        self.arrived.entry(trace).and_modify(|arrival| arrival.several = true).or_insert(new);
    }

    /// Whether anything arrived that can be known again.
    pub fn is_empty(&self) -> bool {
        self.arrived.is_empty()
    }

    /// Whether the source message of a link, which is gone, may be one that arrived.
    pub fn awaits(&self, link: &Link) -> bool {
        same::trace_of_linked(link, Side::Source, Keeps::ALL).is_some_and(|trace| self.arrived.contains_key(&trace))
    }

    /// Takes a link whose source message is gone; the copy as it is listed, where it is there and nobody else's.
    pub fn leave(&mut self, mailbox: usize, link: &Link, copy: Option<&MessageRecord>) {
        let trace = same::trace_of_linked(link, Side::Source, Keeps::ALL);
        let Some(arrival) = trace.and_then(|trace| self.arrived.get_mut(&trace)) else { return };
        arrival.left = match (&arrival.left, copy) {
            (Left::Unseen, _) => Left::Unseen,
            (before, Some(copy))
                if before.is_none_but(mailbox, copy.uid) && is_as_we_left_it(link, copy, self.whosever) =>
            {
                Left::One { mailbox, former: link.source, copy: copy.uid }
            }
            _ => Left::Unfit,
        };
    }

    /// Takes a link whose source message may be gone, or whose copy may be where it was: nobody can look.
    pub fn leave_unseen(&mut self, link: &Link) {
        let trace = same::trace_of_linked(link, Side::Source, Keeps::ALL);
        if let Some(arrival) = trace.and_then(|trace| self.arrived.get_mut(&trace)) {
            arrival.left = Left::Unseen;
        }
    }

    /// Those of rule 4, by the mailboxes that they arrived in: the only ones with their traces.
    pub fn waiting(&self) -> BTreeMap<usize, Vec<Uid>> {
        let mut waiting: BTreeMap<usize, Vec<Uid>> = BTreeMap::new();
        let unseen = self.arrived.values().filter(|arrival| matches!(arrival.left, Left::Unseen) && !arrival.several);
        unseen.for_each(|arrival| waiting.entry(arrival.mailbox).or_default().push(arrival.uid));
        waiting
    }

    /// Who follows whom, in the order of the mailboxes that they go to.
    pub fn passages(self) -> Vec<Passage> {
        let mut passages: BTreeMap<(usize, usize), Vec<Moved>> = BTreeMap::new();
        for arrival in self.arrived.into_values().filter(|arrival| !arrival.several) {
            if let Left::One { mailbox, former, copy } = arrival.left {
                let moved = Moved { source: arrival.uid, former, destination: copy };
                passages.entry((arrival.mailbox, mailbox)).or_default().push(moved);
            }
        }
        let passage = |((to, from), mut messages): ((usize, usize), Vec<Moved>)| {
            messages.sort_unstable_by_key(|moved| moved.source);
            Passage { from, to, messages }
        };
        passages.into_iter().map(passage).collect()
    }
}

/// Rule 3. A mark that both sides agreed on is the source's.
fn is_as_we_left_it(link: &Link, copy: &MessageRecord, whosever: bool) -> bool {
    let marked = copy.flags.has(SystemFlag::Deleted) && !link.agreed.has(SystemFlag::Deleted);
    (link.is_ours() || whosever) && same::is_copy_of(link, copy) && !marked
}

/// In which portions copies are moved so that they stand in the order of their messages: each is ascending by the UIDs that they
/// have where they are. Beyond `most` portions the order is given up, and all go as they stand.
pub fn portions(messages: &[Moved], most: usize) -> Vec<Vec<Moved>> {
    let mut portions: Vec<Vec<Moved>> = Vec::new();
    for moved in messages {
        match portions.last_mut() {
            Some(portion) if portion.last().is_some_and(|last| last.destination < moved.destination) => {
                portion.push(*moved);
            }
            _ => portions.push(vec![*moved]),
        }
    }
    if portions.len() <= most { portions } else { vec![messages.to_vec()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Flags, InternalDate, LinkOrigin};

    /// `uid:identity:octets:date`, then the flags.
    fn record(text: &str) -> MessageRecord {
        let mut words = text.split_whitespace();
        let facts: Vec<i64> = words.next().unwrap().split(':').map(|fact| fact.parse().unwrap()).collect();
        let (uid, octets, internal_date) = (Uid(facts[0] as u32), facts[2] as u64, Some(InternalDate(facts[3])));
        MessageRecord {
            uid,
            octets,
            internal_date,
            flags: Flags::from_texts(words),
            identity: Some(Digest([facts[1] as u8; 16])),
        }
    }

    /// The link of a source message, listed so, and a copy.
    fn link(source: &str, copy: u32) -> Link {
        let MessageRecord { uid: source, octets, internal_date: date, flags: agreed, identity } = record(source);
        Link {
            source,
            destination: Uid(copy),
            agreed,
            lost: Flags::none(),
            origin: LinkOrigin::Appended,
            octets,
            date,
            source_octets: None,
            altered: None,
            identity: identity.unwrap(),
        }
    }

    /// What left mailbox 0, each with its copy, and what arrived in mailbox 1.
    fn followed(left: &[(Link, &str)], arrived: &[&str]) -> Vec<(u32, u32, u32)> {
        let mut following = Following::default();
        arrived.iter().for_each(|text| following.arrive(1, &record(text)));
        for (link, copy) in left {
            let copy = (!copy.is_empty()).then(|| record(copy));
            following.leave(0, link, copy.as_ref());
        }
        let passages = following.passages();
        assert!(passages.iter().all(|passage| (passage.from, passage.to) == (0, 1)));
        let moved = passages.into_iter().flat_map(|passage| passage.messages);
        moved.map(|moved| (moved.source.0, moved.former.0, moved.destination.0)).collect()
    }

    #[test]
    fn copy_follows_its_message_by_identity_size_and_date() {
        let left = |source| [(link(source, 7), "7:1:90:5")];
        assert_eq!(followed(&left("3:1:90:5"), &["4:1:90:5"]), [(4, 3, 7)]);
        for other in ["4:2:90:5", "4:1:91:5", "4:1:90:6"] {
            assert_eq!(followed(&left("3:1:90:5"), &[other]), [], "{other}");
        }
        let nameless = "3:255:90:5";
        assert_eq!(followed(&[(link(nameless, 7), "7:255:90:5")], &["4:255:90:5"]), [], "no identity is none");
    }

    #[test]
    fn twins_follow_nobody() {
        let one = || (link("3:1:90:5", 7), "7:1:90:5");
        let other = || (link("8:1:90:5", 9), "9:1:90:5");
        assert_eq!(followed(&[one()], &["4:1:90:5", "5:1:90:5"]), []);
        assert_eq!(followed(&[one(), other()], &["4:1:90:5"]), []);
        assert_eq!(followed(&[one(), (link("8:1:90:5", 9), "")], &["4:1:90:5"]), [], "the copy of one is gone");
        assert_eq!(followed(&[one(), other()], &["4:1:90:5", "5:1:90:5"]), []);
    }

    #[test]
    fn message_that_may_have_left_a_mailbox_which_cannot_be_looked_at_waits() {
        let (one, other) = (link("3:1:90:5", 7), link("8:1:90:5", 9));
        let waits = |arrived: &[&str], tell: &dyn Fn(&mut Following)| {
            let mut following = Following::default();
            arrived.iter().for_each(|text| following.arrive(1, &record(text)));
            tell(&mut following);
            let waiting = following.waiting().remove(&1).unwrap_or_default();
            assert!(waiting.is_empty() || following.passages().is_empty());
            waiting
        };
        let copy = record("9:1:90:5");
        assert_eq!(waits(&["4:1:90:5", "5:2:90:5"], &|it| it.leave_unseen(&one)), [Uid(4)]);
        assert_eq!(waits(&["4:1:90:6"], &|it| it.leave_unseen(&one)), [], "another message");
        assert_eq!(waits(&["4:1:90:5", "5:1:90:5"], &|it| it.leave_unseen(&one)), [], "twins are copied");
        let seen_first = |it: &mut Following| {
            it.leave(0, &other, Some(&copy));
            it.leave_unseen(&one);
        };
        assert_eq!(waits(&["4:1:90:5"], &seen_first), [Uid(4)]);
        let seen_last = |it: &mut Following| {
            it.leave_unseen(&one);
            it.leave(0, &other, Some(&copy));
        };
        assert_eq!(waits(&["4:1:90:5"], &seen_last), [Uid(4)]);
    }

    #[test]
    fn message_that_was_moved_away_and_back_has_one_copy() {
        let links = [(link("3:1:90:5", 7), "7:1:90:5"), (link("5:1:90:5", 7), "7:1:90:5")];
        assert_eq!(followed(&links, &["4:1:90:5"]), [(4, 5, 7)]);
        let [one, other] = links;
        assert_eq!(followed(&[one, (other.0, "")], &["4:1:90:5"]), [], "somebody else's");
    }

    #[test]
    fn copy_that_is_not_as_we_left_it_stays() {
        let ours = link("3:1:90:5", 7);
        let follows = |link: &Link, copy| !followed(&[(link.clone(), copy)], &["4:1:90:5"]).is_empty();
        assert!(follows(&ours, "7:1:90:5 \\Seen") && !follows(&ours, ""));
        assert!(!follows(&ours, "7:1:80:5") && !follows(&ours, "7:2:90:5") && !follows(&ours, "7:1:90:6"));
        assert!(!follows(&ours, "7:1:90:5 \\Deleted"), "its user does not want it");
        assert!(follows(&link("3:1:90:5 \\Deleted", 7), "7:1:90:5 \\Deleted"), "the mark is the source's");
        assert!(!follows(&Link { origin: LinkOrigin::Adopted, ..ours.clone() }, "7:1:90:5"), "it was there before us");
        assert!(follows(&Link { origin: LinkOrigin::Moved, ..ours.clone() }, "7:1:90:5"));
        let altered = Some(record("7:1:80:5").listed());
        assert!(follows(&Link { altered, ..ours }, "7:1:80:5"), "as the server made it of ours");
    }

    #[test]
    fn portions_keep_the_order_of_the_source() {
        let moved =
            |&(source, copy): &(u32, u32)| Moved { source: Uid(source), former: Uid(1), destination: Uid(copy) };
        let messages: Vec<Moved> = [(1, 5), (2, 6), (3, 2), (4, 3), (5, 9)].iter().map(moved).collect();
        let sizes = |most| portions(&messages, most).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(2), [2, 3]);
        assert_eq!(sizes(1), [5]);
        assert!(portions(&[], 9).is_empty());
    }
}

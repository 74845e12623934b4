//! The links of a mailbox pair, sorted by what they still tie.
//!
//! 1. A live link has its source message; an orphaned one has not, and its destination message is free to be matched
//!    with another (a message that was moved away and back has a new UID, and must not be copied a second time).
//! 2. A link to a message above the listing's UIDNEXT is newer than the listing, and not one whose message has departed:
//!    a run that was interrupted could not list again what it had copied.
//! 3. A link whose source message is not the one that was linked is orphaned, too: its copy is what the link says it is.
//! 4. Two live links never name one destination message: the later is void, its source message is matched anew.

use super::ground::{Few, Grounding};
use super::roster::FlagSets;
use super::same;
use crate::error::Result;
use crate::model::{Flags, Link, MessageRecord, Uid};
use std::collections::HashMap;
use std::iter::Peekable;

/// A link whose source message is there.
#[derive(Debug)]
pub(in crate::diff) struct LiveLink {
    pub link: Link,
    /// The flags of its destination message; `None` when that is gone.
    pub destination_flags: Option<Flags>,
}

/// Which links are live, and the orphaned ones by destination UID. Of a live link it holds as little as can be, for
/// there may be a million: the links are read again when their turn comes ([`Ties::live`]).
#[derive(Default)]
pub(in crate::diff) struct Ties {
    /// Ascending by source UID.
    live: Vec<Tie>,
    /// Indices of `live`, ascending by destination UID.
    by_destination: Vec<u32>,
    flags: FlagSets,
    orphaned: HashMap<Uid, Link>,
    /// Source UIDs of these, all of them.
    orphans: Few,
    /// Two live links named one message, or one named a message that the listing does not hold yet.
    is_twisted: bool,
}

struct Tie {
    source: Uid,
    destination: Uid,
    seen: Seen,
}

/// What is known of the destination message of a live link.
enum Seen {
    Gone,
    /// It is there, with the set of flags of this number.
    There(u32),
    /// It is newer than the listing.
    Believed,
}

impl Ties {
    /// Walks links and source records in step, both ascending by source UID. Without links, the source is not read.
    pub(in crate::diff) fn sort(
        links: impl Iterator<Item = Result<Link>>,
        mut source: impl Iterator<Item = Result<MessageRecord>>,
    ) -> Result<Self> {
        let mut ties = Ties::default();
        let mut reached: Option<MessageRecord> = None;
        for link in links {
            let link = link?;
            while reached.as_ref().is_none_or(|record| record.uid < link.source) {
                match source.next().transpose()? {
                    Some(record) => reached = Some(record),
                    None => break,
                }
            }
            ties.add(link, reached.as_ref());
        }
        ties.void_repeated();
        Ok(ties)
    }

    fn add(&mut self, link: Link, reached: Option<&MessageRecord>) {
        let is_there = reached.is_some_and(|record| record.uid == link.source && same::is_source_of(&link, record));
        if !is_there {
            self.orphan(link);
        } else if self.live.last().is_none_or(|last| last.source != link.source) {
            self.live.push(Tie { source: link.source, destination: link.destination, seen: Seen::Gone });
        }
    }

    /// Invariant 4.
    fn void_repeated(&mut self) {
        let by_destination = |live: &[Tie]| {
            let mut order: Vec<u32> = (0..live.len() as u32).collect();
            order.sort_unstable_by_key(|&index| (live[index as usize].destination, index));
            order
        };
        let mut order = by_destination(&self.live);
        let destination = |index: u32| self.live[index as usize].destination;
        let is_repeated = |one, next| destination(one) == destination(next) && destination(one) != Uid::NOWHERE;
        let repeated = order.windows(2).filter(|pair| is_repeated(pair[0], pair[1]));
        let mut void: Vec<u32> = repeated.map(|pair| pair[1]).collect();
        if !void.is_empty() {
            self.is_twisted = true;
            void.sort_unstable();
            let mut index = 0;
            self.live.retain(|_| {
                index += 1;
                void.binary_search(&(index - 1)).is_err()
            });
            order = by_destination(&self.live);
        }
        self.by_destination = order;
    }

    /// Of two links to one message the one that claims less holds: what was there before us is nobody's to delete.
    fn orphan(&mut self, link: Link) {
        self.orphans.push(link.source);
        let known = self.orphaned.entry(link.destination).or_insert_with(|| link.clone());
        if !link.is_ours() {
            *known = link;
        }
    }

    /// Notes that a destination message is there. Gives it back when no live link names it.
    pub(in crate::diff) fn note_present(&mut self, record: MessageRecord) -> Option<MessageRecord> {
        let live = &self.live;
        let found = self.by_destination.binary_search_by_key(&record.uid, |&index| live[index as usize].destination);
        let Ok(found) = found else { return Some(record) };
        self.live[self.by_destination[found] as usize].seen = Seen::There(self.flags.number(&record.flags));
        None
    }

    /// Links to messages above the listing were made since: those messages are there, with the flags that were agreed
    /// on, as far as anybody can know.
    pub(in crate::diff) fn believe_from(&mut self, next: Uid) {
        let unlisted = self.live.iter_mut().filter(|tie| tie.destination >= next);
        for tie in unlisted {
            (tie.seen, self.is_twisted) = (Seen::Believed, true);
        }
    }

    /// Whether a link names that destination message of which the source message is gone.
    pub(in crate::diff) fn is_orphaned(&self, destination: Uid) -> bool {
        self.orphaned.contains_key(&destination)
    }

    /// The orphaned links by destination UID.
    pub(in crate::diff) fn take_orphaned(&mut self) -> HashMap<Uid, Link> {
        std::mem::take(&mut self.orphaned)
    }

    /// What is known of the ground by the links alone.
    pub(in crate::diff) fn grounding(&mut self) -> Grounding {
        let orphaned = std::mem::take(&mut self.orphans);
        Grounding { orphaned, is_spoilt: self.is_twisted, ..Grounding::default() }
    }

    /// The live links, ascending by source UID, from the same links read once more.
    pub(in crate::diff) fn live<L: Iterator<Item = Result<Link>>>(self, links: L) -> LiveLinks<L> {
        LiveLinks { ties: self.live.into_iter().peekable(), flags: self.flags, links: links.peekable() }
    }
}

/// The live links as they are read again, each looked for by its source message.
pub(in crate::diff) struct LiveLinks<L: Iterator> {
    ties: Peekable<std::vec::IntoIter<Tie>>,
    flags: FlagSets,
    links: Peekable<L>,
}

impl<L: Iterator<Item = Result<Link>>> LiveLinks<L> {
    /// The live link of a source message; they are asked for in ascending order.
    pub(in crate::diff) fn of(&mut self, source: Uid) -> Result<Option<LiveLink>> {
        while self.ties.next_if(|tie| tie.source < source).is_some() {}
        let Some(tie) = self.ties.next_if(|tie| tie.source == source) else { return Ok(None) };
        let before = |link: &Result<Link>| {
            link.as_ref().is_ok_and(|link| (link.source, link.destination) != (tie.source, tie.destination))
        };
        while self.links.next_if(before).is_some() {}
        let Some(link) = self.links.next().transpose()? else { return Ok(None) };
        let destination_flags = match tie.seen {
            Seen::Gone => None,
            Seen::There(flags) => Some(self.flags.get(flags).clone()),
            Seen::Believed => Some(link.agreed.clone()),
        };
        Ok(Some(LiveLink { link, destination_flags }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, LinkOrigin};

    fn record(uid: u32) -> MessageRecord {
        let identity = Some(Digest([0; 16]));
        MessageRecord { uid: Uid(uid), octets: 1, internal_date: None, flags: Flags::none(), identity }
    }

    fn link(source: Uid, destination: Uid, agreed: Flags) -> Link {
        let (origin, identity) = (LinkOrigin::Appended, Digest([0; 16]));
        Link {
            source,
            destination,
            agreed,
            lost: Flags::none(),
            origin,
            octets: 1,
            date: None,
            source_octets: None,
            altered: None,
            identity,
        }
    }

    fn all_live(ties: Ties, links: impl Iterator<Item = Result<Link>>, source: &[u32]) -> Vec<LiveLink> {
        let mut live = ties.live(links);
        source.iter().filter_map(|uid| live.of(Uid(*uid)).unwrap()).collect()
    }

    /// Links `source-destination`, then the live and the orphaned destination UIDs.
    fn sorted(source: &[u32], links: &[(u32, u32)]) -> (Vec<(u32, u32)>, Vec<u32>) {
        let link = |&(source, destination): &(u32, u32)| Ok(link(Uid(source), Uid(destination), Flags::none()));
        let mut ties = Ties::sort(links.iter().map(link), source.iter().map(|uid| Ok(record(*uid)))).unwrap();
        let mut orphaned: Vec<u32> = ties.take_orphaned().keys().map(|uid| uid.0).collect();
        orphaned.sort_unstable();
        let live = all_live(ties, links.iter().map(link), source);
        (live.iter().map(|live| (live.link.source.0, live.link.destination.0)).collect(), orphaned)
    }

    #[test]
    fn links_without_their_source_are_orphaned() {
        assert_eq!(
            sorted(&[2, 4], &[(1, 11), (2, 12), (3, 13), (4, 14), (5, 15)]),
            (vec![(2, 12), (4, 14)], vec![11, 13, 15])
        );
    }

    #[test]
    fn link_to_a_source_message_of_another_size_is_orphaned() {
        let source = || [MessageRecord { octets: 2, ..record(1) }, record(2)].map(Ok).into_iter();
        let links = || [(1, 9), (2, 10)].map(|(one, other)| Ok(link(Uid(one), Uid(other), Flags::none()))).into_iter();
        let mut ties = Ties::sort(links(), source()).unwrap();
        assert_eq!(ties.take_orphaned().into_keys().collect::<Vec<_>>(), [Uid(9)]);
        assert_eq!(all_live(ties, links(), &[1, 2]).len(), 1);
    }

    #[test]
    fn second_link_to_a_message_is_void() {
        assert_eq!(sorted(&[1, 2], &[(1, 9), (2, 9)]), (vec![(1, 9)], vec![]));
        assert_eq!(sorted(&[1], &[(1, 8), (1, 9)]), (vec![(1, 8)], vec![]));
        assert_eq!(sorted(&[2], &[(1, 9), (2, 9)]).0, [(2, 9)]);
        assert_eq!(sorted(&[1, 2], &[(1, 0), (2, 0)]).0, [(1, 0), (2, 0)], "both have departed");
    }

    #[test]
    fn believe_from_takes_what_is_above_the_listing_for_present() {
        let link = |(source, destination)| link(Uid(source), Uid(destination), Flags::from_texts(["\\Seen"]));
        let links = || [(1, 9), (2, 10), (3, 11)].map(link).map(Ok).into_iter();
        let mut ties = Ties::sort(links(), [1, 2, 3].map(|uid| Ok(record(uid))).into_iter()).unwrap();
        ties.believe_from(Uid(10));
        let live = all_live(ties, links(), &[1, 2, 3]);
        let there: Vec<bool> = live.iter().map(|live| live.destination_flags.is_some()).collect();
        assert_eq!(there, [false, true, true]);
        assert_eq!(live[1].destination_flags.as_ref(), Some(&live[1].link.agreed));
    }
}

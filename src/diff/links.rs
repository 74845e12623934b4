//! The links of a mailbox pair, sorted by what they still tie.
//!
//! 1. A live link has its source message; an orphaned one has not, and its destination message is free to be matched
//!    with another (a message that was moved away and back has a new UID, and must not be copied a second time).
//! 2. A link to a message above the listing's UIDNEXT is newer than the listing, and not one whose message has departed:
//!    a run that was interrupted could not list again what it had copied.
//! 3. Two live links never name one destination message: the later is void, its source message is matched anew.

use crate::error::Result;
use crate::model::{Flags, Link, MessageRecord, Uid};
use std::collections::HashMap;

/// A link whose source message is there.
pub(super) struct LiveLink {
    pub link: Link,
    /// The flags of its destination message; `None` when that is gone.
    pub destination_flags: Option<Flags>,
}

/// Links in the order of their source UIDs, reachable by destination UID.
#[derive(Default)]
pub(super) struct Ties {
    live: Vec<LiveLink>,
    by_destination: HashMap<Uid, usize>,
    orphaned: HashMap<Uid, Link>,
}

impl Ties {
    /// Walks links and source records in step, both ascending by source UID. Without links, the source is not read.
    pub(super) fn sort(
        links: impl Iterator<Item = Result<Link>>,
        mut source: impl Iterator<Item = Result<MessageRecord>>,
    ) -> Result<Self> {
        let mut ties = Ties::default();
        let mut reached = None;
        for link in links {
            let link = link?;
            while reached < Some(link.source) {
                match source.next().transpose()? {
                    Some(record) => reached = Some(record.uid),
                    None => break,
                }
            }
            ties.add(link, reached);
        }
        Ok(ties)
    }

    fn add(&mut self, link: Link, reached: Option<Uid>) {
        if reached != Some(link.source) {
            self.orphan(link);
            return;
        }
        let repeated = self.live.last().is_some_and(|last| last.link.source == link.source);
        if !repeated && !self.by_destination.contains_key(&link.destination) {
            self.by_destination.insert(link.destination, self.live.len());
            self.live.push(LiveLink { link, destination_flags: None });
        }
    }

    /// Of two links to one message the one that claims less holds: what was there before us is nobody's to delete.
    fn orphan(&mut self, link: Link) {
        let known = self.orphaned.entry(link.destination).or_insert_with(|| link.clone());
        if !link.is_ours() {
            *known = link;
        }
    }

    /// Notes that a destination message is there. Gives it back when no live link names it.
    pub(super) fn note_present(&mut self, record: MessageRecord) -> Option<MessageRecord> {
        let Some(&index) = self.by_destination.get(&record.uid) else { return Some(record) };
        self.live[index].destination_flags = Some(record.flags);
        None
    }

    /// Links to messages above the listing were made since: those messages are there, with the flags that were agreed
    /// on, as far as anybody can know.
    pub(super) fn believe_from(&mut self, next: Uid) {
        let unlisted = self.live.iter_mut().filter(|live| live.link.destination >= next);
        unlisted.for_each(|live| live.destination_flags = Some(live.link.agreed.clone()));
    }

    /// The live links, ascending by source UID, and the orphaned ones by destination UID.
    pub(super) fn into_parts(self) -> (Vec<LiveLink>, HashMap<Uid, Link>) {
        (self.live, self.orphaned)
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

    /// Links `source-destination`, then the live and the orphaned destination UIDs.
    fn sorted(source: &[u32], links: &[(u32, u32)]) -> (Vec<(u32, u32)>, Vec<u32>) {
        let link = |&(source, destination): &(u32, u32)| {
            let (source, destination, agreed) = (Uid(source), Uid(destination), Flags::none());
            Ok(Link { source, destination, agreed, origin: LinkOrigin::Appended, octets: 1, identity: Digest([0; 16]) })
        };
        let ties = Ties::sort(links.iter().map(link), source.iter().map(|uid| Ok(record(*uid)))).unwrap();
        let (live, orphaned) = ties.into_parts();
        let mut orphaned: Vec<u32> = orphaned.keys().map(|uid| uid.0).collect();
        orphaned.sort_unstable();
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
    fn second_link_to_a_message_is_void() {
        assert_eq!(sorted(&[1, 2], &[(1, 9), (2, 9)]), (vec![(1, 9)], vec![]));
        assert_eq!(sorted(&[1], &[(1, 8), (1, 9)]), (vec![(1, 8)], vec![]));
        assert_eq!(sorted(&[2], &[(1, 9), (2, 9)]).0, [(2, 9)]);
    }

    #[test]
    fn believe_from_takes_what_is_above_the_listing_for_present() {
        let link = |source, destination| Link {
            source: Uid(source),
            destination: Uid(destination),
            agreed: Flags::from_texts(["\\Seen"]),
            origin: LinkOrigin::Appended,
            octets: 1,
            identity: Digest([0; 16]),
        };
        let links = [link(1, 9), link(2, 10), link(3, 11)].map(Ok);
        let mut ties = Ties::sort(links.into_iter(), [1, 2, 3].map(|uid| Ok(record(uid))).into_iter()).unwrap();
        ties.believe_from(Uid(10));
        let (live, _) = ties.into_parts();
        let there: Vec<bool> = live.iter().map(|live| live.destination_flags.is_some()).collect();
        assert_eq!(there, [false, true, true]);
        assert_eq!(live[1].destination_flags.as_ref(), Some(&live[1].link.agreed));
    }
}

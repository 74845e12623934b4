//! Whose the messages of a destination mailbox are that several source mailboxes go to. Pure.
//!
//! 1. Links come first, also of those whose source message is gone; then what matches, each mailbox in its turn.
//! 2. Every message is one mailbox' own. What nobody is tied to goes to one that has a message of its identity, which has it twice
//!    then, or else to the first.

use super::comparing::matching::{Judge, match_records};
use super::comparing::same::{Contents, Keeps, are_linked};
use crate::model::{Digest, Link, MessageRecord, Uid};
use std::collections::{HashMap, HashSet};

/// One of the source mailboxes.
pub struct Sharer {
    pub source: Vec<MessageRecord>,
    /// Links that hold for the UIDVALIDITYs of both listings.
    pub links: HashMap<Uid, Link>,
}

/// What is each one's of these messages, in the order of the sharers.
pub fn share_out(
    sharers: Vec<Sharer>,
    destination: Vec<MessageRecord>,
    keeps: Keeps,
    contents: Contents<'_>,
) -> Vec<HashSet<Uid>> {
    let mut own: Vec<HashSet<Uid>> = vec![HashSet::new(); sharers.len()];
    let (mut left, mut unlinked, mut identities) = (destination, Vec::new(), HashMap::new());
    for (number, Sharer { source, links }) in sharers.into_iter().enumerate() {
        for identity in source.iter().filter_map(|record| record.identity) {
            identities.entry(identity).or_insert(number);
        }
        let (linked, rest, surplus) = pair_linked(source, left, &links);
        own[number].extend(linked.iter().map(|(_, copy)| copy.uid));
        let named: HashSet<Uid> = links.values().map(|link| link.destination).collect();
        let (orphaned, others): (Vec<_>, Vec<_>) = surplus.into_iter().partition(|record| named.contains(&record.uid));
        own[number].extend(orphaned.iter().map(|record| record.uid));
        left = others;
        unlinked.push(rest);
    }
    for (own, rest) in own.iter_mut().zip(unlinked) {
        let matched = match_records(rest, &mut left, Judge { keeps, contents });
        own.extend(matched.pairs.iter().map(|(_, copy)| copy.uid));
        own.extend(matched.unsettled[1].iter().map(|record| record.uid));
    }
    for record in left {
        own[holder(&record, &identities)].insert(record.uid);
    }
    own
}

type Pairs = Vec<(MessageRecord, MessageRecord)>;

/// Pairs what is linked, as long as it has its identity or is as the destination made it; what is left is matched without
/// links.
fn pair_linked(
    source: Vec<MessageRecord>,
    destination: Vec<MessageRecord>,
    links: &HashMap<Uid, Link>,
) -> (Pairs, Vec<MessageRecord>, Vec<MessageRecord>) {
    let mut there: HashMap<Uid, MessageRecord> = destination.into_iter().map(|record| (record.uid, record)).collect();
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for record in source {
        let link = links.get(&record.uid);
        let linked = link.and_then(|link| Some((link, there.get(&link.destination)?)));
        let holds = |(link, copy): &(&Link, &MessageRecord)| are_linked(link, &record, copy);
        let copy = linked.filter(holds).map(|(_, copy)| copy.uid);
        match copy.and_then(|uid| there.remove(&uid)) {
            Some(copy) => pairs.push((record, copy)),
            None => rest.push(record),
        }
    }
    let mut surplus: Vec<MessageRecord> = there.into_values().collect();
    surplus.sort_by_key(|record| record.uid);
    (pairs, rest, surplus)
}

fn holder(record: &MessageRecord, identities: &HashMap<Digest, usize>) -> usize {
    record.identity.and_then(|identity| identities.get(&identity)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Flags, InternalDate, LinkOrigin};

    /// `uid:identity`.
    fn records(text: &str) -> Vec<MessageRecord> {
        let record = |word: &str| {
            let (uid, identity) = word.split_once(':').unwrap();
            MessageRecord {
                uid: Uid(uid.parse().unwrap()),
                octets: 9,
                internal_date: Some(InternalDate(5)),
                flags: Flags::none(),
                identity: Some(Digest([identity.parse().unwrap(); 16])),
            }
        };
        text.split_whitespace().map(record).collect()
    }

    /// `source:destination:identity`.
    fn links(text: &str) -> HashMap<Uid, Link> {
        let link = |word: &str| {
            let facts: Vec<u32> = word.split(':').map(|fact| fact.parse().unwrap()).collect();
            let link = Link {
                source: Uid(facts[0]),
                destination: Uid(facts[1]),
                agreed: Flags::none(),
                lost: Flags::none(),
                origin: LinkOrigin::Appended,
                octets: 9,
                date: Some(InternalDate(5)),
                source_octets: None,
                altered: None,
                identity: Digest([facts[2] as u8; 16]),
            };
            (link.source, link)
        };
        text.split_whitespace().map(link).collect()
    }

    fn shared(sharers: [(&str, &str); 2], destination: &str) -> [Vec<u32>; 2] {
        let sharers = sharers.map(|(source, ties)| Sharer { source: records(source), links: links(ties) });
        let own = share_out(sharers.into(), records(destination), Keeps::ALL, &|_, _| None);
        let mut own = own.into_iter().map(|own| {
            let mut uids: Vec<u32> = own.into_iter().map(|uid| uid.0).collect();
            uids.sort_unstable();
            uids
        });
        [own.next().unwrap(), own.next().unwrap()]
    }

    #[test]
    fn messages_are_shared_out_by_links_then_by_what_matches() {
        assert_eq!(shared([("1:1 2:2", ""), ("1:1 3:3", "")], "11:1 12:2 13:3 14:1"), [vec![11, 12], vec![13, 14]]);
        assert_eq!(shared([("1:1", ""), ("1:1", "1:11:1")], "11:1 12:1"), [vec![12], vec![11]]);
    }

    #[test]
    fn copy_whose_source_is_gone_stays_with_the_mailbox_that_it_came_from() {
        assert_eq!(shared([("1:1", ""), ("2:2", "1:11:1 2:12:2")], "11:1 12:2"), [vec![], vec![11, 12]]);
    }

    #[test]
    fn what_nobody_is_tied_to_is_counted_once() {
        assert_eq!(shared([("1:1", ""), ("2:2", "")], "11:1 12:2 13:2 14:9"), [vec![11, 14], vec![12, 13]]);
    }
}

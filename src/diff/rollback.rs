//! A mailbox that went back in time under the UIDVALIDITY that it had: a restored backup, or a server that lost its
//! latest data. Its last UIDs are gone, or were given to other messages since; links that name them are void.
//!
//! 1. A UID at or above UIDNEXT was not given out yet: no link may name it, or it would come to life with the message
//!    that is given it.
//! 2. A UID that names another message than before is one that was given out again.
//! 3. What is gone was expunged, and stays a departed message, unless it may have gone with the data that was lost.
//!    Where both can be, it is taken for lost: a message that comes back is better than one that does not.
//!
//! What is void is matched by identity anew, so that a link that was taken for void by mistake costs nothing.

use super::comparing::same::{Keeps, is_linked, mark};
use crate::model::{Digest, Link, Listed, Side, Uid};

/// What the listing before held under a UID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// There is no listing from before.
    Unknown,
    Absent,
    /// A message of this [`mark`].
    Held(Digest),
}

/// A link, as seen from the side that was listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sighting<'a> {
    pub link: &'a Link,
    pub before: Before,
    /// What its UID names now; `None`: nothing.
    pub now: Option<Listed>,
}

/// The side that was listed.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub side: Side,
    /// What its server keeps of a message.
    pub keeps: Keeps,
    /// UIDNEXT of the listing.
    pub next: Option<Uid>,
    /// UIDNEXT alone says that the mailbox went back.
    pub went_back: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Sound,
    Void,
    /// Nothing is there; whether it was at the listing before, as far as known.
    Gone {
        was_there: bool,
    },
}

impl Sighting<'_> {
    /// What the link names on that side.
    pub fn uid(&self, side: Side) -> Uid {
        match side {
            Side::Source => self.link.source,
            Side::Destination => self.link.destination,
        }
    }

    fn standing(&self, seen: Seen) -> Standing {
        let uid = self.uid(seen.side);
        if uid.is_stand_in() {
            return Standing::Gone { was_there: false };
        }
        if seen.next.is_some_and(|next| uid >= next) {
            return Standing::Void;
        }
        let same = match (self.now, self.before) {
            (None, before) => return Standing::Gone { was_there: before != Before::Absent },
            (Some(now), Before::Held(before)) => mark(&now, seen.keeps) == before,
            (Some(now), Before::Unknown | Before::Absent) => is_linked(self.link, seen.side, &now, seen.keeps),
        };
        if same { Standing::Sound } else { Standing::Void }
    }
}

/// Which of the links are void, as indexes.
pub fn void_links(sightings: &[Sighting<'_>], seen: Seen) -> Vec<usize> {
    let standings: Vec<Standing> = sightings.iter().map(|sighting| sighting.standing(seen)).collect();
    let uids = |wanted: Standing| {
        let all = sightings.iter().zip(&standings);
        all.filter(move |(_, standing)| **standing == wanted).map(|(sighting, _)| sighting.uid(seen.side))
    };
    // The mailbox went back to a UIDNEXT between these two.
    let turn = uids(Standing::Void).min();
    let unharmed = uids(Standing::Sound).filter(|uid| turn.is_none_or(|turn| *uid < turn)).max();
    let is_lost = |uid: Uid| (seen.went_back || turn.is_some()) && unharmed.is_none_or(|unharmed| uid > unharmed);
    let is_void = |index: &usize| match standings[*index] {
        Standing::Sound => false,
        Standing::Void => true,
        Standing::Gone { was_there } => was_there && is_lost(sightings[*index].uid(seen.side)),
    };
    (0..sightings.len()).filter(is_void).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Flags, InternalDate, LinkOrigin, UidSet};

    const UNKNOWN: char = '?';

    /// A letter is an identity, a digit behind it a size; `-` where there is no message.
    fn listed(text: &str) -> Option<Listed> {
        let octets = text.get(1..).and_then(|digit| digit.parse().ok()).unwrap_or(1);
        let (date, identity) = (Some(InternalDate(7)), Some(Digest([text.as_bytes()[0]; 16])));
        (text != "-").then_some(Listed { octets, date, identity })
    }

    fn link(uid: &str, linked: &str) -> Link {
        let Listed { octets, date, identity } = listed(linked).unwrap();
        Link {
            source: Uid(uid.parse().unwrap()),
            destination: Uid(uid.parse().unwrap()),
            agreed: Flags::none(),
            lost: Flags::none(),
            origin: LinkOrigin::Appended,
            octets,
            date,
            source_octets: None,
            altered: None,
            identity: identity.unwrap(),
        }
    }

    /// Which links are void: `uid:before:now:linked`, before is `?` where nothing is known.
    fn void(links: &str, next: u32, went_back: bool) -> String {
        let parts: Vec<Vec<&str>> = links.split_whitespace().map(|link| link.split(':').collect()).collect();
        let links: Vec<Link> = parts.iter().map(|parts| link(parts[0], parts[3])).collect();
        let before = |text: &str| match listed(text) {
            Some(_) if text.starts_with(UNKNOWN) => Before::Unknown,
            Some(listed) => Before::Held(mark(&listed, Keeps::ALL)),
            None => Before::Absent,
        };
        let sighting =
            |(link, parts): (_, &Vec<&str>)| Sighting { link, before: before(parts[1]), now: listed(parts[2]) };
        let sightings: Vec<Sighting<'_>> = links.iter().zip(&parts).map(sighting).collect();
        Side::BOTH
            .map(|side| {
                let seen = Seen { side, keeps: Keeps::ALL, next: Some(Uid(next)), went_back };
                let void = void_links(&sightings, seen);
                void.into_iter().map(|index| links[index].source).collect::<UidSet>().to_string()
            })
            .into_iter()
            .reduce(|one, other| if one == other { one } else { format!("{one} | {other}") })
            .unwrap()
    }

    #[test]
    fn links_of_a_mailbox_that_only_went_on_are_sound() {
        assert_eq!(void("1:a:a:a 2:b:b:b", 9, false), "");
        assert_eq!(void("1:a:a:a 2:b:-:b 3:-:-:c", 9, false), "", "the last ones were expunged");
        assert_eq!(void("1:x:x:a", 9, false), "", "a server that rewrites is believed");
    }

    #[test]
    fn links_that_name_what_was_not_given_out_are_void() {
        assert_eq!(void("1:a:a:a 2:b:-:b 3:c:-:c", 2, true), "2:3");
        assert_eq!(void("1:a:a:a 3:?:-:c", 2, false), "3", "copied after the listing, and lost");
    }

    #[test]
    fn links_whose_uid_was_given_to_another_message_are_void() {
        assert_eq!(void("1:a:a:a 2:b:x:b 3:c:y:c", 9, false), "2:3");
        assert_eq!(void("1:a:a:a 2:-:x:b", 9, false), "2", "one that had departed");
    }

    /// A draft that was saved again has the identity that it had.
    #[test]
    fn links_whose_uid_was_given_to_another_message_of_their_identity_are_void() {
        assert_eq!(void("1:a:a:a 2:b1:b2:b1 3:c:c:c", 9, false), "2");
        assert_eq!(void("1:a:a:a 2:?:b2:b1", 9, false), "2");
        assert_eq!(void("1:a:a:a 2:-:b2:b1", 9, false), "2");
        assert_eq!(void("1:a:a:a 2:b2:b2:b1", 9, false), "", "a server that rewrites is believed");
    }

    #[test]
    fn links_of_what_is_not_there_under_this_uidvalidity_are_never_lost() {
        assert_eq!(void("0:?:-:a", 1, true), "");
        assert_eq!(void(&format!("1:a:a:a {}:?:-:b", Uid::LOST), 2, true), "");
    }

    #[test]
    fn what_a_server_does_not_keep_voids_nothing() {
        let (known, now) = (link("1", "a1"), listed("a2"));
        for (sizes, void) in [(true, vec![0]), (false, vec![])] {
            let keeps = Keeps { sizes, dates: true };
            let seen = Seen { side: Side::Destination, keeps, next: Some(Uid(9)), went_back: false };
            for before in [Before::Unknown, Before::Held(mark(&listed("a1").unwrap(), keeps))] {
                assert_eq!(void_links(&[Sighting { link: &known, before, now }], seen), void);
            }
        }
    }

    #[test]
    fn message_that_came_back_with_the_backup_keeps_its_link() {
        assert_eq!(void("1:-:a:a 2:b:b:b 3:c:-:c", 3, true), "3");
    }

    #[test]
    fn message_lost_or_expunged_around_the_turn_is_taken_for_lost() {
        // Went back to 2 or 3; 3 was given out again and 2, if it was, expunged.
        assert_eq!(void("1:a:a:a 2:b:-:b 3:c:x:c 4:d:-:d", 5, false), "2:4");
        assert_eq!(void("1:a:-:a 2:b:b:b 3:c:x:c", 5, false), "3", "1 was expunged: what came after it is unharmed");
        assert_eq!(void("1:a:a:a 2:b:-:b", 3, true), "2", "UIDNEXT alone tells");
    }

    #[test]
    fn message_departed_before_stays_departed() {
        assert_eq!(void("1:a:a:a 2:-:-:b 3:c:x:c", 5, false), "3");
    }

    #[test]
    fn without_the_listing_from_before_the_linked_identity_tells() {
        assert_eq!(void("1:?:a:a 2:?:x:b 3:?:-:c", 9, false), "2:3");
    }
}

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

use crate::model::{Digest, Uid};

/// What the listing before held under a UID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// There is no listing from before.
    Unknown,
    Absent,
    Held(Digest),
}

/// A link, as seen from the side that was listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// What it names on this side.
    pub uid: Uid,
    pub before: Before,
    /// What the UID names now; `None`: nothing.
    pub now: Option<Digest>,
    /// The message that was linked, as the source has it.
    pub linked: Digest,
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

impl Sighting {
    fn standing(&self, next: Option<Uid>) -> Standing {
        if next.is_some_and(|next| self.uid >= next) {
            return Standing::Void;
        }
        let same = match (self.now, self.before) {
            (None, before) => return Standing::Gone { was_there: before != Before::Absent },
            (Some(now), Before::Held(before)) => now == before,
            (Some(now), Before::Unknown | Before::Absent) => now == self.linked,
        };
        if same { Standing::Sound } else { Standing::Void }
    }
}

/// Which of the links are void, as indexes. `next` is the UIDNEXT of the listing; `went_back` where that alone says
/// that the mailbox went back.
pub fn void_links(sightings: &[Sighting], next: Option<Uid>, went_back: bool) -> Vec<usize> {
    let standings: Vec<Standing> = sightings.iter().map(|sighting| sighting.standing(next)).collect();
    let uids = |wanted: Standing| {
        let all = sightings.iter().zip(&standings);
        all.filter(move |(_, standing)| **standing == wanted).map(|(sighting, _)| sighting.uid)
    };
    // The mailbox went back to a UIDNEXT between these two.
    let turn = uids(Standing::Void).min();
    let unharmed = uids(Standing::Sound).filter(|uid| turn.is_none_or(|turn| *uid < turn)).max();
    let is_lost = |uid: Uid| (went_back || turn.is_some()) && unharmed.is_none_or(|unharmed| uid > unharmed);
    let is_void = |index: &usize| match standings[*index] {
        Standing::Sound => false,
        Standing::Void => true,
        Standing::Gone { was_there } => was_there && is_lost(sightings[*index].uid),
    };
    (0..sightings.len()).filter(is_void).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UidSet;

    const UNKNOWN: char = '?';

    /// `uid:before:now:linked`, one letter a message, `-` where there is none, `?` where nothing is known.
    fn sighting(text: &str) -> Sighting {
        let parts: Vec<&str> = text.split(':').collect();
        let digest = |text: &str| (text != "-").then(|| Digest([text.as_bytes()[0]; 16]));
        let before = match digest(parts[1]) {
            Some(_) if parts[1].starts_with(UNKNOWN) => Before::Unknown,
            Some(digest) => Before::Held(digest),
            None => Before::Absent,
        };
        let uid = Uid(parts[0].parse().unwrap());
        Sighting { uid, before, now: digest(parts[2]), linked: digest(parts[3]).unwrap() }
    }

    fn void(links: &str, next: u32, went_back: bool) -> String {
        let sightings: Vec<Sighting> = links.split_whitespace().map(sighting).collect();
        let void = void_links(&sightings, Some(Uid(next)), went_back);
        void.into_iter().map(|index| sightings[index].uid).collect::<UidSet>().to_string()
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

//! What holds when a mailbox goes back in time, shown on generated histories: mail is copied, some of it deleted, a backup
//! made and restored, and UIDs are given out again.

mod support {
    pub mod property;
    pub mod replay;
}

use mailferry::diff::rollback::{Before, Sighting, void_links};
use mailferry::model::{Digest, Uid};
use proptest::collection::btree_set;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::property::cases;

/// The copies of so many messages, each under the UID of its number.
const COPIES: u32 = 12;

#[derive(Clone, Debug)]
struct History {
    /// Deleted by the user before the backup, after it and before the last listing, and after the restoration.
    deleted: [BTreeSet<u32>; 3],
    /// UIDNEXT in the backup.
    turn: u32,
    /// Messages that came after the restoration.
    own: u32,
    /// The listing from before was lost.
    forgotten: bool,
}

fn history() -> impl Strategy<Value = History> {
    let some = || btree_set(1..=COPIES + 3, 0..5);
    (some(), some(), some(), 1..=COPIES + 1, 0..COPIES + 4, any::<bool>()).prop_map(
        |(first, second, third, turn, own, forgotten)| History {
            deleted: [first, second, third],
            turn,
            own,
            forgotten,
        },
    )
}

/// The number of a message as its identity.
fn identity(number: u32) -> Digest {
    Digest(std::array::from_fn(|index| number.to_be_bytes().get(index).copied().unwrap_or(0)))
}

impl History {
    /// What the last listing held.
    fn before(&self) -> BTreeMap<u32, Digest> {
        let gone = |uid: &u32| self.deleted[0].contains(uid) || self.deleted[1].contains(uid);
        (1..=COPIES).filter(|uid| !gone(uid)).map(|uid| (uid, identity(uid))).collect()
    }

    fn now(&self) -> BTreeMap<u32, Digest> {
        let backup = (1..self.turn).filter(|uid| !self.deleted[0].contains(uid)).map(|uid| (uid, identity(uid)));
        let own = (self.turn..self.turn + self.own).map(|uid| (uid, identity(1000 + uid)));
        backup.chain(own).filter(|(uid, _)| !self.deleted[2].contains(uid)).collect()
    }

    fn next(&self) -> u32 {
        self.turn + self.own
    }

    fn went_back(&self) -> bool {
        self.next() <= COPIES
    }

    /// The UIDs of the links that are void, one link for each copy.
    fn void(&self) -> BTreeSet<u32> {
        let (before, now) = (self.before(), self.now());
        let sightings: Vec<Sighting> = (1..=COPIES)
            .map(|uid| Sighting {
                uid: Uid(uid),
                before: match before.get(&uid) {
                    _ if self.forgotten => Before::Unknown,
                    Some(identity) => Before::Held(*identity),
                    None => Before::Absent,
                },
                now: now.get(&uid).copied(),
                linked: identity(uid),
            })
            .collect();
        let void = void_links(&sightings, Some(Uid(self.next())), self.went_back());
        void.into_iter().map(|index| sightings[index].uid.0).collect()
    }

    /// Whether anything can tell that the mailbox went back.
    fn shows(&self) -> bool {
        self.went_back() || (self.turn..=COPIES).any(|uid| self.now().contains_key(&uid))
    }
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn link_that_is_left_names_its_message_or_what_was_given_out_and_is_gone(history in history()) {
        let (void, now) = (history.void(), history.now());
        for uid in (1..=COPIES).filter(|uid| !void.contains(uid)) {
            prop_assert!(uid < history.next(), "{uid} was not given out yet");
            prop_assert!(now.get(&uid).is_none_or(|found| *found == identity(uid)), "{uid} names another message");
        }
    }

    #[test]
    fn copy_that_was_lost_with_the_latest_data_is_never_taken_for_deleted(history in history()) {
        if !history.shows() {
            return Ok(());
        }
        let (void, before) = (history.void(), history.before());
        for uid in history.turn..=COPIES {
            prop_assert!(void.contains(&uid) || !before.contains_key(&uid), "{uid} is lost");
        }
    }

    #[test]
    fn copy_that_is_there_keeps_its_link(history in history()) {
        let (void, now) = (history.void(), history.now());
        for uid in 1..=COPIES {
            prop_assert!(!void.contains(&uid) || now.get(&uid) != Some(&identity(uid)), "{uid} is there");
        }
    }

    #[test]
    fn what_was_deleted_before_the_backup_stays_deleted(mut history in history()) {
        // Without the listing from before nobody can tell.
        history.forgotten = false;
        let void = history.void();
        let given_out = history.deleted[0].iter().filter(|uid| **uid < history.turn);
        prop_assert!(given_out.into_iter().all(|uid| !void.contains(uid)));
    }

    #[test]
    fn mailbox_that_only_went_on_voids_nothing(mut history in history()) {
        history.turn = COPIES + 1;
        // Without a restoration, what was deleted after the backup is not there again.
        history.deleted[1].clear();
        prop_assert_eq!(history.void(), BTreeSet::new());
    }
}

//! What holds when a mailbox goes back in time, shown on generated histories: mail is copied, some of it deleted, a backup
//! made and restored, and UIDs are given out again.

mod support {
    pub mod property;
    pub mod replay;
}

use mailferry::diff::comparing::same::{Keeps, mark};
use mailferry::diff::rollback::{Before, Seen, Sighting, void_links};
use mailferry::model::{Digest, Flags, InternalDate, Link, LinkOrigin, Listed, Side, Uid};
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

/// What is listed of the message of that number. Those that came after the restoration may be other messages under the
/// identities of ours: drafts that were saved again.
fn listed(number: u32) -> Listed {
    let identity =
        |number: u32| Digest(std::array::from_fn(|index| number.to_be_bytes().get(index).copied().unwrap_or(0)));
    let (own, of) = (number > 1000, number % 1000);
    let identity = Some(identity(if own && of % 3 == 0 { number } else { of }));
    let octets = if own && of % 3 == 1 { 2 } else { 1 };
    Listed { octets, date: Some(InternalDate(i64::from(own))), identity }
}

fn link(number: u32) -> Link {
    let Listed { octets, date, identity } = listed(number);
    Link {
        source: Uid(100 + number),
        destination: Uid(number),
        agreed: Flags::none(),
        lost: Flags::none(),
        origin: LinkOrigin::Appended,
        octets,
        date,
        source_octets: None,
        altered: None,
        identity: identity.expect("all have one"),
    }
}

impl History {
    /// What the last listing held.
    fn before(&self) -> BTreeMap<u32, Listed> {
        let gone = |uid: &u32| self.deleted[0].contains(uid) || self.deleted[1].contains(uid);
        (1..=COPIES).filter(|uid| !gone(uid)).map(|uid| (uid, listed(uid))).collect()
    }

    fn now(&self) -> BTreeMap<u32, Listed> {
        let backup = (1..self.turn).filter(|uid| !self.deleted[0].contains(uid)).map(|uid| (uid, listed(uid)));
        let own = (self.turn..self.turn + self.own).map(|uid| (uid, listed(1000 + uid)));
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
        let links: Vec<Link> = (1..=COPIES).map(link).collect();
        let sighting = |link| {
            let uid = Sighting { link, before: Before::Unknown, now: None }.uid(Side::Destination).0;
            let before = match before.get(&uid) {
                _ if self.forgotten => Before::Unknown,
                Some(listed) => Before::Held(mark(listed, Keeps::ALL)),
                None => Before::Absent,
            };
            Sighting { link, before, now: now.get(&uid).copied() }
        };
        let sightings: Vec<Sighting<'_>> = links.iter().map(sighting).collect();
        let (next, went_back) = (Some(Uid(self.next())), self.went_back());
        let void = void_links(&sightings, Seen { side: Side::Destination, keeps: Keeps::ALL, next, went_back });
        void.into_iter().map(|index| links[index].destination.0).collect()
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
            prop_assert!(now.get(&uid).is_none_or(|found| *found == listed(uid)), "{uid} names another message");
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
            prop_assert!(!void.contains(&uid) || now.get(&uid) != Some(&listed(uid)), "{uid} is there");
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

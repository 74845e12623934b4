//! Two mailboxes whose messages are moved from one to the other at the source, and followed on the destination.

use crate::account::{Account, Event, MailboxDiff, Message, Side, event};
use crate::support::property::cases;
use mailferry::diff::comparing::same::is_source_of;
use mailferry::diff::moves::{Following, Passage};
use mailferry::model::{Digest, InternalDate, Link, LinkOrigin, Uid};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What happens in one of the two.
#[derive(Clone, Debug)]
enum Change {
    Of(usize, Event),
    /// A message goes to the other mailbox of its side.
    IsFiled(Side, usize, usize),
    Follows,
    /// Killed after so many messages were moved, the last of which has no link yet.
    IsKilledFollowing(usize),
}

#[derive(Clone, Debug, Default)]
struct World {
    pairs: [Account; 2],
}

impl World {
    fn after(changes: &[Change], mirror: bool) -> World {
        let mut world = World::default();
        world.pairs.iter_mut().for_each(|pair| pair.mirror = mirror);
        changes.iter().for_each(|change| world.happen(change));
        world
    }

    fn happen(&mut self, change: &Change) {
        match change {
            Change::Of(number, event) => self.pairs[*number].happen(event),
            Change::IsFiled(side, from, index) => {
                let [one, other] = &mut self.pairs;
                let (from, to) = if *from == 0 { (one, other) } else { (other, one) };
                let Some(message) =
                    from.listing(*side).nth(*index).and_then(|uid| from.listing(*side).messages.remove(&uid))
                else {
                    return;
                };
                to.listing(*side).append(&message);
            }
            Change::Follows => self.sync(usize::MAX),
            Change::IsKilledFollowing(moves) => self.sync(*moves),
        }
    }

    fn plans(&mut self) -> [MailboxDiff; 2] {
        let plans = self.pairs.each_ref().map(Account::plan);
        for (pair, plan) in self.pairs.iter_mut().zip(&plans) {
            pair.links.extend(plan.links.iter().map(|link| (link.source, link.clone())));
        }
        plans
    }

    /// Who follows whom, as `pipeline/planning/moves.rs` asks for it.
    fn passages(&self, plans: &[MailboxDiff; 2]) -> Vec<Passage> {
        let mut following = Following::default();
        for (number, (pair, diff)) in self.pairs.iter().zip(plans).enumerate() {
            diff.plan.copies.iter().for_each(|uid| following.arrive(number, &pair.source.messages[&uid].record));
        }
        for (number, (pair, diff)) in self.pairs.iter().zip(plans).enumerate() {
            let is_live = |link: &&Link| {
                pair.source.messages.get(&link.source).is_some_and(|message| is_source_of(link, &message.record))
            };
            let mut taken: HashSet<Uid> = pair.links.values().filter(is_live).map(|link| link.destination).collect();
            taken.extend(diff.plan.doubt.destination.iter());
            taken.extend(diff.plan.second_copies.iter().map(|second| second.surplus));
            let gone = pair.links.values().filter(|link| !is_live(link) && following.awaits(link));
            for link in gone.collect::<Vec<_>>() {
                let copy = pair.destination.messages.get(&link.destination);
                following.leave(number, link, copy.filter(|_| !taken.contains(&link.destination)).map(|it| &it.record));
            }
        }
        following.passages()
    }

    fn sync(&mut self, most: usize) {
        let mut plans = self.plans();
        let passages = self.passages(&plans);
        let mut moves = 0;
        for Passage { from, to, messages } in passages {
            for moved in messages {
                let link = self.pairs[from].links[&moved.former].clone();
                let tail = Uid(self.pairs[to].destination.last_uid + 1);
                let copy = self.pairs[from].destination.messages.remove(&moved.destination).expect("it is there");
                self.pairs[from].ours.remove(&moved.destination);
                let destination = self.pairs[to].destination.append(&copy);
                self.pairs[to].ours.insert(destination);
                moves += 1;
                if moves > most {
                    let appends = &mut self.pairs[to].appends;
                    appends.unreconciled.get_or_insert(tail);
                    appends.late = appends.late.or(appends.unreconciled);
                    return;
                }
                let moved_link = Link { source: moved.source, destination, origin: LinkOrigin::Moved, ..link };
                self.pairs[to].links.insert(moved.source, moved_link);
                self.pairs[from].links.remove(&moved.former);
                plans[to].plan.copies.remove(moved.source);
                plans[from].plan.deletions.retain(|deletion| deletion.destination != moved.destination);
            }
        }
        for (pair, plan) in self.pairs.iter_mut().zip(&plans) {
            pair.apply(plan, usize::MAX);
            pair.appends.unreconciled = None;
        }
    }

    fn on_destination(&self) -> BTreeMap<(Option<Digest>, u64, u8), u64> {
        let mut count = BTreeMap::new();
        for message in self.pairs.iter().flat_map(|pair| pair.destination.messages.values()) {
            *count.entry(message.octets()).or_default() += 1;
        }
        count
    }
}

fn change() -> impl Strategy<Value = Change> {
    let side = || prop_oneof![3 => Just(Side::Source), 1 => Just(Side::Destination)];
    prop_oneof![
        5 => (0..2usize, event()).prop_map(|(number, event)| Change::Of(number, event)),
        3 => (side(), 0..2usize, any::<usize>()).prop_map(|(side, from, index)| Change::IsFiled(side, from, index)),
        2 => Just(Change::Follows),
        1 => (0..3usize).prop_map(Change::IsKilledFollowing),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec(change(), 0..24)
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Rule 3 of `diff/moves.rs`. What follows is ours, its message is gone from where it was, and it is that message octet for
    /// octet that it follows.
    #[test]
    fn what_follows_is_our_copy_of_that_very_message((changes, mirror) in (changes(), any::<bool>())) {
        let mut world = World::after(&changes, mirror);
        let plans = world.plans();
        let mut seen = BTreeSet::new();
        for Passage { from, to, messages } in world.passages(&plans) {
            for moved in messages {
                let link = &world.pairs[from].links[&moved.former];
                let left = world.pairs[from].source.messages.get(&moved.former);
                prop_assert!(left.is_none_or(|message| !is_source_of(link, &message.record)));
                prop_assert!(link.is_ours() && link.destination == moved.destination);
                let known = link.origin == LinkOrigin::Reconciled || world.pairs[from].ours.contains(&moved.destination);
                prop_assert!(known, "{:?} is not ours", moved);
                let copy = &world.pairs[from].destination.messages[&moved.destination];
                prop_assert_eq!(copy.octets(), world.pairs[to].source.messages[&moved.source].octets());
                prop_assert!(plans[to].plan.copies.contains(moved.source));
                prop_assert!(seen.insert((from, moved.destination)), "it follows two");
            }
        }
    }

    /// In copy mode nothing is gone from all mailboxes, and whatever the source holds is there or named.
    #[test]
    fn what_follows_is_somewhere_and_nothing_is_lost(changes in changes()) {
        let mut world = World::after(&changes, false);
        let before = world.on_destination();
        world.happen(&Change::Follows);
        let now = world.on_destination();
        for (octets, count) in before {
            prop_assert!(now.get(&octets).is_some_and(|now| *now >= count), "{:?} is moved nowhere", octets);
        }
        for pair in &world.pairs {
            let (plan, present) = (pair.plan().plan, pair.present());
            let copies: BTreeSet<&Uid> = present.values().collect();
            prop_assert_eq!(copies.len(), present.len(), "two source messages share a copy");
            for uid in pair.source.messages.keys() {
                let skipped = plan.skipped.iter().any(|skipped| skipped.uid == *uid);
                let named = skipped || plan.departed.contains(*uid) || plan.not_found_again.contains(*uid);
                prop_assert!(present.contains_key(uid) || named, "{:?} is lost", uid);
            }
            for (source, copy) in present {
                prop_assert_eq!(pair.source.messages[&source].octets(), pair.destination.messages[&copy].octets());
            }
        }
    }

    #[test]
    fn what_has_followed_leaves_nothing_to_do((changes, mirror) in (changes(), any::<bool>())) {
        let mut world = World::after(&changes, mirror);
        world.happen(&Change::Follows);
        let plans = world.plans();
        prop_assert_eq!(world.passages(&plans), []);
        for MailboxDiff { plan, .. } in &plans {
            prop_assert!(!plan.adds() && plan.deletions.is_empty(), "{:?}", plan);
        }
    }

    /// A message that is not like any other, and that both servers kept as it was, is moved and not copied.
    #[test]
    fn message_of_its_own_that_is_filed_is_not_copied(mut message in crate::account::message(), flags in crate::account::flags()) {
        let record = &mut message.record;
        (record.identity, record.octets, record.flags) = (Some(Digest([7; 16])), 10, flags);
        record.internal_date = record.internal_date.or(Some(InternalDate(1)));
        message = Message::tellable(message.record, message.body);
        let arrives = Change::Of(0, Event::Arrives(Side::Source, message));
        let mut world = World::after(&[arrives, Change::Follows, Change::IsFiled(Side::Source, 0, 0)], false);
        let plans = world.plans();
        let passages = world.passages(&plans);
        prop_assert_eq!(passages.iter().map(|it| it.messages.len()).sum::<usize>(), 1);
        world.happen(&Change::Follows);
        prop_assert_eq!(world.pairs.map(|pair| pair.destination.messages.len()), [0, 1]);
    }
}

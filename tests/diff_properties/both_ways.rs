//! Two mailboxes whose users act on both, kept equal by plans of one way and of the other in turns: the model of a two-way
//! sync. Runs are killed at any step, UIDVALIDITYs change, links are lost.

use crate::account::{Account, Message, Side, linked};
use crate::support::property::cases;
use mailferry::model::{Digest, Flags, InternalDate, Link, MessageRecord, SystemFlag, Uid};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};

/// What happens, on a side or to the run.
#[derive(Clone, Debug)]
enum Event {
    /// A message of its own.
    Arrives(Side, Flags),
    /// One message that is delivered to both, with flags of their own.
    ArrivesOnBoth(Flags, Flags),
    /// Saved again under its identity, with other octets.
    IsEdited(Side, usize),
    IsRemoved(Side, usize),
    IsFlagged(Side, usize, Flags),
    IsRenumbered(Side),
    LosesLinks,
    LosesLink(usize),
    Synchronises,
    /// In the pass of that way, after so many steps.
    IsKilled(Side, usize),
}

/// By what a message is told from every other, whatever became of its flags.
type Name = (Option<Digest>, u64);

/// An account whose sides are equal, and what its users did.
#[derive(Clone, Debug, Default)]
struct World {
    account: Account,
    /// What stands the other way: the account's source is the second server.
    is_turned: bool,
    arrived: BTreeSet<Name>,
    removed: BTreeSet<Name>,
    /// Their flags were changed by a user, or were others on either side when they came.
    touched: BTreeSet<Name>,
    /// No link tied them when they were removed: nothing tells that the other one was the same.
    untied: BTreeSet<Name>,
    /// The state, or a part of it, was lost.
    is_forgetful: bool,
    /// UIDs are others since the last plan: it deletes nothing.
    is_carried: bool,
}

impl World {
    fn after(events: &[Event]) -> World {
        let mut world = World { account: Account { two_way: true, ..Account::default() }, ..World::default() };
        events.iter().for_each(|event| world.happen(event));
        world
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Arrives(side, flags) => {
                let message = self.new_message(None, flags);
                self.listing(*side).append(&message);
            }
            Event::ArrivesOnBoth(one, other) => {
                let message = self.new_message(None, one);
                self.listing(Side::Source).append(&message);
                if one != other {
                    self.touched.insert(name(&message));
                }
                let record = MessageRecord { flags: other.clone(), ..message.record.clone() };
                self.listing(Side::Destination).append(&Message { record, ..message });
            }
            Event::IsEdited(side, index) => {
                let Some(before) = self.nth(*side, *index) else { return };
                self.note_removed(*side, &before);
                let edited = self.new_message(before.identity, &before.flags);
                let listing = self.listing(*side);
                listing.messages.remove(&before.uid);
                listing.append(&edited);
            }
            Event::IsRemoved(side, index) => {
                let Some(message) = self.nth(*side, *index) else { return };
                self.note_removed(*side, &message);
                self.listing(*side).messages.remove(&message.uid);
            }
            Event::IsFlagged(side, index, flags) => {
                let Some(message) = self.nth(*side, *index) else { return };
                self.touched.insert(name(&message));
                self.listing(*side).set_flags(*index, flags);
            }
            Event::IsRenumbered(side) => {
                self.finish();
                let side = self.standing(*side);
                self.account.renumber(side);
                (self.is_carried, self.is_forgetful) = (true, true);
            }
            Event::LosesLinks => {
                self.account.lose_state();
                self.face(false);
                self.is_forgetful = true;
            }
            Event::LosesLink(index) => {
                let lost = self.account.links.keys().nth(index % self.account.links.len().max(1)).copied();
                lost.map(|uid| self.account.links.remove(&uid));
                self.is_forgetful = true;
            }
            Event::Synchronises => self.synchronise(),
            Event::IsKilled(side, steps) => {
                self.finish();
                self.face(matches!(side, Side::Destination));
                self.pass(*steps);
            }
        }
    }

    fn note_removed(&mut self, side: Side, message: &Message) {
        let uid = |link: &Link| match self.standing(side) {
            Side::Source => link.source,
            Side::Destination => link.destination,
        };
        if !self.account.links.values().any(|link| uid(link) == message.uid) {
            self.untied.insert(name(message));
        }
        self.removed.insert(name(message));
    }

    /// Both ways, and what was not finished before first.
    fn synchronise(&mut self) {
        self.finish();
        for is_turned in [false, true] {
            self.face(is_turned);
            self.pass(usize::MAX);
        }
        self.face(false);
    }

    /// A run that was killed is gone on with the way that it went.
    fn finish(&mut self) {
        if self.account.appends.unreconciled.is_some() {
            self.pass(usize::MAX);
        }
    }

    fn face(&mut self, is_turned: bool) {
        if self.is_turned != is_turned {
            self.account.turn();
            self.is_turned = is_turned;
        }
    }

    /// One way, killed after so many steps. A message that was stored then has no link.
    fn pass(&mut self, steps: usize) {
        let next = Uid(self.account.destination.last_uid + 1);
        let mut diff = self.account.plan();
        if std::mem::take(&mut self.is_carried) {
            diff.plan.deletions.clear();
        }
        let account = &mut self.account;
        account.links.extend(diff.links.iter().map(|link| (link.source, link.clone())));
        diff.plan.copies.iter().for_each(|uid| drop(account.links.remove(&uid)));
        account.appends.unreconciled.get_or_insert(next);
        let mut left = steps;
        let mut goes_on = || {
            left = left.saturating_sub(1);
            left > 0
        };
        for uid in diff.plan.copies.iter() {
            let message = account.source.messages[&uid].clone();
            let copy = account.destination.append(&message);
            if !goes_on() {
                return;
            }
            let link = linked(&message, copy);
            account.links.insert(uid, link);
        }
        for update in &diff.plan.flag_updates {
            let message = account.destination.messages.get_mut(&update.destination).expect("a message that is there");
            message.record.flags = message.flags.plus(&update.add).minus(&update.remove);
            if !goes_on() {
                return;
            }
            account.links.get_mut(&update.source).expect("a link to update").agreed = update.agreed.clone();
        }
        for deletion in &diff.plan.deletions {
            account.destination.messages.remove(&deletion.destination).expect("a message that is there");
            if !goes_on() {
                return;
            }
        }
        account.appends.unreconciled = None;
        account.drop_dead_links();
    }

    /// On that server of the two, whichever is the source by now.
    fn standing(&self, side: Side) -> Side {
        match (side, self.is_turned) {
            (side, false) => side,
            (Side::Source, true) => Side::Destination,
            (Side::Destination, true) => Side::Source,
        }
    }

    fn listing(&mut self, side: Side) -> &mut crate::account::Listing {
        let side = self.standing(side);
        self.account.listing(side)
    }

    fn server(&self, side: Side) -> &crate::account::Listing {
        match self.standing(side) {
            Side::Source => &self.account.source,
            Side::Destination => &self.account.destination,
        }
    }

    fn nth(&mut self, side: Side, index: usize) -> Option<Message> {
        let listing = self.listing(side);
        listing.nth(index).map(|uid| listing.messages[&uid].clone())
    }

    /// No other message has its size.
    fn new_message(&mut self, identity: Option<Digest>, flags: &Flags) -> Message {
        let number = self.arrived.len() as u8 + 1;
        let identity = identity.or(Some(Digest([number; 16])));
        let (octets, date) = (u64::from(number), Some(InternalDate(i64::from(number))));
        let record = MessageRecord { uid: Uid(0), octets, internal_date: date, flags: flags.clone(), identity };
        self.arrived.insert((identity, octets));
        Message { record, body: number }
    }

    /// What is there, by name: how often, and with which flags.
    fn held(&self, side: Side) -> BTreeMap<Name, Vec<Flags>> {
        let mut held: BTreeMap<Name, Vec<Flags>> = BTreeMap::new();
        for message in self.server(side).messages.values() {
            held.entry(name(message)).or_default().push(message.flags.clone());
        }
        held
    }
}

fn name(message: &Message) -> Name {
    (message.identity, message.octets)
}

fn flags() -> impl Strategy<Value = Flags> {
    vec(select(vec!["\\Seen", "\\Flagged", "\\Deleted", "work"]), 0..3).prop_map(Flags::from_texts)
}

fn event() -> impl Strategy<Value = Event> {
    let side = || select(vec![Side::Source, Side::Destination]);
    prop_oneof![
        5 => (side(), flags()).prop_map(|(side, flags)| Event::Arrives(side, flags)),
        1 => (flags(), flags()).prop_map(|(one, other)| Event::ArrivesOnBoth(one, other)),
        2 => (side(), any::<usize>()).prop_map(|(side, index)| Event::IsEdited(side, index)),
        4 => (side(), any::<usize>()).prop_map(|(side, index)| Event::IsRemoved(side, index)),
        4 => (side(), any::<usize>(), flags()).prop_map(|(side, index, flags)| Event::IsFlagged(side, index, flags)),
        1 => side().prop_map(Event::IsRenumbered),
        1 => Just(Event::LosesLinks),
        1 => any::<usize>().prop_map(Event::LosesLink),
        5 => Just(Event::Synchronises),
        4 => (side(), 1..5usize).prop_map(|(side, steps)| Event::IsKilled(side, steps)),
    ]
}

fn world() -> impl Strategy<Value = World> {
    vec(event(), 0..24).prop_map(|events| World::after(&events))
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// Holds diff/comparing/removals.rs invariant 6.
    #[test]
    fn both_sides_become_equal_and_nothing_is_lost_doubled_or_resurrected(mut world in world()) {
        // What waited for another scan is done in the second.
        (0..2).for_each(|_| world.synchronise());
        let (one, other) = (world.held(Side::Source), world.held(Side::Destination));
        prop_assert_eq!(&one, &other);
        prop_assert!(one.values().all(|held| held.len() == 1), "something is there twice: {:?}", one);
        for name in &world.arrived {
            prop_assert!(one.contains_key(name) || world.removed.contains(name), "{:?} is gone, and nobody removed it", name);
            let may_stay = world.is_forgetful || world.touched.contains(name) || world.untied.contains(name);
            prop_assert!(!one.contains_key(name) || !world.removed.contains(name) || may_stay, "{:?} came back", name);
        }
    }

    #[test]
    fn quiet_leaves_nothing_to_do_either_way(mut world in world()) {
        (0..2).for_each(|_| world.synchronise());
        for is_turned in [false, true] {
            world.face(is_turned);
            let next = world.account.plan();
            prop_assert!(next.plan.is_empty() && next.plan.departed.is_empty(), "{:?}", next.plan);
            prop_assert!(next.links.is_empty(), "{:?}", next.links);
        }
    }

    /// What one user marks and the other removes stays, and is on both.
    #[test]
    fn what_is_changed_on_one_side_and_gone_from_the_other_is_kept(
        (events, changed) in (vec(event(), 0..12), select(vec![Side::Source, Side::Destination]))
    ) {
        let mut world = World::after(&events);
        (0..2).for_each(|_| world.synchronise());
        let Some(before) = world.nth(changed, 0) else { return Ok(()) };
        let gone = if matches!(changed, Side::Source) { Side::Destination } else { Side::Source };
        let index = world.server(gone).messages.values().take_while(|it| name(it) != name(&before)).count();
        let answered = before.flags.clone().with(SystemFlag::Answered);
        world.happen(&Event::IsFlagged(changed, 0, answered.clone()));
        world.happen(&Event::IsRemoved(gone, index));
        (0..2).for_each(|_| world.synchronise());
        for side in [Side::Source, Side::Destination] {
            prop_assert_eq!(world.held(side).remove(&name(&before)), Some(vec![answered.clone()]));
        }
    }

    /// A flag that a user set stays set if nobody took it off; a mark of deletion may be taken back, and nothing else.
    #[test]
    fn flags_that_were_set_on_either_side_are_on_both(
        (events, one, other) in (vec(event(), 0..12), flags(), flags())
    ) {
        let mut world = World::after(&events);
        (0..2).for_each(|_| world.synchronise());
        let Some(before) = world.nth(Side::Source, 0) else { return Ok(()) };
        let copies = world.server(Side::Destination).messages.values();
        let index = copies.take_while(|copy| name(copy) != name(&before)).count();
        world.happen(&Event::IsFlagged(Side::Source, 0, before.flags.plus(&one)));
        world.happen(&Event::IsFlagged(Side::Destination, index, before.flags.plus(&other)));
        world.synchronise();
        world.synchronise();
        let deleted = Flags::none().with(SystemFlag::Deleted);
        let both = before.flags.plus(&one).plus(&other).minus(&deleted);
        let held = world.held(Side::Source).remove(&name(&before)).expect("a message that nobody removed");
        prop_assert_eq!(held[0].minus(&deleted), both);
    }
}

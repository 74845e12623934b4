//! What holds of a plan that is made of a part of a pair: it is the plan of the whole. Shown on histories of one pair of mailboxes
//! in a real state: what comes, goes, is reflagged, edited and doubled on both sides, links that are lost, listings that are
//! replaced, UIDVALIDITYs that are others, runs that are killed.

use crate::account::{Listing, Message, Side, linked, message};
use crate::support::listed::mailbox;
use crate::support::property::cases;
use mailferry::diff::comparing::comparison::{Apart, Comparison};
use mailferry::diff::comparing::flags::FlagHistory;
use mailferry::diff::comparing::messages::{Planned, plan_mailbox};
use mailferry::diff::comparing::same::Keeps;
use mailferry::diff::routing::mapping::MailboxPair;
use mailferry::model::link::{Intent, Settled};
use mailferry::model::namespace::Namespace;
use mailferry::model::plan::MailboxPlan;
use mailferry::model::policy::{Mode, Policy};
use mailferry::model::{
    Content, Digest, FlagCapacity, Flags, Ground, InternalDate, Link, MailboxState, MessageRecord, Outcome, Outcomes,
    PairState, RawName, Remembered, Side as Standing, Uid, UidSet, UidValidity,
};
use mailferry::pipeline::planning::part::Part;
use mailferry::pipeline::survey::dead_links::drop_dead_links;
use mailferry::pipeline::survey::pairing::{appends, pairing};
use mailferry::store::{AccountStore, Store};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::cell::Cell;

const POLICY: [u8; 16] = [7; 16];

#[derive(Clone, Debug)]
enum Event {
    Arrives(Side, Message),
    /// There is another one with the identity, the size and the date of one that is there.
    IsDoubled(Side, usize),
    IsEdited(Side, usize, Message),
    IsRemoved(Side, usize),
    IsFlagged(Side, usize, Flags),
    /// A message of the source stands on the destination already, put there by others.
    IsThereAlready(Message),
    IsRenumbered(Side),
    IsListedWhole(Side),
    LosesLinks,
    LosesLink(usize),
    /// Somebody changes a link behind the back of all.
    IsRelinked(usize, usize),
    Synchronises,
    /// Stopped after so many steps; of what is copied then the link is not recorded.
    IsKilled(usize),
}

/// What was planned after something had changed: by a part, and as a whole.
#[derive(Default)]
struct Tally {
    by_part: Cell<u32>,
    whole: Cell<u32>,
    /// Source messages that parts left out, and all that there were.
    apart: Cell<u64>,
    held: Cell<u64>,
}

/// One pair of mailboxes, and what is known of it.
struct World<'a> {
    state: AccountStore,
    tally: &'a Tally,
    mode: Mode,
    restores: bool,
    /// The destination keeps no keywords.
    forgets_keywords: bool,
    listings: [Listing; 2],
    /// As they were when they were listed last.
    listed: [Vec<MessageRecord>; 2],
    validities: [u32; 2],
    /// Not to be amended.
    stale: [bool; 2],
}

impl<'a> World<'a> {
    fn new(state: AccountStore, tally: &'a Tally, mode: Mode, [restores, forgets_keywords]: [bool; 2]) -> Self {
        let (listings, listed, validities, stale) = (Default::default(), Default::default(), [1, 1], [true; 2]);
        World { state, tally, mode, restores, forgets_keywords, listings, listed, validities, stale }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Arrives(side, message) => drop(self.listing(*side).append(message)),
            Event::IsDoubled(side, index) => {
                let listing = self.listing(*side);
                if let Some(one) = listing.nth(*index).map(|uid| listing.messages[&uid].clone()) {
                    listing.append(&one);
                }
            }
            Event::IsEdited(side, index, edited) => self.listing(*side).edit(*index, edited),
            Event::IsRemoved(side, index) => self.listing(*side).remove(*index),
            Event::IsFlagged(side, index, flags) => self.listing(*side).set_flags(*index, flags),
            Event::IsThereAlready(message) => self.listings.iter_mut().for_each(|it| _ = it.append(message)),
            Event::IsRenumbered(side) => {
                self.listing(*side).renumber();
                self.validities[*side as usize] += 1;
                self.stale[*side as usize] = true;
            }
            Event::IsListedWhole(side) => self.stale[*side as usize] = true,
            Event::LosesLinks => {
                if let Some(pair) = self.pair() {
                    self.state.reset_pair(&PairState::new(pair.pairing, pair.destination)).unwrap();
                }
            }
            Event::LosesLink(index) => {
                if let Some(link) = self.link(*index) {
                    self.state.unlink(&self.name(), [link.source]).unwrap();
                }
            }
            Event::IsRelinked(index, other) => {
                if let Some((link, other)) = self.link(*index).zip(self.link(*other)) {
                    let link = Link { destination: other.destination, ..link };
                    self.state.checkpoint(&self.name(), &[link], &[]).unwrap();
                }
            }
            Event::Synchronises => self.synchronise(usize::MAX),
            Event::IsKilled(steps) => self.synchronise(*steps),
        }
    }

    fn listing(&mut self, side: Side) -> &mut Listing {
        &mut self.listings[side as usize]
    }

    fn name(&self) -> RawName {
        self.blank(Standing::Source).name.raw
    }

    fn pair(&self) -> Option<PairState> {
        self.state.pair(&self.name()).unwrap()
    }

    fn link(&self, index: usize) -> Option<Link> {
        let mut links: Vec<Link> = self.state.links(&self.name()).unwrap().map(Result::unwrap).collect();
        (!links.is_empty()).then(|| links.swap_remove(index % links.len()))
    }

    fn blank(&self, side: Standing) -> MailboxState {
        let path = if side == Standing::Source { "a" } else { "b" };
        let mut state = mailbox(path, &Namespace { prefix: RawName(Vec::new()), delimiter: Some('/') }, &[]);
        let listing = &self.listings[side as usize];
        let point = state.sync_point.as_mut().unwrap();
        point.uid_validity = UidValidity(self.validities[side as usize]);
        (point.uid_next, point.messages) = (Some(Uid(listing.last_uid + 1)), listing.messages.len() as u32);
        if side == Standing::Destination && self.forgets_keywords {
            state.capacity = FlagCapacity::from_texts(["\\Seen", "\\Flagged", "\\Deleted"]);
        }
        state
    }

    /// As a scan does.
    fn list(&mut self, side: Standing) -> MailboxState {
        let state = self.blank(side);
        let messages = &self.listings[side as usize].messages;
        let known = self.state.mailbox(side, &state.name.raw).unwrap().filter(|known| known.sync_point.is_some());
        let is_stale = std::mem::take(&mut self.stale[side as usize]);
        let amends = known.is_some() && !is_stale;
        let mut writer = match amends {
            true => self.state.amend(side, &state.name.raw).unwrap(),
            false => self.state.relist(side, &state.name.raw).unwrap(),
        };
        if amends {
            writer.retain(&messages.keys().copied().collect()).unwrap();
        }
        self.listed[side as usize] = messages.values().map(|message| message.record.clone()).collect();
        self.listed[side as usize].iter().for_each(|record| writer.put(record).unwrap());
        writer.finish(state).unwrap()
    }

    fn content(&self, side: Standing, record: &MessageRecord) -> Option<Content> {
        self.listings[side as usize].messages.get(&record.uid).map(Message::content)
    }

    /// Plans, as `pipeline/planning/pair.rs` does: the whole and, where that can be, a part.
    fn plan(&mut self) -> MailboxPlan {
        let [source, destination] = Standing::BOTH.map(|side| {
            let name = self.blank(side).name.raw;
            self.state.mailbox(side, &name).unwrap().unwrap()
        });
        let pairing = pairing(&source, &destination);
        let known = self.pair().filter(|known| known.pairing == pairing);
        let known = known.unwrap_or_else(|| {
            let fresh = PairState::new(pairing.clone(), destination.name.clone());
            self.state.reset_pair(&fresh).unwrap();
            fresh
        });
        let settled =
            Settled { source_revision: source.revision, destination_revision: destination.revision, policy: POLICY };
        let (name, none) = (pairing.source.clone(), UidSet::new());
        let pair = MailboxPair {
            source: source.name.clone(),
            destination: destination.name.clone(),
            create: false,
            special_use: None,
            subscribe: false,
        };
        let comparison = Comparison {
            pair: &pair,
            source: &source,
            destination: Some(&destination),
            capacity: &destination.capacity,
            flags: FlagHistory::of(&known),
            append_limit: Some(500),
            expunges_by_uid: true,
            appends: appends(&known),
            stored: &none,
            merged: &none,
            found: None,
            elsewhere: &none,
            replaced: &none,
            others: &none,
            keeps: Keeps::ALL,
            contents: &|side, record| self.content(side, record),
            apart: Apart::default(),
        };
        let policy = Policy { mode: self.mode, restore_missing: self.restores, ..Policy::default() };
        let mut links = Vec::new();
        let mut record = |recorded: &[Link]| {
            links.extend_from_slice(recorded);
            Ok(())
        };
        let state = &self.state;
        let tied: Vec<Link> = state.links(&name).unwrap().map(Result::unwrap).collect();
        let Planned { plan, ownerless, mut ground } = plan_mailbox(
            &comparison,
            || self.listed[0].iter().cloned().map(Ok),
            || self.listed[1].iter().cloned().map(Ok),
            || tied.iter().cloned().map(Ok),
            &policy,
            &mut record,
        )
        .unwrap();
        links.sort_by_key(|link| link.source);
        let part = Part::of(state, [&source, &destination], &known, POLICY).unwrap();
        let count = if part.is_some() { &self.tally.by_part } else { &self.tally.whole };
        count.set(count.get() + u32::from(known.settled != Some(settled)));
        if let Some(part) = &part {
            self.tally.apart.set(self.tally.apart.get() + part.apart.messages());
            self.tally.held.set(self.tally.held.get() + u64::from(source.records));
            let mut links_by_part = Vec::new();
            let mut record = |recorded: &[Link]| {
                links_by_part.extend_from_slice(recorded);
                Ok(())
            };
            let comparison = Comparison { apart: part.apart, ..comparison };
            let by_part = plan_mailbox(
                &comparison,
                || part.source.iter().cloned().map(Ok),
                || part.destination.iter().cloned().map(Ok),
                || part.links.iter().cloned().map(Ok),
                &policy,
                &mut record,
            )
            .unwrap();
            links_by_part.sort_by_key(|link| link.source);
            assert_eq!((&plan, ownerless, &links), (&by_part.plan, by_part.ownerless, &links_by_part));
            let standing = by_part.ground.map(|it| part.ground(it));
            if let (Some(whole), Some(standing)) = (&ground, &standing) {
                assert_eq!((&whole.unlinked, &whole.orphaned), (&standing.unlinked, &standing.orphaned));
                assert_eq!(whole.lossy, standing.lossy);
            }
            ground = standing;
        }
        let count = plan.present + plan.copied + plan.departed.len() + ownerless;
        links.chunks(3).for_each(|links| state.checkpoint(&name, links, &[]).unwrap());
        let copied = plan.copies.iter().filter(|uid| state.link(&name, *uid).unwrap().is_some());
        let unlinked: Vec<Uid> = copied.collect();
        state.unlink(&name, unlinked).unwrap();
        match &part {
            Some(part) => drop_dead_links(state, [&source, &destination], count, part.links.iter().cloned().map(Ok)),
            None => drop_dead_links(state, [&source, &destination], count, tied.into_iter().map(Ok)),
        }
        .unwrap();
        let is_left = [plan.departed.is_empty(), plan.skipped.is_empty(), plan.doubt.is_empty(), plan.kept == 0];
        let mut pair = self.pair().unwrap();
        let is_settled = plan.is_empty() && is_left == [true; 4];
        pair.settled = is_settled.then_some(settled);
        pair.outcomes = Outcomes { present: plan.present, copied: plan.copied, ..Outcomes::default() };
        if pair.intent.is_none() {
            pair.unseen_from = None;
        }
        match is_settled {
            true => state.settle_pair(&pair, ground.zip(destination.sync_point.unwrap().uid_next)).unwrap(),
            false => state.put_pair(&pair).unwrap(),
        }
        plan
    }

    /// Scans, plans, applies and takes stock, until it is stopped.
    fn synchronise(&mut self, steps: usize) {
        Standing::BOTH.into_iter().for_each(|side| drop(self.list(side)));
        let plan = self.plan();
        let next = Uid(self.listings[1].last_uid + 1);
        let mut pair = self.pair().unwrap();
        let unclean = pair.intent;
        if plan.adds() {
            pair.intent.get_or_insert(Intent { uid_next: next });
            pair.unseen_from.get_or_insert(next);
            self.state.put_pair(&pair).unwrap();
        }
        if self.apply(&plan, steps).is_none() {
            return;
        }
        self.list(Standing::Destination);
        let mut pair = self.pair().unwrap();
        pair.late_from = pair.late_from.or(unclean.map(|intent| intent.uid_next));
        pair.intent = None;
        self.state.put_pair(&pair).unwrap();
        self.plan();
    }

    /// `None`: it was stopped.
    fn apply(&mut self, plan: &MailboxPlan, steps: usize) -> Option<()> {
        let (name, mut left) = (self.name(), steps);
        let mut links = Vec::new();
        for uid in plan.copies.iter() {
            let message = self.listings[0].messages[&uid].clone();
            let copy = self.listings[1].append(&message);
            if self.forgets_keywords {
                let kept = message.flags.within(&self.blank(Standing::Destination).capacity);
                self.listings[1].messages.get_mut(&copy).unwrap().record.flags = kept;
            }
            let goes_on = left.checked_sub(1);
            links.extend(goes_on.map(|_| linked(&message, copy)));
            let Some(rest) = goes_on else { break };
            left = rest;
        }
        self.state.checkpoint(&name, &links, &[]).unwrap();
        if (links.len() as u64) < plan.copies.len() {
            return None;
        }
        for update in &plan.flag_updates {
            let message = self.listings[1].messages.get_mut(&update.destination).unwrap();
            message.record.flags = message.flags.plus(&update.add).minus(&update.remove);
            left = left.checked_sub(1)?;
            let link = self.state.link(&name, update.source).unwrap().unwrap();
            self.state.checkpoint(&name, &[Link { agreed: update.agreed.clone(), ..link }], &[]).unwrap();
        }
        for deletion in &plan.deletions {
            self.listings[1].messages.remove(&deletion.destination).unwrap();
            left = left.checked_sub(1)?;
            self.state.unlink(&name, [deletion.source]).unwrap();
        }
        Some(())
    }
}

/// One that nothing but itself is like, and of which nothing is lost.
fn plain_message() -> impl Strategy<Value = Message> {
    (any::<[u8; 16]>(), 10..400u64, flags()).prop_map(|(identity, octets, flags)| {
        let (identity, internal_date) = (Some(Digest(identity)), Some(InternalDate(1_700_000_000)));
        Message::tellable(MessageRecord { uid: Uid(0), octets, internal_date, flags, identity }, 0)
    })
}

fn flags() -> impl Strategy<Value = Flags> {
    vec(select(vec!["\\Seen", "\\Flagged", "\\Deleted", "work"]), 0..3).prop_map(Flags::from_texts)
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![3 => plain_message(), 1 => message()]
}

fn side() -> impl Strategy<Value = Side> {
    select(vec![Side::Source, Side::Destination])
}

/// What users do every day.
fn simple_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => plain_message().prop_map(|message| Event::Arrives(Side::Source, message)),
        2 => plain_message().prop_map(|message| Event::Arrives(Side::Destination, message)),
        1 => plain_message().prop_map(Event::IsThereAlready),
        2 => any::<usize>().prop_map(|index| Event::IsRemoved(Side::Source, index)),
        3 => (side(), any::<usize>(), flags()).prop_map(|(side, index, flags)| Event::IsFlagged(side, index, flags)),
        2 => (any::<usize>(), plain_message()).prop_map(|(index, edited)| Event::IsEdited(Side::Source, index, edited)),
        6 => Just(Event::Synchronises),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (side(), any_message()).prop_map(|(side, message)| Event::Arrives(side, message)),
        3 => (side(), any::<usize>()).prop_map(|(side, index)| Event::IsDoubled(side, index)),
        3 => (side(), any::<usize>(), any_message()).prop_map(|(side, index, edited)| Event::IsEdited(side, index, edited)),
        4 => (side(), any::<usize>()).prop_map(|(side, index)| Event::IsRemoved(side, index)),
        4 => (side(), any::<usize>(), flags()).prop_map(|(side, index, flags)| Event::IsFlagged(side, index, flags)),
        2 => any_message().prop_map(Event::IsThereAlready),
        1 => side().prop_map(Event::IsRenumbered),
        1 => side().prop_map(Event::IsListedWhole),
        1 => Just(Event::LosesLinks),
        1 => any::<usize>().prop_map(Event::LosesLink),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(index, other)| Event::IsRelinked(index, other)),
        14 => Just(Event::Synchronises),
        1 => (0..3usize).prop_map(Event::IsKilled),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Copy, Mode::Mirror, Mode::TwoWay])
}

/// A state for many histories, each of which is an account of its own.
struct Histories {
    _directory: tempfile::TempDir,
    store: Store,
    count: Cell<u32>,
    tally: Tally,
}

impl Histories {
    fn new() -> Histories {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path()).unwrap();
        Histories { _directory: directory, store, count: Cell::new(0), tally: Tally::default() }
    }

    fn go_through(&self, mode: Mode, besides: [bool; 2], events: &[Event]) {
        self.count.set(self.count.get() + 1);
        let account = self.store.account(&format!("a{}", self.count.get()));
        let mut world = World::new(account, &self.tally, mode, besides);
        events.iter().for_each(|event| world.happen(event));
        world.synchronise(usize::MAX);
        world.state.drop_account().unwrap();
    }
}

/// Holds pipeline/planning/part.rs invariant 1.
#[test]
fn plan_of_a_part_is_the_plan_of_the_whole() {
    let histories = Histories::new();
    let strategy = (mode(), any::<[bool; 2]>(), vec(event(), 0..24));
    proptest::test_runner::TestRunner::new(cases(1_000))
        .run(&strategy, |(mode, besides, events)| {
            histories.go_through(mode, besides, &events);
            Ok(())
        })
        .unwrap();
    let [by_part, whole] = [&histories.tally.by_part, &histories.tally.whole].map(Cell::get);
    assert!(by_part > whole / 4, "{by_part} plans of parts, {whole} of the whole");
}

/// Holds pipeline/planning/part.rs invariant 2.
#[test]
fn plan_of_what_happens_every_day_is_one_of_a_part() {
    let histories = Histories::new();
    let begins = vec(plain_message().prop_map(|message| Event::Arrives(Side::Source, message)), 8..16);
    let strategy = (select(vec![Mode::Copy, Mode::Mirror]), begins, vec(simple_event(), 0..30));
    proptest::test_runner::TestRunner::new(cases(200))
        .run(&strategy, |(mode, mut events, days)| {
            events.push(Event::Synchronises);
            events.extend(days);
            histories.go_through(mode, [false; 2], &events);
            Ok(())
        })
        .unwrap();
    let [by_part, whole] = [&histories.tally.by_part, &histories.tally.whole].map(Cell::get);
    // The first two of each history are whole: what is there, and what came of it.
    let begun = 2 * histories.count.get();
    let [apart, held] = [&histories.tally.apart, &histories.tally.held].map(Cell::get);
    assert!(apart > held / 2, "{apart} messages of {held} were left out");
    assert!(by_part > 9 * whole.saturating_sub(begun), "{by_part} plans of parts, {whole} of the whole");
}

/// Nothing is to be done for three messages, and there is one on the destination that is others'.
fn begun(histories: &Histories) -> World<'_> {
    let mut world = World::new(histories.store.account("settled"), &histories.tally, Mode::Copy, [false; 2]);
    (1..=3).for_each(|number| _ = world.listings[0].append(&numbered(number)));
    world.listings[1].append(&numbered(40));
    world.synchronise(usize::MAX);
    world
}

/// A fourth message is listed since.
fn settled(histories: &Histories) -> World<'_> {
    let mut world = begun(histories);
    world.listings[0].append(&numbered(4));
    world.list(Standing::Source);
    world
}

fn numbered(number: u8) -> Message {
    let (uid, octets, identity) = (Uid(0), u64::from(number), Some(Digest([number; 16])));
    let record =
        MessageRecord { uid, octets, internal_date: Some(InternalDate(1_700_000_000)), flags: Flags::none(), identity };
    Message::tellable(record, 0)
}

fn part(world: &World, policy: [u8; 16]) -> Option<Part> {
    let listing = |side| world.state.mailbox(side, &world.blank(side).name.raw).unwrap().unwrap();
    let listings = Standing::BOTH.map(listing);
    Part::of(&world.state, [&listings[0], &listings[1]], &world.pair().unwrap(), policy).unwrap()
}

#[test]
fn part_is_what_changed_and_what_no_link_names() {
    let histories = Histories::new();
    let world = settled(&histories);
    let part = part(&world, POLICY).expect("a part");
    let uids = |records: &[MessageRecord]| records.iter().map(|record| record.uid.0).collect::<Vec<_>>();
    assert_eq!((uids(&part.source), uids(&part.destination), part.links.len()), (vec![4], vec![1], 0));
    assert_eq!(part.apart, Apart { present: 0, copied: 3 });
}

/// Holds pipeline/planning/part.rs invariant 4.
#[test]
fn what_is_not_simple_is_compared_whole() {
    type Change = fn(&mut World, &mut PairState);
    let changes: [(&str, Change); 9] = [
        ("an open intent", |_, pair| pair.intent = Some(Intent { uid_next: Uid(9) })),
        ("late appends", |_, pair| pair.late_from = Some(Uid(9))),
        ("copies that were not listed", |_, pair| pair.unseen_from = Some(Uid(2))),
        ("an outcome", |world, _| {
            world.state.checkpoint(&world.name(), &[], &[(Uid(4), Outcome::Vanished)]).unwrap();
        }),
        ("what is remembered", |world, _| {
            let (uid, validity, listed) = (Uid(4), UidValidity(1), numbered(4).listed());
            let remembered = Remembered { uid, validity, listed, stored: None };
            world.state.remember(&world.name(), &[remembered], &[]).unwrap();
        }),
        ("what was accepted", |world, _| {
            let mut agreement = world.state.agreement(&world.name(), UidValidity(1)).unwrap();
            agreement.accept(UidSet::range(Uid(1), Uid(1)), "so be it");
            world.state.put_agreement(&world.name(), &agreement).unwrap();
        }),
        ("a listing that was replaced", |world, _| {
            world.stale = [true; 2];
            world.list(Standing::Source);
        }),
        ("a link to somebody else's copy", |world, _| {
            let link = world.state.link(&world.name(), Uid(1)).unwrap().unwrap();
            world.state.checkpoint(&world.name(), &[Link { source: Uid(4), ..link }], &[]).unwrap();
        }),
        ("a copy that stands before others", |world, _| {
            let link = world.state.link(&world.name(), Uid(1)).unwrap().unwrap();
            world
                .state
                .checkpoint(&world.name(), &[Link { source: Uid(4), destination: Uid(1), ..link }], &[])
                .unwrap();
        }),
    ];
    for (what, change) in changes {
        let histories = Histories::new();
        let mut world = settled(&histories);
        let mut pair = world.pair().unwrap();
        change(&mut world, &mut pair);
        pair.links = world.pair().unwrap().links;
        world.state.put_pair(&pair).unwrap();
        assert!(part(&world, POLICY).is_none(), "{what}");
    }
    let histories = Histories::new();
    assert!(part(&settled(&histories), [8; 16]).is_none(), "other settings");
}

/// Holds pipeline/planning/part.rs invariant 3.
#[test]
fn part_that_does_not_add_up_is_none() {
    for is_told in [true, false] {
        let histories = Histories::new();
        let mut world = begun(&histories);
        let known = world.state.settlement(&world.name()).unwrap().expect("a settled pair");
        let unlinked = known.ground.unlinked.clone();
        let unlinked = if is_told { unlinked } else { UidSet::new() };
        let ground = Ground { unlinked, ..known.ground };
        world.state.settle_pair(&world.pair().unwrap(), Some((ground, known.below))).unwrap();
        world.listings[0].append(&numbered(4));
        world.list(Standing::Source);
        assert_eq!(part(&world, POLICY).is_some(), is_told);
    }
}

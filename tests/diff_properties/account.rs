//! An account in memory: a source and a destination that change at random, lose their links or their UIDVALIDITY, and are
//! synchronised in between, sometimes only in part.

use crate::support::listed::mailbox;
use mailferry::diff::comparing::carry::{Carried, carry};
use mailferry::diff::comparing::comparison::{Apart, Appends, Comparison};
use mailferry::diff::comparing::flags::FlagHistory;
use mailferry::diff::comparing::messages::{Planned, plan_mailbox};
use mailferry::diff::comparing::same::Keeps;
use mailferry::diff::routing::mapping::MailboxPair;
use mailferry::model::namespace::Namespace;
use mailferry::model::plan::MailboxPlan;
use mailferry::model::policy::{Mode, Policy};
use mailferry::model::{
    Content, Digest, FlagCapacity, Flags, InternalDate, Link, LinkOrigin, Listed, MessageRecord, PairState, Pairing,
    RawName, Remembered, Uid, UidSet, UidValidity,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

const SIZE_LIMIT: u64 = 500;

fn namespace() -> Namespace {
    Namespace { prefix: RawName(Vec::new()), delimiter: Some('/') }
}

/// A mailbox in memory.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub messages: BTreeMap<Uid, Message>,
    pub last_uid: u32,
}

impl Listing {
    pub fn append(&mut self, message: &Message) -> Uid {
        self.last_uid += 1;
        let uid = Uid(self.last_uid);
        let record = MessageRecord { uid, ..message.record.clone() };
        self.messages.insert(uid, Message { record, body: message.body });
        uid
    }

    pub fn nth(&self, index: usize) -> Option<Uid> {
        self.messages.keys().nth(index % self.messages.len().max(1)).copied()
    }

    pub fn remove(&mut self, index: usize) {
        self.nth(index).map(|uid| self.messages.remove(&uid));
    }

    pub fn set_flags(&mut self, index: usize, flags: &Flags) {
        if let Some(message) = self.nth(index).and_then(|uid| self.messages.get_mut(&uid)) {
            message.record.flags = flags.clone();
        }
    }

    /// Saved again as another message under its identity; its UID is another one.
    pub fn edit(&mut self, index: usize, edited: &Message) {
        if let Some(before) = self.nth(index).and_then(|uid| self.messages.remove(&uid)) {
            let record = MessageRecord { identity: before.record.identity, ..edited.record.clone() };
            self.append(&Message::tellable(record, edited.body));
        }
    }

    /// UIDVALIDITY has changed: the same messages under UIDs from 1 on. Returned are those by the UIDs of before.
    pub fn renumber(&mut self) -> BTreeMap<Uid, Uid> {
        self.last_uid = 0;
        let messages = std::mem::take(&mut self.messages);
        messages.iter().map(|(uid, message)| (*uid, self.append(message))).collect()
    }

    pub fn records(&self) -> impl Iterator<Item = mailferry::error::Result<MessageRecord>> + '_ {
        self.messages.values().map(|message| Ok(message.record.clone()))
    }

    pub fn count(&self, octets: (Option<Digest>, u64, u8)) -> u64 {
        self.messages.values().filter(|message| message.octets() == octets).count() as u64
    }
}

/// A message: what is listed of it, and what its octets are besides.
#[derive(Clone, Debug)]
pub struct Message {
    pub record: MessageRecord,
    pub body: u8,
}

impl Deref for Message {
    type Target = MessageRecord;

    fn deref(&self) -> &MessageRecord {
        &self.record
    }
}

impl Message {
    /// What agrees in identity, size and date is one message, unless it has no identity: else nothing could be tied unread.
    pub fn tellable(record: MessageRecord, body: u8) -> Message {
        let body = match record.internal_date {
            Some(InternalDate(date)) if record.identity != Some(Digest::NAMELESS) => u8::from(date == 3),
            _ => body,
        };
        Message { record, body }
    }

    /// Messages with the same are one message.
    pub fn octets(&self) -> (Option<Digest>, u64, u8) {
        (self.identity, self.octets, self.body)
    }

    pub fn content(&self) -> Content {
        let mut octets = [self.body; 32];
        octets[..16].copy_from_slice(&self.identity.expect("an identity").0);
        octets[16..18].copy_from_slice(&(self.octets as u16).to_be_bytes());
        Content { octets, text: Digest(octets[16..].try_into().expect("half of it")) }
    }
}

/// What happens to an account between two runs, and runs themselves.
#[derive(Clone, Debug)]
pub enum Event {
    Arrives(Side, Message),
    IsEdited(Side, usize, Message),
    IsRemoved(Side, usize),
    IsFlagged(Side, usize, Flags),
    IsRenumbered(Side),
    LosesLinks,
    LosesLink(usize),
    Synchronises,
    /// Killed after so many copies; the last one is stored and its link is not.
    IsKilled(usize),
    /// An append of ours whose connection broke long ago is stored now: a message is there once more.
    LandsLate(usize),
}

#[derive(Clone, Copy, Debug)]
pub enum Side {
    Source,
    Destination,
}

/// A plan, and the links that are recorded.
pub struct MailboxDiff {
    pub plan: MailboxPlan,
    pub links: Vec<Link>,
}

#[derive(Clone, Debug, Default)]
pub struct Account {
    pub source: Listing,
    pub destination: Listing,
    pub links: BTreeMap<Uid, Link>,
    /// Source messages that are not sent without a word, with what is listed of them.
    pub stored: BTreeMap<Uid, Listed>,
    pub restore_missing: bool,
    pub mirror: bool,
    /// Both sides are equal.
    pub two_way: bool,
    pub appends: Appends,
    /// Destination messages that we appended.
    pub ours: BTreeSet<Uid>,
    /// Neither server gives the octets of its messages.
    pub unreadable: bool,
}

impl Account {
    pub fn happen(&mut self, event: &Event) {
        match event {
            Event::Arrives(side, message) => {
                self.listing(*side).append(message);
            }
            Event::IsEdited(side, index, edited) => self.listing(*side).edit(*index, edited),
            Event::IsRemoved(side, index) => self.listing(*side).remove(*index),
            Event::IsFlagged(side, index, flags) => self.listing(*side).set_flags(*index, flags),
            Event::IsRenumbered(side) => self.renumber(*side),
            Event::LosesLinks => self.lose_state(),
            Event::LosesLink(index) => {
                let lost = self.links.keys().nth(index % self.links.len().max(1)).copied();
                lost.map(|uid| self.links.remove(&uid));
            }
            Event::Synchronises => {
                self.apply(&self.plan(), usize::MAX);
                self.appends.unreconciled = None;
            }
            Event::IsKilled(copies) => {
                let next = Uid(self.destination.last_uid + 1);
                self.apply(&self.plan(), *copies);
                self.appends.unreconciled.get_or_insert(next);
                self.appends.late = self.appends.late.or(self.appends.unreconciled);
            }
            Event::LandsLate(index) => {
                let linked = self.links.values().nth(index % self.links.len().max(1)).map(|link| link.destination);
                if let Some(message) = linked.and_then(|uid| self.destination.messages.get(&uid).cloned()) {
                    let uid = self.destination.append(&message);
                    self.ours.insert(uid);
                }
            }
        }
    }

    /// The links are carried over, as far as listings tell.
    pub fn renumber(&mut self, side: Side) {
        let gone = self.links.values().filter(|link| !self.destination.messages.contains_key(&link.destination));
        let departed: UidSet = gone.map(|link| link.source).collect();
        let now = self.listing(side).renumber();
        let mut known = PairState::new(
            Pairing {
                source: RawName(Vec::new()),
                source_validity: UidValidity(1),
                destination: RawName(Vec::new()),
                destination_validity: UidValidity(1),
            },
            mailbox("a", &namespace(), &[]).name,
        );
        known.links = self.links.len() as u64;
        let listed = match side {
            Side::Source => [Some(self.source.records()), None],
            Side::Destination => [None, Some(self.destination.records())],
        };
        let validity = UidValidity(1);
        let remembered = |(uid, listed): (&Uid, &Listed)| {
            let stored = Some("stored".to_owned());
            Remembered { uid: *uid, validity, listed: *listed, stored }
        };
        let remembered: Vec<Remembered> = self.stored.iter().map(remembered).collect();
        let links = self.links.values().cloned().map(Ok);
        let over = carry(links, &remembered, listed, &departed, Keeps::ALL).unwrap();
        let link = |it: &Carried| (it.source, it.apply(self.links[&it.before].clone(), &known));
        self.links = over.links.iter().map(link).collect();
        if let Side::Source = side {
            let again = over.remembered.iter().map(|(number, uid)| (*uid, remembered[*number].listed));
            self.stored = over.in_question.iter().copied().chain(again).collect();
        } else {
            self.ours = self.ours.iter().filter_map(|uid| now.get(uid).copied()).collect();
            self.appends = Appends::default();
        }
    }

    /// Leaves only messages that their listings tell apart.
    pub fn keep_what_is_told(&mut self) {
        let told = |identity, date: Option<InternalDate>| identity != Some(Digest::NAMELESS) && date.is_some();
        for listing in [&mut self.source, &mut self.destination] {
            listing.messages.retain(|_, message| told(message.identity, message.internal_date));
        }
        self.links.retain(|_, link| told(Some(link.identity), link.date));
        // What is in question because of the others is not copied.
        self.stored.clear();
    }

    pub fn lose_state(&mut self) {
        self.links.clear();
        self.stored.clear();
        self.appends = Appends::default();
    }

    /// The other way round: its source is its destination from now on. Links are read from there, as `store/turning.rs` does.
    pub fn turn(&mut self) {
        std::mem::swap(&mut self.source, &mut self.destination);
        let mut links: Vec<Link> = std::mem::take(&mut self.links).into_values().collect();
        links.sort_by_key(|link| (link.destination.is_stand_in(), link.destination, link.source));
        links.dedup_by(|one, kept| one.destination == kept.destination && !kept.destination.is_stand_in());
        let mirrored =
            links.iter().enumerate().filter(|(_, it)| !(it.source.is_stand_in() && it.destination.is_stand_in()));
        let mirrored = mirrored.map(|(number, link)| link.mirrored(Uid(Uid::LOST.0 + number as u32)));
        self.links = mirrored.map(|link| (link.source, link)).collect();
        self.appends = Appends::default();
    }

    /// As `pipeline/survey/dead_links.rs` does.
    pub fn drop_dead_links(&mut self) {
        let (source, destination) = (&self.source.messages, &self.destination.messages);
        let lives = |link: &Link| source.contains_key(&link.source) || destination.contains_key(&link.destination);
        self.links.retain(|_, link| lives(link));
    }

    pub fn listing(&mut self, side: Side) -> &mut Listing {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    pub fn content(&self, side: mailferry::model::Side, record: &MessageRecord) -> Content {
        let listing = match side {
            mailferry::model::Side::Source => &self.source,
            mailferry::model::Side::Destination => &self.destination,
        };
        listing.messages[&record.uid].content()
    }

    pub fn plan(&self) -> MailboxDiff {
        let state = mailbox("a", &namespace(), &[]);
        let mut destination = state.clone();
        destination.sync_point.as_mut().unwrap().uid_next = Some(Uid(self.destination.last_uid + 1));
        let pair = MailboxPair {
            source: state.name.clone(),
            destination: state.name.clone(),
            create: false,
            special_use: None,
            subscribe: false,
        };
        let capacity = FlagCapacity::everything();
        let comparison = Comparison {
            pair: &pair,
            source: &state,
            destination: Some(&destination),
            capacity: &capacity,
            flags: FlagHistory::default(),
            append_limit: Some(SIZE_LIMIT),
            expunges_by_uid: true,
            appends: self.appends,
            stored: &self.stored.keys().copied().collect(),
            merged: &UidSet::new(),
            found: None,
            elsewhere: &UidSet::new(),
            replaced: &UidSet::new(),
            others: &UidSet::new(),
            keeps: Keeps::ALL,
            contents: &|side, record| (!self.unreadable).then(|| self.content(side, record)),
            apart: Apart::default(),
        };
        let mode = match (self.two_way, self.mirror) {
            (true, _) => Mode::TwoWay,
            (false, true) => Mode::Mirror,
            (false, false) => Mode::Copy,
        };
        let policy = Policy { mode, restore_missing: self.restore_missing, ..Policy::default() };
        let links = || self.links.values().cloned().map(Ok);
        let (source, destination) = (|| self.source.records(), || self.destination.records());
        let mut recorded = Vec::new();
        let mut record = |links: &[Link]| {
            recorded.extend_from_slice(links);
            Ok(())
        };
        let Planned { plan, .. } = plan_mailbox(&comparison, source, destination, links, &policy, &mut record).unwrap();
        MailboxDiff { plan, links: recorded }
    }

    /// Does what the plan says, as `apply` would; `kill_after` copies it stops, the last one without its link.
    pub fn apply(&mut self, diff: &MailboxDiff, kill_after: usize) {
        self.links.extend(diff.links.iter().map(|link| (link.source, link.clone())));
        self.stored.retain(|uid, _| !self.links.contains_key(uid));
        for (done, uid) in diff.plan.copies.iter().enumerate() {
            let message = self.source.messages[&uid].clone();
            let copy = self.destination.append(&message);
            self.ours.insert(copy);
            if done == kill_after {
                return;
            }
            self.links.insert(uid, linked(&message, copy));
            self.stored.remove(&uid);
        }
        for update in &diff.plan.flag_updates {
            let message = self.destination.messages.get_mut(&update.destination).expect("a message that is there");
            message.record.flags = message.flags.plus(&update.add).minus(&update.remove);
            self.links.get_mut(&update.source).expect("a link to update").agreed = update.agreed.clone();
        }
        for deletion in &diff.plan.deletions {
            self.destination.messages.remove(&deletion.destination).expect("a message that is there");
            self.links.remove(&deletion.source);
        }
        for second in self.mirror.then_some(&diff.plan.second_copies).into_iter().flatten() {
            self.destination.messages.remove(&second.surplus).expect("a message that is there");
        }
    }

    /// How many messages of the same octets these are.
    pub fn by_octets(&self, uids: &UidSet) -> BTreeMap<(Option<Digest>, u64, u8), u64> {
        let mut counts = BTreeMap::new();
        uids.iter().for_each(|uid| *counts.entry(self.source.messages[&uid].octets()).or_default() += 1);
        counts
    }

    /// Source UIDs that are tied to a message which is there.
    pub fn present(&self) -> BTreeMap<Uid, Uid> {
        let is_live = |link: &&Link| {
            self.source.messages.contains_key(&link.source) && self.destination.messages.contains_key(&link.destination)
        };
        self.links.values().filter(is_live).map(|link| (link.source, link.destination)).collect()
    }
}

/// Of how many source messages a plan says what becomes of them.
pub fn counted(plan: &MailboxPlan) -> u64 {
    let named = plan.departed.len() + plan.not_found_again.len() + plan.skipped.len() as u64 + plan.doubt.source.len();
    plan.present + plan.copied + plan.copies.len() + named
}

/// Of a copy of ours, with nothing lost.
pub fn linked(message: &Message, copy: Uid) -> Link {
    Link {
        source: message.uid,
        destination: copy,
        agreed: message.flags.clone(),
        lost: Flags::none(),
        origin: LinkOrigin::Appended,
        octets: message.octets,
        date: message.internal_date,
        source_octets: None,
        altered: None,
        identity: message.identity.expect("an identity"),
    }
}

pub fn flags() -> impl Strategy<Value = Flags> {
    vec(select(vec!["\\Seen", "\\Flagged", "$Label1", "work"]), 0..3).prop_map(Flags::from_texts)
}

/// The last is of those that have none.
pub const IDENTITIES: [Digest; 4] = [Digest([0; 16]), Digest([1; 16]), Digest([2; 16]), Digest::NAMELESS];

pub fn message() -> impl Strategy<Value = Message> {
    let octets = select(vec![10, 20, SIZE_LIMIT + 1]);
    let date = select(vec![None, Some(InternalDate(1)), Some(InternalDate(2)), Some(InternalDate(3))]);
    let message = (select(IDENTITIES.to_vec()), octets, date, flags(), 0..2u8);
    message.prop_map(|(identity, octets, internal_date, flags, body)| {
        let record = MessageRecord { uid: Uid(0), octets, internal_date, flags, identity: Some(identity) };
        Message::tellable(record, body)
    })
}

pub fn event() -> impl Strategy<Value = Event> {
    let side = || select(vec![Side::Source, Side::Destination]);
    prop_oneof![
        6 => (side(), message()).prop_map(|(side, message)| Event::Arrives(side, message)),
        3 => (side(), any::<usize>(), message()).prop_map(|(side, index, edited)| Event::IsEdited(side, index, edited)),
        4 => (side(), any::<usize>()).prop_map(|(side, index)| Event::IsRemoved(side, index)),
        4 => (side(), any::<usize>(), flags()).prop_map(|(side, index, flags)| Event::IsFlagged(side, index, flags)),
        1 => side().prop_map(Event::IsRenumbered),
        1 => Just(Event::LosesLinks),
        2 => any::<usize>().prop_map(Event::LosesLink),
        4 => Just(Event::Synchronises),
        2 => (0..3usize).prop_map(Event::IsKilled),
        1 => any::<usize>().prop_map(Event::LandsLate),
    ]
}

pub fn account() -> impl Strategy<Value = Account> {
    (vec(event(), 0..24), any::<bool>()).prop_map(|(events, restore_missing)| {
        let mut account = Account { restore_missing, ..Account::default() };
        events.iter().for_each(|event| account.happen(event));
        account
    })
}

pub fn mirrored_account() -> impl Strategy<Value = Account> {
    vec(event(), 0..24).prop_map(|events| {
        let mut account = Account { mirror: true, ..Account::default() };
        events.iter().for_each(|event| account.happen(event));
        account
    })
}

//! What holds of every plan, shown on generated accounts: a source and a destination that live in memory, change at
//! random, lose their links or their UIDVALIDITY, and are synchronised in between, sometimes only in part.

mod support {
    pub mod property;
    pub mod replay;
}

use mailferry::diff::comparing::carry::{Carried, carry};
use mailferry::diff::comparing::comparison::{Appends, Comparison};
use mailferry::diff::comparing::flags::FlagHistory;
use mailferry::diff::comparing::messages::plan_mailbox;
use mailferry::diff::comparing::same::Keeps;
use mailferry::diff::routing::mailboxes::map_mailboxes;
use mailferry::diff::routing::mapping::{MailboxPair, Mapping, SideView};
use mailferry::model::namespace::{Names, Namespace, Namespaces};
use mailferry::model::plan::MailboxPlan;
use mailferry::model::policy::{MailboxPolicy, Mode, Policy};
use mailferry::model::server::Preset;
use mailferry::model::{
    Attribute, Content, Digest, FlagCapacity, Flags, InternalDate, Link, LinkOrigin, Listed, MailboxName, MailboxState,
    MessageRecord, ModSeq, PairState, Pairing, RawName, Remembered, SideState, SpecialUse, SyncPoint, Uid, UidSet,
    UidValidity, utf7,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use support::property::cases;

const SIZE_LIMIT: u64 = 500;

static NO_NAMES: Names =
    Names { namespaces: Namespaces(Vec::new()), foreign: Vec::new(), foreign_unnamed: 0, unreadable: Vec::new() };

/// A mailbox in memory.
#[derive(Clone, Debug, Default)]
struct Listing {
    messages: BTreeMap<Uid, Message>,
    last_uid: u32,
}

impl Listing {
    fn append(&mut self, message: &Message) -> Uid {
        self.last_uid += 1;
        let uid = Uid(self.last_uid);
        let record = MessageRecord { uid, ..message.record.clone() };
        self.messages.insert(uid, Message { record, body: message.body });
        uid
    }

    fn nth(&self, index: usize) -> Option<Uid> {
        self.messages.keys().nth(index % self.messages.len().max(1)).copied()
    }

    fn remove(&mut self, index: usize) {
        self.nth(index).map(|uid| self.messages.remove(&uid));
    }

    fn set_flags(&mut self, index: usize, flags: &Flags) {
        if let Some(message) = self.nth(index).and_then(|uid| self.messages.get_mut(&uid)) {
            message.record.flags = flags.clone();
        }
    }

    /// Saved again as another message under its identity; its UID is another one.
    fn edit(&mut self, index: usize, edited: &Message) {
        if let Some(before) = self.nth(index).and_then(|uid| self.messages.remove(&uid)) {
            let record = MessageRecord { identity: before.record.identity, ..edited.record.clone() };
            self.append(&Message::tellable(record, edited.body));
        }
    }

    /// UIDVALIDITY has changed: the same messages under UIDs from 1 on. Returned are those by the UIDs of before.
    fn renumber(&mut self) -> BTreeMap<Uid, Uid> {
        self.last_uid = 0;
        let messages = std::mem::take(&mut self.messages);
        messages.iter().map(|(uid, message)| (*uid, self.append(message))).collect()
    }

    fn records(&self) -> impl Iterator<Item = mailferry::error::Result<MessageRecord>> + '_ {
        self.messages.values().map(|message| Ok(message.record.clone()))
    }

    fn count(&self, octets: (Option<Digest>, u64, u8)) -> u64 {
        self.messages.values().filter(|message| message.octets() == octets).count() as u64
    }
}

/// A message: what is listed of it, and what its octets are besides.
#[derive(Clone, Debug)]
struct Message {
    record: MessageRecord,
    body: u8,
}

impl Deref for Message {
    type Target = MessageRecord;

    fn deref(&self) -> &MessageRecord {
        &self.record
    }
}

impl Message {
    /// What agrees in identity, size and date is one message, unless it has no identity: else nothing could be tied unread.
    fn tellable(record: MessageRecord, body: u8) -> Message {
        let body = match record.internal_date {
            Some(InternalDate(date)) if record.identity != Some(Digest::NAMELESS) => u8::from(date == 3),
            _ => body,
        };
        Message { record, body }
    }

    /// Messages with the same are one message.
    fn octets(&self) -> (Option<Digest>, u64, u8) {
        (self.identity, self.octets, self.body)
    }

    fn content(&self) -> Content {
        let mut octets = [self.body; 32];
        octets[..16].copy_from_slice(&self.identity.expect("an identity").0);
        octets[16..18].copy_from_slice(&(self.octets as u16).to_be_bytes());
        Content { octets, text: Digest(octets[16..].try_into().expect("half of it")) }
    }
}

/// What happens to an account between two runs, and runs themselves.
#[derive(Clone, Debug)]
enum Event {
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
enum Side {
    Source,
    Destination,
}

/// A plan, and the links that are recorded.
struct MailboxDiff {
    plan: MailboxPlan,
    links: Vec<Link>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    source: Listing,
    destination: Listing,
    links: BTreeMap<Uid, Link>,
    /// Source messages that are not sent without a word, with what is listed of them.
    stored: BTreeMap<Uid, Listed>,
    restore_missing: bool,
    mirror: bool,
    appends: Appends,
    /// Destination messages that we appended.
    ours: BTreeSet<Uid>,
    /// Neither server gives the octets of its messages.
    unreadable: bool,
}

impl Account {
    fn happen(&mut self, event: &Event) {
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
    fn renumber(&mut self, side: Side) {
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
            mailbox("a", &namespace('/'), &[]).name,
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
    fn keep_what_is_told(&mut self) {
        let told = |identity, date: Option<InternalDate>| identity != Some(Digest::NAMELESS) && date.is_some();
        for listing in [&mut self.source, &mut self.destination] {
            listing.messages.retain(|_, message| told(message.identity, message.internal_date));
        }
        self.links.retain(|_, link| told(Some(link.identity), link.date));
        // What is in question because of the others is not copied.
        self.stored.clear();
    }

    fn lose_state(&mut self) {
        self.links.clear();
        self.stored.clear();
        self.appends = Appends::default();
    }

    fn listing(&mut self, side: Side) -> &mut Listing {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    fn content(&self, side: mailferry::model::Side, record: &MessageRecord) -> Content {
        let listing = match side {
            mailferry::model::Side::Source => &self.source,
            mailferry::model::Side::Destination => &self.destination,
        };
        listing.messages[&record.uid].content()
    }

    fn plan(&self) -> MailboxDiff {
        let state = mailbox("a", &namespace('/'), &[]);
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
            found: None,
            replaced: &UidSet::new(),
            others: &UidSet::new(),
            keeps: Keeps::ALL,
            contents: &|side, record| (!self.unreadable).then(|| self.content(side, record)),
        };
        let mode = if self.mirror { Mode::Mirror } else { Mode::Copy };
        let policy = Policy { mode, restore_missing: self.restore_missing, ..Policy::default() };
        let links = || self.links.values().cloned().map(Ok);
        let (source, destination) = (|| self.source.records(), || self.destination.records());
        let mut recorded = Vec::new();
        let mut record = |links: &[Link]| {
            recorded.extend_from_slice(links);
            Ok(())
        };
        let plan = plan_mailbox(&comparison, source, destination, links, &policy, &mut record).unwrap();
        MailboxDiff { plan, links: recorded }
    }

    /// Does what the plan says, as `apply` would; `kill_after` copies it stops, the last one without its link.
    fn apply(&mut self, diff: &MailboxDiff, kill_after: usize) {
        self.links.extend(diff.links.iter().map(|link| (link.source, link.clone())));
        self.stored.retain(|uid, _| !self.links.contains_key(uid));
        for (done, uid) in diff.plan.copies.iter().enumerate() {
            let message = self.source.messages[&uid].clone();
            let copy = self.destination.append(&message);
            self.ours.insert(copy);
            if done == kill_after {
                return;
            }
            let (agreed, octets, identity) = (message.flags.clone(), message.octets, message.identity.unwrap());
            let (origin, date) = (LinkOrigin::Appended, message.internal_date);
            let link = Link {
                source: uid,
                destination: copy,
                agreed,
                lost: Flags::none(),
                origin,
                octets,
                date,
                source_octets: None,
                altered: None,
                identity,
            };
            self.links.insert(uid, link);
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
    fn by_octets(&self, uids: &UidSet) -> BTreeMap<(Option<Digest>, u64, u8), u64> {
        let mut counts = BTreeMap::new();
        uids.iter().for_each(|uid| *counts.entry(self.source.messages[&uid].octets()).or_default() += 1);
        counts
    }

    /// Source UIDs that are tied to a message which is there.
    fn present(&self) -> BTreeMap<Uid, Uid> {
        let is_live = |link: &&Link| {
            self.source.messages.contains_key(&link.source) && self.destination.messages.contains_key(&link.destination)
        };
        self.links.values().filter(is_live).map(|link| (link.source, link.destination)).collect()
    }
}

/// Of how many source messages a plan says what becomes of them.
fn counted(plan: &MailboxPlan) -> u64 {
    let named = plan.departed.len() + plan.not_found_again.len() + plan.skipped.len() as u64 + plan.doubt.source.len();
    plan.present + plan.copied + plan.copies.len() + named
}

fn flags() -> impl Strategy<Value = Flags> {
    vec(select(vec!["\\Seen", "\\Flagged", "$Label1", "work"]), 0..3).prop_map(Flags::from_texts)
}

/// The last is of those that have none.
const IDENTITIES: [Digest; 4] = [Digest([0; 16]), Digest([1; 16]), Digest([2; 16]), Digest::NAMELESS];

fn message() -> impl Strategy<Value = Message> {
    let octets = select(vec![10, 20, SIZE_LIMIT + 1]);
    let date = select(vec![None, Some(InternalDate(1)), Some(InternalDate(2)), Some(InternalDate(3))]);
    let message = (select(IDENTITIES.to_vec()), octets, date, flags(), 0..2u8);
    message.prop_map(|(identity, octets, internal_date, flags, body)| {
        let record = MessageRecord { uid: Uid(0), octets, internal_date, flags, identity: Some(identity) };
        Message::tellable(record, body)
    })
}

fn event() -> impl Strategy<Value = Event> {
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

fn account() -> impl Strategy<Value = Account> {
    (vec(event(), 0..24), any::<bool>()).prop_map(|(events, restore_missing)| {
        let mut account = Account { restore_missing, ..Account::default() };
        events.iter().for_each(|event| account.happen(event));
        account
    })
}

fn mirrored_account() -> impl Strategy<Value = Account> {
    vec(event(), 0..24).prop_map(|events| {
        let mut account = Account { mirror: true, ..Account::default() };
        events.iter().for_each(|event| account.happen(event));
        account
    })
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Holds diff/comparing/removals.rs invariant 1. What was found in the tail of a killed run is ours as far as we can know.
    #[test]
    fn mirror_deletes_only_what_we_copied_and_the_source_lost(account in mirrored_account()) {
        let plan = account.plan().plan;
        for deletion in &plan.deletions {
            let link = &account.links[&deletion.source];
            prop_assert!(!account.source.messages.contains_key(&deletion.source));
            prop_assert_eq!(link.destination, deletion.destination);
            prop_assert!(link.origin == LinkOrigin::Reconciled || account.ours.contains(&deletion.destination));
            prop_assert_eq!(account.destination.messages[&deletion.destination].identity, Some(link.identity));
        }
        let gone = account.links.keys().filter(|uid| !account.source.messages.contains_key(uid)).count();
        prop_assert!(plan.deletions.len() <= gone);
    }

    /// Holds diff/comparing/removals.rs invariant 2.
    #[test]
    fn mirror_takes_no_copy_from_a_source_message(mut account in mirrored_account()) {
        let before = account.clone();
        let plan = account.plan().plan;
        account.happen(&Event::Synchronises);
        let present = account.present();
        for uid in account.source.messages.keys() {
            let skipped = plan.skipped.iter().any(|skipped| skipped.uid == *uid);
            let named = skipped || plan.departed.contains(*uid) || plan.not_found_again.contains(*uid);
            prop_assert!(present.contains_key(uid) || named, "{:?} is lost", uid);
        }
        for uid in before.destination.messages.keys().filter(|uid| !before.ours.contains(uid)) {
            let stays = account.destination.messages.contains_key(uid);
            let known = before.links.values().any(|link| link.destination == *uid && link.is_ours());
            let surplus = plan.second_copies.iter().any(|second| second.surplus == *uid);
            prop_assert!(stays || known || surplus, "{:?} is not ours and is deleted", uid);
        }
    }

    #[test]
    fn mirror_once_applied_leaves_nothing_to_do(mut account in mirrored_account()) {
        account.happen(&Event::Synchronises);
        let next = account.plan();
        prop_assert!(next.plan.is_empty(), "{:?}", next.plan);
        prop_assert!(next.links.is_empty(), "{:?}", next.links);
    }

    /// Holds diff/comparing/removals.rs invariant 4.
    #[test]
    fn second_copy_is_unlinked_and_in_surplus(mut account in mirrored_account()) {
        let MailboxDiff { plan, links } = account.plan();
        account.links.extend(links.into_iter().map(|link| (link.source, link)));
        prop_assert!(account.appends.late.is_some() || plan.second_copies.is_empty());
        for second in &plan.second_copies {
            prop_assert!(Some(second.surplus) >= account.appends.late);
            prop_assert!(account.links.values().all(|link| link.destination != second.surplus));
            prop_assert_eq!(account.links[&second.source].destination, second.linked);
            let (linked, surplus) = (&account.destination.messages[&second.linked], &account.destination.messages[&second.surplus]);
            prop_assert_eq!((linked.identity, linked.octets, linked.internal_date), (surplus.identity, surplus.octets, surplus.internal_date));
            let tied = account.present();
            let alike = |copy: &Message| (copy.identity, copy.octets, copy.internal_date) == (linked.identity, linked.octets, linked.internal_date);
            let needed = tied.values().filter(|copy| alike(&account.destination.messages[copy])).count();
            prop_assert!(account.destination.messages.values().filter(|copy| alike(copy)).count() > needed);
        }
        let surplus: BTreeSet<Uid> = plan.second_copies.iter().map(|second| second.surplus).collect();
        prop_assert_eq!(surplus.len(), plan.second_copies.len());
        prop_assert!(plan.second_copies.iter().all(|second| !surplus.contains(&second.linked)));
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn applied_plan_leaves_nothing_to_do(mut account in account()) {
        account.happen(&Event::Synchronises);
        let next = account.plan();
        let quiet = !next.plan.adds() && next.plan.deletions.is_empty();
        prop_assert!(quiet, "{:?}", next.plan);
        prop_assert!(next.links.is_empty(), "{:?}", next.links);
    }

    #[test]
    fn every_source_message_is_counted_once(account in account()) {
        let plan = account.plan().plan;
        let counted = counted(&plan);
        prop_assert_eq!(counted, account.source.messages.len() as u64);
        prop_assert!(plan.not_found_again.iter().all(|uid| !plan.copies.contains(uid) && !plan.departed.contains(uid)));
        prop_assert!(plan.departed.iter().all(|uid| !plan.copies.contains(uid)));
        prop_assert!(plan.skipped.iter().all(|skipped| !plan.copies.contains(skipped.uid)));
    }

    #[test]
    fn nothing_is_lost(mut account in account()) {
        let before = account.clone();
        let plan = account.plan().plan;
        account.happen(&Event::Synchronises);
        prop_assert!(before.destination.messages.keys().all(|uid| account.destination.messages.contains_key(uid)));
        let present = account.present();
        let copies: BTreeSet<&Uid> = present.values().collect();
        prop_assert_eq!(copies.len(), present.len(), "two source messages share a copy");
        for uid in account.source.messages.keys() {
            let skipped = plan.skipped.iter().any(|skipped| skipped.uid == *uid);
            let named = skipped || plan.departed.contains(*uid) || plan.not_found_again.contains(*uid);
            prop_assert!(present.contains_key(uid) || named, "{:?} is lost", uid);
        }
        prop_assert!(!account.restore_missing || plan.departed.is_empty());
    }

    /// What its user removed stays away, what they marked stays marked, and nothing is doubled or deleted because of it.
    #[test]
    fn another_uidvalidity_leaves_nothing_to_do(
        (mut account, mirror, sides) in (account(), any::<bool>(), select(vec![vec![Side::Source], vec![Side::Destination], vec![Side::Source, Side::Destination]]))
    ) {
        account.mirror = mirror;
        account.keep_what_is_told();
        account.happen(&Event::Synchronises);
        let before = account.plan().plan;
        sides.iter().for_each(|side| account.happen(&Event::IsRenumbered(*side)));
        let MailboxDiff { plan, links } = account.plan();
        let nothing = plan.copies.is_empty() && plan.flag_updates.is_empty() && plan.deletions.is_empty() && plan.doubt.is_empty();
        prop_assert!(nothing && links.is_empty(), "{:?} {:?}", plan, links);
        let counted = |plan: &MailboxPlan| (plan.present, plan.copied, plan.departed.len());
        prop_assert_eq!(counted(&plan), counted(&before));
        // And mirror mode goes on to know what is ours.
        let live: BTreeSet<Uid> = account.links.values().filter(|link| link.is_ours()).map(|link| link.destination).collect();
        account.mirror = true;
        account.source.messages.clear();
        let deletions = account.plan().plan.deletions;
        prop_assert!(deletions.iter().all(|deletion| live.contains(&deletion.destination)));
        let there = live.iter().filter(|uid| account.destination.messages.contains_key(uid)).count();
        prop_assert_eq!(deletions.len(), there, "{:?}", deletions);
    }

    /// Of messages that no listing tells from others as of all the rest: nothing is sent under other UIDs that was not to be sent
    /// under those of before, and what is not sent is named.
    #[test]
    fn another_uidvalidity_of_the_source_sends_nothing_that_it_would_not_have_sent(
        (mut account, twice) in (account(), any::<bool>())
    ) {
        account.restore_missing = false;
        let before = account.plan().plan;
        let wanted = account.by_octets(&before.copies);
        for _ in 0..=u8::from(twice) {
            account.happen(&Event::IsRenumbered(Side::Source));
        }
        let plan = account.plan().plan;
        for (octets, sent) in account.by_octets(&plan.copies) {
            prop_assert!(sent <= wanted.get(&octets).copied().unwrap_or(0), "{:?} {:?}", before, plan);
        }
        prop_assert_eq!(counted(&plan), account.source.messages.len() as u64);
    }

    /// Whatever is tied has the octets of its source, whatever was edited, moved, renumbered or lost in between.
    #[test]
    fn what_is_tied_is_the_same_octet_for_octet((mut account, mirror) in (account(), any::<bool>())) {
        account.mirror = mirror;
        account.happen(&Event::Synchronises);
        for (source, copy) in account.present() {
            let (source, copy) = (&account.source.messages[&source], &account.destination.messages[&copy]);
            prop_assert_eq!(source.octets(), copy.octets());
        }
    }

    /// With servers that give no octets, what only octets could tell stays where it is, and the rest is done.
    #[test]
    fn what_cannot_be_read_is_neither_tied_nor_copied_nor_deleted((mut account, mirror) in (account(), any::<bool>())) {
        account.mirror = mirror;
        let told = account.plan().plan;
        account.unreadable = true;
        let before = account.clone();
        let plan = account.plan().plan;
        prop_assert!(plan.copies.iter().all(|uid| told.copies.contains(uid)), "more is copied than is right");
        account.happen(&Event::Synchronises);
        for uid in plan.doubt.source.iter() {
            prop_assert!(!account.present().contains_key(&uid) || before.present().contains_key(&uid));
        }
        prop_assert!(plan.doubt.destination.iter().all(|uid| account.destination.messages.contains_key(&uid)));
        let counted = counted(&plan);
        prop_assert_eq!(counted, account.source.messages.len() as u64);
    }

    /// A message is copied only when all that are like it on the destination are copies of others already.
    #[test]
    fn nothing_is_doubled(mut account in account()) {
        let plan = account.plan().plan;
        let copied: BTreeSet<_> = plan.copies.iter().map(|uid| account.source.messages[&uid].octets()).collect();
        account.happen(&Event::Synchronises);
        let present = account.present();
        for octets in copied {
            let needed = present.keys().filter(|uid| account.source.messages[uid].octets() == octets).count();
            prop_assert_eq!(account.destination.count(octets), needed as u64);
        }
    }

    /// Without any link the destination ends with as many of each as the source has, and never with fewer than it had.
    #[test]
    fn matching_without_links_is_a_matching_of_multisets(mut account in account()) {
        account.happen(&Event::LosesLinks);
        let before = account.destination.clone();
        let skipped = account.plan().plan.skipped;
        account.happen(&Event::Synchronises);
        let all: BTreeSet<_> = account.source.messages.values().chain(before.messages.values()).map(Message::octets).collect();
        for octets in all {
            let left = skipped.iter().filter(|skipped| account.source.messages[&skipped.uid].octets() == octets).count();
            let wanted = account.source.count(octets) - left as u64;
            prop_assert_eq!(account.destination.count(octets), wanted.max(before.count(octets)));
        }
    }

    #[test]
    fn flags_of_the_destination_are_changed_only_after_the_source(account in account()) {
        let diff = account.plan();
        for update in &diff.plan.flag_updates {
            let source = &account.source.messages[&update.source].flags;
            let recorded = diff.links.iter().find(|link| link.source == update.source);
            let agreed = &recorded.unwrap_or_else(|| &account.links[&update.source]).agreed;
            prop_assert_eq!(update.add.minus(&source.minus(agreed)), Flags::none());
            prop_assert_eq!(update.remove.minus(&agreed.minus(source)), Flags::none());
        }
    }

    #[test]
    fn adopted_message_has_the_flags_of_both(mut account in account()) {
        account.happen(&Event::LosesLinks);
        let before = account.destination.clone();
        account.happen(&Event::Synchronises);
        for (source, copy) in account.present() {
            let kept = before.messages.get(&copy).map_or(Flags::none(), |message| message.flags.clone());
            let both = account.source.messages[&source].flags.plus(&kept);
            prop_assert_eq!(&account.destination.messages[&copy].flags, &both);
        }
    }
}

fn namespace(delimiter: char) -> Namespace {
    Namespace { prefix: RawName(Vec::new()), delimiter: Some(delimiter) }
}

fn mailbox(path: &str, namespace: &Namespace, attributes: &[Attribute]) -> MailboxState {
    let levels: Vec<String> = path.split('/').map(str::to_owned).collect();
    let encoded: Vec<String> = levels.iter().map(|level| utf7::encode(level)).collect();
    let raw = encoded.join(&namespace.delimiter.map(String::from).unwrap_or_default());
    let prefix = if path == "INBOX" { &[][..] } else { &namespace.prefix.0 };
    let point = SyncPoint {
        uid_validity: UidValidity(1),
        uid_next: Some(Uid(1)),
        highest_modseq: Some(ModSeq(1)),
        messages: 0,
    };
    MailboxState {
        name: MailboxName { raw: RawName([prefix, raw.as_bytes()].concat()), levels },
        delimiter: namespace.delimiter,
        attributes: attributes.to_vec(),
        subscribed: false,
        sync_point: (!attributes.contains(&Attribute::NoSelect)).then_some(point),
        capacity: FlagCapacity::everything(),
        octets: 0,
        records: 0,
        revision: 1,
        deltas: 0,
        identified: true,
        trouble: None,
    }
}

#[derive(Clone, Debug)]
struct Server {
    state: SideState,
    mailboxes: Vec<MailboxState>,
}

impl Server {
    fn view(&self) -> SideView<'_> {
        SideView { state: &self.state, names: &NO_NAMES, mailboxes: &self.mailboxes }
    }

    /// The server once the first pairs have been created.
    fn with_created(&self, mapping: &Mapping, pairs: usize) -> Server {
        let mut server = self.clone();
        for pair in mapping.pairs.iter().take(pairs).filter(|pair| pair.create) {
            server.mailboxes.retain(|mailbox| mailbox.name != pair.destination);
            let attributes: Vec<Attribute> = pair.special_use.map(Attribute::SpecialUse).into_iter().collect();
            let state = mailbox("x", &self.state.namespace, &attributes);
            server.mailboxes.push(MailboxState { name: pair.destination.clone(), ..state });
        }
        server
    }
}

const LEVELS: [&str; 14] = [
    "INBOX",
    "Sent",
    "sent",
    "Gesendet",
    "Verzonden",
    "Junk",
    "Bulk Mail",
    "Spam",
    "a",
    "b.c",
    "Caf\u{e9}",
    "Cafe\u{301}",
    "Bin",
    "100%",
];

fn path() -> impl Strategy<Value = String> {
    vec(select(LEVELS.to_vec()), 1..4).prop_map(|levels| levels.join("/"))
}

fn server(presets: &'static [Preset]) -> impl Strategy<Value = Server> {
    let attribute = prop_oneof![
        6 => Just(None),
        1 => select(vec![SpecialUse::Sent, SpecialUse::Junk, SpecialUse::Trash, SpecialUse::All])
            .prop_map(|special_use| Some(Attribute::SpecialUse(special_use))),
        1 => Just(Some(Attribute::NoSelect)),
    ];
    let wire = select(vec![("", '/'), ("", '.'), ("INBOX.", '.')]);
    let mailboxes = vec((path(), attribute), 0..8);
    (select(presets.to_vec()), wire, any::<bool>(), mailboxes).prop_map(
        |(preset, (prefix, delimiter), creates_special_use, mailboxes)| {
            let namespace = Namespace { prefix: RawName(prefix.into()), delimiter: Some(delimiter) };
            let mut by_name = BTreeMap::new();
            for (path, attribute) in mailboxes {
                let held = !path.split('/').any(|level| level.contains(delimiter));
                let attributes: Vec<Attribute> = attribute.filter(|_| path != "INBOX").into_iter().collect();
                by_name.extend(held.then(|| (path.clone(), mailbox(&path, &namespace, &attributes))));
            }
            let product = format!("{preset:?}");
            let quotas = Vec::new();
            let state = SideState {
                product,
                preset,
                namespace,
                append_limit: None,
                creates_special_use,
                expunges_by_uid: true,
                quotas,
            };
            Server { state, mailboxes: by_name.into_values().collect() }
        },
    )
}

fn source() -> impl Strategy<Value = Server> {
    server(&[Preset::Generic, Preset::Zimbra, Preset::Gmail])
}

fn destination() -> impl Strategy<Value = Server> {
    server(&[Preset::Generic, Preset::Zimbra, Preset::Cyrus, Preset::Dovecot])
}

fn mailbox_policy() -> impl Strategy<Value = MailboxPolicy> {
    let exclude = select(vec![vec![], vec!["Junk".to_owned()], vec!["a/**".to_owned()], vec!["\\Trash".to_owned()]]);
    let rename = prop_oneof![4 => (path(), path()), 1 => select(patterns())];
    let prefix = prop_oneof![4 => Just(None), 1 => path().prop_map(Some)];
    let merge = select(vec![vec![], vec![], vec!["Sent".to_owned()], vec!["**".to_owned()]]);
    (vec(rename, 0..3), exclude, any::<bool>(), prefix, merge).prop_map(
        |(rename, exclude, special_use, prefix, merge)| {
            let rename = rename.into_iter().collect();
            MailboxPolicy { rename, exclude, special_use, prefix, merge, ..MailboxPolicy::default() }
        },
    )
}

/// Renames that say where to many mailboxes go.
fn patterns() -> Vec<(String, String)> {
    let written = [("a/**", "**"), ("**", "a/**"), ("*/b", "b/*"), ("*", "*"), ("b/**", "a/**")];
    written.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec()
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn mailboxes_share_a_destination_only_where_it_is_asked_for(
        (source, destination, policy) in (source(), destination(), mailbox_policy())
    ) {
        let mapping = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let mut places: BTreeMap<&RawName, u32> = BTreeMap::new();
        mapping.pairs.iter().for_each(|pair| *places.entry(&pair.destination.raw).or_default() += 1);
        for pair in mapping.pairs.iter().filter(|pair| places[&pair.destination.raw] > 1) {
            let levels = &pair.destination.levels;
            let is_sent = levels.last().is_some_and(|level| level.eq_ignore_ascii_case("Sent"));
            let is_asked_for = policy.merge == ["**"] || (policy.merge == ["Sent"] && is_sent);
            prop_assert!(is_asked_for, "{:?} to {:?}", policy, pair.destination);
        }
    }

    /// What is merged is no obstacle any more: nothing stays behind for want of a place.
    #[test]
    fn merging_leaves_nothing_behind_for_want_of_a_place(
        (source, destination, policy) in (source(), destination(), mailbox_policy())
    ) {
        let policy = MailboxPolicy { merge: vec!["**".to_owned()], ..policy };
        let mapping = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let refused = mapping.omitted.iter().find(|omitted| omitted.reason.contains("already"));
        prop_assert!(refused.is_none(), "{:?}", refused);
    }

    /// One account at the top and one below a mailbox, on whatever the other has made there already.
    #[test]
    fn accounts_with_one_destination_never_share_a_mailbox(
        (one, other, destination, policy) in (source(), source(), destination(), mailbox_policy()), prefix in path()
    ) {
        let below = MailboxPolicy { prefix: Some(prefix.clone()), ..policy.clone() };
        let top = MailboxPolicy { prefix: None, reserved: vec![prefix], ..policy };
        let first = map_mailboxes(one.view(), destination.view(), &HashMap::new(), &top).unwrap();
        let then = destination.with_created(&first, usize::MAX);
        let second = map_mailboxes(other.view(), then.view(), &HashMap::new(), &below).unwrap();
        let places = |mapping: &Mapping| -> BTreeSet<RawName> {
            mapping.pairs.iter().map(|pair| pair.destination.raw.clone()).collect()
        };
        let (first, second) = (places(&first), places(&second));
        prop_assert_eq!(first.intersection(&second).next(), None);
    }

    #[test]
    fn every_source_mailbox_is_a_pair_or_omitted(
        (source, destination, policy) in (source(), destination(), mailbox_policy())
    ) {
        let mapping = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let pairs = mapping.pairs.iter().map(|pair| &pair.source);
        let named: Vec<&MailboxName> = pairs.chain(mapping.omitted.iter().map(|omitted| &omitted.mailbox)).collect();
        for mailbox in &source.mailboxes {
            let times = named.iter().filter(|name| **name == &mailbox.name).count();
            prop_assert!(times == 1 || times == 0 && !mailbox.is_selectable(), "{:?}: {}", mailbox.name, times);
        }
        prop_assert!(named.len() <= source.mailboxes.len());
    }

    /// The order in which a server lists its mailboxes decides nothing, and neither does how many of those that the plan
    /// creates are there already.
    #[test]
    fn mapping_stays_the_same_while_it_is_carried_out(
        (source, destination, policy) in (source(), destination(), mailbox_policy()), created in 0..8usize
    ) {
        let places = |mapping: &Mapping| -> Vec<(MailboxName, RawName)> {
            mapping.pairs.iter().map(|pair| (pair.source.clone(), pair.destination.raw.clone())).collect()
        };
        let before = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        let (mut source, mut destination) = (source, destination.with_created(&before, created));
        source.mailboxes.reverse();
        destination.mailboxes.reverse();
        let after = map_mailboxes(source.view(), destination.view(), &HashMap::new(), &policy).unwrap();
        prop_assert_eq!(places(&before), places(&after));
    }

    /// Whatever comes to be on the destination, and whatever special use it is given: what was copied stays where it is.
    #[test]
    fn what_was_copied_goes_on_to_go_to_the_same_place(
        (source, before, later, policy) in (source(), destination(), destination(), mailbox_policy())
    ) {
        let mapping = map_mailboxes(source.view(), before.view(), &HashMap::new(), &policy).unwrap();
        let mut now = before.clone().with_created(&mapping, usize::MAX);
        let known: BTreeSet<RawName> = now.mailboxes.iter().map(|mailbox| mailbox.name.raw.clone()).collect();
        now.mailboxes.extend(later.mailboxes.into_iter().filter(|mailbox| !known.contains(&mailbox.name.raw)));
        let copied: HashMap<RawName, RawName> =
            mapping.pairs.iter().map(|pair| (pair.source.raw.clone(), pair.destination.raw.clone())).collect();
        let again = map_mailboxes(source.view(), now.view(), &copied, &policy).unwrap();
        for pair in &again.pairs {
            if let Some(place) = copied.get(&pair.source.raw) {
                prop_assert_eq!(place, &pair.destination.raw);
            }
        }
    }
}

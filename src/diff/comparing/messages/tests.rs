//! Listings are written one message to a word: `UID:identity[:octets[:date]][+flag…]`, `?` an identity that is not known; links
//! `source-destination[:identity[:octets[:date]]][+flag…]`, of messages that we appended, or with `=` for `-` of adopted ones.

use super::*;
use crate::diff::comparing::comparison::{Apart, Appends};
use crate::diff::comparing::flags::FlagHistory;
use crate::diff::comparing::same::{Keeps, UNREAD};
use crate::diff::routing::mapping::MailboxPair;
use crate::error::{Error, Kind};
use crate::model::plan::Whose;
use crate::model::policy::Mode;
use crate::model::{Content, Digest, InternalDate, MailboxName, MailboxState, RawName, SyncPoint, UidValidity};
use std::iter::empty;

fn flags(texts: &[&str]) -> Flags {
    Flags::from_texts(texts.iter().copied())
}

fn record(word: &str) -> MessageRecord {
    let mut texts = word.split('+');
    let facts: Vec<&str> = texts.next().unwrap().split(':').collect();
    MessageRecord {
        uid: Uid(facts[0].parse().unwrap()),
        identity: Some(Digest([facts[1].as_bytes()[0]; 16])).filter(|_| facts[1] != "?"),
        octets: facts.get(2).map_or(100, |octets| octets.parse().unwrap()),
        internal_date: Some(InternalDate(facts.get(3).map_or(5, |date| date.parse().unwrap()))),
        flags: flags(&texts.collect::<Vec<_>>()),
    }
}

fn link(word: &str) -> Link {
    let mut texts = word.split('+');
    let facts = texts.next().unwrap();
    let facts: Vec<&str> = facts.split(':').collect();
    let (pair, identity) = (facts[0], facts.get(1).unwrap_or(&"a"));
    let (source, destination) = pair.split_once(['-', '=']).unwrap();
    Link {
        source: Uid(source.parse().unwrap()),
        destination: Uid(destination.parse().unwrap()),
        agreed: flags(&texts.collect::<Vec<_>>()),
        lost: Flags::none(),
        origin: if pair.contains('=') { LinkOrigin::Adopted } else { LinkOrigin::Appended },
        octets: facts.get(2).map_or(100, |octets| octets.parse().unwrap()),
        date: facts.get(3).map(|date| InternalDate(date.parse().unwrap())),
        source_octets: None,
        altered: None,
        identity: Digest([identity.as_bytes()[0]; 16]),
    }
}

fn mailbox(capacity: FlagCapacity) -> MailboxState {
    let name = MailboxName { raw: RawName(b"a".to_vec()), levels: vec!["a".to_owned()] };
    let sync_point = SyncPoint { uid_validity: UidValidity(7), ..SyncPoint::default() };
    MailboxState {
        name,
        delimiter: Some('/'),
        attributes: Vec::new(),
        subscribed: false,
        sync_point: Some(sync_point),
        capacity,
        octets: 0,
        records: 0,
        revision: 3,
        deltas: 0,
        identified: true,
        trouble: None,
    }
}

struct Case {
    policy: Policy,
    capacity: FlagCapacity,
    append_limit: Option<u64>,
    create: bool,
    expunges_by_uid: bool,
    appends: Appends,
    trouble: Option<String>,
    /// Stored, and not found again.
    stored: UidSet,
    /// Other source mailboxes' messages.
    others: UidSet,
    /// What is in doubt was read.
    read: bool,
}

/// Its octets are told by its size, its text by its identity.
fn content(record: &MessageRecord) -> Content {
    Content { octets: [record.octets as u8; 32], text: record.identity.unwrap() }
}

fn records(text: &str) -> impl Iterator<Item = Result<MessageRecord>> + '_ {
    text.split_whitespace().map(|word| Ok(record(word)))
}

impl Default for Case {
    fn default() -> Self {
        let capacity = FlagCapacity::everything();
        Case {
            policy: Policy::default(),
            capacity,
            append_limit: None,
            create: false,
            expunges_by_uid: true,
            appends: Appends::default(),
            trouble: None,
            stored: UidSet::new(),
            others: UidSet::new(),
            read: true,
        }
    }
}

/// A plan, and the links that are recorded.
struct MailboxDiff {
    plan: MailboxPlan,
    links: Vec<Link>,
}

impl Case {
    fn plan(&self, source: &str, destination: &str, links: &str) -> MailboxDiff {
        let own = MailboxState { trouble: self.trouble.clone(), ..mailbox(FlagCapacity::everything()) };
        let theirs = mailbox(self.capacity.clone());
        let pair = MailboxPair {
            source: own.name.clone(),
            destination: theirs.name.clone(),
            create: self.create,
            special_use: None,
            subscribe: false,
        };
        let comparison = Comparison {
            pair: &pair,
            source: &own,
            destination: (!self.create).then_some(&theirs),
            capacity: &self.capacity,
            flags: FlagHistory::default(),
            append_limit: self.append_limit,
            expunges_by_uid: self.expunges_by_uid,
            appends: self.appends,
            stored: &self.stored,
            merged: &UidSet::new(),
            found: None,
            elsewhere: &UidSet::new(),
            replaced: &UidSet::new(),
            others: &self.others,
            keeps: Keeps::ALL,
            contents: &|_, record| self.read.then_some(content(record)),
            apart: Apart::default(),
        };
        let links = || links.split_whitespace().map(|word| Ok(link(word)));
        let mut recorded = Vec::new();
        let mut record = |links: &[Link]| {
            recorded.extend_from_slice(links);
            Ok(())
        };
        let planned =
            plan_mailbox(&comparison, || records(source), || records(destination), links, &self.policy, &mut record);
        MailboxDiff { plan: planned.unwrap().plan, links: recorded }
    }
}

/// Copies, linked, departed, skipped, then flag updates and links to record.
fn shown(diff: &MailboxDiff) -> String {
    let plan = &diff.plan;
    let mut text =
        format!("copy {{{}}} linked {} departed {{{}}}", plan.copies, plan.present + plan.copied, plan.departed);
    for skipped in &plan.skipped {
        text += &format!("; skip {}", skipped.uid);
    }
    for update in &plan.flag_updates {
        text += &format!("; {}-{} add {} remove {}", update.source, update.destination, update.add, update.remove);
    }
    for link in &diff.links {
        text += &format!("; link {}-{} {} {:?}", link.source, link.destination, link.agreed, link.origin);
    }
    text
}

#[test]
fn tables_of_snapshots_give_the_expected_plans() {
    // source, destination, links, plan
    let cases = [
        ("", "", "", "copy {} linked 0 departed {}"),
        ("1:a 2:b 4:c", "", "", "copy {1:2,4} linked 0 departed {}"),
        ("1:a 2:a 3:b", "9:a", "", "copy {2:3} linked 1 departed {}; link 1-9 () Adopted"),
        ("1:a 2:a", "8:a 9:a", "", "copy {} linked 2 departed {}; link 1-8 () Adopted; link 2-9 () Adopted"),
        ("1:a", "8:a 9:x", "1-8", "copy {} linked 1 departed {}"),
        ("1:a", "9:x", "1-8", "copy {} linked 0 departed {1}"),
        // A link is believed though the server rewrote what the identity is made of.
        ("1:a", "8:z", "1-8", "copy {} linked 1 departed {}"),
        // Moved away and back on the source: the old copy serves.
        ("5:a", "8:a", "1-8", "copy {} linked 1 departed {}; link 5-8 () Appended"),
        // Moved away and back on the destination.
        ("1:a", "9:a", "1-8", "copy {} linked 1 departed {}; link 1-9 () Adopted"),
        // The same with flags: what both agreed on stays agreed.
        ("5:a+\\Seen", "8:a", "1-8:a:100:5+\\Seen", "copy {} linked 1 departed {}; link 5-8 (\\Seen) Appended"),
        ("5:a", "8:a", "1-8:a:100:5+\\Seen", "copy {} linked 1 departed {}; link 5-8 () Appended"),
        // Not known again under another UIDVALIDITY: it may be there, and has as good a claim as what was never copied.
        ("1:a 2:b", "", "1-0:a 2-0:b", "copy {} linked 0 departed {1:2}"),
        ("1:a:100:4+\\Seen", "9:a", "1-0:a:100:4+\\Seen", "copy {} linked 1 departed {}; link 1-9 (\\Seen) Adopted"),
        ("1:a 2:a", "9:a", "1-0:a", "copy {2} linked 1 departed {}; link 1-9 () Adopted"),
        // What was never copied comes before what departed.
        ("1:a 2:a", "9:a", "1-8", "copy {} linked 1 departed {1}; link 2-9 () Adopted"),
        // Two links to one message: the first holds.
        ("1:a 2:a", "8:a", "1-8 2-8", "copy {2} linked 1 departed {}"),
        ("1:a+\\Seen", "8:a", "1-8", "copy {} linked 1 departed {}; 1-8 add (\\Seen) remove ()"),
        ("1:a+\\Seen", "8:a+\\Seen", "1-8", "copy {} linked 1 departed {}; link 1-8 (\\Seen) Appended"),
        ("1:a+x", "8:a+y", "", "copy {} linked 1 departed {}; 1-8 add (x) remove (); link 1-8 () Adopted"),
    ];
    for (source, destination, links, expected) in cases {
        let diff = Case::default().plan(source, destination, links);
        assert_eq!(shown(&diff), expected, "{source} | {destination} | {links}");
    }
}

/// A draft that is saved again has the Message-ID of the one before; notices may have none at all.
#[test]
fn message_saved_again_under_its_identity_is_another_message() {
    // source, destination, links, plan and removals in mirror mode
    let cases = [
        ("2:a:100:6", "8:a:100:5", "1-8:a:100:5", "copy {} linked 1 departed {}; link 2-8 () Appended", ""),
        ("2:a:90:6", "8:a:100:5", "1-8:a:100:5", "copy {2} linked 0 departed {}", "1-8"),
        ("2:a:90:6 3:a:80:7", "8:a:100:5 9:a:90:6", "1-8:a:100:5 2-9:a:90:6", "copy {3} linked 1 departed {}", "1-8"),
        // Under the same UID, too.
        ("1:a:90:6", "8:a:100:5", "1-8:a:100:5", "copy {1} linked 0 departed {}", "1-8"),
        // Two of them, of which the destination's user deleted the first one's copy.
        ("1:a:100:5 2:a:90:6", "9:a:90:6", "1-8:a:100:5", "copy {} linked 1 departed {1}; link 2-9 () Adopted", ""),
    ];
    for (source, destination, links, expected, gone) in cases {
        let diff = mirror(100).plan(source, destination, links);
        assert_eq!(
            (shown(&diff).as_str(), removals(&diff).as_str()),
            (expected, gone),
            "{source} | {destination} | {links}"
        );
        let copying = Case::default().plan(source, destination, links);
        assert_eq!((shown(&copying).as_str(), removals(&copying).as_str()), (expected, ""), "copy mode: {source}");
    }
}

#[test]
fn message_stored_and_not_found_is_sent_again_only_on_a_word() {
    let case = Case { stored: UidSet::range(Uid(1), Uid(2)), ..Case::default() };
    let diff = case.plan("1:a 2:b 3:c", "8:b", "");
    assert_eq!(shown(&diff), "copy {3} linked 1 departed {}; link 2-8 () Adopted");
    assert_eq!(diff.plan.not_found_again.to_string(), "1");
    let policy = Policy { restore_missing: true, ..Policy::default() };
    assert_eq!(
        shown(&Case { policy, ..case }.plan("1:a 2:b", "8:b", "")),
        "copy {1} linked 1 departed {}; link 2-8 () Adopted"
    );
}

#[test]
fn what_was_not_read_is_neither_tied_nor_copied_nor_deleted() {
    let case = Case { read: false, policy: Policy { restore_missing: true, ..mirror(100).policy }, ..Case::default() };
    // source, destination, links, in doubt on both sides
    let cases = [
        ("2:a:90:6", "8:a:100:5", "1-8:a:100:5", "2", "8"),
        ("2:a:90:6 3:b", "8:a:100:5 9:b", "1-8:a:100:5", "2", "8"),
        ("1:a:90:6 2:a:80:7", "8:a:100:5", "", "1:2", "8"),
        ("1:a 2:a:80:7", "9:a:60:1", "1-8", "1:2", "9"),
        ("1:a", "9:a:60:1", "1-8", "1", "9"),
    ];
    for (source, destination, links, ours, theirs) in cases {
        let diff = case.plan(source, destination, links);
        let doubt = &diff.plan.doubt;
        assert_eq!((doubt.source.to_string(), doubt.destination.to_string()), (ours.into(), theirs.into()), "{source}");
        let done = diff.plan.copies.len() + diff.plan.departed.len() + diff.plan.removals();
        let tied = (diff.plan.present + diff.plan.copied, diff.links.len() as u64);
        assert_eq!((done, tied), (0, if source.contains('b') { (1, 1) } else { (0, 0) }), "{source}");
    }
}

#[test]
fn linked_messages_are_told_apart_by_their_origin() {
    let plan = Case::default().plan("1:a 2:b 3:c", "7:a 8:b 9:x", "1-7 3-9:c").plan;
    assert_eq!((plan.present, plan.copied), (1, 2));
}

#[test]
fn restore_missing_copies_again_but_adopts_what_came_back() {
    let policy = Policy { restore_missing: true, ..Policy::default() };
    let case = Case { policy, ..Case::default() };
    assert_eq!(shown(&case.plan("1:a 2:b", "", "1-8 2-9")), "copy {1:2} linked 0 departed {}");
    assert_eq!(shown(&case.plan("1:a", "9:a", "1-8")), "copy {} linked 1 departed {}; link 1-9 () Adopted");
}

#[test]
fn too_large_messages_are_skipped_by_whose_limit_it_is_unless_present() {
    let policy = Policy { max_message_octets: Some(500), ..Policy::default() };
    let case = Case { policy, append_limit: Some(300), ..Case::default() };
    let diff = case.plan("1:a:300 2:b:301 3:c:900 4:d:900", "9:d:900", "");
    assert_eq!(shown(&diff), "copy {1} linked 1 departed {}; skip 2; skip 3; link 4-9 () Adopted");
    assert_eq!(diff.plan.octets, 300);
    let [theirs, own] = &diff.plan.skipped[..] else { panic!("{:?}", diff.plan.skipped) };
    assert_eq!(theirs.reason, "too large: 301 bytes, and the destination's limit is 300 bytes");
    assert_eq!(own.reason, "too large: 900 bytes, and max_message_size in [sync] is 500 bytes");
    assert_eq!((theirs.whose, own.whose), (Whose::Destination, Whose::Settings));
}

#[test]
fn flags_beyond_the_capacity_are_counted_on_every_message_that_is_or_will_be_there() {
    let case = Case { capacity: FlagCapacity::from_texts(["\\Seen"]), ..Case::default() };
    let diff = case.plan("1:a+k 2:b+k+j 3:c+k 4:d+\\Seen+k+\\Flagged 5:e+gone", "8:b 9:c 10:d", "3-9:c 4-10:d 5-11:e");
    let expected = [("\\Flagged".to_owned(), 1), ("j".to_owned(), 1), ("k".to_owned(), 4)];
    assert_eq!(diff.plan.losses.flags, expected.into());
}

#[test]
fn mailbox_to_create_has_no_validity_and_the_given_capacity() {
    let case = Case { capacity: FlagCapacity::from_texts(["\\Seen"]), create: true, ..Case::default() };
    let plan = case.plan("1:a+k", "", "").plan;
    assert_eq!((plan.source_validity, plan.destination_validity), (UidValidity(7), None));
    assert_eq!((plan.revisions, plan.losses.flags.len(), plan.is_empty()), ((3, 0), 1, false));
}

#[test]
fn what_is_another_source_mailbox_is_neither_tied_nor_deleted_nor_counted() {
    let mut policy = Policy { mode: Mode::Mirror, ..Policy::default() };
    policy.delete_guard = 50;
    let mut case = Case { policy, ..Case::default() };
    let (source, destination, links) = ("1:a 2:b", "7:a 8:b 9:c 10:d", "1-7:a 3-9:c 4-10:d");
    let alone = case.plan(source, destination, links);
    assert_eq!((alone.plan.copies.len(), alone.plan.deletions.len()), (0, 2));
    assert!(alone.plan.guard.is_none(), "two of four");
    case.others = [Uid(8), Uid(10)].into_iter().collect();
    let shared = case.plan(source, destination, links);
    assert_eq!((shared.plan.copies.to_string(), shared.plan.deletions.len()), ("2".to_owned(), 1));
    assert!(shared.plan.guard.is_none(), "one of two");
}

#[test]
fn error_of_a_listing_is_given_on() {
    let (own, capacity) = (mailbox(FlagCapacity::everything()), FlagCapacity::everything());
    let (source, destination) = (own.name.clone(), own.name.clone());
    let pair = MailboxPair { source, destination, create: false, special_use: None, subscribe: false };
    let comparison = Comparison {
        pair: &pair,
        source: &own,
        destination: Some(&own),
        capacity: &capacity,
        flags: FlagHistory::default(),
        append_limit: None,
        expunges_by_uid: true,
        appends: Appends::default(),
        stored: &UidSet::new(),
        merged: &UidSet::new(),
        found: None,
        elsewhere: &UidSet::new(),
        replaced: &UidSet::new(),
        others: &UidSet::new(),
        keeps: Keeps::ALL,
        contents: UNREAD,
        apart: Apart::default(),
    };
    let damaged = || std::iter::once(Err(Error::new(Kind::State, "damaged")));
    let mut record = |_: &[Link]| panic!("links of what is damaged");
    assert!(plan_mailbox(&comparison, damaged, empty, empty, &Policy::default(), &mut record).is_err());
}

fn mirror(delete_guard: u8) -> Case {
    Case { policy: Policy { mode: Mode::Mirror, delete_guard, ..Policy::default() }, ..Case::default() }
}

fn late(from: u32) -> Case {
    Case { appends: Appends { unreconciled: None, late: Some(Uid(from)) }, ..Case::default() }
}

/// Deletions, what is kept, and second copies.
fn removals(diff: &MailboxDiff) -> String {
    let plan = &diff.plan;
    let mut words: Vec<String> =
        plan.deletions.iter().map(|deletion| format!("{}-{}", deletion.source, deletion.destination)).collect();
    if plan.kept > 0 {
        words.push(format!("kept {}", plan.kept));
    }
    words.extend(plan.second_copies.iter().map(|second| format!("{}<{}", second.linked, second.surplus)));
    words.join(" ")
}

/// Holds diff/comparing/removals.rs invariant 1. Holds diff/comparing/removals.rs invariant 2. Holds diff/comparing/removals.rs invariant 3.
#[test]
fn mirror_deletes_what_we_appended_and_nothing_on_the_source_matches() {
    // source, destination, links, what goes
    let cases = [
        ("2:b", "8:a 9:b", "1-8 2-9:b", "1-8"),
        // Never linked, or there before us.
        ("", "8:a", "", ""),
        ("", "8:a", "1=8", "kept 1"),
        ("", "8:a", "1-8 2=8", "kept 1"),
        ("", "8:a", "1=8 2-8", "kept 1"),
        // Another message under the UID that we linked.
        ("", "8:z", "1-8", "kept 1"),
        // Gone on both sides.
        ("", "9:z", "1-8", ""),
        // Moved away and back, or delivered anew: the copy serves.
        ("5:a", "8:a", "1-8", ""),
        ("5:a", "8:a 9:a", "1-8 2-9", "2-9"),
    ];
    for (source, destination, links, expected) in cases {
        let diff = mirror(100).plan(source, destination, links);
        assert_eq!(removals(&diff), expected, "{source} | {destination} | {links}");
        let copying = Case::default().plan(source, destination, links);
        assert_eq!(removals(&copying), "", "copy mode: {source} | {destination} | {links}");
    }
    let troubled = Case { trouble: Some("could not be listed".to_owned()), ..mirror(100) };
    assert_eq!(removals(&troubled.plan("", "8:a", "1-8")), "kept 1");
}

#[test]
fn mirror_without_uidplus_takes_a_mark_for_done() {
    let case = Case { expunges_by_uid: false, ..mirror(100) };
    assert_eq!(removals(&case.plan("", "8:a 9:a+\\Deleted", "1-8 2-9")), "1-8");
    assert_eq!(removals(&mirror(100).plan("", "8:a 9:a+\\Deleted", "1-8 2-9")), "1-8 2-9");
}

#[test]
fn mark_of_deletion_on_a_copy_that_is_wanted_again_is_taken_back() {
    let diff = mirror(100).plan("5:a", "8:a+\\Deleted", "1-8");
    assert_eq!(diff.plan.flag_updates[0].remove, flags(&["\\Deleted"]));
    assert!(Case::default().plan("5:a", "8:a+\\Deleted", "1-8").plan.flag_updates.is_empty());
}

/// Holds diff/comparing/removals.rs invariant 5.
#[test]
fn guard_lets_its_share_and_one_message_pass() {
    let guarded = |guard: u8, held: u32, gone: u32| {
        let records: String = (1..=held).map(|uid| format!("{uid}:a ")).collect();
        let left: String = (gone + 1..=held).map(|uid| format!("{uid}:a ")).collect();
        let links: String = (1..=held).map(|uid| format!("{uid}-{uid} ")).collect();
        mirror(guard).plan(&left, &records, &links).plan.guard
    };
    for (guard, held, gone) in [(10, 30, 3), (10, 2, 1), (100, 5, 5), (50, 9, 4), (10, 5, 0), (0, 5, 0)] {
        assert_eq!(guarded(guard, held, gone), None, "{guard}% of {held}: {gone}");
    }
    for (guard, held, gone) in [(10, 30, 4), (10, 29, 3), (10, 2, 2), (0, 100, 1), (99, 1, 1), (10, 1, 1)] {
        assert!(guarded(guard, held, gone).is_some(), "{guard}% of {held}: {gone}");
    }
    assert!(guarded(10, 3, 3).unwrap().starts_with("the source mailbox is empty now"));
}

/// Holds diff/comparing/removals.rs invariant 4.
#[test]
fn second_copy_is_like_the_linked_one_and_where_it_may_have_landed() {
    // late from, source, destination, links, second copies
    let cases = [
        (8, "1:a", "8:a 9:a", "1-8", "8<9"),
        (8, "1:a:9:5", "8:a:9:5 9:a:9:5 10:a:9:5", "1-8:a:9:5", "8<9 8<10"),
        (8, "1:a 2:a", "8:a 9:a 10:a", "1-8 2-9", "8<10"),
        // As the destination made it, in another size and with another date than the source has.
        (8, "1:a:9:5", "8:a:10:6 9:a:10:6", "1-8:a:9", "8<9"),
        // Like the source message, and not like its linked copy.
        (8, "1:a:9:5", "8:a:9:6 9:a:9:5", "1-8:a:9", ""),
        // Below what was noted, or its linked copy is.
        (10, "1:a", "8:a 9:a", "1-8", ""),
        (9, "1:a", "8:a 9:a", "1-8", ""),
        (9, "1:a", "8:a 9:a", "1-9", ""),
        // Other size, other date, not ours, or itself linked once.
        (8, "1:a:9", "8:a:9 9:a:10", "1-8:a:9", ""),
        (8, "1:a:9:5", "8:a:9:5 9:a:9:6", "1-8:a:9", ""),
        (8, "1:a", "8:a 9:a", "1=8", ""),
        (8, "1:a", "8:a 9:a", "1-8 2-9", ""),
        // Needed for another source message.
        (8, "1:a 2:a", "8:a 9:a", "1-8", ""),
    ];
    for (from, source, destination, links, expected) in cases {
        assert_eq!(
            removals(&late(from).plan(source, destination, links)),
            expected,
            "{from} | {destination} | {links}"
        );
        assert_eq!(removals(&Case::default().plan(source, destination, links)), "", "nothing landed late");
    }
}

/// A link that this plan makes is worth as much as one that an earlier plan made: the next plan would say so.
#[test]
fn second_copy_beside_one_that_this_plan_links_is_told_at_once() {
    let appends = Appends { unreconciled: Some(Uid(8)), late: Some(Uid(8)) };
    let case = Case { appends, ..Case::default() };
    // source, destination, links, second copies
    let cases = [
        ("1:a", "8:a 9:a", "", "8<9"),
        ("1:a 2:a", "8:a 9:a 10:a", "", "8<10"),
        // Linked, gone from there, and found again in the tail.
        ("1:a", "9:a 10:a", "1-8", "9<10"),
        // An earlier link says that it is ours.
        ("5:a", "8:a 9:a", "1-8", "8<9"),
        // Below the tail and not ours, in another size, with another date, or needed.
        ("1:a", "7:a 8:a", "", ""),
        ("1:a:9", "8:a:9 9:a:10", "", ""),
        ("1:a:9:5", "8:a:9:5 9:a:9:6", "", ""),
        ("1:a 2:a", "8:a 9:a", "", ""),
    ];
    for (source, destination, links, expected) in cases {
        let first = case.plan(source, destination, links);
        assert_eq!(removals(&first), expected, "{source} | {destination} | {links}");
    }
}

#[test]
fn message_in_the_tail_of_a_killed_run_is_ours_if_it_is_alike() {
    let case = Case { appends: Appends { unreconciled: Some(Uid(8)), late: None }, ..Case::default() };
    let diff = case.plan("1:a 2:b 3:c:100 4:d:100:7", "7:a 8:b 9:c:101 10:d:100:8", "");
    let origins: Vec<LinkOrigin> = diff.links.iter().map(|link| link.origin).collect();
    use LinkOrigin::{Adopted, Reconciled};
    assert_eq!(origins, [Adopted, Reconciled, Adopted, Adopted]);
}

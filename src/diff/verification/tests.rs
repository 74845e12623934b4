//! Tables of listings and what a verification makes of them.

use super::*;
use crate::diff::comparing::same::UNREAD;
use crate::model::difference::Differences;
use crate::model::{Content, InternalDate, LinkOrigin, Losses};

fn record(uid: u32, identity: u8, flags: &[&str]) -> MessageRecord {
    MessageRecord {
        uid: Uid(uid),
        octets: 100,
        internal_date: Some(InternalDate(1_000_000)),
        flags: Flags::from_texts(flags.iter().copied()),
        identity: Some(Digest([identity; 16])),
    }
}

fn link(source: u32, destination: u32, agreed: &[&str]) -> Link {
    let agreed = Flags::from_texts(agreed.iter().copied());
    Link {
        source: Uid(source),
        destination: Uid(destination),
        agreed,
        lost: Flags::none(),
        origin: LinkOrigin::Appended,
        octets: 100,
        date: None,
        source_octets: None,
        altered: None,
        identity: Digest([source as u8; 16]),
    }
}

/// What was read: other octets where the size is another, and the text of the identity.
fn read(_: Side, record: &MessageRecord) -> Option<Content> {
    let (mut octets, text) = ([0; 32], record.identity?);
    octets[..16].copy_from_slice(&text.0);
    octets[16] = record.octets as u8;
    Some(Content { octets, text })
}

fn verdict(source: Vec<MessageRecord>, destination: Vec<MessageRecord>, links: Vec<Link>) -> Verdict {
    verdict_having_read(source, destination, links, &read)
}

fn verdict_having_read(
    source: Vec<MessageRecord>,
    destination: Vec<MessageRecord>,
    links: Vec<Link>,
    contents: Contents<'_>,
) -> Verdict {
    let capacity = FlagCapacity::everything();
    let exceptions = HashMap::from([(Uid(90), Outcome::Refused("no".to_owned()))]);
    let verification = Verification {
        mailbox: "INBOX",
        exceptions,
        given_below: None,
        capacity: &capacity,
        flags: FlagHistory::default(),
        keeps: Keeps::ALL,
        known_to_keep: Keeps::ALL,
        contents,
        mode: Mode::Copy,
        recent_first: false,
    };
    verified(verification, source, destination, links)
}

fn verified(
    verification: Verification<'_>,
    source: Vec<MessageRecord>,
    destination: Vec<MessageRecord>,
    links: Vec<Link>,
) -> Verdict {
    let source = || Ok(source.iter().cloned().map(Ok));
    verify_mailbox(verification, source, destination.into_iter().map(Ok), links.into_iter().map(Ok)).unwrap()
}

#[test]
fn verify_identical_mailboxes_is_clean_and_pairs_all() {
    let verdict =
        verdict(vec![record(1, 1, &["x"]), record(2, 1, &[])], vec![record(7, 1, &["x"]), record(8, 1, &[])], vec![]);
    assert!(verdict.differences.is_clean() && verdict.differences.extra == 0);
    assert_eq!((verdict.pairs.len(), verdict.outcomes.present), (2, 2));
}

#[test]
fn verify_each_kind_of_difference_is_counted() {
    let mut altered = record(12, 2, &[]);
    altered.octets = 102;
    let mut late = record(13, 3, &[]);
    late.internal_date = Some(InternalDate(1_000_005));
    let source =
        vec![record(1, 1, &[]), record(2, 2, &[]), record(3, 3, &[]), record(4, 4, &["\\Seen"]), record(90, 9, &[])];
    let destination =
        vec![altered, late, record(14, 4, &[]), record(15, 4, &["\\Seen"]), record(16, 77, &[]), record(17, 4, &[])];
    let found = verdict(source, destination, vec![link(4, 14, &[])]);
    let expected =
        Differences { missing: 2, duplicated: 2, altered: 1, flags_differ: 1, dates_differ: 1, extra: 1, undeleted: 0 };
    assert_eq!(found.differences, expected);
    assert_eq!((found.outcomes.refused, found.outcomes.pending, found.outcomes.copied), (1, 1, 1));
    assert_eq!(found.outcomes.total(), found.messages);
}

#[test]
fn verify_what_was_not_read_is_in_doubt_and_listed_sizes_that_lie_are_no_difference() {
    let resized = |uid, identity| MessageRecord { octets: 102, ..record(uid, identity, &[]) };
    let compared = |links: Vec<Link>, contents: Contents<'_>| {
        verdict_having_read(vec![record(1, 1, &[])], vec![resized(7, 1)], links, contents)
    };
    let found = compared(vec![], UNREAD);
    assert_eq!((found.differences.missing, found.outcomes.undecided, found.outcomes.total()), (1, 1, 1));
    assert_eq!((found.doubt.source.len(), found.doubt.destination.len(), found.differences.duplicated), (1, 1, 0));
    let found = compared(vec![link(1, 7, &[])], UNREAD);
    assert_eq!((found.differences.altered, found.doubt.source.len(), found.outcomes.copied), (1, 1, 1));
    let lying = |_, record: &MessageRecord| Some(Content { octets: [1; 32], text: record.identity? });
    for links in [vec![], vec![link(1, 7, &[])]] {
        let found = compared(links, &lying);
        assert!(found.differences.is_clean() && found.doubt.is_empty(), "{:?}", found.differences);
    }
    let found = compared(vec![link(1, 7, &[])], &read);
    assert_eq!((found.differences.altered, found.doubt.is_empty()), (1, true));
}

#[test]
fn verify_what_cannot_be_kept_is_lost_and_no_difference() {
    let dated = |uid, date: Option<i64>| MessageRecord {
        internal_date: date.map(InternalDate),
        ..record(uid, uid as u8, &["\\Seen"])
    };
    let source = vec![dated(1, None), dated(2, Some(-2_208_988_800)), dated(3, Some(-5)), dated(4, Some(90_000))];
    let copies = [(7, 5), (8, 86_400), (9, -5), (10, 90_000)];
    let copies = copies.iter().zip(1u8..).map(|((uid, date), identity)| MessageRecord {
        identity: Some(Digest([identity; 16])),
        flags: Flags::none(),
        ..dated(*uid, Some(*date))
    });
    let capacity = FlagCapacity::from_texts(["\\Draft"]);
    let verification = Verification {
        mailbox: "INBOX",
        exceptions: HashMap::new(),
        given_below: None,
        capacity: &capacity,
        flags: FlagHistory::default(),
        keeps: Keeps::ALL,
        known_to_keep: Keeps::ALL,
        contents: &read,
        mode: Mode::Copy,
        recent_first: false,
    };
    let links = vec![link(1, 7, &[]), link(2, 8, &[]), link(3, 9, &[])];
    let found = verified(verification, source, copies.collect(), links);
    assert!(found.differences.is_clean(), "{:?}", found.differences);
    let flags = [("\\Seen".to_owned(), 4)].into();
    assert_eq!(found.losses, Losses { flags, dates: 1, untold_dates: 1, ..Losses::default() });
}

#[test]
fn verify_copies_of_ours_out_of_order_are_counted_and_others_are_not() {
    let source = || (1..=4).map(|uid| record(uid, uid as u8, &[])).collect::<Vec<_>>();
    let copies = || [(1, 12), (2, 9), (3, 10), (4, 11)].map(|(identity, uid)| record(uid, identity, &[])).to_vec();
    let links = |count| [link(1, 12, &[]), link(2, 9, &[]), link(3, 10, &[]), link(4, 11, &[])][..count].to_vec();
    assert_eq!(verdict(source(), copies(), links(4)).losses.out_of_order, 1);
    assert_eq!(verdict(source(), copies(), links(0)).losses.out_of_order, 0);
}

#[test]
fn verify_another_message_under_the_uid_of_a_copy_is_no_departure() {
    let found = verdict(vec![record(1, 1, &[])], vec![record(7, 9, &[])], vec![link(1, 7, &[])]);
    assert_eq!((found.differences.missing, found.outcomes.not_found_again, found.outcomes.departed), (1, 1, 0));
    let found = verdict(vec![record(1, 1, &[])], vec![record(8, 9, &[])], vec![link(1, 7, &[])]);
    assert_eq!((found.differences.missing, found.outcomes.departed), (0, 1));
}

#[test]
fn verify_what_users_did_is_no_difference() {
    let source = vec![record(1, 1, &["\\Seen"]), record(2, 2, &[])];
    let destination = vec![record(7, 1, &["\\Seen", "\\Flagged"]), record(9, 3, &[])];
    let links = vec![link(1, 7, &["\\Seen"]), link(2, 8, &[]), link(5, 9, &[])];
    let found = verdict(source, destination, links);
    assert!(found.differences.is_clean());
    assert_eq!((found.flags_changed_there, found.outcomes.departed, found.differences.extra), (1, 1, 1));
}

#[test]
fn verify_what_the_source_lost_is_told_by_whose_copy_is_left() {
    let kinds = |mode, links: Vec<Link>| {
        let (capacity, destination) = (FlagCapacity::everything(), vec![record(7, 1, &[]), record(8, 2, &[])]);
        let verification = Verification {
            mailbox: "INBOX",
            exceptions: HashMap::new(),
            given_below: None,
            capacity: &capacity,
            flags: FlagHistory::default(),
            keeps: Keeps::ALL,
            known_to_keep: Keeps::ALL,
            contents: &read,
            mode,
            recent_first: false,
        };
        let found = verified(verification, vec![record(3, 2, &[])], destination, links).differences;
        [found.undeleted, found.extra, found.duplicated, found.missing]
    };
    // Before and behind all that the source has.
    for gone in [1, 9] {
        let linked = || vec![Link { identity: Digest([1; 16]), ..link(gone, 7, &[]) }];
        assert_eq!(kinds(Mode::Mirror, linked()), [1, 0, 0, 0]);
        assert_eq!(kinds(Mode::Copy, linked()), [0, 1, 0, 0]);
        assert_eq!(kinds(Mode::Mirror, vec![link(gone, 7, &[])]), [u64::from(gone == 1), u64::from(gone == 9), 0, 0]);
    }
    assert_eq!(kinds(Mode::Mirror, vec![]), [0, 1, 0, 0]);
    let found = verdict(vec![record(3, 2, &[])], vec![record(7, 2, &[]), record(8, 2, &[])], vec![]);
    assert_eq!((found.differences.duplicated, found.outcomes.present), (1, 1));
}

/// What the links of many small mailboxes pair, found in the plain way: by looking everything up.
#[test]
fn verify_pairs_what_links_say_whatever_is_gone_in_between() {
    let mut state = 18u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for _ in 0..2_000 {
        let (mut source, mut destination, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for uid in 1..=below(9) as u32 {
            let (identity, copied) = (below(5) as u8 + 1, 50 - uid);
            let (is_there, is_copied, is_linked) = (below(4) > 0, below(4) > 0, below(4) > 0);
            source.extend(is_there.then(|| record(uid, identity, &[])));
            destination.extend(is_copied.then(|| record(copied, identity, &[])));
            links.extend(is_linked.then(|| Link { identity: Digest([identity; 16]), ..link(uid, copied, &[]) }));
        }
        let found = verdict(source.clone(), destination.clone(), links.clone());
        let pair = |link: &Link| {
            let there = source.iter().any(|record| record.uid == link.source);
            let copied = destination.iter().any(|record| record.uid == link.destination);
            (there && copied).then_some((link.source, link.destination))
        };
        let linked: Vec<_> = links.iter().filter_map(pair).collect();
        assert_eq!(found.outcomes.copied, linked.len() as u64);
        assert!(linked.iter().all(|pair| found.pairs.contains(pair)), "{linked:?} {:?}", found.pairs);
        assert_eq!((found.messages, found.outcomes.total()), (source.len() as u64, source.len() as u64));
        let surplus = found.differences.extra + found.differences.duplicated;
        assert_eq!(found.pairs.len() as u64 + surplus, destination.len() as u64);
    }
}

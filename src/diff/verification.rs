//! What differs between a source mailbox and its copy: the proof that what left has arrived. Pure.
//!
//! It is as independent of the state as it can be: both listings are fresh, and messages are matched by identity.
//! Links only tell twins apart, and say which differences are somebody's doing: messages that the destination's user
//! deleted, flags that were changed there later, copies whose source was deleted since.

use crate::diff::comparing::flags::FlagHistory;
use crate::diff::comparing::matching::{Judge, match_records};
use crate::diff::comparing::order::Order;
use crate::diff::comparing::same::{Contents, Keeps, are_linked, is_copy_of};
use crate::model::amount::Amounts;
use crate::model::difference::{Difference, DifferenceKind, Differences, LISTED_DIFFERENCES};
use crate::model::plan::Doubt;
use crate::model::policy::Mode;
use crate::model::{
    Digest, FlagCapacity, Flags, Link, LinkOrigin, Losses, MessageRecord, Outcome, Outcomes, Side, SystemFlag, Uid,
};
use std::collections::{HashMap, HashSet};

/// What is compared.
pub struct Verification<'a> {
    /// The source mailbox's path, for the list of differences.
    pub mailbox: &'a str,
    pub source: Vec<MessageRecord>,
    pub destination: Vec<MessageRecord>,
    /// Links that hold for the UIDVALIDITYs of both listings.
    pub links: Vec<Link>,
    /// Why messages were not copied.
    pub exceptions: HashMap<Uid, Outcome>,
    /// What the destination keeps of flags.
    pub capacity: &'a FlagCapacity,
    /// What is known of the flags of the copies.
    pub flags: FlagHistory<'a>,
    /// What both servers keep of a message; Exchange lists estimates of its size.
    pub keeps: Keeps,
    /// What was read of messages.
    pub contents: Contents<'a>,
    /// Whether a copy whose source is gone should be gone, too.
    pub mode: Mode,
}

/// What was found in one mailbox.
#[derive(Default)]
pub struct Verdict {
    pub differences: Differences,
    pub listed: Vec<Difference>,
    pub outcomes: Outcomes,
    pub losses: Losses,
    /// Source and destination UID of what is taken for one message, ascending: its octets can be compared.
    pub pairs: Vec<(Uid, Uid)>,
    pub messages: u64,
    pub octets: u64,
    pub flags_changed_there: u64,
    /// Copies that the destination keeps in a form of its own.
    pub rewritten: u64,
    /// Source messages that are known to be altered: their octets need not be compared.
    pub altered: HashSet<Uid>,
    /// What must be read to be sure: whether messages of one identity are one, or listed sizes lie.
    pub doubt: Doubt,
    /// Source messages of which a person has said that they are good as they are.
    pub accepted: HashSet<Uid>,
}

impl Verdict {
    /// Counts a difference, and lists it unless there are many of its kind.
    pub fn differ(&mut self, difference: Difference) {
        if difference.source.is_some_and(|uid| self.accepted.contains(&uid)) {
            return;
        }
        self.differences.add(difference.kind, 1);
        let listed = self.listed.iter().filter(|listed| listed.kind == difference.kind).count();
        if listed < LISTED_DIFFERENCES {
            self.listed.push(difference);
        }
    }
}

impl Verdict {
    /// Counts a message that the source holds and does not describe.
    pub fn leave_unread(&mut self, mailbox: &str, (uid, outcome): (Uid, Outcome)) {
        self.messages += 1;
        self.outcomes.add(&outcome, 1);
        let detail = match outcome {
            Outcome::Failed(reason) => reason,
            _ => "it was not listed".to_owned(),
        };
        let (kind, mailbox) = (DifferenceKind::Missing, mailbox.to_owned());
        self.differ(Difference { mailbox, kind, source: Some(uid), destination: None, detail });
    }
}

/// Compares one mailbox with its copy.
pub fn verify_mailbox(verification: Verification<'_>) -> Verdict {
    let Verification { mailbox, source, destination, links, exceptions, capacity, flags, keeps, contents, mode } =
        verification;
    let judge = Judge { keeps, contents };
    let links: HashMap<Uid, Link> = links.into_iter().map(|link| (link.source, link)).collect();
    let (verdict, unread) = Default::default();
    let mut comparison = Comparison { mailbox, links: &links, capacity, flags, judge, verdict, unread };
    let accepted = exceptions.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Accepted(_)));
    comparison.verdict.accepted = accepted.map(|(uid, _)| *uid).collect();
    comparison.verdict.messages = source.len() as u64;
    comparison.verdict.octets = source.iter().map(|record| record.octets).total();
    let identities: HashSet<Digest> = source.iter().filter_map(|record| record.identity).collect();
    let present: HashSet<Uid> = source.iter().map(|record| record.uid).collect();
    let there: HashSet<Uid> = destination.iter().map(|record| record.uid).collect();
    let (linked, source, mut destination) = pair_linked(source, destination, &links);
    let matched = match_records(source, &mut destination, judge);
    for (source, destination) in linked.iter().chain(&matched.pairs) {
        comparison.compare(source, destination);
    }
    for record in &matched.unmatched {
        comparison.unmatched(record, exceptions.get(&record.uid), &there);
    }
    let orphans: HashMap<Uid, &Link> =
        links.values().filter(|link| !present.contains(&link.source)).map(|link| (link.destination, link)).collect();
    for record in &destination {
        comparison.surplus(record, surplus_kind(record, orphans.get(&record.uid).copied(), &identities, mode));
    }
    comparison.in_doubt(&matched.unsettled);
    comparison.into_verdict()
}

/// What a destination message is that no source message is left for. One that is marked as deleted waits for somebody
/// to expunge it.
fn surplus_kind(
    record: &MessageRecord,
    orphan: Option<&Link>,
    identities: &HashSet<Digest>,
    mode: Mode,
) -> DifferenceKind {
    let mirrored = mode == Mode::Mirror && !record.flags.has(SystemFlag::Deleted);
    match orphan {
        Some(link) if mirrored && link.is_ours() && is_copy_of(link, record) => DifferenceKind::Undeleted,
        None if record.identity.is_some_and(|identity| identities.contains(&identity)) => DifferenceKind::Duplicated,
        _ => DifferenceKind::Extra,
    }
}

type Pairs = Vec<(MessageRecord, MessageRecord)>;

/// Pairs what is linked, as long as it has its identity or is as the destination made it; what is left is matched without
/// links.
fn pair_linked(
    source: Vec<MessageRecord>,
    destination: Vec<MessageRecord>,
    links: &HashMap<Uid, Link>,
) -> (Pairs, Vec<MessageRecord>, Vec<MessageRecord>) {
    let mut there: HashMap<Uid, MessageRecord> = destination.into_iter().map(|record| (record.uid, record)).collect();
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for record in source {
        let link = links.get(&record.uid);
        let linked = link.and_then(|link| Some((link, there.get(&link.destination)?)));
        let holds = |(link, copy): &(&Link, &MessageRecord)| are_linked(link, &record, copy);
        let copy = linked.filter(holds).map(|(_, copy)| copy.uid);
        match copy.and_then(|uid| there.remove(&uid)) {
            Some(copy) => pairs.push((record, copy)),
            None => rest.push(record),
        }
    }
    let mut surplus: Vec<MessageRecord> = there.into_values().collect();
    surplus.sort_by_key(|record| record.uid);
    (pairs, rest, surplus)
}

struct Comparison<'a> {
    mailbox: &'a str,
    links: &'a HashMap<Uid, Link>,
    capacity: &'a FlagCapacity,
    flags: FlagHistory<'a>,
    judge: Judge<'a>,
    verdict: Verdict,
    /// UIDs of both sides that are to be read.
    unread: [Vec<Uid>; 2],
}

impl Comparison<'_> {
    fn differ(&mut self, kind: DifferenceKind, source: Option<Uid>, destination: Option<Uid>, detail: String) {
        self.verdict.differ(Difference { mailbox: self.mailbox.to_owned(), kind, source, destination, detail });
    }

    fn compare(&mut self, source: &MessageRecord, copy: &MessageRecord) {
        let uids = (Some(source.uid), Some(copy.uid));
        let link = self.links.get(&source.uid).filter(|link| link.destination == copy.uid);
        let ours = link.is_some_and(|link| link.origin != LinkOrigin::Adopted);
        self.verdict.rewritten += u64::from(link.is_some_and(|link| link.altered.is_some()));
        self.verdict.outcomes.add(if ours { &Outcome::Copied } else { &Outcome::Present }, 1);
        self.verdict.pairs.push((source.uid, copy.uid));
        if self.judge.keeps.sizes && source.octets != copy.octets {
            self.compare_sizes(source, copy);
        }
        let lost = |link| self.flags.lost(&source.flags, link, &copy.flags, self.capacity);
        let wanted = source.flags.within(self.capacity).minus(&link.map_or_else(Flags::none, lost));
        if wanted != copy.flags {
            match link.is_some_and(|link| *self.flags.agreed(link, &copy.flags) == wanted) {
                true => self.verdict.flags_changed_there += 1,
                false => {
                    let detail = format!("{wanted} on the source, {} on the destination", copy.flags);
                    self.differ(DifferenceKind::FlagsDiffer, uids.0, uids.1, detail);
                }
            }
        }
        self.verdict.losses.add_flags(&source.flags.minus(&wanted).minus(&copy.flags));
        self.compare_dates(source, copy);
    }

    /// A date that is not told, or that no destination is sent, is a loss and no difference.
    fn compare_dates(&mut self, source: &MessageRecord, copy: &MessageRecord) {
        match (source.internal_date, copy.internal_date) {
            (None, _) => self.verdict.losses.untold_dates += 1,
            (Some(date), Some(copied)) if date != copied && date.as_sent() != date => self.verdict.losses.dates += 1,
            (Some(date), Some(copied)) if date != copied => {
                let detail = format!("the destination's date is {} seconds off", copied.0.abs_diff(date.0));
                self.differ(DifferenceKind::DatesDiffer, Some(source.uid), Some(copy.uid), detail);
            }
            _ => {}
        }
    }

    /// Listed sizes may lie: only octets tell.
    fn compare_sizes(&mut self, source: &MessageRecord, copy: &MessageRecord) {
        let read = |side, record| (self.judge.contents)(side, record);
        match (read(Side::Source, source), read(Side::Destination, copy)) {
            (Some(ours), Some(theirs)) if ours.octets == theirs.octets => return,
            (Some(_), Some(_)) => {}
            _ => {
                self.unread[0].push(source.uid);
                self.unread[1].push(copy.uid);
            }
        }
        let detail = format!("{} octets on the source, {} on the destination", source.octets, copy.octets);
        self.differ(DifferenceKind::Altered, Some(source.uid), Some(copy.uid), detail);
        self.verdict.altered.insert(source.uid);
    }

    /// Messages of one identity that could not be told apart: nobody knows whether the destination has those of the source.
    fn in_doubt(&mut self, unsettled: &[Vec<MessageRecord>; 2]) {
        for (unread, records) in self.unread.iter_mut().zip(unsettled) {
            unread.extend(records.iter().map(|record| record.uid));
        }
        for record in &unsettled[0] {
            let outcome = Outcome::Undecided("it could not be read".to_owned());
            self.verdict.outcomes.add(&outcome, 1);
            let detail = "the destination has one of its identity, and they could not be compared";
            self.differ(DifferenceKind::Missing, Some(record.uid), None, detail.to_owned());
        }
    }

    fn into_verdict(self) -> Verdict {
        let [source, destination] = self.unread.map(|mut uids| {
            uids.sort_unstable();
            uids.into_iter().collect()
        });
        let mut verdict = self.verdict;
        verdict.doubt = Doubt { source, destination };
        verdict.pairs.sort_unstable();
        verdict.losses.out_of_order = out_of_order(&verdict.pairs, self.links);
        verdict
    }

    /// A source message without a counterpart: missing, unless it was left out on purpose or its user removed the copy. That
    /// its copy is gone is told by its UID: another message under it is none that a user put there.
    fn unmatched(&mut self, record: &MessageRecord, exception: Option<&Outcome>, there: &HashSet<Uid>) {
        let outcome = match (exception, self.links.get(&record.uid)) {
            (Some(outcome), _) => outcome.clone(),
            (None, Some(link)) if there.contains(&link.destination) => Outcome::NotFoundAgain(format!(
                "under the UID {} of its copy there is another message",
                link.destination
            )),
            (None, Some(_)) => Outcome::Departed,
            (None, None) => Outcome::Pending,
        };
        self.verdict.outcomes.add(&outcome, 1);
        let reason = match &outcome {
            Outcome::Skipped(_) | Outcome::Departed => return,
            Outcome::Accepted(_) => return,
            Outcome::Limited(reason)
            | Outcome::Refused(reason)
            | Outcome::Failed(reason)
            | Outcome::NotFoundAgain(reason)
            | Outcome::Undecided(reason) => reason.as_str(),
            _ => "not copied yet",
        };
        self.differ(DifferenceKind::Missing, Some(record.uid), None, reason.to_owned());
    }

    fn surplus(&mut self, record: &MessageRecord, kind: DifferenceKind) {
        let detail = match kind {
            DifferenceKind::Duplicated => "the destination has it more often than the source",
            DifferenceKind::Undeleted => "copied by us, and gone from the source",
            _ => "not on the source",
        };
        self.differ(kind, None, Some(record.uid), detail.to_owned());
    }
}

/// Copies of ours were appended in the order of the source, unless something came between.
fn out_of_order(pairs: &[(Uid, Uid)], links: &HashMap<Uid, Link>) -> u64 {
    let mut order = Order::default();
    for (source, copy) in pairs {
        if links.get(source).is_some_and(|link| link.is_ours() && link.destination == *copy) {
            order.take(*copy);
        }
    }
    order.out_of_order()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::comparing::same::UNREAD;
    use crate::model::{Content, InternalDate};

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
        verify_mailbox(Verification {
            mailbox: "INBOX",
            source,
            destination,
            links,
            exceptions,
            capacity: &capacity,
            flags: FlagHistory::default(),
            keeps: Keeps::ALL,
            contents,
            mode: Mode::Copy,
        })
    }

    #[test]
    fn verify_identical_mailboxes_is_clean_and_pairs_all() {
        let verdict = verdict(
            vec![record(1, 1, &["x"]), record(2, 1, &[])],
            vec![record(7, 1, &["x"]), record(8, 1, &[])],
            vec![],
        );
        assert!(verdict.differences.is_clean() && verdict.differences.extra == 0);
        assert_eq!((verdict.pairs.len(), verdict.outcomes.present), (2, 2));
    }

    #[test]
    fn verify_each_kind_of_difference_is_counted() {
        let mut altered = record(12, 2, &[]);
        altered.octets = 102;
        let mut late = record(13, 3, &[]);
        late.internal_date = Some(InternalDate(1_000_005));
        let source = vec![
            record(1, 1, &[]),
            record(2, 2, &[]),
            record(3, 3, &[]),
            record(4, 4, &["\\Seen"]),
            record(90, 9, &[]),
        ];
        let destination = vec![
            altered,
            late,
            record(14, 4, &[]),
            record(15, 4, &["\\Seen"]),
            record(16, 77, &[]),
            record(17, 4, &[]),
        ];
        let found = verdict(source, destination, vec![link(4, 14, &[])]);
        let expected = Differences {
            missing: 2,
            duplicated: 2,
            altered: 1,
            flags_differ: 1,
            dates_differ: 1,
            extra: 1,
            undeleted: 0,
        };
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
        let found = verify_mailbox(Verification {
            mailbox: "INBOX",
            source,
            destination: copies.collect(),
            links: vec![link(1, 7, &[]), link(2, 8, &[]), link(3, 9, &[])],
            exceptions: HashMap::new(),
            capacity: &capacity,
            flags: FlagHistory::default(),
            keeps: Keeps::ALL,
            contents: &read,
            mode: Mode::Copy,
        });
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
}

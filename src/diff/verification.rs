//! What differs between a source mailbox and its copy: the proof that what left has arrived. Pure.
//!
//! It is as independent of the state as it can be: both listings are fresh, and messages are matched by identity.
//! Links only tell twins apart, and say which differences are somebody's doing: messages that the destination's user
//! deleted, flags that were changed there later, copies whose source was deleted since.

use crate::diff::comparing::matching::match_records;
use crate::model::amount::Amounts;
use crate::model::difference::{Difference, DifferenceKind, Differences, LISTED_DIFFERENCES};
use crate::model::policy::Mode;
use crate::model::{Digest, FlagCapacity, Link, LinkOrigin, MessageRecord, Outcome, Outcomes, SystemFlag, Uid};
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
    /// Whether both servers list exact sizes; Exchange lists estimates.
    pub exact_sizes: bool,
    /// Whether a copy whose source is gone should be gone, too.
    pub mode: Mode,
}

/// What was found in one mailbox.
#[derive(Default)]
pub struct Verdict {
    pub differences: Differences,
    pub listed: Vec<Difference>,
    pub outcomes: Outcomes,
    /// Source and destination UID of what is taken for one message, ascending: its octets can be compared.
    pub pairs: Vec<(Uid, Uid)>,
    pub messages: u64,
    pub octets: u64,
    pub flags_changed_there: u64,
    /// Source messages whose sizes differ: what their octets are need not be asked.
    pub altered: HashSet<Uid>,
}

impl Verdict {
    /// Counts a difference, and lists it unless there are many of its kind.
    pub fn differ(&mut self, difference: Difference) {
        self.differences.add(difference.kind, 1);
        let listed = self.listed.iter().filter(|listed| listed.kind == difference.kind).count();
        if listed < LISTED_DIFFERENCES {
            self.listed.push(difference);
        }
    }
}

/// Compares one mailbox with its copy.
pub fn verify_mailbox(verification: Verification<'_>) -> Verdict {
    let Verification { mailbox, source, destination, links, exceptions, capacity, exact_sizes, mode } = verification;
    let links: HashMap<Uid, Link> = links.into_iter().map(|link| (link.source, link)).collect();
    let mut comparison = Comparison { mailbox, links: &links, capacity, exact_sizes, verdict: Verdict::default() };
    comparison.verdict.messages = source.len() as u64;
    comparison.verdict.octets = source.iter().map(|record| record.octets).total();
    let identities: HashSet<Digest> = source.iter().filter_map(|record| record.identity).collect();
    let present: HashSet<Uid> = source.iter().map(|record| record.uid).collect();
    let (linked, source, mut destination) = pair_linked(source, destination, &links);
    let matched = match_records(source, &mut destination);
    for (source, destination) in linked.iter().chain(&matched.pairs) {
        comparison.compare(source, destination);
    }
    for record in &matched.unmatched {
        comparison.unmatched(record, exceptions.get(&record.uid));
    }
    let orphans: HashMap<Uid, &Link> =
        links.values().filter(|link| !present.contains(&link.source)).map(|link| (link.destination, link)).collect();
    for record in &destination {
        comparison.surplus(record, surplus_kind(record, orphans.get(&record.uid).copied(), &identities, mode));
    }
    comparison.verdict.pairs.sort_unstable();
    comparison.verdict
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
        Some(link) if mirrored && link.is_ours() && Some(link.identity) == record.identity => DifferenceKind::Undeleted,
        None if record.identity.is_some_and(|identity| identities.contains(&identity)) => DifferenceKind::Duplicated,
        _ => DifferenceKind::Extra,
    }
}

type Pairs = Vec<(MessageRecord, MessageRecord)>;

/// Pairs what is linked, as long as it still is one message by identity; what is left is matched without links.
fn pair_linked(
    source: Vec<MessageRecord>,
    destination: Vec<MessageRecord>,
    links: &HashMap<Uid, Link>,
) -> (Pairs, Vec<MessageRecord>, Vec<MessageRecord>) {
    let mut there: HashMap<Uid, MessageRecord> = destination.into_iter().map(|record| (record.uid, record)).collect();
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for record in source {
        let linked = links.get(&record.uid).and_then(|link| there.get(&link.destination));
        let copy =
            linked.filter(|copy| copy.identity.is_some() && copy.identity == record.identity).map(|copy| copy.uid);
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
    exact_sizes: bool,
    verdict: Verdict,
}

impl Comparison<'_> {
    fn differ(&mut self, kind: DifferenceKind, source: Option<Uid>, destination: Option<Uid>, detail: String) {
        self.verdict.differ(Difference { mailbox: self.mailbox.to_owned(), kind, source, destination, detail });
    }

    fn compare(&mut self, source: &MessageRecord, copy: &MessageRecord) {
        let uids = (Some(source.uid), Some(copy.uid));
        let link = self.links.get(&source.uid).filter(|link| link.destination == copy.uid);
        let ours = link.is_some_and(|link| link.origin != LinkOrigin::Adopted);
        self.verdict.outcomes.add(if ours { &Outcome::Copied } else { &Outcome::Present }, 1);
        self.verdict.pairs.push((source.uid, copy.uid));
        if self.exact_sizes && source.octets != copy.octets {
            let detail = format!("{} octets on the source, {} on the destination", source.octets, copy.octets);
            self.differ(DifferenceKind::Altered, uids.0, uids.1, detail);
            self.verdict.altered.insert(source.uid);
        }
        let wanted = source.flags.within(self.capacity);
        if wanted != copy.flags {
            match link.is_some_and(|link| link.agreed == wanted) {
                true => self.verdict.flags_changed_there += 1,
                false => {
                    let detail = format!("{wanted} on the source, {} on the destination", copy.flags);
                    self.differ(DifferenceKind::FlagsDiffer, uids.0, uids.1, detail);
                }
            }
        }
        if let (Some(date), Some(copied)) = (source.internal_date, copy.internal_date)
            && date != copied
        {
            let detail = format!("the destination's date is {} seconds off", copied.0.abs_diff(date.0));
            self.differ(DifferenceKind::DatesDiffer, uids.0, uids.1, detail);
        }
    }

    /// A source message without a counterpart: missing, unless it was left out on purpose or its user removed the copy.
    fn unmatched(&mut self, record: &MessageRecord, exception: Option<&Outcome>) {
        let departed = Outcome::Departed;
        let outcome = match exception {
            Some(outcome) => outcome,
            None if self.links.contains_key(&record.uid) => &departed,
            None => &Outcome::Pending,
        };
        self.verdict.outcomes.add(outcome, 1);
        let reason = match outcome {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Flags, InternalDate};

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
            origin: LinkOrigin::Appended,
            octets: 100,
            identity: Digest([9; 16]),
        }
    }

    fn verdict(source: Vec<MessageRecord>, destination: Vec<MessageRecord>, links: Vec<Link>) -> Verdict {
        let capacity = FlagCapacity::everything();
        let exceptions = HashMap::from([(Uid(90), Outcome::Refused("no".to_owned()))]);
        verify_mailbox(Verification {
            mailbox: "INBOX",
            source,
            destination,
            links,
            exceptions,
            capacity: &capacity,
            exact_sizes: true,
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
    fn verify_what_users_did_is_no_difference() {
        let source = vec![record(1, 1, &["\\Seen"]), record(2, 2, &[])];
        let destination = vec![record(7, 1, &["\\Seen", "\\Flagged"]), record(9, 3, &[])];
        let links = vec![link(1, 7, &["\\Seen"]), link(2, 8, &[]), link(5, 9, &[])];
        let found = verdict(source, destination, links);
        assert!(found.differences.is_clean());
        assert_eq!((found.flags_changed_there, found.outcomes.departed, found.differences.extra), (1, 1, 1));
    }
}

//! What differs between a source mailbox and its copy: the proof that what left has arrived. Pure.
//!
//! It is as independent of the state as it can be: both listings are fresh, and messages are matched by identity.
//! Links only tell twins apart, and say which differences are somebody's doing: messages that the destination's user
//! deleted, flags that were changed there later, copies whose source was deleted since.

use crate::diff::comparing::flags::FlagHistory;
use crate::diff::comparing::matching::{Judge, match_records};
use crate::diff::comparing::order::Order;
use crate::diff::comparing::same::{Contents, Keeps, are_linked, is_copy_of, is_listed_alike, is_source_of, is_spoilt};
use crate::diff::verdict::Verdict;
use crate::model::amount::Amounts;
use crate::model::difference::{Difference, DifferenceKind};
use crate::model::plan::Doubt;
use crate::model::policy::Mode;
use crate::model::{Digest, FlagCapacity, Flags, Link, MessageRecord, Outcome, Side, SystemFlag, Uid};
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
    /// UIDNEXT of the destination: what was given a UID from there on is lost, as after a restored backup, and its users' work
    /// is not.
    pub given_below: Option<Uid>,
    /// What the destination keeps of flags.
    pub capacity: &'a FlagCapacity,
    /// What is known of the flags of the copies.
    pub flags: FlagHistory<'a>,
    /// What both servers keep of a message; Exchange lists estimates of its size.
    pub keeps: Keeps,
    /// What they keep by who they are. What else they do not keep was only seen of our copies, and some of those are read.
    pub known_to_keep: Keeps,
    /// What was read of messages.
    pub contents: Contents<'a>,
    /// Whether a copy whose source is gone should be gone, too.
    pub mode: Mode,
    /// Recent mail was copied first.
    pub recent_first: bool,
}

/// Compares one mailbox with its copy.
pub fn verify_mailbox(verification: Verification<'_>) -> Verdict {
    let Verification {
        mailbox,
        source,
        destination,
        links,
        exceptions,
        given_below,
        capacity,
        flags,
        keeps,
        known_to_keep,
        contents,
        mode,
        recent_first,
    } = verification;
    let judge = Judge { keeps, contents };
    let links: HashMap<Uid, Link> = links.into_iter().map(|link| (link.source, link)).collect();
    let (verdict, unread, look) = Default::default();
    let order = Order::new(recent_first);
    let links = &links;
    let mut comparison =
        Comparison { mailbox, links, capacity, flags, judge, known_to_keep, verdict, order, look, unread };
    let accepted = exceptions.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Accepted(_)));
    comparison.verdict.accepted = accepted.map(|(uid, _)| *uid).collect();
    comparison.verdict.messages = source.len() as u64;
    comparison.verdict.octets = source.iter().map(|record| record.octets).total();
    let identities: HashSet<Digest> = source.iter().filter_map(|record| record.identity).collect();
    let present: HashSet<Uid> = source.iter().map(|record| record.uid).collect();
    let there: HashSet<Uid> = destination.iter().map(|record| record.uid).collect();
    let (linked, source, mut destination) = pair_linked(source, destination, links);
    let matched = match_records(source, &mut destination, judge);
    for (source, destination) in linked.iter().chain(&matched.pairs) {
        comparison.compare(source, destination);
    }
    comparison.end_look();
    comparison.look_at_order(linked.iter().chain(&matched.pairs));
    for record in &matched.unmatched {
        comparison.unmatched(record, exceptions.get(&record.uid), (&there, given_below));
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

pub(in crate::diff) type Pairs = Vec<(MessageRecord, MessageRecord)>;

/// Pairs what is linked, as long as it has its identity or is as the destination made it; what is left is matched without
/// links.
pub(in crate::diff) fn pair_linked(
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

/// Copies of one mailbox that are read where what is listed of them tells nothing.
const LOOKS: usize = 32;

/// A closer look at copies that the destination is seen to list in another way than they were sent: what servers write in their
/// own way leaves the text.
#[derive(Default)]
struct Look {
    /// One was found that is not what servers make of a message.
    spoilt: bool,
    /// Those that are listed so and were not read.
    unread: Vec<(Uid, Uid)>,
}

struct Comparison<'a> {
    mailbox: &'a str,
    links: &'a HashMap<Uid, Link>,
    capacity: &'a FlagCapacity,
    flags: FlagHistory<'a>,
    judge: Judge<'a>,
    known_to_keep: Keeps,
    verdict: Verdict,
    order: Order,
    look: Look,
    /// UIDs of both sides that are to be read.
    unread: [Vec<Uid>; 2],
}

impl Comparison<'_> {
    fn differ(&mut self, kind: DifferenceKind, source: Option<Uid>, destination: Option<Uid>, detail: String) {
        self.verdict.differ(Difference::new(self.mailbox.to_owned(), kind, (source, destination), detail));
    }

    fn compare(&mut self, source: &MessageRecord, copy: &MessageRecord) {
        let uids = (Some(source.uid), Some(copy.uid));
        let link = self.links.get(&source.uid).filter(|link| link.destination == copy.uid);
        let ours = link.is_some_and(|link| link.is_ours());
        self.verdict.rewritten += u64::from(link.is_some_and(|link| link.altered.is_some()));
        self.verdict.outcomes.add(if ours { &Outcome::Copied } else { &Outcome::Present }, 1);
        self.verdict.pairs.push((source.uid, copy.uid));
        if self.judge.keeps.sizes && source.octets != copy.octets {
            self.compare_sizes(source, copy);
        } else if self.known_to_keep.sizes && !is_listed_alike(source, copy) {
            self.look_closer(source, copy);
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
        let detail = format!("{} bytes on the source, {} on the destination", source.octets, copy.octets);
        self.differ(DifferenceKind::Altered, Some(source.uid), Some(copy.uid), detail);
        self.verdict.altered.insert(source.uid);
    }

    fn look_closer(&mut self, source: &MessageRecord, copy: &MessageRecord) {
        let read = |side, record| (self.judge.contents)(side, record);
        let (Some(ours), Some(theirs)) = (read(Side::Source, source), read(Side::Destination, copy)) else {
            self.look.unread.push((source.uid, copy.uid));
            return;
        };
        if is_spoilt((source.internal_date, &ours), (copy.internal_date, &theirs), self.judge.keeps) {
            self.look.spoilt = true;
            self.alter((source.uid, copy.uid), "the content differs, and not by header lines or line ends alone");
        }
    }

    /// Where one is spoilt, none that is listed so is taken for good unread.
    fn end_look(&mut self) {
        let unread = std::mem::take(&mut self.look.unread);
        for (source, copy) in unread.iter().take(LOOKS) {
            self.unread[0].push(*source);
            self.unread[1].push(*copy);
        }
        if self.look.spoilt {
            let detail = "listed in another way than it was sent, as copies are whose content differs; it was not read";
            unread.into_iter().for_each(|uids| self.alter(uids, detail));
        }
    }

    fn alter(&mut self, (source, copy): (Uid, Uid), detail: &str) {
        self.differ(DifferenceKind::Altered, Some(source), Some(copy), detail.to_owned());
        self.verdict.altered.insert(source);
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
        verdict.losses.out_of_order = self.order.out_of_order();
        verdict
    }

    /// Copies of ours were appended in the order of the source, unless something came between.
    fn look_at_order<'r>(&mut self, pairs: impl Iterator<Item = &'r (MessageRecord, MessageRecord)>) {
        let is_ours = |(source, copy): &&(MessageRecord, MessageRecord)| {
            self.links.get(&source.uid).is_some_and(|link| link.is_ours() && link.destination == copy.uid)
        };
        let mut ours: Vec<_> =
            pairs.filter(is_ours).map(|(source, copy)| (source.uid, copy.uid, source.internal_date)).collect();
        ours.sort_unstable_by_key(|(source, ..)| *source);
        ours.into_iter().for_each(|(_, copy, date)| self.order.take(copy, date));
    }

    /// A source message without a counterpart: missing, unless it was left out on purpose or its user removed the copy. That
    /// its copy is gone is told by its UID: another message under it is none that a user put there.
    fn unmatched(
        &mut self,
        record: &MessageRecord,
        exception: Option<&Outcome>,
        (there, given_below): (&HashSet<Uid>, Option<Uid>),
    ) {
        // Under the UID of a message that was copied there may be another now, as after a restored backup.
        let link = self.links.get(&record.uid).filter(|link| is_source_of(link, record));
        let link = link.filter(|link| given_below.is_none_or(|next| link.destination < next));
        let outcome = match (exception, link) {
            (Some(outcome), _) => outcome.clone(),
            (None, Some(link)) if there.contains(&link.destination) => Outcome::NotFoundAgain(format!(
                "under the UID {} of its copy there is another message",
                link.destination
            )),
            (None, Some(_)) => Outcome::Departed,
            (None, None) => Outcome::Pending,
        };
        if let (Outcome::NotFoundAgain(_), Some(link)) =
            (&outcome, link.filter(|link| exception.is_none() && link.is_ours()))
        {
            self.verdict.taken.push((record.uid, link.destination));
        }
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

#[cfg(test)]
mod tests;

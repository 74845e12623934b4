//! What differs between a source mailbox and its copy: the proof that what left has arrived. Pure.
//!
//! It is as independent of the state as it can be: both listings are fresh, and messages are matched by identity.
//! Links only tell twins apart, and say which differences are somebody's doing: messages that the destination's user
//! deleted, flags that were changed there later, copies whose source was deleted since.
//!
//! Memory, for each message: 33 octets of the destination, and 12 of the two that are one (28 where recent mail came first). Messages
//! that no link pairs are held whole.

use super::copies::{Copies, Orphan, link_of};
use crate::diff::comparing::flags::FlagHistory;
use crate::diff::comparing::matching::{Judge, match_records};
use crate::diff::comparing::order::Order;
use crate::diff::comparing::same::{Contents, Keeps, is_listed_alike, is_source_of, is_spoilt};
use crate::diff::verdict::Verdict;
use crate::error::Result;
use crate::model::amount::grow;
use crate::model::difference::{Difference, DifferenceKind};
use crate::model::plan::Doubt;
use crate::model::policy::Mode;
use crate::model::{
    Digest, FlagCapacity, Flags, InternalDate, Link, MessageRecord, Outcome, Side, SystemFlag, Uid, UidSet,
};
use std::collections::{HashMap, HashSet};

/// What is compared.
pub struct Verification<'a> {
    /// The source mailbox's path, for the list of differences.
    pub mailbox: &'a str,
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

/// Compares one mailbox with its copy. Records of the source come ascending by UID, each time, and so do links, by that of their
/// source; they hold for the UIDVALIDITYs of both listings.
///
/// # Errors
/// Those of the iterators.
pub fn verify_mailbox<I: Iterator<Item = Result<MessageRecord>>>(
    verification: Verification<'_>,
    source: impl Fn() -> Result<I>,
    destination: impl Iterator<Item = Result<MessageRecord>>,
    links: impl Iterator<Item = Result<Link>>,
) -> Result<Verdict> {
    let exceptions = &verification.exceptions;
    let judge = Judge { keeps: verification.keeps, contents: verification.contents };
    let mut comparison = Comparison::new(&verification, judge);
    let (mut copies, mut links, mut rest) = (Copies::gather(destination)?, links.peekable(), Vec::new());
    for record in source()? {
        let record = record?;
        comparison.count(&record);
        let link = link_of(&mut links, record.uid, |orphan| copies.orphan(orphan))?;
        match link.as_ref().and_then(|link| copies.take(link, &record)) {
            Some(copy) => comparison.compare(&record, &copy, link.as_ref()),
            None => {
                comparison.loose.extend(link.map(|link| (record.uid, link)));
                rest.push(record);
            }
        }
    }
    for link in links {
        copies.orphan(&link?);
    }
    let mut left = copies.left();
    let matched = match_records(rest, &mut left, judge);
    for (source, copy) in &matched.pairs {
        let link = comparison.loose.get(&source.uid).filter(|link| link.destination == copy.uid).cloned();
        comparison.compare(source, copy, link.as_ref());
    }
    comparison.end_look();
    for record in &matched.unmatched {
        comparison.unmatched(record, exceptions.get(&record.uid), (&copies, verification.given_below));
    }
    comparison.take_surplus(&left, source, &copies, verification.mode)?;
    comparison.in_doubt(&matched.unsettled);
    Ok(comparison.into_verdict())
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
    capacity: &'a FlagCapacity,
    flags: FlagHistory<'a>,
    judge: Judge<'a>,
    known_to_keep: Keeps,
    verdict: Verdict,
    /// Links of source messages that are not paired by them.
    loose: HashMap<Uid, Link>,
    /// Source messages with copies of ours.
    ours: UidSet,
    /// Of these, where recent mail came first.
    dates: Option<Vec<(Uid, Option<InternalDate>)>>,
    look: Look,
    /// UIDs of both sides that are to be read.
    unread: [Vec<Uid>; 2],
}

impl<'a> Comparison<'a> {
    fn new(verification: &Verification<'a>, judge: Judge<'a>) -> Self {
        let accepted = verification.exceptions.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Accepted(_)));
        let verdict = Verdict { accepted: accepted.map(|(uid, _)| *uid).collect(), ..Verdict::default() };
        let Verification { mailbox, capacity, flags, known_to_keep, .. } = *verification;
        let (loose, ours, look, unread) = Default::default();
        let dates = verification.recent_first.then(Vec::new);
        Comparison { mailbox, capacity, flags, judge, known_to_keep, verdict, loose, ours, dates, look, unread }
    }

    /// Counts a message of the source.
    fn count(&mut self, record: &MessageRecord) {
        self.verdict.messages += 1;
        grow(&mut self.verdict.octets, record.octets);
    }

    fn differ(&mut self, kind: DifferenceKind, source: Option<Uid>, destination: Option<Uid>, detail: String) {
        self.verdict.differ(Difference::new(self.mailbox.to_owned(), kind, (source, destination), detail));
    }

    /// Compares a message with its copy; `link` is what ties them, if anything does.
    fn compare(&mut self, source: &MessageRecord, copy: &MessageRecord, link: Option<&Link>) {
        let uids = (Some(source.uid), Some(copy.uid));
        let ours = link.is_some_and(|link| link.is_ours());
        if ours {
            self.ours.insert(source.uid);
            self.dates.iter_mut().for_each(|dates| dates.push((source.uid, source.internal_date)));
        }
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

    fn into_verdict(mut self) -> Verdict {
        self.verdict.pairs.sort_unstable();
        let out_of_order = self.out_of_order();
        let [source, destination] = self.unread.map(|mut uids| {
            uids.sort_unstable();
            uids.into_iter().collect()
        });
        let mut verdict = self.verdict;
        verdict.doubt = Doubt { source, destination };
        verdict.losses.out_of_order = out_of_order;
        verdict
    }

    /// Copies of ours were appended in the order of the source, unless something came between.
    fn out_of_order(&mut self) -> u64 {
        let mut order = Order::new(self.dates.is_some());
        let mut dates = self.dates.take().unwrap_or_default();
        dates.sort_unstable_by_key(|(source, _)| *source);
        let date = |uid| dates.binary_search_by_key(&uid, |(source, _)| *source).map_or(None, |at| dates[at].1);
        for (source, copy) in self.verdict.pairs.iter().filter(|(source, _)| self.ours.contains(*source)) {
            order.take(*copy, date(*source));
        }
        order.out_of_order()
    }

    /// A source message without a counterpart: missing, unless it was left out on purpose or its user removed the copy. That
    /// its copy is gone is told by its UID: another message under it is none that a user put there.
    fn unmatched(
        &mut self,
        record: &MessageRecord,
        exception: Option<&Outcome>,
        (there, given_below): (&Copies, Option<Uid>),
    ) {
        // Under the UID of a message that was copied there may be another now, as after a restored backup.
        let link = self.loose.get(&record.uid).filter(|link| is_source_of(link, record));
        let link = link.filter(|link| given_below.is_none_or(|next| link.destination < next));
        let outcome = match (exception, link) {
            (Some(outcome), _) => outcome.clone(),
            (None, Some(link)) if there.is_there(link.destination) => Outcome::NotFoundAgain(format!(
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

    /// Messages of the destination that no source message is left for.
    fn take_surplus<I: Iterator<Item = Result<MessageRecord>>>(
        &mut self,
        left: &[MessageRecord],
        source: impl Fn() -> Result<I>,
        copies: &Copies,
        mode: Mode,
    ) -> Result<()> {
        if left.is_empty() {
            return Ok(());
        }
        // What is left is seldom much: the source's listing is read once more for it, and not kept for it.
        let wanted: HashSet<Digest> = left.iter().filter_map(|record| record.identity).collect();
        let mut known = HashSet::new();
        for record in source()? {
            known.extend(record?.identity.filter(|identity| wanted.contains(identity)));
        }
        for record in left {
            let is_known = record.identity.is_some_and(|identity| known.contains(&identity));
            self.surplus(record, surplus_kind(record, copies.orphan_of(record.uid), is_known, mode));
        }
        Ok(())
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

/// What a destination message is that no source message is left for; `known`: the source has a message of its identity. One
/// that is marked as deleted waits for somebody to expunge it.
fn surplus_kind(record: &MessageRecord, orphan: Option<Orphan>, known: bool, mode: Mode) -> DifferenceKind {
    let mirrored = mode == Mode::Mirror && !record.flags.has(SystemFlag::Deleted);
    match orphan {
        Some(Orphan::Ours) if mirrored => DifferenceKind::Undeleted,
        None if known => DifferenceKind::Duplicated,
        _ => DifferenceKind::Extra,
    }
}

#[cfg(test)]
mod tests;

//! What is to be done for one pair of mailboxes: which messages are copied, which flags follow, what is left alone.
//!
//! 1. Links first, then identity (`matching`), and only what is left is copied, in the order of the source's UIDs.
//! 2. Every source message is counted once: present or copied, to be copied, skipped or departed.
//! 3. A message that was linked and is gone from the destination has departed. It is matched like others, but after
//!    them and only with what they left, for its user may have moved it away and back; else it is copied again only if
//!    the policy says so.
//!
//! What may go from the destination is decided when all is matched (`removals`).
//!
//! Memory: what is held for each message is a link, or a destination record without one. A source message that has
//! neither costs four octets, so the plan of a million messages into an empty mailbox takes 4 MiB.

use super::flags::{self, FlagChange};
use super::links::{LiveLink, Ties};
use super::mailboxes::MailboxPair;
use super::matching::match_records;
use super::removals::Removals;
use crate::error::Result;
use crate::model::plan::{FlagUpdate, MailboxPlan, Skipped};
use crate::model::policy::Policy;
use crate::model::{FlagCapacity, Flags, Link, LinkOrigin, MailboxState, MessageRecord, SystemFlag, Uid, UidSet};

/// What is compared.
#[derive(Clone, Copy)]
pub struct Comparison<'a> {
    pub pair: &'a MailboxPair,
    pub source: &'a MailboxState,
    /// `None` where the mailbox does not exist yet.
    pub destination: Option<&'a MailboxState>,
    /// What a mailbox that is to be created will hold of flags; the destination's INBOX is the best evidence.
    pub capacity: &'a FlagCapacity,
    /// The largest message that the destination takes, in octets.
    pub append_limit: Option<u64>,
    /// Whether the destination can expunge single messages.
    pub expunges_by_uid: bool,
    /// What an earlier run noted of its appends to this destination mailbox.
    pub appends: Appends,
}

/// Where messages may stand that we appended without knowing it, each as the lowest destination UID.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Appends {
    /// A run did not end cleanly, and its tail was not reconciled yet.
    pub unreconciled: Option<Uid>,
    /// Appends may have landed late (`PairState::late_from`).
    pub late: Option<Uid>,
}

impl<'a> Comparison<'a> {
    /// The destination mailbox, where it holds messages already.
    fn standing(&self) -> Option<&'a MailboxState> {
        self.destination.filter(|_| !self.pair.create)
    }

    /// The UIDNEXT of the destination when it was listed.
    fn listed_below(&self) -> Option<Uid> {
        self.standing()?.sync_point?.uid_next
    }
}

/// What is to be done, and what is to be recorded without anything being done.
pub struct MailboxDiff {
    pub plan: MailboxPlan,
    /// Links that are new (adoptions), name another destination message than before, or agree on other flags; ascending
    /// by source UID. To be recorded whether the plan is applied or not.
    pub links: Vec<Link>,
}

/// Plans one pair of mailboxes.
///
/// Records and links come ascending by (source) UID; the links hold for the UIDVALIDITYs of both states, so a caller whose
/// links are void gives none. The source is read twice where there are links: a link tells little while it is not known
/// which source messages are left.
///
/// # Errors
/// Those of the three iterators.
pub fn plan_mailbox<S>(
    comparison: &Comparison,
    source: impl Fn() -> S,
    destination: impl Iterator<Item = Result<MessageRecord>>,
    links: impl Iterator<Item = Result<Link>>,
    policy: &Policy,
) -> Result<MailboxDiff>
where
    S: Iterator<Item = Result<MessageRecord>>,
{
    let mut ties = Ties::sort(links, source())?;
    let (candidates, held) = unlinked(destination, &mut ties)?;
    if let Some(next) = comparison.listed_below() {
        ties.believe_from(next);
    }
    let (live, orphaned) = ties.into_parts();
    let mut decision = Decision::new(comparison, policy, candidates, Removals::new(comparison, policy, orphaned, held));
    let mut live = live.into_iter().peekable();
    for record in source() {
        let record = record?;
        decision.removals.count_source();
        while live.next_if(|live| live.link.source < record.uid).is_some() {}
        match live.next_if(|live| live.link.source == record.uid) {
            Some(live) => decision.take_linked(record, live),
            None => decision.take_unlinked(record),
        }
    }
    Ok(decision.into_diff())
}

/// The destination records that no live link names, ascending by identity, and how many records there are in all.
fn unlinked(
    destination: impl Iterator<Item = Result<MessageRecord>>,
    ties: &mut Ties,
) -> Result<(Vec<MessageRecord>, u64)> {
    let (mut candidates, mut held) = (Vec::new(), 0);
    for record in destination {
        candidates.extend(ties.note_present(record?));
        held += 1;
    }
    candidates.sort_by_key(|candidate| (candidate.identity, candidate.uid));
    Ok((candidates, held))
}

/// The plan in the making.
struct Decision<'a> {
    capacity: &'a FlagCapacity,
    size_limit: SizeLimit,
    restore_missing: bool,
    /// Destination records that no live link names, ascending by identity.
    candidates: Vec<MessageRecord>,
    removals: Removals,
    /// From this destination UID on a message may be one that we appended.
    unreconciled: Option<Uid>,
    /// Source records that share their identity with a candidate: decided when all are known.
    contested: Vec<MessageRecord>,
    contested_departed: Vec<MessageRecord>,
    copies: Vec<Uid>,
    departed: Vec<Uid>,
    plan: MailboxPlan,
    links: Vec<Link>,
}

impl<'a> Decision<'a> {
    fn new(comparison: &Comparison<'a>, policy: &Policy, candidates: Vec<MessageRecord>, removals: Removals) -> Self {
        Decision {
            capacity: comparison.standing().map_or(comparison.capacity, |mailbox| &mailbox.capacity),
            size_limit: SizeLimit { settings: policy.max_message_octets, destination: comparison.append_limit },
            restore_missing: policy.restore_missing,
            candidates,
            removals,
            unreconciled: comparison.appends.unreconciled,
            contested: Vec::new(),
            contested_departed: Vec::new(),
            copies: Vec::new(),
            departed: Vec::new(),
            plan: comparison.pair.empty_plan(comparison.source, comparison.standing()),
            links: Vec::new(),
        }
    }

    fn take_linked(&mut self, record: MessageRecord, live: LiveLink) {
        match live.destination_flags {
            Some(destination_flags) => self.follow(&record, live.link, &destination_flags),
            None if self.is_contested(&record) => self.contested_departed.push(record),
            None => self.leave_departed(record),
        }
    }

    fn take_unlinked(&mut self, record: MessageRecord) {
        if self.is_contested(&record) {
            self.contested.push(record);
        } else {
            self.copy(record);
        }
    }

    fn is_contested(&self, record: &MessageRecord) -> bool {
        let known = record.identity.is_some();
        known && self.candidates.binary_search_by_key(&record.identity, |candidate| candidate.identity).is_ok()
    }

    /// A linked message: its flags follow, or both sides turn out to agree on others than before.
    fn follow(&mut self, record: &MessageRecord, link: Link, destination_flags: &Flags) {
        self.count_linked(link.origin);
        if self.is_contested(record) {
            self.removals.note_twin(record, &link);
        }
        let change = flags::follow_source(&record.flags, &link.agreed, destination_flags, self.capacity);
        if !change.is_empty() {
            self.count_lost_keywords(record);
            self.update_flags(&link, change);
        } else if change.agreed != link.agreed {
            self.links.push(Link { agreed: change.agreed, ..link });
        }
    }

    /// Ties a source message to a destination message that was found by identity.
    fn adopt(&mut self, record: &MessageRecord, copy: &MessageRecord) {
        // Only what has an identity is matched.
        let Some(identity) = record.identity else { return };
        let link = Link {
            source: record.uid,
            destination: copy.uid,
            agreed: self.agreed(record, copy),
            origin: self.origin(record, copy),
            octets: record.octets,
            identity,
        };
        self.count_linked(link.origin);
        self.count_lost_keywords(record);
        let change = flags::follow_source(&record.flags, &link.agreed, &copy.flags, self.capacity);
        if !change.is_empty() {
            self.update_flags(&link, change);
        }
        self.links.push(link);
    }

    /// A mark of deletion on a copy that was to go, and stays after all, is ours to take back.
    fn agreed(&self, record: &MessageRecord, copy: &MessageRecord) -> Flags {
        let agreed = flags::agreed_on_adoption(&record.flags, &copy.flags, self.capacity);
        let marked = copy.flags.has(SystemFlag::Deleted) && self.removals.would_delete(copy);
        if marked { agreed.with(SystemFlag::Deleted) } else { agreed }
    }

    /// How a message came to be there that is found by identity: an earlier link tells, or it is in the tail of a run
    /// that did not end cleanly, and just like the source message.
    fn origin(&self, record: &MessageRecord, copy: &MessageRecord) -> LinkOrigin {
        let alike = record.octets == copy.octets && record.internal_date == copy.internal_date;
        match self.removals.origin(copy.uid) {
            Some(origin) => origin,
            None if alike && self.unreconciled.is_some_and(|from| copy.uid >= from) => LinkOrigin::Reconciled,
            None => LinkOrigin::Adopted,
        }
    }

    fn update_flags(&mut self, link: &Link, change: FlagChange) {
        let FlagChange { add, remove, agreed } = change;
        let (source, destination) = (link.source, link.destination);
        self.plan.flag_updates.push(FlagUpdate { source, destination, add, remove, agreed });
    }

    fn copy(&mut self, record: MessageRecord) {
        match self.size_limit.objection(record.octets) {
            Some(reason) => self.plan.skipped.push(Skipped { uid: record.uid, reason }),
            None => {
                self.copies.push(record.uid);
                self.plan.octets += record.octets;
                self.count_lost_keywords(&record);
            }
        }
    }

    fn leave_departed(&mut self, record: MessageRecord) {
        if self.restore_missing {
            self.copy(record);
        } else {
            self.departed.push(record.uid);
        }
    }

    fn count_linked(&mut self, origin: LinkOrigin) {
        match origin {
            LinkOrigin::Adopted => self.plan.present += 1,
            LinkOrigin::Appended | LinkOrigin::Reconciled => self.plan.copied += 1,
        }
    }

    fn count_lost_keywords(&mut self, record: &MessageRecord) {
        for keyword in flags::lost_keywords(&record.flags, self.capacity) {
            *self.plan.dropped_keywords.entry(keyword).or_default() += 1;
        }
    }

    /// Matches what is contested; whoever was never copied comes before whoever has departed.
    fn settle_contested(&mut self) {
        let matched = match_records(std::mem::take(&mut self.contested), &mut self.candidates);
        let departed = match_records(std::mem::take(&mut self.contested_departed), &mut self.candidates);
        for (record, copy) in matched.pairs.iter().chain(&departed.pairs) {
            self.adopt(record, copy);
        }
        matched.unmatched.into_iter().for_each(|record| self.copy(record));
        departed.unmatched.into_iter().for_each(|record| self.leave_departed(record));
    }

    fn into_diff(mut self) -> MailboxDiff {
        self.settle_contested();
        self.removals.decide(&self.candidates, &mut self.plan);
        self.plan.copies = uid_set(self.copies);
        self.plan.departed = uid_set(self.departed);
        self.plan.skipped.sort_by_key(|skipped| skipped.uid);
        self.plan.flag_updates.sort_by_key(|update| update.source);
        self.links.sort_by_key(|link| link.source);
        MailboxDiff { plan: self.plan, links: self.links }
    }
}

/// A set of UIDs in any order: contested ones come late.
fn uid_set(mut uids: Vec<Uid>) -> UidSet {
    uids.sort_unstable();
    uids.into_iter().collect()
}

/// How large a message may be: the smaller of two limits.
struct SizeLimit {
    settings: Option<u64>,
    destination: Option<u64>,
}

impl SizeLimit {
    /// Why a message of that size is not copied.
    fn objection(&self, octets: u64) -> Option<String> {
        let exceeded = |limit: Option<u64>| limit.filter(|limit| octets > *limit);
        let (limit, whose) = match (exceeded(self.settings), exceeded(self.destination)) {
            (Some(settings), Some(destination)) if destination < settings => (destination, DESTINATION_LIMIT),
            (Some(settings), _) => (settings, "max_message_size in [sync]"),
            (None, Some(destination)) => (destination, DESTINATION_LIMIT),
            (None, None) => return None,
        };
        Some(format!("too large: {octets} octets, and {whose} is {limit} octets"))
    }
}

const DESTINATION_LIMIT: &str = "the destination's limit";

#[cfg(test)]
mod tests;

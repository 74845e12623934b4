//! What is to be done for one pair of mailboxes: which messages are copied, which flags follow, what is left alone.
//!
//! 1. Links first, then what `matching` finds, and only what is left is copied, in the order of the source's UIDs.
//! 2. Every source message is counted once: present or copied, to be copied, skipped, departed, in doubt, or stored and not found
//!    again.
//! 3. A message that was linked and is gone from the destination has departed. It is matched like others, but after
//!    them and only with what they left, for its user may have moved it away and back; else it is copied again only if
//!    the policy says so. Both ways (`Mode::TwoWay`) it is also copied again if it was changed since both sides last agreed; the
//!    others go when mail goes the other way.
//!
//! What may go from the destination is decided when all is matched (`removals`).
//!
//! Memory, for each message: 16 octets of a link, 40 of a destination message without one and 8 of the source message of
//! its identity, 4 of a source message without either. Links and records are read again rather than held. Messages that
//! share their identity with others of their side are held whole while they are told apart.

use super::comparison::Comparison;
use super::contest::{Contest, Unlinked, unlinked};
use super::flags::{self, FlagChange, FlagHistory};
use super::ground::Grounding;
use super::links::{LiveLink, Ties};
use super::matching::{Judge, Matched, match_records};
use super::order::Order;
use super::removals::Removals;
use super::roster::Roster;
use super::same::{self, Verdict};
use super::wanted;
use crate::error::Result;
use crate::model::amount::grow;
use crate::model::plan::{FlagUpdate, MailboxPlan, SizeLimit, Skipped, Whose};
use crate::model::policy::{MessageFilter, Mode, Policy};
use crate::model::{Digest, FlagCapacity, Flags, Ground, Link, LinkOrigin, MessageRecord, SystemFlag, Uid, UidSet};
use std::collections::HashSet;

/// What is to be done for one pair of mailboxes.
#[derive(Debug)]
pub struct Planned {
    pub plan: MailboxPlan,
    /// Destination messages that are linked to a source message which is gone, or is another one by now.
    pub ownerless: u64,
    /// What the next plan can stand on, if this one is empty; `None` where it is not simple.
    pub ground: Option<Ground>,
}

/// Plans one pair of mailboxes.
///
/// Records and links come ascending by (source) UID; the links hold for the UIDVALIDITYs of both states, so a caller whose
/// links are void gives none. All three may be read several times: a link tells little while it is not known which
/// source messages are left, and a million of either are too many to be held.
///
/// `record` gets the links that are new (adoptions), name another destination message than before, or agree on other
/// flags: to be recorded whether the plan is applied or not. It gets them part by part, when all links, and both sides,
/// have been read to the end once.
///
/// # Errors
/// Those of the iterators and of `record`.
pub fn plan_mailbox<S, D, L>(
    comparison: &Comparison,
    source: impl Fn() -> S,
    destination: impl Fn() -> D,
    links: impl Fn() -> L,
    policy: &Policy,
    record: &mut dyn FnMut(&[Link]) -> Result<()>,
) -> Result<Planned>
where
    S: Iterator<Item = Result<MessageRecord>>,
    D: Iterator<Item = Result<MessageRecord>>,
    L: Iterator<Item = Result<Link>>,
{
    let mut ties = Ties::sort(links(), source())?;
    let Unlinked { candidates, held, ownerless } =
        unlinked(destination(), &mut ties, [comparison.replaced, comparison.others])?;
    if let Some(next) = comparison.listed_below() {
        ties.believe_from(next);
    }
    let removals = Removals::new(comparison, policy, ties.take_orphaned(), held);
    let mut decision = Decision::new(comparison, policy, candidates, removals, record);
    decision.ground = ties.grounding();
    let mut live = ties.live(links());
    for record in source() {
        let record = record?;
        decision.removals.count_source();
        match live.of(record.uid)? {
            Some(live) => decision.take_linked(record, live),
            None => decision.take_unlinked(record),
        }
    }
    drop(live);
    decision.settle_contested(source)?;
    decision.removals.decide_second_copies(destination, decision.judge, &mut decision.plan)?;
    decision.removals.guard(&mut decision.plan);
    let (plan, ground) = decision.into_plan()?;
    Ok(Planned { plan, ownerless, ground })
}

/// So many links are handed on at a time.
const LINKS_AT_ONCE: usize = 4096;

/// The plan in the making.
struct Decision<'a> {
    capacity: &'a FlagCapacity,
    flags: FlagHistory<'a>,
    judge: Judge<'a>,
    /// Source messages that the destination stored under a UID that nobody knows.
    stored: &'a UidSet,
    /// Those that it made one with another of their octets.
    merged: &'a UidSet,
    size_limit: SizeLimit,
    wanted: MessageFilter,
    found: Option<&'a UidSet>,
    /// Those that are copied with another mailbox.
    elsewhere: &'a UidSet,
    restore_missing: bool,
    mode: Mode,
    /// Source records that share their identity with a candidate: decided when all are known.
    contest: Contest,
    removals: Removals,
    /// From this destination UID on a message may be one that we appended.
    unreconciled: Option<Uid>,
    copies: Vec<Uid>,
    departed: Vec<Uid>,
    /// UIDs of both sides that are in doubt.
    doubtful: [Vec<Uid>; 2],
    /// Of the copies of ours.
    order: Order,
    ground: Grounding,
    plan: MailboxPlan,
    /// Not recorded yet.
    links: Vec<Link>,
    record: &'a mut dyn FnMut(&[Link]) -> Result<()>,
}

impl<'a> Decision<'a> {
    fn new(
        comparison: &Comparison<'a>,
        policy: &Policy,
        candidates: Roster,
        removals: Removals,
        record: &'a mut dyn FnMut(&[Link]) -> Result<()>,
    ) -> Self {
        Decision {
            capacity: comparison.standing().map_or(comparison.capacity, |mailbox| &mailbox.capacity),
            flags: comparison.flags,
            stored: comparison.stored,
            merged: comparison.merged,
            judge: Judge { keeps: comparison.keeps, contents: comparison.contents },
            size_limit: SizeLimit { settings: policy.max_message_octets, destination: comparison.append_limit },
            wanted: policy.messages,
            found: comparison.found,
            elsewhere: comparison.elsewhere,
            restore_missing: policy.restore_missing,
            mode: policy.mode,
            contest: Contest::new(candidates),
            removals,
            unreconciled: comparison.appends.unreconciled,
            copies: Vec::new(),
            departed: Vec::new(),
            doubtful: Default::default(),
            order: Order::new(policy.newest_first.is_some()),
            ground: Grounding::default(),
            plan: MailboxPlan {
                replaced: comparison.replaced.clone(),
                present: comparison.apart.present,
                copied: comparison.apart.copied,
                ..comparison.pair.empty_plan(comparison.source, comparison.standing())
            },
            links: Vec::new(),
            record,
        }
    }

    fn take_linked(&mut self, record: MessageRecord, live: LiveLink) {
        match live.destination_flags {
            Some(destination_flags) => self.follow(&record, live.link, &destination_flags),
            None if self.is_worth_restoring(&record, &live.link) => self.take_unlinked(record),
            None if self.contest.is_contested(&record) => self.contest.take_departed(record, live.link),
            None => self.leave_departed(record),
        }
    }

    /// Whether a message whose copy is gone was changed since both sides agreed on it, and both are equal.
    fn is_worth_restoring(&self, record: &MessageRecord, link: &Link) -> bool {
        let known = |flags: &Flags| flags.minus(&link.lost);
        self.mode == Mode::TwoWay && flags::is_changed(&known(&link.agreed), &known(&record.flags), self.capacity)
    }

    fn take_unlinked(&mut self, record: MessageRecord) {
        if !self.contest.take(&record) {
            self.copy(record);
        }
    }

    /// A linked message: its flags follow, or both sides turn out to agree on others than before.
    fn follow(&mut self, record: &MessageRecord, link: Link, destination_flags: &Flags) {
        self.count_linked(link.origin);
        if self.contest.is_contested(record) {
            self.removals.note_twin(record, link.destination, link.origin);
        }
        if link.is_ours() {
            self.order.take(link.destination, record.internal_date);
            self.ground.take_copy(record.uid, link.destination);
        }
        let lost = self.flags.lost(&record.flags, &link, destination_flags, self.capacity);
        self.count_losses(record, link.is_ours(), &lost);
        let agreed = self.flags.agreed(&link, destination_flags);
        let mut change = flags::follow_source(&record.flags, &agreed, &lost, destination_flags, self.capacity);
        if self.mode == Mode::TwoWay {
            change = flags::spare_changed(change, Some(&agreed), destination_flags);
        }
        let agreed = match change.is_empty() {
            true => change.agreed,
            false => {
                self.update_flags(&link, change);
                agreed.into_owned()
            }
        };
        if agreed != link.agreed || lost != link.lost {
            self.links.push(Link { agreed, lost, ..link });
        }
    }

    /// Ties a source message to a destination message that was found to be the same; tells whose that is.
    fn adopt(&mut self, record: &MessageRecord, copy: &MessageRecord) -> LinkOrigin {
        // Only what has an identity is matched.
        let Some(identity) = record.identity else { return LinkOrigin::Adopted };
        let former = self.former(record, copy);
        let before = former.map(|former| former.agreed.clone());
        let mut link = Link {
            source: record.uid,
            destination: copy.uid,
            agreed: self.agreed(record, copy, former),
            lost: former.map_or_else(Flags::none, |former| former.lost.shared_with(&record.flags).minus(&copy.flags)),
            origin: LinkOrigin::Adopted,
            octets: record.octets,
            date: record.internal_date,
            source_octets: None,
            altered: None,
            identity,
        };
        link.altered = same::alteration(&link, copy);
        link.origin = self.origin(record, copy);
        self.count_linked(link.origin);
        self.count_losses(record, link.is_ours(), &link.lost);
        let mut change = flags::follow_source(&record.flags, &link.agreed, &link.lost, &copy.flags, self.capacity);
        if self.mode == Mode::TwoWay {
            change = flags::spare_changed(change, before.as_ref(), &copy.flags);
        }
        match change.is_empty() {
            true => link.agreed = change.agreed,
            false => self.update_flags(&link, change),
        }
        let origin = link.origin;
        self.ground.take_tied(record.uid, link.is_ours());
        self.links.push(link);
        origin
    }

    /// The link by which the two were tied before, under other UIDs.
    fn former(&self, record: &MessageRecord, copy: &MessageRecord) -> Option<&Link> {
        let orphaned = || self.removals.former(copy.uid).filter(|former| same::is_of_one_name(former, record));
        self.contest.astray(record.uid).or_else(orphaned)
    }

    /// What both agree on. A mark of deletion on a copy that was to go, and stays after all, is ours to take back.
    fn agreed(&self, record: &MessageRecord, copy: &MessageRecord, former: Option<&Link>) -> Flags {
        let agreed = match former {
            Some(former) => self.flags.agreed(former, &copy.flags).into_owned(),
            None => flags::agreed_on_adoption(&record.flags, &copy.flags, self.capacity),
        };
        let marked = copy.flags.has(SystemFlag::Deleted) && self.removals.would_delete(copy);
        if marked { agreed.with(SystemFlag::Deleted) } else { agreed }
    }

    /// How a message came to be there that is found by identity: an earlier link tells, or it is in the tail of a run
    /// that did not end cleanly, and just as we would have sent it.
    fn origin(&self, record: &MessageRecord, copy: &MessageRecord) -> LinkOrigin {
        let as_sent = same::is_as_sent(record, copy, self.judge.contents);
        match self.removals.former(copy.uid) {
            Some(former) => former.origin,
            None if as_sent && self.unreconciled.is_some_and(|from| copy.uid >= from) => LinkOrigin::Reconciled,
            None => LinkOrigin::Adopted,
        }
    }

    fn update_flags(&mut self, link: &Link, change: FlagChange) {
        let FlagChange { add, remove, agreed } = change;
        let (source, destination) = (link.source, link.destination);
        self.plan.flag_updates.push(FlagUpdate { source, destination, add, remove, agreed });
    }

    /// A message without a copy. One that the destination stored, and where nobody knows, is not sent again unless the user
    /// says so.
    fn copy(&mut self, record: MessageRecord) {
        if self.merged.contains(record.uid) {
            let reason = wanted::MERGED.to_owned();
            return self.plan.skipped.push(Skipped { uid: record.uid, reason, whose: Whose::Merged });
        }
        if self.stored.contains(record.uid) && !self.restore_missing {
            self.plan.not_found_again.insert(record.uid);
            return;
        }
        let objection = wanted::objection(&self.wanted, &record);
        if let Some(reason) = objection.or_else(|| wanted::unfound(self.found, record.uid)) {
            let (uid, reason) = (record.uid, reason.to_owned());
            return self.plan.skipped.push(Skipped { uid, reason, whose: Whose::Settings });
        }
        if self.elsewhere.contains(record.uid) {
            let is_two_way = self.mode == Mode::TwoWay;
            let reason = if is_two_way { wanted::SECOND_COPY } else { wanted::ELSEWHERE }.to_owned();
            return self.plan.skipped.push(Skipped { uid: record.uid, reason, whose: Whose::Elsewhere });
        }
        match self.size_limit.objection(record.octets) {
            Some((whose, reason)) => self.plan.skipped.push(Skipped { uid: record.uid, reason, whose }),
            None => {
                self.copies.push(record.uid);
                grow(&mut self.plan.octets, record.octets);
                self.count_losses(&record, true, &Flags::none());
                self.plan.losses.unknown_flags += u64::from(!self.capacity.is_told() && !record.flags.is_empty());
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
        match origin.is_ours() {
            false => self.plan.present += 1,
            true => self.plan.copied += 1,
        }
    }

    /// What cannot be kept of a message that is there, or will be; of its flags, that was seen to be `lost`.
    /// A date that cannot be held is lost only where we are who sends it.
    fn count_losses(&mut self, record: &MessageRecord, ours: bool, lost: &Flags) {
        let losses = &mut self.plan.losses;
        let flags = flags::beyond(&record.flags, self.capacity).plus(lost);
        losses.add_flags(&flags);
        let is_date_lost = record.internal_date.is_some_and(|date| ours && date.as_sent() != date);
        losses.untold_dates += u64::from(record.internal_date.is_none());
        losses.dates += u64::from(is_date_lost);
        if !flags.is_empty() || record.internal_date.is_none() || is_date_lost {
            self.ground.lossy.push(record.uid);
        }
    }

    /// Matches what is contested. Where one message of each side has the identity, they are paired as their turn comes;
    /// of the others, whoever was never copied comes before whoever has departed.
    fn settle_contested<S>(&mut self, source: impl Fn() -> S) -> Result<()>
    where
        S: Iterator<Item = Result<MessageRecord>>,
    {
        let (single, several) = self.contest.part();
        let mut offered = self.contest.take_candidates_of(&several);
        let several = uid_set(several.iter().map(|one| one.source).collect());
        let mut wanted = Vec::new();
        if !single.is_empty() || !several.is_empty() {
            let mut single = single.into_iter().peekable();
            for record in source() {
                let record = record?;
                if let Some(one) = single.next_if(|one| one.source == record.uid) {
                    self.take_single(record, one.candidate as usize);
                    self.hand_on_links(LINKS_AT_ONCE)?;
                } else if several.contains(record.uid) {
                    wanted.push(record);
                }
            }
        }
        self.match_several(wanted, &mut offered);
        let (ground, left) = (&mut self.ground, self.contest.left().chain(offered));
        self.removals.decide(left.inspect(|record| ground.unlinked.push(record.uid)), &mut self.plan);
        Ok(())
    }

    /// The only message of its identity, beside the only candidate.
    fn take_single(&mut self, record: MessageRecord, candidate: usize) {
        let copy = self.contest.candidate(candidate);
        match same::same_message(&record, &copy, self.judge.keeps, self.judge.contents) {
            Verdict::Same => {
                self.contest.strike(candidate);
                self.adopt(&record, &copy);
            }
            Verdict::Other => self.copy(record),
            Verdict::Unsettled => {
                self.contest.strike(candidate);
                self.doubt([vec![record], vec![copy]]);
            }
        }
    }

    fn doubt(&mut self, records: [Vec<MessageRecord>; 2]) {
        for (doubtful, records) in self.doubtful.iter_mut().zip(records) {
            doubtful.extend(records.iter().map(|record| record.uid));
        }
    }

    fn match_several(&mut self, mut wanted: Vec<MessageRecord>, offered: &mut Vec<MessageRecord>) {
        // Whoever was not known again under another UIDVALIDITY has as good a claim as whoever was never copied.
        let (astray, departed) = self.contest.departed();
        wanted.extend(astray);
        let matched = match_records(wanted, offered, self.judge);
        let departed = match_records(departed, offered, self.judge);
        for (record, copy) in matched.pairs.iter().chain(&departed.pairs) {
            let origin = self.adopt(record, copy);
            self.removals.note_twin(record, copy.uid, origin);
        }
        for record in matched.unmatched {
            if self.contest.astray(record.uid).is_some() { self.leave_departed(record) } else { self.copy(record) }
        }
        // What took a candidate into doubt may have taken theirs.
        let doubted: HashSet<Option<Digest>> = matched.unsettled[1].iter().map(|copy| copy.identity).collect();
        self.doubt(matched.unsettled);
        let Matched { unmatched, unsettled, .. } = departed;
        let (doubtful, left): (Vec<_>, Vec<_>) =
            unmatched.into_iter().partition(|record| self.restore_missing && doubted.contains(&record.identity));
        left.into_iter().for_each(|record| self.leave_departed(record));
        self.doubt([doubtful, Vec::new()]);
        self.doubt(unsettled);
    }

    /// Hands on the links that are to be recorded, if there are so many.
    fn hand_on_links(&mut self, least: usize) -> Result<()> {
        if self.links.len() < least {
            return Ok(());
        }
        self.links.sort_by_key(|link| link.source);
        (self.record)(&self.links)?;
        self.links.clear();
        Ok(())
    }

    fn into_plan(mut self) -> Result<(MailboxPlan, Option<Ground>)> {
        self.hand_on_links(1)?;
        self.plan.losses.out_of_order = self.order.out_of_order();
        self.ground.is_spoilt |= self.plan.losses.out_of_order > 0 || matches!(self.order, Order::Passes(_));
        self.plan.copies = uid_set(self.copies);
        self.plan.departed = uid_set(self.departed);
        let [source, destination] = self.doubtful.map(uid_set);
        self.plan.doubt.source.merge(&source);
        self.plan.doubt.destination.merge(&destination);
        self.plan.skipped.sort_by_key(|skipped| skipped.uid);
        self.plan.flag_updates.sort_by_key(|update| update.source);
        Ok((self.plan, self.ground.into_ground()))
    }
}

/// A set of UIDs in any order: contested ones come late.
fn uid_set(mut uids: Vec<Uid>) -> UidSet {
    uids.sort_unstable();
    uids.into_iter().collect()
}

#[cfg(test)]
mod tests;

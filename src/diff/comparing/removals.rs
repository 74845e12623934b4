//! What may go from the destination: copies whose source is gone, and second copies of ours.
//!
//! Invariants:
//! 1. In mirror mode a deletion is of a message that we put there, under the UID that we linked, and it still is what we put there (`same`).
//!    What was there before us, or came from others, is never deleted.
//! 2. Whatever can be matched with a source message stays: a message that was moved away and back keeps its copy.
//! 3. Deletions follow only two complete listings, and only in mirror mode and both ways.
//! 4. A second copy is linked to nothing, stands where an append of ours may have landed late, and is like the linked
//!    copy of the same message in all that is listed; the destination has more of it than the source. Whether that link is
//!    an old one or made by this plan is the same: else the plan would say less than the next one.
//! 5. In mirror mode and both ways more than the guard allows needs a word from the user, and so does emptying a mailbox.
//! 6. Both ways (`Mode::TwoWay`), a message goes whoever put it there; one that was changed since both sides last agreed stays,
//!    and goes back to where it is gone from when mail goes the other way. Where the policy restores what is gone, none goes.

use super::comparison::Comparison;
use super::flags::is_changed;
use super::matching::Judge;
use super::same::{self, Verdict};
use crate::error::Result;
use crate::model::plan::{Deletion, MailboxPlan, SecondCopy};
use crate::model::policy::{Deleted, Mode, Policy};
use crate::model::{Digest, FlagCapacity, Link, LinkOrigin, Listed, MessageRecord, SystemFlag, Uid};
use std::collections::{HashMap, HashSet};

/// From here on nothing is guarded.
const NO_GUARD: u8 = 100;

/// The decisions on what goes, in the making.
pub(in crate::diff) struct Removals {
    mode: Mode,
    /// Both listings are complete and as of the last scan.
    certain: bool,
    /// What the source keeps of flags: what it cannot keep, both never agreed on.
    source_capacity: FlagCapacity,
    expunges_by_uid: bool,
    guard: u8,
    /// What is gone is copied again.
    restores: bool,
    /// What goes is marked as deleted, and no more.
    marks: bool,
    late_from: Option<Uid>,
    /// Links whose source message is gone, by destination UID.
    orphaned: HashMap<Uid, Link>,
    /// Copies of ours that may have landed late, and beside which there is another message of their identity:
    /// destination and source UID.
    twins: HashMap<Uid, Uid>,
    /// Their identities.
    doubled: HashSet<Option<Digest>>,
    /// Messages of such an identity that nothing matches, and that may have landed late.
    surplus: Vec<MessageRecord>,
    source_messages: u64,
    destination_messages: u64,
}

impl Removals {
    /// `held` is how many messages the destination mailbox holds, but for what is apart.
    pub(in crate::diff) fn new(
        comparison: &Comparison,
        policy: &Policy,
        orphaned: HashMap<Uid, Link>,
        held: u64,
    ) -> Self {
        let untroubled = comparison.destination.is_some_and(|destination| destination.trouble.is_none());
        Removals {
            mode: policy.mode,
            certain: comparison.source.trouble.is_none() && untroubled,
            source_capacity: comparison.source.capacity.clone(),
            expunges_by_uid: comparison.expunges_by_uid,
            guard: policy.delete_guard,
            restores: policy.restore_missing,
            marks: policy.mode == Mode::TwoWay && policy.deleted == Deleted::Mark,
            late_from: comparison.appends.late,
            orphaned,
            twins: HashMap::new(),
            doubled: HashSet::new(),
            surplus: Vec::new(),
            source_messages: comparison.apart.messages(),
            destination_messages: held + comparison.apart.messages(),
        }
    }

    pub(in crate::diff) fn count_source(&mut self) {
        self.source_messages += 1;
    }

    /// The link of a message whose source is gone.
    pub(in crate::diff) fn former(&self, copy: Uid) -> Option<&Link> {
        self.orphaned.get(&copy)
    }

    /// Remembers a copy of which the destination has another one, linked before or by this plan.
    pub(in crate::diff) fn note_twin(&mut self, record: &MessageRecord, copy: Uid, origin: LinkOrigin) {
        if origin.is_ours() && self.may_have_landed_late(copy) {
            self.twins.insert(copy, record.uid);
            self.doubled.insert(record.identity);
        }
    }

    fn may_have_landed_late(&self, uid: Uid) -> bool {
        self.late_from.is_some_and(|from| uid >= from)
    }

    /// Whether the message would be deleted if nothing on the source matched it.
    pub(in crate::diff) fn would_delete(&self, copy: &MessageRecord) -> bool {
        let may_go = |link: &Link| match self.mode {
            Mode::Copy => false,
            Mode::TwoWay if self.restores => false,
            Mode::Mirror => link.is_ours(),
            Mode::TwoWay => !is_changed(&link.agreed, &copy.flags, &self.source_capacity),
        };
        let link = self.orphaned.get(&copy.uid);
        self.certain && link.is_some_and(|link| may_go(link) && same::is_copy_of(link, copy))
    }

    /// Decides about the destination messages that nothing on the source matches.
    pub(in crate::diff) fn decide(&mut self, unmatched: impl Iterator<Item = MessageRecord>, plan: &mut MailboxPlan) {
        for record in unmatched {
            match self.orphaned.get(&record.uid) {
                Some(link) if self.would_delete(&record) => plan.deletions.extend(self.deletion(&record, link)),
                Some(_) => plan.kept += u64::from(self.mode == Mode::Mirror),
                None if self.doubled.contains(&record.identity) && self.may_have_landed_late(record.uid) => {
                    self.surplus.push(record);
                }
                None => {}
            }
        }
        plan.deletions.sort_by_key(|deletion| deletion.destination);
    }

    /// Invariant 4. Every source message of such an identity has a copy of its own already: what is left over is surplus.
    /// The destination is read once more only where there may be one.
    pub(in crate::diff) fn decide_second_copies<D>(
        &mut self,
        destination: impl Fn() -> D,
        judge: Judge<'_>,
        plan: &mut MailboxPlan,
    ) -> Result<()>
    where
        D: Iterator<Item = Result<MessageRecord>>,
    {
        let mut linked: HashMap<Listed, Vec<(Uid, MessageRecord)>> = HashMap::new();
        if !self.surplus.is_empty() {
            for record in destination() {
                let record = record?;
                if let Some(source) = self.twins.get(&record.uid) {
                    linked.entry(record.listed()).or_default().push((*source, record));
                }
            }
        }
        for surplus in std::mem::take(&mut self.surplus) {
            let alike = linked.get(&surplus.listed()).into_iter().flatten();
            for (source, linked) in alike {
                match same::second_copy(linked, &surplus, judge.contents) {
                    Verdict::Other => continue,
                    Verdict::Same if self.mode == Mode::TwoWay && self.is_done(&surplus) => {}
                    Verdict::Same => {
                        let (source, linked) = (*source, linked.uid);
                        plan.second_copies.push(SecondCopy { source, linked, surplus: surplus.uid });
                    }
                    Verdict::Unsettled => {
                        plan.doubt.destination.insert(linked.uid);
                        plan.doubt.destination.insert(surplus.uid);
                    }
                }
                break;
            }
        }
        plan.second_copies.sort_by_key(|second| second.surplus);
        Ok(())
    }

    /// Invariant 5, when all is decided.
    pub(in crate::diff) fn guard(&self, plan: &mut MailboxPlan) {
        if self.mode.deletes() {
            plan.guard = removal_objection(plan, [self.source_messages, self.destination_messages], self.guard);
        }
    }

    /// Where single messages cannot be expunged, or are not to be, one that is marked is all that can be done.
    fn is_done(&self, record: &MessageRecord) -> bool {
        (self.marks || !self.expunges_by_uid) && record.flags.has(SystemFlag::Deleted)
    }

    fn deletion(&self, record: &MessageRecord, link: &Link) -> Option<Deletion> {
        let done = self.is_done(record);
        let (source, identity) = (link.source, link.identity);
        let deletion = Deletion { source, destination: record.uid, identity, copy: record.listed() };
        (!done).then_some(deletion)
    }
}

/// Why what a plan removes needs a word: invariant 5. `held` are the messages of the source mailbox, and of the destination's. One
/// message may always go, however small the mailbox.
pub fn removal_objection(plan: &MailboxPlan, held: [u64; 2], guard: u8) -> Option<String> {
    let (count, [source, held]) = (plan.removals(), held);
    let share = held * u64::from(guard) / 100;
    let allowed = if guard == 0 { 0 } else { share.max(1) };
    if guard >= NO_GUARD || count == 0 {
        None
    } else if source == 0 && !plan.deletions.is_empty() {
        Some(format!("the source mailbox is empty now, and {count} of {held} messages would be deleted"))
    } else if count > allowed {
        Some(format!("{count} of {held} messages would be deleted, and delete_guard is {guard}%"))
    } else {
        None
    }
}

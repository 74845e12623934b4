//! What was moved on the source, among all pairs of an account: what one of them lost and another one gets is moved on the
//! destination (`diff/moves.rs`).
//!
//! Links are looked through only where something is to be copied, and only those of mailboxes that have lost some of their
//! messages. What needs a second look keeps out of it: mailboxes that several share, that could not be listed, or that lost
//! messages while their links were carried over just now. Their messages are copied, and deleted, as ever.

use super::planner::Planner;
use crate::diff::agreements::deletion_objection;
use crate::diff::comparing::removals::removal_objection;
use crate::diff::comparing::same::is_source_of;
use crate::diff::moves::{Following, Passage};
use crate::error::{Result, Scope};
use crate::model::plan::{MailboxPlan, Moves, Rename};
use crate::model::{Link, MailboxState, PairState, Pairing, RawName, Renaming, Side, Stage, Uid, UidSet};
use std::collections::{HashMap, HashSet};

/// A pair that lost some of its source messages.
struct Left {
    pairing: Pairing,
    /// The number of its plan; `None` where the source mailbox is gone.
    plan: Option<usize>,
}

impl Planner<'_> {
    /// Takes mailboxes that the last scan found to have another name (`survey/renamed.rs`).
    ///
    /// # Errors
    /// `State`.
    pub(super) fn follow_renames(&mut self) -> Result<()> {
        if !self.access.account.policy.follows_moves() {
            return Ok(());
        }
        for Renaming { source, from, to, stage } in self.access.state.renamings() {
            if stage == Stage::Waiting {
                continue;
            }
            let pair = self.access.state.pair(&source).ok().flatten();
            let stands = pair.is_some_and(|pair| pair.pairing.destination == from.raw);
            if stands && self.mailbox(Side::Destination, &from.raw).is_some() {
                self.plan.renames.push(Rename { from, to });
            }
        }
        Ok(())
    }

    /// Makes moves of what left one mailbox and arrived in another.
    ///
    /// # Errors
    /// `State`.
    pub(super) fn follow_moves(&mut self) -> Result<()> {
        let copies_nothing = self.plan.mailboxes.iter().all(|mailbox| mailbox.copies.is_empty());
        if copies_nothing || !self.access.account.policy.follows_moves() {
            return Ok(());
        }
        let left = self.left()?;
        if left.is_empty() {
            return Ok(());
        }
        let mut following = self.arrived()?;
        for (number, left) in left.iter().enumerate() {
            match self.note_left(number, left, &mut following) {
                // Its links are matched anew when its turn comes.
                Err(error) if error.reach() > Scope::Mailbox => return Err(error),
                _ => {}
            }
        }
        for passage in following.passages() {
            self.take_passage(passage, &left)?;
        }
        // What came first is moved first.
        for plan in &mut self.plan.mailboxes {
            plan.moves.sort_by_key(|moves| moves.messages.first().map(|moved| moved.source));
        }
        Ok(())
    }

    /// Pairs that have more links than the source mailbox has messages which they tie.
    fn left(&self) -> Result<Vec<Left>> {
        let mut left = Vec::new();
        let plans = self.plan.mailboxes.iter().enumerate();
        let numbers: HashMap<&RawName, usize> = plans.map(|(number, plan)| (&plan.source.raw, number)).collect();
        // What cannot be read of the state is matched anew.
        for PairState { pairing, links, .. } in self.access.state.pairs().unwrap_or_default() {
            if !self.is_certain(Side::Destination, &pairing) {
                continue;
            }
            match numbers.get(&pairing.source).copied() {
                Some(number) if self.is_certain(Side::Source, &pairing) => {
                    let plan = &self.plan.mailboxes[number];
                    if links > plan.present + plan.copied + plan.departed.len() {
                        left.push(Left { pairing, plan: Some(number) });
                    }
                }
                None if links > 0 && self.is_gone(Side::Source, &pairing.source) => {
                    left.push(Left { pairing, plan: None });
                }
                _ => {}
            }
        }
        Ok(left)
    }

    /// Whether that mailbox of a pair was listed whole, under the UIDVALIDITY that the links hold for.
    fn is_certain(&self, side: Side, pairing: &Pairing) -> bool {
        let listed = self.mailbox(side, pairing.mailbox(side));
        let settled = !self.sharing.is_shared(&pairing.destination) && !self.carried.contains(&pairing.source);
        let whole = |it: &MailboxState| it.trouble.is_none() && pairing.holds_for(side, it);
        settled && pairing.validity(side).is_lasting() && listed.is_some_and(whole)
    }

    fn arrived(&self) -> Result<Following> {
        let mut following = Following::default();
        for (number, plan) in self.plan.mailboxes.iter().enumerate().filter(|(_, plan)| self.may_receive(plan)) {
            let mut records = self.access.state.record_lookup(Side::Source, &plan.source.raw);
            for uid in plan.copies.iter() {
                if let Some(record) = records.get(uid)? {
                    following.arrive(number, &record);
                }
            }
        }
        Ok(following)
    }

    fn may_receive(&self, plan: &MailboxPlan) -> bool {
        let listed = |side, name| self.mailbox(side, name).filter(|listed| listed.trouble.is_none());
        let destination = plan.create || listed(Side::Destination, &plan.destination.raw).is_some();
        destination
            && listed(Side::Source, &plan.source.raw).is_some()
            && !self.sharing.is_shared(&plan.destination.raw)
    }

    /// Tells `following` of the links whose source messages are gone, with their copies.
    fn note_left(&self, number: usize, left: &Left, following: &mut Following) -> Result<()> {
        let (state, Pairing { source, destination, .. }) = (&self.access.state, &left.pairing);
        let mut records = state.record_lookup(Side::Source, source);
        let mut is_live = |link: &Link| -> Result<bool> {
            let record = if left.plan.is_some() { records.get(link.source)? } else { None };
            Ok(record.is_some_and(|record| is_source_of(link, &record)))
        };
        let mut gone = Vec::new();
        for link in state.links(source)? {
            let link = link?;
            if following.awaits(&link) && !is_live(&link)? {
                gone.push(link);
            }
        }
        let copies: HashSet<Uid> = gone.iter().map(|link| link.destination).collect();
        let mut taken = self.in_question(left);
        for link in state.links(source)?.filter(|_| !copies.is_empty()) {
            let link = link?;
            if copies.contains(&link.destination) && is_live(&link)? {
                taken.insert(link.destination);
            }
        }
        let mut listed = state.record_lookup(Side::Destination, destination);
        for link in gone {
            let is_taken = taken.contains(link.destination);
            let copy = if is_taken { None } else { listed.get(link.destination)? };
            // A mailbox that is gone keeps its links, also those to what was moved out of it before.
            if copy.is_none() && !is_taken && left.plan.is_none() {
                continue;
            }
            following.leave(number, &link, copy.as_ref());
        }
        Ok(())
    }

    /// Copies of which it is not known whose they are, or that are to go for another reason.
    fn in_question(&self, left: &Left) -> UidSet {
        let Some(plan) = left.plan.map(|number| &self.plan.mailboxes[number]) else { return UidSet::new() };
        let mut uids = plan.doubt.destination.clone();
        uids.merge(&plan.replaced);
        plan.second_copies.iter().for_each(|second| uids.insert(second.surplus));
        uids
    }

    fn take_passage(&mut self, passage: Passage, left: &[Left]) -> Result<()> {
        let Passage { from, to, messages } = passage;
        let Left { pairing, plan } = &left[from];
        let Some(destination) = self.mailbox(Side::Destination, &pairing.destination) else { return Ok(()) };
        let moves = Moves {
            source: pairing.source.clone(),
            source_validity: pairing.source_validity,
            is_gone: plan.is_none(),
            destination: destination.name.clone(),
            destination_validity: pairing.destination_validity,
            messages,
        };
        if let Some(number) = *plan {
            self.spare(number, &moves)?;
        }
        let receiving = &mut self.plan.mailboxes[to];
        let mut records = self.access.state.record_lookup(Side::Source, &receiving.source.raw);
        for moved in &moves.messages {
            receiving.copies.remove(moved.source);
            let octets = records.get(moved.source)?.map_or(0, |record| record.octets);
            receiving.octets -= octets.min(receiving.octets);
        }
        receiving.moves.push(moves);
        Ok(())
    }

    /// What is moved away is not deleted, and no guard counts it.
    fn spare(&mut self, number: usize, moves: &Moves) -> Result<()> {
        let leaving: HashSet<Uid> = moves.messages.iter().map(|moved| moved.destination).collect();
        let plan = &mut self.plan.mailboxes[number];
        plan.deletions.retain(|deletion| !leaving.contains(&deletion.destination));
        if !self.access.account.policy.mode.deletes() || plan.guard.is_none() {
            return Ok(());
        }
        let (source, validity) = (plan.source.raw.clone(), plan.source_validity);
        let [ours, theirs] = [(Side::Source, &source), (Side::Destination, &moves.destination.raw)]
            .map(|(side, name)| self.mailbox(side, name).map_or(0, |it| u64::from(it.records)));
        let (agreement, guard) =
            (self.access.state.agreement(&source, validity)?, self.access.account.policy.delete_guard);
        let plan = &mut self.plan.mailboxes[number];
        plan.guard = removal_objection(plan, [ours, theirs], guard)
            .or_else(|| deletion_objection(plan.deletions.len() as u64, theirs, &agreement, guard));
        Ok(())
    }
}

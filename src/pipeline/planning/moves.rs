//! What was moved on the source, among all pairs of an account: what one of them lost and another one gets is moved on the
//! destination (`diff/moves.rs`).
//!
//! Links are looked through only where something is to be copied, and only those of mailboxes that have lost some of their
//! messages. What may have come from a mailbox that could not be listed waits for the next scan. Mailboxes that several share, or
//! whose UIDVALIDITYs do not last, keep out of it: their messages are copied, and deleted, as ever.

use super::planner::Planner;
use super::stray::Stray;
use crate::diff::agreements::deletion_objection;
use crate::diff::comparing::removals::removal_objection;
use crate::diff::comparing::same::{self, Keeps, is_source_of};
use crate::diff::moves::{Following, Passage};
use crate::diff::routing::special_use::the_holder;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::{counted, verb_for};
use crate::model::plan::{MailboxPlan, Moves, Rename};
use crate::model::{
    Digest, Link, MailboxState, PairState, Pairing, RawName, Renaming, Settlement, Side, SpecialUse, Stage, Uid, UidSet,
};
use crate::store::AccountStore;
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
        let (left, unseen) = (self.left()?, self.unseen());
        if left.is_empty() && unseen.is_empty() {
            return Ok(());
        }
        let mut following = self.arrived()?;
        following.whosever(self.access.account.policy.is_two_way());
        self.note_unseen(&unseen, &mut following)?;
        for (number, left) in left.iter().enumerate() {
            match self.note_left(number, left, &mut following) {
                // Its links are matched anew when its turn comes.
                Err(error) if error.reach() > Scope::Mailbox => return Err(error),
                _ => {}
            }
        }
        for (number, waiting) in following.waiting() {
            self.hold_back(number, &waiting)?;
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

    /// Both ways: what was changed here and is gone there is copied again, unless it may stand in another mailbox there by now. Moved by
    /// its user, it is moved here, too, when mail goes the other way.
    ///
    /// # Errors
    /// `State`.
    pub(super) fn leave_to_the_way_back(&self, plan: &mut MailboxPlan) -> Result<()> {
        let (state, policy) = (&self.access.state, &self.access.account.policy);
        if !policy.is_two_way() || !policy.follows_moves() || policy.restore_missing {
            return Ok(());
        }
        let (mut links, mut moved) = (state.link_lookup(&plan.source.raw)?, Vec::new());
        for uid in plan.copies.iter() {
            let copy = links.get(uid)?.and_then(|link| same::trace_of_linked(&link, Side::Destination, Keeps::ALL));
            if let Some(trace) = copy
                && self.unlinked()?.contains(&trace)
            {
                moved.push(uid);
            }
        }
        take_back(plan, state, moved.iter().copied())?;
        moved.into_iter().for_each(|uid| plan.departed.insert(uid));
        Ok(())
    }

    /// Traces of destination messages without a link, but for those in the trash.
    fn unlinked(&self) -> Result<&HashSet<Digest>> {
        if let Some(known) = self.unlinked.get() {
            return Ok(known);
        }
        let (state, mailboxes) = (&self.access.state, self.snapshots.mailboxes(Side::Destination));
        let mut linked: HashMap<RawName, HashSet<Uid>> = HashMap::new();
        for PairState { pairing, .. } in state.pairs().unwrap_or_default() {
            let copies = linked.entry(pairing.destination.clone()).or_default();
            for link in state.links(&pairing.source)? {
                copies.insert(link?.destination);
            }
        }
        let fills_trash = self.access.account.policy.fills_trash();
        let trash = the_holder(mailboxes, SpecialUse::Trash).filter(|_| fills_trash).map(|trash| &trash.name.raw);
        let mut unlinked = HashSet::new();
        let listed = mailboxes.iter().filter(|it| it.sync_point.is_some() && Some(&it.name.raw) != trash);
        for MailboxState { name, .. } in listed {
            for record in state.records(Side::Destination, &name.raw)? {
                let record = record?;
                let is_linked = linked.get(&name.raw).is_some_and(|linked| linked.contains(&record.uid));
                unlinked.extend(same::trace(&record.listed(), Keeps::ALL).filter(|_| !is_linked));
            }
        }
        Ok(self.unlinked.get_or_init(|| unlinked))
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

    /// Pairs of which it is not known now what left them, or where their copies are.
    fn unseen(&self) -> Vec<Pairing> {
        let pairs = self.access.state.pairs().unwrap_or_default();
        let with_links = pairs.into_iter().filter(|pair| pair.links > 0).map(|pair| pair.pairing);
        with_links.filter(|pairing| self.is_unseen(pairing)).collect()
    }

    fn is_unseen(&self, pairing: &Pairing) -> bool {
        let lasting = Side::BOTH.iter().all(|side| pairing.validity(*side).is_lasting());
        if self.sharing.is_shared(&pairing.destination) || !lasting {
            return false;
        }
        let hides = |side| match self.mailbox(side, pairing.mailbox(side)) {
            Some(listed) => listed.trouble.is_some(),
            None => self.snapshots.may_hide(side, pairing.mailbox(side)),
        };
        Side::BOTH.into_iter().any(hides)
    }

    /// Tells `following` of their links, but for those whose source message is seen where it was.
    fn note_unseen(&self, unseen: &[Pairing], following: &mut Following) -> Result<()> {
        for pairing in unseen {
            let listed = self.mailbox(Side::Source, &pairing.source);
            let is_listed = listed.is_some_and(|it| it.trouble.is_none() && pairing.holds_for(Side::Source, it));
            let mut records = self.access.state.record_lookup(Side::Source, &pairing.source);
            let mut note = |link: Link| -> Result<()> {
                if following.awaits(&link) {
                    let record = if is_listed { records.get(link.source)? } else { None };
                    if !record.is_some_and(|record| is_source_of(&link, &record)) {
                        following.leave_unseen(&link);
                    }
                }
                Ok(())
            };
            // What cannot be read of the state is matched anew when its turn comes.
            match self.access.state.links(&pairing.source).and_then(|mut links| links.try_for_each(|link| note(link?)))
            {
                Err(error) if error.reach() > Scope::Mailbox => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// They stay pending, and the account is not synced meanwhile.
    fn hold_back(&mut self, number: usize, waiting: &[Uid]) -> Result<()> {
        let plan = &mut self.plan.mailboxes[number];
        take_back(plan, &self.access.state, waiting.iter().copied())?;
        let count = waiting.len() as u64;
        let account = &*self.access.account.name;
        let what = format!("{} {} to be looked for", counted(count, "message"), verb_for(count, "waits", "wait"));
        let error = Error::new(Kind::Changed, what)
            .scope(Scope::Mailbox)
            .in_mailbox(&plan.source.path())
            .because("moved there, perhaps, from a mailbox that could not be listed on one side or the other")
            .hint(format!(
                "nothing is lost: run `mailferry sync {account}` when it can be listed; if that is never, name it under `exclude` in \
                 [mailboxes]"
            ));
        self.access.failures.note(&mut self.ledger.failures, error.in_account(account));
        Ok(())
    }

    /// Whether that mailbox of a pair was listed whole, under the UIDVALIDITY that the links hold for.
    fn is_certain(&self, side: Side, pairing: &Pairing) -> bool {
        let listed = self.mailbox(side, pairing.mailbox(side));
        let settled = !self.sharing.is_shared(&pairing.destination);
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
        let stray = self.stray(left)?;
        let links = || stray.links(state, source);
        let mut gone = Vec::new();
        for link in links()? {
            let link = link?;
            if following.awaits(&link) && !is_live(&link)? {
                gone.push(link);
            }
        }
        let copies: HashSet<Uid> = gone.iter().map(|link| link.destination).collect();
        let mut taken = self.in_question(left);
        copies.iter().filter(|copy| stray.is_taken(**copy)).for_each(|copy| taken.insert(*copy));
        for link in links()?.filter(|_| !copies.is_empty()) {
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

    /// Which links of a pair may have lost their source messages, as it was planned.
    fn stray(&self, left: &Left) -> Result<Stray> {
        let (state, name) = (&self.access.state, &left.pairing.source);
        if left.plan.is_none() {
            return Ok(Stray::Anywhere);
        }
        if let Some(stray) = self.strays.get(name) {
            return Ok(stray.clone());
        }
        let settled = state.pair(name)?.and_then(|pair| pair.settled);
        let settlement = state.settlement(name)?.filter(|known| Some(known.settled) == settled);
        Ok(settlement.map_or(Stray::Anywhere, |Settlement { ground, .. }| Stray::Among {
            sources: ground.orphaned,
            free: ground.unlinked,
        }))
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
        take_back(receiving, &self.access.state, moves.messages.iter().map(|moved| moved.source))?;
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

/// Messages that are not to be copied after all.
fn take_back(plan: &mut MailboxPlan, state: &AccountStore, uids: impl Iterator<Item = Uid>) -> Result<()> {
    let mut records = state.record_lookup(Side::Source, &plan.source.raw);
    for uid in uids {
        plan.copies.remove(uid);
        let octets = records.get(uid)?.map_or(0, |record| record.octets);
        plan.octets -= octets.min(plan.octets);
    }
    Ok(())
}

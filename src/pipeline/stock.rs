//! Stock-taking: what an apply has come to, and what is left.
//!
//! The destination is listed again where it changed, the intents are closed, and the next plan is made: its ledger is where
//! the account stands now, and its obstacles are those that count. Where that cannot be, the intents stay open, and the
//! ledger is reckoned from what was done.

use super::plan::plan_settled;
use super::shortfalls::{imbalance, obstacles, shortfalls};
use super::{Deletes, Event, Phase, Thoroughness};
use crate::diff::comparing::same::alteration;
use crate::error::{Error, Kind, Result};
use crate::model::failures::Failures;
use crate::model::ledger::{AccountLedger, Ending, Stage};
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::model::report::PlanSummary;
use crate::model::{Link, Outcomes, RawName, Side, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::errand::{How, Identities, Occasion, Wanted};
use crate::pipeline::survey::recognise::recognise;
use crate::pipeline::survey::side::list_side;
use crate::pipeline::survey::spoiling::look_at_altered;
use crate::pipeline::transfer::prepare::close_intents;
use crate::pipeline::transfer::purge::Purged;
use crate::pipeline::transfer::reflag::update_flags;
use crate::pipeline::transfer::replace::remove_replaced;
use crate::store::CHECKPOINT_LINKS;
use std::collections::{HashMap, HashSet};

/// What a run leaves to be looked at.
#[derive(Default)]
pub struct Traces {
    /// Destination mailboxes that changed.
    pub touched: HashSet<RawName>,
    /// By source mailbox, the UID from which on copies are of this run, or of an unclean one before it.
    pub tails: HashMap<RawName, Uid>,
    /// Source mailboxes of which something may have been there before this run that was not linked, or is linked and was not
    /// listed since.
    pub unclean: HashSet<RawName>,
    /// Source mailboxes to which messages were moved: what their sources changed of flags follows in the same run.
    pub received: HashSet<RawName>,
    /// What happened to messages in this run.
    pub outcomes: Outcomes,
    /// Source mailboxes whose work ended with everything linked.
    pub clean: HashSet<RawName>,
    /// Something ended the work before its time.
    pub broken: bool,
}

/// What a run has come to.
pub struct StockTaken {
    pub ledger: AccountLedger,
    /// Copies that were replaced.
    pub removed: u64,
}

/// Takes stock after a run of `plan` that ended so.
///
/// # Errors
/// `State`, and what makes the next plan impossible.
pub fn take_stock(
    access: &Access<'_>,
    plan: &AccountPlan,
    traces: &Traces,
    deletes: Deletes,
    ending: Ending,
) -> Result<StockTaken> {
    access.gauge.on_state(|| access.migration.store.flush())?;
    let mut stock = Stock { access, traces, deletes, ending, removed: 0, failures: Failures::default() };
    let mut ledger = stock.taken(plan)?;
    let imbalance = imbalance(&ledger);
    access.failures.note_all(&mut ledger.failures, imbalance);
    Ok(StockTaken { ledger: AccountLedger { stage: Stage::Applied, ending, ..ledger }, removed: stock.removed })
}

struct Stock<'a> {
    access: &'a Access<'a>,
    traces: &'a Traces,
    deletes: Deletes,
    ending: Ending,
    removed: u64,
    failures: Failures,
}

impl Stock<'_> {
    fn note_all(&mut self, failures: impl IntoIterator<Item = Error>) {
        self.access.failures.note_all(&mut self.failures, failures);
    }

    fn taken(&mut self, plan: &AccountPlan) -> Result<AccountLedger> {
        let access = self.access;
        let listed = self.traces.touched.is_empty() || self.list_again(self.traces.touched.clone())?;
        let mut ledger = if listed {
            close_intents(access, self.traces.clean.iter())?;
            self.close_idle_intents(plan)?;
            let as_sent = self.identify_copied()?;
            access.failures.note_others(&mut self.failures, recognise(access)?);
            self.note_alterations(plan, &as_sent)?;
            let next = self.with_flags_as_sent(plan_settled(access)?)?;
            let next = self.without_replaced(next)?;
            self.note_all(shortfalls(access, &next.plan, &self.traces.tails, self.deletes)?);
            next.ledger
        } else {
            self.note_all(obstacles(access, plan));
            self.restamp(plan)?;
            reckoned(access.state.status()?.ledger, &self.traces.outcomes)
        };
        access.failures.note_others(&mut ledger.failures, std::mem::take(&mut self.failures));
        Ok(ledger)
    }

    /// The plan goes on to hold where some mailboxes of this run were listed again and others could not be: the intents are
    /// open, and what was copied is linked.
    fn restamp(&self, plan: &AccountPlan) -> Result<()> {
        let state = &self.access.state;
        let mut restamped = plan.clone();
        for mailbox in &mut restamped.mailboxes {
            if self.traces.touched.contains(&mailbox.destination.raw)
                && mailbox.revisions.1 != 0
                && let Some(destination) = state.mailbox(Side::Destination, &mailbox.destination.raw)?
            {
                mailbox.revisions.1 = destination.revision;
            }
        }
        if restamped == *plan { Ok(()) } else { state.put_plan(&restamped) }
    }

    /// An earlier run did not end cleanly, and this one found nothing of it left to copy: every message that it was to send has its
    /// copy. What lands late is a second copy then.
    fn close_idle_intents(&self, plan: &AccountPlan) -> Result<()> {
        let state = &self.access.state;
        for mailbox in plan.mailboxes.iter().filter(|it| !it.adds() && it.doubt.is_empty()) {
            let Some(mut pair) = state.pair(&mailbox.source.raw)? else { continue };
            if let Some(intent) = pair.intent.take()
                && mailbox.destination_validity == Some(pair.pairing.destination_validity)
            {
                pair.late_from = pair.late_from.or(Some(intent.uid_next));
                state.put_pair(&pair)?;
            }
        }
        Ok(())
    }

    /// What was copied tells the identities that were not asked for.
    /// Returns the source mailboxes whose copies are all listed as they were sent.
    fn identify_copied(&self) -> Result<HashSet<RawName>> {
        let state = &self.access.state;
        let mut as_sent = HashSet::new();
        for source in self.traces.tails.keys() {
            if let Some(pair) = state.pair(source)?
                && state.identify_linked(&pair.pairing)?
            {
                as_sent.insert(source.clone());
            }
        }
        Ok(as_sent)
    }

    /// What the destination made of our copies, where that is not what was sent, goes into their links: by it they are known
    /// from now on, and by it is seen what that server keeps of a message.
    fn note_alterations(&self, plan: &AccountPlan, as_sent: &HashSet<RawName>) -> Result<()> {
        let state = &self.access.state;
        for mailbox in plan.mailboxes.iter().filter(|mailbox| !as_sent.contains(&mailbox.source.raw)) {
            let source = &mailbox.source.raw;
            let (Some(tail), Some(pair)) = (self.traces.tails.get(source), state.pair(source)?) else { continue };
            let listed = state.mailbox(Side::Destination, &pair.pairing.destination)?;
            if !listed.is_some_and(|listed| pair.pairing.holds_for(Side::Destination, &listed)) {
                continue;
            }
            let mut copies = state.record_lookup(Side::Destination, &pair.pairing.destination);
            let mut altered = Vec::new();
            for link in self.copied(mailbox)? {
                let link = link?;
                if link.destination < *tail || link.altered.is_some() {
                    continue;
                }
                let copy = copies.get(link.destination)?.filter(|copy| copy.identity.is_some());
                if let Some(alteration) = copy.and_then(|copy| alteration(&link, &copy)) {
                    altered.push(Link { altered: Some(alteration), ..link });
                }
            }
            altered.chunks(CHECKPOINT_LINKS).try_for_each(|links| state.checkpoint(source, links, &[]))?;
            look_at_altered(self.access, &altered, &pair)?;
        }
        Ok(())
    }

    /// Flags that a copy of this run lacks are set, and it is listed once more: some servers drop what comes with an APPEND
    /// and take it by a STORE (UW: keywords that the mailbox does not know yet), and what a mailbox keeps may be more than was
    /// known when something was sent to it. Where all arrived, this costs nothing.
    fn with_flags_as_sent(&mut self, next: PlanSummary) -> Result<PlanSummary> {
        let access = self.access;
        let lacking = |mailbox: &&MailboxPlan| {
            let received = self.traces.received.contains(&mailbox.source.raw);
            let lacks = mailbox.flag_updates.iter().any(|update| received || !update.add.is_empty());
            lacks && self.traces.touched.contains(&mailbox.destination.raw)
        };
        let lacking: Vec<&MailboxPlan> = next.plan.mailboxes.iter().filter(lacking).collect();
        if lacking.is_empty() || access.is_stopped() {
            return Ok(next);
        }
        let mut changed = HashSet::new();
        for mailbox in lacking {
            let validity = mailbox.destination_validity.unwrap_or_default();
            let updated = access.ask_one(Side::Destination, |session| update_flags(access, session, mailbox, validity));
            let failure = match updated {
                Ok(reflagged) => {
                    changed.insert(mailbox.destination.raw.clone());
                    reflagged.failure
                }
                Err(error) if matches!(error.kind(), Kind::Refused | Kind::Changed) => {
                    Some(error.in_mailbox(&mailbox.destination.path()))
                }
                Err(error) => return Err(error),
            };
            self.note_all(failure);
        }
        match self.list_again(changed)? {
            true => plan_settled(access),
            false => Ok(next),
        }
    }

    /// Copies that were replaced go, now that it is seen what is in their place.
    fn without_replaced(&mut self, next: PlanSummary) -> Result<PlanSummary> {
        let access = self.access;
        let replaces = next.plan.mailboxes.iter().any(|mailbox| !mailbox.replaced.is_empty());
        if !replaces || self.ending != Ending::Complete || self.traces.broken || access.migration.stop.is_requested() {
            return Ok(next);
        }
        let mut purged = Purged::default();
        let result = remove_replaced(access, &next.plan, &mut purged);
        self.removed += purged.removed;
        access.failures.note_others(&mut self.failures, purged.failures);
        result?;
        match !purged.touched.is_empty() && self.list_again(purged.touched)? {
            true => plan_settled(access),
            false => Ok(next),
        }
    }

    /// The links of what was copied in this run; all of them where a run before it may have left some that were not looked at.
    fn copied<'p>(&self, plan: &'p MailboxPlan) -> Result<Box<dyn Iterator<Item = Result<Link>> + 'p>> {
        let (state, name) = (&self.access.state, &plan.source.raw);
        if self.traces.unclean.contains(name) {
            return Ok(Box::new(state.links(name)?));
        }
        let mut links = state.link_lookup(name)?;
        let moved = plan.moves.iter().flat_map(|moves| &moves.messages).map(|moved| moved.source);
        Ok(Box::new(plan.copies.iter().chain(moved).filter_map(move |uid| links.get(uid).transpose())))
    }

    /// Whether these mailboxes of the destination are listed as they are now.
    fn list_again(&mut self, mailboxes: HashSet<RawName>) -> Result<bool> {
        let access = self.access;
        if self.traces.broken || access.is_stopped() {
            return Ok(false);
        }
        let account = &*access.account.name;
        let event = Event::Began { account, phase: Phase::Scanning, messages: 0, octets: 0 };
        access.migration.observer.event(event);
        let wanted = Wanted::Only(mailboxes);
        let (thoroughness, identities) = (Thoroughness::Incremental, Identities::WhereOthersMayBe);
        let how = How { thoroughness, identities, occasion: Occasion::Change };
        match list_side(access, Side::Destination, how, &wanted) {
            Ok(result) => {
                // What another account sees there must not be what this one has put there.
                access.claim_scanned(Side::Destination, result.inbox_id)?;
                let complete = result.troubles.is_empty();
                access.failures.note_others(&mut self.failures, result.troubles);
                Ok(complete)
            }
            // The copying is done and recorded; the next scan will list it.
            Err(error) if *error.kind() == Kind::Interrupted => Ok(false),
            Err(error) => {
                access.notice(&format!("the destination could not be listed again: {}", error.summary()));
                Ok(false)
            }
        }
    }
}

/// Where the account stands, from where it stood when it was planned and what was done since.
fn reckoned(mut ledger: AccountLedger, done: &Outcomes) -> AccountLedger {
    let mut moved = done.total().min(ledger.outcomes.pending);
    ledger.outcomes.pending -= moved;
    for (own, count) in ledger.outcomes.counts_mut().into_iter().zip(done.counts()) {
        let count = count.min(moved);
        *own += count;
        moved -= count;
    }
    ledger
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_not_pending_any_more_and_nothing_is_counted_twice() {
        let before = Outcomes { copied: 3, pending: 6, ..Outcomes::default() };
        let ledger = AccountLedger { outcomes: before, held: 9, ..AccountLedger::default() };
        let done = Outcomes { copied: 2, refused: 1, limited: 1, ..Outcomes::default() };
        let after = reckoned(ledger.clone(), &done).outcomes;
        assert_eq!(after, Outcomes { copied: 5, refused: 1, limited: 1, pending: 2, ..Outcomes::default() });
        let more = reckoned(ledger, &Outcomes { copied: 9, refused: 9, ..Outcomes::default() }).outcomes;
        assert_eq!((more.total(), more.pending), (9, 0));
    }
}

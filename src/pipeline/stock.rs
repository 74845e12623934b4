//! Stock-taking: what an apply has come to, and what is left.
//!
//! The destination is listed again where it changed, the intents are closed, and the next plan is made: its ledger is where
//! the account stands now, and its obstacles are those that count. Where that cannot be, the intents stay open, and the
//! ledger is reckoned from what was done.

use super::plan::plan_settled;
use super::{Deletes, Event, Phase, Thoroughness};
use crate::diff::comparing::same::alteration;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::failures::Failures;
use crate::model::ledger::{AccountLedger, Ending, Stage};
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::model::policy::Mode;
use crate::model::report::PlanSummary;
use crate::model::{Link, Outcomes, RawName, Side, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::errand::{How, Identities, Occasion, Wanted};
use crate::pipeline::survey::recognise::recognise;
use crate::pipeline::survey::settle::doubts;
use crate::pipeline::survey::side::list_side;
use crate::pipeline::survey::spoiling::spoilt;
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
            let as_sent = self.identify_copied()?;
            access.failures.note_others(&mut self.failures, recognise(access)?);
            let spoilt = self.note_alterations(plan, &as_sent)?;
            self.note_all(spoilt);
            let next = self.with_flags_as_sent(plan_settled(access)?)?;
            let next = self.without_replaced(next)?;
            self.note_all(doubts(&next.plan));
            self.note_all(self.second_copies_left(&next.plan));
            self.note_all(self.gone_at_once(&next.plan)?);
            self.note_all(obstacles(access, &next.plan));
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
    /// Returns what is not what was sent.
    fn note_alterations(&self, plan: &AccountPlan, as_sent: &HashSet<RawName>) -> Result<Vec<Error>> {
        let state = &self.access.state;
        let mut found = Vec::new();
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
            found.extend(spoilt(self.access, &altered, [source, &pair.pairing.destination])?);
        }
        Ok(found)
    }

    /// Flags that a copy of this run lacks are set, and it is listed once more: some servers drop what comes with an APPEND
    /// and take it by a STORE (UW: keywords that the mailbox does not know yet), and what a mailbox keeps may be more than was
    /// known when something was sent to it. Where all arrived, this costs nothing.
    fn with_flags_as_sent(&mut self, next: PlanSummary) -> Result<PlanSummary> {
        let access = self.access;
        let lacking = |mailbox: &&MailboxPlan| {
            let lacks = mailbox.flag_updates.iter().any(|update| !update.add.is_empty());
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
        Ok(Box::new(plan.copies.iter().filter_map(move |uid| links.get(uid).transpose())))
    }

    /// Messages that were appended in this run and are not there when it ends: their user may have been quick, or the
    /// server did not keep what it said that it stored. Told once; that their user deleted them is no failure later.
    fn gone_at_once(&self, plan: &AccountPlan) -> Result<Vec<Error>> {
        let mut gone = Vec::new();
        for mailbox in plan.mailboxes.iter().filter(|mailbox| !mailbox.departed.is_empty()) {
            let Some(tail) = self.traces.tails.get(&mailbox.source.raw) else { continue };
            let mut links = self.access.state.link_lookup(&mailbox.source.raw)?;
            let mut count = 0;
            for uid in mailbox.departed.iter() {
                count += u64::from(links.get(uid)?.is_some_and(|link| link.destination >= *tail));
            }
            if count > 0 {
                let what =
                    format!("messages that were copied in this run are not on the destination any more: {count}");
                let error = Error::new(Kind::Refused, what).scope(Scope::Mailbox);
                gone.push(error.in_mailbox(&mailbox.destination.path()).hint(
                    "if their user did not delete them, the server lost them: `restore_missing = true` copies them again",
                ));
            }
        }
        Ok(gone)
    }

    /// What we stored twice stays so until the user, or the mode, lets us remove it: no success.
    fn second_copies_left(&self, plan: &AccountPlan) -> Vec<Error> {
        let again = match (self.access.account.policy.mode, self.deletes) {
            (_, Deletes::Allowed) => {
                "where the destination cannot expunge single messages (UIDPLUS) they are marked as deleted, and go when \
                 somebody expunges the mailbox; else run `mailferry sync --allow-deletes` again"
            }
            (Mode::Copy, Deletes::Guarded) => "to remove them, run `mailferry sync --allow-deletes`",
            (Mode::Mirror, Deletes::Guarded) => {
                "run `mailferry sync` again: it removes them, as far as delete_guard lets it"
            }
        };
        let doubled = plan.mailboxes.iter().filter(|mailbox| !mailbox.second_copies.is_empty());
        let left = doubled.map(|mailbox| {
            let what = match mailbox.second_copies.len() {
                1 => "1 second copy of ours is on the destination".to_owned(),
                count => format!("{count} second copies of ours are on the destination"),
            };
            Error::new(Kind::Refused, what)
                .because("an append whose connection had broken landed after it was looked for")
                .in_mailbox(&mailbox.destination.path())
                .hint(again)
        });
        left.collect()
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

/// A run in which a message has no outcome is no success, whatever else went well.
fn imbalance(ledger: &AccountLedger) -> Option<Error> {
    let (accounted, held) = (ledger.outcomes.total(), ledger.held);
    (accounted != held).then(|| {
        Error::new(Kind::State, "the account of outcomes does not balance")
            .scope(Scope::Account)
            .because(format!("the source holds {held} messages, and {accounted} are accounted for"))
            .hint("run `mailferry sync --full`, then `mailferry verify`, which compares both servers as they are")
    })
}

/// What a run was to copy and is not there, though nothing failed. An exit status is never without a reason.
pub fn left_over(ledger: &AccountLedger) -> Option<Error> {
    let left = ledger.outcomes.pending;
    (left > 0 && ledger.ending == Ending::Complete && ledger.failures.is_empty()).then(|| {
        let what = if left == 1 { "1 message is".to_owned() } else { format!("{left} messages are") };
        Error::new(Kind::Changed, format!("{what} still to copy, though nothing failed"))
            .scope(Scope::Account)
            .because("a mailbox changed on the destination meanwhile, as when it is renamed, replaced or restored")
            .hint("run `mailferry sync`: what is there is matched anew, and the rest is copied")
    })
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

/// Mailboxes that stay behind for a reason that the user did not ask for, and that was not told by the scan of this run.
fn obstacles<'a>(access: &'a Access<'_>, plan: &'a AccountPlan) -> impl Iterator<Item = Error> + 'a {
    let untold = |reason: &str| !access.suspects.was_told(reason);
    let source = access.connector(Side::Source).server().label();
    let omitted = plan.omitted.iter().filter(|omitted| omitted.condition.is_obstacle());
    omitted.filter(move |omitted| untold(&omitted.reason)).map(move |omitted| {
        Error::new(Kind::Refused, "a mailbox stays behind")
            .scope(Scope::Mailbox)
            .because(&omitted.reason)
            .hint(
                "the next `mailferry sync` looks at it again; what shall stay there is left out with exclude, and given \
                 another name with rename, under [mailboxes]",
            )
            .in_mailbox(&omitted.mailbox.path())
            .on(Side::Source, &source)
            .hint("`mailferry plan` names all that stays behind; once it is mended, run `mailferry sync`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds model/ledger.rs invariant 1.
    #[test]
    fn imbalance_is_noticed_in_both_directions() {
        let outcomes = Outcomes { copied: 3, refused: 1, pending: 2, ..Outcomes::default() };
        let ledger = |held| AccountLedger { outcomes, held, ..AccountLedger::default() };
        assert_eq!(imbalance(&ledger(6)), None);
        for held in [5, 7] {
            let error = imbalance(&ledger(held)).expect("it does not balance");
            assert!(error.line().contains(&format!("{held} messages, and 6")), "{}", error.line());
        }
    }

    #[test]
    fn what_is_left_over_has_a_reason_unless_another_one_is_told() {
        let outcomes = |pending| Outcomes { copied: 3, pending, ..Outcomes::default() };
        let mut ledger = AccountLedger { outcomes: outcomes(2), held: 5, ..AccountLedger::default() };
        assert!(left_over(&ledger).expect("a reason").line().contains("2 messages are still to copy"));
        drop(ledger.failures.add(Error::new(Kind::Refused, "something")));
        assert!(left_over(&ledger).is_none());
        assert!(left_over(&AccountLedger { outcomes: outcomes(0), ..AccountLedger::default() }).is_none());
    }

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

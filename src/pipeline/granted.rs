//! What of a plan is done without a further word from a person; the rest waits, and is asked about.
//!
//! Invariants:
//! 1. A mailbox of which many copies are gone waits whole. Were it copied to meanwhile, the share that is gone would fall,
//!    until nobody is asked any more.
//! 2. A mailbox of which more would be deleted than its guard lets pass keeps what it has, and is copied to.
//! 3. Of a plan that does not fit into the destination's quota nothing is copied: half a mailbox in a full account helps
//!    nobody. Flags are set, and what goes makes room.
//! 4. Whatever waits, the rest does not.

use super::{ApplyOptions, Deletes, Room};
use crate::diff::agreements::departures;
use crate::diff::fit::quota_excess;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::model::{Side, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::allowance::Allowance;
use crate::pipeline::survey::agreeing::unanswered;

/// The part of a plan that is done.
pub struct Granted {
    pub plan: AccountPlan,
    /// What the rest waits for.
    pub questions: Vec<Error>,
}

/// Asks about what needs a word.
///
/// # Errors
/// `State`.
pub fn grant(access: &Access<'_>, plan: &AccountPlan, allowance: &Allowance, options: ApplyOptions) -> Result<Granted> {
    let mut granted = Granted { plan: plan.clone(), questions: Vec::new() };
    withhold_questioned(access, &mut granted)?;
    if options.deletes == Deletes::Guarded {
        withhold_deletions(&mut granted);
    }
    if options.room == Room::Guarded {
        withhold_copies(access, allowance, &mut granted)?;
    }
    granted.questions = granted.questions.into_iter().map(|it| it.in_account(&access.account.name)).collect();
    Ok(granted)
}

/// Invariant 1.
fn withhold_questioned(access: &Access<'_>, granted: &mut Granted) -> Result<()> {
    let Granted { plan, questions } = granted;
    let mut waiting = Vec::new();
    for mailbox in plan.mailboxes.iter().filter(|mailbox| !mailbox.departed.is_empty()) {
        let agreement = access.state.agreement(&mailbox.source.raw, mailbox.source_validity)?;
        let linked = mailbox.present + mailbox.copied + mailbox.departed.len();
        let found = departures(&mailbox.departed, linked, &agreement, &access.account.policy);
        if let Some(why) = found.question {
            questions.push(unanswered(&why, &mailbox.source, &mailbox.destination, &access.account.name));
            waiting.push(mailbox.source.raw.clone());
        }
    }
    plan.mailboxes.retain(|mailbox| !waiting.contains(&mailbox.source.raw));
    Ok(())
}

/// Invariant 2.
fn withhold_deletions(granted: &mut Granted) {
    let Granted { plan, questions } = granted;
    for mailbox in &mut plan.mailboxes {
        let Some(guard) = &mailbox.guard else { continue };
        questions.push(
            Error::new(Kind::Guard, "more would be deleted than may go without a word, and nothing was")
                .because(guard)
                .in_mailbox(&mailbox.destination.path())
                .scope(Scope::Mailbox)
                .hint(
                    "look at `mailferry plan --details`; if it is as it should be, run `mailferry sync --allow-deletes`",
                ),
        );
        mailbox.deletions.clear();
    }
}

/// Invariant 3, as far as the quota tells. What does not count against it (a Trash, on many servers) cannot be known, so that
/// the user may know better.
fn withhold_copies(access: &Access<'_>, allowance: &Allowance, granted: &mut Granted) -> Result<()> {
    let totals = granted.plan.totals();
    let quotas = access.state.side(Side::Destination)?.map_or_else(Vec::new, |side| side.quotas);
    let (messages, octets) = allowance.bounded(totals.copies, totals.octets);
    let Some(excess) = quota_excess(&quotas, messages, octets) else { return Ok(()) };
    granted.questions.push(
        Error::new(Kind::Guard, "what is to be copied does not fit into the destination, and was not begun")
            .because(excess)
            .hint(
                "raise the quota and run `mailferry sync`; or copy a part of it with --max-bytes or --max-messages; or, \
                 where some mailboxes do not count, run `mailferry sync --over-quota`",
            ),
    );
    granted.plan.mailboxes.iter_mut().for_each(without_copies);
    // What is moved needs no room.
    granted.plan.mailboxes.retain(|mailbox| !mailbox.create || !mailbox.moves.is_empty());
    Ok(())
}

fn without_copies(mailbox: &mut MailboxPlan) {
    mailbox.copies = UidSet::new();
    mailbox.octets = 0;
}

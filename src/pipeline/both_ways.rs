//! A sync of both ways: a pass forward and a pass back, each a sync of one way with its own scan, plan, intents, guards and
//! stock-taking, between which the account is turned.
//!
//! 1. A pass that did not end cleanly is gone on with before anything goes the other way: what it stored is known by its own way
//!    alone. So the way that the account stands goes first.
//! 2. The account stands forward again at the end, unless the pass back is to be gone on with.
//! 3. What a sync has come to is told of both: where the messages of the source stand when all is done, and where those of the
//!    destination do that could not be brought over.
//! 4. What waited for the names that the pass back gave to mailboxes is done by a third one, at once.
//! 5. Where nothing is listed otherwise than when there was nothing to do in either direction, nothing is turned, and the pass back
//!    is left out.

use super::Event;
use super::plan::{plan_settled, stamp};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::failures::Failures;
use crate::model::ledger::{AccountLedger, Ending, Stage};
use crate::model::report::ApplySummary;
use crate::model::server::Preset;
use crate::model::{Direction, Side};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::again::Again;

/// Syncs an account, both ways if it is to be kept so; `pass` syncs it one way.
///
/// # Errors
/// Those of the first pass, and damage in the state: what was done by then is recorded.
pub fn sync_each_way(access: &Access<'_>, pass: impl Fn(&Access<'_>) -> Result<ApplySummary>) -> Result<ApplySummary> {
    let Some(turned) = access.account.other_way()? else { return pass(access) };
    let back = access.other_way(&turned);
    let ways = match access.state.standing()? {
        Direction::Forward => [access, &back],
        Direction::Reversed => [&back, access],
    };
    let before = access.state.status()?.ledger;
    let done = both_passes(ways, pass).and_then(|done| done.concluded(access, before));
    back.close();
    done
}

/// Makes sure that both servers are of a kind that can be kept both ways.
///
/// # Errors
/// `Settings` for Gmail, where a mailbox is a label and a deletion takes one off.
pub fn check_servers(access: &Access<'_>) -> Result<()> {
    if !access.account.policy.is_two_way() {
        return Ok(());
    }
    for side in Side::BOTH {
        if access.state.side(side)?.is_some_and(|state| state.preset == Preset::Gmail) {
            return Err(Error::new(Kind::Settings, format!("the {side} is Gmail, which is not kept both ways yet"))
                .scope(Scope::Account)
                .because("its mailboxes are labels of one message, and what is deleted of one is not deleted")
                .hint("say `mode = \"copy\"` under [sync]; nothing was touched"));
        }
    }
    Ok(())
}

/// What the passes have come to.
struct Done {
    summary: ApplySummary,
    /// Where the messages of the destination stand; once the pass back was made.
    back: Option<AccountLedger>,
    /// Both of them came to their end.
    is_whole: bool,
    /// Nothing was done, and nothing is listed otherwise than when there was nothing to do either way.
    is_quiet: bool,
}

fn both_passes([first, second]: [&Access<'_>; 2], pass: impl Fn(&Access<'_>) -> Result<ApplySummary>) -> Result<Done> {
    first.face_this_way()?;
    let summary = pass(first)?;
    first.close();
    let back = |pass: &Access<'_>, ledger: &AccountLedger| {
        (pass.account.direction() == Direction::Reversed).then(|| ledger.clone())
    };
    let before = back(first, &summary.ledger);
    let is_quiet = before.is_none() && did_nothing(&summary) && first.state.is_quiet(stamp(first.account))?;
    if summary.ledger.ending != Ending::Complete || is_quiet {
        return Ok(Done { summary, back: before, is_whole: false, is_quiet });
    }
    let mut done = Done { summary, back: before, is_whole: false, is_quiet: false };
    let renamed = done.summary.figures.mailboxes_renamed;
    done.go_on(second, &pass)?;
    if done.is_whole && done.summary.figures.mailboxes_renamed > renamed {
        done.go_on(first, &pass)?;
    }
    Ok(done)
}

fn did_nothing(summary: &ApplySummary) -> bool {
    let AccountLedger { ending, to_do, failures, .. } = &summary.ledger;
    *ending == Ending::Complete && !to_do && failures.is_empty()
}

/// Rule 1.
fn begin(pass: &Access<'_>) -> Result<()> {
    pass.go_on()?;
    match pass.state.unfinished()?.first() {
        None => pass.face_this_way(),
        Some(mailbox) => {
            Err(Error::new(Kind::Changed, "nothing goes the other way, because what went this way did not end cleanly")
                .scope(Scope::Account)
                .because(format!("`{}` may hold messages that are not known to be copies yet", mailbox.wire_text()))
                .hint("run `mailferry sync` again: it goes on where this one ended"))
        }
    }
}

/// A failure of the account that leaves what was done as it is.
fn tell(pass: &Access<'_>, failures: &mut Failures, error: Error) {
    let account = &*pass.account.name;
    pass.migration.observer.event(Event::Failed { account, error: &error });
    failures.add_first(error.in_account(account));
}

/// Both passes as one.
fn together(pass: &Access<'_>, mut first: ApplySummary, second: ApplySummary) -> ApplySummary {
    let (failures, warnings) = (std::mem::take(&mut first.ledger.failures), std::mem::take(&mut first.warnings));
    let mut both = second.after(first);
    let later = std::mem::replace(&mut both.ledger.failures, failures);
    pass.failures.note_others(&mut both.ledger.failures, later);
    let new: Vec<String> = std::mem::take(&mut both.warnings).into_iter().filter(|it| !warnings.contains(it)).collect();
    both.warnings = warnings.into_iter().chain(new).collect();
    both
}

impl Done {
    /// One more pass. What breaks it off leaves what was done as it is.
    fn go_on(&mut self, other: &Access<'_>, pass: impl Fn(&Access<'_>) -> Result<ApplySummary>) -> Result<()> {
        self.is_whole = false;
        let ledger = &mut self.summary.ledger;
        match begin(other).and_then(|()| pass(other)) {
            Ok(more) => {
                self.is_whole = more.ledger.ending == Ending::Complete;
                if other.account.direction() == Direction::Reversed {
                    self.back = Some(more.ledger.clone());
                }
                self.summary = together(other, self.summary.clone(), more);
            }
            Err(error) => match error.kind() {
                Kind::Damaged => return Err(error),
                Kind::Interrupted => ledger.ending = other.ending_when_stopped(),
                Kind::Waiting => ledger.ending = Ending::Limit,
                _ => tell(other, &mut ledger.failures, error),
            },
        }
        Ok(())
    }

    /// Rules 2 and 3.
    fn concluded(self, access: &Access<'_>, before: AccountLedger) -> Result<ApplySummary> {
        let Done { mut summary, back, is_whole, is_quiet } = self;
        if is_quiet {
            summary.ledger = before;
        }
        if is_whole && let Err(error) = begin(access) {
            tell(access, &mut summary.ledger.failures, error);
        }
        if is_whole && access.state.standing()? == Direction::Forward {
            let mut next = plan_settled(access)?.ledger;
            let AccountLedger { ending, mut failures, .. } = std::mem::take(&mut summary.ledger);
            let untold = std::mem::take(&mut next.failures);
            let untold: Vec<Error> = untold.iter().filter(|it| !failures.contains(it)).cloned().collect();
            access.failures.note_all(&mut failures, untold);
            summary.ledger = AccountLedger { stage: Stage::Applied, ending, failures, ..of_both(next, back) };
            if did_nothing(&summary) {
                access.state.note_quiet(stamp(access.account))?;
            }
        }
        record(access, &summary)?;
        Ok(summary)
    }
}

/// Rule 3. What is there of the destination is what is there of the source.
fn of_both(forward: AccountLedger, back: Option<AccountLedger>) -> AccountLedger {
    let Some(mut back) = back else { return forward };
    (back.outcomes.present, back.outcomes.copied, back.outcomes.vanished) = (0, 0, 0);
    let mut both = forward;
    both.outcomes.merge(&back.outcomes);
    both.held += back.outcomes.total();
    both.conditions.unreadable += back.conditions.unreadable;
    both.questioned += back.questioned;
    both.to_do |= back.to_do;
    both
}

fn record(access: &Access<'_>, summary: &ApplySummary) -> Result<()> {
    let mut status = access.state.status()?;
    status.ledger = AccountLedger { failures: Failures::default(), ..summary.ledger.clone() };
    status.last_run = Some(summary.figures.clone());
    access.state.put_status(&status)?;
    access.failures.record(&summary.ledger.failures)?;
    access.migration.store.flush()
}

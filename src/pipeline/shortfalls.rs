//! What keeps a run that came to its end from being a success, each with its reason and what to do about it.

use super::Deletes;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::{counted, verb_for};
use crate::model::ledger::{AccountLedger, Ending};
use crate::model::plan::AccountPlan;
use crate::model::policy::Mode;
use crate::model::{RawName, Side, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::settle::doubts;
use crate::pipeline::survey::spoiling::{known_spoilt, told};
use std::collections::HashMap;

/// What the next plan shows, in the order in which it is told. `tails`: by source mailbox, the UID from which on copies are of
/// this run.
///
/// # Errors
/// `State`.
pub fn shortfalls(
    access: &Access<'_>,
    next: &AccountPlan,
    tails: &HashMap<RawName, Uid>,
    deletes: Deletes,
) -> Result<Vec<Error>> {
    let mut found: Vec<Error> = doubts(next).collect();
    found.extend(second_copies_left(access, next, deletes));
    found.extend(spoilt_copies(access, next)?);
    found.extend(gone_at_once(access, next, tails)?);
    found.extend(obstacles(access, next));
    Ok(found)
}

/// Messages that were appended in this run and are not there when it ends: their user may have been quick, or the
/// server did not keep what it said that it stored. Told once; that their user deleted them is no failure later.
fn gone_at_once(access: &Access<'_>, plan: &AccountPlan, tails: &HashMap<RawName, Uid>) -> Result<Vec<Error>> {
    let mut gone = Vec::new();
    for mailbox in plan.mailboxes.iter().filter(|mailbox| !mailbox.departed.is_empty()) {
        let Some(tail) = tails.get(&mailbox.source.raw) else { continue };
        let mut links = access.state.link_lookup(&mailbox.source.raw)?;
        let mut count = 0;
        for uid in mailbox.departed.iter() {
            count += u64::from(links.get(uid)?.is_some_and(|link| link.destination >= *tail));
        }
        if count > 0 {
            let what = format!("messages that were copied in this run are not on the destination any more: {count}");
            let error = Error::new(Kind::Refused, what).scope(Scope::Mailbox);
            gone.push(error.in_mailbox(&mailbox.destination.path()).hint(
                "if their user did not delete them, the server lost them: `restore_missing = true` copies them again",
            ));
        }
    }
    Ok(gone)
}

/// What we stored twice stays so until the user, or the mode, lets us remove it: no success.
fn second_copies_left(access: &Access<'_>, plan: &AccountPlan, deletes: Deletes) -> Vec<Error> {
    let again = match (access.account.policy.mode, deletes) {
        (_, Deletes::Allowed) => {
            "where the destination cannot expunge single messages (UIDPLUS) they are marked as deleted, and go when \
             somebody expunges the mailbox; else run `mailferry sync --allow-deletes` again"
        }
        (Mode::Copy, Deletes::Guarded) => "to remove them, run `mailferry sync --allow-deletes`",
        (Mode::Mirror | Mode::TwoWay, Deletes::Guarded) => {
            "run `mailferry sync` again: it removes them, as far as delete_guard lets it"
        }
    };
    let doubled = plan.mailboxes.iter().filter(|mailbox| !mailbox.second_copies.is_empty());
    let left = doubled.map(|mailbox| {
        let what = match mailbox.second_copies.len() {
            1 => "1 duplicate that mailferry created is on the destination".to_owned(),
            count => format!("{count} duplicates that mailferry created are on the destination"),
        };
        Error::new(Kind::Refused, what)
            .because("an append whose connection had broken landed after it was looked for")
            .in_mailbox(&mailbox.destination.path())
            .hint(again)
    });
    left.collect()
}

/// Copies that are known not to be what was sent are no success, in whichever run they were made.
fn spoilt_copies(access: &Access<'_>, plan: &AccountPlan) -> Result<Vec<Error>> {
    let mut spoilt = Vec::new();
    for mailbox in &plan.mailboxes {
        let uids = known_spoilt(&access.state, mailbox)?;
        spoilt.extend((!uids.is_empty()).then(|| told(mailbox, &uids)));
    }
    Ok(spoilt)
}

/// Mailboxes that stay behind for a reason that the user did not ask for, and that was not told by the scan of this run.
pub fn obstacles<'a>(access: &'a Access<'_>, plan: &'a AccountPlan) -> impl Iterator<Item = Error> + 'a {
    let untold = |reason: &str| !access.suspects.was_told(reason);
    let source = access.connector(Side::Source).server().label();
    let omitted = plan.omitted.iter().filter(|omitted| omitted.condition.is_obstacle());
    omitted.filter(move |omitted| untold(&omitted.reason)).map(move |omitted| {
        Error::new(Kind::Refused, "a mailbox cannot be copied")
            .scope(Scope::Mailbox)
            .because(&omitted.reason)
            .hint(
                "the next `mailferry sync` looks at it again; to leave it out, use exclude; to give it another \
                 name, use rename, under [mailboxes]",
            )
            .in_mailbox(&omitted.mailbox.path())
            .on(Side::Source, &source)
    })
}

/// A run in which a message has no outcome is no success, whatever else went well.
pub fn imbalance(ledger: &AccountLedger) -> Option<Error> {
    let (accounted, held) = (ledger.outcomes.total(), ledger.held);
    (accounted != held).then(|| {
        Error::new(Kind::State, "the account of outcomes does not balance")
            .scope(Scope::Account)
            .because(format!("the source holds {}, and {accounted} are accounted for", counted(held, "message")))
            .hint("run `mailferry sync --full`, then `mailferry verify`, which compares both servers as they are")
    })
}

/// What a run was to copy and is not there, though nothing failed. An exit status is never without a reason.
pub fn left_over(ledger: &AccountLedger) -> Option<Error> {
    let left = ledger.outcomes.pending;
    (left > 0 && ledger.ending == Ending::Complete && ledger.failures.is_empty()).then(|| {
        let (what, verb) = (counted(left, "message"), verb_for(left, "is", "are"));
        Error::new(Kind::Changed, format!("{what} {verb} still to copy, though nothing failed"))
            .scope(Scope::Account)
            .because("a mailbox changed on the destination meanwhile, as when it is renamed, replaced or restored")
            .hint("run `mailferry sync`: what is there is matched anew, and the rest is copied")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcomes;

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
}

//! A plan for machines, in the shape of the Contract.

use super::figures::totals;
use super::labels;
use crate::model::plan::{AccountPlan, MailboxPlan, Omitted, Rename};
use crate::model::report::{AccountResult, PlanSummary};
use crate::report::document::Body;
use crate::report::{failure, losses, outcomes, recognition};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The plan as the Contract has it; an account without a plan has an `error` instead.
pub fn json(results: &[AccountResult<PlanSummary>]) -> Body {
    let totals = totals(results);
    let totals = json!({
        "copies": totals.copies,
        "octets": totals.octets,
        "moves": totals.moves,
        "renames": totals.renames,
        "flag_updates": totals.flag_updates,
        "deletes": totals.deletes,
        "second_copies": totals.second_copies,
        "replaced": totals.replaced,
        "creates": totals.creates,
        "subscribes": totals.subscribes,
        "skipped": totals.skipped,
    });
    Body::new(results.iter().map(account_json).collect(), totals)
}

fn account_json(result: &AccountResult<PlanSummary>) -> Value {
    match result.done() {
        Ok(PlanSummary {
            plan: AccountPlan { renames, mailboxes, omitted, warnings, .. },
            ledger,
            keeps,
            labels,
            ..
        }) => {
            json!({
                "account": result.account,
                "renames": renames.iter().map(rename_json).collect::<Vec<_>>(),
                "mailboxes": mailboxes.iter().map(mailbox_json).collect::<Vec<_>>(),
                "omitted": omitted.iter().map(omitted_json).collect::<Vec<_>>(),
                "outcomes": outcomes::json(&ledger.outcomes),
                "losses": losses::json(&ledger.losses),
                "recognised_by": recognition::json(*keeps),
                "warnings": warnings,
                "gmail": labels::json(labels.as_ref()),
            })
        }
        Err(error) => json!({ "account": result.account, "mailboxes": [], "error": failure::json(error) }),
    }
}

fn rename_json(rename: &Rename) -> Value {
    json!({ "from": rename.from.path(), "to": rename.to.path() })
}

fn mailbox_json(plan: &MailboxPlan) -> Value {
    let skipped = plan
        .skipped
        .iter()
        .map(|skipped| json!({ "uid": skipped.uid, "reason": skipped.reason, "whose": skipped.whose }));
    json!({
        "mailbox": plan.source.path(),
        "destination": plan.destination.path(),
        "create": plan.create,
        "subscribe": plan.subscribe,
        "copies": plan.copies.len(),
        "octets": plan.octets,
        "moves": plan.moved(),
        "flag_updates": plan.flag_updates.len(),
        "deletes": plan.deletions.len(),
        "second_copies": plan.second_copies.len(),
        "replaced": plan.replaced.len(),
        "kept": plan.kept,
        "guard": plan.guard,
        "skipped": skipped.collect::<Vec<_>>(),
        "departed": plan.departed.len(),
        "losses": losses::json(&plan.losses),
        "dropped_keywords": plan.losses.flags.iter().filter(|(flag, _)| !flag.starts_with('\\')).collect::<BTreeMap<_, _>>(),
    })
}

fn omitted_json(omitted: &Omitted) -> Value {
    json!({
        "mailbox": omitted.mailbox.path(),
        "reason": omitted.reason,
        "condition": omitted.condition,
        "intended": !omitted.condition.is_obstacle(),
        "messages": omitted.messages,
    })
}

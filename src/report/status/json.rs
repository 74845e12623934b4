//! The status for machines, in the shape of the Contract.

use super::figures::{conditions, sums, trouble_of};
use crate::model::attempt::{Attempt, AttemptResult};
use crate::model::report::{StatusSummary, UnderWay};
use crate::model::statistics::{AccountStatus, PartFigures, RunFigures};
use crate::report::document::Body;
use crate::report::quantity::{exact_moment, per_second};
use crate::report::{losses, outcomes};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The status as the Contract has it: per account the outcomes, octets, rates, last run and last error.
pub fn json(accounts: &[StatusSummary], under_way: Option<&UnderWay>) -> Body {
    let (outcomes, planned) = sums(accounts);
    let conditions = conditions(accounts).into_iter().map(|(condition, count)| (condition.word(), count));
    let totals = json!({
        "outcomes": outcomes::json(&outcomes),
        "planned": planned,
        "conditions": conditions.collect::<BTreeMap<_, _>>(),
    });
    let mut body = Body::new(accounts.iter().map(account_json).collect(), totals);
    body.further.insert("under_way".to_owned(), under_way.map_or(Value::Null, under_way_json));
    body
}

/// What is known of one account.
pub fn account_json(summary: &StatusSummary) -> Value {
    let AccountStatus { ledger, source_octets, octets_copied, last_run } = &summary.status;
    let attempt = summary.attempt.as_ref();
    json!({
        "account": summary.account,
        "condition": summary.condition.word(),
        "outcomes": outcomes::json(&ledger.outcomes),
        "mailboxes": ledger.conditions,
        "losses": losses::json(&ledger.losses),
        "source_messages": ledger.held,
        "source_octets": source_octets,
        "octets_copied": octets_copied,
        "planned": summary.planned,
        "last_run": last_run.as_ref().map(run_json),
        "last_attempt": attempt.map(attempt_json),
        "last_error": attempt.and_then(trouble_of).map(|trouble| &trouble.line),
        "failures": summary.failures,
    })
}

fn under_way_json(run: &UnderWay) -> Value {
    json!({
        "process": run.process,
        "step": run.step.word(),
        "since": exact_moment(run.since),
        "accounts": run.accounts,
        "done": run.done,
    })
}

fn attempt_json(attempt: &Attempt) -> Value {
    let (result, trouble) = match &attempt.result {
        AttemptResult::Done => ("done", None),
        AttemptResult::Cut => ("cut", None),
        AttemptResult::Failed(trouble) => ("failed", Some(trouble)),
    };
    json!({
        "step": attempt.step.word(),
        "started": exact_moment(attempt.started),
        "ended": exact_moment(attempt.ended),
        "result": result,
        "error": trouble.map(|trouble| &trouble.line),
        "hint": trouble.and_then(|trouble| trouble.hint.as_ref()),
        "failures": trouble.map_or(0, |trouble| trouble.count),
        "needs_a_person": trouble.is_some_and(|trouble| trouble.needs_a_person),
    })
}

pub(in crate::report) fn run_json(run: &RunFigures) -> Value {
    json!({
        "started": exact_moment(run.started),
        "seconds": run.seconds,
        "mailboxes_scanned": run.mailboxes_scanned,
        "mailboxes_unchanged": run.mailboxes_unchanged,
        "messages_copied": run.messages_copied,
        "octets_copied": run.octets_copied,
        "messages_moved": run.messages_moved,
        "mailboxes_renamed": run.mailboxes_renamed,
        "flags_updated": run.flags_updated,
        "messages_deleted": run.messages_deleted,
        "reconnects": run.reconnects,
        "batch": run.batch,
        "parts": run.parts.iter().map(part_json).collect::<Vec<_>>(),
        "messages_per_second": per_second(run.messages_copied, run.seconds),
        "octets_per_second": per_second(run.octets_copied, run.seconds),
    })
}

fn part_json(part: &PartFigures) -> Value {
    json!({
        "part": part.part,
        "seconds": part.seconds,
        "lane_seconds": part.lane_seconds,
        "messages": part.messages,
        "octets": part.octets,
        "messages_per_second": per_second(part.messages, part.seconds),
        "octets_per_second": per_second(part.octets, part.seconds),
        "source": part.source,
        "destination": part.destination,
        "state_seconds": part.state_seconds,
        "pace_seconds": part.pace_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::{Head, document};
    use crate::report::status::samples::accounts;

    #[test]
    fn json_has_what_the_contract_names() {
        let json = document(&Head::default(), json(&accounts(), None));
        let alice = &json["accounts"][0];
        assert_eq!(alice["outcomes"]["copied"], 118);
        assert_eq!(alice["octets_copied"], 50_541_363);
        assert_eq!(alice["last_run"]["started"], "2026-07-12T14:02:00Z");
        assert!((alice["last_run"]["messages_per_second"].as_f64().unwrap() - 118.0 / 12.0).abs() < 1e-9);
        assert_eq!(alice["last_error"], "could not append: NO \x1b[0m");
        assert_eq!((&alice["condition"], &alice["last_attempt"]["step"]), (&json!("failed"), &json!("sync")));
        assert_eq!(json["accounts"][1]["last_run"], Value::Null);
        assert_eq!(json["totals"]["conditions"]["failed"], 1);
    }
}

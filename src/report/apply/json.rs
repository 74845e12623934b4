//! What `apply` or `sync` did, for programs.

use super::figures::sum;
use crate::model::ledger::{AccountLedger, Ending};
use crate::model::report::{AccountResult, ApplySummary};
use crate::model::run_ledger::RunLedger;
use crate::report::document::Body;
use crate::report::status::run_json;
use crate::report::{failure, losses, outcomes};
use serde_json::{Map, Value, json};

/// Every account with what was done for it and where it stands, or with its error.
pub fn json(results: &[AccountResult<ApplySummary>]) -> Body {
    let ledger = RunLedger::of(results).sum();
    let mut totals = standing(&ledger);
    totals.insert("run".to_owned(), run_json(&sum(results)));
    Body::new(results.iter().map(account).collect(), Value::Object(totals))
}

fn account(result: &AccountResult<ApplySummary>) -> Value {
    let mut account = match result.done() {
        Ok(ApplySummary { figures, ledger, warnings, unmatched: _, granted: _ }) => {
            let mut account = standing(ledger);
            account.insert("run".to_owned(), run_json(figures));
            account.insert("warnings".to_owned(), json!(warnings));
            let failures: Vec<Value> = ledger.failures.iter().map(failure::json).collect();
            account.insert("failures".to_owned(), Value::Array(failures));
            account.insert("failures_unlisted".to_owned(), json!(ledger.failures.unlisted()));
            account
        }
        Err(error) => Map::from_iter([("error".to_owned(), failure::json(error))]),
    };
    account.insert("account".to_owned(), json!(result.account));
    Value::Object(account)
}

fn standing(ledger: &AccountLedger) -> Map<String, Value> {
    let ending = match ledger.ending {
        Ending::Complete => "complete",
        Ending::Limit => "limit",
        Ending::Interrupted => "interrupted",
    };
    let fields = [
        ("ending", json!(ending)),
        ("outcomes", outcomes::json(&ledger.outcomes)),
        ("mailboxes", json!(ledger.conditions)),
        ("losses", losses::json(&ledger.losses)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

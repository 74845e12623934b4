//! A verification for machines, in the shape of the Contract.

use super::figures::sum;
use crate::model::difference::Differences;
use crate::model::report::{AccountResult, VerifySummary};
use crate::report::document::Body;
use crate::report::{failure, losses, outcomes, recognition};
use serde_json::{Map, Value, json};

/// The verification as the Contract has it; an account that could not be verified has an `error` instead of counts. Without
/// the differences, which the state lists.
pub fn json(results: &[AccountResult<VerifySummary>]) -> Body {
    Body::new(results.iter().map(account_json).collect(), Value::Object(summary_json(&sum(results))))
}

fn account_json(result: &AccountResult<VerifySummary>) -> Value {
    let mut account = match &result.result {
        Ok(summary) => {
            let mut account = summary_json(summary);
            account.insert("deep".to_owned(), json!(summary.deep));
            account.insert("recognised_by".to_owned(), recognition::json(summary.keeps));
            account.insert("warnings".to_owned(), json!(summary.warnings));
            let troubles: Vec<Value> = summary.ledger.failures.iter().map(failure::json).collect();
            account.insert("troubles".to_owned(), Value::Array(troubles));
            account
        }
        Err(error) => Map::from_iter([("error".to_owned(), failure::json(error))]),
    };
    account.insert("account".to_owned(), json!(result.account));
    Value::Object(account)
}

fn summary_json(summary: &VerifySummary) -> Map<String, Value> {
    let Differences { missing, duplicated, altered, flags_differ, dates_differ, extra, undeleted } =
        summary.ledger.differences;
    let fields = [
        ("missing", json!(missing)),
        ("duplicated", json!(duplicated)),
        ("altered", json!(altered)),
        ("flags_differ", json!(flags_differ)),
        ("dates_differ", json!(dates_differ)),
        ("extra", json!(extra)),
        ("undeleted", json!(undeleted)),
        ("flags_changed_there", json!(summary.flags_changed_there)),
        ("outcomes", outcomes::json(&summary.ledger.outcomes)),
        ("losses", losses::json(&summary.ledger.losses)),
        ("rewritten", json!(summary.rewritten)),
        ("verified_now", json!(summary.verified_now)),
        ("verified_before", json!(summary.verified_before)),
        ("conditions", json!(summary.ledger.conditions)),
        ("standing", json!(summary.ledger.standing())),
        ("mailboxes", json!(summary.mailboxes)),
        ("messages", json!(summary.messages)),
        ("octets", json!(summary.octets)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

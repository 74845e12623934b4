//! What `check` found, for programs.

use super::facts::is_ready;
use crate::error::Error;
use crate::model::Side;
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use crate::model::server::{Quota, QuotaResource};
use crate::report::document::Body;
use crate::report::failure;
use serde_json::{Value, json};

/// Every account with both sides, each open or with its error.
pub fn json(results: &[AccountResult<AccountCheck>]) -> Body {
    let ready = results.iter().filter(|result| is_ready(result)).count();
    let totals = json!({ "accounts": results.len(), "ready": ready });
    Body::new(results.iter().map(account).collect(), totals)
}

fn account(result: &AccountResult<AccountCheck>) -> Value {
    let Ok(check) = &result.result else {
        return json!({ "account": result.account, "error": result.done().err().map(failure::json) });
    };
    let side = |which: Side| check.sides.get(which as usize).map(side);
    json!({ "account": result.account, "source": side(Side::Source), "destination": side(Side::Destination) })
}

fn side(side: &Result<SideCheck, Error>) -> Value {
    match side {
        Err(error) => json!({ "error": failure::json(error) }),
        Ok(check) => json!({
            "server": check.server,
            "product": check.product,
            "protection": check.protection,
            "user": check.user,
            "capabilities": check.capabilities,
            "mailboxes": check.mailboxes,
            "messages": check.messages,
            "quotas": check.quotas.iter().map(quota).collect::<Vec<_>>(),
            "largest_message": check.append_limit,
            "octets": check.octets,
            "notes": check.notes,
            "obstacles": check.obstacles,
        }),
    }
}

fn quota(quota: &Quota) -> Value {
    let resource = match quota.resource {
        QuotaResource::Storage => "octets",
        QuotaResource::Messages => "messages",
    };
    json!({ "root": quota.root, "resource": resource, "used": quota.used, "limit": quota.limit })
}

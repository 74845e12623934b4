//! A failure for machines.

use crate::error::Error;
use serde_json::{Value, json};

/// What failed, where, why and what to do, as an object.
pub fn json(error: &Error) -> Value {
    let place = error.place();
    json!({
        "what": error.what(),
        "account": place.account,
        "side": place.side.map(|side| side.to_string()),
        "server": place.server,
        "mailbox": place.mailbox,
        "uid": place.uid,
        "causes": error.causes(),
        "hint": error.advice(),
    })
}

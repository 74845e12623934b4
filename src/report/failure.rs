//! A failure for machines.

use crate::error::{Error, Kind};
use serde_json::{Value, json};

/// What failed, where, why and what to do, as an object.
pub fn json(error: &Error) -> Value {
    let place = error.place();
    json!({
        "code": code(error.kind()),
        "what": error.what(),
        "account": place.account,
        "side": place.side.map(|side| side.to_string()),
        "server": place.server,
        "mailbox": place.mailbox,
        "uid": place.uid,
        "about": place.about,
        "causes": error.causes(),
        "hint": error.advice(),
    })
}

/// What kind of failure it is, for programs: a list that is only added to.
pub fn code(kind: &Kind) -> &'static str {
    match kind {
        Kind::Unreachable => "unreachable",
        Kind::Connection => "connection",
        Kind::Expired => "expired",
        Kind::Throttled(_) => "throttled",
        Kind::Authentication => "authentication",
        Kind::Authorization => "authorization",
        Kind::Certificate => "certificate",
        Kind::Refused => "refused",
        Kind::Quota => "quota",
        Kind::Protocol => "protocol",
        Kind::Changed => "changed",
        Kind::Settings => "settings",
        Kind::State => "state",
        Kind::Damaged => "damaged",
        Kind::Locked => "locked",
        Kind::Stale => "stale",
        Kind::Guard => "guard",
        Kind::Interrupted => "interrupted",
        Kind::SetAside => "set_aside",
        Kind::Waiting => "waiting",
        Kind::Io => "io",
    }
}

//! Facts of one side of an account, each in a line.

use crate::error::made_harmless;
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use crate::model::server::{Quota, QuotaResource};
use crate::report::quantity::{counted, octets};
use crate::report::table::{Align, padded};

/// How large a message may be, where the server says.
pub(super) fn append_limit(check: &SideCheck) -> String {
    check.append_limit.map_or_else(String::new, |limit| fact("takes", &format!("messages of up to {}", octets(limit))))
}

/// The capabilities that make a migration faster or safer; a server lists forty more that do nothing for it.
const USEFUL: [&str; 15] = [
    "IMAP4REV2",
    "QRESYNC",
    "CONDSTORE",
    "UIDPLUS",
    "MULTIAPPEND",
    "LITERAL+",
    "LITERAL-",
    "LIST-STATUS",
    "LIST-EXTENDED",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "NAMESPACE",
    "QUOTA",
    "ESEARCH",
    "OBJECTID",
];

pub(super) fn useful(capabilities: &[String]) -> String {
    let offered = |name: &&str| capabilities.iter().any(|capability| capability.eq_ignore_ascii_case(name));
    let offered: Vec<&str> = USEFUL.into_iter().filter(offered).collect();
    if offered.is_empty() { "IMAP4rev1, no extension of use here".to_owned() } else { offered.join(" ") }
}

pub(super) fn quota(quota: &Quota) -> String {
    let amount = |value| match quota.resource {
        QuotaResource::Storage => octets(value),
        QuotaResource::Messages => counted(value, "message"),
    };
    let root = if quota.root.is_empty() { String::new() } else { format!(" ({})", made_harmless(&quota.root)) };
    format!("{} of {} used{root}", amount(quota.used), amount(quota.limit))
}

/// Wide enough for the longest label.
const LABEL_WIDTH: usize = 10;

pub(super) fn fact(label: &str, text: &str) -> String {
    format!("{}   {text}\n", padded(label, LABEL_WIDTH, Align::Left))
}

/// Whether an account can be migrated: both sides were logged in on.
pub(super) fn is_ready(result: &AccountResult<AccountCheck>) -> bool {
    result.done().is_ok_and(|check| check.sides.iter().all(Result::is_ok))
}

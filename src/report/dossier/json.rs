//! The report for programs.

use super::Head;
use super::row::Row;
use crate::model::Outcomes;
use crate::model::account_report::{AccountReport, Grade, MessageReport};
use crate::report::outcomes;
use crate::report::quantity::exact_moment;
use crate::report::status::account_json;
use serde_json::{Value, json};

/// The form of this document: raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// What stands before the accounts.
pub fn head(head: &Head, rows: &[Row]) -> Value {
    let mut sum = Outcomes::default();
    rows.iter().for_each(|row| sum.merge(&row.outcomes));
    let grades = Grade::ALL.map(|grade| (grade.word(), rows.iter().filter(|row| row.grade == grade).count()));
    let mut whole = json!({
        "schema": SCHEMA,
        "made": exact_moment(head.made),
        "version": env!("CARGO_PKG_VERSION"),
        "source": head.source,
        "destination": head.destination,
        "audit": {
            "entries": head.audit.entries,
            "fault": head.audit.fault.as_ref().map(|fault| json!({ "line": fault.line, "what": fault.what })),
        },
        "totals": {
            "accounts": rows.len(),
            "grades": grades.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "outcomes": outcomes::json(&sum),
        },
    });
    if let Some(fleet) = &head.fleet {
        whole["fleet"] = fleet.told.clone();
    }
    whole
}

/// One account, with everything that the page says of it.
pub fn account(report: &AccountReport) -> Value {
    let mut value = account_json(&report.status);
    value["grade"] = json!(report.grade().word());
    value["source_user"] = json!(report.source_user);
    value["destination_user"] = json!(report.destination_user);
    value["mailboxes_copied"] = report
        .mailboxes
        .iter()
        .map(|mailbox| {
            json!({
                "source": mailbox.source,
                "destination": mailbox.destination,
                "source_messages": mailbox.source_messages,
                "destination_messages": mailbox.destination_messages,
                "outcomes": outcomes::json(&mailbox.outcomes),
            })
        })
        .collect();
    value["omitted"] =
        report.omitted.iter().map(|(mailbox, reason)| json!({ "mailbox": mailbox, "reason": reason })).collect();
    value["messages"] = report.messages.iter().map(message).collect();
    value["messages_unlisted"] = json!(report.unlisted);
    value["verification"] = report.verification.as_ref().map_or(Value::Null, |it| {
        json!({
            "at": exact_moment(it.at),
            "deep": it.deep,
            "messages": it.messages,
            "octets": it.octets,
            "standing": it.standing,
            "differences": it.differences,
            "listed": report.differences.0,
            "unlisted": report.differences.1,
        })
    });
    value
}

fn message(message: &MessageReport) -> Value {
    json!({
        "mailbox": message.mailbox,
        "uid": message.uid,
        "date": message.date.and_then(exact_moment),
        "octets": message.octets,
        "outcome": message.outcome,
        "reason": message.reason,
        "from": message.about.as_ref().map(|about| &about.from),
        "subject": message.about.as_ref().map(|about| &about.subject),
        "message_id": message.about.as_ref().map(|about| &about.message_id),
    })
}

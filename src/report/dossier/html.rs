//! Pages for people: one file without scripts, that opens from a disk and prints. What stands in it came from servers and
//! users: it is made harmless, and escaped by the templates.

use super::Head;
use super::row::Row;
use crate::error::made_harmless;
use crate::model::Outcomes;
use crate::model::about::About;
use crate::model::account_report::{AccountReport, Grade, MessageReport};
use crate::model::attempt::{Attempt, AttemptResult};
use crate::model::audit::{Chain, Fault};
use crate::model::difference::Difference;
use crate::report::outcomes::sentence;
use crate::report::quantity::{counted, minute_in, number, octets};
use crate::report::style::STYLE;
use crate::report::{losses, quantity};
use askama::Template;
use jiff::tz::TimeZone;

/// Groups of more accounts than these are folded, unless they need a look.
const OPEN_ROWS: usize = 500;

#[derive(Template)]
#[template(path = "report_head.html")]
struct HeadPage<'a> {
    title: &'a str,
    style: &'a str,
}

#[derive(Template)]
#[template(path = "report_index.html")]
struct IndexPage<'a> {
    title: &'a str,
    style: &'a str,
    made: String,
    version: &'a str,
    source: String,
    destination: String,
    cards: Vec<Card>,
    sentence: String,
    audit: String,
    is_audit_broken: bool,
    /// What keeps a report of several processes from being the whole truth.
    findings: Vec<String>,
    groups: Vec<Group>,
}

struct Card {
    count: String,
    word: &'static str,
    class: &'static str,
}

struct Group {
    word: &'static str,
    class: &'static str,
    count: String,
    open: bool,
    rows: Vec<IndexRow>,
}

struct IndexRow {
    account: String,
    link: String,
    condition: &'static str,
    messages: String,
    there: String,
    pending: String,
    failed: String,
    left_out: String,
    size: String,
    verified: String,
}

#[derive(Template)]
#[template(path = "report_account.html")]
struct AccountSection {
    anchor: String,
    account: String,
    class: &'static str,
    grade: &'static str,
    source_user: String,
    destination_user: String,
    condition: &'static str,
    sentence: String,
    size: String,
    attempt: String,
    verified: String,
    trouble: String,
    hint: String,
    losses: String,
    mailboxes: Vec<MailboxRow>,
    omitted: Vec<(String, String)>,
    messages: Vec<MessageRow>,
    more: String,
    differences: Vec<String>,
    failures: Vec<String>,
}

struct MailboxRow {
    source: String,
    source_messages: String,
    destination: String,
    destination_messages: String,
    sentence: String,
}

struct MessageRow {
    mailbox: String,
    uid: u32,
    date: String,
    about: String,
    size: String,
    outcome: String,
    reason: String,
}

/// Everything up to the sections of the accounts.
pub fn index(head: &Head, rows: &[Row]) -> String {
    let cards = Grade::ALL.map(|grade| Card {
        count: number(rows.iter().filter(|row| row.grade == grade).count() as u64),
        word: grade.word(),
        class: class(grade),
    });
    let mut outcomes = Outcomes::default();
    rows.iter().for_each(|row| outcomes.merge(&row.outcomes));
    let groups = Grade::ALL.into_iter().filter_map(|grade| group(grade, rows, &head.zone)).collect();
    let page = IndexPage {
        title: "Migration report",
        style: STYLE,
        made: minute_in(head.made, &head.zone),
        version: env!("CARGO_PKG_VERSION"),
        source: made_harmless(&head.source),
        destination: made_harmless(&head.destination),
        cards: cards.into_iter().collect(),
        sentence: format!("{}; {}", counted(rows.len() as u64, "account"), sentence(&outcomes)),
        audit: audit(&head.audit),
        is_audit_broken: head.audit.fault.is_some(),
        findings: head.fleet.iter().flat_map(|fleet| &fleet.findings).map(|finding| made_harmless(finding)).collect(),
        groups,
    };
    rendered(&page)
}

/// What is to be said of the record of who did what.
pub fn audit(chain: &Chain) -> String {
    match &chain.fault {
        None if chain.entries == 0 => "Who did what was not recorded.".to_owned(),
        None => format!("Who did what is recorded in audit.jsonl: {}, one chain.", counted(chain.entries, "entry")),
        Some(Fault { line, what }) => {
            format!("The record of who did what (audit.jsonl) is broken at line {}: {what}.", number(*line))
        }
    }
}

fn group(grade: Grade, rows: &[Row], zone: &TimeZone) -> Option<Group> {
    let rows: Vec<IndexRow> = rows.iter().filter(|row| row.grade == grade).map(|row| index_row(row, zone)).collect();
    let count = counted(rows.len() as u64, "account");
    let open = rows.len() <= OPEN_ROWS || matches!(grade, Grade::Incomplete | Grade::ToReview);
    (!rows.is_empty()).then(|| Group { word: grade.word(), class: class(grade), count, open, rows })
}

fn index_row(row: &Row, zone: &TimeZone) -> IndexRow {
    let verified =
        row.verified.map(|(at, deep, _)| format!("{}{}", minute_in(at, zone), if deep { ", bytes" } else { "" }));
    IndexRow {
        account: made_harmless(&row.account),
        link: row.link.clone(),
        condition: row.condition.word(),
        messages: number(row.held),
        there: number(row.outcomes.there()),
        pending: number(row.outcomes.pending),
        failed: number(row.outcomes.left_behind()),
        left_out: number(row.left_out()),
        size: octets(row.octets),
        verified: verified.unwrap_or_else(|| "not yet".to_owned()),
    }
}

/// The section of one account.
pub fn section(report: &AccountReport, anchor: &str, zone: &TimeZone) -> String {
    let (status, ledger) = (&report.status, &report.status.status.ledger);
    let attempt = status.attempt.as_ref();
    let trouble = match attempt.map(|attempt| &attempt.result) {
        Some(AttemptResult::Failed(trouble)) => Some(trouble),
        _ => None,
    };
    let mailboxes = report.mailboxes.iter().map(|mailbox| MailboxRow {
        source: made_harmless(&mailbox.source),
        source_messages: number(mailbox.source_messages),
        destination: made_harmless(&mailbox.destination),
        destination_messages: mailbox.destination_messages.map_or_else(|| "–".to_owned(), number),
        sentence: sentence(&mailbox.outcomes),
    });
    let section = AccountSection {
        anchor: anchor.to_owned(),
        account: made_harmless(&status.account),
        class: class(report.grade()),
        grade: report.grade().word(),
        source_user: made_harmless(&report.source_user),
        destination_user: made_harmless(&report.destination_user),
        condition: status.condition.word(),
        sentence: sentence(&ledger.outcomes),
        size: octets(status.status.source_octets),
        attempt: attempt.map_or_else(|| "none".to_owned(), |attempt| told(attempt, zone)),
        verified: verified(report, zone),
        trouble: trouble.map_or_else(String::new, |trouble| made_harmless(&trouble.line)),
        hint: trouble.and_then(|trouble| trouble.hint.as_deref()).map_or_else(String::new, made_harmless),
        losses: if ledger.losses.is_empty() { String::new() } else { losses::sentence(&ledger.losses) },
        mailboxes: mailboxes.collect(),
        omitted: report.omitted.iter().map(|(name, reason)| (made_harmless(name), made_harmless(reason))).collect(),
        messages: report.messages.iter().map(|message| message_row(message, zone)).collect(),
        more: match report.unlisted {
            0 => String::new(),
            more => format!("and {} that are not listed here", counted(more, "message")),
        },
        differences: differences(report),
        failures: report.failures.iter().map(|failure| made_harmless(&failure.line)).collect(),
    };
    rendered(&section)
}

/// A page of its own for the section of one account.
pub fn account_page(report: &AccountReport, zone: &TimeZone) -> String {
    let title = format!("{}: migration report", made_harmless(&report.status.account));
    let head = HeadPage { title: &title, style: STYLE };
    let back = "<p><a href=\"../index.html\">All accounts</a></p>\n";
    format!("{}{back}{}{TAIL}", rendered(&head), section(report, "account", zone))
}

/// What ends every page.
pub const TAIL: &str = "</body>\n</html>\n";

fn told(attempt: &Attempt, zone: &TimeZone) -> String {
    let result = match &attempt.result {
        AttemptResult::Done => "done",
        AttemptResult::Cut => "ended with work left",
        AttemptResult::Failed(_) => "failed, whole or in part",
    };
    format!("{} on {}: {result}", attempt.step.word(), minute_in(attempt.started, zone))
}

fn verified(report: &AccountReport, zone: &TimeZone) -> String {
    let Some(verification) = &report.verification else { return "not yet".to_owned() };
    let how = if verification.deep { "byte by byte" } else { "by what is listed" };
    let found = match verification.differences.faults() {
        0 => "no difference".to_owned(),
        faults => counted(faults, "difference"),
    };
    let messages = counted(verification.messages, "message");
    format!("{}, {how}, {messages}: {found}", minute_in(verification.at, zone))
}

fn message_row(message: &MessageReport, zone: &TimeZone) -> MessageRow {
    let about = message.about.as_ref().map(About::sentence);
    MessageRow {
        mailbox: made_harmless(&message.mailbox),
        uid: message.uid,
        date: message.date.map_or_else(String::new, |date| minute_in(date, zone)),
        about: about.map_or_else(String::new, |about| made_harmless(&about)),
        size: message.octets.map_or_else(String::new, quantity::octets),
        outcome: message.outcome.clone(),
        reason: made_harmless(&message.reason),
    }
}

fn differences(report: &AccountReport) -> Vec<String> {
    let (listed, unlisted) = &report.differences;
    let more = (*unlisted > 0).then(|| format!("and {} that are not listed here", counted(*unlisted, "difference")));
    listed.iter().map(difference).chain(more).collect()
}

fn difference(difference: &Difference) -> String {
    let uid = match (difference.source, difference.destination) {
        (Some(uid), _) => format!("UID {uid}"),
        (None, Some(uid)) => format!("UID {uid} of the destination"),
        (None, None) => String::new(),
    };
    let (mailbox, detail) = (made_harmless(&difference.mailbox), made_harmless(&difference.detail));
    let about = difference.about.as_ref().map(|about| format!(" ({})", made_harmless(&about.sentence())));
    format!("{mailbox}: {}, {uid}{}: {detail}", difference.kind.word(), about.unwrap_or_default())
}

fn class(grade: Grade) -> &'static str {
    match grade {
        Grade::Incomplete => "incomplete",
        Grade::ToReview => "review",
        Grade::Whole => "whole",
        Grade::Exact => "exact",
    }
}

/// Templates write to memory: there is nothing that can fail.
fn rendered(page: &impl Template) -> String {
    page.render().unwrap_or_default()
}

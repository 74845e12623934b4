use super::row::Row;
use super::{Head, csv, html, json};
use crate::model::about::About;
use crate::model::account_report::{AccountReport, Grade, MailboxReport, MessageReport, Verification};
use crate::model::attempt::{Attempt, AttemptResult, Step, Trouble};
use crate::model::audit::{Chain, Fault};
use crate::model::difference::{Difference, DifferenceKind, Differences};
use crate::model::ledger::{Stage, Standing};
use crate::model::report::StatusSummary;
use crate::model::statistics::AccountStatus;
use crate::model::{AccountLedger, Condition, Outcomes, Turn};
use jiff::tz::TimeZone;

/// What a hostile server or user would write.
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}&\"'\x1b[2J";

fn report(name: &str, outcomes: Outcomes, trouble: Option<&str>) -> AccountReport {
    let ledger = AccountLedger { outcomes, held: outcomes.total(), ..AccountLedger::at(Stage::Applied) };
    let result = match trouble {
        Some(line) => AttemptResult::Failed(Trouble {
            line: line.to_owned(),
            hint: Some("mend it".to_owned()),
            count: 1,
            needs_a_person: false,
        }),
        None => AttemptResult::Done,
    };
    let attempt = Attempt { step: Step::Sync, started: 1_783_864_920, ended: 1_783_864_932, result };
    let condition = Condition::of(None, Turn::None, Some(&attempt), &ledger);
    let status = AccountStatus { ledger, source_octets: 5 << 20, ..AccountStatus::default() };
    AccountReport {
        source_user: name.to_owned(),
        destination_user: name.to_owned(),
        status: StatusSummary {
            account: name.to_owned(),
            status,
            failures: 0,
            planned: 0,
            attempt: Some(attempt),
            condition,
            runs: Vec::new(),
        },
        mailboxes: vec![MailboxReport {
            source: name.to_owned(),
            destination: "INBOX".to_owned(),
            source_messages: outcomes.total(),
            destination_messages: Some(outcomes.there()),
            outcomes,
        }],
        omitted: Vec::new(),
        messages: Vec::new(),
        unlisted: 0,
        failures: Vec::new(),
        verification: None,
        differences: Default::default(),
    }
}

fn copied(count: u64) -> Outcomes {
    Outcomes { copied: count, ..Outcomes::default() }
}

fn verified(standing: Standing, missing: u64) -> Option<Verification> {
    let differences = Differences { missing, ..Differences::default() };
    Some(Verification {
        at: 1_783_900_000,
        deep: true,
        messages: 3,
        octets: 9,
        octets_copied: 0,
        standing,
        differences,
    })
}

fn head() -> Head {
    Head {
        made: 1_783_900_000,
        zone: TimeZone::UTC,
        source: "old".to_owned(),
        destination: "new".to_owned(),
        audit: Chain::default(),
        fleet: None,
    }
}

#[test]
fn broken_record_of_who_did_what_is_named() {
    let broken = Chain { entries: 3, fault: Some(Fault { line: 2, what: "it was changed" }) };
    let head = Head { audit: broken, ..head() };
    let page = html::index(&head, &[]);
    assert!(page.contains("is broken at line 2: it was changed") && !page.contains("one chain"), "{page}");
    assert_eq!(json::head(&head, &[])["audit"]["fault"]["line"], 2);
    assert_eq!(
        html::audit(&Chain { entries: 2, fault: None }),
        "Who did what is recorded in audit.jsonl: 2 entries, one chain."
    );
}

#[test]
fn grade_says_what_the_account_comes_to() {
    let whole = report("alice", copied(3), None);
    assert_eq!(whole.grade(), Grade::Whole, "not compared yet");
    let exact = AccountReport { verification: verified(Standing::Identical, 0), ..whole.clone() };
    assert_eq!(exact.grade(), Grade::Exact);
    let differs = AccountReport { verification: verified(Standing::Different, 1), ..whole };
    assert_eq!(differs.grade(), Grade::Incomplete);
    assert_eq!(report("alice", Outcomes { refused: 1, ..copied(3) }, None).grade(), Grade::Incomplete);
    assert_eq!(report("alice", Outcomes { accepted: 1, ..copied(3) }, None).grade(), Grade::ToReview);
    assert_eq!(report("alice", copied(3), Some("it broke")).grade(), Grade::Incomplete);
}

#[test]
fn hostile_names_in_every_field_do_nothing() {
    let mut hostile = report(HOSTILE, Outcomes { refused: 1, ..copied(3) }, Some(HOSTILE));
    hostile.omitted.push((HOSTILE.to_owned(), HOSTILE.to_owned()));
    let text = || HOSTILE.to_owned();
    hostile.messages.push(MessageReport {
        mailbox: text(),
        uid: 7,
        date: Some(1_783_864_920),
        octets: Some(512),
        about: Some(About { from: text(), subject: text(), message_id: text() }),
        outcome: "refused".to_owned(),
        reason: text(),
    });
    let about = Some(About { from: text(), subject: text(), message_id: text() });
    let difference = Difference::new(text(), DifferenceKind::Missing, (None, None), text());
    hostile.differences.0.push(Difference { about, ..difference });
    let row = Row::of(&hostile, "#account-1".to_owned());
    let hostile_head = Head { source: text(), destination: text(), ..head() };
    let pages = [
        html::index(&hostile_head, std::slice::from_ref(&row)) + &html::section(&hostile, "account-1", &TimeZone::UTC),
        html::account_page(&hostile, &TimeZone::UTC),
    ];
    for page in pages {
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\x1b'), "{page}");
        assert!(page.contains("&#60;script&#62;"), "{page}");
    }
}

#[test]
fn page_names_each_message_that_is_not_there() {
    let mut report = report("alice", Outcomes { refused: 1, ..copied(3) }, Some("could not append"));
    report.messages.push(MessageReport {
        mailbox: "INBOX".to_owned(),
        uid: 7,
        date: Some(1_783_864_920),
        octets: Some(512),
        about: Some(About { from: "Anna".to_owned(), subject: "Angebot 2021".to_owned(), ..About::default() }),
        outcome: "refused".to_owned(),
        reason: "NO too ugly".to_owned(),
    });
    let page = html::account_page(&report, &TimeZone::UTC);
    for words in [
        "incomplete",
        "2026-07-12 14:02",
        "Anna: Angebot 2021",
        "512 B",
        "NO too ugly",
        "4 messages: 3 copied, 1 refused",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert_eq!(json::account(&report)["messages"][0]["subject"], "Angebot 2021");
}

#[test]
fn spreadsheet_has_a_line_an_account_and_no_formula() {
    let rows = [Row::of(&report("=HYPERLINK(\"x\"),alice", copied(3), None), String::new())];
    let text = csv::text(&rows);
    let line = text.lines().nth(1).unwrap();
    assert!(line.starts_with("\"'=HYPERLINK(\"\"x\"\"),alice\","), "{line}");
    assert!(line.contains(",whole,synced,3,3,0,0,0,5242880,,,"), "{line}");
}

#[test]
fn head_of_the_json_counts_grades() {
    let rows = [Row::of(&report("alice", copied(3), None), String::new())];
    let value = json::head(&head(), &rows);
    assert_eq!((&value["schema"], &value["totals"]["grades"]["whole"]), (&1.into(), &1.into()));
}

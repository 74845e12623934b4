//! What a verification says, as text and as JSON.

use super::*;
use crate::error::{Error, Kind};
use crate::model::ledger::Stage;
use crate::model::{AccountLedger, Uid};
use crate::report::document::{Head, document};

fn verified(differences: Differences, listed: Vec<Difference>) -> AccountResult<VerifySummary> {
    let outcomes = Outcomes { copied: 20_000, ..Outcomes::default() };
    let summary = VerifySummary {
        ledger: AccountLedger { differences, outcomes, held: 20_000, ..AccountLedger::at(Stage::Verified) },
        listed,
        mailboxes: 40,
        messages: 20_000,
        octets: 1 << 30,
        deep: true,
        ..VerifySummary::default()
    };
    AccountResult::new("alice", Ok(summary))
}

fn difference(mailbox: &str, kind: DifferenceKind, uid: u32, detail: &str) -> Difference {
    let there = (kind != DifferenceKind::Missing).then_some(Uid(uid + 100));
    Difference::new(mailbox.to_owned(), kind, (Some(Uid(uid)), there), detail.to_owned())
}

#[test]
fn text_identical_is_one_line() {
    let expected = "Identical: 20,000 messages in 40 mailboxes, 1.0 GiB; every byte was compared.\n";
    assert_eq!(text(&[verified(Differences::default(), Vec::new())], &Invocation::default()), expected);
}

#[test]
fn text_says_what_was_not_read_again() {
    let mut result = verified(Differences::default(), Vec::new());
    if let Ok(summary) = &mut result.result {
        (summary.verified_now, summary.verified_before) = (1, 19_999);
    }
    let expected = "Identical: 20,000 messages in 40 mailboxes, 1.0 GiB; every byte was compared, now or before.\n\
        Found the same byte for byte: 1 message now, and 19,999 before, which are listed as they were then and were not read again: \
        `mailferry verify --deep --again` reads all\n";
    assert_eq!(text(&[result], &Invocation::default()), expected);
}

#[test]
fn text_differences_are_listed_by_mailbox() {
    let differences = Differences { missing: 3, flags_differ: 1, extra: 2, ..Differences::default() };
    let listed = vec![
        difference("Sent", DifferenceKind::Missing, 9, "12.0 KiB of 2024-05-01"),
        difference("INBOX", DifferenceKind::FlagsDiffer, 2, r"(\Seen) became ()"),
        difference("INBOX", DifferenceKind::Missing, 7, ""),
    ];
    let expected = r"INBOX
  missing        UID 7
  flags differ   UID 2, destination UID 102   (\Seen) became ()
Sent
  missing   UID 9   12.0 KiB of 2024-05-01
… and 3 more that are not shown; --list and --json name all

Different: 3 missing, 1 with other flags.
2 messages are only on the destination: new there, or deleted on the source
To bring over what is missing or has changed since, run: mailferry sync
";
    assert_eq!(text(&[verified(differences, listed)], &Invocation::default()), expected);
}

#[test]
fn advice_is_to_sync_only_where_that_helps() {
    let ledger = |differences| AccountLedger { differences, ..AccountLedger::default() };
    let sum = |differences| VerifySummary { ledger: ledger(differences), ..VerifySummary::default() };
    let altered = advice(&sum(Differences { altered: 1, ..Differences::default() }), &Invocation::default());
    assert!(altered.contains("explain") && altered.contains("mailferry sync --repair"), "{altered}");
    let doubled = advice(&sum(Differences { duplicated: 1, ..Differences::default() }), &Invocation::default());
    assert!(doubled.contains("explain") && !doubled.contains("--repair"), "{doubled}");
    let missing = advice(&sum(Differences { missing: 1, ..Differences::default() }), &Invocation::default());
    assert_eq!(missing, "To bring over what is missing or has changed since, run: mailferry sync\n");
    assert_eq!(advice(&sum(Differences { extra: 1, ..Differences::default() }), &Invocation::default()), "");
}

#[test]
fn text_skipped_messages_are_not_called_identical() {
    let mut result = verified(Differences::default(), Vec::new());
    if let Ok(summary) = &mut result.result {
        summary.ledger.outcomes.skipped = 1;
    }
    let shown = text(&[result], &Invocation::default());
    assert!(shown.starts_with("No difference found: 20,000 messages"), "{shown}");
    assert!(shown.ends_with("20,001 messages: 20,000 copied, 1 skipped\n"), "{shown}");
}

fn named(name: &str, result: Result<fn(&mut AccountLedger), Error>) -> AccountResult<VerifySummary> {
    let spoilt = result.map(|spoil| {
        let mut summary = verified(Differences::default(), Vec::new()).result.expect("a summary");
        spoil(&mut summary.ledger);
        *summary
    });
    AccountResult::new(name, spoilt)
}

#[test]
fn text_accounts_that_were_not_compared_forbid_the_word_identical() {
    let failed = || Err(Error::new(Kind::Authentication, "could not log in"));
    let well: fn(&mut AccountLedger) = |_| ();
    let accounts = ["alice", "dora", "emil", "fred"].map(|name| named(name, Ok(well)));
    let mut results: Vec<_> = accounts.into_iter().collect();
    results.extend(["bob", "carol"].map(|name| named(name, failed())));
    let expected = "4 of 6 accounts identical; 2 could not be compared: bob, carol\n";
    assert_eq!(text(&results, &Invocation::default()), expected);
    results.push(named("gina", Ok(|ledger| ledger.losses.dates = 1)));
    let shown = text(&results, &Invocation::default());
    let expected = "4 of 7 accounts identical; 1 without a difference; 2 could not be compared: bob, carol\n";
    assert!(shown.starts_with(expected), "{shown}");
    results.push(named("hugo", Ok(|ledger| ledger.differences.missing = 1)));
    let shown = text(&results, &Invocation::default());
    assert!(shown.contains("\nDifferent: 1 missing.\n2 could not be compared: bob, carol\n"), "{shown}");
}

#[test]
fn text_of_one_account_that_was_not_wholly_compared_or_cannot_be_kept_is_not_identical() {
    let broken = named("alice", Ok(|ledger| drop(ledger.failures.add(Error::new(Kind::Connection, "it broke")))));
    let shown = text(&[broken], &Invocation::default());
    assert!(shown.starts_with("No difference found, but not all could be compared: 1 failure.\n"), "{shown}");
    let unread = text(&[named("alice", Ok(|ledger| ledger.conditions.unreadable = 1))], &Invocation::default());
    assert!(unread.starts_with("Different: 1 mailbox that could not be read.\n"), "{unread}");
    let lossy = text(
        &[named(
            "alice",
            Ok(|ledger| {
                ledger.losses.flags.insert("\\Flagged".to_owned(), 3);
                ledger.losses.dates = 1;
            }),
        )],
        &Invocation::default(),
    );
    let expected = "Every message is there, byte for byte; 3 flags and 1 date cannot be kept by the destination.\n";
    assert!(lossy.starts_with(expected), "{lossy}");
    assert!(![shown, unread, lossy].iter().any(|text| text.to_lowercase().contains("identical")));
}

#[test]
fn json_has_the_shape_of_the_contract() {
    let differences = Differences { missing: 1, ..Differences::default() };
    let found = [verified(differences, vec![difference("INBOX", DifferenceKind::Missing, 7, "")])];
    let json = document(&Head::default(), json(&found));
    for counts in [&json["accounts"][0], &json["totals"]] {
        let keys = ["missing", "duplicated", "altered", "flags_differ", "dates_differ", "extra"];
        assert_eq!(keys.map(|key| counts[key].as_u64()), [1, 0, 0, 0, 0, 0].map(Some));
        assert_eq!(counts["outcomes"]["copied"], 20_000);
    }
    assert_eq!(json["accounts"][0]["account"], "alice");
}

//! What `verify` found, as text and as JSON.

use super::quantity::{counted, number, octets, verb_for};
use super::table::{Align, Table};
use super::{failure, indented, losses, named_accounts, outcomes, recognition, succeeded, warning_lines};
use crate::error::sanitized;
use crate::model::Outcomes;
use crate::model::amount::grow;
use crate::model::difference::{Difference, DifferenceKind, Differences};
use crate::model::ledger::Standing;
use crate::model::report::{AccountResult, VerifySummary};
use crate::model::run_ledger::RunLedger;
use serde_json::{Map, Value, json};

/// The differences of each account by mailbox, and the verdict over all.
pub fn text(results: &[AccountResult<VerifySummary>], sync_command: &str) -> String {
    if succeeded(results).count() == 0 {
        return String::new();
    }
    let accounts: String = succeeded(results).map(|(name, summary)| account(name, summary, results.len())).collect();
    accounts + &verdict(&sum(results), &RunLedger::of(results), sync_command)
}

fn account(name: &str, summary: &VerifySummary, accounts: usize) -> String {
    let listed = mailboxes(&summary.listed) + &unlisted(summary);
    let warnings = warning_lines(name, &summary.warnings, accounts);
    let listed = match (listed.is_empty(), accounts) {
        (true, _) => listed,
        (false, 1) => format!("{listed}\n"),
        (false, _) => format!("{}\n{}\n", sanitized(name), indented(&listed, 2)),
    };
    let rule = recognition::line(summary.keeps);
    let rule = if accounts > 1 && !rule.is_empty() { format!("{}: {rule}", sanitized(name)) } else { rule };
    listed + &warnings + &rule
}

fn mailboxes(listed: &[Difference]) -> String {
    let mut sorted: Vec<&Difference> = listed.iter().collect();
    sorted.sort_by(|a, b| (&a.mailbox, a.kind, a.source).cmp(&(&b.mailbox, b.kind, b.source)));
    let groups = sorted.chunk_by(|a, b| a.mailbox == b.mailbox);
    groups.map(|group| format!("{}\n{}", sanitized(&group[0].mailbox), indented(&differences(group), 2))).collect()
}

fn differences(group: &[&Difference]) -> String {
    let mut table = Table::new([Align::Left, Align::Left, Align::Left]);
    for difference in group {
        table.row([word(difference.kind).to_owned(), place(difference), sanitized(&difference.detail)]);
    }
    table.lines().iter().map(|line| format!("{line}\n")).collect()
}

fn place(difference: &Difference) -> String {
    match (difference.source, difference.destination) {
        (Some(source), Some(destination)) => format!("UID {source}, destination UID {destination}"),
        (Some(source), None) => format!("UID {source}"),
        (None, Some(destination)) => format!("destination UID {destination}"),
        (None, None) => String::new(),
    }
}

/// Says so where more was counted than listed.
fn unlisted(summary: &VerifySummary) -> String {
    let counted_all: u64 = counts(&summary.ledger.differences).iter().map(|(_, count)| count).sum();
    match counted_all.saturating_sub(summary.listed.len() as u64) {
        0 => String::new(),
        more if summary.listed.is_empty() && summary.ledger.differences.is_clean() => {
            format!("{} only on the destination\n", counted(more, "message"))
        }
        more => format!("… and {} more that {} not listed\n", number(more), verb_for(more, "is", "are")),
    }
}

/// All accounts together.
fn sum(results: &[AccountResult<VerifySummary>]) -> VerifySummary {
    let ledger = RunLedger::of(results).sum();
    let mut sum = VerifySummary { deep: true, ledger, ..VerifySummary::default() };
    for (_, summary) in succeeded(results) {
        sum.mailboxes += summary.mailboxes;
        sum.messages += summary.messages;
        grow(&mut sum.octets, summary.octets);
        sum.deep &= summary.deep;
        sum.flags_changed_there += summary.flags_changed_there;
        sum.rewritten += summary.rewritten;
    }
    sum
}

/// The first line says what all accounts have come to; what was not compared comes before any good word.
fn verdict(sum: &VerifySummary, run: &RunLedger<'_>, sync_command: &str) -> String {
    let headline = match overall(run) {
        Standing::Different => format!("Different: {}.\n", counted_differences(sum)),
        Standing::Uncompared => uncompared(sum, run),
        Standing::Partial => format!("No difference found: {}.\n", compared(sum, run.count())),
        Standing::Lossy => lossy(sum, run.count()),
        Standing::Identical => format!("Identical: {}.\n", compared(sum, run.count())),
    };
    let missed = if overall(run) == Standing::Different { missed(run) } else { String::new() };
    headline
        + &missed
        + &balance(&sum.ledger.outcomes)
        + &losses::line(&sum.ledger.losses)
        + &harmless(sum)
        + &advice(sum, sync_command)
}

/// The worst that any account stands at; an account without a ledger was not compared.
fn overall(run: &RunLedger<'_>) -> Standing {
    let standing = |(_, ledger): (_, Result<&crate::model::AccountLedger, _>)| {
        ledger.map_or(Standing::Uncompared, crate::model::AccountLedger::standing)
    };
    run.accounts().map(standing).max().unwrap_or(Standing::Uncompared)
}

/// `4 of 6 accounts identical; 2 could not be compared: bob, carol`
fn uncompared(sum: &VerifySummary, run: &RunLedger<'_>) -> String {
    let failures = sum.ledger.failures.count();
    if run.count() == 1 {
        return format!("No difference found, but not all could be compared: {}.\n", counted(failures, "failure"));
    }
    let identical = run.standing(Standing::Identical);
    let alike = run.standing(Standing::Partial) + run.standing(Standing::Lossy);
    let alike = if alike > 0 { format!("; {} without a difference", number(alike)) } else { String::new() };
    format!("{} of {} identical{alike}{}", number(identical), counted(run.count(), "account"), missed_part(run))
}

fn missed_part(run: &RunLedger<'_>) -> String {
    format!("; {}\n", named_accounts("could not be compared", &run.uncompared()))
}

/// Accounts that were not compared, where others differ.
fn missed(run: &RunLedger<'_>) -> String {
    let missed = run.uncompared();
    if missed.is_empty() {
        return String::new();
    }
    format!("{}\n", named_accounts("could not be compared", &missed))
}

/// `Every message is there, octet for octet; 3 flags and 1 date cannot be kept by the destination`
fn lossy(sum: &VerifySummary, accounts: u64) -> String {
    let how = if sum.deep { ", octet for octet" } else { "" };
    let losses = losses::sentence(&sum.ledger.losses);
    format!("Every message is there{how}; {losses}.\nCompared: {}.\n", compared(sum, accounts))
}

fn counted_differences(sum: &VerifySummary) -> String {
    let counts = counts(&sum.ledger.differences)
        .into_iter()
        .filter(|(kind, count)| *count > 0 && *kind != DifferenceKind::Extra);
    let named = counts.map(|(kind, count)| match kind {
        DifferenceKind::FlagsDiffer => format!("{} with other flags", number(count)),
        DifferenceKind::DatesDiffer => format!("{} with another date", number(count)),
        _ => format!("{} {}", number(count), word(kind)),
    });
    let mailboxes = sum.ledger.conditions.unreadable;
    let unread = (mailboxes > 0).then(|| format!("{} that could not be read", counted(mailboxes, "mailbox")));
    let questioned = sum.ledger.questioned;
    let questioned = (questioned > 0).then(|| format!("{} gone from the destination", number(questioned)));
    named.chain(unread).chain(questioned).collect::<Vec<_>>().join(", ")
}

/// `20,000 messages in 40 mailboxes, 1.2 GiB; every octet was compared`
fn compared(sum: &VerifySummary, accounts: u64) -> String {
    let of = if accounts > 1 { format!(" of {}", counted(accounts, "account")) } else { String::new() };
    let how = if sum.deep { "every octet was compared" } else { "identity, size, flags and dates were compared" };
    let (messages, mailboxes) = (counted(sum.messages, "message"), counted(sum.mailboxes, "mailbox"));
    format!("{messages} in {mailboxes}{of}, {}; {how}", octets(sum.octets))
}

fn everything_arrived(outcomes: &Outcomes) -> bool {
    outcomes.there() == outcomes.total()
}

/// The account of outcomes, where it says more than that all is there.
fn balance(outcomes: &Outcomes) -> String {
    if everything_arrived(outcomes) { String::new() } else { format!("Outcome of {}\n", outcomes::sentence(outcomes)) }
}

/// What is other than on the source, and no fault.
fn harmless(sum: &VerifySummary) -> String {
    let mut lines = String::new();
    let extra = sum.ledger.differences.extra;
    if extra > 0 {
        let verb = verb_for(extra, "is", "are");
        lines += &format!(
            "{} {verb} only on the destination: new there, or deleted on the source\n",
            counted(extra, "message")
        );
    }
    let changed = sum.flags_changed_there;
    if changed > 0 {
        let had = verb_for(changed, "has", "have");
        lines += &format!("{} {had} flags that were changed on the destination since\n", counted(changed, "message"));
    }
    if sum.rewritten > 0 {
        lines += &format!(
            "{} {} in a form of the destination's own (header lines, size or date) and known by it\n",
            counted(sum.rewritten, "copy"),
            verb_for(sum.rewritten, "is", "are")
        );
    }
    lines
}

fn advice(sum: &VerifySummary, sync_command: &str) -> String {
    let Differences { missing, duplicated, altered, flags_differ, dates_differ, extra: _, undeleted } =
        sum.ledger.differences;
    let mut lines = String::new();
    if missing + flags_differ + undeleted > 0 {
        lines += &format!("To bring over what is missing or has changed since, run: {sync_command}\n");
    }
    if duplicated + altered + dates_differ > 0 {
        lines +=
            "What is doubled or altered stays so with a plain sync; for each: mailferry explain ACCOUNT MAILBOX UID\n";
    }
    if altered > 0 {
        lines += &format!(
            "Altered copies of ours are replaced by: {sync_command} --repair (not what the destination writes in its own way)\n"
        );
    }
    if duplicated > 0 {
        lines += "If it is a second copy of ours, it is named and can be removed by: mailferry sync --allow-deletes\n";
    }
    lines
}

fn word(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Missing => "missing",
        DifferenceKind::Duplicated => "duplicated",
        DifferenceKind::Altered => "altered",
        DifferenceKind::FlagsDiffer => "flags differ",
        DifferenceKind::DatesDiffer => "dates differ",
        DifferenceKind::Extra => "extra",
        DifferenceKind::Undeleted => "not deleted",
    }
}

fn counts(differences: &Differences) -> [(DifferenceKind, u64); 7] {
    let Differences { missing, duplicated, altered, flags_differ, dates_differ, extra, undeleted } = *differences;
    [
        (DifferenceKind::Missing, missing),
        (DifferenceKind::Duplicated, duplicated),
        (DifferenceKind::Altered, altered),
        (DifferenceKind::FlagsDiffer, flags_differ),
        (DifferenceKind::DatesDiffer, dates_differ),
        (DifferenceKind::Extra, extra),
        (DifferenceKind::Undeleted, undeleted),
    ]
}

/// The verification as the Contract has it; an account that could not be verified has an `error` instead of counts.
pub fn json(results: &[AccountResult<VerifySummary>]) -> Value {
    let sum = sum(results);
    json!({
        "accounts": results.iter().map(account_json).collect::<Vec<_>>(),
        "totals": summary_json(&sum),
    })
}

fn account_json(result: &AccountResult<VerifySummary>) -> Value {
    let mut account = match &result.result {
        Ok(summary) => {
            let mut account = summary_json(summary);
            account.insert("deep".to_owned(), json!(summary.deep));
            account.insert("recognised_by".to_owned(), recognition::json(summary.keeps));
            account.insert("listed".to_owned(), json!(summary.listed));
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
        ("conditions", json!(summary.ledger.conditions)),
        ("standing", json!(summary.ledger.standing())),
        ("mailboxes", json!(summary.mailboxes)),
        ("messages", json!(summary.messages)),
        ("octets", json!(summary.octets)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use crate::model::ledger::Stage;
    use crate::model::{AccountLedger, Uid};

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
        AccountResult { account: "alice".to_owned(), result: Ok(summary) }
    }

    fn difference(mailbox: &str, kind: DifferenceKind, uid: u32, detail: &str) -> Difference {
        Difference {
            mailbox: mailbox.to_owned(),
            kind,
            source: Some(Uid(uid)),
            destination: (kind != DifferenceKind::Missing).then_some(Uid(uid + 100)),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn text_identical_is_one_line() {
        let expected = "Identical: 20,000 messages in 40 mailboxes, 1.0 GiB; every octet was compared.\n";
        assert_eq!(text(&[verified(Differences::default(), Vec::new())], "mailferry sync"), expected);
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
… and 3 more that are not listed

Different: 3 missing, 1 with other flags.
2 messages are only on the destination: new there, or deleted on the source
To bring over what is missing or has changed since, run: mailferry sync
";
        assert_eq!(text(&[verified(differences, listed)], "mailferry sync"), expected);
    }

    #[test]
    fn advice_is_to_sync_only_where_that_helps() {
        let ledger = |differences| AccountLedger { differences, ..AccountLedger::default() };
        let sum = |differences| VerifySummary { ledger: ledger(differences), ..VerifySummary::default() };
        let altered = advice(&sum(Differences { altered: 1, ..Differences::default() }), "mailferry sync");
        assert!(altered.contains("explain") && altered.contains("mailferry sync --repair"), "{altered}");
        let doubled = advice(&sum(Differences { duplicated: 1, ..Differences::default() }), "mailferry sync");
        assert!(doubled.contains("explain") && !doubled.contains("--repair"), "{doubled}");
        let missing = advice(&sum(Differences { missing: 1, ..Differences::default() }), "mailferry sync");
        assert_eq!(missing, "To bring over what is missing or has changed since, run: mailferry sync\n");
        assert_eq!(advice(&sum(Differences { extra: 1, ..Differences::default() }), "mailferry sync"), "");
    }

    #[test]
    fn text_skipped_messages_are_not_called_identical() {
        let mut result = verified(Differences::default(), Vec::new());
        if let Ok(summary) = &mut result.result {
            summary.ledger.outcomes.skipped = 1;
        }
        let shown = text(&[result], "mailferry sync");
        assert!(shown.starts_with("No difference found: 20,000 messages"), "{shown}");
        assert!(shown.ends_with("Outcome of 20,001 messages: 20,000 copied, 1 skipped\n"), "{shown}");
    }

    fn named(name: &str, result: Result<fn(&mut AccountLedger), Error>) -> AccountResult<VerifySummary> {
        let spoilt = result.map(|spoil| {
            let mut summary = verified(Differences::default(), Vec::new()).result.expect("a summary");
            spoil(&mut summary.ledger);
            summary
        });
        AccountResult { account: name.to_owned(), result: spoilt }
    }

    #[test]
    fn text_accounts_that_were_not_compared_forbid_the_word_identical() {
        let failed = || Err(Error::new(Kind::Authentication, "could not log in"));
        let well: fn(&mut AccountLedger) = |_| ();
        let accounts = ["alice", "dora", "emil", "fred"].map(|name| named(name, Ok(well)));
        let mut results: Vec<_> = accounts.into_iter().collect();
        results.extend(["bob", "carol"].map(|name| named(name, failed())));
        let expected = "4 of 6 accounts identical; 2 could not be compared: bob, carol\n";
        assert_eq!(text(&results, "mailferry sync"), expected);
        results.push(named("gina", Ok(|ledger| ledger.losses.dates = 1)));
        let shown = text(&results, "mailferry sync");
        let expected = "4 of 7 accounts identical; 1 without a difference; 2 could not be compared: bob, carol\n";
        assert!(shown.starts_with(expected), "{shown}");
        results.push(named("hugo", Ok(|ledger| ledger.differences.missing = 1)));
        let shown = text(&results, "mailferry sync");
        assert!(shown.contains("\nDifferent: 1 missing.\n2 could not be compared: bob, carol\n"), "{shown}");
    }

    #[test]
    fn text_of_one_account_that_was_not_wholly_compared_or_cannot_be_kept_is_not_identical() {
        let broken = named("alice", Ok(|ledger| drop(ledger.failures.add(Error::new(Kind::Connection, "it broke")))));
        let shown = text(&[broken], "x");
        assert!(shown.starts_with("No difference found, but not all could be compared: 1 failure.\n"), "{shown}");
        let unread = text(&[named("alice", Ok(|ledger| ledger.conditions.unreadable = 1))], "x");
        assert!(unread.starts_with("Different: 1 mailbox that could not be read.\n"), "{unread}");
        let lossy = text(
            &[named(
                "alice",
                Ok(|ledger| {
                    ledger.losses.flags.insert("\\Flagged".to_owned(), 3);
                    ledger.losses.dates = 1;
                }),
            )],
            "x",
        );
        let expected =
            "Every message is there, octet for octet; 3 flags and 1 date cannot be kept by the destination.\n";
        assert!(lossy.starts_with(expected), "{lossy}");
        assert!(![shown, unread, lossy].iter().any(|text| text.to_lowercase().contains("identical")));
    }

    #[test]
    fn json_has_the_shape_of_the_contract() {
        let differences = Differences { missing: 1, ..Differences::default() };
        let json = json(&[verified(differences, vec![difference("INBOX", DifferenceKind::Missing, 7, "")])]);
        for counts in [&json["accounts"][0], &json["totals"]] {
            let keys = ["missing", "duplicated", "altered", "flags_differ", "dates_differ", "extra"];
            assert_eq!(keys.map(|key| counts[key].as_u64()), [1, 0, 0, 0, 0, 0].map(Some));
            assert_eq!(counts["outcomes"]["copied"], 20_000);
        }
        assert_eq!(json["accounts"][0]["account"], "alice");
        assert_eq!(json["accounts"][0]["listed"][0]["kind"], "missing");
    }
}

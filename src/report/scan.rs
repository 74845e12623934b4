//! What a scan found, as text and as JSON.

use super::document::Body;
use super::invocation::Invocation;
use super::quantity::{counted, number, octets};
use super::table::{Align, Table};
use super::{failure, succeeded, warning_lines};
use crate::error::made_harmless;
use crate::model::Side;
use crate::model::report::{AccountResult, ScanSummary, SideSummary};
use serde_json::json;

/// A line for each side of each account, and what to do next.
pub fn text(results: &[AccountResult<ScanSummary>], commands: &Invocation) -> String {
    let mut table = Table::new([Align::Left, Align::Left, Align::Right, Align::Left, Align::Right, Align::Right]);
    for (account, summary) in succeeded(results) {
        let name = if results.len() > 1 { made_harmless(account) } else { String::new() };
        table.row(row(name, Side::Source, &summary.source));
        table.row(row(String::new(), Side::Destination, &summary.destination));
    }
    let lines: String = table.lines().iter().map(|line| format!("{line}\n")).collect();
    let warnings =
        succeeded(results).map(|(name, summary)| warning_lines(name, &summary.warnings, results.len(), commands));
    let warnings: String = warnings.collect();
    let next = match lines.is_empty() {
        true => String::new(),
        false => format!("\nTo see what would be done, run: {}\n", commands.next("plan")),
    };
    lines + &warnings + &next
}

/// Every account with what each side holds, or with its error.
pub fn json(results: &[AccountResult<ScanSummary>]) -> Body {
    let side = |side: &SideSummary| {
        json!({
            "mailboxes": side.mailboxes,
            "unchanged": side.unchanged,
            "messages": side.messages,
            "octets": side.octets,
        })
    };
    let account = |result: &AccountResult<ScanSummary>| match result.done() {
        Ok(ScanSummary { source, destination, warnings, ledger }) => json!({
            "account": result.account,
            "source": side(source),
            "destination": side(destination),
            "warnings": warnings,
            "failures": ledger.failures.iter().map(failure::json).collect::<Vec<_>>(),
            "failures_unlisted": ledger.failures.unlisted(),
        }),
        Err(error) => json!({ "account": result.account, "error": failure::json(error) }),
    };
    let (mut source, mut destination) = (SideSummary::default(), SideSummary::default());
    for (_, summary) in succeeded(results) {
        source.merge(&summary.source);
        destination.merge(&summary.destination);
    }
    let totals = json!({ "source": side(&source), "destination": side(&destination) });
    Body::new(results.iter().map(account).collect(), totals)
}

fn row(account: String, side: Side, summary: &SideSummary) -> [String; 6] {
    let SideSummary { mailboxes, unchanged, messages, octets: held } = *summary;
    let unchanged = match unchanged {
        0 => String::new(),
        _ if unchanged == mailboxes => "(all unchanged)".to_owned(),
        _ => format!("({} unchanged)", number(unchanged)),
    };
    let mailboxes = counted(mailboxes, "mailbox");
    [account, side.to_string(), mailboxes, unchanged, counted(messages, "message"), octets(held)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shows_both_sides() {
        let source = SideSummary { mailboxes: 40, unchanged: 39, messages: 20_000, octets: 50_541_363 };
        let destination = SideSummary { mailboxes: 1, unchanged: 0, messages: 0, octets: 0 };
        let summary = ScanSummary { source, destination, ..ScanSummary::default() };
        let results = [AccountResult::new("alice", Ok(summary))];
        let expected = "\
source        40 mailboxes   (39 unchanged)   20,000 messages   48.2 MiB
destination      1 mailbox                         0 messages        0 B

To see what would be done, run: mailferry plan
";
        assert_eq!(text(&results, &Invocation::default()), expected);
    }
}

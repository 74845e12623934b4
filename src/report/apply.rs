//! What `apply` or `sync` did, as text: in the past tense, with an account of outcomes that adds up.

use super::quantity::{counted, duration, message_rate, number, octet_rate, octets, verb_for};
use super::table::{Align, Table};
use super::{bottleneck, outcomes, succeeded, warning_lines};
use crate::error::sanitized;
use crate::model::Outcomes;
use crate::model::amount::grow;
use crate::model::report::{AccountResult, ApplySummary, Ending};
use crate::model::statistics::{PartFigures, RunFigures};

/// What was done for each account and for all, what is left, and how to go on with `again` after a limit. How to go on
/// after an interruption is not said here: it is the same for every command.
pub fn text(results: &[AccountResult<ApplySummary>], again: &str) -> String {
    if succeeded(results).count() == 0 {
        return String::new();
    }
    let accounts = if results.len() > 1 { accounts(results) } else { String::new() };
    let warnings = succeeded(results).map(|(name, summary)| warning_lines(name, &summary.warnings, results.len()));
    let warnings: String = warnings.collect();
    let (figures, outcomes) = sums(results);
    let done = format!("Done in {}: {}\n", duration(figures.seconds), done(&figures));
    let balance = format!("Outcome of {}\n", outcomes::sentence(&outcomes));
    let bottleneck = bottleneck::line(&figures.parts, figures.seconds);
    accounts + &warnings + &done + &balance + &bottleneck + &left(results, again)
}

/// A line for each account in which something happened; the others are counted.
fn accounts(results: &[AccountResult<ApplySummary>]) -> String {
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Right, Align::Left]);
    let mut idle = 0;
    for (account, summary) in succeeded(results) {
        if is_idle(summary) { idle += 1 } else { table.row(row(account, summary)) }
    }
    let lines: String = table.lines().iter().map(|line| format!("{line}\n")).collect();
    match (lines.is_empty(), idle) {
        (true, _) => lines,
        (false, 0) => lines + "\n",
        (false, _) => format!("{lines}{} had nothing to do\n\n", counted(idle, "other account")),
    }
}

fn is_idle(ApplySummary { figures, left, failures, .. }: &ApplySummary) -> bool {
    figures.messages_copied + figures.flags_updated + figures.messages_deleted + left == 0 && failures.is_empty()
}

fn row(account: &str, ApplySummary { figures, left, failures, .. }: &ApplySummary) -> [String; 5] {
    let mut notes = Vec::new();
    if !failures.is_empty() {
        notes.push(counted(failures.len() as u64, "failure"));
    }
    if *left > 0 {
        notes.push(format!("{} left", number(*left)));
    }
    let flags = figures.flags_updated;
    if figures.messages_deleted > 0 {
        notes.insert(0, counted(figures.messages_deleted, "deletion"));
    }
    [
        sanitized(account),
        format!("{} copied", number(figures.messages_copied)),
        if flags > 0 { counted(flags, "flag change") } else { String::new() },
        octets(figures.octets_copied),
        notes.join(", "),
    ]
}

/// Sums over all accounts. Accounts run side by side: the time is from the first beginning to the last end.
fn sums(results: &[AccountResult<ApplySummary>]) -> (RunFigures, Outcomes) {
    let (mut sum, mut outcomes) = (RunFigures::default(), Outcomes::default());
    let begun = succeeded(results).map(|(_, summary)| summary.figures.started).min().unwrap_or(0);
    for (_, ApplySummary { figures, outcomes: own, .. }) in succeeded(results) {
        outcomes.merge(own);
        sum.messages_copied += figures.messages_copied;
        grow(&mut sum.octets_copied, figures.octets_copied);
        sum.flags_updated += figures.flags_updated;
        sum.messages_deleted += figures.messages_deleted;
        sum.reconnects += figures.reconnects;
        figures.parts.iter().for_each(|part| add_part(&mut sum.parts, part));
        sum.seconds = sum.seconds.max((figures.started - begun) as f64 + figures.seconds);
    }
    (sum, outcomes)
}

fn add_part(sum: &mut Vec<PartFigures>, part: &PartFigures) {
    match sum.iter_mut().find(|known| known.part == part.part) {
        Some(known) => known.add(part),
        None => sum.push(part.clone()),
    }
}

/// `118 messages copied (48.2 MiB), 14 flag changes; 4.0 MiB/s, 9.8 messages/s`
fn done(figures: &RunFigures) -> String {
    let RunFigures { messages_copied, octets_copied, flags_updated, messages_deleted, seconds, reconnects, .. } =
        *figures;
    let copied = format!("{} copied ({})", counted(messages_copied, "message"), octets(octets_copied));
    let flag_changes = counted(flags_updated, "flag change");
    let deletions = counted(messages_deleted, "deletion");
    let parts = [(messages_copied, copied), (flags_updated, flag_changes), (messages_deleted, deletions)];
    let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    let mut done = if parts.is_empty() { "there was nothing to copy".to_owned() } else { parts.join(", ") };
    let rates = [octet_rate(octets_copied, seconds), message_rate(messages_copied, seconds)];
    let rates = rates.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if messages_copied > 0 && !rates.is_empty() {
        done += &format!("; {rates}");
    }
    if reconnects > 0 {
        done += &format!("; {}", counted(reconnects, "reconnect"));
    }
    done
}

fn left(results: &[AccountResult<ApplySummary>], again: &str) -> String {
    let left = succeeded(results).map(|(_, summary)| summary.left).sum();
    let ended = |ending| succeeded(results).any(|(_, summary)| summary.ending == ending);
    let what = format!("{} {} left", counted(left, "message"), verb_for(left, "is", "are"));
    if ended(Ending::Interrupted) {
        format!("Interrupted: {what}.\n")
    } else if ended(Ending::Limit) {
        format!("A limit was reached: {what}.\nTo go on, run: {again}\n")
    } else if left > 0 {
        format!("Not all was done: {what}.\nTo try again, run: {again}\n")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(copied: u64, started: i64, ending: Ending, left: u64) -> AccountResult<ApplySummary> {
        let figures = RunFigures {
            started,
            seconds: 10.0,
            messages_copied: copied,
            octets_copied: copied << 20,
            ..RunFigures::default()
        };
        let outcomes = Outcomes { copied, pending: left, ..Outcomes::default() };
        let summary = ApplySummary { figures, outcomes, ending, failures: Vec::new(), warnings: Vec::new(), left };
        AccountResult { account: format!("user{copied}"), result: Ok(summary) }
    }

    #[test]
    fn text_one_account_complete_tells_rates_and_balance() {
        let expected = "\
Done in 10s: 100 messages copied (100.0 MiB); 10.0 MiB/s, 10.0 messages/s
Outcome of 100 messages: 100 copied
";
        assert_eq!(text(&[applied(100, 0, Ending::Complete, 0)], "mailferry apply"), expected);
    }

    #[test]
    fn text_interrupted_says_what_is_left() {
        let idle = applied(0, 1000, Ending::Complete, 0);
        let results = [applied(100, 1000, Ending::Complete, 0), applied(1, 1010, Ending::Interrupted, 2), idle];
        let expected = "\
user100   100 copied   100.0 MiB
user1       1 copied     1.0 MiB   2 left
1 other account had nothing to do

Done in 20s: 101 messages copied (101.0 MiB); 5.0 MiB/s, 5.0 messages/s
Outcome of 103 messages: 101 copied, 2 still to copy
Interrupted: 2 messages are left.
";
        assert_eq!(text(&results, "mailferry sync"), expected);
    }

    #[test]
    fn text_nothing_done_says_so() {
        assert!(
            text(&[applied(0, 0, Ending::Complete, 0)], "x").starts_with("Done in 10s: there was nothing to copy\n")
        );
    }

    #[test]
    fn text_limit_says_what_is_left() {
        let shown = text(&[applied(5, 0, Ending::Limit, 1)], "mailferry apply");
        assert!(
            shown.ends_with("A limit was reached: 1 message is left.\nTo go on, run: mailferry apply\n"),
            "{shown}"
        );
    }
}

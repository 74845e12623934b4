//! What `apply` or `sync` did, as text and as JSON: in the past tense, with an account of outcomes that adds up.

mod figures;
mod json;

use super::invocation::Invocation;
use super::quantity::{counted, duration, message_rate, number, octet_rate, octets, verb_for};
use super::table::{Align, Table};
use super::{bottleneck, losses, outcomes, succeeded, unreached, warning_lines};
use crate::error::made_harmless;
use crate::model::Step;
use crate::model::ledger::{AccountLedger, Ending};
use crate::model::report::{AccountResult, ApplySummary};
use crate::model::run_ledger::RunLedger;
use crate::model::statistics::RunFigures;
use figures::sum;
pub use json::json;

/// What was done for each account and for all, what is left, and how to go on after a limit. How to go on after an
/// interruption is not said here: it is the same for every command.
pub fn text(results: &[AccountResult<ApplySummary>], commands: &Invocation, step: Step) -> String {
    if succeeded(results).count() == 0 {
        return String::new();
    }
    let accounts = if results.len() > 1 { accounts(results) } else { String::new() };
    let warnings =
        succeeded(results).map(|(name, summary)| warning_lines(name, &summary.warnings, results.len(), commands));
    let warnings: String = warnings.collect();
    let figures = sum(results);
    let ledger = RunLedger::of(results).sum();
    let done = format!("Done in {}: {}\n", duration(figures.seconds), done(&figures, &ledger));
    let balance = format!("{}\n", outcomes::sentence(&ledger.outcomes));
    let not_kept = losses::line(&ledger.losses);
    let bottleneck = bottleneck::line(&figures.parts, figures.seconds, granted(results));
    let unreached = unreached(results, "done");
    accounts
        + &warnings
        + &done
        + &balance
        + &not_kept
        + &bottleneck
        + &left(&ledger, &commands.again(step.word()))
        + &unreached
}

/// What each side was learnt to grant of connections; of several servers, the least.
fn granted(results: &[AccountResult<ApplySummary>]) -> [Option<usize>; 2] {
    [0, 1].map(|side| succeeded(results).filter_map(|(_, summary)| summary.granted[side]).min())
}

/// A line for each account in which something happened; of many, for each in which something is left. The others are counted.
fn accounts(results: &[AccountResult<ApplySummary>]) -> String {
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Right, Align::Left]);
    let (mut idle, mut done) = (0, 0);
    let are_many = results.len() > LISTED_ACCOUNTS;
    for (account, summary) in succeeded(results) {
        match () {
            () if is_idle(summary) => idle += 1,
            () if are_many && is_done(summary) => done += 1,
            () => table.row(row(account, summary)),
        }
    }
    let lines: String = table.lines().iter().map(|line| format!("{line}\n")).collect();
    let idle = (idle > 0)
        .then(|| format!("{} {} up to date\n", counted(idle, "other account"), verb_for(idle, "was", "were")));
    let done = (done > 0).then(|| format!("{} done, with nothing left\n", counted(done, "account")));
    if lines.is_empty() && done.is_none() {
        return String::new();
    }
    format!("{lines}{}{}\n", done.unwrap_or_default(), idle.unwrap_or_default())
}

/// With more accounts than these, those that are done are only counted.
const LISTED_ACCOUNTS: usize = 40;

fn is_done(ApplySummary { ledger, .. }: &ApplySummary) -> bool {
    ledger.outcomes.pending == 0 && ledger.failures.is_empty() && !ledger.leaves_behind()
}

fn is_idle(ApplySummary { figures, ledger, .. }: &ApplySummary) -> bool {
    let done = figures.messages_copied + figures.messages_moved + figures.flags_updated + figures.messages_deleted;
    done + figures.mailboxes_renamed + ledger.outcomes.pending == 0
        && ledger.failures.is_empty()
        && !ledger.leaves_behind()
}

fn row(account: &str, ApplySummary { figures, ledger, .. }: &ApplySummary) -> [String; 5] {
    let AccountLedger { failures, outcomes, .. } = ledger;
    let mut notes = Vec::new();
    if !failures.is_empty() {
        notes.push(counted(failures.count(), "failure"));
    }
    if outcomes.left_behind() > 0 {
        notes.push(format!("{} kept back", number(outcomes.left_behind())));
    }
    if outcomes.pending > 0 {
        notes.push(format!("{} left", number(outcomes.pending)));
    }
    let flags = figures.flags_updated;
    if figures.messages_deleted > 0 {
        notes.insert(0, counted(figures.messages_deleted, "deletion"));
    }
    if figures.messages_moved > 0 {
        notes.insert(0, format!("{} moved", number(figures.messages_moved)));
    }
    if figures.mailboxes_renamed > 0 {
        notes.insert(0, format!("{} renamed", counted(figures.mailboxes_renamed, "mailbox")));
    }
    [
        made_harmless(account),
        format!("{} copied", number(figures.messages_copied)),
        if flags > 0 { counted(flags, "flag change") } else { String::new() },
        octets(figures.octets_copied),
        notes.join(", "),
    ]
}

/// `118 messages copied (48.2 MiB), 14 flag changes; 4.0 MiB/s, 9.8 messages/s`
fn done(figures: &RunFigures, ledger: &AccountLedger) -> String {
    let RunFigures { messages_copied, octets_copied, messages_moved, flags_updated, messages_deleted, .. } = *figures;
    let RunFigures { seconds, reconnects, .. } = *figures;
    let copied = format!("{} copied ({})", counted(messages_copied, "message"), octets(octets_copied));
    let moved = format!("{} moved", counted(messages_moved, "message"));
    let flag_changes = counted(flags_updated, "flag change");
    let deletions = counted(messages_deleted, "deletion");
    let renamed = figures.mailboxes_renamed;
    let parts = [
        (messages_copied, copied),
        (messages_moved, moved),
        (renamed, format!("{} renamed", counted(renamed, "mailbox"))),
        (flags_updated, flag_changes),
        (messages_deleted, deletions),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    let mut done = match (parts.is_empty(), ledger.leaves_behind() || ledger.outcomes.pending > 0) {
        (true, false) => "nothing to copy".to_owned(),
        (true, true) => "nothing was copied".to_owned(),
        (false, _) => parts.join(", "),
    };
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

fn left(ledger: &AccountLedger, again: &str) -> String {
    let left = ledger.outcomes.pending;
    let what = format!("{} {} left", counted(left, "message"), verb_for(left, "is", "are"));
    match ledger.ending {
        Ending::Interrupted => format!("Interrupted: {what}.\n"),
        Ending::Limit => format!("A limit was reached: {what}.\nTo go on, run: {again}\n"),
        Ending::Complete if left > 0 => format!("Not all was done: {what}.\nTo try again, run: {again}\n"),
        Ending::Complete => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use crate::model::Outcomes;
    use crate::model::ledger::Stage;

    fn applied(copied: u64, started: i64, ending: Ending, left: u64) -> AccountResult<ApplySummary> {
        let figures = RunFigures {
            started,
            seconds: 10.0,
            messages_copied: copied,
            octets_copied: copied << 20,
            ..RunFigures::default()
        };
        let outcomes = Outcomes { copied, pending: left, ..Outcomes::default() };
        let ledger = AccountLedger { outcomes, ending, ..AccountLedger::at(Stage::Applied) };
        let summary = ApplySummary { figures, ledger, warnings: Vec::new(), unmatched: Vec::new(), granted: [None; 2] };
        AccountResult::new(format!("user{copied}"), Ok(summary))
    }

    #[test]
    fn text_one_account_complete_tells_rates_and_balance() {
        let expected = "\
Done in 10s: 100 messages copied (100.0 MiB); 10.0 MiB/s, 10.0 messages/s
100 messages: 100 copied
";
        assert_eq!(text(&[applied(100, 0, Ending::Complete, 0)], &Invocation::default(), Step::Apply), expected);
    }

    #[test]
    fn text_interrupted_says_what_is_left() {
        let idle = applied(0, 1000, Ending::Complete, 0);
        let results = [applied(100, 1000, Ending::Complete, 0), applied(1, 1010, Ending::Interrupted, 2), idle];
        let expected = "\
user100   100 copied   100.0 MiB
user1       1 copied     1.0 MiB   2 left
1 other account was up to date

Done in 20s: 101 messages copied (101.0 MiB); 5.0 MiB/s, 5.0 messages/s
103 messages: 101 copied, 2 still to copy
Interrupted: 2 messages are left.
";
        assert_eq!(text(&results, &Invocation::default(), Step::Sync), expected);
    }

    #[test]
    fn text_of_many_accounts_lists_those_with_something_left() {
        let mut many: Vec<_> = (0..49).map(|number| applied(number, 0, Ending::Complete, 0)).collect();
        many.push(applied(900, 0, Ending::Limit, 2));
        let shown = text(&many, &Invocation::default(), Step::Sync);
        let expected = "\
user900   900 copied   900.0 MiB   2 left
48 accounts done, with nothing left
1 other account was up to date

Done in";
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn text_names_accounts_that_were_not_reached_and_what_is_not_kept() {
        let failed = Err(Error::new(Kind::Authentication, "could not log in"));
        let mut lossy = applied(100, 0, Ending::Complete, 0);
        if let Ok(summary) = &mut lossy.result {
            summary.ledger.losses.dates = 1;
        }
        let shown = text(&[lossy, AccountResult::new("bob", failed)], &Invocation::default(), Step::Sync);
        assert!(shown.contains("\nNot kept: 1 date cannot be kept by the destination\n"), "{shown}");
        assert!(shown.ends_with("\n1 of 2 accounts done; 1 failed: bob\n"), "{shown}");
    }

    #[test]
    fn text_nothing_done_says_so() {
        assert!(
            text(&[applied(0, 0, Ending::Complete, 0)], &Invocation::default(), Step::Sync)
                .starts_with("Done in 10s: nothing to copy\n")
        );
    }

    #[test]
    fn text_nothing_done_of_what_there_was_to_do_says_so() {
        for left in [Outcomes { refused: 1, ..Outcomes::default() }, Outcomes { pending: 1, ..Outcomes::default() }] {
            let mut refused = applied(0, 0, Ending::Complete, 0);
            if let Ok(summary) = &mut refused.result {
                summary.ledger.outcomes = left;
            }
            let shown = text(&[refused], &Invocation::default(), Step::Sync);
            assert!(shown.starts_with("Done in 10s: nothing was copied\n"), "{shown}");
        }
    }

    #[test]
    fn text_limit_says_what_is_left() {
        let shown = text(&[applied(5, 0, Ending::Limit, 1)], &Invocation::default(), Step::Apply);
        assert!(
            shown.ends_with("A limit was reached: 1 message is left.\nTo go on, run: mailferry apply\n"),
            "{shown}"
        );
    }
}

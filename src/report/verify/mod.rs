//! What `verify` found, as text, as JSON and as a list.

mod figures;
mod json;
mod list;

use super::invocation::Invocation;
use super::quantity::{counted, number, octets, verb_for};
use super::table::{Align, Table};
use super::{indented, losses, named_accounts, outcomes, recognition, succeeded, warning_lines};
use crate::error::made_harmless;
use crate::model::Outcomes;
use crate::model::about::About;
use crate::model::difference::{Difference, DifferenceKind, Differences};
use crate::model::ledger::Standing;
use crate::model::report::{AccountResult, VerifySummary};
use crate::model::run_ledger::RunLedger;
use figures::{counts, sum};
pub use json::json;
pub use list::{HEADING, line};

/// The differences of each account by mailbox, and the verdict over all.
pub fn text(results: &[AccountResult<VerifySummary>], commands: &Invocation) -> String {
    if succeeded(results).count() == 0 {
        return String::new();
    }
    let accounts: String =
        succeeded(results).map(|(name, summary)| account(name, summary, results.len(), commands)).collect();
    accounts + &verdict(&sum(results), &RunLedger::of(results), commands)
}

fn account(name: &str, summary: &VerifySummary, accounts: usize, commands: &Invocation) -> String {
    let listed = mailboxes(&summary.listed) + &unlisted(summary);
    let warnings = warning_lines(name, &summary.warnings, accounts, commands);
    let listed = match (listed.is_empty(), accounts) {
        (true, _) => listed,
        (false, 1) => format!("{listed}\n"),
        (false, _) => format!("{}\n{}\n", made_harmless(name), indented(&listed, 2)),
    };
    let rule = recognition::line(summary.keeps);
    let rule = if accounts > 1 && !rule.is_empty() { format!("{}: {rule}", made_harmless(name)) } else { rule };
    listed + &warnings + &rule
}

fn mailboxes(listed: &[Difference]) -> String {
    let mut sorted: Vec<&Difference> = listed.iter().collect();
    sorted.sort_by(|a, b| (&a.mailbox, a.rank()).cmp(&(&b.mailbox, b.rank())));
    let groups = sorted.chunk_by(|a, b| a.mailbox == b.mailbox);
    groups.map(|group| format!("{}\n{}", made_harmless(&group[0].mailbox), indented(&differences(group), 2))).collect()
}

fn differences(group: &[&Difference]) -> String {
    let mut table = Table::new([Align::Left, Align::Left, Align::Left]);
    for difference in group {
        table.row([difference.kind.word().to_owned(), place(difference), detail(difference)]);
    }
    table.lines().iter().map(|line| format!("{line}\n")).collect()
}

/// What is different, and of which message.
fn detail(difference: &Difference) -> String {
    let about = difference.about.as_ref().map(About::sentence).filter(|about| !about.is_empty());
    let about = about.map_or_else(String::new, |about| format!(" ({})", made_harmless(&about)));
    made_harmless(&difference.detail) + &about
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
        more => {
            let is = verb_for(more, "is", "are");
            format!("… and {} more that {is} not shown; --list and --json name all\n", number(more))
        }
    }
}

/// The first line says what all accounts have come to; what was not compared comes before any good word.
fn verdict(sum: &VerifySummary, run: &RunLedger<'_>, commands: &Invocation) -> String {
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
        + &earlier(sum, commands)
        + &balance(&sum.ledger.outcomes)
        + &losses::line(&sum.ledger.losses)
        + &harmless(sum)
        + &advice(sum, commands)
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
    let how = if sum.deep { ", byte for byte" } else { "" };
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
        _ => format!("{} {}", number(count), kind.word()),
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
    let how = match (sum.deep, sum.verified_before) {
        (false, _) => "identity, size, flags and dates were compared",
        (true, 0) => "every byte was compared",
        (true, _) => "every byte was compared, now or before",
    };
    let (messages, mailboxes) = (counted(sum.messages, "message"), counted(sum.mailboxes, "mailbox"));
    format!("{messages} in {mailboxes}{of}, {}; {how}", octets(sum.octets))
}

/// What was read, and what was not read again.
fn earlier(sum: &VerifySummary, commands: &Invocation) -> String {
    if sum.verified_before == 0 {
        return String::new();
    }
    let (now, before) = (counted(sum.verified_now, "message"), sum.verified_before);
    let text = format!(
        "Found the same byte for byte: {now} now, and {} before, {} and {} not read again: \
         `mailferry verify --deep --again` reads all\n",
        number(before),
        verb_for(before, "which is listed as it was then", "which are listed as they were then"),
        verb_for(before, "was", "were"),
    );
    commands.completed(&text, &[])
}

fn everything_arrived(outcomes: &Outcomes) -> bool {
    outcomes.there() == outcomes.total()
}

/// The account of outcomes, where it says more than that all is there.
fn balance(outcomes: &Outcomes) -> String {
    if everything_arrived(outcomes) { String::new() } else { format!("{}\n", outcomes::sentence(outcomes)) }
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

fn advice(sum: &VerifySummary, commands: &Invocation) -> String {
    let sync = commands.next("sync");
    let told = |text: &str| commands.completed(text, &[]);
    let Differences { missing, duplicated, altered, flags_differ, dates_differ, extra: _, undeleted } =
        sum.ledger.differences;
    let mut lines = String::new();
    if missing + flags_differ + undeleted > 0 {
        lines += &format!("To bring over what is missing or has changed since, run: {sync}\n");
    }
    if duplicated + altered + dates_differ > 0 {
        lines += &told(
            "What is doubled or altered stays so with a plain sync; `mailferry explain ACCOUNT MAILBOX UID` tells of each\n",
        );
    }
    if altered > 0 {
        lines += &told(
            "Altered copies of ours are replaced by `mailferry sync --repair` (not what the destination writes in its own way)\n",
        );
    }
    if duplicated > 0 {
        lines += &told(
            "If it is a duplicate that mailferry created, it is named, and removed by `mailferry sync --allow-deletes`\n",
        );
    }
    lines
}

#[cfg(test)]
mod tests;

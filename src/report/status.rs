//! What is known of each account without asking a server, as text and as JSON.

use super::quantity::{counted, exact_moment, moment, noun_for, number, octet_rate, octets, per_second};
use super::table::{Align, Table};
use super::{losses, outcomes};
use crate::error::sanitized;
use crate::model::Outcomes;
use crate::model::report::StatusSummary;
use crate::model::statistics::{AccountStatus, PartFigures, RunFigures};
use serde_json::{Value, json};

/// A table of the accounts, their last errors, and the sum.
pub fn text(accounts: &[StatusSummary]) -> String {
    let lines: String = table(accounts).lines().iter().map(|line| format!("{line}\n")).collect();
    format!("{lines}\n{}{}", last_errors(accounts), conclusion(accounts))
}

fn table(accounts: &[StatusSummary]) -> Table {
    let numbers = [Align::Right; 7];
    let columns = [Align::Left].into_iter().chain(numbers).chain([Align::Left, Align::Right, Align::Right]);
    let mut table = Table::new(columns.collect::<Vec<_>>());
    let headings = [
        "ACCOUNT",
        "SOURCE",
        "SIZE",
        "PRESENT",
        "COPIED",
        "LEFT OUT",
        "FAILED",
        "TO COPY",
        "LAST RUN (UTC)",
        "RATE",
        "BATCH",
    ];
    table.row(headings.map(str::to_owned));
    accounts.iter().for_each(|account| table.row(row(account)));
    table
}

fn row(summary: &StatusSummary) -> [String; 11] {
    let StatusSummary { account, status, planned: _, failures: _ } = summary;
    let ledger = &status.ledger;
    let Outcomes { present, copied, skipped, vanished, departed, accepted, pending, .. } = ledger.outcomes;
    let run = status.last_run.as_ref();
    let rate = run.filter(|run| run.octets_copied > 0).and_then(|run| octet_rate(run.octets_copied, run.seconds));
    [
        sanitized(account),
        number(ledger.held),
        octets(status.source_octets),
        number(present),
        number(copied),
        number(skipped + vanished + departed + accepted),
        number(ledger.outcomes.left_behind()),
        number(pending),
        run.map_or_else(|| "never".to_owned(), |run| moment(run.started)),
        rate.unwrap_or_default(),
        run.and_then(|run| run.batch).map_or_else(String::new, |batch| batch.to_string()),
    ]
}

fn last_errors(accounts: &[StatusSummary]) -> String {
    let failed = accounts.iter().filter_map(|account| Some((account, account.status.last_error.as_ref()?)));
    let lines: String = failed
        .map(|(summary, error)| {
            let account = sanitized(&summary.account);
            let more = match summary.failures.saturating_sub(1) {
                0 => String::new(),
                more => format!(" (and {}: mailferry explain {account} MAILBOX)", counted(more, "more failure")),
            };
            format!("last error of {account}: {}{more}\n", sanitized(error))
        })
        .collect();
    if lines.is_empty() { lines } else { lines + "\n" }
}

fn conclusion(accounts: &[StatusSummary]) -> String {
    let (outcomes, planned) = sums(accounts);
    let count = accounts.len() as u64;
    let planned = match planned {
        0 => String::new(),
        _ => format!("; the saved plan has {} {} left", number(planned), noun_for(planned, "copy")),
    };
    format!("{}, {}{planned}\n", counted(count, "account"), outcomes::sentence(&outcomes))
}

fn sums(accounts: &[StatusSummary]) -> (Outcomes, u64) {
    let mut outcomes = Outcomes::default();
    accounts.iter().for_each(|account| outcomes.merge(&account.status.ledger.outcomes));
    (outcomes, accounts.iter().map(|account| account.planned).sum())
}

/// The status as the Contract has it: per account the outcomes, octets, rates, last run and last error.
pub fn json(accounts: &[StatusSummary]) -> Value {
    let (outcomes, planned) = sums(accounts);
    json!({
        "accounts": accounts.iter().map(account_json).collect::<Vec<_>>(),
        "totals": { "outcomes": outcomes::json(&outcomes), "planned": planned },
    })
}

fn account_json(summary: &StatusSummary) -> Value {
    let AccountStatus { ledger, source_octets, octets_copied, last_run, last_error } = &summary.status;
    json!({
        "account": summary.account,
        "outcomes": outcomes::json(&ledger.outcomes),
        "mailboxes": ledger.conditions,
        "losses": losses::json(&ledger.losses),
        "source_messages": ledger.held,
        "source_octets": source_octets,
        "octets_copied": octets_copied,
        "planned": summary.planned,
        "last_run": last_run.as_ref().map(run_json),
        "last_error": last_error,
        "failures": summary.failures,
    })
}

fn run_json(run: &RunFigures) -> Value {
    json!({
        "started": exact_moment(run.started),
        "seconds": run.seconds,
        "mailboxes_scanned": run.mailboxes_scanned,
        "mailboxes_unchanged": run.mailboxes_unchanged,
        "messages_copied": run.messages_copied,
        "octets_copied": run.octets_copied,
        "flags_updated": run.flags_updated,
        "messages_deleted": run.messages_deleted,
        "reconnects": run.reconnects,
        "batch": run.batch,
        "parts": run.parts.iter().map(part_json).collect::<Vec<_>>(),
        "messages_per_second": per_second(run.messages_copied, run.seconds),
        "octets_per_second": per_second(run.octets_copied, run.seconds),
    })
}

fn part_json(part: &PartFigures) -> Value {
    json!({
        "part": part.part,
        "seconds": part.seconds,
        "lane_seconds": part.lane_seconds,
        "messages": part.messages,
        "octets": part.octets,
        "messages_per_second": per_second(part.messages, part.seconds),
        "octets_per_second": per_second(part.octets, part.seconds),
        "source": part.source,
        "destination": part.destination,
        "state_seconds": part.state_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AccountLedger;
    use crate::model::statistics::BatchFigures;

    fn accounts() -> [StatusSummary; 2] {
        let run = RunFigures {
            started: 1_783_864_920,
            seconds: 12.0,
            messages_copied: 118,
            octets_copied: 50_541_363,
            batch: Some(BatchFigures { messages: 100, in_flight: 4 }),
            ..RunFigures::default()
        };
        let status = AccountStatus {
            ledger: AccountLedger {
                outcomes: Outcomes { copied: 118, refused: 1, pending: 2, ..Outcomes::default() },
                held: 121,
                ..AccountLedger::default()
            },
            source_octets: 52_000_000,
            octets_copied: 50_541_363,
            last_run: Some(run),
            last_error: Some("could not append: NO \x1b[0m".to_owned()),
        };
        let alice = StatusSummary { account: "alice".to_owned(), status, failures: 3, planned: 2 };
        let bob =
            StatusSummary { account: "bob".to_owned(), status: AccountStatus::default(), failures: 0, planned: 0 };
        [alice, bob]
    }

    #[test]
    fn text_is_a_table_with_errors_and_a_sum() {
        let expected = "\
ACCOUNT   SOURCE       SIZE   PRESENT   COPIED   LEFT OUT   FAILED   TO COPY   LAST RUN (UTC)          RATE   BATCH
alice        121   49.6 MiB         0      118          0        1         2   2026-07-12 14:02   4.0 MiB/s   100×4
bob            0        0 B         0        0          0        0         0   never

last error of alice: could not append: NO ?[0m (and 2 more failures: mailferry explain alice MAILBOX)

2 accounts, 121 messages: 118 copied, 1 refused, 2 still to copy; the saved plan has 2 copies left
";
        assert_eq!(text(&accounts()), expected);
    }

    #[test]
    fn json_has_what_the_contract_names() {
        let json = json(&accounts());
        let alice = &json["accounts"][0];
        assert_eq!(alice["outcomes"]["copied"], 118);
        assert_eq!(alice["octets_copied"], 50_541_363);
        assert_eq!(alice["last_run"]["started"], "2026-07-12T14:02:00Z");
        assert!((alice["last_run"]["messages_per_second"].as_f64().unwrap() - 118.0 / 12.0).abs() < 1e-9);
        assert_eq!(alice["last_error"], "could not append: NO \x1b[0m");
        assert_eq!(json["accounts"][1]["last_run"], Value::Null);
    }
}

//! What is known of each account without asking a server: what is not well first, then why and what to do.

mod figures;
mod forecast;
mod json;
#[cfg(test)]
mod samples;
mod troubles;
mod view;

use super::outcomes;
use super::quantity::{counted, moment_in, noun_for, number, octet_rate, octets};
use super::table::{Align, Table};
use crate::error::made_harmless;
use crate::model::report::{StatusSummary, UnderWay};
use crate::model::{Condition, Outcomes};
use figures::{conditions, sums};
pub use forecast::json as forecast_json;
pub(super) use json::run_json;
pub use json::{account_json, json};
pub use view::View;

/// With more accounts than these, those of which nothing needs to be said are only counted.
const LISTED_ACCOUNTS: usize = 40;

/// A table of the accounts, what is wrong with them, and the sum.
pub fn text(accounts: &[StatusSummary], view: &View) -> String {
    let mut sorted: Vec<&StatusSummary> = accounts.iter().collect();
    sorted.sort_by_key(|account| account.condition);
    let (listed, counted): (Vec<_>, Vec<_>) = sorted
        .into_iter()
        .partition(|it| view.all || accounts.len() <= LISTED_ACCOUNTS || !has_nothing_to_tell(it.condition));
    let parts = [
        view.under_way.as_ref().map_or_else(String::new, |run| under_way(run, view)),
        table(&listed, view).lines_within(view.columns).iter().map(|line| format!("{line}\n")).collect(),
        unlisted(&counted, view),
        troubles::text(&listed, view),
        forecast::text(accounts, view),
        conclusion(accounts, view),
    ];
    parts.into_iter().filter(|part: &String| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn under_way(run: &UnderWay, view: &View) -> String {
    let (step, since) = (run.step.word(), moment_in(run.since, &view.zone, view.now));
    let (done, of) = (number(run.done), counted(run.accounts, "account"));
    format!("A {step} is under way since {since} (process {}): {done} of {of} done\n", run.process)
}

fn has_nothing_to_tell(condition: Condition) -> bool {
    use Condition::{Complete, New, Paused, Synced, Waiting};
    matches!(condition, Synced | Complete | New | Paused | Waiting)
}

fn unlisted(accounts: &[&StatusSummary], view: &View) -> String {
    let count = |condition: Condition| accounts.iter().filter(|it| it.condition == condition).count() as u64;
    let counts =
        Condition::ALL.into_iter().map(|condition| (condition, count(condition))).filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts.collect();
    let Some((first, _)) = counts.first() else { return String::new() };
    let words: Vec<_> = counts.iter().map(|(condition, count)| format!("{} {condition}", number(*count))).collect();
    let show = view.commands.narrowed("status", &[&format!("state:{first}")]);
    format!("Not listed: {}. To list them: {show}\n", words.join(", "))
}

fn table(accounts: &[&StatusSummary], view: &View) -> Table {
    let extra = if view.details { 5 } else { 0 };
    let columns =
        [Align::Left; 2].into_iter().chain([Align::Right; 3]).chain([Align::Left]).chain(vec![Align::Right; extra]);
    let mut table = Table::new(columns.collect::<Vec<_>>());
    if accounts.is_empty() {
        return table;
    }
    let headings =
        ["ACCOUNT", "STATE", "THERE", "TO COPY", "FAILED", "LAST RUN", "MESSAGES", "SIZE", "LEFT OUT", "RATE", "BATCH"];
    table.row(headings.into_iter().take(6 + extra).map(str::to_owned));
    accounts.iter().for_each(|account| table.row(row(account, view).into_iter().take(6 + extra)));
    table
}

fn row(summary: &StatusSummary, view: &View) -> [String; 11] {
    let status = &summary.status;
    let ledger = &status.ledger;
    let Outcomes { skipped, vanished, departed, accepted, pending, .. } = ledger.outcomes;
    let run = status.last_run.as_ref();
    let rate = run.filter(|run| run.octets_copied > 0).and_then(|run| octet_rate(run.octets_copied, run.seconds));
    let last = summary.attempt.as_ref().map(|attempt| attempt.started).or(run.map(|run| run.started));
    [
        made_harmless(&summary.account),
        summary.condition.to_string(),
        number(ledger.outcomes.there()),
        number(pending),
        number(ledger.outcomes.left_behind()),
        last.map_or_else(|| "never".to_owned(), |last| moment_in(last, &view.zone, view.now)),
        number(ledger.held),
        octets(status.source_octets),
        number(skipped + vanished + departed + accepted),
        rate.unwrap_or_default(),
        run.and_then(|run| run.batch).map_or_else(String::new, |batch| batch.to_string()),
    ]
}

fn conclusion(accounts: &[StatusSummary], view: &View) -> String {
    let (outcomes, planned) = sums(accounts);
    let planned = match planned {
        0 => String::new(),
        _ => format!("; the saved plan has {} {} left", number(planned), noun_for(planned, "copy")),
    };
    let conditions = conditions(accounts);
    let words: Vec<_> = conditions.iter().map(|(condition, count)| format!("{} {condition}", number(*count))).collect();
    let states = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    let bad: Vec<_> = conditions.iter().filter(|(it, _)| it.is_bad()).map(|(it, _)| format!("state:{it}")).collect();
    let again = match bad.is_empty() {
        true => String::new(),
        false => {
            let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
            format!("To try just what is not well again, run: {}\n", view.commands.narrowed("sync", &bad))
        }
    };
    let count = counted(accounts.len() as u64, "account");
    format!("{count}{states}\n{}{planned}\n{again}", outcomes::sentence(&outcomes))
}

#[cfg(test)]
mod tests {
    use super::samples::{accounts, summary, trouble, view};
    use super::*;
    use crate::model::statistics::AccountStatus;
    use crate::model::{AccountLedger, Step};

    #[test]
    fn text_is_a_table_with_what_is_wrong_and_a_sum() {
        let expected = "\
ACCOUNT   STATE    THERE   TO COPY   FAILED   LAST RUN
alice     failed     118         2        1   12 Jul 14:02
bob       new          0         0        0   never

alice, failed: could not append: NO ?[0m (and 2 more failures: mailferry explain alice MAILBOX)
  hint: mend it

2 accounts: 1 failed, 1 new
121 messages: 118 copied, 1 refused, 2 still to copy; the saved plan has 2 copies left
To try just what is not well again, run: mailferry sync state:failed
";
        assert_eq!(text(&accounts(), &view()), expected);
    }

    #[test]
    fn run_that_is_under_way_is_told_first() {
        let run = UnderWay { process: 7, step: Step::Sync, since: 1_783_864_920, accounts: 50, done: 12 };
        let shown = text(&accounts(), &View { under_way: Some(run), ..view() });
        let expected = "A sync is under way since 12 Jul 14:02 (process 7): 12 of 50 accounts done\n\nACCOUNT";
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn details_have_what_else_is_known() {
        let shown = text(&accounts(), &View { details: true, ..view() });
        let expected = "alice     failed     118         2        1   12 Jul 14:02        121   49.6 MiB          0   4.0 MiB/s   100×4";
        assert!(shown.lines().any(|line| line == expected), "{shown}");
    }

    #[test]
    fn of_many_accounts_those_that_are_well_are_counted() {
        let mut many: Vec<_> =
            (0..50).map(|it| summary(&format!("u{it:02}"), AccountStatus::default(), None)).collect();
        many.push(summary("v", AccountStatus::default(), Some(trouble("could not log in", true))));
        let shown = text(&many, &view());
        let expected = "\
ACCOUNT   STATE     THERE   TO COPY   FAILED   LAST RUN
v         blocked       0         0        0   12 Jul 14:02

Not listed: 50 new. To list them: mailferry status state:new
";
        assert!(shown.starts_with(expected), "{shown}");
        assert_eq!(text(&many, &View { all: true, ..view() }).lines().filter(|line| line.starts_with('u')).count(), 50);
    }

    #[test]
    fn row_of_a_long_address_fits_eighty_columns() {
        let ledger = AccountLedger {
            outcomes: Outcomes { copied: 99_999, pending: 99_999, ..Outcomes::default() },
            ..AccountLedger::default()
        };
        let status = AccountStatus { ledger, ..AccountStatus::default() };
        let account = summary("alice.anderson@example.com", status, Some(trouble("why", true)));
        let shown = text(&[account], &view());
        assert!(shown.lines().take(2).all(|line| line.chars().count() <= 80), "{shown}");
        let narrow = text(&accounts(), &View { columns: 55, ..view() });
        assert!(narrow.lines().take(3).all(|line| line.chars().count() <= 55), "{narrow}");
    }
}

//! What a cutover now would have to bring over, and how long that would take: as ranges.

use super::view::View;
use crate::error::made_harmless;
use crate::model::ServerId;
use crate::model::forecast::{Basis, Forecast, Range, rates, together};
use crate::model::report::StatusSummary;
use crate::report::quantity::{counted, duration, number};
use crate::report::table::{Align, Table};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The forecasts of all accounts of which something can be told, and of all together; empty where none is wanted.
pub(super) fn text(accounts: &[StatusSummary], view: &View) -> String {
    let Some((jobs, servers)) = &view.forecast else { return String::new() };
    let forecasts = forecasts(accounts, servers, view.now);
    let mut table = Table::new([Align::Left, Align::Right, Align::Left]);
    for (account, told) in accounts.iter().zip(&forecasts) {
        if let Some(told) = told.as_ref().filter(|_| view.all || told_apart(accounts.len())) {
            table.row([made_harmless(&account.account), behind(&told.behind), lasting(&told.seconds)]);
        }
    }
    let lines: String = table.lines().iter().map(|line| format!("{line}\n")).collect();
    let told: Vec<Forecast> = forecasts.iter().flatten().copied().collect();
    if told.is_empty() {
        return "Forecast: too few runs were measured; after three or four syncs more can be told\n".to_owned();
    }
    let all = together(&told, *jobs);
    let unknown = match (accounts.len() - told.len()) as u64 {
        0 => String::new(),
        count => format!("; of {} too few runs were measured", counted(count, "account")),
    };
    let (behind, lasting, at_once) = (behind(&all.behind), lasting(&all.seconds), number(*jobs as u64));
    format!(
        "If you cut over now:\n{lines}{behind} of {}, {lasting} with {at_once} at once{unknown}\n",
        counted(told.len() as u64, "account")
    )
}

/// Of more accounts only the sum is told, unless all are wanted.
fn told_apart(accounts: usize) -> bool {
    accounts <= super::LISTED_ACCOUNTS
}

fn behind(range: &Range) -> String {
    let (low, high) = (range.low as u64, range.high as u64);
    match low == high {
        true => format!("{} behind", counted(high, "message")),
        false => format!("{} to {} behind", number(low), counted(high, "message")),
    }
}

fn lasting(range: &Range) -> String {
    let (low, high) = (duration(range.low.round()), duration(range.high.ceil()));
    if low == high { high } else { format!("{low} to {high}") }
}

/// One for each account, where it can be told.
fn forecasts(accounts: &[StatusSummary], servers: &[[ServerId; 2]], now: i64) -> Vec<Option<Forecast>> {
    let mut measured: HashMap<[ServerId; 2], Range> = HashMap::new();
    for (account, server) in accounts.iter().zip(servers) {
        if let Some(own) = rates(account.runs.iter()) {
            measured.entry(*server).and_modify(|known| *known = known.around(own)).or_insert(own);
        }
    }
    let of = |(account, server): (&StatusSummary, &[ServerId; 2])| {
        Basis::of(account.known())?.at(measured.get(server).copied(), now)
    };
    accounts.iter().zip(servers).map(of).collect()
}

/// The same for programs: one of each account, and of all together; `null` where nothing can be told.
pub fn json(accounts: &[StatusSummary], view: &View) -> Value {
    let Some((jobs, servers)) = &view.forecast else { return Value::Null };
    let shown = |told: &Forecast| {
        let range = |range: &Range| json!({ "low": range.low, "high": range.high });
        json!({ "behind": range(&told.behind), "seconds": range(&told.seconds) })
    };
    let forecasts = forecasts(accounts, servers, view.now);
    let told: Vec<Forecast> = forecasts.iter().flatten().copied().collect();
    let all = (!told.is_empty()).then(|| shown(&together(&told, *jobs)));
    let of = |(account, told): (&StatusSummary, &Option<Forecast>)| json!({ "account": account.account, "forecast": told.as_ref().map(shown) });
    json!({ "all": all, "accounts": accounts.iter().zip(&forecasts).map(of).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::forecast::RunSample;
    use crate::model::statistics::AccountStatus;
    use crate::report::status::samples::{summary, view};

    #[test]
    fn accounts_of_which_something_was_measured_are_told_and_all_together() {
        let now = view().now;
        let run = |ago: i64| RunSample {
            started: now - ago,
            seconds: 20.0,
            messages: 30,
            octets: 9000,
            is_resync: true,
            is_whole: true,
        };
        let mut alice = summary("alice", AccountStatus::default(), None);
        alice.runs = [4, 3, 2, 1].map(|hours| run(hours * 3600)).into();
        let accounts = [alice, summary("bob", AccountStatus::default(), None)];
        let wanted = View { forecast: Some((4, vec![[ServerId(0), ServerId(1)]; 2])), ..view() };
        let expected = "\
If you cut over now:
alice   19 to 42 messages behind   16s to 26s
19 to 42 messages behind of 1 account, 16s to 26s with 4 at once; of 1 account too few runs were measured
";
        assert_eq!(text(&accounts, &wanted), expected);
        let json = json(&accounts, &wanted);
        assert_eq!((&json["accounts"][1]["forecast"], &json["all"]["behind"]["low"]), (&Value::Null, &json!(19.0)));
        assert_eq!(text(&accounts, &view()), "");
        assert!(text(&accounts[1..], &wanted).contains("too few runs"));
    }
}

//! What a cutover now would take, told from how the accounts stand.

use super::rows::{Row, Rows};
use crate::model::forecast::{Forecast, together};

/// How long a cutover now would take for so many accounts; of the others too little is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cutover {
    pub forecast: Forecast,
    pub accounts: usize,
}

impl Rows {
    /// What a cutover of that account would take at that second.
    pub fn cutover_of(&self, number: u32, now: i64) -> Option<Forecast> {
        self.forecast(self.rows.get(number as usize)?, now)
    }

    /// The same of all accounts, so many at a time; `None` where nothing can be told of any.
    pub fn cutover(&self, jobs: usize, now: i64) -> Option<Cutover> {
        let told: Vec<Forecast> = self.rows.iter().filter_map(|row| self.forecast(row, now)).collect();
        (!told.is_empty()).then(|| Cutover { forecast: together(&told, jobs), accounts: told.len() })
    }

    fn forecast(&self, row: &Row, now: i64) -> Option<Forecast> {
        row.basis?.at(self.rates.get(&row.servers).copied(), now)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::model::Condition;
    use crate::model::forecast::RunSample;
    use crate::model::report::StatusSummary;
    use crate::serve::rows::tests::{failed, rows};

    /// Synced every hour, the last time then; 36 messages came in each, and took half a second each.
    pub(in crate::serve) fn resynced(account: &str, last: i64) -> StatusSummary {
        let run = |ago: i64| RunSample {
            started: last - 3600 * ago,
            seconds: 28.0,
            messages: 36,
            octets: 36_000,
            is_resync: true,
            is_whole: true,
        };
        let runs = [3, 2, 1, 0].map(run).to_vec();
        StatusSummary { condition: Condition::Synced, runs, attempt: None, ..failed(account, "") }
    }

    #[test]
    fn cutover_is_told_of_those_of_which_enough_is_known() {
        let mut rows = rows();
        assert_eq!(rows.cutover(2, 0), None);
        let _ = rows.stands(0, &resynced("alice", 10_800));
        let _ = rows.stands(1, &resynced("bob", 10_800));
        let _ = rows.stands(2, &failed("Carol", "why"));
        let alone = rows.cutover_of(0, 10_800 + 1800).unwrap();
        assert!(alone.behind.holds(18.0) && alone.seconds.holds(28.0), "{alone:?}");
        assert_eq!(rows.cutover_of(2, 12_600), None);
        let all = |jobs| rows.cutover(jobs, 12_600).unwrap();
        assert_eq!((all(2).accounts, all(2).forecast.seconds), (2, alone.seconds));
        assert_eq!(all(1).forecast.seconds.high, 2.0 * alone.seconds.high);
        assert_eq!(all(1).forecast.behind.high, 2.0 * alone.behind.high);
    }

    #[test]
    fn first_copy_is_told_by_the_rates_of_others_between_the_same_servers() {
        let mut rows = rows();
        let mut copied = resynced("alice", 10_800);
        copied.runs.iter_mut().for_each(|run| run.is_resync = false);
        let mut pending = failed("bob", "why");
        (pending.status.ledger.outcomes.pending, pending.status.ledger.held) = (50, 100);
        pending.status.source_octets = 72_000;
        let _ = rows.stands(1, &pending);
        assert_eq!(rows.cutover_of(1, 0), None, "nothing was measured");
        let _ = rows.stands(0, &copied);
        assert!(rows.cutover_of(1, 0).is_some_and(|told| told.seconds.holds(28.0) && told.behind.low == 50.0));
    }
}

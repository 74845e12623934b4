//! What is to be done each second while a run goes on: the standings of accounts that ended are asked for, who looks on is
//! told, and whoever keeps figures of their own gets them.

use super::Desk;
use super::watch::Watch;
use crate::model::report::StatusSummary;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Between two looks.
const SECOND: Duration = Duration::from_secs(1);

/// Accounts that are asked for at once: an answer is some hundred kibibytes.
const ASKED_AT_ONCE: usize = 500;

/// What somebody does with the figures each second.
pub type Duty = Box<dyn FnMut(&Watch) + Send>;

/// Does so until the watch is closed.
pub fn start(watch: &Arc<Watch>, desk: &Arc<dyn Desk>, mut duties: Vec<Duty>) {
    let (watch, desk) = (watch.clone(), desk.clone());
    thread::spawn(move || {
        while !watch.is_closed() {
            settle(&watch, |accounts| desk.standings(accounts));
            watch.tick();
            duties.iter_mut().for_each(|duty| duty(&watch));
            watch.sleep(SECOND);
        }
    });
}

/// Asks how the accounts stand of which it is not known, as long as somebody answers.
pub fn settle(watch: &Watch, ask: impl Fn(&[String]) -> Option<Vec<StatusSummary>>) {
    loop {
        let accounts = watch.take_unsettled(ASKED_AT_ONCE);
        if accounts.is_empty() {
            return;
        }
        match ask(&accounts) {
            Some(summaries) => watch.settle(&summaries),
            None => return watch.unsettle(&accounts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Condition;
    use crate::model::report::StatusSummary;
    use crate::model::statistics::AccountStatus;
    use crate::serve::watch::tests::watch;
    use std::cell::Cell;

    fn synced(account: &str) -> StatusSummary {
        StatusSummary {
            account: account.to_owned(),
            status: AccountStatus::default(),
            failures: 0,
            planned: 0,
            attempt: None,
            condition: Condition::Synced,
            runs: Vec::new(),
        }
    }

    #[test]
    fn all_accounts_are_settled_some_at_a_time_and_asked_for_again_where_nobody_answers() {
        let names: Vec<String> = (0..1200).map(|number| format!("u{number}")).collect();
        let watch = watch(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let asked = Cell::new(0);
        settle(&watch, |accounts| {
            asked.set(asked.get() + 1);
            Some(accounts.iter().map(|account| synced(account)).collect())
        });
        assert_eq!((asked.get(), watch.take_unsettled(9).len()), (3, 0));
        assert_eq!(watch.board()["conditions"]["synced"], 1200);
        watch.rests("u1");
        settle(&watch, |_| None);
        assert_eq!(watch.take_unsettled(9), ["u1"]);
    }
}

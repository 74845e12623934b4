//! Accounts for the tests of this room.

use super::view::View;
use crate::model::attempt::{Attempt, AttemptResult, Step, Trouble};
use crate::model::report::StatusSummary;
use crate::model::statistics::{AccountStatus, BatchFigures, RunFigures};
use crate::model::{AccountLedger, Condition, Outcomes, Turn};
use crate::report::invocation::Invocation;
use jiff::tz::TimeZone;

pub(super) fn summary(name: &str, status: AccountStatus, trouble: Option<Trouble>) -> StatusSummary {
    let attempt = trouble.map(|trouble| Attempt {
        step: Step::Sync,
        started: 1_783_864_920,
        ended: 1_783_864_932,
        result: AttemptResult::Failed(trouble),
    });
    let condition = Condition::of(None, Turn::None, attempt.as_ref(), &status.ledger);
    StatusSummary { account: name.to_owned(), status, failures: 0, planned: 0, attempt, condition, runs: Vec::new() }
}

pub(super) fn trouble(line: &str, needs_a_person: bool) -> Trouble {
    Trouble { line: line.to_owned(), hint: Some("mend it".to_owned()), count: 1, needs_a_person }
}

pub(super) fn view() -> View {
    View {
        columns: usize::MAX,
        zone: TimeZone::UTC,
        now: 1_783_900_000,
        all: false,
        details: false,
        commands: Invocation::default(),
        forecast: None,
        under_way: None,
    }
}

pub(super) fn accounts() -> [StatusSummary; 2] {
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
    };
    let trouble = Trouble { count: 3, ..trouble("could not append: NO \x1b[0m", false) };
    let alice = StatusSummary { planned: 2, ..summary("alice", status, Some(trouble)) };
    [alice, summary("bob", AccountStatus::default(), None)]
}

//! The last attempt to do something for an account: what, when, and how it ended. It is kept though nobody could log in.

use super::ledger::{AccountLedger, Ending};
use crate::error::{Error, Kind};
use serde::{Deserialize, Serialize};

/// What is done for an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Check,
    Scan,
    Plan,
    Apply,
    Sync,
    Verify,
    Accept,
}

impl Step {
    /// Whether the account's condition is told from it: a look that records nothing, and what no server is asked for, tell
    /// nothing of how the account fares.
    pub fn is_recorded(self) -> bool {
        matches!(self, Step::Scan | Step::Apply | Step::Sync | Step::Verify)
    }

    /// Whether it leaves accounts alone that a person has set aside: a look at them does no harm.
    pub fn heeds_marks(self) -> bool {
        matches!(self, Step::Scan | Step::Apply | Step::Sync)
    }

    /// Whether it keeps to the hours of waves: what moves mail does.
    pub fn heeds_hours(self) -> bool {
        matches!(self, Step::Apply | Step::Sync)
    }

    /// The command's word.
    pub fn word(self) -> &'static str {
        match self {
            Step::Check => "check",
            Step::Scan => "scan",
            Step::Plan => "plan",
            Step::Apply => "apply",
            Step::Sync => "sync",
            Step::Verify => "verify",
            Step::Accept => "accept",
        }
    }
}

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub step: Step,
    /// Seconds since 1970.
    pub started: i64,
    pub ended: i64,
    pub result: AttemptResult,
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AttemptResult {
    /// All was done that could be. What it came to is in the ledger.
    Done,
    /// A limit or the user ended it; all that was done is recorded.
    Cut,
    Failed(Trouble),
}

/// Why an attempt failed, whole or in part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// What failed, where and why, in one line, without the account's name: the worst of all.
    pub line: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Failures in all.
    pub count: u64,
    /// Another attempt fares the same until a person acts: a login, rights, a guard, the quota, the settings.
    pub needs_a_person: bool,
}

impl AttemptResult {
    /// Of an account that has a ledger.
    pub fn of_ledger(ledger: &AccountLedger) -> Self {
        let worst = ledger.failures.iter().rev().max_by_key(|error| needs_a_person(error));
        match (ledger.ending, worst) {
            (Ending::Interrupted, _) => AttemptResult::Cut,
            (_, Some(error)) => AttemptResult::Failed(Trouble::of(error, ledger.failures.count())),
            (Ending::Limit, None) => AttemptResult::Cut,
            (Ending::Complete, None) if !ledger.differences.is_clean() => {
                AttemptResult::Failed(Trouble::of_differences(ledger.differences.faults()))
            }
            (Ending::Complete, None) => AttemptResult::Done,
        }
    }

    /// Of an account that has none; `None` where it was not begun.
    pub fn of_error(error: &Error) -> Option<Self> {
        match error.kind() {
            Kind::Interrupted | Kind::SetAside | Kind::Waiting => None,
            _ => Some(AttemptResult::Failed(Trouble::of(error, 1))),
        }
    }
}

impl Trouble {
    fn of_differences(count: u64) -> Self {
        Trouble {
            line: "what was verified differs from the source".to_owned(),
            hint: Some("`mailferry verify` lists the differences; `mailferry sync` copies what is missing".to_owned()),
            count,
            needs_a_person: false,
        }
    }

    fn of(error: &Error, count: u64) -> Self {
        Trouble {
            line: error.line_within_account(),
            hint: error.advice().map(str::to_owned),
            count,
            needs_a_person: needs_a_person(error),
        }
    }
}

fn needs_a_person(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Authentication | Kind::Authorization | Kind::Certificate | Kind::Settings | Kind::Guard | Kind::Quota
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ledger::Stage;

    fn ledger(failures: &[Kind], ending: Ending) -> AccountLedger {
        let mut ledger = AccountLedger { ending, ..AccountLedger::at(Stage::Applied) };
        for kind in failures {
            drop(ledger.failures.add(Error::new(kind.clone(), "it failed").in_account("alice").in_mailbox("INBOX")));
        }
        ledger
    }

    #[test]
    fn what_asks_for_a_person_is_the_worst() {
        let result = AttemptResult::of_ledger(&ledger(&[Kind::Refused, Kind::Guard, Kind::Changed], Ending::Complete));
        let AttemptResult::Failed(trouble) = result else { panic!("{result:?}") };
        assert_eq!((trouble.line.as_str(), trouble.count, trouble.needs_a_person), ("it failed in `INBOX`", 3, true));
    }

    #[test]
    fn work_that_was_cut_off_is_no_failure_and_what_was_not_begun_is_nothing() {
        assert_eq!(AttemptResult::of_ledger(&ledger(&[], Ending::Limit)), AttemptResult::Cut);
        assert_eq!(AttemptResult::of_ledger(&ledger(&[Kind::Refused], Ending::Interrupted)), AttemptResult::Cut);
        assert_eq!(AttemptResult::of_ledger(&ledger(&[], Ending::Complete)), AttemptResult::Done);
        assert_eq!(AttemptResult::of_error(&Error::new(Kind::Interrupted, "not begun")), None);
    }
}

//! All exit codes: their numbers, what they mean, how they merge, and what leads to them.
//!
//! Scripts depend on the numbers. The worst wins, and worse is what tells more about the whole run:
//!
//! - *interrupted* comes first: what else is known is then known of a part only;
//! - next what kept the run from taking place at all: the state is *locked*, the *usage* is wrong, a *fatal* error;
//!   or no account could be *reached*;
//! - then what a person has to decide: a *guard* refused, the plan is *stale*, verify found *differences*;
//! - then what *failed* in part, then work that is *left*: a script that runs apply again on 9 must stop at a 3;
//! - last that there is something *to do*, which is no fault.

use crate::error::{Error, Kind, Scope};
use crate::model::report::{AccountResult, ApplySummary, Ending, ScanSummary, VerifySummary};
use std::process;

/// How a run ended, from the best to the worst: `Ord` is how codes merge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExitCode {
    Done,
    SomethingToDo,
    LimitReached,
    SomeFailed,
    Different,
    StalePlan,
    GuardRefused,
    NoneReached,
    Fatal,
    Usage,
    Locked,
    Interrupted,
}

/// Every code with its number and its meaning, in the order of the numbers.
const MEANINGS: [(ExitCode, u8, &str); 12] = [
    (ExitCode::Done, 0, "done, nothing failed"),
    (ExitCode::Fatal, 1, "a fatal error"),
    (ExitCode::Usage, 2, "wrong usage or settings; nothing was touched"),
    (ExitCode::SomeFailed, 3, "done as far as could be; some messages, mailboxes or accounts failed and are listed"),
    (ExitCode::NoneReached, 4, "no account could be reached or logged in"),
    (ExitCode::StalePlan, 5, "the plan is stale: scan and plan again"),
    (ExitCode::GuardRefused, 6, "a guard refused (deletions, quota)"),
    (ExitCode::Locked, 7, "another mailferry holds this state"),
    (ExitCode::Different, 8, "verify found differences"),
    (ExitCode::LimitReached, 9, "a limit of apply was reached with work left; run it again"),
    (ExitCode::SomethingToDo, 10, "only with --detailed-exitcode: there is something to do"),
    (ExitCode::Interrupted, 130, "interrupted; all that was done is recorded"),
];

/// The exit codes as a part of the help.
pub fn help() -> String {
    let lines = MEANINGS.iter().map(|(_, number, meaning)| format!("  {number:>3}  {meaning}\n"));
    std::iter::once("Exit status (the worst wins):\n".to_owned()).chain(lines).collect()
}

impl ExitCode {
    /// What the operating system is told.
    pub fn number(self) -> u8 {
        MEANINGS.iter().find(|(code, _, _)| *code == self).map_or(1, |(_, number, _)| *number)
    }

    /// The worse of the two.
    pub fn merge(self, other: ExitCode) -> ExitCode {
        self.max(other)
    }

    /// For an error that ended the run before it came to the accounts.
    pub fn of_run(error: &Error) -> ExitCode {
        match error.kind() {
            Kind::Settings => ExitCode::Usage,
            Kind::Interrupted => ExitCode::Interrupted,
            Kind::Locked => ExitCode::Locked,
            Kind::Guard | Kind::Quota => ExitCode::GuardRefused,
            Kind::Stale => ExitCode::StalePlan,
            _ if is_unreached(error) => ExitCode::NoneReached,
            _ => ExitCode::Fatal,
        }
    }

    /// For an error that ended one account; the others went on.
    fn of_account(error: &Error) -> ExitCode {
        match error.kind() {
            Kind::Interrupted => ExitCode::Interrupted,
            Kind::Locked => ExitCode::Locked,
            Kind::Guard | Kind::Quota => ExitCode::GuardRefused,
            Kind::Stale => ExitCode::StalePlan,
            _ if is_end_of_state(error) => ExitCode::Fatal,
            _ => ExitCode::SomeFailed,
        }
    }

    /// For all accounts: each failed account counts, and each success as `of_success` says.
    pub fn of_results<T>(results: &[AccountResult<T>], of_success: impl Fn(&T) -> ExitCode) -> ExitCode {
        let codes = results.iter().map(|result| match &result.result {
            Ok(success) => of_success(success),
            Err(error) => ExitCode::of_account(error),
        });
        codes.fold(ExitCode::Done, ExitCode::merge).merge(of_common_failure(results))
    }

    /// For failures that were listed, and ended nothing; but the state that cannot be written ends all.
    pub fn of_failures(failures: &[Error]) -> ExitCode {
        let interrupted = |error: &Error| *error.kind() == Kind::Interrupted;
        match failures {
            [] => ExitCode::Done,
            all if all.iter().all(interrupted) => ExitCode::Interrupted,
            all if all.iter().any(is_end_of_state) => ExitCode::Fatal,
            _ => ExitCode::SomeFailed,
        }
    }

    /// For a scan of one account.
    pub fn of_scan(summary: &ScanSummary) -> ExitCode {
        ExitCode::of_failures(&summary.troubles)
    }

    /// For an apply of one account.
    pub fn of_apply(summary: &ApplySummary) -> ExitCode {
        let ending = match summary.ending {
            Ending::Complete => ExitCode::Done,
            Ending::Limit => ExitCode::LimitReached,
            Ending::Interrupted => ExitCode::Interrupted,
        };
        ending.merge(ExitCode::of_failures(&summary.failures))
    }

    /// For a verification of one account.
    pub fn of_verify(summary: &VerifySummary) -> ExitCode {
        let found = if summary.differences.is_clean() { ExitCode::Done } else { ExitCode::Different };
        found.merge(ExitCode::of_failures(&summary.troubles))
    }
}

/// Whether nothing can be recorded any more, whatever else went well: the disk is full, or the state is damaged.
fn is_end_of_state(error: &Error) -> bool {
    *error.kind() == Kind::State && error.reach() == Scope::Run
}

/// For what all accounts failed of, and says something about the run as a whole.
fn of_common_failure<T>(results: &[AccountResult<T>]) -> ExitCode {
    let all_failed = |of: fn(&Error) -> bool| {
        !results.is_empty() && results.iter().all(|result| result.result.as_ref().is_err_and(of))
    };
    if all_failed(is_unreached) {
        ExitCode::NoneReached
    } else if all_failed(|error| *error.kind() == Kind::Settings) {
        ExitCode::Usage
    } else {
        ExitCode::Done
    }
}

/// Whether the account was never opened: the server could not be reached, or did not let us in.
fn is_unreached(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Unreachable
            | Kind::Connection
            | Kind::Throttled(_)
            | Kind::Authentication
            | Kind::Authorization
            | Kind::Certificate
    )
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        process::ExitCode::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::Differences;

    fn failed(kind: Kind) -> AccountResult<ScanSummary> {
        AccountResult { account: "alice".to_owned(), result: Err(Error::new(kind, "it failed")) }
    }

    fn succeeded() -> AccountResult<ScanSummary> {
        AccountResult { account: "bob".to_owned(), result: Ok(ScanSummary::default()) }
    }

    fn code(results: &[AccountResult<ScanSummary>]) -> u8 {
        ExitCode::of_results(results, ExitCode::of_scan).number()
    }

    #[test]
    fn the_worst_wins() {
        let worst_first = [130, 7, 2, 1, 4, 6, 5, 8, 3, 9, 10, 0];
        let mut codes = MEANINGS.map(|(code, _, _)| code);
        codes.sort_by(|a, b| b.cmp(a));
        assert_eq!(codes.map(ExitCode::number), worst_first);
        assert_eq!(ExitCode::SomeFailed.merge(ExitCode::LimitReached), ExitCode::SomeFailed);
        assert_eq!(ExitCode::Done.merge(ExitCode::Interrupted), ExitCode::Interrupted);
    }

    #[test]
    fn one_account_failing_among_others_is_a_partial_failure() {
        for kind in [Kind::Connection, Kind::Authentication, Kind::Settings, Kind::Protocol, Kind::Io] {
            assert_eq!(code(&[failed(kind.clone()), succeeded()]), 3, "{kind:?}");
        }
        assert_eq!(code(&[succeeded(), succeeded()]), 0);
    }

    #[test]
    fn no_account_reached_has_a_code_of_its_own() {
        assert_eq!(code(&[failed(Kind::Connection), failed(Kind::Authentication)]), 4);
        assert_eq!(code(&[failed(Kind::Certificate)]), 4);
        assert_eq!(code(&[failed(Kind::Throttled(None))]), 4);
        assert_eq!(code(&[failed(Kind::Connection), failed(Kind::Protocol)]), 3);
        assert_eq!(code(&[failed(Kind::Connection), failed(Kind::Interrupted)]), 130);
        assert_eq!(code(&[]), 0);
    }

    #[test]
    fn kinds_that_need_a_decision_outrank_partial_failure() {
        assert_eq!(code(&[failed(Kind::Stale), succeeded()]), 5);
        assert_eq!(code(&[failed(Kind::Guard), failed(Kind::Stale)]), 6);
        assert_eq!(code(&[failed(Kind::Quota), succeeded()]), 6);
        assert_eq!(code(&[failed(Kind::Settings), failed(Kind::Settings)]), 2);
    }

    #[test]
    fn state_that_cannot_be_written_is_fatal_wherever_it_is_listed() {
        let full = || Error::new(Kind::State, "could not read or write the state");
        assert_eq!(ExitCode::of_failures(&[Error::new(Kind::Refused, "refused"), full()]), ExitCode::Fatal);
        assert_eq!(ExitCode::of_failures(&[full().scope(Scope::Account)]), ExitCode::SomeFailed);
        assert_eq!(code(&[succeeded(), AccountResult { account: "alice".to_owned(), result: Err(full()) }]), 1);
    }

    #[test]
    fn run_errors_by_kind() {
        let code = |kind| ExitCode::of_run(&Error::new(kind, "it failed")).number();
        let kinds = [Kind::Settings, Kind::Locked, Kind::State, Kind::Stale, Kind::Io, Kind::Certificate];
        assert_eq!(kinds.map(code), [2, 7, 1, 5, 1, 4]);
    }

    #[test]
    fn verify_differences_outrank_troubles() {
        let trouble = Error::new(Kind::Refused, "could not select");
        let mut summary = VerifySummary { troubles: vec![trouble], ..VerifySummary::default() };
        assert_eq!(ExitCode::of_verify(&summary).number(), 3);
        summary.differences = Differences { missing: 1, ..Differences::default() };
        assert_eq!(ExitCode::of_verify(&summary).number(), 8);
        let extra = Differences { extra: 5, ..Differences::default() };
        assert_eq!(ExitCode::of_verify(&VerifySummary { differences: extra, ..VerifySummary::default() }).number(), 0);
    }

    #[test]
    fn help_lists_all_numbers() {
        let help = help();
        assert!(MEANINGS.iter().all(|(_, number, meaning)| help.contains(&format!("{number:>3}  {meaning}"))));
    }
}

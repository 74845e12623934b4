//! All exit codes: their numbers, what they mean, how they merge, and what leads to them.
//!
//! Scripts depend on the numbers. The one that says most wins:
//!
//! - *interrupted* comes first: what else is known is then known of a part only;
//! - next what kept the run from taking place at all: the state is *locked*, the *usage* is wrong, a *fatal* error;
//!   or no account could be *reached*;
//! - then work that is *left* by a limit: a script that runs apply again on 9 goes on while another run makes progress,
//!   and ends with what failed;
//! - then what a person has to decide: a *guard* refused, the plan is *stale*, verify found *differences*;
//! - then what *failed* in part, and last that there is something *to do*, which is no fault.
//!
//! A command that works on accounts has its status from their ledgers, by [`ExitCode::of_ledgers`], and from nothing
//! else.

use crate::error::{Error, Kind, Scope};
use crate::model::ledger::{AccountLedger, Ending, Stage};
use crate::model::report::AccountResult;
use crate::model::run_ledger::{Accounted, RunLedger};
use std::process;

/// How a run ended, from the best to the worst: `Ord` is how codes merge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExitCode {
    Done,
    SomethingToDo,
    SomeFailed,
    Different,
    StalePlan,
    GuardRefused,
    LimitReached,
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
    (ExitCode::Different, 8, "verify found differences, or messages that were not copied"),
    (ExitCode::LimitReached, 9, "a limit was reached, or hours ended, with work left; run it again"),
    (ExitCode::SomethingToDo, 10, "only with --detailed-exitcode: there is something to do"),
    (ExitCode::Interrupted, 130, "interrupted; all that was done is recorded"),
];

/// The exit codes as a part of the help.
pub fn help() -> String {
    let lines = MEANINGS.iter().map(|(_, number, meaning)| format!("  {number:>3}  {meaning}\n"));
    std::iter::once("Exit status (the one that says most wins):\n".to_owned()).chain(lines).collect()
}

impl ExitCode {
    /// What the operating system is told.
    pub fn number(self) -> u8 {
        MEANINGS.iter().find(|(code, _, _)| *code == self).map_or(1, |(_, number, _)| *number)
    }

    /// Whether there is nothing more to say or to do.
    pub fn is_clean(self) -> bool {
        self == ExitCode::Done
    }

    /// For what several processes told, where that keeps it from being the whole truth.
    pub fn of_findings(findings: &[String]) -> ExitCode {
        if findings.is_empty() { ExitCode::Done } else { ExitCode::SomeFailed }
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
            Kind::SetAside => ExitCode::Done,
            Kind::Waiting => ExitCode::LimitReached,
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
            Kind::SetAside => ExitCode::Done,
            Kind::Waiting => ExitCode::LimitReached,
            Kind::Locked => ExitCode::Locked,
            Kind::Guard | Kind::Quota => ExitCode::GuardRefused,
            Kind::Stale => ExitCode::StalePlan,
            _ if is_end_of_state(error) => ExitCode::Fatal,
            _ => ExitCode::SomeFailed,
        }
    }

    /// For a command that worked on accounts.
    pub fn of_ledgers(run: &RunLedger<'_>) -> ExitCode {
        let codes = run.ledgers().map(ExitCode::of_ledger).chain(run.errors().map(ExitCode::of_account));
        codes.fold(ExitCode::Done, ExitCode::merge).merge(of_common_failure(run))
    }

    /// As [`ExitCode::of_ledgers`], and whether there is something to do is told, too.
    pub fn of_ledgers_in_detail(run: &RunLedger<'_>) -> ExitCode {
        let to_do = run.ledgers().any(|ledger| ledger.to_do);
        ExitCode::of_ledgers(run).merge(if to_do { ExitCode::SomethingToDo } else { ExitCode::Done })
    }

    /// Of one account by itself.
    pub fn of_result<T: Accounted>(result: &AccountResult<T>) -> ExitCode {
        let ledger = result.done().and_then(Accounted::ledger);
        ledger.map_or_else(ExitCode::of_account, ExitCode::of_ledger)
    }

    fn of_ledger(ledger: &AccountLedger) -> ExitCode {
        let ending = match ledger.ending {
            Ending::Complete => ExitCode::Done,
            Ending::Limit => ExitCode::LimitReached,
            Ending::Interrupted => ExitCode::Interrupted,
        };
        let found = match ledger.stage {
            Stage::Verified if !ledger.differences.is_clean() || ledger.leaves_behind() => ExitCode::Different,
            _ if ledger.leaves_behind() => ExitCode::SomeFailed,
            _ => ExitCode::Done,
        };
        ending.merge(found).merge(ExitCode::of_failures(&ledger.failures))
    }

    /// For failures that were listed, and ended nothing; but the state that cannot be written ends all, and a guard asks
    /// for a word.
    fn of_failures(failures: &[Error]) -> ExitCode {
        let codes = failures.iter().map(|failure| match failure.kind() {
            Kind::Interrupted => ExitCode::Done,
            Kind::Guard => ExitCode::GuardRefused,
            _ if is_end_of_state(failure) => ExitCode::Fatal,
            _ => ExitCode::SomeFailed,
        });
        match codes.fold(ExitCode::Done, ExitCode::merge) {
            ExitCode::Done if !failures.is_empty() => ExitCode::Interrupted,
            worst => worst,
        }
    }
}

/// Whether nothing can be recorded any more, whatever else went well: the disk is full, or the state is damaged.
fn is_end_of_state(error: &Error) -> bool {
    *error.kind() == Kind::State && error.reach() == Scope::Run
}

/// For what all accounts failed of, and says something about the run as a whole.
fn of_common_failure(run: &RunLedger<'_>) -> ExitCode {
    if run.all_failed(is_unreached) {
        ExitCode::NoneReached
    } else if run.all_failed(|error| *error.kind() == Kind::Settings) {
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
            | Kind::Expired
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
    use crate::model::ledger::Conditions;
    use crate::model::report::{AccountCheck, ApplySummary, ScanSummary};
    use crate::model::statistics::RunFigures;
    use crate::model::{Flags, MailboxCondition, Outcome, Outcomes};
    use crate::report;

    fn failed(kind: Kind) -> AccountResult<ScanSummary> {
        AccountResult::new("alice", Err(Error::new(kind, "it failed")))
    }

    fn succeeded() -> AccountResult<ScanSummary> {
        AccountResult::new("bob", Ok(ScanSummary::default()))
    }

    fn code<T: Accounted>(results: &[AccountResult<T>]) -> u8 {
        ExitCode::of_ledgers(&RunLedger::of(results)).number()
    }

    /// The code of one account with this ledger.
    fn code_of(stage: Stage, spoil: impl Fn(&mut AccountLedger)) -> u8 {
        let mut ledger = AccountLedger::at(stage);
        spoil(&mut ledger);
        let (figures, granted) = (RunFigures::default(), [None; 2]);
        let summary = ApplySummary { figures, ledger, warnings: Vec::new(), unmatched: Vec::new(), granted };
        code(&[AccountResult::new("alice", Ok(summary))])
    }

    #[test]
    fn the_worst_wins() {
        let worst_first = [130, 7, 2, 1, 4, 9, 6, 5, 8, 3, 10, 0];
        let mut codes = MEANINGS.map(|(code, _, _)| code);
        codes.sort_by(|a, b| b.cmp(a));
        assert_eq!(codes.map(ExitCode::number), worst_first);
        assert_eq!(ExitCode::SomeFailed.merge(ExitCode::LimitReached), ExitCode::LimitReached);
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
        assert_eq!(code::<ScanSummary>(&[]), 0);
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
        assert_eq!(code(&[succeeded(), AccountResult::new("alice", Err(full()))]), 1);
    }

    #[test]
    fn run_errors_by_kind() {
        let code = |kind| ExitCode::of_run(&Error::new(kind, "it failed")).number();
        let kinds = [Kind::Settings, Kind::Locked, Kind::State, Kind::Stale, Kind::Io, Kind::Certificate];
        assert_eq!(kinds.map(code), [2, 7, 1, 5, 1, 4]);
    }

    /// As JSON sorts them.
    fn expected_keys(key: &'static str) -> [&'static str; 2] {
        if key < "total" { [key, "total"] } else { ["total", key] }
    }

    /// Every outcome of a message: how it changes the exit status of plan, apply and verify, its words, and its key in JSON.
    #[test]
    fn every_outcome_has_its_exit_status_its_words_and_its_key() {
        const WELL: [u8; 3] = [0, 0, 0];
        const KEPT_BACK: [u8; 3] = [0, 3, 8];
        let text = String::new;
        let table = [
            (Outcome::Present, WELL, "1 already there", "present"),
            (Outcome::Copied, WELL, "1 copied", "copied"),
            (Outcome::Skipped(text()), WELL, "1 skipped", "skipped"),
            (Outcome::Limited(text()), KEPT_BACK, "1 beyond the destination's limit", "limited"),
            (Outcome::Refused(text()), KEPT_BACK, "1 refused", "refused"),
            (Outcome::Vanished, WELL, "1 vanished from the source", "vanished"),
            (Outcome::Failed(text()), KEPT_BACK, "1 failed", "failed"),
            (Outcome::Departed, WELL, "1 deleted on the destination since", "departed"),
            // What is left though nothing hindered it.
            (Outcome::Pending, KEPT_BACK, "1 still to copy", "pending"),
            (Outcome::NotFoundAgain(text()), KEPT_BACK, "1 stored and not found again", "not_found_again"),
            (Outcome::Undecided(text()), KEPT_BACK, "1 not decided yet", "undecided"),
            (Outcome::Accepted(text()), WELL, "1 accepted as they are", "accepted"),
        ];
        let mut seen = Outcomes::default();
        for (outcome, expected, words, key) in &table {
            seen.add(outcome, 1);
            let only = |it: &mut AccountLedger| it.outcomes.add(outcome, 1);
            let codes = [Stage::Planned, Stage::Applied, Stage::Verified].map(|stage| code_of(stage, only));
            assert_eq!(&codes, expected, "{outcome:?}");
            let mut one = Outcomes::default();
            one.add(outcome, 1);
            assert_eq!(report::outcomes::sentence(&one), format!("1 message: {words}"));
            let json = report::outcomes::json(&one);
            let counted = json.as_object().into_iter().flatten().filter(|(_, count)| *count == 1);
            assert_eq!(counted.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected_keys(key), "{json}");
        }
        assert!(seen.counts().iter().all(|count| *count == 1), "an outcome is not in the table: {seen:?}");
    }

    /// The same of every condition of a mailbox, by its key.
    #[test]
    fn every_condition_of_a_mailbox_has_its_exit_status_and_its_key() {
        let table = [
            (MailboxCondition::TakesPart, [0, 0, 0], "takes_part"),
            (MailboxCondition::Excluded, [0, 0, 0], "excluded"),
            (MailboxCondition::Container, [0, 0, 0], "container"),
            (MailboxCondition::Foreign, [0, 0, 0], "foreign"),
            (MailboxCondition::Unreadable, [0, 3, 8], "unreadable"),
        ];
        let mut seen = Conditions::default();
        for (condition, expected, key) in table {
            seen.add(condition);
            let only = |it: &mut AccountLedger| it.conditions.add(condition);
            let codes = [Stage::Planned, Stage::Applied, Stage::Verified].map(|stage| code_of(stage, only));
            assert_eq!(codes, expected, "{condition:?}");
            let mut one = Conditions::default();
            one.add(condition);
            assert_eq!(serde_json::to_value(one).unwrap()[key], 1);
        }
        let Conditions { takes_part, excluded, container, foreign, unreadable } = seen;
        assert_eq!([takes_part, excluded, container, foreign, unreadable], [1; 5]);
    }

    #[test]
    fn copies_that_are_gone_need_a_word_and_what_cannot_be_kept_or_is_new_there_is_a_success() {
        type With = fn(&mut AccountLedger);
        let table: [(With, [u8; 3]); 6] = [
            (|it| it.questioned = 1, [0, 3, 8]),
            (|it| it.losses.dates = 9, [0, 0, 0]),
            (|it| it.losses.untold_dates = 9, [0, 0, 0]),
            (|it| it.losses.out_of_order = 9, [0, 0, 0]),
            (|it| it.losses.add_flags(&Flags::from_texts(["work"])), [0, 0, 0]),
            (|it| it.differences.extra = 9, [0, 0, 0]),
        ];
        for (index, (with, expected)) in table.into_iter().enumerate() {
            let codes = [Stage::Planned, Stage::Applied, Stage::Verified].map(|stage| code_of(stage, with));
            assert_eq!(codes, expected, "{index}");
        }
    }

    #[test]
    fn endings_and_listed_failures_count() {
        let trouble =
            |kind: Kind| move |it: &mut AccountLedger| drop(it.failures.add(Error::new(kind.clone(), "it failed")));
        assert_eq!(code_of(Stage::Verified, trouble(Kind::Refused)), 3);
        assert_eq!(code_of(Stage::Applied, trouble(Kind::Guard)), 6);
        assert_eq!(code_of(Stage::Applied, trouble(Kind::Interrupted)), 130);
        assert_eq!(code_of(Stage::Verified, |it| it.differences.missing = 1), 8);
        assert_eq!(code_of(Stage::Applied, |it| it.ending = Ending::Interrupted), 130);
        let limited = |it: &mut AccountLedger| {
            it.ending = Ending::Limit;
            it.outcomes.refused = 1;
        };
        assert_eq!(code_of(Stage::Applied, limited), 9);
    }

    #[test]
    fn something_to_do_is_told_only_in_detail() {
        let ledger = AccountLedger { to_do: true, ..AccountLedger::at(Stage::Planned) };
        let summary = ScanSummary { ledger, ..ScanSummary::default() };
        let results = [AccountResult::new("alice", Ok(summary))];
        let run = RunLedger::of(&results);
        assert_eq!([ExitCode::of_ledgers(&run), ExitCode::of_ledgers_in_detail(&run)].map(ExitCode::number), [0, 10]);
    }

    #[test]
    fn account_with_one_closed_side_is_not_reached() {
        let account = |sides| AccountResult::new("alice", Ok(AccountCheck { ledger: AccountLedger::default(), sides }));
        let closed = || account(vec![Err(Error::new(Kind::Authentication, "the login was refused"))]);
        assert_eq!(code(&[closed(), closed()]), 4);
        assert_eq!(code(&[closed(), account(Vec::new())]), 3);
    }

    #[test]
    fn help_lists_all_numbers() {
        let help = help();
        assert!(MEANINGS.iter().all(|(_, number, meaning)| help.contains(&format!("{number:>3}  {meaning}"))));
    }
}

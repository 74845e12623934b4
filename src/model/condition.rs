//! The condition that an account is in: derived from what is known of it, and never stored. Only `paused` and `complete` are
//! said by people.

use super::attempt::{Attempt, AttemptResult, Step};
use super::ledger::{AccountLedger, Stage};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an account stands, for the one who looks after many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A person must act: a login, rights, a guard, the quota, the settings.
    Blocked,
    /// The last attempt failed, whole or in part; the next one may not.
    Failed,
    /// A run is at it.
    Working,
    /// Nothing failed, and there is something left to copy.
    Behind,
    /// Its turn comes: a run has it in its queue.
    Waiting,
    /// Nothing was ever done for it.
    New,
    /// A person has said that nothing is to be done for it for now.
    Paused,
    /// All that its source held is where it belongs.
    Synced,
    /// A person has said that it is done for good.
    Complete,
}

/// What a person has said of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    Paused,
    Complete,
}

impl Mark {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Paused => "paused",
            Mark::Complete => "complete",
        }
    }
}

/// Whether a run has the account in hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Turn {
    /// No run has it.
    #[default]
    None,
    Waiting,
    Working,
}

impl Condition {
    /// All of them, what is not well first.
    pub const ALL: [Condition; 9] = [
        Condition::Blocked,
        Condition::Failed,
        Condition::Working,
        Condition::Behind,
        Condition::Waiting,
        Condition::New,
        Condition::Paused,
        Condition::Synced,
        Condition::Complete,
    ];

    /// From what was said, whether a run has it, its last attempt, and its ledger.
    pub fn of(mark: Option<Mark>, turn: Turn, attempt: Option<&Attempt>, ledger: &AccountLedger) -> Self {
        match (mark, turn) {
            (_, Turn::Working) => Condition::Working,
            (Some(Mark::Paused), _) => Condition::Paused,
            (Some(Mark::Complete), _) => Condition::Complete,
            (None, Turn::Waiting) => Condition::Waiting,
            (None, Turn::None) => Condition::of_the_past(attempt, ledger),
        }
    }

    /// Of an account that an attempt has just left so.
    pub fn of_ledger(ledger: &AccountLedger) -> Self {
        let attempt = Attempt { step: Step::Sync, started: 0, ended: 0, result: AttemptResult::of_ledger(ledger) };
        Condition::of_the_past(Some(&attempt), ledger)
    }

    fn of_the_past(attempt: Option<&Attempt>, ledger: &AccountLedger) -> Self {
        match attempt.map(|attempt| &attempt.result) {
            Some(AttemptResult::Failed(trouble)) if trouble.needs_a_person => Condition::Blocked,
            Some(AttemptResult::Failed(_)) => Condition::Failed,
            _ if ledger.questioned > 0 => Condition::Blocked,
            _ if ledger.leaves_behind() || !ledger.differences.is_clean() => Condition::Failed,
            Some(AttemptResult::Cut) => Condition::Behind,
            _ if ledger.outcomes.pending > 0 || ledger.to_do => Condition::Behind,
            _ if ledger.stage >= Stage::Planned => Condition::Synced,
            Some(AttemptResult::Done) => Condition::Behind,
            None => Condition::New,
        }
    }

    /// The word for it, also in `state:WORD`.
    pub fn word(self) -> &'static str {
        match self {
            Condition::Blocked => "blocked",
            Condition::Failed => "failed",
            Condition::Working => "working",
            Condition::Behind => "behind",
            Condition::Waiting => "waiting",
            Condition::New => "new",
            Condition::Paused => "paused",
            Condition::Synced => "synced",
            Condition::Complete => "complete",
        }
    }

    /// The condition of that word.
    pub fn read(word: &str) -> Option<Self> {
        Condition::ALL.into_iter().find(|condition| condition.word() == word)
    }

    /// Whether something went wrong.
    pub fn is_bad(self) -> bool {
        matches!(self, Condition::Blocked | Condition::Failed)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcomes;
    use crate::model::attempt::Trouble;

    fn attempt(result: AttemptResult) -> Attempt {
        Attempt { step: Step::Sync, started: 1, ended: 2, result }
    }

    fn failed(needs_a_person: bool) -> AttemptResult {
        AttemptResult::Failed(Trouble { line: "why".to_owned(), hint: None, count: 1, needs_a_person })
    }

    fn applied(outcomes: Outcomes) -> AccountLedger {
        AccountLedger { outcomes, ..AccountLedger::at(Stage::Applied) }
    }

    #[test]
    fn condition_is_told_by_the_last_attempt_and_the_ledger() {
        let clean = applied(Outcomes { copied: 3, ..Outcomes::default() });
        let pending = applied(Outcomes { copied: 3, pending: 1, ..Outcomes::default() });
        let refused = applied(Outcomes { copied: 3, refused: 1, ..Outcomes::default() });
        let questioned = AccountLedger { questioned: 2, ..clean.clone() };
        let planned = AccountLedger { to_do: true, ..AccountLedger::at(Stage::Planned) };
        let cases = [
            (None, AccountLedger::default(), Condition::New),
            (Some(AttemptResult::Done), AccountLedger::default(), Condition::Behind),
            (Some(AttemptResult::Done), planned, Condition::Behind),
            (Some(AttemptResult::Done), clean.clone(), Condition::Synced),
            (None, clean.clone(), Condition::Synced),
            (Some(AttemptResult::Cut), pending, Condition::Failed),
            (Some(AttemptResult::Cut), clean.clone(), Condition::Behind),
            (Some(AttemptResult::Done), refused, Condition::Failed),
            (Some(AttemptResult::Done), questioned, Condition::Blocked),
            (Some(failed(false)), clean.clone(), Condition::Failed),
            (Some(failed(true)), AccountLedger::default(), Condition::Blocked),
        ];
        for (index, (result, ledger, expected)) in cases.into_iter().enumerate() {
            let attempt = result.map(attempt);
            assert_eq!(Condition::of(None, Turn::None, attempt.as_ref(), &ledger), expected, "{index}");
        }
    }

    #[test]
    fn what_a_person_said_and_what_a_run_does_come_first() {
        let attempt = attempt(failed(true));
        let of = |mark, turn| Condition::of(mark, turn, Some(&attempt), &AccountLedger::default());
        assert_eq!(of(Some(Mark::Paused), Turn::None), Condition::Paused);
        assert_eq!(of(Some(Mark::Complete), Turn::Waiting), Condition::Complete);
        assert_eq!(of(Some(Mark::Paused), Turn::Working), Condition::Working);
        assert_eq!(of(None, Turn::Waiting), Condition::Waiting);
    }

    #[test]
    fn each_word_is_read_as_its_condition() {
        for condition in Condition::ALL {
            assert_eq!(Condition::read(condition.word()), Some(condition));
        }
        assert_eq!(Condition::read("faild"), None);
    }
}

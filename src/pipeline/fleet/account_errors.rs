//! The errors of whole accounts that a run holds in memory: the first so many as they are; of the others one of each kind,
//! which all share. Each was told when it came, and the state holds it in the account's last attempt. Of accounts that were not
//! begun, those that were not for one reason share it.

use crate::error::{Error, Kind, Scope};
use crate::model::Side;
use crate::model::failures::LISTED_IN_A_RUN;
use std::mem::{Discriminant, discriminant};
use std::sync::{Mutex, PoisonError};

/// What is held of them.
#[derive(Default)]
pub(super) struct AccountErrors(Mutex<Held>);

#[derive(Default)]
struct Held {
    count: usize,
    /// Few.
    shared: Vec<(Likeness, Error)>,
    /// Why accounts were not begun, the first few reasons.
    reasons: Vec<Error>,
}

/// So many reasons are shared: each wave has its own.
const MOST_REASONS: usize = 256;

/// What decides the exit status, and whether an account has another turn.
type Likeness = (Discriminant<Kind>, Scope, Option<Side>);

impl AccountErrors {
    /// What is to be held of the error of one more account. Who was not begun did not fail.
    pub fn held(&self, error: Error) -> Error {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(error.kind(), Kind::Interrupted | Kind::SetAside | Kind::Waiting) {
            return held.reason(error);
        }
        held.count += 1;
        if held.count <= LISTED_IN_A_RUN {
            return error;
        }
        let likeness = (discriminant(error.kind()), error.reach(), error.place().side);
        if let Some((_, shared)) = held.shared.iter().find(|(known, _)| *known == likeness) {
            return shared.clone();
        }
        let shared = shared(&error);
        held.shared.push((likeness, shared.clone()));
        shared
    }
}

impl Held {
    /// The same reason without the name of an account, once for all.
    fn reason(&mut self, error: Error) -> Error {
        let is_same = |known: &&Error| {
            (known.kind(), known.summary(), known.advice()) == (error.kind(), error.summary(), error.advice())
        };
        if let Some(known) = self.reasons.iter().find(is_same) {
            return known.clone();
        }
        if self.reasons.len() == MOST_REASONS {
            return error;
        }
        let reason = Error::new(error.kind().clone(), error.summary()).scope(error.reach());
        let reason = error.advice().map_or(reason.clone(), |advice| reason.hint(advice));
        self.reasons.push(reason.clone());
        reason
    }
}

fn shared(error: &Error) -> Error {
    let what = format!("more than {LISTED_IN_A_RUN} accounts failed: what happened to this one is not listed here");
    let shared = Error::new(error.kind().clone(), what).scope(error.reach());
    let shared = shared.hint("`mailferry status` lists each account with what failed");
    match (error.place().side, &error.place().server) {
        (Some(side), Some(server)) => shared.on(side, server),
        _ => shared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever each says: ten thousand are held, and a word for each kind of the others.
    #[test]
    fn errors_of_a_hundred_thousand_accounts_are_held_once_for_each_kind() {
        let errors = AccountErrors::default();
        let kind = |number: usize| if number.is_multiple_of(2) { Kind::Unreachable } else { Kind::Authentication };
        let failed = |number: usize| {
            let error = Error::new(kind(number), format!("a reason of its own: {number}"));
            errors.held(error.in_account(&format!("user-{number}")).on(Side::Source, "old.example.org"))
        };
        let held: Vec<Error> = (0..100_000).map(failed).collect();
        assert!(held.iter().enumerate().all(|(number, error)| *error.kind() == kind(number)));
        assert!(held.iter().all(|error| error.place().side == Some(Side::Source)));
        let (own, shared) = held.split_at(LISTED_IN_A_RUN);
        assert!(own.iter().enumerate().all(|(number, error)| error.what().ends_with(&format!(": {number}"))));
        let mut texts: Vec<*const u8> = shared.iter().map(|error| error.what().as_ptr()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 2, "what is said of them is there once for each kind");
    }

    #[test]
    fn accounts_that_were_not_begun_share_the_reason_and_do_not_count() {
        let errors = AccountErrors::default();
        let waits = |number: usize| {
            let error = Error::new(Kind::Waiting, format!("the hours of wave {}", number % 2)).hint("`--now`");
            errors.held(error.in_account(&format!("user-{number}")))
        };
        let held: Vec<Error> = (0..2 * LISTED_IN_A_RUN).map(waits).collect();
        let mut texts: Vec<*const u8> = held.iter().map(|error| error.what().as_ptr()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 2);
        assert!(held.iter().all(|error| *error.kind() == Kind::Waiting && error.advice() == Some("`--now`")));
        let failed = errors.held(Error::new(Kind::Unreachable, "away"));
        assert_eq!(failed.what(), "away", "it is the first that failed");
    }
}

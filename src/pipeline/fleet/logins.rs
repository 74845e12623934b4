//! What is known of the master user's login on one server: whether it was ever good, and whose accounts it was refused for.
//!
//! A refusal for one account says nothing of the others: servers answer a user name that they do not know, or do not
//! like, in the same words as a wrong password. That the login itself is wrong is concluded from [`MASTER_REFUSALS`]
//! different accounts with no success between them; further tries could then lock the master user out.

use crate::error::Error;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Different accounts that a master login is refused for, with none accepted, after which no further account is tried:
/// below every lock-out limit that is known, and more unknown names than a list of accounts begins with as a rule.
const MASTER_REFUSALS: usize = 3;

/// What is known of the master login on one server.
#[derive(Default)]
pub struct MasterLogin(Mutex<Known>);

#[derive(Default)]
struct Known {
    accepted: bool,
    refused: BTreeSet<String>,
    halted: Option<Error>,
}

impl MasterLogin {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The login was good for some account: later refusals are each account's own.
    pub fn note_success(&self) {
        self.known().accepted = true;
    }

    pub fn was_accepted(&self) -> bool {
        self.known().accepted
    }

    /// The login was refused for that account.
    pub fn note_refusal(&self, account: &str, error: &Error) {
        let mut known = self.known();
        known.refused.insert(account.to_owned());
        if !known.accepted && known.refused.len() >= MASTER_REFUSALS {
            known.halted.get_or_insert_with(|| error.clone());
        }
    }

    /// The last refusal, where the login itself is taken for wrong.
    pub fn halted(&self) -> Option<Error> {
        self.known().halted.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn refused() -> Error {
        Error::new(Kind::Authentication, "could not log in")
    }

    #[test]
    fn refusals_of_different_accounts_are_counted_and_not_their_tries() {
        let login = MasterLogin::default();
        for account in ["a", "a", "a", "a", "b"] {
            login.note_refusal(account, &refused());
        }
        assert_eq!(login.halted(), None);
        login.note_refusal("c", &refused());
        assert!(login.halted().is_some());
    }

    #[test]
    fn refusals_after_a_success_are_each_accounts_own() {
        let login = MasterLogin::default();
        login.note_success();
        ["a", "b", "c", "d"].iter().for_each(|account| login.note_refusal(account, &refused()));
        assert_eq!(login.halted(), None);
    }
}

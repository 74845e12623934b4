//! The ledgers of all accounts of a run: each account has one, or the error that kept it from having one.

use super::attempt::AttemptResult;
use super::ledger::{AccountLedger, Stage, Standing};
use super::report::{
    AcceptSummary, AccountCheck, AccountResult, ApplySummary, HeadersSummary, PlanSummary, ScanSummary, VerifySummary,
};
use crate::error::Error;

/// What a command gives for an account: something that success can be derived from.
pub trait Accounted {
    /// Where the account stands at the end.
    ///
    /// # Errors
    /// What kept the command from taking place for this account.
    fn ledger(&self) -> Result<&AccountLedger, &Error>;

    /// Every failure that is to be listed.
    fn failures(&self) -> Vec<&Error> {
        self.ledger().map_or_else(|error| vec![error], |ledger| ledger.failures.iter().collect())
    }

    /// How many more failures there are, which are only counted.
    fn unlisted_failures(&self) -> u64 {
        self.ledger().map_or(0, |ledger| ledger.failures.unlisted())
    }
}

impl Accounted for ScanSummary {
    fn ledger(&self) -> Result<&AccountLedger, &Error> {
        Ok(&self.ledger)
    }
}

impl Accounted for AcceptSummary {
    fn ledger(&self) -> Result<&AccountLedger, &Error> {
        Ok(&self.ledger)
    }
}

impl Accounted for PlanSummary {
    fn ledger(&self) -> Result<&AccountLedger, &Error> {
        Ok(&self.ledger)
    }
}

impl Accounted for HeadersSummary {
    fn ledger(&self) -> Result<&AccountLedger, &Error> {
        Ok(&self.ledger)
    }
}

impl Accounted for ApplySummary {
    fn ledger(&self) -> Result<&AccountLedger, &Error> {
        Ok(&self.ledger)
    }
}

impl Accounted for VerifySummary {
    fn ledger(&self) -> Result<&AccountLedger, &Error> {
        Ok(&self.ledger)
    }
}

/// An account of which one side cannot be opened is not open.
impl Accounted for AccountCheck {
    fn ledger(&self) -> Result<&AccountLedger, &Error> {
        self.sides.iter().find_map(|side| side.as_ref().err()).map_or(Ok(&self.ledger), Err)
    }

    fn failures(&self) -> Vec<&Error> {
        let closed = self.sides.iter().filter_map(|side| side.as_ref().err());
        closed.chain(self.ledger.failures.iter()).collect()
    }
}

/// The ledgers of a run.
pub struct RunLedger<'a> {
    accounts: Vec<(&'a str, Result<&'a AccountLedger, &'a Error>)>,
}

impl<'a> RunLedger<'a> {
    /// Of all accounts.
    pub fn of<T: Accounted>(results: &'a [AccountResult<T>]) -> Self {
        let ledger = |result: &'a AccountResult<T>| (&*result.account, result.done().and_then(Accounted::ledger));
        RunLedger { accounts: results.iter().map(ledger).collect() }
    }

    /// Every account by its name.
    pub fn accounts(&self) -> impl Iterator<Item = (&'a str, Result<&'a AccountLedger, &'a Error>)> {
        self.accounts.iter().copied()
    }

    /// The ledgers there are.
    pub fn ledgers(&self) -> impl Iterator<Item = &'a AccountLedger> {
        self.accounts().filter_map(|(_, ledger)| ledger.ok())
    }

    /// The errors of the accounts that have none.
    pub fn errors(&self) -> impl Iterator<Item = &'a Error> {
        self.accounts().filter_map(|(_, ledger)| ledger.err())
    }

    /// Whether there are accounts, and none has a ledger: for the same kind of reason.
    pub fn all_failed(&self, of: impl Fn(&Error) -> bool) -> bool {
        !self.accounts.is_empty() && self.accounts().all(|(_, ledger)| ledger.is_err_and(&of))
    }

    /// Names of the accounts that were not compared, or of which something was not.
    pub fn uncompared(&self) -> Vec<&'a str> {
        let uncompared = |ledger: Result<&AccountLedger, &Error>| {
            ledger.map_or(true, |ledger| ledger.standing() == Standing::Uncompared)
        };
        self.accounts().filter(|(_, ledger)| uncompared(*ledger)).map(|(name, _)| name).collect()
    }

    /// Names of the accounts of which something failed, in this run or of what it was to do. What was not begun did not fail.
    pub fn failed(&self) -> impl Iterator<Item = &'a str> {
        let failed = |ledger: &Result<&AccountLedger, &Error>| match ledger {
            Ok(ledger) => {
                matches!(AttemptResult::of_ledger(ledger), AttemptResult::Failed(_)) || ledger.leaves_behind()
            }
            Err(error) => AttemptResult::of_error(error).is_some(),
        };
        self.accounts().filter(move |(_, ledger)| failed(ledger)).map(|(name, _)| name)
    }

    /// How many accounts stand so.
    pub fn standing(&self, standing: Standing) -> u64 {
        self.ledgers().filter(|ledger| ledger.standing() == standing).count() as u64
    }

    /// How many accounts there are.
    pub fn count(&self) -> u64 {
        self.accounts.len() as u64
    }

    /// All ledgers added up.
    pub fn sum(&self) -> AccountLedger {
        let mut sum = AccountLedger::at(self.ledgers().map(|ledger| ledger.stage).max().unwrap_or(Stage::Looked));
        self.ledgers().for_each(|ledger| sum.merge(ledger));
        sum
    }
}

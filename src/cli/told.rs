//! What is good to know after a run, or before it, besides its results.

use super::context::Context;
use crate::error::{Kind, Result};
use crate::model::Mark;
use crate::model::report::AccountResult;
use crate::model::run_ledger::{Accounted, RunLedger};
use crate::pipeline::Migration;
use crate::report::quantity::{counted, number};
use std::collections::BTreeMap;

/// Why accounts wait: more reasons than these are not told.
const REASONS: usize = 10;

impl Context {
    /// Tells how many of the accounts a person has set aside.
    ///
    /// # Errors
    /// `State`.
    pub fn tell_set_aside(&self, migration: &Migration) -> Result<()> {
        let marks = migration.store.marks()?;
        let count =
            |mark: Mark| migration.accounts.iter().filter(|it| marks.get(&*it.name) == Some(&mark)).count() as u64;
        for mark in [Mark::Paused, Mark::Complete] {
            let word = mark.word();
            match count(mark) {
                0 => {}
                1 => self.warn(&format!("1 account is {word}, and is left alone")),
                many => self.warn(&format!("{} accounts are {word}, and are left alone", number(many))),
            }
        }
        Ok(())
    }

    /// Says what the settings say of mailboxes that no account has. What one account lacks and another has is no news.
    pub fn tell_unmatched<'a>(&self, mut accounts: impl Iterator<Item = &'a Vec<String>>) {
        let Some(first) = accounts.next() else { return };
        let mut unmatched = first.clone();
        accounts.for_each(|others| unmatched.retain(|setting| others.contains(setting)));
        unmatched.iter().for_each(|setting| self.warn(&format!("{setting} matches no mailbox of any account")));
    }

    /// After a run over several accounts: which failed, and the command line that tries just these again. They are found by
    /// their attempts in the state.
    pub fn tell_failed<T: Accounted>(&self, results: &[AccountResult<T>], command: &str) {
        let run = RunLedger::of(results);
        let failed = run.failed().count() as u64;
        if failed == 0 || results.len() < 2 || self.interruption.stop.is_requested() {
            return;
        }
        let (failed, all) = (number(failed), counted(results.len() as u64, "account"));
        let status = self.commands.next("status");
        let which = format!("{failed} of {all} failed, whole or in part; `{status}` lists them");
        let again = self.commands.narrowed(command, &["state:failed", "state:blocked"]);
        self.screen.line(&format!("\n{which}. To try just these, run: {again}"));
    }

    /// Tells which accounts had no turn because theirs comes later, and why.
    pub fn tell_waiting<T>(&self, results: &[AccountResult<T>]) {
        let waiting = results.iter().filter_map(|it| it.done().err());
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for error in waiting.filter(|error| *error.kind() == Kind::Waiting) {
            let why = [error.summary()].into_iter().chain(error.advice().map(str::to_owned));
            *reasons.entry(why.collect::<Vec<_>>().join("; ")).or_default() += 1;
        }
        let told = reasons.iter().take(REASONS).map(|(why, count)| format!("{}: {why}", counted(*count, "account")));
        told.for_each(|line| self.warn(&line));
    }
}

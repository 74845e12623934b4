//! What others may ask while a run holds the state: how the accounts stand, and why a message is treated as it is.
//!
//! sled is one process's. So the run itself answers, from a thread of its own: at a socket in the state directory, which
//! only its owner can enter. One question a connection, bounded in octets and time; nothing can be changed from there, and
//! a run that does not answer is no reason to wait. Where no run is under way, who wants to know looks into the state itself.

use super::Migration;
use super::explain::explain;
use super::report::report;
use super::status::status_of;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::Account;
use crate::model::account_report::AccountReport;
use crate::model::attempt::Step;
use crate::model::failures::Failures;
use crate::model::ledger::{AccountLedger, Stage};
use crate::model::plan::AccountPlan;
use crate::model::report::{Explanation, PlanSummary, StatusSummary, UnderWay};
use crate::pipeline::fleet::attempts::now;
use crate::store::{Gate, Store};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A question names 100,000 accounts at most.
const LARGEST_QUESTION_OCTETS: u64 = 32 << 20;
const LARGEST_ANSWER_OCTETS: u64 = 1 << 30;

/// How long the run waits for a question, and for its answer to be read.
const PATIENCE_OF_THE_RUN: Duration = Duration::from_secs(2);

/// How long is waited for the answer.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
enum Question {
    Status { accounts: Vec<String> },
    Explain { account: String, mailbox: String, message: Option<String> },
    Report { account: String },
    Plan { account: String },
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Status { accounts: Vec<StatusSummary>, under_way: UnderWay },
    Explanation(Explanation),
    Report(Box<AccountReport>),
    Plan(Box<(AccountPlan, AccountLedger)>),
    Objection { what: String, hint: Option<String> },
}

/// Does the work, and answers meanwhile. Where no socket can be made, nobody is answered.
pub fn answering<T>(migration: &Migration, step: Step, work: impl FnOnce(&Migration) -> T) -> T {
    let Ok(gate) = migration.store.gate() else { return work(migration) };
    let (since, is_over) = (now(), AtomicBool::new(false));
    let numbers = numbers(migration);
    thread::scope(|scope| {
        // However the work ends, so does the answering.
        let _end = End { gate: &gate, is_over: &is_over };
        scope.spawn(|| {
            while let Ok(visitor) = gate.next() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                // What panics here is no failure of the work, and the next one is answered.
                let answer = || answer(migration, &numbers, (step, since), &visitor);
                let _ = catch_unwind(AssertUnwindSafe(answer));
            }
        });
        work(migration)
    })
}

struct End<'a> {
    gate: &'a Gate,
    is_over: &'a AtomicBool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.gate.close();
    }
}

/// The accounts of the run by their names.
type Numbers<'a> = HashMap<&'a str, usize>;

fn numbers(migration: &Migration) -> Numbers<'_> {
    migration.accounts.iter().enumerate().map(|(number, account)| (&*account.name, number)).collect()
}

fn answer(migration: &Migration, numbers: &Numbers<'_>, run: (Step, i64), visitor: &UnixStream) -> io::Result<()> {
    visitor.set_read_timeout(Some(PATIENCE_OF_THE_RUN))?;
    visitor.set_write_timeout(Some(PATIENCE_OF_THE_RUN))?;
    let mut line = String::new();
    BufReader::new(visitor.take(LARGEST_QUESTION_OCTETS)).read_line(&mut line)?;
    tracing::debug!("another process asks how it stands");
    let answer = match serde_json::from_str(&line)? {
        Question::Status { accounts } => told(migration, numbers, run, &accounts),
        Question::Report { account } => reported(migration, &account),
        Question::Plan { account } => planned(migration, &account),
        Question::Explain { account, mailbox, message } => explained(migration, &account, &mailbox, message.as_deref()),
    };
    let answer = answer
        .unwrap_or_else(|error| Answer::Objection { what: error.summary(), hint: error.advice().map(str::to_owned) });
    let mut visitor = visitor;
    visitor.write_all(&serde_json::to_vec(&answer)?)
}

fn told(migration: &Migration, numbers: &Numbers<'_>, run: (Step, i64), names: &[String]) -> Result<Answer> {
    let accounts = standings(migration, numbers, names)?;
    let (step, since) = run;
    let under_way = UnderWay {
        process: std::process::id(),
        step,
        since,
        accounts: migration.accounts.len() as u64,
        done: migration.roll.done() as u64,
    };
    Ok(Answer::Status { accounts, under_way })
}

fn standings(migration: &Migration, numbers: &Numbers<'_>, names: &[String]) -> Result<Vec<StatusSummary>> {
    let marks = migration.store.marks()?;
    let of = |name: &String| {
        let turn = numbers.get(name.as_str()).map(|number| migration.roll.turn(*number)).unwrap_or_default();
        status_of(&migration.store, name, marks.get(name).copied(), turn)
    };
    names.iter().map(of).collect()
}

/// How accounts of a run stand when its work is over and its state is still open.
///
/// # Errors
/// `State`.
pub fn standings_at_the_end(migration: &Migration, names: &[String]) -> Result<Vec<StatusSummary>> {
    standings(migration, &Numbers::new(), names)
}

fn reported(migration: &Migration, account: &str) -> Result<Answer> {
    let marks = migration.store.marks()?;
    let report = report(&migration.store, known(migration, account)?, marks.get(account).copied())?;
    Ok(Answer::Report(Box::new(report)))
}

/// The plan that the run works by, as it was saved.
fn planned(migration: &Migration, account: &str) -> Result<Answer> {
    let state = migration.store.account(&known(migration, account)?.name);
    let plan = state.plan()?.ok_or_else(|| {
        Error::new(Kind::Stale, "there is no plan for this account yet").hint("the run that is under way makes one")
    })?;
    let ledger = AccountLedger { failures: Failures::default(), ..state.status()?.ledger };
    Ok(Answer::Plan(Box::new((plan, ledger))))
}

fn known<'a>(migration: &'a Migration, account: &str) -> Result<&'a Account> {
    let found = migration.accounts.iter().find(|known| *known.name == *account);
    found.ok_or_else(|| {
        Error::new(Kind::Locked, "the run that holds the state does not work on this account, and cannot tell of it")
            .hint("wait until it is done")
    })
}

fn explained(migration: &Migration, account: &str, mailbox: &str, message: Option<&str>) -> Result<Answer> {
    let account = known(migration, account)?;
    explain(&migration.store, account, &account.policy, mailbox, message).map(Answer::Explanation)
}

/// How these accounts stand, told by the run that holds the state in this directory; `None` where nobody answers.
pub fn ask_status(state: &Path, accounts: Vec<String>) -> Option<(Vec<StatusSummary>, UnderWay)> {
    match ask(state, &Question::Status { accounts })? {
        Answer::Status { accounts, under_way } => Some((accounts, under_way)),
        Answer::Explanation(_) | Answer::Report(_) | Answer::Plan(_) | Answer::Objection { .. } => None,
    }
}

/// An explanation by the run that holds the state; `None` where nobody answers.
pub fn ask_to_explain(
    state: &Path,
    account: &Account,
    mailbox: &str,
    message: Option<&str>,
) -> Option<Result<Explanation>> {
    let (account, mailbox, message) = (account.name.to_string(), mailbox.to_owned(), message.map(str::to_owned));
    match ask(state, &Question::Explain { account, mailbox, message })? {
        Answer::Explanation(explanation) => Some(Ok(explanation)),
        Answer::Objection { what, hint } => Some(Err(objection(what, hint))),
        Answer::Status { .. } | Answer::Report(_) | Answer::Plan(_) => None,
    }
}

/// What the run that holds the state knows of this account; `None` where nobody answers.
pub fn ask_report(state: &Path, account: &str) -> Option<Result<AccountReport>> {
    match ask(state, &Question::Report { account: account.to_owned() })? {
        Answer::Report(report) => Some(Ok(*report)),
        Answer::Objection { what, hint } => Some(Err(objection(what, hint))),
        Answer::Status { .. } | Answer::Explanation(_) | Answer::Plan(_) => None,
    }
}

/// The plan that the run works by which holds the state; `None` where nobody answers.
pub fn ask_plan(state: &Path, account: &str) -> Option<Result<PlanSummary>> {
    match ask(state, &Question::Plan { account: account.to_owned() })? {
        Answer::Plan(told) => {
            let (plan, ledger) = *told;
            let ledger = AccountLedger { stage: Stage::Planned, ..ledger };
            Some(Ok(PlanSummary { plan, ledger, keeps: None, unmatched: Vec::new(), labels: None }))
        }
        Answer::Objection { what, hint } => Some(Err(objection(what, hint).in_account(account))),
        Answer::Status { .. } | Answer::Explanation(_) | Answer::Report(_) => None,
    }
}

/// What the state in this directory knows of this account while no run holds it; `None` while one does.
///
/// # Errors
/// `State`.
pub fn look_up(state: &Path, account: &Account) -> Result<Option<AccountReport>> {
    let store = match Store::open_to_look(state) {
        Ok((store, _)) => store,
        Err(error) if *error.kind() == Kind::Locked => return Ok(None),
        Err(error) => return Err(error),
    };
    report(&store, account, store.marks()?.get(&*account.name).copied()).map(Some)
}

fn objection(what: String, hint: Option<String>) -> Error {
    let error = Error::new(Kind::State, what).scope(Scope::Account);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn ask(state: &Path, question: &Question) -> Option<Answer> {
    let asked = || -> io::Result<Answer> {
        let mut run = Gate::enter(state)?;
        run.set_read_timeout(Some(PATIENCE))?;
        run.set_write_timeout(Some(PATIENCE))?;
        run.write_all(format!("{}\n", serde_json::to_string(question)?).as_bytes())?;
        let mut answer = Vec::new();
        run.take(LARGEST_ANSWER_OCTETS).read_to_end(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    };
    asked().map_err(|why| tracing::debug!(%why, "the run that holds the state does not answer")).ok()
}

//! Accounts side by side: a queue, some threads, and the rule that one failure stays one failure.
//!
//! Only a master login that is refused for several accounts and good for none ends the work on its server: going on would hit
//! every account's login with a password that is wrong, and lock the master user out. What failed because a server was
//! away gets a second turn when all others had theirs.

use super::access::Access;
use super::again::Again;
use super::attempts::{now, record};
use super::commons::Fleet;
use super::queue::accounts_at_once;
use super::turning::face;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::failures::LISTED_IN_A_RUN;
use crate::model::report::AccountResult;
use crate::model::run_ledger::Accounted;
use crate::model::{Account, Mark, Step, condition as account};
use crate::pipeline::{Event, Migration};
use crate::store::halt::halted;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Does `work` for every account, some at a time; the results come in the order of the accounts.
pub fn for_each_account<T: Again + Accounted + Send>(
    migration: &Migration,
    step: Step,
    work: impl Fn(&Access<'_>) -> Result<T> + Sync,
) -> Vec<AccountResult<T>> {
    let fleet = Fleet::new(migration);
    let mut results: Vec<Option<Result<Box<T>>>> = migration.accounts.iter().map(|_| None).collect();
    migration.roll.begin();
    let mut work = || {
        take_turns(migration, &fleet, (step, Turn::First), &work, &mut results);
        let accounts = migration.accounts.iter().zip(&results).enumerate();
        let again: Vec<usize> = accounts
            .filter(|(_, (account, result))| {
                result.as_ref().is_some_and(|it| fleet.is_cut_short(account, it.as_deref()))
            })
            .map(|(number, _)| number)
            .collect();
        if !again.is_empty() && !migration.stop.is_requested() {
            fleet.begin_again(&again);
            take_turns(migration, &fleet, (step, Turn::Last), &work, &mut results);
        }
    };
    match step.heeds_marks() {
        true => fleet.aside.watched(&migration.store, &mut work),
        false => work(),
    }
    let named = migration.accounts.iter().zip(results);
    let named = named.map(|(account, result)| AccountResult {
        account: Arc::clone(&account.name),
        result: result.unwrap_or_else(|| Err(fleet.errors.held(not_begun()))),
    });
    // What a person has set aside takes no part.
    named.filter(|it| !matches!(&it.result, Err(error) if *error.kind() == Kind::SetAside)).collect()
}

/// Whether what fails may be tried once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Last,
}

/// Works on the accounts that are in the queue.
fn take_turns<T: Again + Accounted + Send>(
    migration: &Migration,
    fleet: &Fleet,
    (step, turn): (Step, Turn),
    work: &(impl Fn(&Access<'_>) -> Result<T> + Sync),
    results: &mut Vec<Option<Result<Box<T>>>>,
) {
    let (results, listed) = (Mutex::new(results), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..accounts_at_once(migration) {
            scope.spawn(|| {
                while let Some(index) = fleet.queue.take() {
                    let account = &migration.accounts[index];
                    let started = now();
                    migration.roll.set(index, account::Turn::Working);
                    let mut seat = Seat { fleet, number: index, is_given_up: false };
                    let named = |error: Error| Err(error.in_account(&account.name));
                    let ended =
                        catch_unwind(AssertUnwindSafe(|| one_account(migration, fleet, account, (step, turn), work)));
                    let Some((mut result, is_over)) = ended.unwrap_or_else(|_| Some((named(panicked()), true))) else {
                        seat.is_given_up = true;
                        migration.roll.set(index, account::Turn::Waiting);
                        continue;
                    };
                    drop(seat);
                    migration.roll.set(index, account::Turn::None);
                    record(migration, step, &account.name, started, &result);
                    if is_over
                        && let Err(error) = caught(|| {
                            tell(migration, account, &result);
                            Ok(())
                        })
                    {
                        result = result.and_then(|_| named(error));
                    }
                    if let Ok(done) = &mut result
                        && listed.fetch_add(Again::failures(done).len(), Ordering::Relaxed) >= LISTED_IN_A_RUN
                    {
                        done.shorten();
                    }
                    let result = result.map_err(|error| fleet.errors.held(error));
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    let earlier = results[index].take().map(|earlier| earlier.map(|done| *done));
                    results[index] = Some(both(result, earlier).map(Box::new));
                }
            });
        }
    });
}

/// What came of two turns.
fn both<T: Again>(result: Result<T>, earlier: Option<Result<T>>) -> Result<T> {
    match (result, earlier) {
        (Ok(now), Some(Ok(earlier))) => Ok(now.after(earlier)),
        (now, _) => now,
    }
}

/// An account's place on its servers, which others wait for: it is free again however the account's work ends.
struct Seat<'a> {
    fleet: &'a Fleet,
    number: usize,
    is_given_up: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        match self.is_given_up {
            true => self.fleet.queue.put_back(self.number),
            false => self.fleet.queue.leave(self.number),
        }
    }
}

/// What panics is this account's failure and nobody else's.
fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()))
}

/// Tells those who look on that the account is done. What came of it is recorded by then.
fn tell<T>(migration: &Migration, account: &Account, result: &Result<T>) {
    if let Err(error) = result
        && !matches!(error.kind(), Kind::SetAside | Kind::Waiting)
    {
        migration.observer.event(Event::Failed { account: &account.name, error });
    }
    migration.observer.event(Event::Ended { account: &account.name });
}

/// What came of its turn, and whether it was begun and is done now. `None` where the account gave its turn up, because
/// others have all the connections that there are.
fn one_account<T: Again>(
    migration: &Migration,
    fleet: &Fleet,
    account: &Account,
    (step, turn): (Step, Turn),
    work: &(impl Fn(&Access<'_>) -> Result<T> + Sync),
) -> Option<(Result<T>, bool)> {
    let not_begun_for = |why: Error| Some((Err(why.in_account(&account.name)), false));
    if migration.stop.is_requested() {
        return not_begun_for(not_begun());
    }
    if let Some(mark) = fleet.aside.mark(&account.name).filter(|_| step.heeds_marks()) {
        return not_begun_for(set_aside(mark));
    }
    if let Some(wait) = migration.agenda.wait(account).filter(|_| step.heeds_hours()) {
        return not_begun_for(wait);
    }
    if let Some(conflict) = fleet.whose.conflict() {
        return not_begun_for(conflict);
    }
    if let Some(refusal) = fleet.halted(account) {
        return not_begun_for(not_tried(&refusal));
    }
    if let Some(halted) = migration.fleet.as_deref().and_then(halted) {
        return not_begun_for(halted);
    }
    let access = Access::new(migration, fleet, account, step);
    let attempt = || caught(|| face(&access, step).and_then(|()| work(&access)));
    let result = attempt().or_else(|error| access.recover(error).and_then(|()| attempt()));
    let result = result.map_err(|error| {
        let is_held = *error.kind() == Kind::Interrupted && !migration.stop.is_requested();
        let error = match (is_held, access.is_out_of_hours()) {
            (false, _) => error,
            (true, true) => error.recast(Kind::Waiting),
            (true, false) => error.recast(Kind::SetAside),
        };
        error.in_account(&account.name)
    });
    access.close();
    if result.is_err() && access.yielded() {
        return None;
    }
    if turn == Turn::First && fleet.is_cut_short(account, result.as_ref()) {
        access.notice("a server was away for too long: another try at the end of the run");
        return Some((result, false));
    }
    Some((result, true))
}

fn not_begun() -> Error {
    Error::new(Kind::Interrupted, "not begun, because the run was interrupted").scope(Scope::Account)
}

fn set_aside(mark: Mark) -> Error {
    Error::new(Kind::SetAside, format!("not begun, because it is {}", mark.word())).scope(Scope::Account)
}

fn not_tried(refusal: &Error) -> Error {
    Error::new(
        refusal.kind().clone(),
        "not tried, because the master user's login was refused for three accounts, and good for none",
    )
    .because(refusal.summary())
    .hint("fix the master user's login first: further tries could lock it out")
}

fn panicked() -> Error {
    Error::new(Kind::Protocol, "mailferry met a situation that it does not handle")
        .hint("nothing is lost: run the command again, and please report this with the log of `--log-level debug`")
}

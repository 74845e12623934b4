//! A process of several tells in its state directory how its accounts stand: while a run is under way, and what it came to. So
//! others can put together what all of them tell (`report --from`), without a word to any.

use super::Migration;
use super::report::report;
use super::status::status_of;
use crate::error::Result;
use crate::model::bulletin::Bulletin;
use crate::model::report::{StatusSummary, UnderWay};
use crate::model::{Step, Turn};
use crate::pipeline::fleet::attempts::now;
use crate::store;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Between two tellings.
const PAUSE: Duration = Duration::from_secs(10);

/// Of many accounts it takes time, and is done less often: so many times as long is waited as it took.
const TIMES_AS_LONG: u32 = 20;

/// Does the work, and tells meanwhile again and again how the accounts stand, where somebody may want to know.
pub fn telling<T>(migration: &Migration, step: Step, work: impl FnOnce(&Migration) -> T) -> T {
    let Some(head) = migration.bulletin.as_ref().filter(|_| changes(step)) else { return work(migration) };
    let (ended, since) = (Ended::default(), now());
    let result = thread::scope(|scope| {
        // However the work ends, so does the telling.
        let _end = End(&ended);
        scope.spawn(|| {
            let mut pause = Duration::ZERO;
            while !ended.within(pause) {
                let began = Instant::now();
                // What panics here is no failure of the work.
                if let Ok(Err(why)) = catch_unwind(AssertUnwindSafe(|| tell(migration, head, (step, since)))) {
                    tracing::warn!(%why, "how the accounts stand cannot be told");
                }
                pause = PAUSE.max(began.elapsed() * TIMES_AS_LONG);
            }
        });
        work(migration)
    });
    store::bulletin::end_progress(migration.store.directory());
    result
}

/// Tells what a run came to, where somebody may want to know.
///
/// # Errors
/// `State`.
pub fn conclude(migration: &Migration, step: Step) -> Result<()> {
    let Some(head) = migration.bulletin.as_ref().filter(|_| changes(step)) else { return Ok(()) };
    let (store, marks) = (&migration.store, migration.store.marks()?);
    let own: HashSet<&str> = migration.accounts.iter().map(|account| &*account.name).collect();
    // What went to another shard is told of there.
    let held: HashSet<String> = store.accounts()?.into_iter().collect();
    let reports = migration.accounts.iter().map(|account| report(store, account, marks.get(&*account.name).copied()));
    let head = Bulletin { made: now(), ..head.clone() };
    let is_kept = |account: &str| !own.contains(account) && held.contains(account);
    store::bulletin::tell_report(store.directory(), &head, reports, is_kept)
}

fn changes(step: Step) -> bool {
    matches!(step, Step::Scan | Step::Apply | Step::Sync | Step::Verify)
}

fn tell(migration: &Migration, head: &Bulletin, (step, since): (Step, i64)) -> Result<()> {
    let marks = migration.store.marks()?;
    let numbered = migration.accounts.iter().enumerate();
    let standings = numbered.map(|(number, account)| {
        let turn: Turn = migration.roll.turn(number);
        status_of(&migration.store, &account.name, marks.get(&*account.name).copied(), turn)
    });
    let standings: Vec<StatusSummary> = standings.collect::<Result<_>>()?;
    let (accounts, done) = (migration.accounts.len() as u64, migration.roll.done() as u64);
    let under_way = Some(UnderWay { process: std::process::id(), step, since, accounts, done });
    let head = Bulletin { made: now(), under_way, ..head.clone() };
    store::bulletin::tell_progress(migration.store.directory(), &head, &standings)
}

/// Whether the work has ended.
#[derive(Default)]
struct Ended {
    state: Mutex<bool>,
    changed: Condvar,
}

impl Ended {
    /// Waits so long for it.
    fn within(&self, pause: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(state, pause, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

struct End<'a>(&'a Ended);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

//! Accounts that a person has set aside, obeyed while a run is under way: those not begun are not begun, and those at work
//! end with the batch in hand.

use crate::model::Mark;
use crate::store::Store;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// How often is looked whether a person said something.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Who is set aside.
#[derive(Default)]
pub struct SetAside {
    marks: RwLock<HashMap<String, Mark>>,
    /// Whether anybody is: nothing else needs to be asked as a rule.
    any: AtomicBool,
    ended: Mutex<bool>,
    end: Condvar,
}

impl SetAside {
    /// As people have said by now. What cannot be read sets nobody aside.
    pub fn of(store: &Store) -> SetAside {
        let aside = SetAside::default();
        aside.look(store);
        aside
    }

    /// What was said of this account.
    pub fn mark(&self, account: &str) -> Option<Mark> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.marks.read().unwrap_or_else(PoisonError::into_inner).get(account).copied()
    }

    /// Does the work, and looks meanwhile again and again.
    pub fn watched<T>(&self, store: &Store, work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            // However the work ends, so does the looking.
            let _end = End(self);
            scope.spawn(|| self.watch(store));
            work()
        })
    }

    fn watch(&self, store: &Store) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            let waited = self.end.wait_timeout(ended, LOOK_INTERVAL).unwrap_or_else(PoisonError::into_inner);
            ended = waited.0;
            if !*ended {
                // What panics here is no failure of the work.
                let _ = catch_unwind(AssertUnwindSafe(|| tell(&self.look(store))));
            }
        }
    }

    /// Gives what was not known before.
    fn look(&self, store: &Store) -> Vec<(String, Mark)> {
        match store.marks() {
            Ok(marks) => self.take(marks.into_iter().collect()),
            Err(why) => {
                tracing::warn!(%why, "who is paused cannot be read");
                Vec::new()
            }
        }
    }

    fn take(&self, marks: HashMap<String, Mark>) -> Vec<(String, Mark)> {
        let mut known = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = |(account, mark): &(&String, &Mark)| known.get(*account) != Some(*mark);
        let new = marks.iter().filter(is_new).map(|(account, mark)| (account.clone(), *mark)).collect();
        self.any.store(!marks.is_empty(), Ordering::Relaxed);
        *known = marks;
        new
    }
}

fn tell(new: &[(String, Mark)]) {
    for (account, mark) in new {
        tracing::info!(%account, "{} from here on", mark.word());
    }
}

struct End<'a>(&'a SetAside);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.end.notify_all();
    }
}

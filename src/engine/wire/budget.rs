//! A budget of connections: that of one server, shared by all accounts, and within it that of one user. It shrinks to what
//! the server turns out to grant.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many connections may be open at one time.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    count: Mutex<Count>,
    returned: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    open: usize,
    most: usize,
}

/// The right to one connection; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(Arc<Shared>);

/// The rights that one connection needs.
pub type Permits = Vec<Permit>;

impl Budget {
    /// A budget of at least one connection.
    pub fn new(connections: usize) -> Self {
        let count = Count { open: 0, most: connections.max(1) };
        Budget(Arc::new(Shared { count: Mutex::new(count), returned: Condvar::new() }))
    }

    /// A free connection, waited for no longer than `patience`.
    pub fn acquire(&self, patience: Duration) -> Option<Permit> {
        let full = |count: &mut Count| count.open >= count.most;
        let waited = self.0.returned.wait_timeout_while(self.count(), patience, full);
        let (mut count, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if full(&mut count) {
            return None;
        }
        count.open += 1;
        Some(Permit(self.0.clone()))
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections are open, or being opened.
    pub fn open(&self) -> usize {
        self.count().open
    }

    /// How many may be.
    pub fn most(&self) -> usize {
        self.count().most
    }

    /// No more than so many from now on; false where that is no news.
    pub fn shrink(&self, most: usize) -> bool {
        let mut count = self.count();
        let shrinks = most.max(1) < count.most;
        if shrinks {
            count.most = most.max(1);
        }
        shrinks
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.count.lock().unwrap_or_else(PoisonError::into_inner).open -= 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_never_exceeded_and_given_back() {
        let budget = Budget::new(1);
        let first = budget.acquire(Duration::ZERO);
        assert!(first.is_some() && budget.acquire(Duration::ZERO).is_none());
        let returning = std::thread::spawn(move || drop(first));
        assert!(budget.acquire(Duration::from_secs(60)).is_some());
        returning.join().unwrap();
    }

    #[test]
    fn budget_that_shrinks_below_what_is_open_grants_nothing_before_enough_came_back() {
        let budget = Budget::new(3);
        let mut open: Vec<_> = (0..3).filter_map(|_| budget.acquire(Duration::ZERO)).collect();
        assert!(budget.shrink(2) && !budget.shrink(2) && !budget.shrink(5));
        open.pop();
        assert!(budget.acquire(Duration::ZERO).is_none());
        open.pop();
        assert!(budget.acquire(Duration::ZERO).is_some());
        assert_eq!((budget.open(), budget.most()), (1, 2));
    }
}

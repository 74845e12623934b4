//! The connection budget of one server, shared by all accounts.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How many connections may be open at one time.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Mutex<usize>,
    returned: Condvar,
}

/// The right to one connection; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(Arc<Shared>);

impl Budget {
    /// A budget of at least one connection.
    pub fn new(connections: usize) -> Self {
        Budget(Arc::new(Shared { free: Mutex::new(connections.max(1)), returned: Condvar::new() }))
    }

    /// A free connection, waited for no longer than `patience`.
    pub fn acquire(&self, patience: Duration) -> Option<Permit> {
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.returned.wait_timeout_while(free, patience, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Permit(self.0.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
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
}

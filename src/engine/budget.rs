//! The connection budget of one server, shared by all accounts.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

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

    /// Waits for a free connection.
    pub fn acquire(&self) -> Permit {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.0.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Permit(self.0.clone())
    }

    /// A connection if one is free now.
    pub fn try_acquire(&self) -> Option<Permit> {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
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
        let first = budget.acquire();
        assert!(budget.try_acquire().is_none());
        drop(first);
        assert!(budget.try_acquire().is_some());
    }
}

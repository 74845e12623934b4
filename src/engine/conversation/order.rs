//! Whether commands may be sent whose meaning depends on an answer that is still out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a server was seen to work on commands in another order than they came in; shared by all connections to it.
/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Order(Arc<AtomicBool>);

impl Order {
    pub(in crate::engine) fn is_lost(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(in crate::engine) fn lose(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

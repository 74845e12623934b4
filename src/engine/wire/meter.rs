//! What the connections of one account to one server cost: octets, round trips, and the time spent waiting for it.

use crate::model::statistics::LineFigures;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counts over all connections that share it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
    round_trips: AtomicU64,
    waited_nanoseconds: AtomicU64,
    /// The shortest exchange before a login was through; 0 before the first.
    latency_nanoseconds: AtomicU64,
}

impl Meter {
    /// All so far.
    pub fn figures(&self) -> LineFigures {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LineFigures {
            received: count(&self.0.received),
            sent: count(&self.0.sent),
            round_trips: count(&self.0.round_trips),
            waited_seconds: Duration::from_nanos(count(&self.0.waited_nanoseconds)).as_secs_f64(),
        }
    }

    /// How far away the server is: the time of the shortest exchange, the server's own work included.
    pub fn latency(&self) -> Duration {
        Duration::from_nanos(self.0.latency_nanoseconds.load(Ordering::Relaxed))
    }

    pub(in crate::engine) fn note_latency(&self, exchange: Duration) {
        let nanoseconds = u64::try_from(exchange.as_nanos()).unwrap_or(u64::MAX).max(1);
        let shorter = |known: u64| (known == 0 || nanoseconds < known).then_some(nanoseconds);
        let _ = self.0.latency_nanoseconds.fetch_update(Ordering::Relaxed, Ordering::Relaxed, shorter);
    }

    /// Runs `wait`, which waits for the server.
    pub(in crate::engine) fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = wait();
        let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.waited_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }

    pub(in crate::engine) fn received(&self, octets: u64) {
        self.0.received.fetch_add(octets, Ordering::Relaxed);
    }

    pub(in crate::engine) fn sent(&self, octets: u64) {
        self.0.sent.fetch_add(octets, Ordering::Relaxed);
    }

    pub(in crate::engine) fn round_trip(&self) {
        self.0.round_trips.fetch_add(1, Ordering::Relaxed);
    }
}

//! A rate that holds over all connections to one server: so many octets, or messages, a second.
//!
//! What is taken is paid for afterwards: a taker that finds the account overdrawn waits until it is level. An idle
//! server saves up no more than [`SAVED`], so that a pause is no reason for a flood.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much of the rate may be saved up.
const SAVED: Duration = Duration::from_millis(100);

/// A shared rate; without one nothing ever waits. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Throttle(Option<Arc<Account>>);

#[derive(Debug)]
struct Account {
    per_second: u64,
    /// When all that was taken is paid for.
    level_at: Mutex<Instant>,
}

impl Throttle {
    /// A rate of `per_second`; `None` is no limit.
    pub fn new(per_second: Option<u64>) -> Self {
        let account = |per_second: u64| Account { per_second: per_second.max(1), level_at: Mutex::new(Instant::now()) };
        Throttle(per_second.map(|per_second| Arc::new(account(per_second))))
    }

    /// Whether there is a limit.
    pub fn is_limiting(&self) -> bool {
        self.0.is_some()
    }

    /// Takes `amount`, and waits until it is paid for.
    pub fn take(&self, amount: u64) {
        let Some(account) = &self.0 else { return };
        let wait = account.take(amount, Instant::now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }
}

impl Account {
    /// How long to wait from `now` on.
    fn take(&self, amount: u64, now: Instant) -> Duration {
        let cost = Duration::from_secs_f64(amount as f64 / self.per_second as f64);
        let mut level_at = self.level_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = now.checked_sub(SAVED).map_or(*level_at, |earliest| (*level_at).max(earliest));
        *level_at = begin + cost;
        level_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_over_several_takers_holds_the_rate() {
        let now = Instant::now() + Duration::from_secs(10);
        let account = Account { per_second: 1000, level_at: Mutex::new(now) };
        assert_eq!(account.take(500, now), Duration::from_millis(500));
        assert_eq!(account.take(1000, now), Duration::from_millis(1500), "the second waits behind the first");
        assert_eq!(account.take(0, now + Duration::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn take_after_a_pause_saves_up_little() {
        let now = Instant::now() + Duration::from_secs(100);
        let account = Account { per_second: 1000, level_at: Mutex::new(now - Duration::from_secs(60)) };
        assert_eq!(account.take(1000, now), Duration::from_secs(1) - SAVED);
    }
}

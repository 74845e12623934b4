//! The limits of one `apply` run, over all accounts: messages, octets and time.

use crate::model::limits::Chunk;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What may still be copied in this run.
pub struct Allowance {
    chunk: Chunk,
    deadline: Option<Instant>,
    messages: AtomicU64,
    octets: AtomicU64,
}

impl Allowance {
    /// The time begins now.
    pub fn new(chunk: Chunk) -> Self {
        // A time that ends after the clock does is none.
        let deadline = chunk.max_time.and_then(|time| Instant::now().checked_add(time));
        Allowance { chunk, deadline, messages: AtomicU64::new(0), octets: AtomicU64::new(0) }
    }

    /// Asks for one more message of that size. The first is always granted: a limit below it would never end.
    pub fn grant(&self, octets: u64) -> bool {
        if self.is_used_up() {
            return false;
        }
        let messages = self.messages.fetch_add(1, Ordering::SeqCst);
        let add = |before: u64| Some(before.saturating_add(octets));
        let before = self.octets.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).unwrap_or_default();
        let granted = self.chunk.max_messages.is_none_or(|most| messages < most)
            && self.chunk.max_octets.is_none_or(|most| before == 0 || before.saturating_add(octets) <= most);
        if !granted {
            self.messages.fetch_sub(1, Ordering::SeqCst);
            self.octets.store(self.chunk.max_octets.unwrap_or(before), Ordering::SeqCst);
        }
        granted
    }

    /// How much of that many messages and octets may be copied at most.
    pub fn bounded(&self, messages: u64, octets: u64) -> (u64, u64) {
        let bound = |wanted: u64, most: Option<u64>| most.map_or(wanted, |most| wanted.min(most));
        match self.chunk.max_messages {
            // How large the first few messages are is not known here.
            Some(most) if most < messages => {
                (most, bound((octets / messages.max(1)).saturating_mul(most), self.chunk.max_octets))
            }
            _ => (messages, bound(octets, self.chunk.max_octets)),
        }
    }

    /// Whether the time is over: then nothing is begun any more.
    pub fn is_out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether a limit is reached.
    pub fn is_used_up(&self) -> bool {
        self.is_out_of_time()
            || self.chunk.max_messages.is_some_and(|most| self.messages.load(Ordering::SeqCst) >= most)
            || self.chunk.max_octets.is_some_and(|most| self.octets.load(Ordering::SeqCst) >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn granted(chunk: Chunk, sizes: &[u64]) -> usize {
        let allowance = Allowance::new(chunk);
        sizes.iter().filter(|size| allowance.grant(**size)).count()
    }

    #[test]
    fn grant_stops_at_each_limit() {
        let sizes = [10, 10, 10, 10];
        assert_eq!(granted(Chunk::default(), &sizes), 4);
        assert_eq!(granted(Chunk { max_messages: Some(3), ..Chunk::default() }, &sizes), 3);
        assert_eq!(granted(Chunk { max_octets: Some(25), ..Chunk::default() }, &sizes), 2);
        assert_eq!(granted(Chunk { max_time: Some(Duration::ZERO), ..Chunk::default() }, &sizes), 0);
    }

    #[test]
    fn limits_and_sizes_of_any_number_neither_panic_nor_wrap() {
        let endless = Chunk { max_time: Some(Duration::MAX), ..Chunk::default() };
        assert_eq!(granted(endless, &[1, 2]), 2);
        let sizes = [u64::MAX, u64::MAX, 9];
        assert_eq!(granted(Chunk { max_octets: Some(u64::MAX - 1), ..Chunk::default() }, &sizes), 1);
        assert_eq!(granted(Chunk { max_octets: Some(u64::MAX), ..Chunk::default() }, &[u64::MAX - 1, 7]), 2);
        let few = Allowance::new(Chunk { max_messages: Some(u64::MAX - 1), ..Chunk::default() });
        assert_eq!(few.bounded(u64::MAX, u64::MAX).1, u64::MAX - 1);
    }

    #[test]
    fn grant_first_message_over_the_limit_is_let_through() {
        assert_eq!(granted(Chunk { max_octets: Some(5), ..Chunk::default() }, &[10, 1]), 1);
    }
}

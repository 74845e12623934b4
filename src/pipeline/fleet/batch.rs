//! How much goes in one APPEND: found by trying, for each run and server, unless the settings say it.
//!
//! A batch is to keep the server busy for about half a second: long enough that what a command costs beside its messages is
//! little (a round trip, a transaction, an fsync), and short enough that little is under way when something breaks or the
//! user stops. So the size doubles while batches are quick, halves when they are slow, and when one fails.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The first size, and the least and the most that is tried, in messages.
const FIRST: usize = 50;
const LEAST: usize = 1;
const MOST: usize = 2000;

/// Octets that count as much as a message in the size of a batch, and the most for all of them.
const OCTETS_PER_MESSAGE: u64 = 20 << 10;
const MOST_OCTETS: u64 = 8 << 20;

/// A full batch that takes less is followed by larger ones, one that takes more by smaller ones.
const QUICK: Duration = Duration::from_millis(500);
const SLOW: Duration = Duration::from_secs(4);

/// Full batches after a failure before a larger size is tried again.
const CAUTION: u32 = 50;

/// The size of batches for one server. Shared by all that append there.
pub struct BatchSize {
    messages: Option<usize>,
    octets: Option<u64>,
    search: Mutex<Search>,
}

#[derive(Clone, Copy, Debug)]
struct Search {
    size: usize,
    caution: u32,
}

/// How much goes in one APPEND.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    pub messages: usize,
    pub octets: u64,
}

impl BatchSize {
    /// The sizes of the settings, or those that find themselves.
    pub fn new(messages: Option<usize>, octets: Option<u64>) -> Self {
        BatchSize { messages, octets, search: Mutex::new(Search { size: FIRST, caution: 0 }) }
    }

    fn search(&self) -> MutexGuard<'_, Search> {
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much goes in the next batch.
    pub fn next(&self) -> Batch {
        let size = self.search().size;
        let octets = (size as u64 * OCTETS_PER_MESSAGE).min(MOST_OCTETS);
        Batch { messages: self.messages.unwrap_or(size), octets: self.octets.unwrap_or(octets) }
    }

    /// A batch was stored, that long after the one before it on its connection, or after it was begun. `full`: it was as
    /// large as it could be.
    pub fn stored(&self, full: bool, time: Duration) {
        let mut search = self.search();
        if time > SLOW {
            search.size = (search.size / 2).max(LEAST);
        } else if full && search.caution > 0 {
            search.caution -= 1;
        } else if full && time < QUICK {
            search.size = (search.size * 2).min(MOST);
        }
    }

    /// A batch was refused, or broke its connection.
    pub fn failed(&self) {
        let mut search = self.search();
        *search = Search { size: (search.size / 2).max(LEAST), caution: CAUTION };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets it find its size on a server that needs so much for a batch and so much for a message.
    fn found(batch: Duration, message: Duration) -> usize {
        let size = BatchSize::new(None, None);
        for _ in 0..20 {
            size.stored(true, batch + message * size.next().messages as u32);
        }
        size.next().messages
    }

    #[test]
    fn size_is_what_the_server_takes_in_half_a_second() {
        assert_eq!(found(Duration::from_millis(40), Duration::from_micros(100)), MOST);
        assert_eq!(found(Duration::ZERO, Duration::from_millis(1)), 800);
        assert_eq!(found(Duration::ZERO, Duration::from_millis(20)), FIRST);
        assert_eq!(found(Duration::ZERO, Duration::from_secs(1)), 3);
    }

    #[test]
    fn octets_follow_the_messages_up_to_a_limit() {
        let size = BatchSize::new(None, None);
        assert_eq!(size.next(), Batch { messages: FIRST, octets: FIRST as u64 * OCTETS_PER_MESSAGE });
        (0..20).for_each(|_| size.stored(true, Duration::ZERO));
        assert_eq!(size.next(), Batch { messages: MOST, octets: MOST_OCTETS });
    }

    #[test]
    fn failure_halves_the_size_and_makes_cautious() {
        let size = BatchSize::new(None, None);
        size.failed();
        assert_eq!(size.next().messages, FIRST / 2);
        (0..CAUTION).for_each(|_| size.stored(true, Duration::ZERO));
        assert_eq!(size.next().messages, FIRST / 2);
        size.stored(true, Duration::ZERO);
        assert_eq!(size.next().messages, FIRST / 2 * 2);
        (0..20).for_each(|_| size.failed());
        assert_eq!(size.next().messages, LEAST);
    }

    #[test]
    fn size_of_the_settings_stays() {
        let size = BatchSize::new(Some(7), Some(900));
        size.failed();
        (0..CAUTION + 5).for_each(|_| size.stored(true, Duration::ZERO));
        assert_eq!(size.next(), Batch { messages: 7, octets: 900 });
    }

    #[test]
    fn batches_that_are_not_full_make_no_larger_ones() {
        let size = BatchSize::new(None, None);
        (0..100).for_each(|_| size.stored(false, Duration::ZERO));
        assert_eq!(size.next().messages, FIRST);
    }
}

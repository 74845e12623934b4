//! How many messages go in one APPEND: found by trying, for each run and server, unless the settings say it.
//!
//! The size doubles while that makes a batch's messages cheaper, and stays at the best. A batch that a server took badly
//! halves it. Now and then the next size is tried again, because a server under load is another one an hour later.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The first size, and the least and the most that is tried. On the servers tried 50 was as good as any without latency.
const FIRST: usize = 50;
const LEAST: usize = 1;
const MOST: usize = 800;

/// Full batches that a size is measured by.
const MEASURED: u32 = 6;

/// A larger size must be that much quicker to be kept.
const GAIN: f64 = 1.05;

/// Batches after which a larger size is tried again.
const PATIENCE: u32 = 400;

/// What a message costs beside its octets, as octets: so that a rate can be compared over messages of all sizes.
const MESSAGE_COST: u64 = 8 << 10;

/// The size of batches for one server. Shared by all that append there.
pub struct BatchSize {
    fixed: Option<usize>,
    search: Mutex<Search>,
}

#[derive(Clone, Copy, Debug)]
struct Search {
    size: usize,
    /// The best size so far, and its work a second.
    best: Option<(usize, f64)>,
    batches: u32,
    work: u64,
    time: Duration,
    /// Batches since a size was settled on; `None` while sizes are tried.
    settled: Option<u32>,
}

impl Search {
    fn at(size: usize) -> Search {
        Search { size, best: None, batches: 0, work: 0, time: Duration::ZERO, settled: None }
    }

    fn measure_at(&mut self, size: usize) {
        (self.size, self.batches, self.work, self.time, self.settled) = (size, 0, 0, Duration::ZERO, None);
    }

    fn observe(&mut self, messages: usize, octets: u64, time: Duration) {
        if let Some(batches) = self.settled.as_mut() {
            *batches += 1;
            if *batches >= PATIENCE {
                self.best = None;
                self.measure_at(self.size);
            }
            return;
        }
        // A smaller batch says nothing about this size: it was cut by its octets, or was the last one.
        if messages < self.size {
            return;
        }
        self.batches += 1;
        self.work += octets + messages as u64 * MESSAGE_COST;
        self.time += time;
        if self.batches >= MEASURED {
            self.decide();
        }
    }

    fn decide(&mut self) {
        let rate = self.work as f64 / self.time.as_secs_f64().max(1e-6);
        match self.best {
            Some((best, known)) if rate < known * GAIN => (self.size, self.settled) = (best, Some(0)),
            _ => {
                self.best = Some((self.size, rate));
                match self.size * 2 {
                    next if next <= MOST => self.measure_at(next),
                    _ => self.settled = Some(0),
                }
            }
        }
    }
}

impl BatchSize {
    /// The size of the settings, or one that finds itself.
    pub fn new(fixed: Option<usize>) -> Self {
        BatchSize { fixed, search: Mutex::new(Search::at(FIRST)) }
    }

    fn search(&self) -> std::sync::MutexGuard<'_, Search> {
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages in the next batch.
    pub fn messages(&self) -> usize {
        self.fixed.unwrap_or_else(|| self.search().size)
    }

    /// A batch was stored, that long after the one before it on its connection, or after it was sent.
    pub fn stored(&self, messages: usize, octets: u64, time: Duration) {
        self.search().observe(messages, octets, time);
    }

    /// A batch was refused, or broke its connection.
    pub fn failed(&self) {
        let mut search = self.search();
        let size = (search.size / 2).max(LEAST);
        *search = Search { settled: Some(0), ..Search::at(size) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets it find its size on a server that needs so much for a batch and so much for a message.
    fn found(batch: Duration, message: Duration, batches: usize) -> usize {
        let size = BatchSize::new(None);
        for _ in 0..batches {
            let messages = size.messages();
            size.stored(messages, 2048 * messages as u64, batch + message * messages as u32);
        }
        size.messages()
    }

    #[test]
    fn size_grows_while_that_is_quicker() {
        assert_eq!(found(Duration::ZERO, Duration::from_millis(1), 100), FIRST);
        assert_eq!(found(Duration::from_millis(40), Duration::from_micros(100), 100), MOST);
        assert_eq!(found(Duration::from_millis(10), Duration::from_millis(1), 100), 2 * FIRST);
    }

    #[test]
    fn size_settles_and_is_tried_again_later() {
        let size = BatchSize::new(None);
        for _ in 0..MEASURED * 2 {
            let messages = size.messages();
            size.stored(messages, 0, Duration::from_millis(messages as u64));
        }
        assert_eq!((size.messages(), size.search().settled), (FIRST, Some(0)));
        for _ in 0..PATIENCE {
            size.stored(FIRST, 0, Duration::from_millis(1));
        }
        assert_eq!(size.search().settled, None);
    }

    #[test]
    fn failure_halves_the_size() {
        let size = BatchSize::new(None);
        size.failed();
        assert_eq!(size.messages(), FIRST / 2);
        (0..20).for_each(|_| size.failed());
        assert_eq!(size.messages(), LEAST);
    }

    #[test]
    fn fixed_size_stays() {
        let size = BatchSize::new(Some(7));
        size.failed();
        size.stored(7, 0, Duration::ZERO);
        assert_eq!(size.messages(), 7);
    }

    #[test]
    fn small_batches_are_no_measure() {
        let size = BatchSize::new(None);
        (0..100).for_each(|_| size.stored(3, 0, Duration::from_secs(1)));
        assert_eq!(size.search().batches, 0);
    }
}

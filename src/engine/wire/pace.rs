//! How fast a connection brings octets: whether a line is so slow that compression is worth it.
//!
//! The time in which we wait for the next octets of a large message is counted: within one, a server has nothing to do
//! but to send, so what is waited for is the line. Not judged: what we send. That a server takes it slowly may be the
//! line, or its disk.

use std::time::Duration;

/// Smaller messages say nothing of the line: between them a server has work to do.
pub const LARGE_MESSAGE_OCTETS: u64 = 16 << 10;

/// Octets a second on one connection below which compression is worth it: a server's processor deflates about 28 MB a
/// second for it, and has the mail to read besides.
pub const SLOW_LINE: u64 = 10_000_000;

/// The first octets of a connection are not judged: TCP begins slowly on any line. No more are needed where the line is
/// so slow that they take [`ENOUGH_WAIT`].
const WARM_UP_OCTETS: u64 = 2 << 20;

/// After so much waiting it is judged.
const ENOUGH_WAIT: Duration = Duration::from_secs(2);

/// A longer wait is a pause of the server, and counts as no more than this.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// How fast a connection brings octets while they stream.
#[derive(Clone, Copy, Default, Debug)]
pub struct Pace {
    is_warm: bool,
    /// Since it was last judged.
    octets: u64,
    waited: Duration,
    slow: Option<u64>,
}

impl Pace {
    /// Octets of a large message came, after that wait.
    pub fn add(&mut self, octets: u64, waited: Duration) {
        self.octets += octets;
        self.waited += waited.min(LONGEST_WAIT);
        let is_enough = self.waited >= ENOUGH_WAIT;
        if self.is_warm && is_enough {
            let rate = (self.octets as f64 / self.waited.as_secs_f64()) as u64;
            self.slow = (rate < SLOW_LINE).then_some(rate);
        }
        if is_enough || (!self.is_warm && self.octets >= WARM_UP_OCTETS) {
            (self.is_warm, self.octets, self.waited) = (true, 0, Duration::ZERO);
        }
    }

    /// Octets a second, if that is slow; `None` also while too few have come to say so.
    pub fn slow(&self) -> Option<u64> {
        self.slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(octets: u64, seconds: f64) -> Option<u64> {
        const PIECE: u64 = 16 << 10;
        let pieces = octets / PIECE;
        let mut pace = Pace::default();
        (0..pieces).for_each(|_| pace.add(PIECE, Duration::from_secs_f64(seconds / pieces as f64)));
        pace.slow()
    }

    #[test]
    fn slow_is_what_takes_long_and_only_after_enough_octets() {
        let rate = pace(100 << 20, 100.0).expect("a megabyte a second is slow");
        assert!((1_000_000..1_100_000).contains(&rate), "{rate}");
        assert_eq!(pace(100 << 20, 5.0), None, "twenty megabytes a second are not");
        assert_eq!(pace(1 << 30, 0.0), None, "no wait at all");
        assert_eq!(pace(1 << 20, 1.5), None, "too few to say");
        assert!(pace(1 << 20, 10.0).is_some(), "enough where each is waited for");
    }

    #[test]
    fn slow_first_octets_and_pauses_do_not_count() {
        let mut pace = Pace::default();
        (0..128).for_each(|_| pace.add(WARM_UP_OCTETS / 128, Duration::from_millis(15)));
        (0..1000).for_each(|_| pace.add(64 << 10, Duration::from_millis(3)));
        assert_eq!(pace.slow(), None);
        pace.add(64 << 10, Duration::from_secs(100));
        (0..1000).for_each(|_| pace.add(64 << 10, Duration::from_millis(3)));
        assert_eq!(pace.slow(), None, "the server paused once");
    }
}

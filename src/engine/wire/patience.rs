//! How long a server may take for what it was asked, besides the wait for each octet: a deadline that only what was
//! asked for moves.
//!
//! Counted is the time in which we wait for the server, and never that in which we work, or wait for the other side. So
//! a listing of a million messages may take hours, as long as they come; and who says `* OK Still here`, tells news
//! that nobody asked for, or sends an octet now and then, has no more time than who is silent.
//!
//! Pure: it is told how long was waited.

use std::time::Duration;

/// So many octets of what was asked for are worth a second of waiting. A connection that brings less is of no use: a
/// mailbox of a gigabyte would take a month and a half.
pub const OCTETS_PER_SECOND: u64 = 256;

/// What is left of the time that a server has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    whole: Duration,
    left: Duration,
    /// What is being read was asked for.
    pub is_wanted: bool,
}

impl Patience {
    /// So long, from now on: something was asked anew, or answered.
    pub fn renew(&mut self, whole: Duration) {
        (self.whole, self.left) = (whole, whole);
    }

    /// So many octets came that were asked for, or left. Never more than the whole time is saved up.
    pub fn earn(&mut self, octets: u64) {
        let milliseconds = octets.saturating_mul(1000) / OCTETS_PER_SECOND;
        self.left = self.left.saturating_add(Duration::from_millis(milliseconds)).min(self.whole);
    }

    /// It was waited for the server so long; false when that is too long in all. Before the first [`Patience::renew`]
    /// nothing is.
    pub fn spend(&mut self, waited: Duration) -> bool {
        self.left = self.left.saturating_sub(waited);
        self.whole.is_zero() || !self.left.is_zero()
    }

    /// The whole time.
    pub fn whole(&self) -> Duration {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn patience() -> Patience {
        let mut patience = Patience::default();
        patience.renew(10 * SECOND);
        patience
    }

    /// How many rounds it holds out, if each takes a second and brings that much.
    fn rounds(octets: u64) -> usize {
        let mut patience = patience();
        (0..100_000)
            .take_while(|_| {
                patience.earn(octets);
                patience.spend(SECOND)
            })
            .count()
    }

    #[test]
    fn drip_ends_and_a_slow_line_does_not() {
        assert_eq!(rounds(0), 9, "nothing that was asked for");
        assert!(rounds(1) <= 10, "an octet a second");
        assert!(rounds(OCTETS_PER_SECOND / 2) <= 20);
        assert_eq!(rounds(OCTETS_PER_SECOND), 100_000, "a listing may take as long as it takes");
    }

    #[test]
    fn what_came_fast_is_not_saved_up_for_later() {
        let mut patience = patience();
        patience.earn(u64::MAX);
        assert!(patience.spend(9 * SECOND) && !patience.spend(SECOND));
    }
}

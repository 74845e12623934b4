//! Sums of amounts that others claim: sizes of messages, above all. They end at the largest number and never wrap, for a
//! sum that wrapped is small, and what is small is let through.

/// Amounts that can be summed up.
pub trait Amounts: Iterator<Item = u64> + Sized {
    /// All of them together, or the largest number where that is more.
    fn total(self) -> u64 {
        self.fold(0, u64::saturating_add)
    }
}

impl<I: Iterator<Item = u64>> Amounts for I {}

/// Adds to a sum.
pub fn grow(sum: &mut u64, amount: u64) {
    *sum = sum.saturating_add(amount);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_what_is_claimed_end_at_the_largest_number() {
        assert_eq!([u64::MAX, 1, u64::MAX].into_iter().total(), u64::MAX);
        assert_eq!([7, 5].into_iter().total(), 12);
        let mut sum = u64::MAX - 1;
        grow(&mut sum, 7);
        assert_eq!(sum, u64::MAX);
    }
}

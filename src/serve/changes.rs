//! Which accounts changed in the last seconds: what a page that looks on needs to be told.

use std::collections::{BTreeSet, VecDeque};

/// Seconds that are remembered. Who was told nothing for longer asks for everything again.
const REMEMBERED: usize = 20;

/// Accounts that are told of one by one; of more, only that there are many.
pub const TOLD: usize = 200;

/// By the numbers of the accounts.
#[derive(Default)]
pub struct Changes {
    /// The second that is now.
    tick: u64,
    now: BTreeSet<u32>,
    /// Those before, the last at the end; `None` stands for too many.
    before: VecDeque<Option<Vec<u32>>>,
}

/// What changed since.
#[derive(PartialEq, Eq, Debug)]
pub enum Changed {
    These(Vec<u32>),
    Many,
}

impl Changes {
    /// This one did.
    pub fn add(&mut self, number: u32) {
        if self.now.len() <= TOLD {
            self.now.insert(number);
        }
    }

    /// A second is over.
    pub fn tick(&mut self) {
        let now = std::mem::take(&mut self.now);
        self.before.push_back((now.len() <= TOLD).then(|| now.into_iter().collect()));
        if self.before.len() > REMEMBERED {
            self.before.pop_front();
        }
        self.tick += 1;
    }

    /// How many seconds are over.
    pub fn ticks(&self) -> u64 {
        self.tick
    }

    /// What changed in the seconds that ended after the first `tick`.
    pub fn since(&self, tick: u64) -> Changed {
        let seconds = usize::try_from(self.tick.saturating_sub(tick)).unwrap_or(usize::MAX);
        if seconds > self.before.len() {
            return Changed::Many;
        }
        let mut all = BTreeSet::new();
        for second in self.before.iter().rev().take(seconds) {
            match second {
                Some(numbers) => all.extend(numbers.iter().copied()),
                None => return Changed::Many,
            }
        }
        if all.len() > TOLD { Changed::Many } else { Changed::These(all.into_iter().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_to_each_who_looks_on() {
        let mut changes = Changes::default();
        changes.add(3);
        changes.add(3);
        assert_eq!(changes.since(0), Changed::These(vec![]), "the second is not over");
        changes.tick();
        changes.add(1);
        changes.tick();
        assert_eq!(changes.since(0), Changed::These(vec![1, 3]));
        assert_eq!(changes.since(1), Changed::These(vec![1]));
        assert_eq!(changes.since(2), Changed::These(vec![]));
    }

    #[test]
    fn many_changes_and_a_long_absence_are_not_told_one_by_one() {
        let mut changes = Changes::default();
        (0..100_000).for_each(|number| changes.add(number));
        assert!(changes.now.len() <= TOLD + 1, "what is kept is bounded");
        changes.tick();
        assert_eq!(changes.since(0), Changed::Many);
        (0..2 * REMEMBERED).for_each(|_| changes.tick());
        assert_eq!((changes.before.len(), changes.since(5)), (REMEMBERED, Changed::Many));
        assert_eq!(changes.since(changes.ticks()), Changed::These(vec![]));
    }
}

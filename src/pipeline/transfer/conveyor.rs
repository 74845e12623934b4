//! Between download and upload: a queue that is bounded in octets, so that the faster side waits for the slower one and
//! not in memory.
//!
//! Who waits for the other half waits for as long as it works, and not a moment longer: each half holds a guard that tells
//! of its end when it is dropped, also by a panic.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many items may lie on the belt, whatever their weight.
const ITEMS: usize = 1600;

/// What is taken at once, at most: the rest stays on the belt, where it is counted.
const TAKEN_ITEMS: usize = 64;
const TAKEN_OCTETS: u64 = 512 << 10;

/// Less than that is not worth a wake-up, for so long: more may come behind it.
const WORTH_ITEMS: usize = 16;
const WORTH_OCTETS: u64 = 128 << 10;
const LINGER: Duration = Duration::from_millis(2);

/// Something that takes room.
pub trait Load {
    /// How many octets it holds in memory, and how many it holds in all.
    fn weight(&self) -> Weight;
}

/// What an item takes.
#[derive(Clone, Copy)]
pub struct Weight {
    pub memory: u64,
    pub octets: u64,
}

/// A queue from one thread to another.
pub struct Conveyor<T> {
    belt: Mutex<Belt<T>>,
    changed: Condvar,
    memory: u64,
}

/// What is waited for. Who waits is woken only when there is enough: for each item would cost more than the item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Nothing,
    AnItem,
    Enough,
}

struct Belt<T> {
    items: VecDeque<T>,
    memory: u64,
    octets: u64,
    /// Somebody waits for room: it will not get fuller.
    crowded: bool,
    /// Somebody waits for items.
    awaited: Awaited,
    /// Nothing more will be put on.
    ended: bool,
    /// Nothing more will be taken off.
    abandoned: bool,
}

/// What was on the belt.
#[derive(PartialEq, Eq, Debug)]
pub enum Taken<T> {
    /// Some of it, at least one item.
    Items(Vec<T>),
    /// Nothing came in all the time that it was waited for.
    Nothing,
    /// Nothing more comes.
    End,
}

impl<T: Load> Conveyor<T> {
    /// An empty belt that holds `memory` octets.
    pub fn new(memory: u64) -> Self {
        let belt = Belt {
            items: VecDeque::new(),
            memory: 0,
            octets: 0,
            crowded: false,
            awaited: Awaited::Nothing,
            ended: false,
            abandoned: false,
        };
        Conveyor { belt: Mutex::new(belt), changed: Condvar::new(), memory }
    }

    fn belt(&self) -> MutexGuard<'_, Belt<T>> {
        self.belt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item on, waiting for room; an item that is too heavy goes alone. False when nobody takes any more.
    pub fn put(&self, item: T) -> bool {
        let Weight { memory: weight, octets } = item.weight();
        let mut belt = self.belt();
        while !belt.abandoned
            && !belt.items.is_empty()
            && (belt.memory + weight > self.memory || belt.items.len() >= ITEMS)
        {
            belt.crowded = true;
            self.changed.notify_all();
            belt = self.changed.wait(belt).unwrap_or_else(PoisonError::into_inner);
        }
        if belt.abandoned {
            return false;
        }
        belt.memory += weight;
        belt.octets += octets;
        belt.items.push_back(item);
        let wakes = match belt.awaited {
            Awaited::Nothing => false,
            Awaited::AnItem => true,
            Awaited::Enough => belt.has_enough(),
        };
        if wakes {
            belt.awaited = Awaited::Nothing;
            self.changed.notify_all();
        }
        true
    }

    /// The guard of the half that puts items on: when it goes, nothing more comes.
    pub fn feed(&self) -> Feeding<'_, T> {
        Feeding(self)
    }

    /// The guard of the half that takes items off: when it goes, nothing more is taken.
    pub fn clear(&self) -> Clearing<'_, T> {
        Clearing(self)
    }

    fn end(&self) {
        self.belt().ended = true;
        self.changed.notify_all();
    }

    /// Says that nothing more is taken; what lies on the belt is dropped.
    pub fn abandon(&self) {
        let mut belt = self.belt();
        belt.abandoned = true;
        belt.items.clear();
        self.changed.notify_all();
    }

    /// Takes what is on the belt, waiting for the first item for so long.
    pub fn take(&self, patience: Duration) -> Taken<T> {
        let mut belt = self.belt();
        let mut until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if belt.items.is_empty() {
                if belt.ended {
                    return Taken::End;
                } else if left.is_zero() {
                    return Taken::Nothing;
                }
                belt.awaited = Awaited::AnItem;
            } else if belt.has_enough() || belt.ended || belt.crowded || left.is_zero() {
                let items = belt.take();
                if std::mem::take(&mut belt.crowded) {
                    self.changed.notify_all();
                }
                return Taken::Items(items);
            } else if belt.awaited != Awaited::Enough {
                belt.awaited = Awaited::Enough;
                until = Instant::now() + LINGER;
                continue;
            }
            belt = self.changed.wait_timeout(belt, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Ends the belt when it is dropped.
pub struct Feeding<'a, T: Load>(&'a Conveyor<T>);

impl<T: Load> Drop for Feeding<'_, T> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Abandons the belt when it is dropped.
pub struct Clearing<'a, T: Load>(&'a Conveyor<T>);

impl<T: Load> Drop for Clearing<'_, T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl<T: Load> Belt<T> {
    fn has_enough(&self) -> bool {
        self.items.len() >= WORTH_ITEMS || self.octets >= WORTH_OCTETS
    }

    fn take(&mut self) -> Vec<T> {
        let mut octets = 0;
        let within = |item: &&T| {
            octets += item.weight().octets;
            octets <= TAKEN_OCTETS
        };
        let count = self.items.iter().take(TAKEN_ITEMS).take_while(within).count().max(1).min(self.items.len());
        let items: Vec<T> = self.items.drain(..count).collect();
        self.memory -= items.iter().map(|item| item.weight().memory).sum::<u64>();
        self.octets -= items.iter().map(|item| item.weight().octets).sum::<u64>();
        self.awaited = Awaited::Nothing;
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Load for u64 {
        fn weight(&self) -> Weight {
            Weight { memory: *self, octets: *self }
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn take_respects_octets_and_tells_the_end() {
        let conveyor = Conveyor::new(10 * TAKEN_OCTETS);
        for item in [5, TAKEN_OCTETS - 5, 1, TAKEN_OCTETS + 1] {
            assert!(conveyor.put(item));
        }
        conveyor.end();
        assert_eq!(conveyor.take(LONG), Taken::Items(vec![5, TAKEN_OCTETS - 5]));
        assert_eq!(conveyor.take(LONG), Taken::Items(vec![1]));
        assert_eq!(conveyor.take(LONG), Taken::Items(vec![TAKEN_OCTETS + 1]), "a heavy item goes alone");
        assert_eq!(conveyor.take(LONG), Taken::End);
    }

    #[test]
    fn take_few_items_are_taken_after_a_while_and_none_after_patience() {
        let conveyor = Conveyor::new(100);
        assert_eq!(conveyor.take(Duration::from_millis(1)), Taken::Nothing);
        assert!(conveyor.put(7));
        assert_eq!(conveyor.take(LONG), Taken::Items(vec![7]));
    }

    #[test]
    fn put_on_an_abandoned_belt_is_false() {
        let conveyor = Conveyor::new(10);
        assert!(conveyor.put(100), "a heavy item goes onto an empty belt");
        conveyor.abandon();
        assert!(!conveyor.put(1));
    }

    #[test]
    fn half_that_panics_keeps_the_other_one_waiting_no_longer() {
        let taken = Conveyor::<u64>::new(10);
        let put = Conveyor::new(10);
        assert!(put.put(10));
        std::thread::scope(|scope| {
            let dies = |work: fn(&Conveyor<u64>), belt| {
                let died = scope.spawn(move || work(belt)).join();
                assert!(died.is_err());
            };
            let taking = scope.spawn(|| taken.take(LONG));
            let putting = scope.spawn(|| put.put(1));
            dies(
                |belt| {
                    let _feeding = belt.feed();
                    std::panic::resume_unwind(Box::new(()));
                },
                &taken,
            );
            dies(
                |belt| {
                    let _clearing = belt.clear();
                    std::panic::resume_unwind(Box::new(()));
                },
                &put,
            );
            assert_eq!(taking.join().unwrap(), Taken::End);
            assert!(!putting.join().unwrap());
        });
    }

    #[test]
    fn put_waits_for_room_and_nothing_is_lost() {
        let conveyor = Conveyor::new(50);
        let taken = std::thread::scope(|scope| {
            scope.spawn(|| {
                (1..=1000).for_each(|item| assert!(conveyor.put(item % 40)));
                conveyor.end();
            });
            let mut taken = 0;
            loop {
                match conveyor.take(LONG) {
                    Taken::Items(items) => taken += items.len(),
                    Taken::Nothing => {}
                    Taken::End => return taken,
                }
            }
        });
        assert_eq!(taken, 1000);
    }
}

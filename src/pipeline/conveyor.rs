//! Between download and upload: a queue that is bounded in octets, so that the faster side waits for the slower one and
//! not in memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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

struct Belt<T> {
    items: VecDeque<T>,
    memory: u64,
    octets: u64,
    /// Somebody waits for room: it will not get fuller.
    crowded: bool,
    /// Somebody waits for that many items, or octets. Who waits is woken only when there is enough: for each item would
    /// cost more than the item.
    demand: Option<(usize, u64)>,
    /// Nothing more will be put on.
    ended: bool,
    /// Nothing more will be taken off.
    abandoned: bool,
}

/// How many items may lie on the belt, whatever their weight.
const ITEMS: usize = 1600;

impl<T: Load> Conveyor<T> {
    /// An empty belt that holds `memory` octets.
    pub fn new(memory: u64) -> Self {
        let belt = Belt {
            items: VecDeque::new(),
            memory: 0,
            octets: 0,
            crowded: false,
            demand: None,
            ended: false,
            abandoned: false,
        };
        Conveyor { belt: Mutex::new(belt), changed: Condvar::new(), memory }
    }

    fn belt(&self) -> MutexGuard<'_, Belt<T>> {
        self.belt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, belt: MutexGuard<'a, Belt<T>>) -> MutexGuard<'a, Belt<T>> {
        self.changed.wait(belt).unwrap_or_else(PoisonError::into_inner)
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
            belt = self.wait(belt);
        }
        if belt.abandoned {
            return false;
        }
        belt.memory += weight;
        belt.octets += octets;
        belt.items.push_back(item);
        if belt.demand.is_some_and(|(items, octets)| belt.items.len() >= items || belt.octets >= octets) {
            self.changed.notify_all();
        }
        true
    }

    /// Says that nothing more comes.
    pub fn end(&self) {
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

    /// Takes a batch: waits until it is full, the belt is, or nothing more comes. Empty at the end.
    pub fn take_batch(&self, most_items: usize, most_octets: u64) -> Vec<T> {
        let mut belt = self.belt();
        loop {
            let (count, full) = belt.batch(most_items, most_octets);
            if full || belt.ended || (count > 0 && belt.crowded) {
                let batch: Vec<T> = belt.items.drain(..count).collect();
                belt.memory -= batch.iter().map(|item| item.weight().memory).sum::<u64>();
                belt.octets -= batch.iter().map(|item| item.weight().octets).sum::<u64>();
                belt.demand = None;
                if std::mem::take(&mut belt.crowded) {
                    self.changed.notify_all();
                }
                return batch;
            }
            belt.demand = Some((most_items, most_octets));
            belt = self.wait(belt);
        }
    }
}

impl<T: Load> Belt<T> {
    /// How many of the first items make a batch, and whether it is full.
    fn batch(&self, most_items: usize, most_octets: u64) -> (usize, bool) {
        let mut octets = 0;
        for (index, item) in self.items.iter().enumerate() {
            octets += item.weight().octets;
            if index > 0 && octets > most_octets {
                return (index, true);
            }
            if index + 1 >= most_items || octets >= most_octets {
                return (index + 1, true);
            }
        }
        (self.items.len(), false)
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

    #[test]
    fn take_batch_respects_items_and_octets() {
        let conveyor = Conveyor::new(1000);
        [5, 5, 5, 90, 200].into_iter().for_each(|item| assert!(conveyor.put(item)));
        conveyor.end();
        assert_eq!(conveyor.take_batch(2, 100), [5, 5]);
        assert_eq!(conveyor.take_batch(10, 94), [5]);
        assert_eq!(conveyor.take_batch(10, 94), [90]);
        assert_eq!(conveyor.take_batch(10, 94), [200], "an item over the limit goes alone");
        assert!(conveyor.take_batch(10, 94).is_empty());
    }

    #[test]
    fn put_on_an_abandoned_belt_is_false() {
        let conveyor = Conveyor::new(10);
        assert!(conveyor.put(100), "a heavy item goes onto an empty belt");
        conveyor.abandon();
        assert!(!conveyor.put(1));
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
                let batch = conveyor.take_batch(7, 60);
                if batch.is_empty() {
                    return taken;
                }
                taken += batch.len();
            }
        });
        assert_eq!(taken, 1000);
    }
}

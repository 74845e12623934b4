//! Accounts shared out by size: the shard that is done last decides when all is done.
//!
//! Largest first, each to the shard that has least so far (Graham 1969): the largest share is at most 4/3 of the smallest that
//! there could be. What was shared out before stays where it is, so that no state has to move.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// An account to be shared out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sized {
    pub name: String,
    /// Octets of its mail; `None`: nobody knows.
    pub octets: Option<u64>,
}

/// How accounts are shared out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    /// The shard of each account, by name.
    pub shards: BTreeMap<String, u32>,
    /// Octets of each shard; an account of unknown size counts as [`Balance::assumed`].
    pub octets: Vec<u64>,
    /// How many accounts are of unknown size, and what each was taken to have: the median of the others.
    pub unknown: u64,
    pub assumed: u64,
    /// How many accounts had no shard before.
    pub added: u64,
    /// How many have another one than before.
    pub moved: u64,
}

/// Shares the accounts out among that many shards. Those that `kept` names stay where they are, where there is such a shard.
pub fn balanced(accounts: &[Sized], kept: &HashMap<String, u32>, shards: u32) -> Balance {
    let assumed = median(accounts);
    let octets = |account: &Sized| account.octets.unwrap_or(assumed);
    let mut balance = Balance {
        octets: vec![0; shards as usize],
        unknown: accounts.iter().filter(|account| account.octets.is_none()).count() as u64,
        assumed,
        ..Balance::default()
    };
    let place = |account: &&Sized| kept.get(&account.name).copied().filter(|shard| *shard < shards);
    let (placed, mut others): (Vec<&Sized>, Vec<&Sized>) =
        accounts.iter().partition(|account| place(account).is_some());
    for account in placed {
        let shard = place(&account).unwrap_or_default();
        balance.put(account, shard, octets(account));
    }
    others.sort_by_key(|account| (Reverse(octets(account)), &account.name));
    let mut counts = vec![0_u64; shards as usize];
    balance.shards.values().for_each(|shard| counts[*shard as usize] += 1);
    // Of shards that are alike in size, the one with fewer accounts: what is empty costs a login, too.
    let load = |shard: u32| (balance.octets[shard as usize], counts[shard as usize], shard);
    let mut lightest: BinaryHeap<_> = (0..shards).map(load).map(Reverse).collect();
    for account in others {
        let Some(Reverse((size, count, shard))) = lightest.pop() else { break };
        balance.added += 1;
        balance.put(account, shard, octets(account));
        lightest.push(Reverse((size.saturating_add(octets(account)), count + 1, shard)));
    }
    balance
}

impl Balance {
    fn put(&mut self, account: &Sized, shard: u32, octets: u64) {
        let whole = &mut self.octets[shard as usize];
        *whole = whole.saturating_add(octets);
        self.shards.insert(account.name.clone(), shard);
    }

    /// Counts what is elsewhere than it was.
    pub fn compared_to(mut self, before: &HashMap<String, u32>) -> Balance {
        let (mut added, mut moved) = (0, 0);
        for (name, shard) in &self.shards {
            match before.get(name) {
                None => added += 1,
                Some(was) if was != shard => moved += 1,
                Some(_) => {}
            }
        }
        (self.added, self.moved) = (added, moved);
        self
    }
}

fn median(accounts: &[Sized]) -> u64 {
    let mut known: Vec<u64> = accounts.iter().filter_map(|account| account.octets).collect();
    known.sort_unstable();
    known.get(known.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(sizes: &[Option<u64>]) -> Vec<Sized> {
        let sized = |(index, octets): (usize, &Option<u64>)| Sized { name: format!("u{index:02}"), octets: *octets };
        sizes.iter().enumerate().map(sized).collect()
    }

    #[test]
    fn largest_go_first_and_shards_are_alike() {
        let sizes = [7, 6, 5, 4, 3, 2, 1].map(Some);
        let balance = balanced(&accounts(&sizes), &HashMap::new(), 2);
        assert_eq!((balance.octets.as_slice(), balance.added), (&[14, 14][..], 7));
        let giant = balanced(&accounts(&[Some(100), Some(1), Some(2), Some(3)]), &HashMap::new(), 2);
        assert_eq!(giant.octets, [100, 6]);
    }

    #[test]
    fn what_has_a_shard_keeps_it_and_new_ones_go_to_the_lightest() {
        let kept = HashMap::from([("u00".to_owned(), 1), ("u01".to_owned(), 7)]);
        let balance = balanced(&accounts(&[Some(50), Some(10), Some(20)]), &kept, 2).compared_to(&kept);
        let shard = |name: &str| balance.shards[name];
        assert_eq!((shard("u00"), shard("u01"), shard("u02")), (1, 0, 0));
        assert_eq!((balance.added, balance.moved), (1, 1), "there is no shard 7 any more");
    }

    #[test]
    fn size_that_nobody_knows_counts_as_the_median_and_none_at_all_shares_out_by_number() {
        let balance = balanced(&accounts(&[Some(10), Some(30), Some(20), None]), &HashMap::new(), 2);
        assert_eq!((balance.unknown, balance.assumed, balance.octets.iter().sum::<u64>()), (1, 20, 80));
        let blind = balanced(&accounts(&[None; 6]), &HashMap::new(), 3);
        let sizes = (0..3).map(|shard| blind.shards.values().filter(|it| **it == shard).count());
        assert_eq!(Vec::from_iter(sizes), [2, 2, 2]);
    }

    #[test]
    fn sums_of_hostile_sizes_do_not_wrap() {
        let balance = balanced(&accounts(&[Some(u64::MAX), Some(u64::MAX)]), &HashMap::new(), 1);
        assert_eq!(balance.octets, [u64::MAX]);
    }
}

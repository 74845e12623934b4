//! A share of the accounts: what one process works on, where several share them out.
//!
//! Which shard an account is in follows from its name alone (rendezvous hashing, Thaler and Ravishankar 1998): of all
//! shards, the one that draws the highest number for that name. So every machine comes to the same answer without asking
//! another, and with one shard more, only its own share moves.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// The most shards that there may be.
pub const MOST_SHARDS: u32 = 100_000;

/// One of several shares, counted from 0. Shown as `4/5`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// `None` where there is no such shard: `index` is below `count`, and `count` from 1 to [`MOST_SHARDS`].
    pub fn new(index: u32, count: u32) -> Option<Shard> {
        (index < count && count <= MOST_SHARDS).then_some(Shard { index, count })
    }

    pub fn index(self) -> u32 {
        self.index
    }

    pub fn count(self) -> u32 {
        self.count
    }

    /// Whether the account of that name is in it, where no file says which is.
    pub fn draws(self, account: &str) -> bool {
        drawn(account, self.count) == self.index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The shard of that account, of so many.
fn drawn(account: &str, count: u32) -> u32 {
    let name = Sha256::digest(account);
    let name = u64::from_be_bytes(*name.first_chunk().unwrap_or(&[0; 8]));
    let number = |shard: &u32| mixed(name ^ mixed(u64::from(*shard)));
    (0..count).max_by_key(number).unwrap_or(0)
}

/// A number that follows from `value` and looks like chance: the output function of SplitMix64 (Steele, Lea, Flood 2014).
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What one of `processes` may use of something that all of them have together: as near to an equal share as whole
/// numbers allow, and all of it in sum. `None` where there is less than one for each.
pub fn share(whole: u64, index: u32, processes: u32) -> Option<u64> {
    let (processes, index) = (u64::from(processes.max(1)), u64::from(index));
    let share = whole / processes + u64::from(index % processes < whole % processes);
    (whole >= processes).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u32) -> Vec<u32> {
        (0..20_000).map(|number| drawn(&format!("user{number}@example.org"), count)).collect()
    }

    #[test]
    fn shard_is_one_that_there_is() {
        assert_eq!(Shard::new(4, 5).unwrap().to_string(), "4/5");
        assert_eq!((Shard::new(5, 5), Shard::new(0, 0), Shard::new(0, MOST_SHARDS + 1)), (None, None, None));
    }

    #[test]
    fn every_account_is_in_one_shard_and_shards_are_alike() {
        for count in [1, 2, 5, 64] {
            let sizes = shards(count).iter().fold(vec![0_u32; count as usize], |mut sizes, shard| {
                sizes[*shard as usize] += 1;
                sizes
            });
            let mean = 20_000 / count;
            assert!(sizes.iter().all(|size| size.abs_diff(mean) < mean / 3), "{sizes:?}");
        }
        let takers = (0..5).filter(|index| Shard::new(*index, 5).unwrap().draws("alice"));
        assert_eq!(takers.count(), 1);
    }

    /// What is decided here is kept in states of many machines: another answer leaves them behind.
    #[test]
    fn shard_of_a_name_stays_what_it_was() {
        let drawn = ["alice", "bob", "carol", "dave", "müller@example.org"].map(|name| drawn(name, 8));
        assert_eq!(drawn, [6, 5, 7, 3, 1]);
    }

    #[test]
    fn one_shard_more_moves_its_own_share_alone() {
        let (before, after) = (shards(16), shards(17));
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
        let moved: Vec<_> = moved.map(|(_, after)| *after).collect();
        assert!(moved.iter().all(|shard| *shard == 16));
        assert!(moved.len().abs_diff(20_000 / 17) < 150, "{}", moved.len());
    }

    #[test]
    fn shares_are_all_of_it_and_near_to_equal() {
        let of = |whole| (0..3).map(|index| share(whole, index, 3)).collect::<Option<Vec<_>>>();
        assert_eq!((of(8), of(3), of(2)), (Some(vec![3, 3, 2]), Some(vec![1, 1, 1]), None));
        assert_eq!(share(8, 4, 3), Some(3), "of more shards than run at once");
        assert_eq!(share(u64::MAX, 0, 1), Some(u64::MAX));
    }
}

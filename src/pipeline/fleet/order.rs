//! In which order accounts have their turns, and how many of a kind are worked on at once: what has priority first, then what
//! is unknown, then the largest. The longest work begun first ends the run soonest.

use crate::model::Account;
use crate::model::ledger::Stage;
use crate::pipeline::Migration;
use std::cmp::Reverse;

/// What kind of work an account is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Work {
    /// Not all of it is there yet.
    FirstCopy,
    /// Only what came since.
    Resync,
}

/// How an account is put in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Of its wave, and its own.
    priority: (i64, i64),
    /// On the source; `None` where it was never listed.
    octets: Option<u64>,
    pub work: Work,
}

/// How each account stands, by its number. What cannot be read of the state is as good as unknown.
pub fn standings(migration: &Migration) -> Vec<Standing> {
    let of = |account: &Account| {
        let status = migration.store.account(&account.name).status().unwrap_or_default();
        let is_copied = status.ledger.stage >= Stage::Applied && status.ledger.outcomes.pending == 0;
        Standing {
            priority: (account.wave.as_ref().map_or(0, |wave| wave.priority), account.priority),
            octets: Some(status.source_octets).filter(|octets| *octets > 0),
            work: if is_copied { Work::Resync } else { Work::FirstCopy },
        }
    };
    migration.accounts.iter().map(of).collect()
}

/// The rank of each account, by its number; those that are alike keep the order of the settings.
pub fn ranks(standings: &[Standing]) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..standings.len()).collect();
    numbers.sort_by_key(|number| {
        let Standing { priority, octets, work: _ } = standings[*number];
        (Reverse(priority), Reverse(octets.unwrap_or(u64::MAX)))
    });
    let mut ranks = vec![0; standings.len()];
    numbers.into_iter().enumerate().for_each(|(rank, number)| ranks[number] = rank);
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(wave: i64, own: i64, octets: Option<u64>) -> Standing {
        Standing { priority: (wave, own), octets, work: Work::Resync }
    }

    #[test]
    fn priority_comes_first_then_the_unknown_then_the_largest() {
        let standings = [
            standing(0, 0, Some(10)),
            standing(0, 0, Some(30)),
            standing(0, 0, None),
            standing(1, 0, Some(1)),
            standing(1, 5, Some(1)),
            standing(0, 0, Some(30)),
        ];
        assert_eq!(ranks(&standings), [5, 3, 2, 1, 0, 4]);
    }

    /// Taking the largest first, whoever is free takes the next: never more than 4/3 of the best that can be.
    #[test]
    fn largest_first_ends_soon() {
        let sizes = [7, 7, 6, 6, 5, 5, 4, 4, 4];
        let standings: Vec<Standing> = sizes.iter().rev().map(|octets| standing(0, 0, Some(*octets))).collect();
        let ranks = ranks(&standings);
        let mut turns: Vec<usize> = (0..standings.len()).collect();
        turns.sort_by_key(|number| ranks[*number]);
        let mut workers = [0u64; 3];
        for number in turns {
            *workers.iter_mut().min().expect("a worker") += standings[number].octets.unwrap_or_default();
        }
        let best = sizes.iter().sum::<u64>().div_ceil(3);
        assert!(workers.iter().max().is_some_and(|longest| longest * 3 <= best * 4), "{workers:?} of {best}");
    }
}

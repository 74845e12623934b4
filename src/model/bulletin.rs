//! What a process tells of its share of the accounts, for who puts together what all of them tell: nobody opens another's state. Pure.

use super::report::UnderWay;
use super::shard::Shard;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The form of what is told: raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// A process that was under way, and has told nothing for longer, is gone.
const LONGEST_SILENCE_SECONDS: u64 = 60 * 60;

/// Accounts that are named where there may be many.
const NAMED: usize = 10;

/// What stands before the accounts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bulletin {
    pub schema: u32,
    /// Of mailferry.
    pub version: String,
    /// Which shard it is, and of how many.
    pub shard: Option<(u32, u32)>,
    pub host: String,
    pub process: u32,
    /// In seconds since 1970, by that machine's clock.
    pub made: i64,
    /// A digest of what the settings say of the accounts of all shards.
    pub settings: String,
    pub source: Vec<String>,
    pub destination: Vec<String>,
    /// Where the run has not ended.
    pub under_way: Option<UnderWay>,
}

/// What was found in the state directory of one process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Heard {
    pub directory: String,
    /// The newest; `None` where nothing was told.
    pub bulletin: Option<Bulletin>,
    /// How much older it is than the newest of all, by the file system's clock.
    pub older_by_seconds: u64,
    /// The accounts of it, with the seconds since 1970 of which their last run is.
    pub accounts: Vec<(String, i64)>,
}

impl Heard {
    fn name(&self) -> String {
        let shard = self.bulletin.as_ref().and_then(|told| told.shard);
        match shard.and_then(|(index, count)| Shard::new(index, count)) {
            Some(shard) => format!("shard {shard} ({})", self.directory),
            None => self.directory.clone(),
        }
    }
}

/// For each account the number of the one whose word counts: where several tell of it, the newest.
pub fn tellers(heard: &[Heard]) -> BTreeMap<&str, usize> {
    let mut tellers: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for (number, one) in heard.iter().enumerate() {
        for (account, ran) in &one.accounts {
            let teller = tellers.entry(account).or_insert((number, *ran));
            if *ran > teller.1 {
                *teller = (number, *ran);
            }
        }
    }
    tellers.into_iter().map(|(account, (number, _))| (account, number)).collect()
}

/// What keeps all this from being the whole truth, a sentence each.
pub fn findings(heard: &[Heard]) -> Vec<String> {
    let mut found: Vec<String> =
        heard.iter().filter(|it| it.bulletin.is_none()).map(|it| format!("{} tells nothing", it.directory)).collect();
    let told: Vec<(&Heard, &Bulletin)> = heard.iter().filter_map(|it| Some((it, it.bulletin.as_ref()?))).collect();
    found.extend(missing(&told));
    let usual = most_frequent(told.iter().map(|(_, told)| &told.settings));
    for (one, bulletin) in &told {
        if Some(&bulletin.settings) != usual {
            found.push(format!("{} goes by other settings, or other accounts, than the others", one.name()));
        }
        if bulletin.under_way.is_some() && one.older_by_seconds > LONGEST_SILENCE_SECONDS {
            let minutes = one.older_by_seconds / 60;
            found.push(format!("{} was under way, and has told nothing for {minutes} minutes", one.name()));
        }
    }
    found.extend(twice(heard));
    found
}

fn missing(told: &[(&Heard, &Bulletin)]) -> Vec<String> {
    let shards = || told.iter().filter_map(|(one, told)| Some((one, told.shard?)));
    let Some(count) = most_frequent(shards().map(|(_, (_, count))| count)) else { return Vec::new() };
    let there: BTreeSet<u32> = shards().filter(|(_, (_, of))| *of == count).map(|(_, (index, _))| index).collect();
    let missing = (0..count).filter(|index| !there.contains(index));
    let missing =
        missing.map(|index| format!("shard {index}/{count} is missing: none of these directories is its state"));
    let others = shards().filter(|(_, (_, of))| *of != count);
    missing.chain(others.map(|(one, _)| format!("{}: the others are {count} shards", one.name()))).collect()
}

fn twice(heard: &[Heard]) -> Vec<String> {
    let tellers = tellers(heard);
    let mut by_account: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, one) in heard.iter().enumerate() {
        one.accounts.iter().for_each(|(account, _)| by_account.entry(account).or_default().push(number));
    }
    let several = by_account.into_iter().filter(|(_, numbers)| numbers.len() > 1);
    let mut told: Vec<String> = several
        .map(|(account, numbers)| {
            let places: Vec<String> = numbers.iter().map(|number| heard[*number].name()).collect();
            let newest = tellers.get(account).map_or_else(String::new, |number| heard[*number].name());
            format!("{account} is told of by {}: what the newest says counts, {newest}", places.join(" and "))
        })
        .collect();
    if told.len() > NAMED {
        let more = told.len() - NAMED;
        told.truncate(NAMED);
        told.push(format!("{more} more accounts are told of by several"));
    }
    told
}

fn most_frequent<T: Ord + Copy>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    items.for_each(|item| *counts.entry(item).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(item, _)| item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Step;

    fn shard(index: u32, accounts: &str) -> Heard {
        let bulletin = Bulletin { shard: Some((index, 3)), settings: "same".to_owned(), ..Bulletin::default() };
        let accounts = accounts.split_whitespace().map(|word| {
            let (name, ran) = word.split_once(':').unwrap_or((word, "1"));
            (name.to_owned(), ran.parse().unwrap())
        });
        Heard {
            directory: format!("s{index}"),
            bulletin: Some(bulletin),
            accounts: accounts.collect(),
            ..Heard::default()
        }
    }

    #[test]
    fn fleet_that_is_whole_has_no_findings() {
        assert_eq!(findings(&[shard(0, "a"), shard(1, ""), shard(2, "b c")]), Vec::<String>::new());
        assert_eq!(
            findings(&[Heard { bulletin: Some(Bulletin::default()), ..Heard::default() }]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn account_that_two_tell_of_is_named_and_the_newest_counts() {
        let heard = [shard(0, "a:5"), shard(1, "a:9 b"), shard(2, "a:7")];
        assert_eq!(tellers(&heard), [("a", 1), ("b", 1)].into());
        let expected = "a is told of by shard 0/3 (s0) and shard 1/3 (s1) and shard 2/3 (s2): what the newest says counts, \
                        shard 1/3 (s1)";
        assert_eq!(findings(&heard), [expected]);
        let many: Vec<String> = (0..15).map(|number| format!("a{number:02}")).collect();
        let heard = [shard(0, &many.join(" ")), shard(1, &many.join(" ")), shard(2, "")];
        assert_eq!(findings(&heard).last().unwrap(), "5 more accounts are told of by several");
    }

    #[test]
    fn shards_that_are_missing_odd_or_silent_are_named() {
        let mut odd = shard(1, "");
        odd.bulletin.as_mut().unwrap().settings = "other".to_owned();
        let mut silent = shard(0, "");
        let since = UnderWay { process: 1, step: Step::Sync, since: 0, accounts: 1, done: 0 };
        silent.bulletin.as_mut().unwrap().under_way = Some(since);
        silent.older_by_seconds = 2 * LONGEST_SILENCE_SECONDS;
        let mut of_four = shard(3, "");
        of_four.bulletin.as_mut().unwrap().shard = Some((3, 4));
        let empty = Heard { directory: "e".to_owned(), ..Heard::default() };
        let expected = [
            "e tells nothing",
            "shard 2/3 is missing: none of these directories is its state",
            "shard 3/4 (s3): the others are 3 shards",
            "shard 0/3 (s0) was under way, and has told nothing for 120 minutes",
            "shard 1/3 (s1) goes by other settings, or other accounts, than the others",
        ];
        assert_eq!(findings(&[silent, odd, of_four, empty]), expected);
    }
}

//! When each account of a watch has its next turn: one that failed waits longer from time to time, and one whose login was
//! refused until a setting changes. Pure: the clock is given.

use std::collections::{HashMap, HashSet};

/// No account that failed waits longer.
const LONGEST_MINUTES: i64 = 60;

/// When an account has its next turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// In seconds since 1970.
    At(i64),
    /// Another try with the same password could lock the account out.
    WhenSettingsChange,
}

/// How a turn ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// What could be done was done; or what kept it from that lies not with the account.
    Well,
    /// Nothing could be done for it.
    Failed,
    /// Its name or password was refused.
    Refused,
}

/// The turns of the accounts of a watch.
#[derive(Clone, Debug)]
pub struct Rests {
    /// Between two turns of an account that is well, in seconds.
    interval: i64,
    accounts: HashMap<String, Rest>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    /// How often it failed in a row.
    failures: u32,
    due: Due,
}

impl Rests {
    /// All are due.
    pub fn new(interval: i64) -> Self {
        Rests { interval, accounts: HashMap::new() }
    }

    /// A turn of the account ended so, now.
    pub fn note(&mut self, account: &str, ended: Ended, now: i64) {
        let before = self.accounts.get(account).map_or(0, |rest| rest.failures);
        let failures = if ended == Ended::Well { 0 } else { before + 1 };
        let due = match ended {
            Ended::Well => Due::At(now + self.interval),
            Ended::Failed => Due::At(now + 60 * minutes(failures)),
            Ended::Refused => Due::WhenSettingsChange,
        };
        self.accounts.insert(account.to_owned(), Rest { failures, due });
    }

    /// Something changed in that account: it is due now, unless it waits because it failed.
    pub fn hear_of(&mut self, account: &str, now: i64) {
        if let Some(rest) = self.accounts.get_mut(account).filter(|rest| rest.failures == 0) {
            rest.due = Due::At(now);
        }
    }

    /// Who was refused may be let in now.
    pub fn settings_changed(&mut self, now: i64) {
        for rest in self.accounts.values_mut().filter(|rest| rest.due == Due::WhenSettingsChange) {
            rest.due = Due::At(now);
        }
    }

    /// Only these accounts have turns from now on.
    pub fn keep<'a>(&mut self, accounts: impl Iterator<Item = &'a str>) {
        let kept: HashSet<&str> = accounts.collect();
        self.accounts.retain(|name, _| kept.contains(name.as_str()));
    }

    /// The accounts that are not due now.
    pub fn resting(&self, now: i64) -> HashMap<String, Due> {
        let rests = self.accounts.iter().map(|(name, rest)| (name, rest.due));
        let rests = rests.filter(|(_, due)| !matches!(due, Due::At(moment) if *moment <= now));
        rests.map(|(name, due)| (name.clone(), due)).collect()
    }

    /// When the next account is due; `None` where all wait for a setting.
    pub fn next(&self) -> Option<i64> {
        let moments = self.accounts.values().filter_map(|rest| match rest.due {
            Due::At(moment) => Some(moment),
            Due::WhenSettingsChange => None,
        });
        moments.min()
    }

    /// How many wait for a setting.
    pub fn refused(&self) -> usize {
        self.accounts.values().filter(|rest| rest.due == Due::WhenSettingsChange).count()
    }
}

/// 1, 2, 4, 8, 16, 32, 60, 60 …
fn minutes(failures: u32) -> i64 {
    (1i64 << failures.saturating_sub(1).min(6)).min(LONGEST_MINUTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: i64 = 900;

    #[test]
    fn account_that_fails_waits_longer_and_longer_and_the_others_do_not() {
        let mut rests = Rests::new(INTERVAL);
        let mut now = 1_000_000;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            rests.note("bad", Ended::Failed, now);
            rests.note("good", Ended::Well, now);
            let resting = rests.resting(now);
            assert_eq!((resting["bad"], resting["good"]), (Due::At(now + 60 * minutes), Due::At(now + INTERVAL)));
            assert_eq!(rests.next(), Some(now + INTERVAL.min(60 * minutes)));
            now += 60 * minutes;
            assert!(!rests.resting(now).contains_key("bad"), "it is due");
        }
        rests.note("bad", Ended::Well, now);
        rests.note("bad", Ended::Failed, now);
        assert_eq!(rests.resting(now)["bad"], Due::At(now + 60), "it begins anew");
    }

    #[test]
    fn refused_login_is_not_tried_again_until_a_setting_changes() {
        let mut rests = Rests::new(INTERVAL);
        rests.note("shut", Ended::Refused, 0);
        assert_eq!((rests.resting(i64::MAX)["shut"], rests.next()), (Due::WhenSettingsChange, None));
        assert_eq!(rests.refused(), 1);
        rests.settings_changed(5000);
        assert!(rests.resting(5000).is_empty() && rests.refused() == 0);
        rests.note("shut", Ended::Refused, 5000);
        assert_eq!(rests.refused(), 1);
    }

    #[test]
    fn account_that_takes_no_part_any_more_has_no_turn() {
        let mut rests = Rests::new(INTERVAL);
        ["gone", "kept"].into_iter().zip([0, 60]).for_each(|(name, now)| rests.note(name, Ended::Well, now));
        rests.keep(["kept", "new"].into_iter());
        assert_eq!(rests.next(), Some(60 + INTERVAL));
    }

    #[test]
    fn failures_without_end_wait_an_hour() {
        assert_eq!([1, 7, 64, 1000].map(minutes), [1, 60, 60, 60]);
    }
}

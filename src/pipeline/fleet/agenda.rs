//! When accounts may be worked on: the hours of their waves, by a clock that is given, and the rest that a watch gives those
//! whose last tries failed. Who has to wait is not begun; whose hours end is at the end of the batch in hand.

use crate::error::{Error, Kind, Scope};
use crate::model::Account;
use crate::model::rest::Due;
use crate::model::wave::{Opening, Wave};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::sync::Arc;

/// Whether the hours of waves are obeyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Hours {
    #[default]
    Obeyed,
    /// The user has said `--now`.
    Ignored,
}

/// When accounts may be worked on.
#[derive(Clone)]
pub struct Agenda {
    /// Seconds since 1970.
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    hours: Hours,
    /// Accounts that are not due yet.
    resting: HashMap<String, Due>,
}

impl Agenda {
    /// By that clock; nobody rests.
    pub fn new(clock: Arc<dyn Fn() -> i64 + Send + Sync>, hours: Hours) -> Self {
        Agenda { clock, hours, resting: HashMap::new() }
    }

    /// The same, with the hours of waves kept or not.
    pub fn keeping(self, hours: Hours) -> Self {
        Agenda { hours, ..self }
    }

    /// With accounts that are not due yet.
    pub fn with_resting(self, resting: HashMap<String, Due>) -> Self {
        Agenda { resting, ..self }
    }

    /// What time it is.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Why the account is not begun now.
    pub fn wait(&self, account: &Account) -> Option<Error> {
        if let Some(due) = self.resting.get(&*account.name) {
            return Some(not_due(due, self.now()));
        }
        let wave = self.wave(account)?;
        match wave.at(self.now()) {
            Opening::Open { .. } => None,
            Opening::Closed { opens } => Some(closed(wave, opens)),
        }
    }

    /// When the hours of this account end, if they do.
    pub fn closes(&self, account: &Account) -> Option<i64> {
        match self.wave(account)?.at(self.now()) {
            Opening::Open { until } => until,
            Opening::Closed { .. } => Some(i64::MIN),
        }
    }

    /// When the next of these accounts' hours begin, of those that wait for theirs.
    pub fn next_opening<'a>(&self, accounts: impl Iterator<Item = &'a Account>) -> Option<i64> {
        let now = self.now();
        let opens = accounts.filter_map(|account| match self.wave(account)?.at(now) {
            Opening::Open { .. } => None,
            Opening::Closed { opens } => opens,
        });
        opens.min()
    }

    fn wave<'a>(&self, account: &'a Account) -> Option<&'a Wave> {
        account.wave.as_deref().filter(|_| self.hours == Hours::Obeyed)
    }
}

fn waiting(what: String) -> Error {
    Error::new(Kind::Waiting, what).scope(Scope::Account)
}

fn closed(wave: &Wave, opens: Option<i64>) -> Error {
    let name = &wave.name;
    let when = opens.map(|opens| shown(opens, &wave.time_zone));
    let what = match when {
        Some(when) => format!("outside of the hours of the wave `{name}`, which begin on {when}"),
        None => format!("outside of the hours of the wave `{name}`"),
    };
    waiting(what).hint("`--now` does not wait for them")
}

fn not_due(due: &Due, now: i64) -> Error {
    match due {
        Due::At(moment) if *moment > now => waiting(format!("not due before {}", shown(*moment, &TimeZone::system()))),
        Due::At(_) => waiting("not due yet".to_owned()),
        Due::WhenSettingsChange => waiting("its login was refused, and no setting has changed since".to_owned()),
    }
}

fn shown(moment: i64, zone: &TimeZone) -> String {
    let zoned = Timestamp::from_second(moment).map(|moment| moment.to_zoned(zone.clone()));
    zoned.map_or_else(|_| "another day".to_owned(), |moment| moment.strftime("%a %d %b %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServerId;
    use crate::model::wave::Window;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Midnight of a Monday, UTC.
    const MONDAY: i64 = 1_780_272_000;

    fn account(name: &str, wave: Option<Wave>) -> Account {
        Account {
            name: name.into(),
            source_user: name.into(),
            destination_user: name.into(),
            tags: Vec::new(),
            servers: [ServerId(0); 2],
            policy: Arc::default(),
            wave: wave.map(Arc::new),
            priority: 0,
        }
    }

    fn nights() -> Wave {
        Wave {
            name: "nights".to_owned(),
            not_before: None,
            windows: vec![Window { days: [true; 7], begins: 20 * 60, ends: 6 * 60 }],
            time_zone: TimeZone::UTC,
            jobs: None,
            priority: 0,
            complete_after: None,
        }
    }

    fn agenda(hours: Hours) -> (Agenda, Arc<AtomicI64>) {
        let now = Arc::new(AtomicI64::new(MONDAY + 12 * 3600));
        let clock = now.clone();
        (Agenda::new(Arc::new(move || clock.load(Ordering::SeqCst)), hours), now)
    }

    #[test]
    fn account_waits_for_the_hours_of_its_wave_and_ends_with_them() {
        let (agenda, now) = agenda(Hours::Obeyed);
        let (bound, free) = (account("bound", Some(nights())), account("free", None));
        let why = agenda.wait(&bound).expect("it is noon");
        assert!(why.what().contains("`nights`, which begin on Mon 01 Jun 20:00"), "{}", why.line());
        assert_eq!(agenda.next_opening([&free, &bound].into_iter()), Some(MONDAY + 20 * 3600));
        assert_eq!((agenda.wait(&free), agenda.closes(&free)), (None, None));
        now.store(MONDAY + 23 * 3600, Ordering::SeqCst);
        assert_eq!((agenda.wait(&bound), agenda.closes(&bound)), (None, Some(MONDAY + 30 * 3600)));
    }

    #[test]
    fn hours_are_ignored_when_told_so() {
        let (agenda, _) = agenda(Hours::Ignored);
        let bound = account("bound", Some(nights()));
        assert_eq!((agenda.wait(&bound), agenda.closes(&bound)), (None, None));
    }

    #[test]
    fn who_rests_is_not_begun() {
        let (agenda, now) = agenda(Hours::Obeyed);
        let later = Due::At(now.load(Ordering::SeqCst) + 60);
        let resting = [("slow", later), ("shut", Due::WhenSettingsChange)].map(|(name, due)| (name.to_owned(), due));
        let agenda = agenda.with_resting(resting.into());
        let why = |name: &str| agenda.wait(&account(name, None)).map(|why| why.what().to_owned());
        assert!(why("slow").is_some_and(|why| why.contains("not due before")));
        assert!(why("shut").is_some_and(|why| why.contains("no setting has changed")));
        assert_eq!(why("well"), None);
    }
}

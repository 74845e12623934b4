//! The hours of a wave end in the midst of a copy, by a clock that the test holds: the account ends with the batches in hand,
//! and goes on when its hours come again.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mailferry::config::Settings;
use mailferry::engine::Connector;
use mailferry::error::{Kind, Result};
use mailferry::model::ledger::Ending;
use mailferry::model::secret::Passwords;
use mailferry::model::{self, Secret};
use mailferry::pipeline::fleet::agenda::{Agenda, Hours};
use mailferry::pipeline::fleet::roll::Roll;
use mailferry::pipeline::resync::sync;
use mailferry::pipeline::{ApplyOptions, Event, Migration, Observer, Stop, Thoroughness};
use mailferry::store::Store;

use crate::support::fake::Fake;
use crate::support::ferry::{Ferry, Side};
use crate::support::server::{MASTER_PASSWORD, User};

const NAME: &str = "by-night";
const MESSAGES: usize = 400;

/// Seconds since 1970: in a night, when its hours are over, and in the next one.
struct Night {
    zone: TimeZone,
    within: i64,
    morning: i64,
    next: i64,
}

impl Night {
    fn of(zone: TimeZone, [within, morning, next]: [&str; 3]) -> Night {
        let at = |utc: &str| utc.parse::<Timestamp>().expect("a time").as_second();
        Night { zone, within: at(within), morning: at(morning), next: at(next) }
    }
}

const WAVE: &str = "[[wave]]\nname = \"nights\"\naccounts = [\"*\"]\nwindow = \"20:00-06:00\"\ntime_zone = \"UTC\"\n";

struct Keys;

impl Passwords for Keys {
    fn password(&self, _account: &model::Account, _side: model::Side) -> Result<Secret> {
        Ok(Secret::new(MASTER_PASSWORD.to_owned()))
    }
}

/// Turns the clock when the first messages have arrived.
struct Sunrise {
    clock: Arc<AtomicI64>,
    morning: i64,
    is_up: AtomicBool,
}

impl Observer for Sunrise {
    fn event(&self, event: Event<'_>) {
        if let Event::Advanced { octets, .. } = event
            && octets > 0
            && self.clock.load(Ordering::SeqCst) < self.morning
            && !self.is_up.swap(true, Ordering::SeqCst)
        {
            self.clock.store(self.morning, Ordering::SeqCst);
        }
    }
}

#[test]
fn account_ends_with_its_hours_batch_by_batch_and_goes_on_in_the_next() {
    let times = ["2026-06-01T23:00:00Z", "2026-06-02T06:00:00Z", "2026-06-02T23:00:00Z"];
    ends_with_its_hours(&Night::of(TimeZone::UTC, times));
}

/// As in Berlin: the hours end at 6 by the clock, an hour later or earlier than in the night before.
#[test]
fn account_ends_with_its_hours_in_the_night_in_which_the_clock_is_changed() {
    let zone = || TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
    let back = ["2026-10-25T04:30:00Z", "2026-10-25T05:00:00Z", "2026-10-25T19:00:00Z"];
    let forward = ["2027-03-28T03:30:00Z", "2027-03-28T04:00:00Z", "2027-03-28T18:00:00Z"];
    [back, forward].into_iter().for_each(|times| ends_with_its_hours(&Night::of(zone(), times)));
}

fn ends_with_its_hours(night: &Night) {
    let (source, destination) = (Fake::start(), Fake::start());
    let side = |fake: &Fake| Side::in_clear_text(fake.port()).set("max_connections", 2);
    let limits = "[limits]\nbatch_messages = 5\n";
    let ferry = Ferry::new(side(&source), side(&destination)).with_settings(&format!("{WAVE}{limits}"));
    let ferry = ferry.with_account(&User::named(NAME));
    source.tenant(NAME).account().fill(&format!("INBOX\n    1..{MESSAGES} bulk size:2k"));
    fs::write(ferry.directory().join("mailferry.toml"), ferry.settings()).expect("write the settings");
    let clock = Arc::new(AtomicI64::new(night.within));
    let run = || {
        let mut settings = Settings::from_file(&ferry.directory().join("mailferry.toml")).expect("the settings");
        let wave = settings.accounts[0].wave.as_mut().expect("its wave");
        Arc::make_mut(wave).time_zone = night.zone.clone();
        let servers = settings.servers.iter().map(|server| (server.clone(), 1)).collect();
        let now = clock.clone();
        let migration = Migration {
            servers: Connector::all(servers, &settings.limits, &settings.state).expect("connectors"),
            everybody: Default::default(),
            accounts: settings.accounts,
            limits: settings.limits,
            jobs: 1,
            resync_jobs: None,
            fleet: None,
            bulletin: None,
            agenda: Agenda::new(Arc::new(move || now.load(Ordering::SeqCst)), Hours::Obeyed),
            passwords: Arc::new(Keys),
            store: Store::open(&settings.state).expect("a state").0,
            observer: Arc::new(Sunrise { clock: clock.clone(), morning: night.morning, is_up: AtomicBool::new(false) }),
            stop: Stop::default(),
            names_messages: true,
            roll: Arc::new(Roll::new(1)),
        };
        let mut results = sync(&migration, Thoroughness::Incremental, ApplyOptions::default());
        results.pop().expect("the account").result
    };
    let arrived = || destination.tenant(NAME).account().messages("INBOX").len();

    let done = run().expect("it was begun");
    assert_eq!(done.ledger.ending, Ending::Limit);
    let before = arrived();
    assert!((1..MESSAGES).contains(&before), "{before} arrived");
    assert_eq!(done.ledger.outcomes.copied as usize, before, "what arrived is recorded");

    let waits = run().expect_err("it is day");
    assert_eq!((waits.kind(), arrived()), (&Kind::Waiting, before), "{}", waits.line());

    clock.store(night.next, Ordering::SeqCst);
    assert_eq!(run().expect("it is night").ledger.ending, Ending::Complete);
    assert!(destination.tenant(NAME).account().messages("INBOX") == source.tenant(NAME).account().messages("INBOX"));
}

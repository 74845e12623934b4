//! All of it, with seed after seed, for as long as one wishes: `make torture`.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::kills::kill_at_random;
use crate::matrix::{Figures, Recording, announce, faults, record_all, recordings, run_all, select};
use crate::scenario::{LARGER, Scenario};
use crate::support::dice::Dice;
use crate::support::proxy::fault::{Fault, Strike};
use crate::support::replay::fresh_seed;

const SECONDS_VARIABLE: &str = "TORTURE_SECONDS";
const DEFAULT_SECONDS: u64 = 3600;

/// SIGKILLs at random moments, at least.
const KILLS: usize = 100;
const KILLS_AT_ONCE: usize = 10;

/// Cases with two faults in one run, for each seed.
const DOUBLE_CASES: usize = 120;

const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// What was done so far.
#[derive(Default)]
struct Torture {
    figures: Mutex<Figures>,
    kills: AtomicUsize,
    seeds: AtomicUsize,
    over: AtomicBool,
}

impl Torture {
    fn report(&self, began: Instant) {
        let figures = self.figures.lock().expect("the figures");
        announce(&format!(
            "torture: {} s, {} seeds: {} cases, {} random kills, {} lost, {} doubled, {} altered, {} findings",
            began.elapsed().as_secs(),
            self.seeds.load(Ordering::SeqCst),
            figures.cases,
            self.kills.load(Ordering::SeqCst),
            figures.lost,
            figures.doubled,
            figures.altered,
            figures.findings.len(),
        ));
    }

    fn report_every_minute(&self, began: Instant) {
        let mut next = began + REPORT_INTERVAL;
        while !self.over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(200));
            if Instant::now() >= next {
                self.report(began);
                next += REPORT_INTERVAL;
            }
        }
    }

    /// One seed: the matrix, pairs of faults, and some random kills.
    fn round(&self, recordings: &[Recording], seed: u64, until: Instant) {
        let mut dice = Dice::new(seed);
        let mut cases = select(recordings, &mut dice);
        cases.extend((0..DOUBLE_CASES).map(|_| double_case(recordings, &mut dice)));
        thread::scope(|scope| {
            scope.spawn(|| self.kill(seed, &mut dice));
            run_all(&cases, Some(until), &self.figures);
        });
        self.seeds.fetch_add(1, Ordering::SeqCst);
    }

    fn kill(&self, seed: u64, dice: &mut Dice) {
        let name = *dice.pick(&["many", "cyrus", "single", "poor"]);
        let scenario = Scenario::named(name).expect("a scenario");
        // Whatever goes wrong is a finding: the others go on.
        let killed = catch_unwind(AssertUnwindSafe(|| kill_at_random(KILLS_AT_ONCE, scenario, dice)));
        match killed.unwrap_or_else(|_| Err("the test itself panicked".to_owned())) {
            Ok(_) => {
                self.kills.fetch_add(KILLS_AT_ONCE, Ordering::SeqCst);
            }
            Err(finding) => {
                announce(&format!("a finding: random kills of {name}, seed {seed}"));
                let text = format!("random kills of {name}, seed {seed}: {finding}");
                self.figures.lock().expect("the figures").findings.push(text);
            }
        }
    }
}

/// Two faults in one run, at any places: on one side, or on both.
fn double_case(recordings: &[Recording], dice: &mut Dice) -> Case {
    let (scenario, seen) = dice.pick(recordings);
    let places: Vec<_> = seen.iter().collect();
    let strikes = (0..2).map(|_| {
        let (place, count) = *dice.pick(&places);
        let fitting: Vec<Fault> = faults().filter(|fault| fault.applies_at(place.moment)).collect();
        let occurrence = 1 + dice.below(*count as usize) as u32;
        Strike { place: place.clone(), occurrence, fault: *dice.pick(&fitting) }
    });
    let strikes = strikes.collect();
    Case { scenario, strikes, forget_state: dice.below(4) == 0 && !scenario.needs_state }
}

#[test]
#[ignore = "it takes an hour: make torture"]
fn torture() {
    let seconds = env::var(SECONDS_VARIABLE).ok().map(|text| text.parse().expect("a number of seconds"));
    let first_seed = fresh_seed();
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds.unwrap_or(DEFAULT_SECONDS));
    announce(&format!("torture: seeds from {first_seed} on (MAILFERRY_SEED={first_seed})"));
    let mut all = recordings().to_vec();
    all.extend(record_all(&LARGER));
    let torture = Torture::default();
    thread::scope(|scope| {
        scope.spawn(|| torture.report_every_minute(began));
        let mut seed = first_seed;
        while Instant::now() < until || torture.kills.load(Ordering::SeqCst) < KILLS {
            match Instant::now() < until {
                true => torture.round(&all, seed, until),
                false => torture.kill(seed, &mut Dice::new(seed)),
            }
            seed += 1;
        }
        torture.over.store(true, Ordering::SeqCst);
    });
    torture.report(began);
    let findings = torture.figures.into_inner().expect("the figures").findings;
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}

//! Which cases are run: each fault at each kind of place, on both sides, and each place that occurs. Places are found by
//! recording straight runs; which scenario and which occurrence show them is the seed's choice.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Instant;

use crate::case::{Case, Verdict, record};
use crate::scenario::{SCENARIOS, Scenario};
use crate::support::dice::Dice;
use crate::support::proxy::fault::{FAULTS, Fault, Strike};
use crate::support::proxy::place::Place;
use crate::support::replay::seed;
use crate::support::sample::sample;

/// Cases at one time: they mostly wait.
const AT_ONCE: usize = 16;

/// Every so many cases the state is lost as well.
const FORGET_EVERY: usize = 5;

/// One place in so many is tried besides, where there is no time for all.
const SHARE: usize = 3;

/// The selection of `make test`, unless another seed is given.
const DEFAULT_SEED: u64 = 1;

/// Whatever the seed: the cases without which a guard could go unnoticed.
const ALWAYS: [&str; 13] = [
    // The tail is looked at before anything is sent again.
    "many destination/before-answer/APPEND#2=cut",
    "single destination/before-answer/APPEND#20=cut",
    "poor destination/before-answer/APPEND#2=cut",
    // One twin is linked, the other was not sent yet.
    "many destination/answer/APPEND#2=kill",
    "many destination/before-answer/APPEND#2=kill forget",
    // What a dead connection had sent lands while we wait for it.
    "many destination/final-line-end/APPEND#2=late",
    // A refused batch was stored all the same.
    "many destination/before-answer/APPEND#2=deny",
    // What goes is sent ahead: killed, cut off or told NO with it on its way, or done and not known to be.
    "mirror destination/command-sent/UID-EXPUNGE#1=kill",
    "mirror destination/before-answer/UID-EXPUNGE#2=cut",
    "mirror destination/before-answer/UID-STORE#2=deny",
    "mirror-cyrus destination/answer/UID-EXPUNGE#1=kill",
    "mirror-cyrus destination/before-answer/UID-EXPUNGE#2=swallow",
    // A failure must be told.
    "flags destination/command/UID-STORE#1=refuse",
];

const CASE_VARIABLE: &str = "MAILFERRY_CASE";

/// The scenario of which all is tried.
const SCENARIO_VARIABLE: &str = "MAILFERRY_SCENARIO";

/// What occurred in the straight run of a scenario, and how often.
pub type Recording = (&'static Scenario, BTreeMap<Place, u32>);

/// The straight runs of [`SCENARIOS`], made once for all tests.
pub fn recordings() -> &'static [Recording] {
    static RECORDINGS: OnceLock<Vec<Recording>> = OnceLock::new();
    RECORDINGS.get_or_init(|| record_all(&SCENARIOS))
}

/// Runs every scenario straight, all at once. Panics if one does not arrive exactly once.
pub fn record_all(scenarios: &'static [Scenario]) -> Vec<Recording> {
    let recordings = thread::scope(|scope| {
        let runs: Vec<_> = scenarios.iter().map(|scenario| (scenario, scope.spawn(|| record(scenario)))).collect();
        runs.into_iter().map(|(scenario, run)| (scenario, run.join().expect("a straight run"))).collect::<Vec<_>>()
    });
    let complain = |(scenario, recording): (&'static Scenario, Result<_, String>)| match recording {
        Ok(seen) => (scenario, seen),
        Err(finding) => panic!("{} without any fault: {finding}", scenario.name),
    };
    recordings.into_iter().map(complain).collect()
}

/// The faults of the matrix. A hook is for tests that have something to do there; a delivery that comes too late has
/// tests of its own.
pub fn faults() -> impl Iterator<Item = Fault> {
    FAULTS.iter().map(|(fault, _)| *fault).filter(|fault| !matches!(fault, Fault::Hook | Fault::TooLate))
}

/// What always is; each fault at each kind of place on each side; and of each place that was not among them, or of a share of these
/// where there is no time for all.
pub fn select(recordings: &[Recording], dice: &mut Dice) -> Vec<Case> {
    let mut kinds = BTreeMap::<_, Vec<(&'static Scenario, &Place, u32)>>::new();
    for (scenario, seen) in recordings {
        for (place, count) in seen {
            for fault in faults().filter(|fault| fault.applies_at(place.moment)) {
                kinds.entry((place.role, place.moment, fault)).or_default().push((scenario, place, *count));
            }
        }
    }
    let mut cases: Vec<Case> = ALWAYS.iter().map(|text| text.parse().expect("a case")).collect();
    let mut covered = BTreeSet::new();
    for ((_, _, fault), candidates) in &kinds {
        let (scenario, place, count) = *dice.pick(candidates);
        covered.insert(place.clone());
        cases.push(case(scenario, place, count, *fault, cases.len(), dice));
    }
    let mut others = Vec::new();
    for (scenario, seen) in recordings {
        for (place, count) in seen {
            if covered.insert(place.clone()) {
                let fitting: Vec<Fault> = faults().filter(|fault| fault.applies_at(place.moment)).collect();
                let fault = *dice.pick(&fitting);
                others.push(case(scenario, place, *count, fault, cases.len() + others.len(), dice));
            }
        }
    }
    cases.extend(sample(others, SHARE));
    cases
}

fn case(scenario: &'static Scenario, place: &Place, count: u32, fault: Fault, number: usize, dice: &mut Dice) -> Case {
    // The last occurrence may not come: how often a place occurs varies a little.
    let occurrence = *dice.pick(&[1, count.div_ceil(2), count.saturating_sub(1).max(1)]);
    let strikes = vec![Strike { place: place.clone(), occurrence, fault }];
    let forget_state = number % FORGET_EVERY == FORGET_EVERY - 1 && !scenario.needs_state;
    Case { scenario, strikes, forget_state }
}

/// What came of many cases.
#[derive(Default)]
pub struct Figures {
    pub cases: usize,
    pub missed: Vec<String>,
    pub lost: usize,
    pub doubled: usize,
    pub altered: usize,
    pub findings: Vec<String>,
}

impl Figures {
    pub fn add(&mut self, case: &Case, verdict: Verdict) {
        self.cases += 1;
        self.lost += verdict.lost;
        self.doubled += verdict.doubled;
        self.altered += verdict.altered;
        if !verdict.struck {
            self.missed.push(case.to_string());
        }
        for finding in verdict.findings {
            let replay = format!("{CASE_VARIABLE}='{case}' cargo test --test faults replay");
            self.findings.push(format!("{case}: {finding}\nto replay it: {replay}\n"));
        }
    }
}

/// Runs cases, many at a time, as long as there is time.
pub fn run_all(cases: &[Case], until: Option<Instant>, figures: &Mutex<Figures>) {
    let queue = Mutex::new(cases.iter());
    let is_over = || until.is_some_and(|until| Instant::now() >= until);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !is_over() {
                    let Some(case) = queue.lock().expect("the queue").next() else { return };
                    let verdict = case.run();
                    if !verdict.findings.is_empty() {
                        announce(&format!("a finding: {case}"));
                    }
                    figures.lock().expect("the figures").add(case, verdict);
                }
            });
        }
    });
}

/// To the terminal, also from a test that succeeds.
pub fn announce(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Large mailboxes go over two connections here. Holds pipeline/transfer/upload.rs invariant 3. Holds pipeline/transfer/upload.rs invariant 4.
/// Holds pipeline/transfer/reconcile.rs invariant 1. Holds disaster rule 7.
#[test]
fn struck_at_every_kind_of_place_with_every_fault_it_arrives_exactly_once() {
    let seed = seed(DEFAULT_SEED);
    let recordings = recordings();
    let cases = select(recordings, &mut Dice::new(seed));
    let figures = Mutex::default();
    run_all(&cases, None, &figures);
    let kinds =
        |of: fn(&Strike) -> String| cases.iter().flat_map(|case| &case.strikes).map(of).collect::<BTreeSet<_>>().len();
    let (places, faults) = (kinds(|strike| strike.place.to_string()), kinds(|strike| strike.fault.to_string()));
    let Figures { cases: count, lost, doubled, altered, findings, missed } = figures.into_inner().expect("the figures");
    announce(&format!(
        "faults: {} scenarios × {places} places × {faults} faults: {count} cases, {lost} lost, {doubled} doubled, \
         {altered} altered (seed {seed}; {} places did not occur again)",
        recordings.len(),
        missed.len(),
    ));
    assert!(findings.is_empty(), "seed {seed}: {} findings\n{}", findings.len(), findings.join("\n"));
    assert!(missed.len() * 10 < count, "too few places occurred again: {missed:#?}");
}

/// Each fault at each place of one scenario; does nothing unless it is told of which.
#[test]
fn scenario_that_is_named_arrives_exactly_once_wherever_it_is_struck() {
    let Ok(name) = env::var(SCENARIO_VARIABLE) else { return };
    let scenario = Scenario::named(&name).unwrap_or_else(|| panic!("{SCENARIO_VARIABLE}: no scenario {name}"));
    let seen = record(scenario).unwrap_or_else(|finding| panic!("{name} without any fault: {finding}"));
    let mut dice = Dice::new(seed(DEFAULT_SEED));
    let mut cases = Vec::new();
    for (place, count) in &seen {
        for fault in faults().filter(|fault| fault.applies_at(place.moment)) {
            cases.push(case(scenario, place, *count, fault, cases.len(), &mut dice));
        }
    }
    let figures = Mutex::default();
    run_all(&cases, None, &figures);
    let Figures { cases, lost, doubled, altered, findings, missed } = figures.into_inner().expect("the figures");
    let missed = missed.len();
    announce(&format!("{name}: {cases} cases, {lost} lost, {doubled} doubled, {altered} altered; {missed} missed"));
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}

/// Replays the case that a failure printed; does nothing unless it is told which.
#[test]
fn replayed_case_arrives_exactly_once() {
    let Ok(text) = env::var(CASE_VARIABLE) else { return };
    let case: Case = text.parse().unwrap_or_else(|reason| panic!("{CASE_VARIABLE}: {reason}"));
    let verdict = case.run();
    announce(&format!("{case}: struck {}", verdict.struck));
    assert!(verdict.findings.is_empty(), "{}", verdict.findings.join("\n"));
}

//! Accounts that live on both sides, in two-way mode, on real servers (`support::both_ways`): users act on either server, the sync that
//! brings it across is struck at a place that the seed chooses, states are lost; and what must hold is that of the model.

use std::collections::BTreeMap;

use crate::both_ways::{TRIED, settings};
use crate::matrix::announce;
use crate::scenario::{Destination, Scenario};
use crate::stage::Stage;
use crate::support::both_ways::history::History;
use crate::support::both_ways::{Home, real};
use crate::support::ferry::Output;
use crate::support::proxy::fault::{Fault, Strike};
use crate::support::proxy::place::{Moment, Place};
use crate::support::replay::SEED_VARIABLE;
use crate::support::sample::{many_or_few, seeds};
use crate::support::server::Server;

const MANY: usize = 8;
const FEW: usize = 2;
const ROUNDS: usize = 6;
const USUAL_SEED: u64 = 16;

/// What waited for another scan is done in the next, and what both users did at once is settled in the one after it.
const SETTLING: usize = 3;

const CHANGES: [&str; 8] =
    ["APPEND", "UID-STORE", "UID-EXPUNGE", "UID-MOVE", "UID-COPY", "CREATE", "RENAME", "SUBSCRIBE"];

/// An account between two real servers, and its users.
struct World {
    name: String,
    stage: Stage,
    history: History,
    /// Which places the last run came to, and how often.
    seen: BTreeMap<Place, u32>,
}

impl World {
    fn new(scenario: &'static Scenario, seed: u64) -> World {
        let mut stage = Stage::set_with_account(scenario, "INBOX");
        stage.ferry = stage.ferry.with_settings(&settings(30));
        let is_cyrus = scenario.destination == Destination::Cyrus;
        let home = |server: &'static dyn Server, keeps_renamed| {
            Box::new(real::Account { server, user: stage.user.clone(), keeps_renamed }) as Box<dyn Home>
        };
        let homes = [home(stage.source(), true), home(stage.destination(), !is_cyrus)];
        let name = format!("{} with {SEED_VARIABLE}={seed}", scenario.name);
        World { name, stage, history: History::new(seed, homes), seen: BTreeMap::new() }
    }

    /// A sync that is struck, if it comes to that place again.
    fn struck_round(&mut self) -> bool {
        self.history.live();
        let strike = self.strike();
        self.history.note(strike.as_ref().map_or("a run".to_owned(), |strike| format!("a run, {strike}")));
        if !self.seen.is_empty() && self.history.dice.below(10) == 0 && self.history.may_forget() {
            self.stage.ferry.run(&["forget", &self.stage.user]).expect(0);
        }
        let mut output = self.run(strike.as_slice());
        if strike.is_some_and(|strike| strike.fault == Fault::Late) {
            // What landed after the run had looked goes with the next.
            self.history.note("a run");
            output = self.run(&[]);
        }
        let is_killed = output.code.is_none();
        assert!(
            is_killed || matches!(output.code, Some(0 | 3 | 4)),
            "{}",
            self.history.told(&self.name, &output.to_string())
        );
        self.history.has_run(output.code == Some(0));
        self.assert_none(self.history.judge(), &output);
        output.code == Some(0)
    }

    fn strike(&mut self) -> Option<Strike> {
        let dice = &mut self.history.dice;
        let fault = *dice.pick(&TRIED);
        let places: Vec<_> = self.seen.iter().filter(|(place, _)| fault.applies_at(place.moment)).collect();
        let (place, count) = *places.get(dice.below(places.len()))?;
        let occurrence = 1 + dice.below(*count as usize) as u32;
        Some(Strike { place: place.clone(), occurrence, fault })
    }

    fn run(&mut self, strikes: &[Strike]) -> Output {
        let output = self.stage.struck_sync(strikes);
        self.seen = self.stage.plan.seen();
        self.stage.plan.disarm();
        self.stage.plan.wait_until_quiet();
        output
    }

    /// When nothing more happens, both sides are equal, and a further run does nothing.
    fn come_to_rest(&mut self) {
        self.history.live();
        for _ in 0..SETTLING {
            self.history.note("a run");
            let output = self.run(&[]);
            self.assert_none(self.history.judge(), &output);
        }
        let output = self.run(&[]);
        let only_marks = self.stage.scenario.masked.contains(&"UIDPLUS");
        self.assert_none(self.history.judge_quiet(only_marks), &output);
        let is_change = |place: &&Place| place.moment == Moment::Command && CHANGES.contains(&place.subject.as_str());
        let changes = self.seen.keys().filter(is_change).map(|place| format!("not at rest: {place}")).collect();
        self.assert_none(changes, &output);
        assert_eq!(output.code, Some(0), "{}", self.history.told(&self.name, &output.to_string()));
    }

    #[track_caller]
    fn assert_none(&self, faults: Vec<String>, output: &Output) {
        assert!(faults.is_empty(), "{}\n{output}", self.history.told(&self.name, &faults.join("\n  ")));
    }
}

fn live_through(scenario: &str) {
    let scenario = Scenario::named(scenario).expect("a scenario");
    let (mut count, mut synced) = (0, 0);
    for seed in seeds(USUAL_SEED) {
        for number in 0..many_or_few(MANY, FEW) as u64 {
            let mut world = World::new(scenario, seed.wrapping_mul(100).wrapping_add(number));
            synced += (0..ROUNDS).filter(|_| world.struck_round()).count();
            world.come_to_rest();
            count += 1;
        }
    }
    announce(&format!("both ways, {}: {count} accounts lived, {synced} of their runs ended well", scenario.name));
    assert!(synced > count, "{synced} runs ended well");
}

#[test]
fn accounts_live_on_two_dovecots() {
    live_through("flags");
}

#[test]
fn accounts_live_on_dovecot_and_cyrus() {
    live_through("cyrus");
}

#[test]
fn accounts_live_on_dovecot_and_a_server_without_uidplus() {
    live_through("poor");
}

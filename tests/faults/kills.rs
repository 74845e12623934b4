//! SIGKILL at random moments of a copy of several thousand messages, which is gone on with each time.

use std::time::{Duration, Instant};

use crate::matrix::announce;
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::dice::Dice;
use crate::support::replay::seed;

const THOUSANDS: &str = "INBOX
    1..1500 bulk \\Seen
    twin
    twin
A
    1..900 small $Label
B/C
    1..600 odd
";

/// A run is killed within this time after its start: one that goes on after a kill copies again only when it has
/// scanned, and looked twice at what may still be on its way.
const LONGEST_MILLISECONDS: usize = 2200;

/// One account is killed at most this often before it is left to come to its end.
const KILLS_PER_ACCOUNT: usize = 12;

/// Kills so many runs, over as many accounts as it takes. Returns how many accounts that were.
pub fn kill_at_random(kills: usize, scenario: &'static Scenario, dice: &mut Dice) -> Result<usize, String> {
    let (mut left, mut accounts) = (kills, 0);
    while left > 0 {
        let killed = kill_one_account(left.min(KILLS_PER_ACCOUNT), scenario, dice)?;
        left -= killed;
        accounts += 1;
    }
    Ok(accounts)
}

fn kill_one_account(kills: usize, scenario: &'static Scenario, dice: &mut Dice) -> Result<usize, String> {
    let stage = Stage::set_with_account(scenario, THOUSANDS);
    let original = stage.original();
    let mut killed = 0;
    while killed < kills {
        let begun = Instant::now();
        let moment = Duration::from_millis(dice.below(LONGEST_MILLISECONDS) as u64);
        let mut running = stage.ferry.start(&["sync"]);
        if !running.wait_until(|| begun.elapsed() >= moment) {
            running.finish();
            break;
        }
        running.kill();
        killed += 1;
    }
    let last = stage.ferry.run(&["sync"]);
    let differences = stage.differences(&original);
    if last.code != Some(0) || !differences.is_empty() {
        return Err(format!("killed {killed} times, and then:\n{differences}\n{last}"));
    }
    let verified = stage.ferry.run(&["verify"]);
    if verified.code != Some(0) {
        return Err(format!("verify does not agree: {verified}"));
    }
    Ok(killed)
}

#[test]
fn killed_at_random_moments_of_a_long_copy_it_arrives_exactly_once() {
    let seed = seed(1);
    let kills = 12;
    let scenario = Scenario::named("many").expect("a scenario");
    let accounts = kill_at_random(kills, scenario, &mut Dice::new(seed)).unwrap_or_else(|finding| panic!("{finding}"));
    announce(&format!(
        "kills: {kills} at random moments of {accounts} copies of 3002 messages, all exact (seed {seed})"
    ));
}

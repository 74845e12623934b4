//! Which cases a property is tried on: first those that failed once, then generated ones from a seed.
//!
//! - `cargo test` takes the same seed every time, so that it says the same every time. `MAILFERRY_SEED` takes another.
//! - With `PROPERTY_ROUNDS` (`make torture`) the seed is a fresh one, and there are so many times as many cases. One that
//!   fails is appended to the regressions, `tests/regressions/BINARY.txt`: every run of that binary begins with these.
//! - A failure prints the line that replays it.
//!
//! A regression is the seed of one generated case. When a strategy changes it makes another case of it: what a failure
//! taught belongs into a table besides.

use std::any::Any;
use std::env;
use std::fmt::Debug;
use std::thread;

use proptest::test_runner::{Config, FailurePersistence, FileFailurePersistence, PersistedSeed, RngAlgorithm, RngSeed};

use super::replay::{SEED_VARIABLE, fresh_seed, seed};

/// The environment variable that asks for fresh seeds, and so many times as many cases.
pub const ROUNDS_VARIABLE: &str = "PROPERTY_ROUNDS";
const USUAL_SEED: u64 = 1;

const BINARY: &str = env!("CARGO_CRATE_NAME");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/regressions/", env!("CARGO_CRATE_NAME"), ".txt");

/// So many times as many cases as usual are asked for.
pub fn rounds() -> Option<u32> {
    let rounds = env::var(ROUNDS_VARIABLE).ok();
    rounds.map(|text| text.parse().unwrap_or_else(|_| panic!("{ROUNDS_VARIABLE}={text} is no number")))
}

/// For `proptest!`: so many cases, and those that failed once.
pub fn cases(cases: u32) -> Config {
    let rounds = rounds();
    let seed = if rounds.is_some() { fresh_seed() } else { seed(USUAL_SEED) };
    configured(cases, Regressions { file: FILE, seed, rounds })
}

/// Like [`cases`], with the regressions at another place.
pub fn configured(cases: u32, regressions: Regressions) -> Config {
    Config {
        cases: cases.saturating_mul(regressions.rounds.unwrap_or(1)),
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(regressions.seed),
        failure_persistence: Some(Box::new(regressions)),
        ..Config::default()
    }
}

/// The cases that failed once, and where the others come from.
#[derive(Clone, PartialEq, Debug)]
pub struct Regressions {
    pub file: &'static str,
    pub seed: u64,
    /// So many times as many cases as usual, and what fails is kept; `None`: as usual, and nothing is kept.
    pub rounds: Option<u32>,
}

/// What runs the property of this thread: libtest names it after the test, unless there is one thread for all.
fn command() -> String {
    let current = thread::current();
    let property = current.name().filter(|name| *name != "main").unwrap_or_default();
    format!("cargo test --locked --test {BINARY} {property}")
}

impl Regressions {
    /// The line that tries the same cases again.
    pub fn replay(&self) -> String {
        let rounds = self.rounds.map(|rounds| format!("{ROUNDS_VARIABLE}={rounds} ")).unwrap_or_default();
        format!("{rounds}{SEED_VARIABLE}={} {}", self.seed, command())
    }
}

impl FailurePersistence for Regressions {
    fn load_persisted_failures2(&self, source_file: Option<&'static str>) -> Vec<PersistedSeed> {
        FileFailurePersistence::Direct(self.file).load_persisted_failures2(source_file)
    }

    fn save_persisted_failure2(
        &mut self,
        source_file: Option<&'static str>,
        seed: PersistedSeed,
        shrunken_value: &dyn Debug,
    ) {
        println!("to replay all cases: {}", self.replay());
        if self.rounds.is_some() {
            FileFailurePersistence::Direct(self.file).save_persisted_failure2(source_file, seed, shrunken_value);
            println!("to replay this case, once it is in {}: {}", self.file, command());
        }
    }

    fn box_clone(&self) -> Box<dyn FailurePersistence> {
        Box::new(self.clone())
    }

    fn eq(&self, other: &dyn FailurePersistence) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

//! The seed of a run, which the environment may set to replay it.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// The environment variable that replays a run.
pub const SEED_VARIABLE: &str = "MAILFERRY_SEED";

/// The seed from the environment, else `default`.
pub fn seed(default: u64) -> u64 {
    let given = env::var(SEED_VARIABLE).ok();
    given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE}={text} is no number")))
}

/// A seed that nobody chose.
pub fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    seed(since.as_secs())
}

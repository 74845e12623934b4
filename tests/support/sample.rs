//! How many of the cases of a kind are tried: all of them where somebody takes the time (`make torture`, or who replays a seed), and
//! in `make test` a share, the same each time, that is spread over all.

use std::env;

use super::property::{ROUNDS_VARIABLE, rounds};
use super::replay::{SEED_VARIABLE, fresh_seed, seed};

/// Says that all cases are tried; so does what asks for other seeds than the usual ones.
pub const ALL_VARIABLE: &str = "MAILFERRY_ALL_CASES";

/// Whether all cases are tried.
pub fn is_all_tried() -> bool {
    [ALL_VARIABLE, ROUNDS_VARIABLE, SEED_VARIABLE].iter().any(|variable| env::var_os(variable).is_some())
}

/// One case in so many, the first among them; or all.
pub fn sample<T>(cases: impl IntoIterator<Item = T>, one_in: usize) -> Vec<T> {
    cases.into_iter().step_by(if is_all_tried() { 1 } else { one_in }).collect()
}

/// So many, or so few.
pub fn many_or_few(many: usize, few: usize) -> usize {
    if is_all_tried() { many } else { few }
}

/// The seeds of what takes many cases at once: one as a rule, a fresh one for ten rounds that are asked for.
pub fn seeds(usual: u64) -> Vec<u64> {
    let Some(rounds) = rounds() else { return vec![seed(usual)] };
    let first = fresh_seed();
    (0..u64::from(rounds.div_ceil(10))).map(|round| first.wrapping_add(round)).collect()
}

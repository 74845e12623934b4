//! Who reads a state beside a run: it is read where it is free, and the run is asked where it is not. When a run has just
//! ended its work nobody answers, and the state is not free yet: that passes.

use crate::error::{Error, Kind, Result};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than a run takes from the end of its work to its own end, or to the rest between two rounds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Tries until the state is free or somebody answers, for a while. `attempt` fails with `Locked` where neither is so.
///
/// # Errors
/// What `attempt` gives.
pub fn patiently<T>(attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    tried(attempt, || {
        thread::sleep(PAUSE);
        Instant::now() < until
    })
}

fn tried<T>(mut attempt: impl FnMut() -> Result<T>, mut waits: impl FnMut() -> bool) -> Result<T> {
    let is_locked = |error: &Error| *error.kind() == Kind::Locked;
    loop {
        match attempt() {
            Err(error) if is_locked(&error) && waits() => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_that_nobody_answers_for_is_tried_again_as_long_as_it_is_waited() {
        let mut tries = 0;
        let mut locked_twice = || {
            tries += 1;
            if tries > 2 { Ok(tries) } else { Err(Error::new(Kind::Locked, "somebody holds it")) }
        };
        assert_eq!(tried(&mut locked_twice, || true).ok(), Some(3));
        let locked = || Err::<(), _>(Error::new(Kind::Locked, "somebody holds it"));
        let mut waits = [true, false].into_iter();
        assert_eq!(tried(locked, || waits.next() == Some(true)).err().map(|it| it.kind().clone()), Some(Kind::Locked));
        let broken = || Err::<(), _>(Error::new(Kind::State, "it cannot be read"));
        assert!(tried(broken, || unreachable!("nothing passes")).is_err());
    }
}

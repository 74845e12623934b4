//! One server that does not answer: the whole fleet waits for it together.
//!
//! A server that is restarted is nobody's failure. Whoever finds it away begins a wait that all share, and that grows;
//! whoever wants to connect meanwhile waits, too, and one of them tries when it is over. Nobody fails before the tries
//! and the time of [`Patience`] are used up. Then all fail at once, and whoever comes later is told so without a wait,
//! while from time to time one looks whether the server is back.
//!
//! A server that never answered in this run is given two tries: a wrong host name should be told soon.

use crate::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The first wait; it doubles up to the longest, which is what a server that is back may be left idle.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Tries to reach a server that never answered in this run.
pub const FIRST_TRIES: u32 = 2;

/// How long a server that answered before in this run is waited for: until both are used up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub tries: u32,
    pub time: Duration,
}

/// What is known of one server's absence.
#[derive(Default)]
pub struct Outage(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// It answered in this run.
    answered: bool,
    away: Option<Away>,
    /// How often it went away.
    count: u64,
}

struct Away {
    since: Instant,
    tries: u32,
    /// When the next one may try.
    next: Instant,
    wait: Duration,
    trying: bool,
    /// Why nobody waits any more.
    given_up: Option<Error>,
}

/// What whoever wants to connect may do.
#[derive(Clone, PartialEq, Debug)]
pub enum Admission {
    /// Connect, and tell how that went.
    Granted(Attempt),
    /// Ask again later.
    Wait,
    Refused(Error),
}

/// Whose attempt it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "all wait until it is told how the attempt went"]
pub enum Attempt {
    Ordinary,
    /// The one for which the others wait.
    ForAll,
}

/// What comes of an attempt that failed.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// There is another one, after so long where this attempt began the wait.
    Wait(Option<Duration>),
    GivenUp,
}

impl Outage {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to connect now.
    pub fn admit(&self) -> Admission {
        let mut known = self.known();
        let Some(away) = known.away.as_mut() else { return Admission::Granted(Attempt::Ordinary) };
        if !away.trying && Instant::now() >= away.next {
            away.trying = true;
            return Admission::Granted(Attempt::ForAll);
        }
        away.given_up.clone().map_or(Admission::Wait, Admission::Refused)
    }

    /// Whether the server is away, as far as is known.
    pub fn is_on(&self) -> bool {
        self.known().away.is_some()
    }

    /// How often it went away.
    pub fn count(&self) -> u64 {
        self.known().count
    }

    /// Whether the server answered in this run.
    pub fn has_answered(&self) -> bool {
        self.known().answered
    }

    /// Whether the server went away in this run, for however long.
    pub fn went_away(&self) -> bool {
        self.known().count > 0
    }

    /// The server answered, whatever it said.
    pub fn note_answer(&self) {
        let mut known = self.known();
        (known.answered, known.away) = (true, None);
    }

    /// The attempt came to nothing for another reason than the server.
    pub fn note_untried(&self, attempt: Attempt) {
        if let (Attempt::ForAll, Some(away)) = (attempt, self.known().away.as_mut()) {
            away.trying = false;
        }
    }

    /// The server did not answer.
    pub fn note_silence(&self, attempt: Attempt, error: &Error, patience: Patience) -> Verdict {
        let mut known = self.known();
        let answered = known.answered;
        let away = match (attempt, known.away.take()) {
            // Another found it out while this attempt was under way.
            (Attempt::Ordinary, Some(away)) => {
                let given_up = away.given_up.is_some();
                known.away = Some(away);
                return if given_up { Verdict::GivenUp } else { Verdict::Wait(None) };
            }
            (Attempt::ForAll, Some(away)) => away,
            (_, None) => {
                known.count += 1;
                Away::begin()
            }
        };
        let away = known.away.insert(away.tried());
        let used_up = match answered {
            true => away.tries > patience.tries && away.since.elapsed() >= patience.time,
            false => away.tries >= FIRST_TRIES,
        };
        if used_up || away.given_up.is_some() {
            away.given_up = Some(error.clone());
            return Verdict::GivenUp;
        }
        Verdict::Wait(Some(away.next.saturating_duration_since(Instant::now())))
    }

    /// It is waited for once more, as if it had just gone.
    pub fn begin_anew(&self) {
        if let Some(away) = self.known().away.as_mut() {
            *away = Away::begin();
        }
    }
}

impl Away {
    fn begin() -> Away {
        let now = Instant::now();
        Away { since: now, tries: 0, next: now, wait: FIRST_WAIT, trying: false, given_up: None }
    }

    fn tried(self) -> Away {
        let next = Instant::now() + jittered(self.wait);
        let wait = (self.wait * 2).min(LONGEST_WAIT);
        Away { tries: self.tries + 1, next, wait, trying: false, ..self }
    }
}

/// Between half of it and the whole, so that a fleet of processes does not come back all at once.
pub fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().hash_one(0u8) % 1000;
    wait / 2 + wait * u32::try_from(random).unwrap_or(0) / 2000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const NONE: Patience = Patience { tries: 0, time: Duration::ZERO };
    const LONG: Patience = Patience { tries: 3, time: Duration::from_secs(3600) };

    fn silence() -> Error {
        Error::new(Kind::Unreachable, "could not connect")
    }

    /// As if the wait was over.
    fn end_the_wait(outage: &Outage) {
        outage.known().away.as_mut().expect("a wait").next = Instant::now();
    }

    #[test]
    fn one_tries_for_all_and_the_others_wait() {
        let outage = Outage::default();
        outage.note_answer();
        assert!(matches!(outage.note_silence(Attempt::Ordinary, &silence(), LONG), Verdict::Wait(Some(_))));
        assert_eq!(outage.note_silence(Attempt::Ordinary, &silence(), LONG), Verdict::Wait(None));
        assert_eq!(outage.admit(), Admission::Wait);
        end_the_wait(&outage);
        assert_eq!(outage.admit(), Admission::Granted(Attempt::ForAll));
        assert_eq!(outage.admit(), Admission::Wait);
        outage.note_answer();
        assert_eq!(outage.admit(), Admission::Granted(Attempt::Ordinary));
    }

    #[test]
    fn nobody_fails_before_tries_and_time_are_used_up() {
        let outage = Outage::default();
        outage.note_answer();
        let _ = outage.note_silence(Attempt::Ordinary, &silence(), LONG);
        for _ in 0..20 {
            assert!(matches!(outage.note_silence(Attempt::ForAll, &silence(), LONG), Verdict::Wait(Some(_))));
        }
        let out_of_time = Patience { time: Duration::ZERO, ..LONG };
        assert_eq!(outage.note_silence(Attempt::ForAll, &silence(), out_of_time), Verdict::GivenUp);
        assert_eq!(outage.admit(), Admission::Refused(silence()));
        outage.begin_anew();
        assert_eq!(outage.admit(), Admission::Granted(Attempt::ForAll));
    }

    #[test]
    fn server_that_never_answered_is_given_up_soon() {
        let outage = Outage::default();
        assert!(matches!(outage.note_silence(Attempt::Ordinary, &silence(), LONG), Verdict::Wait(Some(_))));
        assert_eq!(outage.note_silence(Attempt::ForAll, &silence(), LONG), Verdict::GivenUp);
        let outage = Outage::default();
        outage.note_answer();
        assert_eq!(outage.note_silence(Attempt::Ordinary, &silence(), NONE), Verdict::GivenUp);
    }
}

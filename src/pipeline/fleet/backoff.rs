//! How long is waited before a connection that broke is opened again, or a server that is busy is asked again.

use super::outage::jittered;
use crate::error::{Error, Kind, Result, Scope};
use std::time::{Duration, Instant};

/// The first wait before a broken connection is opened again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait that a server may ask for; beyond it the account is given up for this run.
const LONGEST_ASKED: Duration = Duration::from_secs(15 * 60);

/// Ever longer waits with jitter, so that a fleet does not come back all at once.
pub struct Backoff {
    next: Duration,
}

/// Sessions in a row that may end with their tokens before anything is done on them; further ones count as broken.
const RENEWALS: u32 = 3;

/// A session that lasted so long was of use.
const OF_USE: Duration = Duration::from_secs(60);

/// Sessions that ended with their tokens: that is no fault, and what was on them goes on with new ones at once.
#[derive(Default)]
pub struct Renewals {
    in_a_row: u32,
    last: Option<Instant>,
}

impl Renewals {
    /// Whether the session ended so, and is followed by another without a wait.
    pub fn grant(&mut self, error: &Error) -> bool {
        if self.last.is_none_or(|last| last.elapsed() >= OF_USE) {
            self.forget();
        }
        if *error.kind() != Kind::Expired || self.in_a_row >= RENEWALS {
            return false;
        }
        (self.in_a_row, self.last) = (self.in_a_row + 1, Some(Instant::now()));
        tracing::info!("{}; a new one follows", error.summary());
        true
    }

    /// Something was done since.
    pub fn forget(&mut self) {
        self.in_a_row = 0;
    }
}

impl Backoff {
    /// Starts with the shortest wait.
    pub fn new() -> Self {
        Backoff { next: FIRST_WAIT }
    }

    /// How long to wait after that error: as long as the server asked for, if it named a time.
    ///
    /// # Errors
    /// `Throttled` when the server asks for more than [`LONGEST_ASKED`].
    pub fn next_wait(&mut self, error: &Error) -> Result<Duration> {
        match error.kind() {
            Kind::Throttled(Some(asked)) if *asked > LONGEST_ASKED => return Err(too_long(*asked, error)),
            Kind::Throttled(Some(asked)) => return Ok(*asked),
            _ => {}
        }
        let wait = jittered(self.next);
        self.next = (self.next * 2).min(LONGEST_WAIT);
        Ok(wait)
    }
}

/// Others wait for a connection meanwhile, and a night is over soon.
fn too_long(asked: Duration, error: &Error) -> Error {
    let (asked, longest) = (asked.as_secs().div_ceil(60), LONGEST_ASKED.as_secs() / 60);
    let what = format!("the server asks to wait {asked} minutes, and no wait is longer than {longest}");
    let given_up = Error::new(error.kind().clone(), what).scope(Scope::Account).because(error.summary());
    let given_up = match (error.place().side, &error.place().server) {
        (Some(side), Some(server)) => given_up.on(side, server),
        _ => given_up,
    };
    given_up.hint("run the same command again later: it goes on where it stopped")
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;

    fn throttled(asked: Option<Duration>) -> Error {
        Error::new(Kind::Throttled(asked), "could not append").on(Side::Destination, "mail.example.org")
    }

    #[test]
    fn next_wait_is_as_the_server_asks_up_to_a_cap() {
        let mut backoff = Backoff::new();
        for asked in [Duration::ZERO, Duration::from_millis(299_961), LONGEST_ASKED] {
            assert_eq!(backoff.next_wait(&throttled(Some(asked))), Ok(asked));
        }
        for asked in [LONGEST_ASKED + Duration::from_millis(1), Duration::from_millis(u64::MAX)] {
            let error = backoff.next_wait(&throttled(Some(asked))).expect_err("too long");
            assert_eq!((error.reach(), error.place().server.as_deref()), (Scope::Account, Some("mail.example.org")));
        }
    }

    #[test]
    fn next_wait_doubles_up_to_a_minute_where_no_time_is_named() {
        let mut backoff = Backoff::new();
        let waits: Vec<Duration> = (0..9).map(|_| backoff.next_wait(&throttled(None)).expect("a wait")).collect();
        assert!(waits[0] <= FIRST_WAIT && waits[8] >= LONGEST_WAIT / 2 && waits[8] <= LONGEST_WAIT, "{waits:?}");
    }
}

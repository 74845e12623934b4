//! The tokens of one server's logins: each asked for once, however many wait for it, kept as long as it serves, and
//! fetched anew ahead of its end.
//!
//! A token is good from the moment when it was asked for until `expires_in` later; nobody relies on its last part.

use super::endpoint::Endpoint;
use super::flow;
use crate::error::{Error, Result, Scope};
use crate::model::Secret;
use crate::model::oauth::{Flow, OAuth};
use crate::model::secret::Credentials;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long before its end a token is fetched anew, if it lives for hours; a quarter of its life, if it lives for less.
const AHEAD: Duration = Duration::from_secs(600);
const PART_OF_LIFE: u32 = 4;

/// A session that a provider ends with its token is given up so long before, where nothing is under way on it; or that part of its
/// token's life before.
const BEFORE_SESSION_END: Duration = Duration::from_secs(120);

/// A token that is refused is fetched anew once in that time: what it is refused for may be no matter of the token. And so
/// long an endpoint's refusal of all holds: a fleet does not hammer at it, and a watch that goes on for days finds it mended.
const DOUBT: Duration = Duration::from_secs(300);

/// The tokens of one server. Cheap to clone.
#[derive(Clone)]
pub struct Jar(Arc<Inner>);

struct Inner {
    oauth: OAuth,
    endpoint: Endpoint,
    /// By user; what opens all accounts under [`ALL`].
    slots: Mutex<HashMap<String, Arc<Mutex<Slot>>>>,
}

/// No user has this name.
const ALL: &str = "";

/// Held while its token is fetched: who needs the same waits.
#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    doubted: Option<Instant>,
    /// What every account would be told, and since when: for a while it is not asked for again.
    refused: Option<(Instant, Error)>,
}

struct Kept {
    secret: Secret,
    asked: Instant,
    ends: Option<Instant>,
}

/// A token for a login.
pub struct Token {
    pub secret: Secret,
    /// When it was asked for, and when it ends, where that is known.
    life: Option<(Instant, Instant)>,
    /// Whether it was fetched before, for another login.
    pub is_kept: bool,
}

impl Token {
    /// When it ends, where that is known.
    pub fn ends(&self) -> Option<Instant> {
        self.life.map(|(_, ends)| ends)
    }

    /// When a session that ends with it is better given up.
    pub fn session_ends(&self) -> Option<Instant> {
        let (asked, ends) = self.life?;
        ends.checked_sub(spare(BEFORE_SESSION_END, asked, ends))
    }
}

impl Jar {
    /// None yet.
    ///
    /// # Errors
    /// Those of [`Endpoint::new`].
    pub fn new(oauth: &OAuth) -> Result<Jar> {
        let (endpoint, slots) = (Endpoint::new(oauth)?, Mutex::default());
        Ok(Jar(Arc::new(Inner { oauth: oauth.clone(), endpoint, slots })))
    }

    /// A token to open `user`'s mailboxes with.
    ///
    /// # Errors
    /// Those of [`flow::token`].
    pub fn token(&self, user: &str, credentials: &dyn Credentials) -> Result<Token> {
        let slot = self.slot(user);
        let mut slot = lock(&slot);
        if let Some((_, refused)) = slot.refused.as_ref().filter(|(since, _)| since.elapsed() < DOUBT) {
            return Err(refused.clone());
        }
        if let Some(kept) = slot.kept.as_ref().filter(|kept| kept.serves(Instant::now())) {
            let life = kept.ends.map(|ends| (kept.asked, ends));
            return Ok(Token { secret: kept.secret.clone(), life, is_kept: true });
        }
        let asked = Instant::now();
        let granted = flow::token(&self.0.oauth, &self.0.endpoint, user, credentials).inspect_err(|error| {
            if error.reach() == Scope::Run && !error.is_transient() {
                slot.refused = Some((Instant::now(), error.clone()));
            }
        })?;
        let ends = granted.expires_in.and_then(|life| asked.checked_add(life));
        // What a command prints or a file holds without saying how long is read again each time.
        let lasts = ends.is_some() || !matches!(self.0.oauth.flow, Flow::Command | Flow::File);
        slot.kept = lasts.then(|| Kept { secret: granted.access_token.clone(), asked, ends });
        Ok(Token { secret: granted.access_token, life: ends.map(|ends| (asked, ends)), is_kept: false })
    }

    /// A kept token was refused. Whether it is worth a try with a new one.
    pub fn doubt(&self, user: &str) -> bool {
        let slot = self.slot(user);
        let mut slot = lock(&slot);
        if slot.doubted.is_some_and(|since| since.elapsed() < DOUBT) {
            return false;
        }
        (slot.kept, slot.doubted) = (None, Some(Instant::now()));
        true
    }

    /// The server ended a session because its token had ended, whatever we were told of its life.
    pub fn note_end(&self, user: &str, ended: &Secret) {
        let slot = self.slot(user);
        let mut slot = lock(&slot);
        if slot.kept.as_ref().is_some_and(|kept| kept.secret.expose() == ended.expose()) {
            slot.kept = None;
        }
    }

    fn slot(&self, user: &str) -> Arc<Mutex<Slot>> {
        let key = if self.0.oauth.is_shared() { ALL } else { user };
        Arc::clone(lock(&self.0.slots).entry(key.to_owned()).or_default())
    }
}

impl Kept {
    fn serves(&self, now: Instant) -> bool {
        let Some(ends) = self.ends else { return true };
        now + spare(AHEAD, self.asked, ends) < ends
    }
}

/// How long before its end a token is no longer relied on.
fn spare(usual: Duration, asked: Instant, ends: Instant) -> Duration {
    usual.min(ends.saturating_duration_since(asked) / PART_OF_LIFE)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_token_serves_until_a_part_of_its_life_is_left() {
        let asked = Instant::now();
        let serves = |life: u64, after: u64| {
            let ends = Some(asked + Duration::from_secs(life));
            Kept { secret: Secret::new("t".to_owned()), asked, ends }.serves(asked + Duration::from_secs(after))
        };
        assert!(serves(3600, 2999) && !serves(3600, 3000));
        assert!(serves(20, 14) && !serves(20, 15));
        assert!(!serves(0, 0));
    }

    /// Else each session would be given up at once whose token lives for less than two minutes.
    #[test]
    fn session_is_given_up_ahead_of_its_tokens_end_and_not_before_its_beginning() {
        let asked = Instant::now();
        let after = |life: u64| {
            let life = Some((asked, asked + Duration::from_secs(life)));
            let token = Token { secret: Secret::new("t".to_owned()), life, is_kept: true };
            token.session_ends().map(|ends| ends.duration_since(asked).as_secs())
        };
        assert_eq!((after(3600), after(20)), (Some(3480), Some(15)));
    }
}

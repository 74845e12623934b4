//! The same question about each of many things, several on their way at one time; what breaks the connection again and again
//! is found by going one by one, and given up alone.

use super::access::Access;
use super::backoff::{Backoff, Renewals};
use crate::engine::Session;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::Side;
use std::collections::VecDeque;

/// Tries of one thing by itself, after which it is given up: the first break may have been the server's own.
const TRIES: u32 = 2;

/// Things to ask about, and how far that came.
struct Trial<'a, T, R> {
    items: &'a [T],
    answers: Vec<Result<R>>,
    /// Which of several broke the connection is not known: they go one by one.
    is_careful: bool,
    tries: u32,
}

impl Access<'_> {
    /// Asks about each of these, at most `most` at one time; the answers come in their order. What the connection breaks on,
    /// or what the server is not ready to do, is an error in its place when it was tried [`TRIES`] times alone.
    ///
    /// # Errors
    /// What makes going on impossible: no connection, the user's wish to stop.
    pub fn ask_each<T, P, R>(
        &self,
        side: Side,
        items: &[T],
        most: usize,
        mut send: impl FnMut(&mut Session, &T) -> Result<P>,
        mut finish: impl FnMut(&mut Session, &T, P) -> Result<R>,
    ) -> Result<Vec<Result<R>>> {
        let mut trial = Trial { items, answers: Vec::with_capacity(items.len()), is_careful: false, tries: 0 };
        let (mut backoff, mut renewals) = (Backoff::new(), Renewals::default());
        while trial.answers.len() < items.len() {
            let mut session = self.session(side)?;
            let before = trial.answers.len();
            let asked = trial.ask_all(&mut session, most, &mut send, &mut finish);
            self.give_back(side, session);
            let Err(error) = asked else { break };
            if !error.breaks_connection() {
                return Err(error);
            }
            if trial.answers.len() > before {
                backoff = Backoff::new();
                renewals.forget();
            }
            if renewals.grant(&error) {
                continue;
            }
            if !trial.give_up(&error) {
                self.notice(&format!("{}; trying again, one by one", error.summary()));
                self.before_reconnect(&mut backoff, &error)?;
            }
        }
        Ok(trial.answers)
    }
}

impl Access<'_> {
    /// As [`Access::ask_each`], for one thing: what it breaks on is given up, and not the account.
    ///
    /// # Errors
    /// `Refused` where it was given up; what `work` gives; what makes going on impossible.
    pub fn ask_one<R>(&self, side: Side, mut work: impl FnMut(&mut Session) -> Result<R>) -> Result<R> {
        let mut answers = self.ask_each(side, &[()], 1, |_, ()| Ok(()), |session, (), ()| work(session))?;
        let given_up = || Error::new(Kind::Connection, "the server gave no answer");
        answers.pop().unwrap_or_else(|| Err(given_up())).map_err(|error| match error.kind() {
            Kind::Refused => error.scope(Scope::Mailbox),
            _ => error,
        })
    }
}

impl<T, R> Trial<'_, T, R> {
    fn ask_all<P>(
        &mut self,
        session: &mut Session,
        most: usize,
        send: &mut impl FnMut(&mut Session, &T) -> Result<P>,
        finish: &mut impl FnMut(&mut Session, &T, P) -> Result<R>,
    ) -> Result<()> {
        while self.answers.len() < self.items.len() {
            let most = if self.is_careful { 1 } else { most };
            let mut pending = VecDeque::new();
            for item in self.items.iter().skip(self.answers.len()).take(most) {
                pending.push_back((item, send(session, item)?));
            }
            for (item, sent) in pending {
                match finish(session, item, sent) {
                    Err(error) if !session.is_alive() || error.is_transient() => return Err(error),
                    answer => self.answers.push(answer),
                }
                self.tries = 0;
            }
        }
        Ok(())
    }

    /// Whether the thing that was in hand is given up.
    fn give_up(&mut self, error: &Error) -> bool {
        if !self.is_careful {
            self.is_careful = true;
            return false;
        }
        self.tries += 1;
        let is_over = self.tries >= TRIES;
        if is_over {
            // The thing is what was refused, and not the connection: nobody is to try it again at once.
            self.answers.push(Err(error.clone().recast(Kind::Refused)));
            (self.is_careful, self.tries) = (false, 0);
        }
        is_over
    }
}

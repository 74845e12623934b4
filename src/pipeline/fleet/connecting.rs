//! Where the sessions of an account come from: the budget of the server, patience with one that is away, and a new
//! connection for one that broke.

use super::access::Access;
use super::backoff::{Backoff, Renewals};
use super::outage::{Admission, Attempt, FIRST_TRIES, Patience, Verdict};
use crate::engine::Session;
use crate::engine::login::connect::Common;
use crate::error::{Error, Kind, Result};
use crate::model::secret::Purse;
use crate::model::server::Address;
use crate::model::{Account, Labels, Side};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// How often a wait looks whether the user asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// How long the budget is waited for before what is idle is looked at again.
const WAIT_FOR_BUDGET: Duration = Duration::from_millis(200);

impl Access<'_> {
    /// A session for another account of the run, if it can be had.
    pub fn session_as(&self, other: &Account, side: Side, patience: Duration) -> Option<Session> {
        let purse = Purse { passwords: &*self.migration.passwords, account: other, side };
        self.connector(side).connect(other.user(side), &purse, &Common::default(), patience).ok().flatten()
    }

    /// A session on that side: an idle one, or a new one. Transient failures are tried again; a server that is away is
    /// waited for together with all other accounts.
    ///
    /// # Errors
    /// What [`crate::engine::Connector::connect`] gives, `Interrupted` when the user asked to stop meanwhile.
    pub fn session(&self, side: Side) -> Result<Session> {
        self.pass_on_news();
        let outage = self.outage(side);
        let mut backoff = Backoff::new();
        let mut tried = 0;
        loop {
            if let Some(session) = self.idle_session(side) {
                return Ok(session);
            }
            let attempt = self.await_server(side)?;
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let connected = self.connect(side);
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match connected {
                Err(error) if *error.kind() == Kind::Unreachable => self.note_silence(side, attempt, error)?,
                Err(error) => {
                    if self.answered(side, &error) {
                        outage.note_answer()
                    } else {
                        outage.note_untried(attempt)
                    }
                    tried += 1;
                    if !error.is_transient() || self.yielded() || tried >= self.tries(side) {
                        return Err(error);
                    }
                    self.notice(&format!("{}; trying again", error.summary()));
                    self.pause(backoff.next_wait(&error)?)?;
                }
                Ok(session) => {
                    // It may be one that became idle meanwhile, which says nothing of the server.
                    outage.note_untried(attempt);
                    return Ok(session);
                }
            }
        }
    }

    /// A tunnel that never came to anything is no more than a wrong command.
    fn tries(&self, side: Side) -> u32 {
        let answered = self.outage(side).has_answered();
        if answered { self.connector(side).server().retries + 1 } else { FIRST_TRIES }
    }

    /// Whether a server said that: it is there, whatever the answer. Of a tunnel that breaks nobody knows who ended it.
    fn answered(&self, side: Side, error: &Error) -> bool {
        let is_tunnel = matches!(self.connector(side).server().address, Address::Tunnel(_));
        match error.kind() {
            Kind::Connection => !is_tunnel,
            Kind::Throttled(_) | Kind::Expired | Kind::Authentication | Kind::Authorization | Kind::Protocol => true,
            _ => false,
        }
    }

    /// Waits while the server is away, unless it is this account's turn to look.
    fn await_server(&self, side: Side) -> Result<Attempt> {
        loop {
            match self.outage(side).admit() {
                Admission::Granted(attempt) => return Ok(attempt),
                Admission::Refused(error) => return Err(error),
                Admission::Wait => self.pause(STOP_INTERVAL)?,
            }
        }
    }

    /// The server did not answer: all wait, or all have waited long enough.
    fn note_silence(&self, side: Side, attempt: Attempt, error: Error) -> Result<()> {
        let (outage, server) = (self.outage(side), self.connector(side).server());
        let error = match outage.has_answered() {
            true => error.advise("it answered before in this run: when it is back, run the same command again"),
            false => error,
        };
        let patience = Patience { tries: server.retries, time: server.timeouts.slow };
        match outage.note_silence(attempt, &error, patience) {
            Verdict::GivenUp => Err(error),
            Verdict::Wait(wait) => {
                if let Some(wait) = wait {
                    let seconds = wait.as_secs_f64().ceil();
                    self.notice(&format!(
                        "{}; all wait {seconds} s for the {side} {}",
                        error.summary(),
                        server.label()
                    ));
                }
                Ok(())
            }
        }
    }

    /// A new session, or one that became idle while the budget had none to give. Who waits holds nothing that is idle:
    /// else two accounts could wait for each other for ever. Where the server grants fewer connections than there are
    /// accounts at work, who has none gives its turn up.
    fn connect(&self, side: Side) -> Result<Session> {
        loop {
            match self.connect_within(side, WAIT_FOR_BUDGET) {
                Ok(None) => {}
                Ok(Some(session)) => {
                    self.outage(side).note_answer();
                    self.fleet.note_success(self.account.server(side));
                    return Ok(session);
                }
                Err(error) => {
                    if *error.kind() == Kind::Authentication {
                        self.fleet.note_refusal(self.migration, side, self.account, &error)?;
                    }
                    return Err(error);
                }
            }
            if let Some(session) = self.idle_session(side) {
                return Ok(session);
            }
            self.close();
            self.go_on()?;
            if self.gauge.connections(side).open() == 0
                && self.fleet.queue.is_crowded(self.account.server(side), &self.migration.servers)
            {
                self.yielded.store(true, Ordering::Relaxed);
                return Err(Error::new(
                    Kind::Throttled(None),
                    "the server grants no connection before others are done",
                ));
            }
        }
    }

    fn connect_within(&self, side: Side, patience: Duration) -> Result<Option<Session>> {
        let purse = Purse { passwords: &*self.migration.passwords, account: self.account, side };
        let (user, common) = (self.account.user(side), self.gauge.connections(side));
        let mut session = self.connector(side).connect(user, &purse, common, patience)?;
        if side == Side::Source && self.account.policy.mailboxes.labels == Labels::AllMail {
            session.iter_mut().for_each(Session::count_labels);
        }
        Ok(session)
    }

    /// One more session, if the server's budget has a connection to spare. That it cannot be had is no failure.
    pub fn spare_session(&self, side: Side) -> Option<Session> {
        if let Some(session) = self.idle_session(side) {
            return Some(session);
        }
        if self.outage(side).is_on() {
            return None;
        }
        self.connect_within(side, Duration::ZERO).ok().flatten()
    }

    /// Waits before a connection that broke is opened again.
    ///
    /// # Errors
    /// `Interrupted` when the user asked to stop.
    pub fn before_reconnect(&self, backoff: &mut Backoff, error: &Error) -> Result<()> {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
        self.pause(backoff.next_wait(error)?)
    }

    /// Runs `work` on a session of that side, on a new one again while it breaks.
    ///
    /// # Errors
    /// What `work` gives last.
    pub fn with_session<T>(&self, side: Side, mut work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
        let retries = self.connector(side).server().retries;
        let mut backoff = Backoff::new();
        let (mut tried, mut renewals) = (0, Renewals::default());
        loop {
            let mut session = self.session(side)?;
            let before = self.suspects.count();
            let result = work(&mut session);
            self.give_back(side, session);
            if self.suspects.advanced_since(before) {
                (tried, backoff) = (0, Backoff::new());
            }
            match result {
                Err(error) if renewals.grant(&error) => {}
                Err(error) if error.breaks_connection() && tried < retries => {
                    tried += 1;
                    self.notice(&format!("{}; trying again on a new connection", error.summary()));
                    self.before_reconnect(&mut backoff, &error)?;
                }
                other => return other,
            }
        }
    }

    /// Sleeps, unless the user asks to stop.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn pause(&self, wait: Duration) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < wait {
            self.go_on()?;
            thread::sleep(STOP_INTERVAL.min(wait.saturating_sub(began.elapsed())));
        }
        self.go_on()
    }
}

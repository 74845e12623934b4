//! One account at work: its part of the state, and its sessions on both sides, kept from one stage to the next.

use super::batch::BatchSize;
use super::commons::Fleet;
use super::gauge::Gauge;
use crate::engine::{Connector, Session};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Account, RawName, Side};
use crate::pipeline::{Event, Migration};
use crate::store::{AccountStore, Binding};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The first wait before a broken connection is opened again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often a wait looks whether the user asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// How long the budget is waited for before what is idle is looked at again.
const WAIT_FOR_BUDGET: Duration = Duration::from_millis(200);

/// Tries to reach a server that was never reached in this run: a wrong host name should be told soon.
const FIRST_TRIES: u32 = 2;

/// Breaks in the midst of the listing of one mailbox, after which the others go on without it.
const BREAKS_PER_MAILBOX: u32 = 2;

/// One account at work.
pub struct Access<'a> {
    pub migration: &'a Migration,
    pub account: &'a Account,
    pub state: AccountStore,
    fleet: &'a Fleet,
    idle: [Mutex<Vec<Session>>; 2],
    /// Whether that side was ever reached in this run.
    reached: [AtomicBool; 2],
    reconnects: AtomicU64,
    /// What the run costs.
    pub gauge: Gauge,
    /// Mailboxes in the midst of whose listing the connection broke: how often, and how it broke last.
    suspects: Mutex<HashMap<(Side, RawName), (u32, Error)>>,
}

impl<'a> Access<'a> {
    /// Nothing is opened yet.
    pub fn new(migration: &'a Migration, fleet: &'a Fleet, account: &'a Account) -> Self {
        let state = migration.store.account(&account.name);
        Access {
            migration,
            account,
            state,
            fleet,
            idle: Default::default(),
            reached: Default::default(),
            reconnects: AtomicU64::new(0),
            gauge: Gauge::default(),
            suspects: Mutex::default(),
        }
    }

    /// Where its sessions of that side come from.
    pub fn connector(&self, side: Side) -> &Connector {
        self.migration.connector(self.account, side)
    }

    /// Makes sure that the state under this account's name is that of these two users.
    ///
    /// # Errors
    /// `State` when it belongs to others.
    pub fn bind(&self) -> Result<()> {
        let [source, destination] = Side::BOTH
            .map(|side| format!("{} at {}", self.account.user(side), self.connector(side).server().address.place()));
        self.state.bind(&Binding { source, destination })
    }

    /// Begins this account's part of the state anew where an error came from damage in it, and says so. The servers are
    /// the truth: what is forgotten is matched by identity again.
    ///
    /// # Errors
    /// `error` itself where it has another reason, `State`.
    pub fn recover(&self, error: Error) -> Result<()> {
        if *error.kind() != Kind::Damaged {
            return Err(error);
        }
        let account = &self.account.name;
        self.notice(&format!(
            "{}; the state of {account} is rebuilt from the servers: nothing is lost",
            error.summary()
        ));
        self.state.forget_everything()
    }

    /// A session on that side: an idle one, or a new one. Transient failures are tried again.
    ///
    /// # Errors
    /// What [`crate::engine::Connector::connect`] gives, `Interrupted` when the user asked to stop meanwhile.
    pub fn session(&self, side: Side) -> Result<Session> {
        self.pass_on_news();
        if let Some(session) = self.pool(side).pop() {
            return Ok(session);
        }
        let known = self.reached[side as usize].load(Ordering::Relaxed);
        let tries = if known { self.connector(side).server().retries.max(1) } else { FIRST_TRIES };
        let mut backoff = Backoff::new();
        let mut tried = 0;
        loop {
            tried += 1;
            match self.connect(side) {
                Err(error) if error.is_transient() && tried < tries => {
                    self.notice(&format!("{}; trying again", error.summary()));
                    backoff.wait(self, &error)?;
                }
                other => return other,
            }
        }
    }

    /// A new session, or one that became idle while the budget had none to give. Who waits holds nothing that is idle:
    /// else two accounts could wait for each other for ever.
    fn connect(&self, side: Side) -> Result<Session> {
        loop {
            match self.connect_within(side, WAIT_FOR_BUDGET) {
                Ok(None) => {}
                Ok(Some(session)) => {
                    self.fleet.note_success(self.account.server(side));
                    self.reached[side as usize].store(true, Ordering::Relaxed);
                    return Ok(session);
                }
                Err(error) => {
                    if *error.kind() == Kind::Authentication {
                        self.fleet.note_refusal(self.migration, side, self.account, &error)?;
                    }
                    return Err(error);
                }
            }
            if let Some(session) = self.pool(side).pop() {
                return Ok(session);
            }
            self.close();
            self.go_on()?;
        }
    }

    fn connect_within(&self, side: Side, patience: Duration) -> Result<Option<Session>> {
        let password = || self.migration.passwords.password(self.account, side);
        let (user, common) = (self.account.user(side), self.gauge.connections(side));
        self.connector(side).connect(user, &password, common, patience)
    }

    /// One more session, if the server's budget has a connection to spare. That it cannot be had is no failure.
    pub fn spare_session(&self, side: Side) -> Option<Session> {
        if let Some(session) = self.pool(side).pop() {
            return Some(session);
        }
        self.connect_within(side, Duration::ZERO).ok().flatten()
    }

    /// Tells what the connections to either server have found out.
    pub fn pass_on_news(&self) {
        for side in Side::BOTH {
            if let Some(news) = self.connector(side).take_news() {
                self.notice(&news);
            }
        }
    }

    /// Keeps a session for later.
    pub fn give_back(&self, side: Side, session: Session) {
        self.pass_on_news();
        if session.is_alive() {
            self.pool(side).push(session);
        }
    }

    fn pool(&self, side: Side) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle[side as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever watches.
    pub fn notice(&self, text: &str) {
        tracing::info!(account = %self.account.name, "{text}");
        self.migration.observer.event(Event::Noticed { account: &self.account.name, text });
    }

    /// An error with this account's name, unless the user did not ask to stop.
    ///
    /// # Errors
    /// `Interrupted` when the user asked to stop.
    pub fn go_on(&self) -> Result<()> {
        if self.migration.stop.is_requested() {
            return Err(Error::new(Kind::Interrupted, "interrupted; all that was done is recorded")
                .hint("run the same command again: it goes on where it stopped"));
        }
        Ok(())
    }

    /// Waits before a connection that broke is opened again.
    ///
    /// # Errors
    /// `Interrupted` when the user asked to stop.
    pub fn before_reconnect(&self, backoff: &mut Backoff, error: &Error) -> Result<()> {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
        backoff.wait(self, error)
    }

    /// How many messages go in one APPEND.
    pub fn batch(&self) -> &BatchSize {
        self.fleet.batch(self.account)
    }

    /// Connections that broke and were opened again.
    pub fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    /// The connection broke in the midst of the listing of that mailbox.
    pub fn suspect(&self, side: Side, mailbox: &RawName, error: &Error) {
        let mut suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        let suspect = suspects.entry((side, mailbox.clone())).or_insert_with(|| (0, error.clone()));
        *suspect = (suspect.0 + 1, error.clone());
    }

    /// Why that mailbox is not to be opened again in this run, if it is not.
    pub fn conviction(&self, side: Side, mailbox: &RawName) -> Option<Error> {
        let suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        let (breaks, last) = suspects.get(&(side, mailbox.clone()))?;
        let what = format!("the connection broke {breaks} times while the mailbox was listed");
        let error = Error::new(Kind::Protocol, what).scope(Scope::Mailbox).because(last.summary());
        (*breaks >= BREAKS_PER_MAILBOX)
            .then(|| error.hint("look at it with another client; it is tried again with each `mailferry sync`"))
    }

    /// Says goodbye on all idle sessions.
    pub fn close(&self) {
        for side in Side::BOTH {
            let sessions: Vec<Session> = self.pool(side).drain(..).collect();
            sessions.into_iter().for_each(Session::logout);
        }
    }

    /// Runs `work` on a session of that side, on a new one again while it breaks.
    ///
    /// # Errors
    /// What `work` gives last.
    pub fn with_session<T>(&self, side: Side, mut work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
        let retries = self.connector(side).server().retries;
        let mut backoff = Backoff::new();
        let mut tried = 0;
        loop {
            let mut session = self.session(side)?;
            let result = work(&mut session);
            self.give_back(side, session);
            match result {
                Err(error) if error.breaks_connection() && tried < retries => {
                    tried += 1;
                    self.notice(&format!("{}; trying again on a new connection", error.summary()));
                    self.before_reconnect(&mut backoff, &error)?;
                }
                other => return other,
            }
        }
    }
}

/// Ever longer waits with jitter, so that a fleet does not come back all at once.
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Starts with the shortest wait.
    pub fn new() -> Self {
        Backoff { next: FIRST_WAIT }
    }

    /// Waits, as long as the server asked for if it named a time.
    ///
    /// # Errors
    /// `Interrupted` when the user asked to stop.
    pub fn wait(&mut self, access: &Access<'_>, error: &Error) -> Result<()> {
        let asked = match error.kind() {
            Kind::Throttled(asked) => *asked,
            _ => None,
        };
        let wait = asked.unwrap_or_else(|| jittered(self.next));
        self.next = (self.next * 2).min(LONGEST_WAIT);
        pause(access, wait)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// Sleeps, unless the user asks to stop.
///
/// # Errors
/// `Interrupted`.
pub fn pause(access: &Access<'_>, wait: Duration) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < wait {
        access.go_on()?;
        thread::sleep(STOP_INTERVAL.min(wait.saturating_sub(began.elapsed())));
    }
    access.go_on()
}

/// Between half of it and the whole.
fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().hash_one(0u8) % 1000;
    wait / 2 + wait * u32::try_from(random).unwrap_or(0) / 2000
}

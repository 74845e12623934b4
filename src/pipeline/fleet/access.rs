//! One account at work: its part of the state, and its sessions on both sides, kept from one stage to the next.

use super::batch::BatchSize;
use super::commons::Fleet;
use super::failure_list::FailureList;
use super::gauge::Gauge;
use super::outage::{Admission, Attempt, FIRST_TRIES, Outage, Patience, Verdict, jittered};
use super::whose::{Likeness, Whose};
use crate::engine::commands::list::Subscriptions;
use crate::engine::login::connect::Common;
use crate::engine::{Connector, Session};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::ledger::Ending;
use crate::model::server::Address;
use crate::model::{Account, RawName, Side, Step};
use crate::pipeline::{Event, Migration};
use crate::store::{AccountStore, Binding};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The first wait before a broken connection is opened again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait that a server may ask for; beyond it the account is given up for this run.
const LONGEST_ASKED: Duration = Duration::from_secs(15 * 60);

/// How often a wait looks whether the user asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// How long the budget is waited for before what is idle is looked at again.
const WAIT_FOR_BUDGET: Duration = Duration::from_millis(200);

/// Breaks in the midst of the listing of one mailbox, with no other in flight, after which the others go on without it.
const BREAKS_PER_MAILBOX: u32 = 2;

/// Suspicions that count as a step towards the end of a scan: a server on which everything breaks is given up at last.
const SUSPICIONS: u64 = 60;

/// One account at work.
pub struct Access<'a> {
    pub migration: &'a Migration,
    pub account: &'a Account,
    pub state: AccountStore,
    fleet: &'a Fleet,
    heeds_marks: bool,
    /// With the count of absences of that server when they became idle: what is from before is broken.
    idle: [Mutex<Vec<(u64, Session)>>; 2],
    yielded: AtomicBool,
    /// How many wait for a connection.
    waiting: AtomicUsize,
    reconnects: AtomicU64,
    /// What the run costs.
    pub gauge: Gauge,
    /// Mailboxes in the midst of whose listing the connection broke: how often, and how it broke last.
    suspects: Mutex<HashMap<(Side, RawName), (u32, Error)>>,
    /// Something broke on that side while several mailboxes were in flight: they are listed one by one.
    careful: [AtomicBool; 2],
    suspicions: AtomicU64,
    /// What failed in the run.
    pub failures: FailureList,
}

impl<'a> Access<'a> {
    /// Nothing is opened yet.
    pub fn new(migration: &'a Migration, fleet: &'a Fleet, account: &'a Account, step: Step) -> Self {
        let state = migration.store.account(&account.name);
        let failures = FailureList::new(state.clone());
        Access {
            migration,
            account,
            state,
            fleet,
            heeds_marks: step.heeds_marks(),
            idle: Default::default(),
            yielded: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            reconnects: AtomicU64::new(0),
            gauge: Gauge::default(),
            suspects: Mutex::default(),
            careful: Default::default(),
            suspicions: AtomicU64::new(0),
            failures,
        }
    }

    /// Whether the work on the account is to end with the batch in hand: the run is, or a person has set the account aside.
    pub fn is_stopped(&self) -> bool {
        self.migration.stop.is_requested() || (self.heeds_marks && self.fleet.aside.mark(&self.account.name).is_some())
    }

    /// How work ends that was stopped: of an account that was set aside, with work left.
    pub fn ending_when_stopped(&self) -> Ending {
        if self.migration.stop.is_requested() { Ending::Interrupted } else { Ending::Limit }
    }

    /// Where its sessions of that side come from.
    pub fn connector(&self, side: Side) -> &Connector {
        self.migration.connector(self.account, side)
    }

    fn outage(&self, side: Side) -> &Outage {
        self.fleet.outage(self.account.server(side))
    }

    /// What the accounts of the run saw.
    pub fn whose(&self) -> &Whose {
        &self.fleet.whose
    }

    /// Tells what an account sees on that side.
    ///
    /// # Errors
    /// `Authorization` where another account saw the same.
    pub fn claim(&self, account: &Account, side: Side, likeness: Likeness) -> Result<()> {
        self.whose().claim((account.server(side), side), (&account.name, account.user(side)), likeness)
    }

    /// Tells what this account was seen to have on that side when it was listed; the object ID is that of its INBOX.
    ///
    /// # Errors
    /// As [`Access::claim`]; `State`.
    pub fn claim_scanned(&self, side: Side, object_id: Option<String>) -> Result<()> {
        let mailboxes = self.state.mailboxes(side)?;
        let Some(inbox) = mailboxes.iter().find(|mailbox| mailbox.name.is_inbox()) else { return Ok(()) };
        let last = self.state.last_record(side, &inbox.name.raw)?;
        let last = last.map(|record| (record.uid, record.octets, record.internal_date));
        let known = mailboxes.iter().filter_map(|it| Some((it.name.raw.clone(), it.sync_point?.uid_validity)));
        match Likeness::new(object_id, inbox.sync_point.unwrap_or_default(), last, known) {
            Some(likeness) => self.claim(self.account, side, likeness),
            None => Ok(()),
        }
    }

    /// A session for another account of the run, if it can be had.
    pub fn session_as(&self, other: &Account, side: Side, patience: Duration) -> Option<Session> {
        let password = || self.migration.passwords.password(other, side);
        self.connector(side).connect(other.user(side), &password, &Common::default(), patience).ok().flatten()
    }

    /// The same account, looked at with a state of its own: what is listed so leaves the account's own as it is. It shares
    /// no sessions with this one.
    ///
    /// # Errors
    /// `State`.
    pub fn aside(&self) -> Result<Access<'a>> {
        let mut aside = Access {
            heeds_marks: self.heeds_marks,
            ..Access::new(self.migration, self.fleet, self.account, Step::Check)
        };
        aside.state = self.migration.store.aside(&self.account.name)?;
        aside.failures = FailureList::new(aside.state.clone());
        Ok(aside)
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
                    backoff.wait(self, &error)?;
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
            Kind::Throttled(_) | Kind::Authentication | Kind::Authorization | Kind::Protocol => true,
            _ => false,
        }
    }

    /// Waits while the server is away, unless it is this account's turn to look.
    fn await_server(&self, side: Side) -> Result<Attempt> {
        loop {
            match self.outage(side).admit() {
                Admission::Granted(attempt) => return Ok(attempt),
                Admission::Refused(error) => return Err(error),
                Admission::Wait => pause(self, STOP_INTERVAL)?,
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
            let connections = self.connector(side).connections();
            if self.gauge.connections(side).open() == 0
                && self.fleet.queue.is_crowded(self.account.server(side), connections)
            {
                self.yielded.store(true, Ordering::Relaxed);
                return Err(Error::new(
                    Kind::Throttled(None),
                    "the server grants no connection before others are done",
                ));
            }
        }
    }

    /// Whether the servers are to be asked what is subscribed.
    pub fn subscriptions(&self) -> Subscriptions {
        match self.account.policy.mailboxes.subscriptions {
            true => Subscriptions::Wanted,
            false => Subscriptions::Unwanted,
        }
    }

    /// Whether somebody waits for a connection of this account.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether this account gave its turn up, to be worked on when others are done.
    pub fn yielded(&self) -> bool {
        self.yielded.load(Ordering::Relaxed)
    }

    fn connect_within(&self, side: Side, patience: Duration) -> Result<Option<Session>> {
        let password = || self.migration.passwords.password(self.account, side);
        let (user, common) = (self.account.user(side), self.gauge.connections(side));
        self.connector(side).connect(user, &password, common, patience)
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
        match session.is_alive() {
            true => self.pool(side).push((self.outage(side).count(), session)),
            // Where one broke, others may have, and would each be taken for one more break.
            false => self.pool(side).clear(),
        }
    }

    fn pool(&self, side: Side) -> std::sync::MutexGuard<'_, Vec<(u64, Session)>> {
        self.idle[side as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle_session(&self, side: Side) -> Option<Session> {
        let absences = self.outage(side).count();
        let mut pool = self.pool(side);
        pool.retain(|(since, _)| *since == absences);
        pool.pop().map(|(_, session)| session)
    }

    /// Tells whoever watches.
    pub fn notice(&self, text: &str) {
        tracing::info!(account = %self.account.name, "{text}");
        self.migration.observer.event(Event::Noticed { account: &self.account.name, text });
    }

    /// An error, unless the run goes on.
    ///
    /// # Errors
    /// `Interrupted` when the user asked to stop, `Authorization` when two accounts turned out to be one.
    pub fn go_on(&self) -> Result<()> {
        self.whose().conflict().map_or(Ok(()), Err)?;
        if self.is_stopped() {
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

    /// Whether the mailboxes of that side are to be listed one by one.
    pub fn is_careful(&self, side: Side) -> bool {
        self.careful[side as usize].load(Ordering::Relaxed)
    }

    /// The connection broke in the midst of the listing of that mailbox. Where it was not alone it may have been another.
    pub fn suspect(&self, side: Side, mailbox: &RawName, error: &Error) {
        self.suspicions.fetch_add(1, Ordering::Relaxed);
        if !self.careful[side as usize].swap(true, Ordering::Relaxed) {
            return;
        }
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
            let sessions: Vec<_> = self.pool(side).drain(..).collect();
            sessions.into_iter().for_each(|(_, session)| session.logout());
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
            let before = self.suspicions.load(Ordering::Relaxed);
            let result = work(&mut session);
            self.give_back(side, session);
            // That it is known better what breaks the connection is a step forward.
            if (before + 1..SUSPICIONS).contains(&self.suspicions.load(Ordering::Relaxed)) {
                (tried, backoff) = (0, Backoff::new());
            }
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
    /// `Interrupted` when the user asked to stop; `Throttled` when the server asks for more than [`LONGEST_ASKED`].
    pub fn wait(&mut self, access: &Access<'_>, error: &Error) -> Result<()> {
        pause(access, self.next_wait(error)?)
    }

    fn next_wait(&mut self, error: &Error) -> Result<Duration> {
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

#[cfg(test)]
mod tests {
    use super::*;

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

//! One account at work: its part of the state, and its sessions on both sides, kept from one stage to the next.

use super::batch::BatchSize;
use super::commons::Fleet;
use super::failure_list::FailureList;
use super::gauge::Gauge;
use super::outage::Outage;
use super::suspects::{BrokeOn, Suspects};
use super::whose::{Likeness, Whose};
use crate::engine::commands::list::Subscriptions;
use crate::engine::{Connector, Session};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::ledger::Ending;
use crate::model::{Account, RawName, Side, Step};
use crate::pipeline::{Event, Migration};
use crate::store::{AccountStore, Binding};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// One account at work.
pub struct Access<'a> {
    pub migration: &'a Migration,
    pub account: &'a Account,
    pub state: AccountStore,
    pub(super) fleet: &'a Fleet,
    heeds_marks: bool,
    /// When its hours end.
    closes: Option<i64>,
    /// With the count of absences of that server when they became idle: what is from before is broken.
    idle: [Mutex<Vec<(u64, Session)>>; 2],
    pub(super) yielded: AtomicBool,
    /// How many wait for a connection.
    pub(super) waiting: AtomicUsize,
    pub(super) reconnects: AtomicU64,
    /// What the run costs.
    pub gauge: Gauge,
    /// Mailboxes that may break the connection.
    pub suspects: Suspects,
    /// What failed in the run.
    pub failures: FailureList,
}

impl<'a> Access<'a> {
    /// Nothing is opened yet.
    pub fn new(migration: &'a Migration, fleet: &'a Fleet, account: &'a Account, step: Step) -> Self {
        let state = migration.store.account(&account.name).facing(account.direction());
        let failures = FailureList::new(state.clone());
        Access {
            migration,
            account,
            state,
            fleet,
            heeds_marks: step.heeds_marks(),
            closes: if step.heeds_hours() { migration.agenda.closes(account) } else { None },
            idle: Default::default(),
            yielded: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            reconnects: AtomicU64::new(0),
            gauge: Gauge::default(),
            suspects: Suspects::default(),
            failures,
        }
    }

    /// Whether the work on the account is to end with the batch in hand: the run is, a person has set the account aside, or
    /// its hours are over.
    pub fn is_stopped(&self) -> bool {
        self.migration.stop.is_requested()
            || (self.heeds_marks && self.fleet.aside.mark(&self.account.name).is_some())
            || self.is_out_of_hours()
    }

    /// Whether the hours of its wave ended since it was begun.
    pub fn is_out_of_hours(&self) -> bool {
        self.closes.is_some_and(|closes| self.migration.agenda.now() >= closes)
    }

    /// How work ends that was stopped: of an account that was set aside, with work left.
    pub fn ending_when_stopped(&self) -> Ending {
        if self.migration.stop.is_requested() { Ending::Interrupted } else { Ending::Limit }
    }

    /// Where its sessions of that side come from.
    pub fn connector(&self, side: Side) -> &Connector {
        self.migration.connector(self.account, side)
    }

    pub(super) fn outage(&self, side: Side) -> &Outage {
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
        }?;
        self.check_sides(side)
    }

    /// One mailbox on both sides is not copied into itself. A server whose files were copied looks like the old one; so it is
    /// refused only where both names lead to one machine.
    fn check_sides(&self, side: Side) -> Result<()> {
        let place = |side: Side| (self.account.server(side), self.account.user(side));
        if !self.whose().are_alike(place(side), place(side.other())) {
            return Ok(());
        }
        let what = "source and destination are one and the same mailbox";
        if !self.connector(Side::Source).shares_machine(self.connector(Side::Destination)) {
            self.notice(&format!("{what}, or one server has a copy of the other's files: are both addresses right?"));
            return Ok(());
        }
        Err(Error::new(Kind::Settings, what)
            .scope(Scope::Account)
            .because("both have the same INBOX, and both names lead to one machine")
            .hint("name another server, or another `destination_user`; nothing was copied"))
    }

    /// The same account, looked at with a state of its own: what is listed so leaves the account's own as it is. It shares
    /// no sessions with this one.
    ///
    /// # Errors
    /// `State`.
    pub fn aside(&self) -> Result<Access<'a>> {
        let mut aside = Access {
            heeds_marks: self.heeds_marks,
            closes: self.closes,
            ..Access::new(self.migration, self.fleet, self.account, Step::Check)
        };
        aside.state = self.migration.store.aside(&self.account.name, self.account.direction())?;
        aside.failures = FailureList::new(aside.state.clone());
        Ok(aside)
    }

    /// The users of this account, and where the settings say that their servers are.
    pub fn here(&self) -> Binding {
        let users = Side::BOTH.map(|side| self.account.user(side).to_owned());
        Binding { users, places: Side::BOTH.map(|side| self.connector(side).server().address.place()) }
    }

    /// Makes sure that the state under this account's name is that of these two users, and stands the way that the run goes.
    ///
    /// # Errors
    /// `State` when it belongs to others; `Stale` when the last sync went the other way.
    pub fn check_users(&self) -> Result<()> {
        self.check_direction()?;
        self.check_owner()
    }

    pub(super) fn check_owner(&self) -> Result<()> {
        self.state.check_users(&self.here())
    }

    /// Takes the state for these two users', who were let in by both servers.
    ///
    /// # Errors
    /// As [`Access::check_users`].
    pub fn bind(&self) -> Result<()> {
        self.state.bind(&self.here())
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

    pub(super) fn idle_session(&self, side: Side) -> Option<Session> {
        let absences = self.outage(side).count();
        let mut pool = self.pool(side);
        pool.retain(|(since, _)| *since == absences);
        while let Some((_, session)) = pool.pop() {
            // Its server would end it soon: better here, where nothing is under way.
            match session.is_spent() {
                true => session.logout(),
                false => return Some(session),
            }
        }
        None
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

    /// How many messages go in one APPEND.
    pub fn batch(&self) -> &BatchSize {
        self.fleet.batch(self.account)
    }

    /// Connections that broke and were opened again.
    pub fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    /// Says goodbye on all idle sessions.
    pub fn close(&self) {
        for side in Side::BOTH {
            let sessions: Vec<_> = self.pool(side).drain(..).collect();
            sessions.into_iter().for_each(|(_, session)| session.logout());
        }
    }

    /// The connection broke on that mailbox, as far as can be told.
    pub fn suspect(&self, side: Side, name: &RawName, broke_on: BrokeOn, error: &Error) {
        if matches!(error.kind(), Kind::Connection | Kind::Protocol) {
            self.suspects.note(side, name, broke_on, error);
        }
    }
}

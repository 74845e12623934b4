//! What all accounts of a run share, server by server: the size of batches, what is known of the master logins, and whether
//! the server is away.

use super::account_errors::AccountErrors;
use super::again::Again;
use super::attempts::now;
use super::batch::BatchSize;
use super::logins::MasterLogin;
use super::outage::Outage;
use super::queue::Queue;
use super::set_aside::SetAside;
use super::whose::Whose;
use crate::error::{Error, Kind, Result};
use crate::model::{Account, ServerId, Side};
use crate::pipeline::Migration;
use crate::store::halt::Halt;
use std::sync::OnceLock;

/// What all accounts of a run share.
pub struct Fleet {
    /// Whose turn it is.
    pub queue: Queue,
    pub whose: Whose,
    /// Whom people have set aside.
    pub aside: SetAside,
    /// What failed of whole accounts.
    pub(super) errors: AccountErrors,
    /// By the numbers of the servers.
    servers: Vec<Common>,
}

/// What the accounts on one server share.
struct Common {
    /// How many messages it is given at once.
    batch: BatchSize,
    login: MasterLogin,
    outage: Outage,
    /// Whether an account of the run was opened there by an earlier run.
    opened_before: OnceLock<bool>,
}

impl Fleet {
    pub fn new(migration: &Migration) -> Self {
        let common = || Common {
            batch: BatchSize::new(migration.limits.batch_messages, migration.limits.batch_octets),
            login: MasterLogin::default(),
            outage: Outage::default(),
            opened_before: OnceLock::new(),
        };
        let (queue, whose, aside) = (Queue::new(migration), Whose::default(), SetAside::of(&migration.store));
        let servers = migration.servers.iter().map(|_| common()).collect();
        Fleet { queue, whose, aside, errors: AccountErrors::default(), servers }
    }

    /// How many messages the account's destination is given at once.
    pub fn batch(&self, account: &Account) -> &BatchSize {
        &self.servers[account.server(Side::Destination).0].batch
    }

    /// What is known of the server's absence.
    pub fn outage(&self, server: ServerId) -> &Outage {
        &self.servers[server.0].outage
    }

    /// A login on this server succeeded: later refusals are the account's own.
    pub fn note_success(&self, server: ServerId) {
        let login = &self.servers[server.0].login;
        if !login.was_accepted() {
            login.note_success();
            self.queue.let_others_follow(server);
        }
    }

    /// A login on this side was refused. That another account was opened by an earlier run says that the login was good,
    /// so that only what was opened before tells that it is not any more.
    ///
    /// # Errors
    /// `State`.
    pub fn note_refusal(&self, migration: &Migration, side: Side, account: &Account, error: &Error) -> Result<()> {
        let server = account.server(side);
        let Common { login, opened_before, .. } = &self.servers[server.0];
        if migration.connector(account, side).server().master.is_none() || login.was_accepted() {
            return Ok(());
        }
        let opened = |account: &Account| {
            let state = migration.store.account(&account.name).facing(account.direction());
            Ok(state.side(side)?.is_some())
        };
        let was_opened_before = match opened_before.get() {
            Some(known) => *known,
            None => {
                let found = any(migration.accounts.iter().filter(|other| other.server(side) == server), opened)?;
                *opened_before.get_or_init(|| found)
            }
        };
        if !was_opened_before || opened(account)? {
            login.note_refusal(&account.name, error);
            if let (Some(fleet), Some(refusal)) = (&migration.fleet, login.halted()) {
                let server = migration.connector(account, side).server().label();
                Halt::of(side, &server, &refusal.summary(), now()).write(fleet)?;
            }
        }
        match login.halted() {
            Some(_) => self.queue.let_others_follow(server),
            None => self.queue.doubt(server),
        }
        Ok(())
    }

    /// The refusal from which it was concluded that the master login on one of the account's servers is wrong.
    pub fn halted(&self, account: &Account) -> Option<Error> {
        account.servers.iter().find_map(|server| self.servers[server.0].login.halted())
    }
}

impl Fleet {
    /// These accounts have another turn, and servers that were given up are waited for once more.
    pub fn begin_again(&self, numbers: &[usize]) {
        self.servers.iter().for_each(|common| common.outage.begin_anew());
        self.queue.refill(numbers);
    }

    /// Whether the work on an account ended before its time because a server went away that had answered in this run. A login
    /// that was refused in such a run may have been so for that: Dovecot refuses whoever logs in while it is being stopped.
    pub fn is_cut_short<T: Again>(&self, account: &Account, result: std::result::Result<&T, &Error>) -> bool {
        let has_answered = |side: Side| self.outage(account.server(side)).has_answered();
        let went_away = |side: Side| has_answered(side) && self.outage(account.server(side)).went_away();
        let away = |error: &Error| match error.kind() {
            Kind::Unreachable => error.place().side.is_some_and(has_answered),
            Kind::Authentication => error.place().side.is_some_and(went_away),
            _ => false,
        };
        match result {
            Ok(done) => done.failures().iter().any(away),
            Err(error) => away(error),
        }
    }
}

fn any<'a>(mut accounts: impl Iterator<Item = &'a Account>, holds: impl Fn(&Account) -> Result<bool>) -> Result<bool> {
    accounts.try_fold(false, |found, account| Ok(found || holds(account)?))
}

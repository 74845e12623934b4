//! All that a run over accounts works with, put together: by the settings as they are, and anew by others in the midst of a
//! watch.

use super::arguments::OutsideArguments;
use super::context::Context;
use crate::config::Settings;
use crate::engine::Connector;
use crate::error::{Error, Kind, Result};
use crate::library::assembling::{Wishes, assembled, connectors, going};
use crate::model::{Account, Direction};
use crate::pipeline::status::status;
use crate::pipeline::{self, Migration};
use crate::store::Store;
use std::collections::HashSet;
use std::path::Path;

/// What a command needs besides its settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// As [`Needs::Servers`]; nothing is recorded, and a state that somebody else holds is done without.
    Look,
    /// Both servers, and so passwords; a state that is made if there is none.
    Servers,
    /// Both servers, and a state that a scan has made.
    ServersAndSnapshot,
    /// Only a state that a scan has made.
    Snapshot,
}

impl Context {
    /// All that a run over these accounts works with. Everything that can be wrong without asking a server is found
    /// here; passwords are asked for last.
    ///
    /// # Errors
    /// `Settings`, `State`, `Locked`.
    pub fn migration(&self, names: &[String], needs: Needs) -> Result<Migration> {
        self.migration_that_way(names, needs, Direction::Forward).map(|(migration, _)| migration)
    }

    /// As [`Context::migration`], the mail going that way; with the settings that it follows.
    ///
    /// # Errors
    /// As it; `Settings` where the settings do not tell what goes where on the way back.
    pub fn migration_that_way(
        &self,
        names: &[String],
        needs: Needs,
        direction: Direction,
    ) -> Result<(Migration, Settings)> {
        let settings = self.settings()?;
        let (mut accounts, conditions) = settings.select(names)?;
        let known = match conditions.is_empty() {
            true => None,
            false => Some(self.existing_store(&settings)?),
        };
        if let Some(store) = &known {
            let known = status(store, &accounts)?;
            accounts = self.narrowed(accounts, known, &conditions).0;
        }
        if needs != Needs::Snapshot {
            settings.check_passwords(&accounts)?.iter().for_each(|warning| self.warn(warning));
            let _ = self.told.set(settings.audience()?);
        }
        let store = match (known, needs) {
            (Some(store), _) => store,
            (None, Needs::Look) => self.store_to_look(&settings.state)?,
            (None, Needs::Servers) => self.store(&settings.state)?,
            (None, Needs::ServersAndSnapshot | Needs::Snapshot) => self.existing_store(&settings)?,
        };
        if needs != Needs::Look {
            self.begin_trail(&settings.state);
        }
        if needs == Needs::Servers && self.global.sharding.shard.is_some() {
            self.enroll(&settings, &store, &accounts)?;
        }
        if needs != Needs::Snapshot {
            settings.ask_for_passwords(&accounts)?;
        }
        let accounts = going(direction, accounts)?;
        let servers = self.connectors(&settings, &accounts, direction)?;
        Ok((self.assembled(&settings, accounts, store, servers), settings))
    }

    /// The same migration by other settings than `before`. Words that name conditions stand for the accounts that they stood
    /// for at the beginning. Nobody is asked for a password: what was answered before holds on.
    ///
    /// # Errors
    /// Why these settings cannot be followed, with the migration as it was: `Settings`, and what [`Context::migration`] gives.
    pub fn renewed(
        &self,
        migration: Migration,
        (words, outside): (&[String], &OutsideArguments),
        direction: Direction,
        [settings, before]: [&Settings; 2],
    ) -> std::result::Result<Migration, Box<(Migration, Error)>> {
        let renewed = || {
            let accounts = self.selected_anew(&migration, words, settings)?;
            settings.answer_as(before);
            settings.check_passwords(&accounts)?.iter().for_each(|warning| self.warn(warning));
            settings.check_unasked(&accounts)?;
            if self.global.sharding.shard.is_some() {
                self.enroll(settings, &migration.store, &accounts)?;
            }
            let accounts = going(direction, accounts)?;
            let servers = self.connectors(settings, &accounts, direction)?;
            self.tell_instead(settings.audience()?, outside, &migration)?;
            Ok((accounts, servers))
        };
        match renewed() {
            Ok((accounts, servers)) => {
                let agenda = migration.agenda.clone();
                Ok(Migration { agenda, ..self.assembled(settings, accounts, migration.store, servers) })
            }
            Err(error) => Err(Box::new((migration, error))),
        }
    }

    fn selected_anew(&self, migration: &Migration, words: &[String], settings: &Settings) -> Result<Vec<Account>> {
        if settings.state != migration.store.directory() {
            let what = format!("the settings name another state: {}", settings.state.display());
            return Err(Error::new(Kind::Settings, what).hint("end this watch, and begin another one"));
        }
        let (mut accounts, conditions) = settings.select(words)?;
        if !conditions.is_empty() {
            let were: HashSet<&str> = migration.accounts.iter().map(|account| &*account.name).collect();
            accounts.retain(|account| were.contains(&*account.name));
        }
        Ok(accounts)
    }

    /// The state, or an empty one while another process holds it.
    fn store_to_look(&self, state: &Path) -> Result<Store> {
        match self.store(state) {
            Err(error) if *error.kind() == Kind::Locked => {
                let refused = |why| Error::new(Kind::Io, "could not make a temporary directory").because(why);
                let directory = tempfile::tempdir().map_err(refused)?;
                let directory = self.aside.get_or_init(|| directory);
                self.told(Store::open(&directory.path().join("state"))?)
            }
            opened => opened,
        }
    }

    /// Connections to the servers of these accounts, none of them open.
    ///
    /// # Errors
    /// `Settings`.
    pub fn connectors(
        &self,
        settings: &Settings,
        accounts: &[Account],
        direction: Direction,
    ) -> Result<Vec<Connector>> {
        connectors(settings, accounts, direction, usize::from(self.global.jobs))
    }

    /// Tells other shards whose accounts this one has, unless one of them holds an account that this one does not know.
    fn enroll(&self, settings: &Settings, store: &Store, accounts: &[Account]) -> Result<()> {
        let take = |other: &Path| self.commands.about(&[&other.to_string_lossy()]).next("state take");
        pipeline::shards::enroll(store, &settings.states_of_others(), accounts, take)
    }

    fn assembled(
        &self,
        settings: &Settings,
        accounts: Vec<Account>,
        store: Store,
        servers: Vec<Connector>,
    ) -> Migration {
        let wishes = Wishes {
            jobs: usize::from(self.global.jobs),
            names_messages: !self.global.no_subjects,
            observer: self.progress.clone(),
            stop: self.interruption.stop.clone(),
        };
        assembled(settings, (accounts, servers), store, wishes)
    }
}

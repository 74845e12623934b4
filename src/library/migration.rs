//! A migration that is open, and its commands.

use super::assembling::{Wishes, answering, assembled, connectors, labels};
use super::audit::Trail;
use super::events::{Event, Listener, Telling};
use super::failure::Error;
use super::results::{Difference, Report, Results};
use super::settings::Settings;
use crate::error;
use crate::model::limits::Chunk;
use crate::model::{Account, Direction, Side, Step};
use crate::pipeline::apply::apply;
use crate::pipeline::check::check;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::fleet::roll::Roll;
use crate::pipeline::plan::plan;
use crate::pipeline::resync::sync;
use crate::pipeline::scan::scan;
use crate::pipeline::status::status;
use crate::pipeline::verify::verify;
use crate::pipeline::{self, ApplyOptions, Deletes, Depth, Room, Thoroughness};
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;

/// Accounts worked on at once by default: with the usual 8 connections to a server each account then has two.
pub(crate) const DEFAULT_JOBS: u16 = 4;

/// A migration that is open: it holds the state, and no connection while no command runs.
///
/// A command does what the command of the program does, by the same rules: it works on all accounts, several at a time, and one
/// that fails stops no other. What a command may be interrupted by (a signal, a broken line, a power cut) loses nothing: the
/// next one goes on from there.
///
/// ```no_run
/// # fn main() -> Result<(), mailferry::Error> {
/// use mailferry::{Limits, Migration, Settings};
///
/// let settings = Settings::from_file("mailferry.toml")?;
/// let mut migration = Migration::open(&settings)?;
/// let report = migration.sync(&Limits::default());
/// for account in report.accounts().filter(|account| !account.is_success()) {
///     account.failures().for_each(|failure| eprintln!("{failure}"));
/// }
/// # Ok(())
/// # }
/// ```
pub struct Migration {
    inner: pipeline::Migration,
    notices: Vec<String>,
}

impl Migration {
    /// Opens the migration of all accounts of these settings. Nothing is connected to.
    ///
    /// # Errors
    /// As [`Opening::open`].
    pub fn open(settings: &Settings) -> Result<Migration, Error> {
        Migration::opening(settings).open()
    }

    /// Opens it as one wishes: for some accounts only, with somebody who is told what happens.
    pub fn opening(settings: &Settings) -> Opening<'_> {
        Opening { settings, words: Vec::new(), jobs: DEFAULT_JOBS, listener: None, stop: Stop::default() }
    }

    /// What was found when it was opened and is good to know, a sentence each: of the settings, and of the state where it was
    /// damaged and is built anew.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Logs in on both sides, and finds what will not work. Changes nothing anywhere.
    pub fn check(&mut self) -> Report {
        self.run(Step::Check, |migration| Results::Check(check(migration)))
    }

    /// Takes a snapshot of both sides into the state. What did not change since the last one is not read again.
    pub fn scan(&mut self) -> Report {
        self.run(Step::Scan, |migration| Results::Scan(scan(migration, Thoroughness::Incremental)))
    }

    /// Compares the snapshots, and plans what is to be done; [`apply`](Migration::apply) does exactly that. No server hears of it.
    pub fn plan(&mut self) -> Report {
        self.run(Step::Plan, |migration| Results::Plan(plan(migration)))
    }

    /// Does what was planned.
    pub fn apply(&mut self, limits: &Limits) -> Report {
        self.run(Step::Apply, |migration| Results::Apply(apply(migration, limits.options())))
    }

    /// Scan, plan and apply in one: again and again, until the cutover.
    pub fn sync(&mut self, limits: &Limits) -> Report {
        let options = limits.options();
        self.run(Step::Sync, |migration| Results::Apply(sync(migration, Thoroughness::Incremental, options)))
    }

    /// Lists both sides anew and compares them message by message. Changes nothing on either.
    pub fn verify(&mut self) -> Report {
        self.run(Step::Verify, |migration| Results::Verify(verify(migration, Depth::Listing)))
    }

    /// As [`verify`](Migration::verify), and every octet of every message is read on both sides and compared; not those again that
    /// were found the same before, and are listed as they were then.
    pub fn verify_deep(&mut self) -> Report {
        self.run(Step::Verify, |migration| Results::Verify(verify(migration, Depth::Octets)))
    }

    /// As [`verify_deep`](Migration::verify_deep), and all are read, whatever was found before: also what was altered in place is
    /// seen.
    pub fn verify_deep_again(&mut self) -> Report {
        self.run(Step::Verify, |migration| Results::Verify(verify(migration, Depth::OctetsAgain)))
    }

    /// Every difference that the last verification of the account of that name found, in their order.
    ///
    /// # Errors
    /// [`State`](crate::ErrorKind::State), also for each of them.
    pub fn differences(&self, account: &str) -> Result<impl Iterator<Item = Result<Difference, Error>> + use<>, Error> {
        let differences = self.inner.store.account(account).differences()?;
        Ok(differences.map(|difference| difference.map(Difference).map_err(Error::from)))
    }

    fn run(&mut self, step: Step, work: impl FnOnce(&pipeline::Migration) -> Results) -> Report {
        let migration = &mut self.inner;
        migration.roll = Arc::new(Roll::new(migration.accounts.len()));
        let (began, run) = (now(), format!("{}-{}", now(), std::process::id()));
        let command = ["(a program)".to_owned(), step.word().to_owned()];
        let warn = |why: error::Error| {
            let text = why.line();
            migration.observer.event(pipeline::Event::Noticed { account: "", text: &text });
        };
        // Without room for it there is none for the work either, which tells so.
        let trail = match step {
            Step::Check => None,
            _ => Trail::begin(migration.store.directory(), &run, &command, None).map_err(&warn).ok(),
        };
        let (results, told) = answering(migration, step, work);
        told.unwrap_or_else(&warn);
        let report = Report::new(Side::BOTH.map(|side| labels(migration, side)), step, began, results);
        if let Some(trail) = trail {
            trail.end(report.exit_status()).unwrap_or_else(&warn);
        }
        report
    }
}

impl std::fmt::Debug for Migration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migration")
            .field("state", &self.inner.store.directory())
            .field("accounts", &self.inner.accounts.len())
            .finish_non_exhaustive()
    }
}

/// How a migration is opened.
#[must_use = "a migration is there when it is opened"]
pub struct Opening<'a> {
    settings: &'a Settings,
    words: Vec<String>,
    jobs: u16,
    listener: Option<Arc<Listener>>,
    stop: Stop,
}

impl Opening<'_> {
    /// Only these accounts, in the words of the command line: names, patterns such as `a*`, `tag:first-wave`, `wave:finance`,
    /// `state:failed`. Words without a condition add accounts; a condition narrows them to those that stand so now.
    pub fn accounts<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// So many accounts at once, at least one; 4 where nothing is said. Never more than either server has connections
    /// (`max_connections`).
    pub fn jobs(mut self, jobs: u16) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Whoever is told of what happens. It is called from many threads, and the work waits for it: it must be quick.
    pub fn observer(mut self, observer: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(observer));
        self
    }

    /// Ends its commands early, when it is asked to.
    pub fn stop(mut self, stop: &Stop) -> Self {
        self.stop = stop.clone();
        self
    }

    /// Opens it: the state is locked, and made if it is not there. Nothing is connected to.
    ///
    /// # Errors
    /// [`Settings`](crate::ErrorKind::Settings): no account has one of the names, or a password is not where it should be;
    /// [`Locked`](crate::ErrorKind::Locked): another process holds the state; [`State`](crate::ErrorKind::State).
    pub fn open(self) -> Result<Migration, Error> {
        let Opening { settings, words, jobs, listener, stop: Stop(stop) } = self;
        let settings = &settings.0;
        let (mut accounts, conditions) = settings.select(&words).map_err(error::Error::from)?;
        let mut notices = settings.warnings.clone();
        let (store, told) = Store::open(&settings.state)?;
        notices.extend(told);
        if !conditions.is_empty() {
            let standings = status(&store, &accounts)?;
            let wanted = accounts.into_iter().zip(standings).filter(|(_, it)| conditions.contains(&it.condition));
            accounts = wanted.map(|(account, _)| account).collect::<Vec<Account>>();
        }
        notices.extend(settings.check_passwords(&accounts).map_err(error::Error::from)?);
        let listener = listener.unwrap_or_else(|| Arc::new(|_| {}));
        let (warned, ending) = (listener.clone(), stop.clone());
        store.when_lost(move |why| {
            warned(Event::Noticed { account: None, text: why });
            ending.request();
        });
        let jobs = usize::from(jobs);
        let servers = connectors(settings, &accounts, Direction::Forward, jobs)?;
        let wishes = Wishes { jobs, names_messages: true, observer: Arc::new(Telling(listener)), stop };
        Ok(Migration { inner: assembled(settings, (accounts, servers), store, wishes), notices })
    }
}

impl std::fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("accounts", &self.words).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// The wish to end, for commands that run: from a signal's handler, from another thread, from an observer.
#[derive(Clone, Debug, Default)]
pub struct Stop(pipeline::Stop);

impl Stop {
    /// Asks the command to finish the batch in hand and to end; all that was done is recorded. What runs after it with the same
    /// `Stop` ends at once.
    pub fn request(&self) {
        self.0.request();
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.is_requested()
    }
}

/// When to end with work left, and what a command is allowed. By default all is done, and the guards hold.
#[derive(Clone, Debug, Default)]
pub struct Limits(ApplyOptions);

impl Limits {
    /// No more than so many messages, over all accounts.
    pub fn max_messages(mut self, messages: u64) -> Self {
        self.0.chunk = Chunk { max_messages: Some(messages), ..self.0.chunk };
        self
    }

    /// No more than so many octets, over all accounts.
    pub fn max_octets(mut self, octets: u64) -> Self {
        self.0.chunk = Chunk { max_octets: Some(octets), ..self.0.chunk };
        self
    }

    /// No longer than this.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.0.chunk = Chunk { max_time: Some(time), ..self.0.chunk };
        self
    }

    /// A person has seen the plan, and all that it deletes may go: `--allow-deletes`.
    pub fn allow_deletes(mut self) -> Self {
        self.0.deletes = Deletes::Allowed;
        self
    }

    /// What does not fit into the destination's quota is begun all the same: `--over-quota`.
    pub fn over_quota(mut self) -> Self {
        self.0.room = Room::Unguarded;
        self
    }

    fn options(&self) -> ApplyOptions {
        self.0
    }
}

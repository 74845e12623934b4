//! What every command needs of the command line: the settings, the state, the accounts, and where words go.

use super::arguments::{Arguments, DEFAULT_CONFIG, Global, OutsideArguments};
use super::errors;
use super::outside::Outside;
use super::patience::patiently;
use super::progress::Progress;
use super::screen::Screen;
use super::settings_place::SettingsPlace;
use super::signals::{Interruption, Stage};
use super::supervisor::Supervisor;
use crate::config::{Settings, UrlTrust};
use crate::error::{Error, Kind, Result};
use crate::library::assembling::{answering, head, labels};
use crate::library::audit::{Trail, command_line};
use crate::library::exit_codes::ExitCode;
use crate::model::notify::Audience;
use crate::model::report::{AccountResult, StatusSummary, UnderWay};
use crate::model::run_ledger::{Accounted, RunLedger};
use crate::model::{Account, Condition, Direction, Side, Step};
use crate::pipeline::Migration;
use crate::pipeline::apply::extent;
use crate::pipeline::beside;
use crate::pipeline::status::status;
use crate::report::document::Head;
use crate::report::invocation::Invocation;
use crate::serve::watch::{self, Run};
use crate::store::Store;
use clap::CommandFactory;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// What is known of accounts, and who holds the state meanwhile.
pub struct Known {
    pub accounts: Vec<StatusSummary>,
    pub under_way: Option<UnderWay>,
}

/// The surroundings in which a command runs.
pub struct Context {
    pub global: Global,
    pub screen: Screen,
    pub progress: Arc<Progress>,
    pub interruption: Interruption,
    pub supervisor: Arc<Supervisor>,
    pub run: Run,
    /// The commands to type next.
    pub commands: Invocation,
    /// Where a state is that only serves to look; it goes at the end.
    pub(super) aside: OnceCell<TempDir>,
    /// What is shown outside of the terminal, where that is asked for.
    pub outside: OnceCell<Outside>,
    /// Of the state that is used, once it is.
    trail: OnceCell<Trail>,
    /// Who is to be told of a run, when it begins.
    pub(super) told: OnceCell<Audience>,
}

impl Context {
    /// Surroundings as the command line wants them, for that command.
    ///
    /// # Errors
    /// `Io` when signals cannot be listened for.
    pub fn new(global: Global, screen: Screen, command: &str, commands: Invocation) -> Result<Context> {
        let started = watch::now();
        let run = Run { id: format!("{started}-{}", std::process::id()), command: command.to_owned(), started };
        let supervisor = Arc::new(Supervisor::of_process());
        let progress = Arc::new(Progress::new(global.progress, global.quiet, &screen, &run, &supervisor));
        let interruption = Interruption::listen(&screen, &supervisor)?;
        let (aside, outside, trail, told) = (OnceCell::new(), OnceCell::new(), OnceCell::new(), OnceCell::new());
        Ok(Context { global, screen, progress, interruption, supervisor, run, commands, aside, outside, trail, told })
    }

    /// Records that this command uses the state in that directory. Without room for that there is none for the work
    /// either, which tells so; nobody is kept from looking.
    pub fn begin_trail(&self, state: &Path) {
        let settings = match self.global.settings_place() {
            Ok(SettingsPlace::File(file)) => Some(file),
            Ok(SettingsPlace::DefaultFile) => Some(PathBuf::from(DEFAULT_CONFIG)),
            _ => None,
        };
        let command = command_line(std::env::args_os().map(|word| word.to_string_lossy().into_owned()));
        match Trail::begin(state, &self.run.id, &command, settings.as_deref()) {
            Ok(trail) => drop(self.trail.set(trail)),
            Err(error) => self.warn(&error.line()),
        }
    }

    /// Tells something that is good to know, unless the user wants quiet.
    pub fn warn(&self, text: &str) {
        if !self.global.quiet {
            errors::warn(&self.screen, &self.commands.completed(text, &[]));
        }
    }

    /// Says which servers change their roles, where they do.
    pub fn tell_direction(&self, direction: Direction, migration: &Migration) {
        if direction == Direction::Forward || self.global.quiet {
            return;
        }
        let [source, destination] = Side::BOTH.map(|side| labels(migration, side).join(", "));
        self.screen.line(&format!("The way back: from {source}, which is only read, to {destination}"));
    }

    /// Reads the settings, and says what is doubtful in them.
    ///
    /// # Errors
    /// `Settings` with all mistakes. Contradictory options end the process as clap does: with the usage and status 2.
    pub fn settings_of_all_shards(&self) -> Result<Settings> {
        let place = self.global.settings_place().unwrap_or_else(|contradiction| {
            Arguments::command().error(clap::error::ErrorKind::ArgumentConflict, contradiction).exit()
        });
        let mut settings = match place {
            SettingsPlace::File(file) => Settings::from_file(&file)?,
            SettingsPlace::DefaultFile => Settings::from_file(default_file()?)?,
            SettingsPlace::Urls { source, destination } => {
                let state = self.global.state.as_deref();
                let Global { ca_file, fingerprint, .. } = &self.global;
                let trust = UrlTrust { ca_file: ca_file.as_deref(), fingerprints: fingerprint };
                Settings::from_urls(&source, &destination, state, trust)?
            }
        };
        if let Some(state) = &self.global.state {
            settings.state.clone_from(state);
        }
        settings.warnings.iter().for_each(|warning| self.warn(warning));
        Ok(settings)
    }

    /// As [`Context::settings_of_all_shards`], and of the shard that this run is for, if it is for one.
    ///
    /// # Errors
    /// As it; and as `Settings::of_shard`.
    pub fn settings(&self) -> Result<Settings> {
        let (settings, shard) = self.global.sharding.applied(self.settings_of_all_shards()?)?;
        if let Some(shard) = shard.filter(|_| settings.is_without_accounts()) {
            self.screen.line(&format!("No account belongs to shard {shard}: there is nothing to do."));
        }
        Ok(settings)
    }

    /// Opens a state that a scan has made.
    ///
    /// # Errors
    /// `State`, `Locked`.
    pub fn existing_store(&self, settings: &Settings) -> Result<Store> {
        self.store_at(&settings.state)
    }

    /// As [`Context::existing_store`], for a directory.
    ///
    /// # Errors
    /// `State`, `Locked`.
    pub fn store_at(&self, state: &Path) -> Result<Store> {
        self.told(Store::open_existing_telling(state, &mut |text| self.warn(text))?)
    }

    /// Where the state is, and the settings unless there are none and none are needed: with `--state` alone.
    ///
    /// # Errors
    /// As [`Context::settings`].
    pub fn state(&self) -> Result<(PathBuf, Option<Settings>)> {
        let nothing_named = self.global.settings_place() == Ok(SettingsPlace::DefaultFile);
        match &self.global.state {
            Some(state) if nothing_named && !Path::new(DEFAULT_CONFIG).exists() => Ok((state.clone(), None)),
            _ => self.settings().map(|settings| (settings.state.clone(), Some(settings))),
        }
    }

    /// Opens the state in that directory, or makes it.
    ///
    /// # Errors
    /// `State`, `Locked`.
    pub fn store(&self, state: &Path) -> Result<Store> {
        self.told(Store::open_telling(state, &mut |text| self.warn(text))?)
    }

    pub(super) fn told(&self, (store, notices): (Store, Vec<String>)) -> Result<Store> {
        notices.iter().for_each(|notice| self.warn(notice));
        let (screen, stop) = (self.screen.clone(), self.interruption.stop.clone());
        store.when_lost(move |why| {
            errors::warn(&screen, &format!("{why}; the work ends with the batch in hand"));
            stop.request();
        });
        Ok(store)
    }

    /// The accounts that these words want; the state is looked at only where they name conditions.
    ///
    /// # Errors
    /// `Settings`, `State`, `Locked`.
    pub fn select(&self, settings: &Settings, words: &[String]) -> Result<Vec<Account>> {
        let (accounts, conditions) = settings.select(words)?;
        if conditions.is_empty() {
            return Ok(accounts);
        }
        let known = self.known(settings, &accounts)?;
        Ok(self.narrowed(accounts, known.accounts, &conditions).0)
    }

    /// How these accounts stand: from the state, or from the run that holds it.
    ///
    /// # Errors
    /// `State`; `Locked` where the run does not answer.
    pub fn known(&self, settings: &Settings, accounts: &[Account]) -> Result<Known> {
        patiently(|| match self.existing_store(settings) {
            Ok(store) => Ok(Known { accounts: status(&store, accounts)?, under_way: None }),
            Err(error) if *error.kind() == Kind::Locked => {
                let names = accounts.iter().map(|account| account.name.to_string()).collect();
                let answer = beside::ask_status(&settings.state, names).ok_or(error);
                answer.map(|(accounts, under_way)| Known { accounts, under_way: Some(under_way) })
            }
            Err(error) => Err(error),
        })
    }

    /// Those of the accounts that are in one of these conditions, and how they stand; with none, all. Says so where that
    /// leaves nobody.
    pub fn narrowed(
        &self,
        accounts: Vec<Account>,
        known: Vec<StatusSummary>,
        conditions: &[Condition],
    ) -> (Vec<Account>, Vec<StatusSummary>) {
        if conditions.is_empty() {
            return (accounts, known);
        }
        let is_wanted = |it: &StatusSummary| conditions.contains(&it.condition);
        let wanted: (Vec<_>, Vec<_>) = accounts.into_iter().zip(known).filter(|(_, it)| is_wanted(it)).unzip();
        if wanted.0.is_empty() {
            let words: Vec<&str> = conditions.iter().map(|condition| condition.word()).collect();
            self.screen.line(&format!("No account is {}: there is nothing to do.", words.join(" or ")));
        }
        wanted
    }

    /// What the JSON of a run says of it, which began at that second and ends now.
    pub fn head<T: Accounted>(
        &self,
        migration: &Migration,
        step: Step,
        began: i64,
        results: &[AccountResult<T>],
    ) -> Head {
        head(Side::BOTH.map(|side| labels(migration, side)), step, began, results)
    }

    /// Shows this run outside of the terminal, as far as that is asked for.
    ///
    /// # Errors
    /// `Io`.
    pub fn show_outside(&self, arguments: &OutsideArguments, migration: &Migration) -> Result<()> {
        self.open_outside(arguments, self.told.get().cloned().unwrap_or_default(), migration)?;
        if let Some(outside) = self.outside.get() {
            outside.tell(&self.screen);
        }
        Ok(())
    }

    /// In the midst of a watch, from now on these are told of it, and nobody else.
    ///
    /// # Errors
    /// `Io`.
    pub fn tell_instead(&self, audience: Audience, arguments: &OutsideArguments, migration: &Migration) -> Result<()> {
        match self.outside.get() {
            Some(outside) => outside.follow(audience),
            None => self.open_outside(arguments, audience, migration)?,
        }
        Ok(())
    }

    fn open_outside(&self, arguments: &OutsideArguments, audience: Audience, migration: &Migration) -> Result<()> {
        let outside = Outside::open((arguments, audience), &self.commands, migration, &self.run)?;
        if let Some(outside) = outside {
            self.progress.show_outside(&outside.watch);
            // A command shows itself once.
            let _ = self.outside.set(outside);
        }
        Ok(())
    }

    /// The command has ended so.
    pub fn end(&self, code: ExitCode) {
        if let Some(outside) = self.outside.get() {
            outside.end(code);
        }
        if let Some(Err(error)) = self.trail.get().map(|trail| trail.end(code.number())) {
            self.warn(&error.line());
        }
        self.progress.conclude(code.number());
    }

    /// Does the work with progress shown, answers others meanwhile who ask how it stands, and clears the way for its results.
    pub fn watched<T>(&self, migration: &Migration, step: Step, work: impl FnOnce(&Migration) -> T) -> T {
        self.interruption.enter(Stage::Working);
        if let Some(outside) = self.outside.get() {
            outside.begin(migration);
        }
        // What a plan has to do is known before it is begun.
        let planned = (step == Step::Apply).then(|| extent(migration)).flatten();
        self.progress.begin(migration.accounts.len(), planned);
        let (result, told) = answering(migration, step, work);
        if let Err(error) = told {
            self.warn(&error.line());
        }
        self.progress.clear();
        if let Some(outside) = self.outside.get() {
            outside.settle(migration);
        }
        result
    }

    /// Ends a command that worked on accounts: lists all failures, and says how to go on with it after an interruption. Its
    /// status is what the ledgers say.
    pub fn conclude<T: Accounted>(&self, results: &[AccountResult<T>], command: &str) -> ExitCode {
        self.ended(results, ExitCode::of_ledgers(&RunLedger::of(results)), command)
    }

    /// As [`Context::conclude`]; whether there is something to do is told, too.
    pub fn conclude_in_detail<T: Accounted>(&self, results: &[AccountResult<T>], command: &str) -> ExitCode {
        self.ended(results, ExitCode::of_ledgers_in_detail(&RunLedger::of(results)), command)
    }

    fn ended<T: Accounted>(&self, results: &[AccountResult<T>], code: ExitCode, command: &str) -> ExitCode {
        let failures = results.iter().flat_map(|result| match &result.result {
            Ok(success) => success.failures(),
            Err(error) => vec![error],
        });
        let unlisted = results.iter().filter_map(|result| result.done().ok()).map(Accounted::unlisted_failures);
        let told = (&self.commands, command);
        errors::show_failures(&self.screen, &failures.collect::<Vec<_>>(), unlisted.sum(), told);
        if code == ExitCode::Interrupted {
            let again = self.commands.again(command);
            self.screen.line(&format!("\nInterrupted: all that was done is recorded. To go on, run: {again}"));
        }
        code
    }
}

/// The settings file where none was named.
fn default_file() -> Result<&'static Path> {
    let file = Path::new(DEFAULT_CONFIG);
    if file.exists() {
        return Ok(file);
    }
    Err(Error::new(Kind::Settings, format!("there is no {DEFAULT_CONFIG} here, and no other settings were named"))
        .hint("write one with `mailferry init`, name yours with -c FILE, or name two mailboxes with --source and --destination"))
}

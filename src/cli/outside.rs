//! What a run shows outside of its terminal: its page, and a file of figures; and whom it tells.

use super::arguments::OutsideArguments;
use super::screen::Screen;
use crate::error::{Error, Kind, Result, Scope};
use crate::library::exit_codes::ExitCode;
use crate::model::Account;
use crate::model::account_report::{AccountReport, MessageReport};
use crate::model::notify::Audience;
use crate::model::report::StatusSummary;
use crate::pipeline::herald::{Herald, Speaker};
use crate::pipeline::{Migration, beside};
use crate::report::dossier;
use crate::report::invocation::Invocation;
use crate::serve::rows::Enrolled;
use crate::serve::server::Server;
use crate::serve::watch::{Run, Stage, Watch};
use crate::serve::{Desk, clerk, metrics, token};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two writings of the file of figures; Prometheus looks once in 15 seconds, as a rule.
const FIGURES_INTERVAL: Duration = Duration::from_secs(10);

/// Messages of an account that the page tells of; a report has all.
const MESSAGES_ON_THE_PAGE: usize = 200;

/// As long as the command lasts, over all rounds of a watch.
pub struct Outside {
    pub watch: Arc<Watch>,
    server: Option<Server>,
    figures: Option<Arc<Figures>>,
    herald: Arc<Mutex<Option<Herald>>>,
    /// Of the round; empty where there is no page.
    accounts: Arc<Mutex<Vec<Account>>>,
}

impl Outside {
    /// Opens what the arguments and the settings ask for; `None` where they ask for nothing.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(
        (arguments, audience): (&OutsideArguments, Audience),
        commands: &Invocation,
        migration: &Migration,
        run: &Run,
    ) -> Result<Option<Outside>> {
        if arguments.serve.is_none() && arguments.metrics_file.is_none() && audience.notifies.is_empty() {
            return Ok(None);
        }
        let watch = Arc::new(Watch::new(run.clone()));
        let (state, accounts) = (migration.store.directory().to_owned(), Arc::<Mutex<Vec<Account>>>::default());
        let desk: Arc<dyn Desk> = Arc::new(StateDesk { state, commands: commands.clone(), accounts: accounts.clone() });
        let file = migration.store.page_file();
        let open = |place| Server::open(place, &watch, &desk, || token::kept(&file));
        let server = arguments.serve.as_ref().map(open).transpose()?;
        let figures = arguments.metrics_file.clone().map(|file| Arc::new(Figures { file, is_over: Mutex::new(false) }));
        if let Some(figures) = &figures {
            metrics::write(&watch, &figures.file).map_err(|why| unwritten(&figures.file, &why))?;
        }
        let (id, command) = (run.id.clone(), run.command.clone());
        let speaker = Speaker { run: id, command, complain: |what| tracing::warn!("{what}") };
        let herald = Arc::new(Mutex::new(Some(Herald::start(audience, speaker))));
        let duties = figures.iter().map(|figures| writing(figures.clone())).chain([telling(herald.clone())]);
        clerk::start(&watch, &desk, duties.collect());
        Ok(Some(Outside { watch, server, figures, herald, accounts }))
    }

    /// The command begins: who wants to know is told, and where the page is.
    pub fn tell(&self, screen: &Screen) {
        if let Some(herald) = &*locked(&self.herald) {
            herald.begin();
        }
        if let Some(server) = &self.server {
            screen.line(&format!("The run can be watched at {}", server.address));
        }
    }

    /// From now on these are told, and nobody else.
    pub fn follow(&self, audience: Audience) {
        if let Some(herald) = &*locked(&self.herald) {
            herald.follow(audience);
        }
    }

    /// A round begins.
    pub fn begin(&self, migration: &Migration) {
        if self.server.is_some() {
            self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&migration.accounts);
        }
        self.watch.begin(migration.accounts.iter().map(Enrolled::from).collect(), migration.jobs);
    }

    /// The work of a round is over, and its state is still open.
    pub fn settle(&self, migration: &Migration) {
        clerk::settle(&self.watch, |accounts| beside::standings_at_the_end(migration, accounts).ok());
    }

    /// The round ended so, and the next one begins then.
    pub fn rest(&self, code: ExitCode, next: i64) {
        self.note(code);
        self.watch.turn(Stage::Resting(next));
    }

    fn note(&self, code: ExitCode) {
        if code.is_clean() {
            self.watch.succeed();
        }
    }

    /// The command ended so.
    pub fn end(&self, code: ExitCode) {
        self.note(code);
        self.watch.turn(Stage::Ended(code.number()));
        if let Some(figures) = &self.figures {
            figures.write(&self.watch, true);
        }
        tell_news(&self.watch, &self.herald);
        if let Some(herald) = locked(&self.herald).take() {
            herald.end(code.number());
        }
    }
}

fn telling(herald: Arc<Mutex<Option<Herald>>>) -> clerk::Duty {
    Box::new(move |watch| tell_news(watch, &herald))
}

fn tell_news(watch: &Watch, herald: &Mutex<Option<Herald>>) {
    let news = watch.take_news();
    if let Some(herald) = &*locked(herald) {
        news.into_iter().for_each(|news| herald.tell(news));
    }
}

fn locked(herald: &Mutex<Option<Herald>>) -> MutexGuard<'_, Option<Herald>> {
    herald.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of figures. The last ones stay: the process does not end in the midst of writing others.
struct Figures {
    file: PathBuf,
    is_over: Mutex<bool>,
}

impl Figures {
    /// Nobody fails because figures cannot be written.
    fn write(&self, watch: &Watch, is_last: bool) {
        let mut is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_over {
            return;
        }
        *is_over = is_last;
        if let Err(why) = metrics::write(watch, &self.file) {
            tracing::warn!("{}", unwritten(&self.file, &why).line());
        }
    }
}

fn writing(figures: Arc<Figures>) -> clerk::Duty {
    let mut written = Instant::now();
    Box::new(move |watch| {
        if written.elapsed() >= FIGURES_INTERVAL {
            written = Instant::now();
            figures.write(watch, false);
        }
    })
}

fn unwritten(file: &Path, why: &std::io::Error) -> Error {
    let what = format!("could not write the figures to {}", file.display());
    let hint = "name a file in a directory that you may write in: it is replaced whole each time";
    Error::new(Kind::Io, what).because(why).scope(Scope::Run).hint(hint)
}

/// Asks the run itself, as every other process does, and looks into its state between two rounds.
struct StateDesk {
    state: PathBuf,
    commands: Invocation,
    accounts: Arc<Mutex<Vec<Account>>>,
}

impl Desk for StateDesk {
    fn standings(&self, accounts: &[String]) -> Option<Vec<StatusSummary>> {
        beside::ask_status(&self.state, accounts.to_vec()).map(|(summaries, _)| summaries)
    }

    fn account(&self, account: &str) -> Result<Value> {
        let commands = ["status", "sync", "verify", "pause"].map(|command| self.next(command, &[account]));
        let report = match beside::ask_report(&self.state, account) {
            Some(report) => Some(report?),
            None => self.looked_up(account)?,
        };
        let (told, more) = report.map_or((Value::Null, 0), |report| self.told(report));
        Ok(json!({ "account": told, "more": more, "commands": commands }))
    }
}

impl StateDesk {
    fn looked_up(&self, name: &str) -> Result<Option<AccountReport>> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.iter().find(|account| *account.name == *name).cloned();
        drop(accounts);
        account.map_or(Ok(None), |account| beside::look_up(&self.state, &account))
    }

    /// The account, and how many messages there are that are not told of.
    fn told(&self, mut report: AccountReport) -> (Value, u64) {
        let more = report.messages.len().saturating_sub(MESSAGES_ON_THE_PAGE) as u64 + report.unlisted;
        report.messages.truncate(MESSAGES_ON_THE_PAGE);
        let account = report.status.account.clone();
        let mut told = dossier::json::account(&report);
        told["failures_listed"] = report.failures.iter().map(|failure| failure.line.as_str()).collect();
        for (told, message) in told["messages"].as_array_mut().into_iter().flatten().zip(&report.messages) {
            told["command"] = json!(self.explanation(&account, message));
        }
        (told, more)
    }

    fn explanation(&self, account: &str, message: &MessageReport) -> String {
        self.next("explain", &[account, &message.mailbox, &message.uid.to_string()])
    }

    fn next(&self, command: &str, words: &[&str]) -> String {
        self.commands.about(words).next(command)
    }
}

//! What a run shows outside of its terminal: its page, and a file of figures.

use super::arguments::{Global, OutsideArguments};
use super::exit_codes::ExitCode;
use super::invocation::Invocation;
use super::screen::Screen;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::Step;
use crate::model::account_report::{AccountReport, MessageReport};
use crate::model::report::StatusSummary;
use crate::pipeline::{Migration, beside};
use crate::report::dossier;
use crate::serve::server::Server;
use crate::serve::watch::{Run, Stage, Watch, now};
use crate::serve::{Desk, clerk, metrics, token};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two writings of the file of figures; Prometheus looks once in 15 seconds, as a rule.
const FIGURES_INTERVAL: Duration = Duration::from_secs(10);

/// Messages of an account that the page tells of; a report has all.
const MESSAGES_ON_THE_PAGE: usize = 200;

/// As long as the command lasts, over all rounds of a watch.
pub struct Outside {
    pub watch: Arc<Watch>,
    server: Option<Server>,
    figures: Option<PathBuf>,
}

impl Outside {
    /// Opens what the arguments ask for; `None` where they ask for nothing.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(
        arguments: &OutsideArguments,
        global: &Global,
        migration: &Migration,
        step: Step,
    ) -> Result<Option<Outside>> {
        if arguments.serve.is_none() && arguments.metrics_file.is_none() {
            return Ok(None);
        }
        let started = now();
        let run = Run { id: format!("{started}-{}", std::process::id()), command: step.word().to_owned(), started };
        let watch = Arc::new(Watch::new(run));
        let desk: Arc<dyn Desk> =
            Arc::new(StateDesk { state: migration.store.directory().to_owned(), global: global.clone() });
        let file = migration.store.page_file();
        let open = |place| Server::open(place, &watch, &desk, || token::kept(&file));
        let server = arguments.serve.as_ref().map(open).transpose()?;
        let figures = arguments.metrics_file.clone();
        if let Some(file) = &figures {
            metrics::write(&watch, file).map_err(|why| unwritten(file, &why))?;
        }
        clerk::start(&watch, &desk, figures.iter().map(|file| writing(file.clone())).collect());
        Ok(Some(Outside { watch, server, figures }))
    }

    /// Says where the page is.
    pub fn tell(&self, screen: &Screen) {
        if let Some(server) = &self.server {
            screen.line(&format!("The run can be watched at {}", server.address));
        }
    }

    /// A round begins.
    pub fn begin(&self, migration: &Migration) {
        self.watch.begin(migration.accounts.iter().map(|account| account.name.clone()).collect());
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
        if code == ExitCode::Done {
            self.watch.succeed();
        }
    }

    /// The command ended so.
    pub fn end(&self, code: ExitCode) {
        self.note(code);
        self.watch.turn(Stage::Ended(code.number()));
        if let Some(file) = &self.figures {
            write(&self.watch, file);
        }
    }
}

/// Nobody fails because figures cannot be written.
fn write(watch: &Watch, file: &Path) {
    if let Err(why) = metrics::write(watch, file) {
        tracing::warn!("{}", unwritten(file, &why).line());
    }
}

fn writing(file: PathBuf) -> clerk::Duty {
    let mut written = Instant::now();
    Box::new(move |watch| {
        if written.elapsed() >= FIGURES_INTERVAL {
            written = Instant::now();
            write(watch, &file);
        }
    })
}

fn unwritten(file: &Path, why: &std::io::Error) -> Error {
    let what = format!("could not write the figures to {}", file.display());
    let hint = "name a file in a directory that you may write in: it is replaced whole each time";
    Error::new(Kind::Io, what).because(why).scope(Scope::Run).hint(hint)
}

/// Asks the run itself, as every other process does.
struct StateDesk {
    state: PathBuf,
    global: Global,
}

impl Desk for StateDesk {
    fn standings(&self, accounts: &[String]) -> Option<Vec<StatusSummary>> {
        beside::ask_status(&self.state, accounts.to_vec()).map(|(summaries, _)| summaries)
    }

    fn account(&self, account: &str) -> Option<Result<Value>> {
        beside::ask_report(&self.state, account).map(|report| report.map(|report| self.told(report)))
    }
}

impl StateDesk {
    fn told(&self, mut report: AccountReport) -> Value {
        let more = report.messages.len().saturating_sub(MESSAGES_ON_THE_PAGE) as u64 + report.unlisted;
        report.messages.truncate(MESSAGES_ON_THE_PAGE);
        let account = report.status.account.clone();
        let mut told = dossier::json::account(&report);
        told["failures_listed"] = report.failures.iter().map(|failure| failure.line.as_str()).collect();
        for (told, message) in told["messages"].as_array_mut().into_iter().flatten().zip(&report.messages) {
            told["command"] = json!(self.explanation(&account, message));
        }
        let commands = ["sync", "verify", "pause"].map(|command| self.next(command, &[&account]));
        json!({ "account": told, "more": more, "commands": commands })
    }

    fn explanation(&self, account: &str, message: &MessageReport) -> String {
        self.next("explain", &[account, &message.mailbox, &message.uid.to_string()])
    }

    fn next(&self, command: &str, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Invocation::new(&self.global, &words).next(command)
    }
}

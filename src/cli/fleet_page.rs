//! The page over the processes of several shards: what they tell in their state directories, looked at again and again. No state is
//! opened, and nothing of theirs is changed.

use super::context::Context;
use super::signals::Stage as Interrupted;
use crate::error::Result;
use crate::model::ServerId;
use crate::model::report::StatusSummary;
use crate::pipeline::Stop;
use crate::pipeline::merged::Merged;
use crate::report::dossier;
use crate::report::invocation::Invocation;
use crate::serve::place::Place;
use crate::serve::rows::Enrolled;
use crate::serve::server::Server;
use crate::serve::watch::Watch;
use crate::serve::{Desk, clerk, token};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at what is told, which happens as often.
const LOOK: Duration = Duration::from_secs(10);

/// How often a wait looks whether the user asked to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(100);

/// Serves the page there until the user asks to stop.
///
/// # Errors
/// `Io`; `State`, where what is told cannot be read at the beginning.
pub fn serve(context: &Context, directories: &[PathBuf], place: &Place) -> Result<()> {
    let watch = Arc::new(Watch::new(context.run.clone()));
    let told = Arc::new(Told {
        directories: directories.to_vec(),
        standings: Mutex::default(),
        findings: Mutex::default(),
        commands: context.commands.clone(),
    });
    let desk: Arc<dyn Desk> = told.clone();
    told.look(&watch)?;
    let server = Server::open(place, &watch, &desk, token::random)?;
    clerk::start(&watch, &desk, Vec::new());
    context.interruption.enter(Interrupted::Waiting);
    context.screen.line(&format!("The run can be watched at {}", server.address));
    while waited(&context.interruption.stop) {
        // A file that is just being replaced on a disk far away may not be there for a moment.
        if let Err(why) = told.look(&watch) {
            context.warn(&why.line());
        }
    }
    Ok(())
}

/// Whether the time passed before the user asked to stop.
fn waited(stop: &Stop) -> bool {
    let start = Instant::now();
    while start.elapsed() < LOOK && !stop.is_requested() {
        thread::sleep(STOP_INTERVAL);
    }
    !stop.is_requested()
}

/// What was told last.
struct Told {
    directories: Vec<PathBuf>,
    standings: Mutex<BTreeMap<String, StatusSummary>>,
    /// What keeps it from being the whole truth.
    findings: Mutex<Vec<String>>,
    commands: Invocation,
}

fn locked<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    /// Takes in what is told by now.
    fn look(&self, watch: &Watch) -> Result<()> {
        let merged = Merged::of(&self.directories)?;
        let told: BTreeMap<_, _> = merged.statuses()?.into_iter().map(|it| (it.account.clone(), it)).collect();
        let before = std::mem::replace(&mut *locked(&self.standings), told);
        let standings = locked(&self.standings);
        let names: Vec<String> = standings.keys().cloned().collect();
        let is_same = before.keys().eq(standings.keys());
        drop(standings);
        if is_same && !names.is_empty() {
            watch.unsettle(&names);
        } else {
            let enrolled = |name: String| Enrolled { name, wave: None, servers: [ServerId(0), ServerId(0)] };
            watch.begin(names.into_iter().map(enrolled).collect(), 1);
        }
        let known = std::mem::replace(&mut *locked(&self.findings), merged.findings.clone());
        let new = merged.findings.iter().filter(|finding| !known.contains(finding));
        new.for_each(|finding| watch.notice("", finding));
        Ok(())
    }
}

impl Desk for Told {
    fn standings(&self, accounts: &[String]) -> Option<Vec<StatusSummary>> {
        let told = locked(&self.standings);
        accounts.iter().map(|account| told.get(account).cloned()).collect()
    }

    fn account(&self, account: &str) -> Result<Value> {
        let mut told = Value::Null;
        Merged::of(&self.directories)?.reports(|report| {
            if report.status.account == account {
                told = dossier::json::account(report);
            }
            Ok(())
        })?;
        let commands = ["status", "sync", "verify"].map(|command| self.commands.about(&[account]).next(command));
        Ok(json!({ "account": told, "more": 0, "commands": commands }))
    }
}

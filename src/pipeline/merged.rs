//! What several processes tell of their accounts, put together: `report --from` and `status --from`. Nobody's state is opened.

use crate::error::{Error, Kind, Result};
use crate::model::account_report::AccountReport;
use crate::model::bulletin::{Bulletin, Heard, findings, tellers};
use crate::model::report::StatusSummary;
use crate::store::bulletin::{Paper, Told, read};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// All that is told in some state directories.
pub struct Merged {
    pub directories: Vec<PathBuf>,
    pub heard: Vec<Heard>,
    /// The number of the directory that counts for each account.
    tellers: BTreeMap<String, usize>,
    /// What keeps it from being the whole truth.
    pub findings: Vec<String>,
}

impl Merged {
    /// Listens to the processes of these states.
    ///
    /// # Errors
    /// `State`; `Settings` where none of them tells anything.
    pub fn of(directories: &[PathBuf]) -> Result<Merged> {
        let mut listened = Vec::new();
        for directory in directories {
            listened.push(heard(directory)?);
        }
        let newest = listened.iter().filter_map(|(_, written)| *written).max();
        let older = |written: SystemTime| newest.and_then(|newest| newest.duration_since(written).ok());
        let heard: Vec<Heard> = listened
            .into_iter()
            .map(|(heard, written)| {
                let older_by_seconds = written.and_then(older).map_or(0, |it| it.as_secs());
                Heard { older_by_seconds, ..heard }
            })
            .collect();
        if heard.iter().all(|one| one.bulletin.is_none()) {
            return Err(Error::new(Kind::Settings, "none of these directories tells how accounts stand").hint(
                "name state directories of processes that ran with `--shard`; each tells it there, in mailferry.report",
            ));
        }
        let tellers = tellers(&heard).into_iter().map(|(account, number)| (account.to_owned(), number)).collect();
        Ok(Merged { directories: directories.to_vec(), findings: findings(&heard), heard, tellers })
    }

    /// Of how many accounts.
    pub fn accounts(&self) -> usize {
        self.tellers.len()
    }

    /// Hands each account's report over, one after the other; of accounts whose run has not ended, that of the run before.
    ///
    /// # Errors
    /// `State`, and what `take` gives.
    pub fn reports(&self, mut take: impl FnMut(&AccountReport) -> Result<()>) -> Result<()> {
        for (number, directory) in self.directories.iter().enumerate() {
            let Some(told) = read::<AccountReport>(directory, Paper::Report)? else { continue };
            for report in told.accounts {
                let report = report?;
                if self.counts(number, &report.status.account) {
                    take(&report)?;
                }
            }
        }
        Ok(())
    }

    /// How each account stands: while a run is under way, by what that tells.
    ///
    /// # Errors
    /// `State`.
    pub fn statuses(&self) -> Result<Vec<StatusSummary>> {
        let mut standings: BTreeMap<String, StatusSummary> = BTreeMap::new();
        self.reports(|report| {
            standings.insert(report.status.account.clone(), report.status.clone());
            Ok(())
        })?;
        for (number, directory) in self.directories.iter().enumerate() {
            let Some(told) = read::<StatusSummary>(directory, Paper::Progress)? else { continue };
            for standing in told.accounts {
                let standing = standing?;
                if self.counts(number, &standing.account) {
                    standings.insert(standing.account.clone(), standing);
                }
            }
        }
        Ok(standings.into_values().collect())
    }

    fn counts(&self, number: usize, account: &str) -> bool {
        self.tellers.get(account) == Some(&number)
    }

    /// The servers of a side, as all processes name them.
    pub fn servers(&self, of: impl Fn(&Bulletin) -> &Vec<String>) -> Vec<String> {
        let told = self.heard.iter().filter_map(|one| one.bulletin.as_ref());
        told.flat_map(|told| of(told).clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What is told in that directory, and when.
fn heard(directory: &Path) -> Result<(Heard, Option<SystemTime>)> {
    let mut heard = Heard { directory: directory.display().to_string(), ..Heard::default() };
    let (mut accounts, mut written) = (BTreeMap::new(), None);
    if let Some(Told { head, accounts: reports, written: at }) = read::<AccountReport>(directory, Paper::Report)? {
        (heard.bulletin, written) = (Some(head), Some(at));
        for report in reports {
            let status = report?.status;
            accounts.insert(status.account.clone(), last_run(&status));
        }
    }
    if let Some(Told { head, accounts: standings, written: at }) = read::<StatusSummary>(directory, Paper::Progress)? {
        (heard.bulletin, written) = (Some(head), Some(at));
        for status in standings {
            let status = status?;
            accounts.insert(status.account.clone(), last_run(&status));
        }
    }
    heard.accounts = accounts.into_iter().collect();
    Ok((heard, written))
}

fn last_run(status: &StatusSummary) -> i64 {
    status.status.last_run.as_ref().map_or(0, |run| run.started)
}

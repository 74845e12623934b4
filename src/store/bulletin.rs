//! What a process tells of its accounts in files of its state directory, for those who do not hold the state. They are replaced
//! whole: the report at the end of a run, an account a line; and while it is under way, how the accounts stand.

use super::directory::StateDirectory;
use super::ownership;
use crate::error::{Error, Kind, Result};
use crate::model::account_report::AccountReport;
use crate::model::bulletin::Bulletin;
use crate::model::report::StatusSummary;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// More than an account's report is long.
const LONGEST_LINE_OCTETS: u64 = 1 << 30;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paper {
    Report,
    Progress,
}

impl Paper {
    fn path(self, directory: &Path) -> PathBuf {
        let directory = StateDirectory::named(directory);
        match self {
            Paper::Report => directory.report(),
            Paper::Progress => directory.progress(),
        }
    }
}

/// Writes such a file: the head, and an account a line.
fn write<T: Serialize>(
    directory: &Path,
    paper: Paper,
    head: &Bulletin,
    accounts: impl Iterator<Item = Result<T>>,
) -> Result<()> {
    let path = paper.path(directory);
    let refused = |why: io::Error| {
        Error::new(Kind::State, format!("could not tell how the accounts stand in {}", path.display()))
            .because(why)
            .hint("see to it that the state directory can be written to, and that its disk has room")
    };
    let temporary = tempfile::Builder::new().prefix(".mailferry-").tempfile_in(directory).map_err(refused)?;
    let mut file = BufWriter::new(temporary);
    write_line(&mut file, head).map_err(refused)?;
    for account in accounts {
        write_line(&mut file, &account?).map_err(refused)?;
    }
    let temporary = file.into_inner().map_err(|why| refused(why.into_error()))?;
    temporary.persist(&path).map_err(|why| refused(why.error))?;
    Ok(())
}

fn write_line(file: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, value)?;
    file.write_all(b"\n")
}

/// Tells at the end of a run what became of these accounts. What was told of others before stays.
///
/// # Errors
/// [`Kind::State`], and what `accounts` gives.
pub fn tell_report(
    directory: &Path,
    head: &Bulletin,
    accounts: impl Iterator<Item = Result<AccountReport>>,
    is_kept: impl Fn(&str) -> bool,
) -> Result<()> {
    // What cannot be read any more is told anew when its accounts have their turn.
    let before = read::<AccountReport>(directory, Paper::Report).ok().flatten();
    let before = before.into_iter().flat_map(|told| told.accounts).map_while(Result::ok);
    let kept = before.filter(|report| is_kept(&report.status.account)).map(Ok);
    write(directory, Paper::Report, head, accounts.chain(kept))
}

/// Tells how the accounts of a run stand that is under way.
///
/// # Errors
/// [`Kind::State`].
pub fn tell_progress(directory: &Path, head: &Bulletin, accounts: &[StatusSummary]) -> Result<()> {
    write(directory, Paper::Progress, head, accounts.iter().map(Ok))
}

/// The run is not under way any more.
pub fn end_progress(directory: &Path) {
    let _ = fs::remove_file(Paper::Progress.path(directory));
}

/// What was told.
pub struct Told<T> {
    pub head: Bulletin,
    pub accounts: Accounts<T>,
    /// When, by the file system's clock.
    pub written: SystemTime,
}

/// Reads through the accounts.
pub struct Accounts<T> {
    path: PathBuf,
    lines: BufReader<File>,
    told: std::marker::PhantomData<T>,
}

/// What the process of the state in that directory tells; `None` where it tells nothing.
///
/// # Errors
/// [`Kind::State`] where the file is not ours, or not what was written.
pub fn read<T: DeserializeOwned>(directory: &Path, paper: Paper) -> Result<Option<Told<T>>> {
    let path = paper.path(directory);
    if let Some(objection) = ownership::objection(&path) {
        return Err(unread(&path, &objection));
    }
    let file = match File::open(&path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|why| unread(&path, &why))?,
    };
    let written = file.metadata().and_then(|metadata| metadata.modified()).map_err(|why| unread(&path, &why))?;
    let mut accounts = Accounts { path: path.clone(), lines: BufReader::new(file), told: std::marker::PhantomData };
    let head = accounts.line()?.ok_or_else(|| unread(&path, "it is empty"))?;
    Ok(Some(Told { head, accounts, written }))
}

impl<T> Accounts<T> {
    fn line<L: DeserializeOwned>(&mut self) -> Result<Option<L>> {
        let mut text = Vec::new();
        let read = self.lines.by_ref().take(LONGEST_LINE_OCTETS).read_until(b'\n', &mut text);
        match read.map_err(|why| unread(&self.path, &why))? {
            0 => Ok(None),
            _ => serde_json::from_slice(&text).map(Some).map_err(|why| unread(&self.path, &why)),
        }
    }
}

impl<T: DeserializeOwned> Iterator for Accounts<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.line().transpose()
    }
}

fn unread(path: &Path, why: &(impl ToString + ?Sized)) -> Error {
    Error::new(Kind::State, format!("could not read how accounts stand in {}", path.display()))
        .because(why.to_string())
        .hint("where it is damaged, remove it: the next run writes it anew")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::open;

    fn standing(account: &str) -> StatusSummary {
        let (_directory, store) = open();
        let mark = store.marks().unwrap().get(account).copied();
        let status = store.account(account).status().unwrap();
        let condition = crate::model::Condition::of(mark, crate::model::Turn::None, None, &status.ledger);
        let (account, attempt, runs) = (account.to_owned(), None, Vec::new());
        StatusSummary { account, status, failures: 0, planned: 0, attempt, condition, runs }
    }

    fn report(account: &str, user: &str) -> AccountReport {
        AccountReport {
            source_user: user.to_owned(),
            destination_user: user.to_owned(),
            status: standing(account),
            mailboxes: Vec::new(),
            omitted: Vec::new(),
            messages: Vec::new(),
            unlisted: 0,
            failures: Vec::new(),
            verification: None,
            differences: Default::default(),
        }
    }

    fn users(directory: &Path) -> Vec<String> {
        let told = read::<AccountReport>(directory, Paper::Report).unwrap().unwrap();
        told.accounts
            .map(|report| report.unwrap())
            .map(|it| format!("{}:{}", it.status.account, it.source_user))
            .collect()
    }

    #[test]
    fn report_of_some_accounts_leaves_what_was_told_of_others() {
        let (directory, _store) = open();
        let (directory, head) = (directory.path(), Bulletin { made: 7, ..Bulletin::default() });
        assert!(read::<AccountReport>(directory, Paper::Report).unwrap().is_none());
        let reports = |accounts: &[(&str, &str)]| -> Vec<Result<AccountReport>> {
            accounts.iter().map(|(account, user)| Ok(report(account, user))).collect()
        };
        tell_report(directory, &head, reports(&[("a", "1"), ("b", "1")]).into_iter(), |_| true).unwrap();
        tell_report(directory, &head, reports(&[("b", "2")]).into_iter(), |account| account != "b").unwrap();
        assert_eq!(users(directory), ["b:2", "a:1"]);
        assert_eq!(read::<AccountReport>(directory, Paper::Report).unwrap().unwrap().head, head);
    }

    #[test]
    fn progress_is_told_until_it_ends_and_junk_is_an_error() {
        let (directory, _store) = open();
        let directory = directory.path();
        tell_progress(directory, &Bulletin::default(), &[standing("a"), standing("b")]).unwrap();
        let told = read::<StatusSummary>(directory, Paper::Progress).unwrap().unwrap();
        assert_eq!(told.accounts.map(|it| it.unwrap().account).collect::<Vec<_>>(), ["a", "b"]);
        fs::write(Paper::Progress.path(directory), "{").unwrap();
        assert_eq!(read::<StatusSummary>(directory, Paper::Progress).err().unwrap().kind(), &Kind::State);
        end_progress(directory);
        assert!(read::<StatusSummary>(directory, Paper::Progress).unwrap().is_none());
    }
}

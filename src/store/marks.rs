//! What people have said of accounts: paused, or complete. A file beside the database, replaced whole, so that it can be
//! changed and read while another process holds the state.

use super::directory::StateDirectory;
use super::files::{read_json, replace_json};
use super::handle::Store;
use super::ownership;
use crate::error::{Error, Kind, Result};
use crate::model::Mark;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Marks by the names of their accounts.
pub type Marks = BTreeMap<String, Mark>;

impl Store {
    /// What people have said; of an account that is not there nothing.
    ///
    /// # Errors
    ///
    /// [`Kind::State`] where the file is not ours, or not what was written.
    pub fn marks(&self) -> Result<Marks> {
        marks(self.directory())
    }
}

/// As [`Store::marks`], without holding the state.
///
/// # Errors
///
/// [`Kind::State`].
pub fn marks(directory: &Path) -> Result<Marks> {
    read(&StateDirectory::named(directory).marks())
}

/// Changes what is said of these accounts; `None` takes it back. Gives the names of those for which that was new.
///
/// # Errors
///
/// [`Kind::State`] where there is no state, or the file cannot be written.
pub fn mark(directory: &Path, accounts: &[&str], mark: Option<Mark>) -> Result<Vec<String>> {
    let state = StateDirectory::existing(directory)?;
    let path = state.marks();
    let _alone = alone(&state).map_err(|why| unwritten(&path).because(why))?;
    let mut marks = read(&path)?;
    let mut changed = Vec::new();
    for account in accounts {
        let before = match mark {
            Some(mark) => marks.insert((*account).to_owned(), mark),
            None => marks.remove(*account),
        };
        if before != mark {
            changed.push((*account).to_owned());
        }
    }
    if !changed.is_empty() {
        replace_json(directory, &path, &marks).map_err(|why| unwritten(&path).because(why))?;
    }
    Ok(changed)
}

fn read(path: &Path) -> Result<Marks> {
    read_json(path).map_err(|why| unread(path).because(why))
}

/// Two who change marks at the same time do so one after the other.
fn alone(state: &StateDirectory) -> io::Result<File> {
    let file = ownership::open(&state.marks_lock())?;
    // SAFETY: the descriptor is open for the whole call, and flock touches no memory of ours.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } {
        0 => Ok(file),
        _ => Err(io::Error::last_os_error()),
    }
}

fn unread(path: &Path) -> Error {
    Error::new(Kind::State, format!("could not read what was said of accounts in {}", path.display()))
        .hint("remove the file: then no account is paused or complete, and you can say so again")
}

fn unwritten(path: &Path) -> Error {
    Error::new(Kind::State, format!("could not write what was said of accounts to {}", path.display()))
        .hint("see to it that the state directory can be written to, and that its disk has room")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::open;
    use std::fs;

    #[test]
    fn marks_are_changed_beside_the_one_who_holds_the_state() {
        let (directory, store) = open();
        assert!(store.marks().unwrap().is_empty());
        let path = directory.path();
        assert_eq!(mark(path, &["alice", "bob"], Some(Mark::Paused)).unwrap(), ["alice", "bob"]);
        assert_eq!(mark(path, &["alice", "carol"], Some(Mark::Paused)).unwrap(), ["carol"]);
        assert_eq!(mark(path, &["bob"], Some(Mark::Complete)).unwrap(), ["bob"]);
        assert_eq!(mark(path, &["alice", "dave"], None).unwrap(), ["alice"]);
        let expected = [("bob".to_owned(), Mark::Complete), ("carol".to_owned(), Mark::Paused)];
        assert_eq!(store.marks().unwrap(), Marks::from(expected));
    }

    #[test]
    fn file_that_is_not_what_was_written_is_named_and_left() {
        let (directory, store) = open();
        let path = directory.path().join("mailferry.marks");
        fs::write(&path, "{\"alice\": \"asleep\"}").unwrap();
        let error = store.marks().unwrap_err();
        assert_eq!(error.kind(), &Kind::State);
        assert!(error.advice().is_some());
        assert!(mark(directory.path(), &["bob"], Some(Mark::Paused)).is_err());
        assert!(fs::read_to_string(&path).unwrap().contains("asleep"));
    }
}

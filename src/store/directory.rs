//! The state directory: recognising ours, creating it, and the names in it.
//!
//! ```text
//! mailferry.lock            held by the process that uses the directory; also the sign that it is ours
//! mailferry.lease           who that is, for other machines where the file system has no locks; renewed while it is held
//! mailferry.marks           what people have said of accounts; written by any process
//! mailferry.marks.lock      held by the one who is changing it
//! mailferry.accounts        whose accounts it holds; written by the process that holds it, read by any
//! mailferry.report          how the accounts stood at the end of the last run with --shard; read by any process
//! mailferry.progress        how they stand while one is under way
//! mailferry.socket          where the process that holds the directory can be asked
//! audit.jsonl               what was done with the state, by whom; appended to by any process
//! mailferry.page            the word that opens the page of a run
//! database/                 sled's files
//! database/begun            written once the schema is durable: without it, an empty database is a new one
//! database/condemned        damage was met while it was in use: set aside at the next open
//! database.damaged-1/       set aside; ours to make, the user's to delete
//! ```
//!
//! What is set aside stays inside: the directory may be a mount point, or its parent not ours to write in.

use super::ownership;
use crate::error::{Error, Kind, Result};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

const LOCK: &str = "mailferry.lock";
const LEASE: &str = "mailferry.lease";
const SOCKET: &str = "mailferry.socket";
const AUDIT: &str = "audit.jsonl";
const PAGE: &str = "mailferry.page";
const ROSTER: &str = "mailferry.accounts";
const REPORT: &str = "mailferry.report";
const PROGRESS: &str = "mailferry.progress";
const MARKS: &str = "mailferry.marks";
const MARKS_LOCK: &str = "mailferry.marks.lock";
const DATABASE: &str = "database";
const BEGUN: &str = "begun";
const CONDEMNED: &str = "condemned";
const DAMAGED: &str = "database.damaged-";

/// sled's file for all data, within the directory of the database.
pub(super) const DATA_FILE: &str = "db";

/// For its owner only: the state names users, mailboxes and messages.
const PRIVATE: u32 = 0o700;

/// A directory that holds our state, or nothing yet.
pub(super) struct StateDirectory(PathBuf);

impl StateDirectory {
    /// The directory, created if it is missing.
    pub(super) fn prepare(path: &Path) -> Result<Self> {
        let path = &without_slash(path);
        if is_free(path) {
            create_private(path).map_err(|why| unusable(path, "could not create the state directory").because(why))?;
        }
        Self::recognised(path)
    }

    /// The directory, which must hold a state.
    pub(super) fn existing(path: &Path) -> Result<Self> {
        let path = &without_slash(path);
        let directory = StateDirectory(path.to_owned());
        if !directory.database().is_dir() {
            return Err(Error::new(Kind::State, format!("there is no state in {}", path.display()))
                .hint("run `mailferry scan` first, or name the state directory with --state"));
        }
        Self::recognised(path)
    }

    /// A directory that holds something else is not touched: it may be a typing error, and it may be dear.
    fn recognised(path: &Path) -> Result<Self> {
        if let Some(objection) = ownership::objection(path) {
            return Err(foreign(path, objection));
        }
        if !path.is_dir() {
            return Err(unusable(path, "the state path is not a directory:"));
        }
        let names = names_in(path).map_err(|why| unusable(path, "could not read the state directory").because(why))?;
        let directory = StateDirectory(path.to_owned());
        match names.first() {
            Some(name) if !directory.bears_our_sign() => {
                Err(unusable(path, "not a state directory of mailferry:").because(format!("it holds `{name}`")))
            }
            _ => Ok(directory),
        }
    }

    /// The lock file; and because people delete lock files, sled's data as well.
    fn bears_our_sign(&self) -> bool {
        self.lock().is_file() || self.database().join(DATA_FILE).is_file()
    }

    /// Refuses what is not ours in it. To be asked once others cannot put anything there any more.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub(super) fn check_ownership(&self) -> Result<()> {
        let mut objection =
            ownership::objection(&self.database()).map(|why| format!("{}: {why}", self.database().display()));
        if objection.is_none() && self.database().is_dir() {
            let unread = |why| unusable(&self.0, "could not read the state directory").because(why);
            objection = ownership::objection_within(&self.database()).map_err(unread)?;
        }
        objection.map_or(Ok(()), |objection| Err(foreign(&self.0, objection)))
    }

    /// Takes the directory away from others than its owner; where the file system knows no owners, says so.
    pub(super) fn make_private(&self) -> Vec<String> {
        let mode = fs::metadata(&self.0).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o777 == PRIVATE) {
            return Vec::new();
        }
        match fs::set_permissions(&self.0, Permissions::from_mode(PRIVATE)) {
            Ok(()) => Vec::new(),
            Err(why) => vec![format!("the state directory {self} may be readable by others: {why}")],
        }
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.0.join(LOCK)
    }

    /// The directory of an open state, or of one that is only looked at.
    pub(super) fn named(path: &Path) -> Self {
        StateDirectory(without_slash(path))
    }

    pub(super) fn lease(&self) -> PathBuf {
        self.0.join(LEASE)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.0.join(SOCKET)
    }

    pub(super) fn audit(&self) -> PathBuf {
        self.0.join(AUDIT)
    }

    pub(super) fn page(&self) -> PathBuf {
        self.0.join(PAGE)
    }

    pub(super) fn marks(&self) -> PathBuf {
        self.0.join(MARKS)
    }

    pub(super) fn marks_lock(&self) -> PathBuf {
        self.0.join(MARKS_LOCK)
    }

    pub(super) fn roster(&self) -> PathBuf {
        self.0.join(ROSTER)
    }

    pub(super) fn report(&self) -> PathBuf {
        self.0.join(REPORT)
    }

    pub(super) fn progress(&self) -> PathBuf {
        self.0.join(PROGRESS)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// Creates the directory for sled's files, unless it is there.
    pub(super) fn create_database(&self) -> Result<()> {
        create_private(&self.database())
            .map_err(|why| unusable(&self.0, "could not write in the state directory").because(why))
    }

    /// Whether the database was ever complete. sled opens some damaged files as an empty database without an error.
    pub(super) fn is_begun(&self) -> bool {
        self.database().join(BEGUN).exists()
    }

    /// Notes that the database is complete from now on.
    pub(super) fn mark_begun(&self) -> Result<()> {
        let marked = ownership::open(&self.database().join(BEGUN)).and_then(|file| file.sync_all());
        marked.map_err(|why| unusable(&self.0, "could not write in the state directory").because(why))
    }

    /// Whether damage was met when the database was last in use.
    pub(super) fn is_condemned(&self) -> bool {
        self.database().join(CONDEMNED).exists()
    }

    /// Removes sled's snapshots, which only make it open faster.
    pub(super) fn remove_snapshots(&self) -> io::Result<()> {
        for name in names_in(&self.database())?.iter().filter(|name| name.starts_with("snap.")) {
            fs::remove_file(self.database().join(name))?;
        }
        Ok(())
    }

    /// Gives the database the first free name for damaged ones; returns the new path.
    pub(super) fn set_aside(&self) -> Result<PathBuf> {
        let path = (1..).map(|number: u64| self.0.join(format!("{DAMAGED}{number}"))).find(|path| is_free(path));
        let path = path.unwrap_or_else(|| self.0.join(DAMAGED));
        let renamed = fs::rename(self.database(), &path);
        renamed.map_err(|why| unusable(&self.0, "could not set the damaged state aside in").because(why))?;
        Ok(path)
    }

    /// Makes the names in the directory durable.
    pub(super) fn sync(&self) -> Result<()> {
        let synced = [self.database(), self.0.clone()].iter().try_for_each(|path| File::open(path)?.sync_all());
        synced.map_err(|why| unusable(&self.0, "could not write the state directory").because(why))
    }
}

impl std::fmt::Display for StateDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

/// Marks the database in `database` as damaged, for the next open. What cannot be marked will be met again.
pub(super) fn condemn(database: &Path) {
    let _ = ownership::open(&database.join(CONDEMNED)).and_then(|file| file.sync_all());
}

fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE).create(path)
}

/// Whether nothing has that name, not even a link that leads nowhere.
fn is_free(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err()
}

/// With a slash behind it, a symbolic link would be taken for what it points to.
fn without_slash(path: &Path) -> PathBuf {
    path.components().collect()
}

fn foreign(path: &Path, objection: String) -> Error {
    Error::new(Kind::State, format!("the state is not used, for it may be somebody else's: {}", path.display()))
        .because(objection)
        .hint("run mailferry as the user to whom it belongs and name the directory itself with --state, or choose another one")
}

fn names_in(path: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn unusable(path: &Path, what: &str) -> Error {
    Error::new(Kind::State, format!("{what} {}", path.display()))
        .hint("choose another directory with --state, or with `state` in the settings, or make this one usable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn open_missing_directory_creates_it_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/state");
        let (_store, notices) = Store::open(&path).unwrap();
        assert!(notices.is_empty());
        for path in [path.clone(), path.join(DATABASE)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, PRIVATE);
        }
    }

    #[test]
    fn open_foreign_directory_is_refused_and_untouched() {
        let foreign = tempfile::tempdir().unwrap();
        fs::write(foreign.path().join("thesis.tex"), "dear").unwrap();
        let error = Store::open(foreign.path()).err().unwrap();
        assert_eq!(error.kind(), &Kind::State);
        assert!(error.causes()[0].contains("thesis.tex"));
        assert_eq!(names_in(foreign.path()).unwrap(), ["thesis.tex"]);
    }

    #[test]
    fn open_own_directory_with_a_file_of_the_user_is_taken() {
        let own = tempfile::tempdir().unwrap();
        drop(Store::open(own.path()).unwrap());
        fs::write(own.path().join("notes.txt"), "moving on Monday").unwrap();
        assert!(Store::open(own.path()).is_ok());
    }

    #[test]
    fn open_file_instead_of_directory_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(Store::open(file.path()).err().unwrap().kind(), &Kind::State);
    }

    #[test]
    fn open_existing_without_a_state_creates_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("state");
        let error = Store::open_existing(&path).err().unwrap();
        assert!(error.advice().unwrap().contains("mailferry scan"));
        assert!(!path.exists());
        drop(Store::open(&path).unwrap());
        assert!(Store::open_existing(&path).is_ok());
    }
}

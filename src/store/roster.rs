//! Whose accounts a state holds, or is about to: a file beside the database, so that the process of another shard can read
//! it while this one holds the state.

use super::directory::StateDirectory;
use super::files::{read_json, replace_json};
use super::handle::Store;
use crate::error::{Error, Kind, Result};
use std::collections::BTreeSet;
use std::path::Path;

/// The names of accounts.
pub type Roster = BTreeSet<String>;

impl Store {
    /// Writes down the accounts that the state holds, and those that are about to be worked on.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn enroll<'a>(&self, coming: impl Iterator<Item = &'a str>) -> Result<()> {
        let roster: Roster = self.accounts()?.into_iter().chain(coming.map(str::to_owned)).collect();
        let path = StateDirectory::named(self.directory()).roster();
        let refused = |why| {
            Error::new(Kind::State, format!("could not write whose accounts this state holds to {}", path.display()))
                .because(why)
                .hint("see to it that the state directory can be written to, and that its disk has room")
        };
        replace_json(self.directory(), &path, &roster).map_err(refused)
    }
}

/// The accounts of the state in that directory, as its last run wrote them down; of what is no state, none.
///
/// # Errors
///
/// [`Kind::State`] where the file is not ours, or not what was written.
pub fn roster(directory: &Path) -> Result<Roster> {
    let path = StateDirectory::named(directory).roster();
    read_json(&path).map_err(|why| {
        Error::new(Kind::State, format!("could not read whose accounts a state holds in {}", path.display()))
            .because(why)
            .hint("see to it that it can be read; where it is damaged, remove it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::open;

    #[test]
    fn roster_is_read_beside_the_one_who_holds_the_state() {
        let (directory, store) = open();
        assert!(roster(directory.path()).unwrap().is_empty());
        store.enroll(["bob", "alice"].into_iter()).unwrap();
        assert_eq!(Vec::from_iter(roster(directory.path()).unwrap()), ["alice", "bob"]);
        store.enroll(std::iter::empty()).unwrap();
        assert!(roster(directory.path()).unwrap().is_empty(), "the state holds neither");
    }

    #[test]
    fn roster_that_is_damaged_or_somebody_elses_is_an_error_and_no_empty_one() {
        let (directory, _store) = open();
        let path = directory.path().join("mailferry.accounts");
        std::fs::write(&path, "[1").unwrap();
        assert_eq!(roster(directory.path()).unwrap_err().kind(), &Kind::State);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(roster(directory.path()).unwrap_err().kind(), &Kind::State);
    }
}

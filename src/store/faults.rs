//! What can be wrong with the state, in words.

use crate::error::{Error, Kind, Scope};
use std::path::Path;

/// Damage of one value; how much it spoils is for the caller to say.
pub(super) fn damaged(noun: &str) -> Error {
    Error::new(Kind::Damaged, format!("the state is damaged: {noun} cannot be read"))
        .scope(Scope::Account)
        .hint("run `mailferry scan --full`: it is read from the servers again, and no mail is at risk")
}

/// Damage that sled met while the database was in use; it is marked for being set aside.
pub(super) fn condemned(why: &str) -> Error {
    Error::new(Kind::State, "the state is damaged")
        .because(why)
        .hint("run the same command again: the state will be set aside and rebuilt from the servers, nothing is lost")
}

/// The system refused: no space, no permission, a failing disk.
pub(super) fn refused_by_system(why: &str) -> Error {
    Error::new(Kind::State, "could not read or write the state")
        .because(why)
        .hint("see to the disk that holds the state directory, then run the same command again; nothing is lost")
}

/// Our own lock is free, and sled's is not: somebody has deleted the lock file while the state was in use.
pub(super) fn database_is_held(database: &Path) -> Error {
    Error::new(Kind::Locked, format!("another process holds the database {}", database.display()))
        .hint("wait until it is done, or use another state directory with --state")
}

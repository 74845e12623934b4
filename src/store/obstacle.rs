//! Why the database does not work: what is on disk is not what was written, or the system refuses.

use super::faults;
use crate::error::Error;
use std::io;

/// Why the database does not work.
pub(super) enum Obstacle {
    /// What is on disk is not what was written.
    Damage(String),
    /// The system refuses; what is on disk may be sound.
    System(Error),
}

impl Obstacle {
    pub(super) fn into_error(self) -> Error {
        match self {
            Obstacle::Damage(why) => faults::condemned(&why),
            Obstacle::System(error) => error,
        }
    }

    pub(super) fn from_sled(error: &sled::Error) -> Self {
        match error {
            sled::Error::Io(why) if !is_damage(why) => Obstacle::System(faults::refused_by_system(&why.to_string())),
            other => Obstacle::Damage(other.to_string()),
        }
    }

    /// sled unwraps some of the system's errors; they are told by how Rust writes them.
    pub(super) fn from_panic(text: &str) -> Self {
        if SYSTEM_REFUSALS.iter().any(|refusal| text.contains(refusal)) {
            Obstacle::System(faults::refused_by_system(text))
        } else {
            Obstacle::Damage(text.to_owned())
        }
    }
}

/// What the text of a panic holds when the system refused. Anything else is taken for damage, which is repaired: were
/// damage taken for a refusal, the state could never be opened again.
const SYSTEM_REFUSALS: [&str; 7] = [
    "StorageFull",
    "QuotaExceeded",
    "FileTooLarge",
    "PermissionDenied",
    "ReadOnlyFilesystem",
    "(os error 5)",
    "code: 5,",
];

/// Reading where a damaged file points to ends like this; `NotFound` is a value that sled keeps in a file of its own.
fn is_damage(why: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    matches!(why.kind(), UnexpectedEof | InvalidData | InvalidInput | NotFound)
}

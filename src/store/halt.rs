//! The halt of a fleet: a file in a directory that all processes see. Who finds that the master user's login is refused writes it, and
//! nobody begins another account before a person has removed it: each further process would spend tries of its own, and lock the
//! master user out.
//!
//! What stands there and cannot be read is a halt, too.

use super::files::{read_json, replace_json};
use super::machine;
use crate::error::{Error, Kind, Result, made_harmless};
use crate::model::Side;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const HALT: &str = "HALT.json";

/// Why the fleet is halted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Halt {
    /// On which side, and on which server, the login was refused.
    pub side: String,
    pub server: String,
    /// The server's own words.
    pub why: String,
    /// Who found that.
    pub host: String,
    pub process: u32,
    /// In seconds since 1970, by that machine's clock.
    pub time: i64,
}

impl Halt {
    /// The master user's login was refused on that server, in those words.
    pub fn of(side: Side, server: &str, why: &str, time: i64) -> Halt {
        Halt {
            side: side.to_string(),
            server: server.to_owned(),
            why: why.to_owned(),
            host: machine::host_name().unwrap_or_default(),
            process: std::process::id(),
            time,
        }
    }

    /// Halts the fleet of that directory, unless it is halted already.
    ///
    /// # Errors
    /// [`Kind::State`].
    pub fn write(&self, fleet: &Path) -> Result<()> {
        let path = file(fleet);
        let written = || {
            DirBuilder::new().recursive(true).mode(0o700).create(fleet)?;
            if path.exists() { Ok(()) } else { replace_json(fleet, &path, self) }
        };
        written().map_err(|why| refused("could not halt the other processes by writing", &path).because(why))
    }
}

/// The error of who must not begin an account, if the fleet of that directory is halted.
pub fn halted(fleet: &Path) -> Option<Error> {
    let path = file(fleet);
    let halted = Error::new(Kind::Authentication, "not tried, because all processes are halted");
    let why = match read_json::<Option<Halt>>(&path) {
        Ok(None) => return None,
        Ok(Some(Halt { side, server, why, host, process, .. })) => {
            let words = format!(
                "the master user's login was refused on the {side}, {server}, for process {process} on {host}: {why}"
            );
            made_harmless(&words)
        }
        Err(why) => format!("{} cannot be read: {why}", path.display()),
    };
    Some(halted.because(why).hint("fix the master user's login, then run `mailferry resume --halted`"))
}

/// Lets the fleet go on; false where it was not halted.
///
/// # Errors
/// [`Kind::State`].
pub fn lift(fleet: &Path) -> Result<bool> {
    let path = file(fleet);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(false),
        Err(why) => Err(refused("could not remove", &path).because(why)),
    }
}

fn file(fleet: &Path) -> PathBuf {
    fleet.join(HALT)
}

fn refused(what: &str, path: &Path) -> Error {
    Error::new(Kind::State, format!("{what} {}", path.display()))
        .hint("see to it that the directory of [fleet] can be written to, from all machines")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halt_is_seen_by_all_until_it_is_lifted_and_the_first_reason_stays() {
        let directory = tempfile::tempdir().unwrap();
        let fleet = directory.path().join("fleet");
        assert!(halted(&fleet).is_none());
        for why in ["wrong password", "account locked"] {
            Halt::of(Side::Source, "old.example.org", why, 1).write(&fleet).unwrap();
        }
        let told = halted(&fleet).unwrap().line();
        assert!(told.contains("source, old.example.org") && told.contains("wrong password"), "{told}");
        assert_eq!((lift(&fleet).unwrap(), lift(&fleet).unwrap(), halted(&fleet)), (true, false, None));
    }

    #[test]
    fn halt_that_cannot_be_read_is_one() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(file(directory.path()), "{").unwrap();
        let error = halted(directory.path()).unwrap();
        assert!(error.line().contains("HALT.json cannot be read"), "{}", error.line());
        assert!(Halt::of(Side::Source, "s", "w", 1).write(&directory.path().join("HALT.json/below")).is_err());
    }
}

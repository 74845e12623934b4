//! What the process is given from outside besides files: its environment and, perhaps, a terminal with someone at it.
//!
//! A trait, so that tests bring their own and never change the process's.

use std::ffi::OsString;
use std::fs::File;
use std::io;

/// The environment and the terminal.
pub(super) trait Surroundings: Send + Sync {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Whether there is a terminal to ask at.
    fn can_ask(&self) -> bool;

    /// Asks, and reads one line without echo.
    fn ask(&self, question: &str) -> io::Result<String>;
}

/// Those of this process.
pub(super) struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn can_ask(&self) -> bool {
        // Not whether standard input is a terminal: `mailferry plan < list | less` can be asked as well.
        File::options().read(true).write(true).open("/dev/tty").is_ok()
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        rpassword::prompt_password(question)
    }
}

//! A socket in the state directory, where others may ask the process that holds it.
//!
//! A socket's path may have some hundred octets, and a state directory any number: it is reached by a descriptor of its
//! directory where the system has a name for that.

use super::directory::StateDirectory;
use super::handle::Store;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Open for as long as it lives.
pub struct Gate {
    listener: UnixListener,
    directory: PathBuf,
}

impl Store {
    /// Opens the gate of this state. One that a killed process left is replaced: the lock says that it is nobody's.
    ///
    /// # Errors
    /// Those of the system.
    pub fn gate(&self) -> io::Result<Gate> {
        let directory = self.directory().to_owned();
        let _ = fs::remove_file(StateDirectory::named(&directory).socket());
        let (_held, path) = short(&directory)?;
        Ok(Gate { listener: UnixListener::bind(path)?, directory })
    }
}

impl Gate {
    /// The next who asks.
    ///
    /// # Errors
    /// Those of the system.
    pub fn next(&self) -> io::Result<UnixStream> {
        self.listener.accept().map(|(visitor, _)| visitor)
    }

    /// Lets nobody in any more; who waits in [`Gate::next`] is woken.
    pub fn close(&self) {
        drop(Gate::enter(&self.directory));
        let _ = fs::remove_file(StateDirectory::named(&self.directory).socket());
    }

    /// Connects to the process that holds the state in this directory.
    ///
    /// # Errors
    /// Those of the system; refused where no process holds it.
    pub fn enter(directory: &Path) -> io::Result<UnixStream> {
        let (_held, path) = short(directory)?;
        UnixStream::connect(path)
    }
}

/// A path to the socket that is short enough, and what it hangs on.
fn short(directory: &Path) -> io::Result<(Option<File>, PathBuf)> {
    let socket = StateDirectory::named(directory).socket();
    let name = socket.file_name().unwrap_or_default();
    let held = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(directory)?;
    let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    match by_descriptor.exists() {
        true => Ok((Some(held), by_descriptor.join(name))),
        false => Ok((None, socket)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn gate_opens_in_a_directory_with_a_long_name_and_after_a_killed_process() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("d".repeat(200));
        let (store, _) = Store::open(&directory).unwrap();
        // What a killed process leaves.
        drop(store.gate().unwrap());
        assert!(Gate::enter(&directory).is_err(), "nobody is there");
        let gate = store.gate().unwrap();
        let mut visitor = Gate::enter(&directory).unwrap();
        gate.next().unwrap().write_all(b"welcome").unwrap();
        let mut said = String::new();
        visitor.read_to_string(&mut said).unwrap();
        assert_eq!(said, "welcome");
        gate.close();
        assert!(gate.next().is_ok(), "who waits is woken");
        assert!(Gate::enter(&directory).is_err());
    }
}

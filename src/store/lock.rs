//! One process at a time: a lock file that names its holder.
//!
//! The lock is the kernel's (flock), not the file's existence: it goes when the process dies, however it dies. It does
//! not guard against another host on a network file system without locks.

use super::directory::StateDirectory;
use super::ownership;
use crate::error::{Error, Kind, Result};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

/// Held for as long as it lives.
pub(super) struct LockFile(File);

impl Drop for LockFile {
    /// Closing the file would not do while a process that is just being started has inherited it.
    fn drop(&mut self) {
        // SAFETY: the descriptor is open for the whole call, and flock touches no memory of ours.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

impl LockFile {
    /// Takes the lock without waiting, and writes our process id into the file.
    pub(super) fn acquire(directory: &StateDirectory) -> Result<Self> {
        let mut file = ownership::open(&directory.lock()).map_err(|why| unlockable(directory, &why))?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Err(held(directory, &mut file)),
            Err(why) => return Err(unlockable(directory, &why)),
        }
        name_holder(&mut file).map_err(|why| unlockable(directory, &why))?;
        Ok(LockFile(file))
    }
}

fn try_lock(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for the whole call, and flock touches no memory of ours.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn name_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn held(directory: &StateDirectory, file: &mut File) -> Error {
    let holder = holder(file).map_or_else(String::new, |process| format!(" (process {process})"));
    Error::new(Kind::Locked, format!("another mailferry{holder} holds the state {directory}"))
        .hint("wait until it is done, or use another state directory with --state")
}

/// The process id in the file; anything may stand there, and it is only shown.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn unlockable(directory: &StateDirectory, why: &io::Error) -> Error {
    Error::new(Kind::State, format!("could not lock the state {directory}"))
        .because(why)
        .hint("choose a directory that you may write in, with --state or with `state` in the settings")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn lock_goes_though_a_process_that_is_being_started_has_inherited_it() {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path()).unwrap();
        drop(store);
        let directory = StateDirectory::existing(directory.path()).unwrap();
        let lock = LockFile::acquire(&directory).unwrap();
        let _inherited = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(LockFile::acquire(&directory).is_ok());
    }

    #[test]
    fn open_twice_is_refused_and_names_the_holder() {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path()).unwrap();
        for opened in [Store::open(directory.path()), Store::open_existing(directory.path())] {
            let error = opened.err().unwrap();
            assert_eq!(error.kind(), &Kind::Locked);
            assert!(error.what().contains(&format!("process {}", std::process::id())));
        }
        drop(store);
        assert!(Store::open(directory.path()).is_ok());
    }

    #[test]
    fn open_with_junk_left_in_the_lock_file_works() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("mailferry.lock"), [0xff; 100]).unwrap();
        assert!(Store::open(directory.path()).is_ok());
    }
}

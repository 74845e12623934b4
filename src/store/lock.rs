//! One process at a time: a lock file that names its holder.
//!
//! The lock is the kernel's (flock), not the file's existence: it goes when the process dies, however it dies. It does
//! not guard against another host on a network file system without locks.
//!
//! A run that only looks into the state for a moment between two of its rounds says so in the file, and is waited for.

use super::directory::StateDirectory;
use super::ownership;
use crate::error::{Error, Kind, Result};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// Stands behind the process id of who only looks.
const LOOKS: &str = "looks";

/// How often the lock of who only looks is tried, and how long is waited between: ten seconds in all, for a machine that is
/// overloaded.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// What the state is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// For as long as it takes.
    Work,
    /// For a moment.
    Look,
}

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
    /// Takes the lock without waiting for any but who only looks, and writes our process id into the file.
    pub(super) fn acquire(directory: &StateDirectory, purpose: Purpose) -> Result<Self> {
        Self::acquire_with(directory, purpose, || thread::sleep(PAUSE))
    }

    /// As [`LockFile::acquire`]; `pause` is called after each time that somebody held it who only looks.
    fn acquire_with(directory: &StateDirectory, purpose: Purpose, mut pause: impl FnMut()) -> Result<Self> {
        let mut file = ownership::open(&directory.lock()).map_err(|why| unlockable(directory, &why))?;
        for tried in 1.. {
            match try_lock(&file) {
                Ok(()) => break,
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                    // Who has just come has had no time yet to say that it only looks.
                    if tried == TRIES || (tried > 1 && !said(&mut file).contains(LOOKS)) {
                        return Err(held(directory, &mut file));
                    }
                    pause();
                }
                Err(why) => return Err(unlockable(directory, &why)),
            }
        }
        name_holder(&mut file, purpose).map_err(|why| unlockable(directory, &why))?;
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

fn name_holder(file: &mut File, purpose: Purpose) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    let looks = if purpose == Purpose::Look { LOOKS } else { "" };
    writeln!(file, "{} {looks}", std::process::id())
}

fn held(directory: &StateDirectory, file: &mut File) -> Error {
    let holder = holder(file).map_or_else(String::new, |process| format!(" (process {process})"));
    Error::new(Kind::Locked, format!("another mailferry{holder} holds the state {directory}"))
        .hint("wait until it is done, or use another state directory with --state")
}

/// The process id in the file; anything may stand there, and it is only shown.
fn holder(file: &mut File) -> Option<u32> {
    said(file).split_whitespace().next()?.parse().ok()
}

/// The beginning of what the file holds.
fn said(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    read.map_or_else(|_| String::new(), |_| text)
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
        let lock = LockFile::acquire(&directory, Purpose::Work).unwrap();
        let _inherited = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(LockFile::acquire(&directory, Purpose::Work).is_ok());
    }

    #[test]
    fn who_only_looks_is_waited_for_and_who_works_is_not() {
        let directory = tempfile::tempdir().unwrap();
        drop(Store::open(directory.path()).unwrap());
        let directory = StateDirectory::existing(directory.path()).unwrap();
        for (purpose, pauses) in [(Purpose::Look, 3), (Purpose::Work, 1)] {
            let mut held = Some(LockFile::acquire(&directory, purpose).unwrap());
            let mut paused = 0;
            let taken = LockFile::acquire_with(&directory, Purpose::Work, || {
                paused += 1;
                held.take_if(|_| paused == 3);
            });
            assert_eq!((taken.is_ok(), paused), (purpose == Purpose::Look, pauses), "{purpose:?}");
        }
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

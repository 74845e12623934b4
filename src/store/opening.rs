//! The one place that opens sled's files, and the patience that it takes: whoever opens them holds our own lock (`lock`),
//! so sled's can only be a remnant of a database that was just closed.
//!
//! sled closes its file when the last of its background jobs is done, which may be after the database was dropped; and a
//! process that is being started holds a copy of every descriptor until it becomes the other program. Both end soon, and
//! neither can be waited for by name. Where somebody has deleted our lock file, sled's lock is the only one left: it is
//! respected.

use super::faults;
use super::obstacle::Obstacle;
use super::panics;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// What sled may keep of the pages, counted as they are on disk; its own default is 1 GB. Twice as much takes 5 MB more for a million
/// records, and as long.
const CACHE_OCTETS: u64 = 8 << 20;

/// How often sled's lock is tried, and how long is waited between: ten seconds in all, for a machine that is overloaded.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Opens sled's files in `path`, or creates them.
pub(super) fn open_sled(path: &Path) -> Result<sled::Db, Obstacle> {
    open_with(path, || thread::sleep(LOCK_PAUSE))
}

/// As [`open_sled`]; `pause` is called after each time that the lock was held.
fn open_with(path: &Path, mut pause: impl FnMut()) -> Result<sled::Db, Obstacle> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_OCTETS).flush_every_ms(None);
    for _ in 0..LOCK_TRIES {
        match panics::caught(|| config.open()) {
            Err(panic) => return Err(Obstacle::from_panic(&panic)),
            Ok(Err(sled::Error::Io(why))) if is_lock(&why) => pause(),
            Ok(opened) => return opened.map_err(|error| Obstacle::from_sled(&error)),
        }
    }
    Err(Obstacle::System(faults::database_is_held(path)))
}

fn is_lock(why: &io::Error) -> bool {
    why.to_string().contains("could not acquire lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::store::Store;
    use std::io::{PipeReader, PipeWriter, Read, Write};
    use std::os::fd::{AsRawFd, RawFd};
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::JoinHandle;

    /// A process that is being started and has not become another program yet: it holds all that we had open.
    struct Unborn {
        leash: PipeWriter,
        starting: JoinHandle<()>,
    }

    impl Unborn {
        fn conceive() -> Unborn {
            let (held, leash) = std::io::pipe().unwrap();
            let (mut told, tells) = std::io::pipe().unwrap();
            let its_leash = leash.as_raw_fd();
            let starting = thread::spawn(move || start(&held, its_leash, &tells));
            told.read_exact(&mut [0]).unwrap();
            Unborn { leash, starting }
        }

        fn bear(mut self) {
            self.leash.write_all(b".").unwrap();
            self.starting.join().unwrap();
        }
    }

    /// Starts a process that becomes another program when something is written on its leash, or that is dropped.
    fn start(held: &PipeReader, its_leash: RawFd, tells: &PipeWriter) {
        let (held, tells) = (held.as_raw_fd(), tells.as_raw_fd());
        let mut command = Command::new("true");
        // SAFETY: between fork and exec only close, read and write are called, which may be called there.
        unsafe {
            command.pre_exec(move || {
                let mut octet = [0_u8];
                libc::close(its_leash);
                libc::write(tells, octet.as_ptr().cast(), 1);
                libc::read(held, octet.as_mut_ptr().cast(), 1);
                Ok(())
            });
        }
        assert!(command.status().unwrap().success());
    }

    #[test]
    fn open_waits_for_a_process_that_is_being_started_and_inherited_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let open = open_sled(directory.path()).ok().unwrap();
        let mut unborn = Some(Unborn::conceive());
        drop(open);
        let mut pauses = 0;
        let opened = open_with(directory.path(), || {
            pauses += 1;
            if pauses == 3 {
                unborn.take().unwrap().bear();
            }
            thread::sleep(LOCK_PAUSE);
        });
        assert!(opened.is_ok());
        assert!(pauses >= 3, "the lock was never held");
    }

    #[test]
    fn open_of_a_database_that_stays_locked_ends_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let _open = open_sled(directory.path()).ok().unwrap();
        let mut pauses = 0;
        let error = open_with(directory.path(), || pauses += 1).err().unwrap().into_error();
        assert_eq!((error.kind(), pauses), (&Kind::Locked, LOCK_TRIES));
    }

    /// As `--watch` does after a full disk, and a second command right after the first; while passwords are asked for by
    /// commands.
    #[test]
    fn open_again_and_again_while_processes_are_started_works() {
        let directory = tempfile::tempdir().unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        Command::new("true").status().unwrap();
                    }
                });
            }
            for _ in 0..100 {
                let (store, notices) = Store::open(directory.path()).unwrap_or_else(|error| {
                    done.store(true, Ordering::Relaxed);
                    panic!("{error}");
                });
                assert!(notices.is_empty(), "{notices:?}");
                store.flush().unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}

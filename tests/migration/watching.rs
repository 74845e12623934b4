//! `sync --watch` over a disk that fills up and is emptied: it goes on when there is room again, or ends with status 1.
//!
//! Nothing here waits for a time: each step waits for what the program says, or for mail on the destination.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::full_disk::may_mount;
use crate::migration::{Migration, dovecot_to_dovecot};
use crate::support::ferry::Running;
use crate::support::seed::seed;

const MAIL: &str = r"
INBOX
    1..400 bulk \Seen $Label
Archive/2024
    1..200 old
";

/// With an interval of an hour only what the server tells brings the next turn; what came before it was listened to is seen, too.
#[test]
fn account_that_is_listened_to_has_its_turn_when_mail_comes() {
    let migration = dovecot_to_dovecot().with_settings("[sync]\nidle = true").seeded("INBOX\n    1..3 old");
    let mut running = migration.ferry.start(&["sync", "--watch", "1h", "--progress", "none"]);
    for count in 3..6u64 {
        assert!(running.wait_until(|| migration.arrived() == count), "{count}");
        seed(migration.source, migration.user(), &format!("INBOX\n    {} new", count + 1));
    }
    assert!(running.wait_until(|| migration.arrived() == 6));
    running.interrupt();
    running.finish().expect(130);
    migration.assert_exact();
}

/// The issue asks for so many: each begins with the state that the one before left.
const RESTARTS: u32 = 10;

const WATCH: [&str; 5] = ["sync", "--watch", "1s", "--progress", "none"];

/// A disk that the test fills up and empties while the program runs.
trait Disk {
    /// The program, watching, with the state on this disk.
    fn watch(&mut self, migration: &Migration<'_>) -> Running;
    fn fill(&self, running: &Running);
    fn empty(&self, running: &Running);
    /// Puts the state where another run finds it, once the program has ended.
    fn keep(&mut self, migration: &Migration<'_>);
}

/// No file may be written to beyond its first few KiB, as on a file system with quotas: EFBIG.
struct SmallFiles;

impl SmallFiles {
    /// What the program says goes to files as well, and stays below that.
    const OCTETS: u64 = 16 << 10;

    fn limit(running: &Running, octets: u64) {
        let limit = libc::rlimit { rlim_cur: octets, rlim_max: libc::RLIM_INFINITY };
        let process = libc::pid_t::try_from(running.id()).expect("a process id");
        // SAFETY: the limit is read, and nothing is written.
        let set = unsafe { libc::prlimit(process, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    }
}

impl Disk for SmallFiles {
    fn watch(&mut self, migration: &Migration<'_>) -> Running {
        migration.ferry.start_through(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"], &WATCH)
    }

    fn fill(&self, running: &Running) {
        SmallFiles::limit(running, SmallFiles::OCTETS);
    }

    fn empty(&self, running: &Running) {
        SmallFiles::limit(running, libc::RLIM_INFINITY);
    }

    fn keep(&mut self, _migration: &Migration<'_>) {}
}

/// A file system that only the program sees, and a process beside it through which the test looks at it.
struct SmallDisk {
    directory: PathBuf,
    state: PathBuf,
    /// The process beside it lives as long as this is open.
    leash: Option<File>,
}

impl SmallDisk {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o size=12m,mode=700 tmpfs "$1" || exit 99
        cd "$2"; if [ -d kept ]; then cp -a kept/. "$1"; fi
        cat leash > /dev/null &
        echo $! > holder.new; mv holder.new holder
        shift 2; exec "$@""#;

    fn new(migration: &Migration<'_>) -> SmallDisk {
        let (directory, state) = (migration.ferry.directory().to_owned(), migration.ferry.state());
        let made = Command::new("mkfifo").arg(directory.join("leash")).status().expect("run mkfifo");
        assert!(made.success());
        SmallDisk { directory, state, leash: None }
    }

    /// The state as those see it to whom it is mounted.
    fn seen(&self) -> PathBuf {
        let holder = fs::read_to_string(self.directory.join("holder")).expect("the process beside it");
        let state = self.state.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(holder.trim()).join("root").join(state)
    }

    fn filler(&self) -> PathBuf {
        self.seen().join("filler")
    }
}

impl Disk for SmallDisk {
    fn watch(&mut self, migration: &Migration<'_>) -> Running {
        fs::create_dir_all(&self.state).expect("make the state directory");
        let _ = fs::remove_file(self.directory.join("holder"));
        // For reading as well, so that nobody is waited for.
        let leash = OpenOptions::new().read(true).write(true).open(self.directory.join("leash"));
        self.leash = Some(leash.expect("open the leash"));
        let (state, directory) = (self.state.to_string_lossy(), self.directory.to_string_lossy());
        let wrapper = ["unshare", "-rm", "sh", "-c", SmallDisk::SCRIPT, "sh", &state, &directory];
        let mut running = migration.ferry.start_through(&wrapper, &WATCH);
        assert!(running.wait_until(|| self.directory.join("holder").exists()), "the disk is mounted");
        running
    }

    fn fill(&self, _running: &Running) {
        let mut filler = File::create(self.filler()).expect("make a file on the disk");
        let full = std::io::copy(&mut std::io::repeat(0), &mut filler).expect_err("the disk has an end");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn empty(&self, _running: &Running) {
        fs::remove_file(self.filler()).expect("make room");
    }

    fn keep(&mut self, _migration: &Migration<'_>) {
        let kept = self.directory.join("kept");
        let _ = fs::remove_dir_all(&kept);
        let copied = Command::new("cp").arg("-a").arg(self.seen()).arg(&kept).status().expect("run cp");
        assert!(copied.success(), "the state is kept");
        self.leash = None;
        let _ = fs::remove_dir_all(&self.state);
        let copied = Command::new("cp").arg("-a").arg(&kept).arg(&self.state).status().expect("run cp");
        assert!(copied.success(), "the state is where it was");
    }
}

/// Enough that what is written of it soon finds no room in what the state's files hold already.
const AT_ONCE: u32 = 150;

/// Mail that comes while the program watches.
struct Mail<'a> {
    migration: &'a Migration<'a>,
    newest: u32,
}

impl Mail<'_> {
    fn comes(&mut self) {
        let first = self.newest + 1;
        self.newest += AT_ONCE;
        let notation = format!("INBOX\n    {first}..{} late-{first}", self.newest);
        seed(self.migration.source, self.migration.user(), &notation);
    }

    /// Waits until all of it has arrived, or `end` is seen; tells whether it has.
    fn arrives(&self, running: &mut Running, mut end: impl FnMut() -> bool) -> bool {
        let (mut destination, mut arrived) = (self.migration.at_destination(), false);
        let held = running.wait_until(|| {
            arrived = destination.select("INBOX").exists == self.newest;
            arrived || end()
        });
        assert!(held, "the program ended: {}", fs::read_to_string(running.stderr_file()).expect("standard error"));
        destination.logout();
        arrived
    }
}

fn watched_again_and_again(mut disk: impl Disk, migration: &Migration<'_>) {
    let mut mail = Mail { migration, newest: 400 };
    for restart in 0..RESTARTS {
        let mut running = disk.watch(migration);
        assert!(running.wait_until_said(|said| said.contains("The next sync begins")), "restart {restart}");
        disk.fill(&running);
        // A write may still find room in what the state's files hold already; not for long.
        let error = running.stderr_file();
        let signs = ["could not read or write the state", "could not write who holds the state"];
        let struck = || {
            let said = fs::read_to_string(&error).expect("standard error");
            signs.iter().any(|sign| said.contains(sign))
        };
        while !struck() {
            mail.comes();
            mail.arrives(&mut running, struck);
        }
        mail.comes();
        disk.empty(&running);
        assert!(mail.arrives(&mut running, || false), "restart {restart}");
        running.interrupt();
        let output = running.finish().expect(130);
        assert!(!output.stderr.contains("panicked"), "restart {restart}: {output}");
        disk.keep(migration);
    }
    migration.assert_exact_but_for_the_order();
    migration.assert_second_sync_does_nothing();
    migration.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn watch_goes_on_when_files_may_grow_again() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    watched_again_and_again(SmallFiles, &migration);
}

#[test]
fn watch_goes_on_when_the_disk_has_room_again() {
    let migration = dovecot_to_dovecot().seeded(MAIL);
    if may_mount() {
        watched_again_and_again(SmallDisk::new(&migration), &migration);
    } else {
        eprintln!("no file system of a test's own can be mounted here: a full disk was not tried");
    }
}

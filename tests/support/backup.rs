//! The mail of one user of a private Dovecot, as it was: what an administrator restores after a disaster.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::dovecot::Dovecot;

pub struct Backup {
    mail: PathBuf,
    copy: TempDir,
}

impl Backup {
    pub fn of(server: &Dovecot, user: &str) -> Backup {
        let mail = server.mail_directory(user);
        let copy = tempfile::tempdir().expect("a directory for a backup");
        copy_all(&mail, &copy.path().join("mail"));
        Backup { mail, copy }
    }

    /// In one instant, so that it may happen while a server process is at work in it. What such a process has open is
    /// the old mail, which is gone.
    pub fn restore(&self) {
        let restored = self.mail.with_extension("restored");
        copy_all(&self.copy.path().join("mail"), &restored);
        exchange(&restored, &self.mail);
        // Somebody may still be writing there.
        let aside = tempfile::tempdir_in(self.mail.parent().expect("a parent")).expect("a directory");
        fs::rename(&restored, aside.path().join("old")).expect("put the old mail aside");
    }
}

/// With owners, modes and times.
fn copy_all(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("run cp").success(), "could not copy {}", from.display());
}

/// Each gets the name of the other.
fn exchange(one: &Path, other: &Path) {
    let name = |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("a path without NUL");
    let (one, other) = (name(one), name(other));
    // SAFETY: both are strings with a NUL at their end that live until the call returns.
    let result =
        unsafe { libc::renameat2(libc::AT_FDCWD, one.as_ptr(), libc::AT_FDCWD, other.as_ptr(), libc::RENAME_EXCHANGE) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

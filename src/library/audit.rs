//! Who does what with a state: an entry when a command begins to use it, and one when the command has ended.

use crate::error::{Result, sanitized};
use crate::pipeline::audit::{self, host_name};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::ffi::CStr;
use std::fmt::Write as _;
use std::fs;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The form of an entry: raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// Words of a command line that are recorded; of more, that there are more.
const WORDS: usize = 100;

/// What the system may need for what it knows of a user.
const SYSTEM_OCTETS: usize = 4096;

/// A command that has begun.
pub(crate) struct Trail {
    directory: PathBuf,
    run: String,
}

impl Trail {
    /// This command, as the run of that name, begins to use the state in that directory, with those settings.
    ///
    /// # Errors
    /// `State`.
    pub fn begin(directory: &Path, run: &str, command: &[String], settings: Option<&Path>) -> Result<Trail> {
        let trail = Trail { directory: directory.to_owned(), run: run.to_owned() };
        // SAFETY: geteuid cannot fail and touches no memory.
        let user = unsafe { libc::geteuid() };
        let digest = settings.and_then(settings_digest);
        tracing::info!(run, settings = digest, "the state is in use");
        trail.record(json!({
            "event": "began",
            "process": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "uid": user,
            "user": user_name(user),
            "sudo_user": std::env::var("SUDO_USER").ok().map(|name| sanitized(&name)),
            "host": host_name(),
            "command": command,
            "settings": settings.map(|path| sanitized(&path.to_string_lossy())),
            "settings_sha256": digest,
        }))?;
        Ok(trail)
    }

    /// The command has ended so.
    ///
    /// # Errors
    /// `State`.
    pub fn end(&self, exit_status: u8) -> Result<()> {
        self.record(json!({ "event": "ended", "exit_status": exit_status }))
    }

    fn record(&self, entry: Value) -> Result<()> {
        let common = json!({ "schema": SCHEMA, "run": self.run, "time": Timestamp::now().to_string() });
        let fields = [common, entry].into_iter().filter_map(|part| part.as_object().cloned()).flatten();
        audit::record(&self.directory, fields.collect::<Map<_, _>>())
    }
}

/// What was typed. No password is ever an argument: an option for one, and an address that holds one, are refused before.
pub(crate) fn command_line(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words = words.map(|word| sanitized(&word));
    let mut kept: Vec<String> = words.by_ref().take(WORDS).collect();
    match words.count() {
        0 => {}
        more => kept.push(format!("… and {more} more")),
    }
    kept
}

/// Of the settings file as it stands; of nothing where it cannot be read any more.
fn settings_digest(path: &Path) -> Option<String> {
    // It may hold passwords.
    let octets = Zeroizing::new(fs::read(path).ok()?);
    let digest = Sha256::digest(&*octets);
    Some(digest.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    }))
}

fn user_name(user: libc::uid_t) -> Option<String> {
    let (mut entry, mut found) = (MaybeUninit::<libc::passwd>::uninit(), std::ptr::null_mut());
    let mut texts = [0; SYSTEM_OCTETS];
    // SAFETY: all pointers are to what lives until the end of the function, and the length is that of `texts`.
    let status = unsafe { libc::getpwuid_r(user, entry.as_mut_ptr(), texts.as_mut_ptr(), texts.len(), &raw mut found) };
    if status != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the call has filled the entry, and its name is a text within `texts`.
    let name = unsafe { CStr::from_ptr((*found).pw_name) };
    Some(sanitized(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_bounded_and_harmless() {
        let words = (0..1000).map(|number| format!("account{number}\x1b"));
        let kept = command_line(words);
        assert_eq!((kept.len(), kept[0].as_str()), (WORDS + 1, "account0?"));
        assert_eq!(kept[WORDS], "… and 900 more");
    }

    #[test]
    fn system_tells_who_and_where() {
        assert!(host_name().is_some_and(|name| !name.is_empty()));
        assert_eq!(user_name(0).as_deref(), Some("root"));
        assert_eq!(user_name(4_294_967_000), None);
    }

    #[test]
    fn settings_are_told_by_their_digest() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(settings_digest(file.path()).as_deref(), Some(digest));
        assert_eq!(settings_digest(Path::new("/nowhere/at/all")), None);
    }
}

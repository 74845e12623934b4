//! A password in the settings file itself, where only its owner can read that. What is kept of it is where it stands: it is read at
//! each login, and erased after it.
//!
//! What stands between its quotes is the password, octet by octet: escapes would have to be put together elsewhere in memory.

use super::mistake::Mistake;
use super::password::secret;
use super::sheet::SheetFile;
use crate::model::Secret;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where a password stands in a settings file.
#[derive(Clone)]
pub(super) struct InlinePassword {
    path: PathBuf,
    /// Between the quotes.
    octets: Range<usize>,
    /// Of the whole file as it was read.
    seal: u64,
}

impl InlinePassword {
    /// What stands at `span` in the text of a file.
    ///
    /// # Errors
    /// When it is not in simple quotes, or is no password. It is not quoted.
    pub fn at(path: &Path, text: &str, span: Range<usize>) -> Result<InlinePassword, Mistake> {
        let written = text.get(span.clone()).unwrap_or_default();
        let between = |quote: char| written.strip_prefix(quote)?.strip_suffix(quote).filter(|it| !it.contains(quote));
        let plain = |it: &&str| !it.contains(['\\', '\n', '\r']);
        let password = between('"').filter(plain).or_else(|| between('\'').filter(|it| !it.contains(['\n', '\r'])));
        let wrong = || {
            let fix = "write it between '…', or between \"…\" where no \\ is in it; or name a `…_file` or `…_command`";
            Mistake::new("this cannot be used as a password").fix(fix)
        };
        secret(Zeroizing::new(password.ok_or_else(wrong)?.as_bytes().to_vec()))?;
        Ok(InlinePassword { path: path.to_owned(), octets: span.start + 1..span.end - 1, seal: seal(text.as_bytes()) })
    }

    /// The password that stands there.
    ///
    /// # Errors
    /// When the file cannot be read, was opened to others, or was changed.
    pub fn read(&self) -> Result<Secret, Mistake> {
        let unreadable = |error| Mistake::new(format!("the settings cannot be read any more: {error}"));
        let (file, octets) = SheetFile::read(&self.path).map_err(unreadable)?;
        file.objection().map_or(Ok(()), Err)?;
        let password = octets.get(self.octets.clone()).filter(|_| seal(&octets) == self.seal);
        let changed = || Mistake::new("the settings were changed after they were read").fix("run the command again");
        secret(Zeroizing::new(password.ok_or_else(changed)?.to_vec()))
    }

    /// The file that it stands in.
    pub fn file(&self) -> &Path {
        &self.path
    }
}

fn seal(octets: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    octets.hash(&mut hasher);
    hasher.finish()
}

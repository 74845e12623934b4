//! The room as a whole: settings snippets and the mistakes they give, accounts, URLs, passwords, the template.

use super::surroundings::Surroundings;
use super::*;
use crate::error::{Kind, Scope};
use crate::model::policy::Mode;
use crate::model::server::{Address, Compress, MasterStyle, Mechanism, Preset, Tls};
use crate::model::{InternalDate, Labels, Side};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

mod passwords;
mod selection;
mod settings;
mod template;
mod urls;

/// An environment of a test's own, and someone at the terminal who answers `answer`.
#[derive(Clone, Default)]
pub(super) struct Staged {
    variables: HashMap<&'static str, OsString>,
    answer: Option<&'static str>,
    questions: Arc<Mutex<Vec<String>>>,
}

impl Staged {
    pub(super) fn with(variables: &[(&'static str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        Staged { variables, ..Staged::default() }
    }
}

impl Surroundings for Staged {
    fn variable(&self, name: &str) -> Option<OsString> {
        if name == "PATH" { std::env::var_os(name) } else { self.variables.get(name).cloned() }
    }

    fn can_ask(&self) -> bool {
        self.answer.is_some()
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        self.questions.lock().unwrap().push(question.to_owned());
        self.answer.map(str::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A directory with a settings file, and whatever a test puts beside it.
pub(super) struct Desk {
    directory: TempDir,
    staged: Staged,
}

impl Desk {
    pub(super) fn new() -> Self {
        Desk { directory: tempfile::tempdir().unwrap(), staged: Staged::default() }
    }

    pub(super) fn staged(mut self, staged: Staged) -> Self {
        self.staged = staged;
        self
    }

    pub(super) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn read(&self, settings: &str) -> Result<Settings, Mistakes> {
        fs::write(self.path("m.toml"), settings).unwrap();
        Settings::read_file(&self.path("m.toml"), Box::new(self.staged.clone()))
    }

    /// The mistakes, one a line, without the directory.
    pub(super) fn mistakes(&self, settings: &str) -> String {
        self.bare(self.read(settings).unwrap_err())
    }

    pub(super) fn bare(&self, mistakes: Mistakes) -> String {
        mistakes.to_string().replace(&format!("{}/", self.directory.path().display()), "")
    }
}

/// Good settings with something added to each table.
fn settings(source: &str, destination: &str, rest: &str) -> String {
    format!(
        "[source]\nhost = \"old.example.com\"\n{source}\n[destination]\nhost = \"new.example.com\"\n{destination}\n\
         [[account]]\nsource_user = \"alice\"\n{rest}\n"
    )
}

fn with_source(source: &str) -> String {
    settings(source, "", "")
}

//! The settings of a watch, read anew between two rounds when one of their files was written. Settings that cannot be
//! followed are told, and the watch goes on by those that it had.

use crate::cli::arguments::SyncArguments;
use crate::cli::context::Context;
use crate::cli::errors;
use crate::config::Settings;
use crate::error::Error;
use crate::pipeline::Migration;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The settings in use, and those to come.
pub struct Renewal<'a> {
    context: &'a Context,
    arguments: &'a SyncArguments,
    settings: Settings,
    stamps: Stamps,
    /// What was read last, until a round begins by it.
    next: Option<Settings>,
}

impl<'a> Renewal<'a> {
    pub fn new(context: &'a Context, arguments: &'a SyncArguments, settings: Settings) -> Renewal<'a> {
        let stamps = Stamps::of(&settings.files);
        Renewal { context, arguments, settings, stamps, next: None }
    }

    /// Looks whether a file was written since the last look, and if so reads them all. Whether there are settings that are
    /// new.
    pub fn look(&mut self) -> bool {
        if !self.stamps.changed() {
            return false;
        }
        self.next = match self.context.settings() {
            Ok(settings) => Some(settings),
            Err(error) => {
                self.refuse(&error);
                None
            }
        };
        self.next.is_some()
    }

    /// The migration by the new settings, where there are any and they can be followed; and whether that is so.
    pub fn renewed(&mut self, migration: Migration) -> (Migration, bool) {
        let Some(next) = self.next.take() else { return (migration, false) };
        let words = (self.arguments.accounts.accounts.as_slice(), &self.arguments.outside);
        match self.context.renewed(migration, words, self.arguments.direction(), [&next, &self.settings]) {
            Ok(migration) => {
                self.context.warn("the settings changed: from now on the new ones hold");
                self.stamps.follow(&next.files);
                self.settings = next;
                (migration, true)
            }
            Err(refused) => {
                let (migration, error) = *refused;
                self.refuse(&error);
                (migration, false)
            }
        }
    }

    fn refuse(&self, error: &Error) {
        errors::show(&self.context.screen, error, &self.context.commands);
        self.context.warn("the settings changed and cannot be used: the watch goes on with those that it had");
    }
}

/// When files were last written.
struct Stamps {
    files: Vec<PathBuf>,
    seen: Vec<Option<SystemTime>>,
}

impl Stamps {
    fn of(files: &[PathBuf]) -> Stamps {
        Stamps { files: files.to_vec(), seen: files.iter().map(|file| written(file)).collect() }
    }

    /// Whether one was written since it was last looked at.
    fn changed(&mut self) -> bool {
        let now: Vec<_> = self.files.iter().map(|file| written(file)).collect();
        std::mem::replace(&mut self.seen, now) != self.seen
    }

    /// These are the files from now on. Of those that were known before it stays known when they were written.
    fn follow(&mut self, files: &[PathBuf]) {
        let before = |file: &PathBuf| self.files.iter().position(|known| known == file).map(|place| self.seen[place]);
        let seen = files.iter().map(|file| before(file).unwrap_or_else(|| written(file))).collect();
        *self = Stamps { files: files.to_vec(), seen };
    }
}

fn written(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_was_written_is_seen_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let [file, other] = ["settings", "passwords"].map(|name| directory.path().join(name));
        let mut stamps = Stamps::of(std::slice::from_ref(&file));
        assert!(!stamps.changed());
        fs::write(&file, "new").expect("write");
        assert_eq!([stamps.changed(), stamps.changed()], [true, false]);
        fs::remove_file(&file).expect("remove");
        stamps.follow(&[other.clone(), file]);
        assert_eq!([stamps.changed(), stamps.changed()], [true, false], "that it is gone is a change, too");
        fs::write(&other, "new").expect("write");
        assert!(stamps.changed());
    }
}

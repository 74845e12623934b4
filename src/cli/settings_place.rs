//! Where the settings of a run are: in a file, or on the command line.

use super::arguments::Global;
use std::path::PathBuf;

/// Where the settings of this run are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsPlace {
    /// A file that was named.
    File(PathBuf),
    /// Nothing was named: `mailferry.toml`.
    DefaultFile,
    /// Both mailboxes are on the command line.
    Urls { source: String, destination: String },
}

impl Global {
    /// Where the settings of this run are.
    ///
    /// # Errors
    /// What is contradictory or missing, in words. clap cannot tell: one option may stand before the command and the
    /// other after it.
    pub fn settings_place(&self) -> Result<SettingsPlace, &'static str> {
        match (&self.config, &self.source, &self.destination) {
            (_, None, _) | (_, _, None) if self.ca_file.is_some() => {
                Err("--ca-file goes with --source and --destination; a settings file says `ca_file` for each server")
            }
            (_, None, _) | (_, _, None) if !self.fingerprint.is_empty() => Err(
                "--fingerprint goes with --source and --destination; a settings file says `fingerprint` for each server",
            ),
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err(
                "--config and --source/--destination cannot be used together: give a settings file or two mailboxes",
            ),
            (None, Some(source), Some(destination)) => {
                Ok(SettingsPlace::Urls { source: source.clone(), destination: destination.clone() })
            }
            (None, Some(_), None) => Err("--source goes with --destination, which is missing"),
            (None, None, Some(_)) => Err("--destination goes with --source, which is missing"),
            (Some(file), None, None) => Ok(SettingsPlace::File(file.clone())),
            (None, None, None) => Ok(SettingsPlace::DefaultFile),
        }
    }
}

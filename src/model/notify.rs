//! What people want to be told of while they are not looking, and how.

use super::Secret;
use std::path::PathBuf;

/// What there is to be told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    RunStarted,
    RunFinished,
    /// A person must act: a login, rights, a guard, the quota, the settings.
    AccountBlocked,
    /// Something of it failed, whole or in part; the next attempt may not.
    AccountFailed,
    /// The hours of a wave begin.
    WaveOpened,
    /// All accounts of a wave are where they belong.
    WaveFinished,
}

impl Occasion {
    pub const ALL: [Occasion; 6] = [
        Occasion::RunStarted,
        Occasion::RunFinished,
        Occasion::AccountBlocked,
        Occasion::AccountFailed,
        Occasion::WaveOpened,
        Occasion::WaveFinished,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Occasion::RunStarted => "run.started",
            Occasion::RunFinished => "run.finished",
            Occasion::AccountBlocked => "account.blocked",
            Occasion::AccountFailed => "account.failed",
            Occasion::WaveOpened => "wave.opened",
            Occasion::WaveFinished => "wave.finished",
        }
    }

    /// The occasion of that word.
    pub fn read(word: &str) -> Option<Self> {
        Occasion::ALL.into_iter().find(|occasion| occasion.word() == word)
    }

    /// Whether it is told of waves, and not of accounts.
    pub fn is_of_waves(self) -> bool {
        matches!(self, Occasion::WaveOpened | Occasion::WaveFinished)
    }
}

/// Something that happened to an account or a wave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    pub occasion: Occasion,
    /// The name of the account, or of the wave.
    pub subject: String,
    /// What failed, where and why; harmless to show.
    pub error: String,
    pub hint: Option<String>,
}

/// Who is told of what.
#[derive(Clone, Debug)]
pub struct Notify {
    pub on: Vec<Occasion>,
    pub way: Way,
}

/// All who are told, as the settings name them at the time.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    pub notifies: Vec<Notify>,
    /// Variables that hold secrets: no command gets them.
    pub hidden: Vec<String>,
}

/// How.
#[derive(Clone, Debug)]
pub enum Way {
    /// A program and its arguments, run in that directory, without a shell.
    Command { arguments: Vec<String>, directory: PathBuf },
    /// An address that a message is posted to, signed with that secret (Standard Webhooks 1.0.0).
    Webhook { url: String, secret: Secret },
}

impl Way {
    /// What it is called where it fails: of a command only the program, of an address only the host.
    pub fn name(&self) -> String {
        match self {
            Way::Command { arguments, .. } => arguments.first().cloned().unwrap_or_default(),
            Way::Webhook { url, .. } => {
                let behind = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                behind.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
            }
        }
    }
}

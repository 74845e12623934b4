//! What can be said with every command.

use crate::cli::sharding::ShardArguments;
use crate::library::DEFAULT_JOBS;
use crate::model::fingerprint::Fingerprint;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// What can be said with every command, before or after its name.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The settings file [default: mailferry.toml]
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// The account to read, instead of a settings file: imaps://user@host[:port]
    ///
    /// `imap://` begins in clear text and changes to TLS (STARTTLS) before anything else is sent. Goes with --destination.
    /// You may write @ in the user name. A password in the URL is refused.
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub source: Option<String>,

    /// The account to fill, instead of a settings file: imaps://user@host[:port]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub destination: Option<String>,

    /// Certificates (PEM) to trust besides the system's, for both servers; goes with --source and --destination
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub ca_file: Option<PathBuf>,

    /// The only certificate to trust, whoever signed it; once for each server; goes with --source and --destination
    ///
    /// sha256: and 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` shows them.
    #[arg(long, global = true, value_name = "SHA256", value_parser = fingerprint, hide_short_help = true)]
    pub fingerprint: Vec<Fingerprint>,

    /// Where to keep what is known about both sides [default: as the settings say, or mailferry.state]
    ///
    /// It can be rebuilt: losing it costs a full scan, never a message.
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state: Option<PathBuf>,

    /// How many accounts to work on at once
    ///
    /// Never more than either server has connections: `max_connections` in the settings, which is 8, or as many as this,
    /// where it is not set.
    #[arg(short, long, global = true, value_name = "N", default_value_t = DEFAULT_JOBS,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,

    #[command(flatten)]
    pub sharding: ShardArguments,

    /// Show neither progress nor notices, only results and failures
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Do not ask for senders and subjects of messages that are not there: name them by mailbox and UID alone
    #[arg(long, global = true, hide_short_help = true)]
    pub no_subjects: bool,

    /// How to show progress, on standard error
    #[arg(long, global = true, value_enum, value_name = "HOW", default_value_t = ProgressMode::Auto)]
    pub progress: ProgressMode,

    /// When to use colour
    ///
    /// Nothing is said in colour alone. `auto` means on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorMode::Auto, hide_short_help = true)]
    pub color: ColorMode,

    /// How much to log [default: nothing on standard error, info in a log file]
    ///
    /// `trace` records every line exchanged with the servers, except passwords; the text of messages is left out.
    #[arg(long, global = true, value_enum, value_name = "LEVEL", hide_short_help = true)]
    pub log_level: Option<LogLevel>,

    /// Log to this file (readable by you alone) instead of standard error; it is appended to
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub log_file: Option<PathBuf>,

    /// The form of the log
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t = LogFormat::Text, hide_short_help = true)]
    pub log_format: LogFormat,
}

/// How progress is shown.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere
    Auto,
    /// A bar for each account at work
    Bar,
    /// A line every few seconds
    Plain,
    /// One JSON object a line
    Json,
    /// Nothing
    None,
}

/// When colour is used.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColorMode {
    Auto,
    Always,
    Never,
}

/// How much is logged.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The form of the log.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).ok_or_else(|| "`sha256:` and 64 hexadecimal digits are expected".to_owned())
}

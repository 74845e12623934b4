//! What several commands have in common: which accounts, and where results go.

use clap::{Args, ValueHint};
use std::path::{Path, PathBuf};

/// Where the settings are, unless `--config` says otherwise.
pub const DEFAULT_CONFIG: &str = "mailferry.toml";

/// The accounts that a command is for.
#[derive(Args, Clone, Debug, Default)]
pub struct AccountsArguments {
    /// Only these accounts: names, patterns such as 'a*', tag:WORD or wave:NAME; state:WORD narrows them [default: all]
    ///
    /// WORD is what `mailferry status` shows: new, behind, synced, failed, blocked (a person must act). `sync state:failed
    /// state:blocked` tries just those again where something went wrong.
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,
}

/// The accounts that a command is for, which have to be named.
#[derive(Args, Debug)]
pub struct AccountsNamedArguments {
    /// The accounts: names, patterns such as 'a*' ('*' is all), tag:WORD or wave:NAME; state:WORD narrows them
    #[arg(value_name = "ACCOUNT", required = true)]
    pub accounts: Vec<String>,
}

/// Who is worked on again.
#[derive(Args, Debug)]
pub struct ResumeArguments {
    /// The accounts: names, patterns such as 'a*' ('*' is all), tag:WORD or wave:NAME; state:WORD narrows them
    #[arg(value_name = "ACCOUNT", required_unless_present = "halted")]
    pub accounts: Vec<String>,
    /// Let all processes go on that were halted because the master user's login was refused
    ///
    /// For fleets of several processes, which tell each other in the `directory` of [fleet]. Mend the login first: each process
    /// tries it again.
    #[arg(long, conflicts_with = "accounts")]
    pub halted: bool,
}

/// Where the results go for programs.
#[derive(Args, Clone, Debug, Default)]
pub struct JsonArguments {
    /// Write the result as JSON; - is standard output, and then nothing else is printed there
    #[arg(long = "json", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// Whether a FILE means standard output.
pub fn is_standard_output(file: &Path) -> bool {
    file == Path::new("-")
}

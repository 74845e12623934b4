//! What can be said with the commands around a migration: beginning it, looking at it, and answering its questions.

use super::shared::{AccountsArguments, DEFAULT_CONFIG, JsonArguments};
use crate::config::PRESETS;
use crate::serve::place::Place;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct InitArguments {
    /// What the old server is; its particulars are then written into the file
    // Strings, as the global options of the same names are: clap keeps one type for one name.
    #[arg(long, value_name = "PRESET", value_parser = preset_names())]
    pub source: Option<String>,
    /// What the new server is
    #[arg(long, value_name = "PRESET", value_parser = preset_names())]
    pub destination: Option<String>,
    /// Make settings and accounts from a list of another tool: imapsync (host1;user1;password1;host2;user2;password2),
    /// microsoft (EmailAddress,UserName,Password), or mbsync (its .mbsyncrc)
    #[arg(long, num_args = 2, value_names = ["TOOL", "LIST"], conflicts_with_all = ["source", "destination"])]
    pub from: Vec<String>,
    /// The file to write, which must not exist; - is standard output
    #[arg(value_name = "FILE", default_value = DEFAULT_CONFIG, value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

fn preset_names() -> PossibleValuesParser {
    PossibleValuesParser::new(PRESETS.map(|(name, _)| name))
}

#[derive(Args, Debug)]
pub struct CheckArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    /// Show everything about each account, however many there are
    #[arg(long)]
    pub details: bool,
    #[command(flatten)]
    pub json: JsonArguments,
}

#[derive(Args, Debug)]
pub struct StatusArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    /// Put together what the processes of several shards tell in their state directories; no state is opened
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with_all = ["accounts", "forecast"], value_hint = ValueHint::DirPath)]
    pub from: Vec<PathBuf>,
    /// Show on a read-only page what they tell, until Ctrl-C: 127.0.0.1:PORT (0 is any that is free) or unix:PATH
    #[arg(long, value_name = "ADDRESS", requires = "from", conflicts_with = "file")]
    pub serve: Option<Place>,
    /// Also show sizes, rates, and what is left out
    #[arg(long)]
    pub details: bool,
    /// Also show how far behind the destination is by now, and how long a cutover would take
    #[arg(long)]
    pub forecast: bool,
    #[command(flatten)]
    pub json: JsonArguments,
}

#[derive(Args, Debug)]
pub struct ReportArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    /// Put together what the processes of several shards tell in their state directories; no state is opened
    ///
    /// An account that two of them tell of, a shard that is missing or silent, and one that goes by other settings are named, and
    /// the exit status is 3 then.
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with = "accounts", value_hint = ValueHint::DirPath)]
    pub from: Vec<PathBuf>,
    /// Write a page that opens from a disk and prints; a directory, or a name that ends in /, gets one for each account
    #[arg(long, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub html: Option<PathBuf>,
    /// Write JSON; - is standard output, and then nothing else is printed there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write one line per account, for a spreadsheet
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ExplainArguments {
    #[arg(value_name = "ACCOUNT", help = "The account")]
    pub account: String,
    #[arg(value_name = "MAILBOX", help = "The mailbox of the source, with / between the levels of its name")]
    pub mailbox: String,
    #[arg(value_name = "UID|MESSAGE-ID", help = "One message, by its UID on the source or by its Message-ID")]
    pub message: Option<String>,
    /// Also ask both servers for its header: sender, subject, date
    #[arg(long, requires = "message")]
    pub headers: bool,
}

#[derive(Args, Debug)]
pub struct AcceptArguments {
    #[arg(value_name = "ACCOUNT", help = "The account")]
    pub account: String,
    /// The mailbox of the source, with / between the levels of its name [default: all]
    #[arg(value_name = "MAILBOX")]
    pub mailbox: Option<String>,
    /// One message, by its UID on the source [default: all that are gone, refused or failed]
    #[arg(value_name = "UID", value_parser = clap::value_parser!(u32).range(1..))]
    pub uid: Option<u32>,
    /// Why it is as it should be: kept, and shown in the report
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

#[derive(Args, Debug)]
pub struct ForgetArguments {
    /// The accounts, as the state has them: names, patterns such as 'a*', or tag:WORD
    #[arg(value_name = "ACCOUNT", required = true)]
    pub accounts: Vec<String>,
}

#[derive(Args, Debug)]
pub struct CompletionsArguments {
    #[arg(value_enum, value_name = "SHELL", help = "The shell")]
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct ManArguments {
    /// The directory, which is made if need be; one page for each command
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
}

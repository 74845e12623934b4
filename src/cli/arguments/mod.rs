//! The command line, exactly as the Contract has it, and its help: here the words, and in a file each what can be said
//! with [`migration`], at the [`desk`], for [`login`], and [everywhere](global).

mod desk;
mod global;
mod login;
mod migration;
mod outside;
mod shared;
#[cfg(test)]
mod tests;

pub use desk::{
    AcceptArguments, CheckArguments, CompletionsArguments, ExplainArguments, ForgetArguments, InitArguments,
    ManArguments, ReportArguments, StatusArguments,
};
pub use global::{ColorMode, Global, LogFormat, LogLevel, ProgressMode};
pub use login::LoginArguments;
pub use migration::{
    ApplyArguments, ChunkArguments, PlanArguments, ScanArguments, SyncArguments, ThoroughnessArguments, VerifyArguments,
};
pub use outside::OutsideArguments;
pub use shared::{AccountsNamedArguments, DEFAULT_CONFIG, JsonArguments, ResumeArguments, is_standard_output};

use super::sharding::{ShardsArguments, StateArguments};
use crate::library::exit_codes;
use clap::{Parser, Subcommand};

#[derive(Parser, Debug)]
#[command(
    name = "mailferry",
    version,
    about = "Move IMAP mailboxes from one server to another: every message once, unchanged, and proved",
    long_about = LONG_ABOUT,
    after_help = "Examples, exit status and more on each option: mailferry --help",
    after_long_help = after_long_help(),
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

const LONG_ABOUT: &str = "\
Move IMAP mailboxes from one server to another, and keep the two in sync until the cutover.

  scan     take a snapshot of both sides
  plan     compare the snapshots and show what would change
  apply    do exactly that; stop it, kill it, run it again: no message is lost or doubled
  sync     scan, plan and apply in one go, again and again until the cutover
  verify   compare both sides message by message

The source is only ever read, unless the settings say `two-way`. On the destination nothing is deleted unless you say so.";

fn after_long_help() -> String {
    format!("{EXAMPLES}\n{}\n{PASSWORDS}", exit_codes::help())
}

const EXAMPLES: &str = "\
Examples:
  mailferry init --source zimbra --destination dovecot
                                     write mailferry.toml, and fill it in
  mailferry check                    log in everywhere; see what will not work
  mailferry scan && mailferry plan   see what would be done, and
  mailferry apply                    do it
  mailferry sync --watch 15m         keep the destination up to date
  mailferry verify --deep            compare every byte of every message

  mailferry sync --source imaps://alice@old.example.com \\
                 --destination imaps://alice@new.example.com
                                     one mailbox, without a settings file
";

const PASSWORDS: &str = "\
Passwords:
  A password is never an argument: everyone on the machine could read it.
  It comes from the place that the settings name (a file, a command or a
  variable), or from MAILFERRY_SOURCE_PASSWORD and
  MAILFERRY_DESTINATION_PASSWORD, or it is asked for.";

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write a commented settings file to start from
    Init(InitArguments),
    /// Log in on both sides; say what was found and what will not work
    ///
    /// Nothing is copied and nothing is changed. Shows the servers, how they are protected, what they can do, and what to
    /// know before the migration; of many accounts, only those that deviate.
    Check(CheckArguments),
    /// Take a snapshot of both sides
    ///
    /// Reads the lists of mailboxes and messages, not the messages themselves. What did not change since the last scan
    /// is not read again.
    Scan(ScanArguments),
    /// Compare the snapshots and show what would change
    ///
    /// Asks no server. The plan is kept, and `mailferry apply` does exactly that. Look at it with --details to see each
    /// message that would be left out, and why.
    Plan(PlanArguments),
    /// Do what the plan says
    ///
    /// Ctrl-C finishes the batch in hand; run it again, and it picks up where it left off, also after a power loss:
    /// what had arrived is recognised and not copied again.
    Apply(ApplyArguments),
    /// Scan, plan and apply in one go
    ///
    /// The first time it copies everything, after that only what is new or changed. Run it again and again until the
    /// cutover, or let --watch do so.
    Sync(SyncArguments),
    /// Compare both sides message by message: nothing missing, duplicated or changed
    ///
    /// Lists both sides anew and compares every message: identity, size, flags and dates; with --deep also every byte.
    Verify(VerifyArguments),
    /// Show the state of each account, without asking a server
    Status(StatusArguments),
    /// Write a report to hand over: counts that balance, what is missing and why, how it was verified
    ///
    /// Made from what the state knows; no server is asked. Run `verify` first: only then can it say that all is exact.
    Report(ReportArguments),
    /// Explain why a mailbox or a message is copied, or not
    Explain(ExplainArguments),
    /// Record that you have seen a difference, and why it is as it should be
    ///
    /// For copies that are gone from the destination, and for messages that it refuses: they are neither asked about nor
    /// copied any more, and do not count as differences. What delete_guard counts starts from zero again. No server is asked.
    Accept(AcceptArguments),
    /// Leave accounts alone from now on, until `resume`
    ///
    /// A run that is under way obeys within seconds: it finishes the batch in hand, and goes on with others.
    Pause(AccountsNamedArguments),
    /// Take back `pause` or `complete`
    Resume(ResumeArguments),
    /// Declare accounts done for good: they are left alone from now on
    Complete(AccountsNamedArguments),
    /// Divide the accounts into shards by size, and write down which is where
    ///
    /// Accounts that have a shard keep it; each of the others goes to the smallest shard. Sizes are those of the last scan.
    Shards(ShardsArguments),
    /// Carry accounts over from the states of other shards
    State(StateArguments),
    /// Drop accounts from the state, without asking a server
    ///
    /// For accounts that are done, or that no settings name any more. No mail is touched: a later sync compares both
    /// sides anew, and copies nothing twice. In mirror mode, what was copied before is then never deleted.
    Forget(ForgetArguments),
    /// Let a person consent, once, to mailferry reading an account (OAuth)
    ///
    /// For settings with flow = "refresh-token". Names a page to open in a browser; the refresh token that results is kept
    /// where the settings say, readable by you alone.
    Login(LoginArguments),
    /// Print completions for a shell
    ///
    /// For bash: mailferry completions bash > ~/.local/share/bash-completion/completions/mailferry
    Completions(CompletionsArguments),
    /// Write the manual pages into a directory
    Man(ManArguments),
}

impl Command {
    /// Its word on the command line.
    pub fn word(&self) -> String {
        let shown = format!("{self:?}");
        shown.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_lowercase()
    }
}

impl Arguments {
    /// `sync URL URL` is `sync --source URL --destination URL`: what everyone types first. No account is called by a URL.
    pub fn with_urls(mut self) -> Arguments {
        self.global.sharding = self.global.sharding.settled();
        let Command::Sync(SyncArguments { accounts, .. }) = &mut self.command else { return self };
        let is_free = self.global.config.is_none() && self.global.source.is_none() && self.global.destination.is_none();
        if let ([source, destination], true) = (&accounts.accounts[..], is_free)
            && [source, destination].iter().all(|url| url.contains("://"))
        {
            (self.global.source, self.global.destination) = (Some(source.clone()), Some(destination.clone()));
            accounts.accounts.clear();
        }
        self
    }
}

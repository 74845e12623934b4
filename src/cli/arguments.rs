//! The command line, exactly as the Contract has it, and its help.

use super::exit_codes;
use super::login_arguments::LoginArguments;
use super::outside_arguments::OutsideArguments;
use super::sharding::{ShardArguments, ShardsArguments, StateArguments};
use crate::config::{PRESETS, parse_duration, parse_size};
use crate::model::fingerprint::Fingerprint;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the settings are, unless `--config` says otherwise.
pub const DEFAULT_CONFIG: &str = "mailferry.toml";

/// Accounts worked on at once by default: with the usual 8 connections to a server each account then has two.
const DEFAULT_JOBS: u16 = 4;

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

The source is only ever read. On the destination nothing is deleted unless you say so.";

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

/// What can be said with every command, before or after its name.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The settings file [default: mailferry.toml]
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// The mailbox to read, instead of a settings file: imaps://user@host[:port]
    ///
    /// `imap://` begins in clear text and changes to TLS (STARTTLS) before anything is said. Goes with --destination.
    /// You may write @ in the user name. A password in the URL is refused.
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub source: Option<String>,

    /// The mailbox to fill, instead of a settings file: imaps://user@host[:port]
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
    /// `trace` holds every line that is spoken with the servers, except passwords; message texts are not in it.
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

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write a commented settings file to start from
    Init(InitArguments),
    /// Log in on both sides; say what was found and what will not work
    ///
    /// Nothing is copied and nothing is changed. The servers, how they are protected, what they can do, and what to know
    /// before the migration; of many accounts only those that deviate.
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
    /// Ctrl-C finishes the batch in hand; run it again, and it goes on where it was. The same after a power loss: what
    /// had arrived is recognised and not copied again.
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
    /// From what the state knows; no server is asked. Verify before, so that it can say that all is exact.
    Report(ReportArguments),
    /// Explain why a mailbox or a message is copied, or not
    Explain(ExplainArguments),
    /// Record that you have seen a difference, and why it is as it should be
    ///
    /// For copies that are gone from the destination, and for messages that it refuses: they are neither asked about nor
    /// copied any more, and no difference. What delete_guard counts begins anew. No server is asked.
    Accept(AcceptArguments),
    /// Leave accounts alone from now on, until `resume`
    ///
    /// A run that is under way obeys within seconds: it finishes the batch in hand, and goes on with others.
    Pause(AccountsNamedArguments),
    /// Take back `pause` or `complete`
    Resume(AccountsNamedArguments),
    /// Declare accounts done for good: they are left alone from now on
    Complete(AccountsNamedArguments),
    /// Share the accounts out by size, and write down which is in which shard
    ///
    /// Accounts that have a shard keep it; others go to the shard that has least. Sizes are those of the last scan.
    Shards(ShardsArguments),
    /// Carry accounts over from the states of other shards
    State(StateArguments),
    /// Drop accounts from the state, without asking a server
    ///
    /// For accounts that are done, or that no settings name any more. No mail is touched: a later sync compares both
    /// sides anew, and copies nothing twice. In mirror mode what was copied before is then nobody's to delete.
    Forget(ForgetArguments),
    /// Let a person consent, once, to mailferry reading an account (OAuth)
    ///
    /// For settings with flow = "refresh-token". A page is named to open in a browser, and the refresh token that comes
    /// of it is kept where the settings say, readable by you alone.
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
pub struct ScanArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    #[command(flatten)]
    pub thoroughness: ThoroughnessArguments,
}

#[derive(Args, Clone, Debug)]
pub struct ThoroughnessArguments {
    /// List every mailbox whole, and trust nothing that was recorded
    #[arg(long)]
    pub full: bool,
}

/// Where the results go for programs.
#[derive(Args, Clone, Debug, Default)]
pub struct JsonArguments {
    /// Write the result as JSON; - is standard output, and then nothing else is printed there
    #[arg(long = "json", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct PlanArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    /// Also list unchanged mailboxes, and each message or keyword that would be left out, with the reason
    #[arg(long)]
    pub details: bool,
    #[command(flatten)]
    pub json: JsonArguments,
    /// Write the plan as a page, for those who review it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Exit with status 10 if there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Args, Debug)]
pub struct ApplyArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    #[command(flatten)]
    pub limits: ChunkArguments,
    #[command(flatten)]
    pub outside: OutsideArguments,
}

const LIMITS: &str = "Limits (when work is left, the exit status is 9)";

/// When to stop with work left: for a maintenance window, or to try it on a few messages first.
#[derive(Args, Clone, Debug)]
pub struct ChunkArguments {
    /// Stop after copying this many messages, over all accounts
    #[arg(long, help_heading = LIMITS, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_messages: Option<u64>,
    /// Stop after copying this much, over all accounts; such as 500MB
    #[arg(long, help_heading = LIMITS, value_name = "SIZE", value_parser = parse_size)]
    pub max_bytes: Option<u64>,
    /// Stop after this time, such as 90m
    #[arg(long, help_heading = LIMITS, value_name = "DURATION", value_parser = parse_duration)]
    pub max_time: Option<Duration>,
    /// Delete what the plan shows, also beyond delete_guard, and duplicates that mailferry created
    #[arg(long)]
    pub allow_deletes: bool,
    /// Copy although the destination's quota seems too small: some mailboxes may not count against it
    #[arg(long)]
    pub over_quota: bool,
    /// Ignore the hours of waves
    #[arg(long)]
    pub now: bool,
}

/// A time that is worth waiting.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).map_err(|mistake| mistake.to_string())?;
    match interval.is_zero() {
        true => {
            Err("without a rest between two rounds both servers would never have one; say 15m, or at least 1s"
                .to_owned())
        }
        false => Ok(interval),
    }
}

#[derive(Args, Debug)]
pub struct SyncArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    #[command(flatten)]
    pub thoroughness: ThoroughnessArguments,
    /// Only show what would be done: scan, and plan
    #[arg(long, visible_alias = "dry", conflicts_with = "watch")]
    pub dry_run: bool,
    /// Read every copied message again, and replace those that differ from the source
    ///
    /// Reads all that was copied, on both sides, as `verify --deep` does. What is damaged is copied anew first; then the old
    /// copy goes, if the destination can remove single messages. More than delete_guard of a mailbox needs --allow-deletes.
    #[arg(long, conflicts_with = "dry_run")]
    pub repair: bool,
    /// Repeat until stopped, waiting this long between runs
    #[arg(long, value_name = "INTERVAL", value_parser = parse_interval)]
    pub watch: Option<Duration>,
    #[command(flatten)]
    pub limits: ChunkArguments,
    #[command(flatten)]
    pub outside: OutsideArguments,
}

#[derive(Args, Debug)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
    /// Read every message on both sides and compare SHA-256 sums
    #[arg(long)]
    pub deep: bool,
    #[command(flatten)]
    pub outside: OutsideArguments,
    #[command(flatten)]
    pub json: JsonArguments,
    /// Write every difference as a line of CSV; - is standard output, and then nothing else is printed there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub list: Option<PathBuf>,
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
    /// Also show sizes, rates, and what is left out
    #[arg(long)]
    pub details: bool,
    /// Also tell how far behind the destination is by now, and how long a cutover would take
    #[arg(long)]
    pub forecast: bool,
    #[command(flatten)]
    pub json: JsonArguments,
}

#[derive(Args, Debug)]
pub struct ReportArguments {
    #[command(flatten)]
    pub accounts: AccountsArguments,
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

/// The accounts that a command is for, which have to be named.
#[derive(Args, Debug)]
pub struct AccountsNamedArguments {
    /// The accounts: names, patterns such as 'a*' ('*' is all), tag:WORD or wave:NAME; state:WORD narrows them
    #[arg(value_name = "ACCOUNT", required = true)]
    pub accounts: Vec<String>,
}

#[derive(Args, Debug)]
pub struct ForgetArguments {
    /// The accounts, as the state has them: names, patterns such as 'a*', or tag:WORD
    #[arg(value_name = "ACCOUNT", required = true)]
    pub accounts: Vec<String>,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).ok_or_else(|| "`sha256:` and 64 hexadecimal digits are expected".to_owned())
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

/// Whether a FILE means standard output.
pub fn is_standard_output(file: &Path) -> bool {
    file == Path::new("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings_place::SettingsPlace;
    use clap::CommandFactory;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("mailferry").chain(line.split_whitespace()))
    }

    #[test]
    fn definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_contract_is_accepted() {
        for line in [
            "init --source zimbra --destination dovecot -",
            "check alice bob --json -",
            "scan --full --json -",
            "plan --details --json - --html page.html --detailed-exitcode alice",
            "apply --max-messages 10 --max-bytes 50MB --max-time 1h30m --allow-deletes --over-quota --now",
            "sync --full --watch 15m --max-messages 10 --json s.json tag:first",
            "verify --deep --json v.json --list v.csv",
            "sync --serve 127.0.0.1:0 --metrics-file /x/mailferry.prom",
            "apply --serve unix:/run/page",
            "verify --serve localhost:8080",
            "status --json -",
            "report --html r.html",
            "explain alice INBOX 17",
            "accept alice INBOX 17 --reason seen",
            "accept alice --reason seen",
            "forget alice 'b*'",
            "pause alice tag:finance",
            "resume state:paused",
            "complete alice",
            "completions bash",
            "man pages",
        ] {
            assert!(parsed(line).is_ok(), "{line}: {}", parsed(line).unwrap_err());
        }
    }

    #[test]
    fn global_options_stand_before_and_after_the_command() {
        for line in ["-c a.toml -j 9 -q scan", "scan -c a.toml -j 9 -q", "-j 9 scan -q --config a.toml"] {
            let global = parsed(line).unwrap().global;
            assert_eq!((global.jobs, global.quiet), (9, true), "{line}");
            assert_eq!(global.settings_place(), Ok(SettingsPlace::File("a.toml".into())), "{line}");
        }
    }

    #[test]
    fn config_with_a_url_is_a_contradiction_wherever_they_stand() {
        for line in ["-c a.toml scan --source imaps://a@b", "--destination imaps://a@b scan -c a.toml"] {
            assert!(parsed(line).unwrap().global.settings_place().is_err(), "{line}");
        }
        assert!(parsed("scan --source imaps://a@b").unwrap().global.settings_place().is_err());
    }

    #[test]
    fn two_urls_for_sync_are_its_source_and_destination() {
        let both = parsed("sync imaps://a@b imaps://c@d").unwrap().with_urls();
        let place = SettingsPlace::Urls { source: "imaps://a@b".to_owned(), destination: "imaps://c@d".to_owned() };
        assert_eq!(both.global.settings_place(), Ok(place));
        for line in ["sync a b", "sync imaps://a@b", "sync -c m.toml imaps://a@b imaps://c@d"] {
            assert_eq!(parsed(line).unwrap().with_urls().global.source, None, "{line}");
        }
        assert!(parsed("sync --ca-file x").unwrap().global.settings_place().is_err());
        assert!(parsed("sync --ca-file x --source a@b --destination c@d").unwrap().global.settings_place().is_ok());
    }

    #[test]
    fn init_presets_are_known_ones() {
        let Command::Init(init) = parsed("init --source zimbra").unwrap().command else { panic!("not init") };
        assert_eq!((init.source.as_deref(), init.file), (Some("zimbra"), PathBuf::from(DEFAULT_CONFIG)));
        assert!(parsed("init --source zimbar").is_err());
    }

    #[test]
    fn wrong_sizes_durations_and_counts_are_refused() {
        for line in [
            "sync --serve 0.0.0.0:80",
            "apply --max-bytes much",
            "apply --max-time 5",
            "sync --max-messages 0",
            "scan -j 0",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn help_lists_every_exit_status_and_command() {
        let help = Arguments::command().render_long_help().to_string();
        for word in ["130", "mailferry sync --watch 15m", "verify", "explain", "MAILFERRY_SOURCE_PASSWORD"] {
            assert!(help.contains(word), "{word} is missing in\n{help}");
        }
    }
}

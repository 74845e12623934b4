//! The settings file, the accounts and the passwords, turned into `model` types. Nothing here connects to a server, and
//! no other room reads a settings file.
//!
//! Every reader notes its mistakes and goes on, so that all of them are told at once, each with file, line and fix.
//! What the Contract knows and this version does not do is refused by name, never half done.
//!
//! - [`Settings`]: all of it, from a file, from two URLs, or as a `program` built it.
//! - [`template`](template()): the commented file that `init` writes. [`import`](import()): settings from lists of other tools.
//! - [`parse_size`], [`parse_duration`]: quantities as people write them; also for the command line.
//!
//! Passwords are not among the settings, only the places where they are: read when a login needs them, through
//! [`Settings::passwords`].

mod account;
mod accounts_file;
mod cell;
mod choice;
mod command;
mod document;
mod encoding;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod given;
mod import;
mod inline;
mod keyring;
mod limits;
mod mistake;
mod notify;
mod oauth;
mod password;
mod place;
mod places;
mod policy;
mod preset;
mod program;
mod quantity;
mod selection;
mod server;
mod server_checks;
mod server_keys;
mod server_url;
mod servers;
mod settings_file;
mod shards;
mod sheet;
mod surroundings;
mod template;
#[cfg(test)]
mod tests;
mod value;
mod waves;

pub use given::{Answer, GivenPassword};
pub use import::{Imported, Tool, import};
pub use mistake::{Mistake, Mistakes};
pub use preset::{PRESETS, preset_named};
pub use program::GivenPasswords;
pub use quantity::{parse_duration, parse_percent, parse_size};
pub use shards::{PLACEHOLDER, ShardsFile, SizesFile, states_in_use};
pub use template::template;

use crate::error::Result;
use crate::model::fingerprint::Fingerprint;
use crate::model::limits::Limits;
use crate::model::notify::Audience;
use crate::model::policy::Policy;
use crate::model::secret::Passwords;
use crate::model::shard::Shard;
use crate::model::{Account, Condition, Server, Side};
use account::AccountDraft;
use keyring::Keyring;
use limits::LimitSettings;
use mistake::Findings;
use notify::Notice;
use place::Place;
use server::ServerSettings;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use surroundings::{Process, Surroundings};

/// Whom to trust where servers are named by URLs: of both.
#[derive(Clone, Copy, Default)]
pub struct UrlTrust<'a> {
    /// Certificates in PEM form, besides the system's.
    pub ca_file: Option<&'a Path>,
    /// Certificates to trust, and no others, if there are any.
    pub fingerprints: &'a [Fingerprint],
}

/// The state directory where the settings name none.
pub const DEFAULT_STATE: &str = "mailferry.state";

/// All settings of a run.
pub struct Settings {
    /// The state directory.
    pub state: PathBuf,
    /// By their numbers; each is there for one side.
    pub servers: Vec<Server>,
    /// In the order in which they are written; names and, on each server, destination users are unique.
    pub accounts: Vec<Account>,
    pub policy: Policy,
    pub limits: Limits,
    /// What is allowed and rarely meant, one sentence each.
    pub warnings: Vec<String>,
    /// The file that says which account is in which shard, if one is named.
    pub shards_file: Option<PathBuf>,
    /// The directory that all processes of the fleet see, if one is named.
    pub fleet: Option<PathBuf>,
    /// `state` as it is written, where it holds [`PLACEHOLDER`] and a shard was named.
    state_pattern: Option<PathBuf>,
    /// The shard that these settings are of.
    pub shard: Option<Shard>,
    /// The names of the accounts of one shard; `None`: all are meant.
    share: Option<HashSet<String>>,
    /// Where all this is written, and the files that hold passwords.
    pub files: Vec<PathBuf>,
    keyring: Arc<Keyring>,
    notices: Vec<Notice>,
}

/// The same choice among other accounts than those of the settings.
///
/// # Errors
/// As [`Settings::select`].
pub fn select_from(accounts: &[Account], names: &[String]) -> Result<Vec<Account>, Mistakes> {
    selection::select(accounts, names)
}

/// What is read before it is known to be right as a whole.
struct Draft {
    state: PathBuf,
    servers: Vec<ServerSettings>,
    accounts: Vec<AccountDraft>,
    shards_file: Option<PathBuf>,
    fleet: Option<PathBuf>,
    policy: Policy,
    limits: LimitSettings,
    notices: Vec<Notice>,
}

impl Settings {
    /// Reads a settings file. Paths in it start from its directory.
    ///
    /// # Errors
    /// All mistakes in it and in the accounts file, and files that they name and that cannot be read; password places
    /// are checked by [`Settings::check_passwords`].
    pub fn from_file(path: &Path) -> Result<Settings, Mistakes> {
        Self::read_file(path, Box::new(Process))
    }

    /// The settings for one mailbox without a file: its source and destination as `imaps://user@host[:port]`, all else
    /// by default.
    ///
    /// # Errors
    /// Mistakes in the URLs; a URL that holds a password is refused.
    pub fn from_urls(
        source: &str,
        destination: &str,
        state: Option<&Path>,
        trust: UrlTrust<'_>,
    ) -> Result<Settings, Mistakes> {
        Self::read_urls(source, destination, state, trust, Box::new(Process))
    }

    /// The server of an account on that side.
    pub fn server(&self, account: &Account, side: Side) -> &Server {
        &self.servers[account.server(side).0]
    }

    /// Where every login gets its password. All that are handed out share what was asked for.
    pub fn passwords(&self) -> Arc<dyn Passwords> {
        self.keyring.clone()
    }

    /// Checks, before anything is connected to, that these accounts will have passwords: variables that are set, files
    /// that can be read, programs that are there. Asks nobody, runs nothing; gives warnings.
    ///
    /// # Errors
    /// Every place that holds no password.
    pub fn check_passwords(&self, accounts: &[Account]) -> Result<Vec<String>, Mistakes> {
        self.keyring.check(accounts)
    }

    /// Asks at the terminal for the passwords that these accounts need and no place holds; for a moment before
    /// progress is shown. Each is asked for once.
    ///
    /// # Errors
    /// `Settings` when nobody can be asked, or nothing was answered.
    pub fn ask_for_passwords(&self, accounts: &[Account]) -> Result<()> {
        self.keyring.ask(accounts)
    }

    /// Who is told of what, with the secrets that this needs, which are read now.
    ///
    /// # Errors
    /// Every secret that cannot be read.
    pub fn audience(&self) -> Result<Audience, Mistakes> {
        let hidden = self.secret_variables().to_vec();
        Ok(Audience { notifies: notify::ready(&self.notices, &Process, &hidden)?, hidden })
    }

    /// The names of the environment variables that hold passwords: what starts a process takes them out of its
    /// environment.
    pub fn secret_variables(&self) -> &[String] {
        self.keyring.hidden()
    }

    /// The accounts named on the command line, in the order of the settings: by name, by a pattern such as `a*`, or by
    /// `tag:word`. No names mean all; of a shard, only its own. Words such as `state:failed` come back as the conditions that they are to be in.
    ///
    /// # Errors
    /// Every name that fits no account, with the nearest one.
    pub fn select(&self, names: &[String]) -> Result<(Vec<Account>, Vec<Condition>), Mistakes> {
        let (names, conditions) = selection::conditions(names)?;
        let mut selected = select_from(&self.accounts, &names)?;
        if let Some(share) = &self.share {
            selected.retain(|account| share.contains(&*account.name));
        }
        Ok((selected, conditions))
    }

    /// What was answered at the terminal holds for these settings, too, and the tokens that were renewed meanwhile.
    pub fn answer_as(&self, before: &Settings) {
        self.keyring.take_over(&before.keyring);
    }

    /// Checks that none of these accounts needs a password that somebody must be asked for and was not yet.
    ///
    /// # Errors
    /// `Settings`, with the first of them.
    pub fn check_unasked(&self, accounts: &[Account]) -> Result<(), Mistakes> {
        self.keyring.check_unasked(accounts)
    }

    fn read_file(path: &Path, surroundings: Box<dyn Surroundings>) -> Result<Settings, Mistakes> {
        let findings = Findings::default();
        let draft = settings_file::read(path, &findings);
        let mut settings = Self::judge(draft, findings, surroundings)?;
        let further = [Some(path.to_owned()), settings.shards_file.clone()].into_iter().flatten();
        let files: BTreeSet<PathBuf> = settings.files.drain(..).chain(further).collect();
        settings.files = files.into_iter().collect();
        Ok(settings)
    }

    fn read_urls(
        source: &str,
        destination: &str,
        state: Option<&Path>,
        trust: UrlTrust<'_>,
        surroundings: Box<dyn Surroundings>,
    ) -> Result<Settings, Mistakes> {
        let findings = Findings::default();
        let mut draft = server_url::read(source, destination, state, &findings);
        let servers = draft.iter_mut().flat_map(|draft| &mut draft.servers);
        servers.for_each(|settings| {
            settings.server.ca_file = trust.ca_file.map(Path::to_owned);
            settings.server.fingerprints = trust.fingerprints.to_vec();
        });
        Self::judge(draft, findings, surroundings)
    }

    fn judge(
        draft: Option<Draft>,
        findings: Findings,
        surroundings: Box<dyn Surroundings>,
    ) -> Result<Settings, Mistakes> {
        if let Some(draft) = &draft {
            account::check_on_servers(&draft.accounts, &draft.servers, &findings);
            places::check(&draft.accounts, &draft.servers, &findings);
        }
        findings.verdict()?;
        let incomplete = || Mistake::new("the settings are incomplete");
        Ok(draft.ok_or_else(incomplete)?.settled(findings.into_warnings(), surroundings))
    }
}

impl Draft {
    fn settled(self, warnings: Vec<String>, surroundings: Box<dyn Surroundings>) -> Settings {
        let Draft { state, mut servers, mut accounts, shards_file, fleet, policy, limits, notices } = self;
        places::give_policies(&mut accounts, &servers, &policy);
        servers.iter_mut().for_each(|settings| limits.apply(&mut settings.server));
        let files = accounts.iter().filter_map(|draft| draft.origin.file.clone());
        let mut files: BTreeSet<PathBuf> = files.map(|file| file.to_path_buf()).collect();
        let own = accounts.iter_mut().filter(|draft| draft.places.iter().any(Option::is_some));
        let own = own.map(|draft| (Arc::clone(&draft.account.name), std::mem::take(&mut draft.places))).collect();
        let others: Vec<Place> = notices.iter().filter_map(Notice::secret).cloned().collect();
        let keyring = Keyring::new(servers.clone(), own, &others, surroundings);
        files.extend(keyring.files());
        let files = files.into_iter().collect();
        // What was read of them takes more room than what is kept.
        let mut accounts: Vec<Account> = accounts.into_iter().map(|draft| draft.account).collect();
        accounts.shrink_to_fit();
        Settings {
            state,
            servers: servers.into_iter().map(|settings| settings.server).collect(),
            accounts,
            policy,
            limits: limits.limits,
            warnings,
            shards_file,
            fleet,
            state_pattern: None,
            shard: None,
            share: None,
            files,
            keyring: Arc::new(keyring),
            notices,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("state", &self.state)
            .field("servers", &self.servers)
            .field("accounts", &self.accounts)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .field("warnings", &self.warnings)
            .field("shards_file", &self.shards_file)
            .field("fleet", &self.fleet)
            .field("state_pattern", &self.state_pattern)
            .field("shard", &self.shard)
            .field("share", &self.share)
            .finish_non_exhaustive()
    }
}

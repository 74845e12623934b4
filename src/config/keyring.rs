//! Gives each login its password, from the place that the settings name.
//!
//! What all accounts of a server share (the master user's password) is read once and kept; an account's own password is
//! read at each of its logins; what is asked for at the terminal is asked for once.

use super::mistake::{Findings, Mistake, Mistakes, Origin};
use super::oauth::Ingredients;
use super::password::secret;
use super::place::{Place, PlaceKind, Whose, own_variable};
use super::server::ServerSettings;
use super::surroundings::Surroundings;
use crate::error::{Error, Kind, Result, Scope, sanitized};
use crate::model::oauth::Ingredient;
use crate::model::secret::Passwords;
use crate::model::server::{Address, Mechanism};
use crate::model::{Account, Secret, ServerId, Side};
use std::collections::{BTreeSet, HashMap};
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Serves a side's password where the settings name no place.
pub(super) fn fallback_variable(side: Side) -> &'static str {
    match side {
        Side::Source => "MAILFERRY_SOURCE_PASSWORD",
        Side::Destination => "MAILFERRY_DESTINATION_PASSWORD",
    }
}

/// The places of an account's own passwords: source, destination.
pub(super) type OwnPlaces = [Option<Box<Place>>; 2];

/// All places, and the answers that are kept.
pub(super) struct Keyring {
    /// By the number of the server.
    servers: Vec<ServerKeys>,
    own: HashMap<Arc<str>, OwnPlaces>,
    /// Variables that hold passwords; no child process gets them.
    hidden: Vec<String>,
    surroundings: Box<dyn Surroundings>,
}

/// What the logins on one server share.
struct ServerKeys {
    side: Side,
    label: String,
    /// Where its settings stand: `[source]`.
    title: String,
    master: Option<String>,
    is_tunnel: bool,
    /// Who logs in is told by a certificate, or a token serves in a password's stead.
    needs_none: bool,
    place: Option<Place>,
    ingredients: Ingredients,
    /// Refresh tokens of this run, by account.
    refreshed: Mutex<HashMap<String, Secret>>,
    /// By login name; held while asking, so that nobody is asked twice.
    kept: Mutex<HashMap<String, Secret>>,
}

/// Where a login's password comes from.
enum Way<'a> {
    /// The account's own place.
    Own(&'a Place),
    /// The server's place, the same for all accounts.
    Shared(&'a Place),
    /// The server's place, in which each account has its own.
    SharedByAccount(&'a Place),
    /// The side's variable for want of a place.
    Fallback(&'static str),
    /// Someone at the terminal, for this login name.
    Ask(&'a str),
}

impl Keyring {
    /// Besides passwords there may be `others` secrets, which no child process gets either.
    pub fn new(
        servers: Vec<ServerSettings>,
        own: HashMap<Arc<str>, OwnPlaces>,
        others: &[Place],
        surroundings: Box<dyn Surroundings>,
    ) -> Self {
        let own_places = own.values().flatten().filter_map(Option::as_deref);
        let passwords = servers.iter().filter_map(|server| server.password.as_ref()).chain(own_places);
        let places = passwords.chain(servers.iter().flat_map(|server| server.ingredients.places()));
        let hidden = hidden_variables(places.chain(others), &*surroundings);
        let servers = servers.into_iter().map(ServerKeys::new).collect();
        Keyring { servers, own, hidden, surroundings }
    }

    /// The files that hold passwords, by their own place or the server's.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let shared = self.servers.iter().filter_map(|keys| keys.place.as_ref());
        let places = shared.chain(self.own.values().flatten().flatten().map(|place| &**place));
        places.filter_map(|place| match &place.kind {
            PlaceKind::File(file) => Some(file.clone()),
            _ => None,
        })
    }

    /// The names of the variables that hold passwords.
    pub fn hidden(&self) -> &[String] {
        &self.hidden
    }

    /// Finds what would keep these accounts from having passwords, without asking anybody and without running a
    /// command; gives warnings.
    pub fn check(&self, accounts: &[Account]) -> Result<Vec<String>, Mistakes> {
        let findings = Findings::default();
        for (number, keys) in self.servers.iter().enumerate() {
            let here = |account: &&Account| account.server(keys.side) == ServerId(number);
            self.check_server(keys, accounts.iter().filter(here), &findings);
        }
        findings.verdict()?;
        Ok(findings.into_warnings())
    }

    /// Asks now for what would have to be asked for later.
    pub fn ask(&self, accounts: &[Account]) -> Result<()> {
        for side in Side::BOTH {
            let must_ask = |account: &&Account| {
                let keys = self.keys(account, side);
                keys.asks() && matches!(self.way(account, side), Way::Ask(_))
            };
            for account in accounts.iter().filter(must_ask) {
                self.password(account, side)?;
            }
        }
        Ok(())
    }

    /// What was answered to the one before is known here, too, and the refresh tokens that no file keeps.
    pub fn take_over(&self, before: &Keyring) {
        let lock = |kept: &Mutex<HashMap<String, Secret>>| kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for keys in &self.servers {
            let is_same = |it: &&ServerKeys| (it.side, &it.label) == (keys.side, &keys.label);
            let Some(before) = before.servers.iter().find(is_same) else { continue };
            // What a place holds is read there again.
            let answered = lock(&before.kept).into_iter().filter(|(login, _)| login != SHARED);
            keys.kept.lock().unwrap_or_else(PoisonError::into_inner).extend(answered);
            let token = keys.ingredients.place(Ingredient::RefreshToken);
            if token.is_some_and(|place| !matches!(place.kind, PlaceKind::File(_))) {
                keys.refreshed.lock().unwrap_or_else(PoisonError::into_inner).extend(lock(&before.refreshed));
            }
        }
    }

    /// The first login of these accounts whose password is to be asked for and is not known yet is a mistake.
    pub fn check_unasked(&self, accounts: &[Account]) -> Result<(), Mistakes> {
        let findings = Findings::default();
        let unasked =
            accounts.iter().flat_map(|account| Side::BOTH.map(|side| (account, side))).find_map(|(account, side)| {
                let keys = self.keys(account, side);
                match self.way(account, side) {
                    Way::Ask(login) if keys.asks() => {
                        let kept = keys.kept.lock().unwrap_or_else(PoisonError::into_inner);
                        (!kept.contains_key(login)).then_some((login, keys))
                    }
                    _ => None,
                }
            });
        if let Some((login, keys)) = unasked {
            let what = format!("the password of {login} on the {} would have to be asked for", keys.side);
            findings
                .add(Mistake::new(what).fix(format!("set `password_file` or `password_command` in {}", keys.title)));
        }
        findings.verdict()
    }

    fn check_server<'a>(&'a self, keys: &ServerKeys, accounts: impl Iterator<Item = &'a Account>, findings: &Findings) {
        if keys.needs_none {
            for place in keys.ingredients.needed() {
                let warning = findings.accept(&place.origin, place.check_text(&*self.surroundings));
                warning.flatten().iter().for_each(|warning| findings.warn(&place.origin, warning));
            }
            return;
        }
        let mut asked = BTreeSet::new();
        let mut shared_is_checked = false;
        for account in accounts {
            match self.way(account, keys.side) {
                Way::Own(place) => self.check_place(place, findings),
                Way::Ask(login) => {
                    asked.insert(login);
                }
                Way::Shared(_) | Way::SharedByAccount(_) | Way::Fallback(_) if shared_is_checked => {}
                Way::Shared(place) | Way::SharedByAccount(place) => {
                    self.check_place(place, findings);
                    shared_is_checked = true;
                }
                Way::Fallback(name) => {
                    findings.accept(&Origin::default(), own_variable(name, &*self.surroundings));
                    shared_is_checked = true;
                }
            }
        }
        // A tunnel is logged in as a rule (PREAUTH); one that is not asks when it comes to it.
        if !keys.is_tunnel {
            self.check_asking(keys, &asked, findings);
        }
    }

    fn check_place(&self, place: &Place, findings: &Findings) {
        let warning = findings.accept(&place.origin, place.check(&*self.surroundings));
        warning.flatten().iter().for_each(|warning| findings.warn(&place.origin, warning));
    }

    fn check_asking(&self, keys: &ServerKeys, asked: &BTreeSet<&str>, findings: &Findings) {
        let ServerKeys { side, title, .. } = keys;
        let variable = fallback_variable(*side);
        let Some(first) = asked.first() else { return };
        if asked.len() > 1 {
            let what = format!("there is no password on the {side} for `{first}` and {} more", asked.len() - 1);
            let fix = format!("set `master_user` in {title}, or `{side}_password_file` for each account");
            findings.add(Mistake::new(what).fix(fix));
        } else if !self.surroundings.can_ask() {
            let what = format!("there is no password for `{first}` on the {side}, and no terminal to ask for it");
            let fix = format!("set `password_file` or `password_command` in {title}, or export {variable}");
            findings.add(Mistake::new(what).fix(fix));
        }
    }

    fn keys(&self, account: &Account, side: Side) -> &ServerKeys {
        &self.servers[account.server(side).0]
    }

    fn way<'a>(&'a self, account: &'a Account, side: Side) -> Way<'a> {
        let keys = self.keys(account, side);
        if let Some(place) = self.own.get(&*account.name).and_then(|places| places[side as usize].as_ref()) {
            return Way::Own(place);
        }
        if let Some(place) = &keys.place {
            return if place.depends_on_account() { Way::SharedByAccount(place) } else { Way::Shared(place) };
        }
        let fallback = fallback_variable(side);
        match self.surroundings.variable(fallback) {
            Some(_) => Way::Fallback(fallback),
            None => Way::Ask(keys.master.as_deref().unwrap_or(account.user(side))),
        }
    }

    fn ask_for(&self, login: &str, keys: &ServerKeys) -> Result<Secret, Mistake> {
        let ServerKeys { side, label, title, .. } = keys;
        let question = sanitized(&format!("Password of {login} on the {side} {label}:")) + " ";
        let unasked = |error| {
            let fix = format!("set `password_file` in {title}, or export {}", fallback_variable(*side));
            Mistake::new(format!("the password of {login} on the {side} could not be asked for: {error}")).fix(fix)
        };
        let answer = self.surroundings.ask(&question).map_err(unasked)?;
        secret(Zeroizing::new(answer.into_bytes()))
    }
}

impl ServerKeys {
    fn new(settings: ServerSettings) -> Self {
        let ServerSettings { server, password: place, ingredients, title } = settings;
        ServerKeys {
            side: server.side,
            label: server.label(),
            title,
            master: server.master.as_ref().map(|master| master.user.clone()),
            is_tunnel: matches!(server.address, Address::Tunnel(_)),
            needs_none: server.mechanism == Some(Mechanism::External) || server.oauth.is_some(),
            place,
            ingredients,
            refreshed: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// Whether a password that no place holds is asked for at the beginning.
    fn asks(&self) -> bool {
        !self.is_tunnel && !self.needs_none
    }

    /// What is kept under this key, or else what `obtain` gives.
    fn keep(&self, key: &str, obtain: impl FnOnce() -> Result<Secret, Mistake>) -> Result<Secret, Mistake> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = kept.get(key) {
            return Ok(secret.clone());
        }
        let secret = obtain()?;
        kept.insert(key.to_owned(), secret.clone());
        Ok(secret)
    }
}

/// The key of what all logins on a server share; no login name is empty.
const SHARED: &str = "";

impl Passwords for Keyring {
    fn password(&self, account: &Account, side: Side) -> Result<Secret> {
        let keys = self.keys(account, side);
        let whose = Whose { user: account.user(side), name: &account.name };
        let surroundings = &*self.surroundings;
        let (password, scope) = match self.way(account, side) {
            Way::Own(place) | Way::SharedByAccount(place) => {
                (place.read(whose, surroundings, &self.hidden), Scope::Account)
            }
            Way::Shared(place) => (keys.keep(SHARED, || place.read(whose, surroundings, &self.hidden)), Scope::Run),
            Way::Fallback(name) => (keys.keep(SHARED, || own_variable(name, surroundings)), Scope::Run),
            Way::Ask(login) => (keys.keep(login, || self.ask_for(login, keys)), Scope::Run),
        };
        password.map_err(|mistake| {
            let error = Error::from(mistake).on(side, &keys.label).scope(scope);
            if scope == Scope::Account { error.in_account(&account.name) } else { error }
        })
    }

    fn ingredient(&self, account: &Account, side: Side, which: Ingredient) -> Result<Secret> {
        let keys = self.keys(account, side);
        let refreshed = keys.refreshed.lock().unwrap_or_else(PoisonError::into_inner).get(&*account.name).cloned();
        if let (Ingredient::RefreshToken, Some(refreshed)) = (which, refreshed) {
            return Ok(refreshed);
        }
        let whose = Whose { user: account.user(side), name: &account.name };
        let place = keys.ingredients.place(which);
        let place = place.ok_or_else(|| Mistake::new("the settings name no place for a secret of the tokens"));
        let text = place.and_then(|place| place.text(whose, &*self.surroundings, &self.hidden));
        text.map_err(|mistake| {
            let error = Error::from(mistake).on(side, &keys.label);
            match which {
                Ingredient::RefreshToken => error
                    .scope(Scope::Account)
                    .in_account(&account.name)
                    .advise(format!("run once: mailferry login {}", account.name)),
                _ => error,
            }
        })
    }

    fn keep_refresh_token(&self, account: &Account, side: Side, token: &Secret) -> Result<bool> {
        let keys = self.keys(account, side);
        let mut refreshed = keys.refreshed.lock().unwrap_or_else(PoisonError::into_inner);
        refreshed.insert(account.name.to_string(), token.clone());
        let whose = Whose { user: account.user(side), name: &account.name };
        let file = keys.ingredients.place(Ingredient::RefreshToken).and_then(|place| place.file(whose));
        match file {
            Some(file) => replace_private(&file, token).map(|()| true).map_err(|cause| {
                Error::new(Kind::Io, format!("could not keep the refresh token in {}", file.display()))
                    .because(cause)
                    .hint("make room and rights there, then run once more: mailferry login")
            }),
            None => Ok(false),
        }
    }
}

/// Replaces a file by one that its owner alone can read; at no moment is there none, or half of one.
fn replace_private(file: &Path, token: &Secret) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(token.expose().as_bytes())?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

fn hidden_variables<'p>(places: impl Iterator<Item = &'p Place>, surroundings: &dyn Surroundings) -> Vec<String> {
    let named = places.filter_map(|place| match &place.kind {
        PlaceKind::Variable(name) => Some(name.clone()),
        _ => None,
    });
    let all: BTreeSet<String> = named.chain(Side::BOTH.map(|side| fallback_variable(side).to_owned())).collect();
    all.into_iter().filter(|name| surroundings.variable(name).is_some()).collect()
}

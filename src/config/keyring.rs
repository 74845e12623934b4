//! Gives each login its password, from the place that the settings name.
//!
//! What all accounts of a side share (the master user's password) is read once and kept; an account's own password is
//! read at each of its logins; what is asked for at the terminal is asked for once.

use super::mistake::{Findings, Mistake, Mistakes, Origin};
use super::password::secret;
use super::place::{Place, PlaceKind, own_variable};
use super::surroundings::Surroundings;
use crate::error::{Error, Result, Scope, sanitized};
use crate::model::secret::Passwords;
use crate::model::server::Address;
use crate::model::{Account, Secret, Server, Side};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// Serves a side's password where the settings name no place.
pub(super) fn fallback_variable(side: Side) -> &'static str {
    match side {
        Side::Source => "MAILFERRY_SOURCE_PASSWORD",
        Side::Destination => "MAILFERRY_DESTINATION_PASSWORD",
    }
}

/// The places of an account's own passwords: source, destination.
pub(super) type OwnPlaces = [Option<Place>; 2];

/// All places, and the answers that are kept.
pub(super) struct Keyring {
    sides: [SideKeys; 2],
    own: HashMap<String, OwnPlaces>,
    /// Variables that hold passwords; no child process gets them.
    hidden: Vec<String>,
    surroundings: Box<dyn Surroundings>,
}

/// What one side's logins share.
struct SideKeys {
    label: String,
    master: Option<String>,
    is_tunnel: bool,
    place: Option<Place>,
    /// By login name; held while asking, so that nobody is asked twice.
    kept: Mutex<HashMap<String, Secret>>,
}

/// Where a login's password comes from.
enum Way<'a> {
    /// The account's own place.
    Own(&'a Place),
    /// The side's place.
    Shared(&'a Place),
    /// The side's variable for want of a place.
    Fallback(&'static str),
    /// Someone at the terminal, for this login name.
    Ask(&'a str),
}

impl Keyring {
    pub fn new(
        servers: [&Server; 2],
        places: [Option<Place>; 2],
        own: HashMap<String, OwnPlaces>,
        surroundings: Box<dyn Surroundings>,
    ) -> Self {
        let hidden = hidden_variables(places.iter().chain(own.values().flatten()).flatten(), &*surroundings);
        let [source, destination] = places;
        let sides = [SideKeys::new(servers[0], source), SideKeys::new(servers[1], destination)];
        Keyring { sides, own, hidden, surroundings }
    }

    /// The names of the variables that hold passwords.
    pub fn hidden(&self) -> &[String] {
        &self.hidden
    }

    /// Finds what would keep these accounts from having passwords, without asking anybody and without running a
    /// command; gives warnings.
    pub fn check(&self, accounts: &[Account]) -> Result<Vec<String>, Mistakes> {
        let findings = Findings::default();
        for side in Side::BOTH {
            self.check_side(side, accounts, &findings);
        }
        findings.verdict()?;
        Ok(findings.into_warnings())
    }

    /// Asks now for what would have to be asked for later.
    pub fn ask(&self, accounts: &[Account]) -> Result<()> {
        for side in Side::BOTH.into_iter().filter(|side| !self.side(*side).is_tunnel) {
            for account in accounts.iter().filter(|account| matches!(self.way(account, side), Way::Ask(_))) {
                self.password(account, side)?;
            }
        }
        Ok(())
    }

    fn check_side(&self, side: Side, accounts: &[Account], findings: &Findings) {
        let mut asked = BTreeSet::new();
        let mut shared_is_checked = false;
        for account in accounts {
            match self.way(account, side) {
                Way::Own(place) => self.check_place(place, findings),
                Way::Ask(login) => {
                    asked.insert(login);
                }
                Way::Shared(_) | Way::Fallback(_) if shared_is_checked => {}
                Way::Shared(place) => {
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
        if !self.side(side).is_tunnel {
            self.check_asking(side, &asked, findings);
        }
    }

    fn check_place(&self, place: &Place, findings: &Findings) {
        let warning = findings.accept(&place.origin, place.check(&*self.surroundings));
        warning.flatten().iter().for_each(|warning| findings.warn(&place.origin, warning));
    }

    fn check_asking(&self, side: Side, asked: &BTreeSet<&str>, findings: &Findings) {
        let variable = fallback_variable(side);
        let Some(first) = asked.first() else { return };
        if asked.len() > 1 {
            let what = format!("there is no password on the {side} for `{first}` and {} more", asked.len() - 1);
            let fix = format!("set `master_user` in [{side}], or `{side}_password_file` for each account");
            findings.add(Mistake::new(what).fix(fix));
        } else if !self.surroundings.can_ask() {
            let what = format!("there is no password for `{first}` on the {side}, and no terminal to ask for it");
            let fix = format!("set `password_file` or `password_command` in [{side}], or export {variable}");
            findings.add(Mistake::new(what).fix(fix));
        }
    }

    fn side(&self, side: Side) -> &SideKeys {
        &self.sides[side as usize]
    }

    fn way<'a>(&'a self, account: &'a Account, side: Side) -> Way<'a> {
        let keys = self.side(side);
        if let Some(place) = self.own.get(&account.name).and_then(|places| places[side as usize].as_ref()) {
            return Way::Own(place);
        }
        if let Some(place) = &keys.place {
            return Way::Shared(place);
        }
        let fallback = fallback_variable(side);
        match self.surroundings.variable(fallback) {
            Some(_) => Way::Fallback(fallback),
            None => Way::Ask(keys.master.as_deref().unwrap_or(account.user(side))),
        }
    }

    fn ask_for(&self, login: &str, side: Side) -> Result<Secret, Mistake> {
        let question = sanitized(&format!("Password of {login} on the {side} {}:", self.side(side).label)) + " ";
        let unasked = |error| {
            let fix = format!("set `password_file` in [{side}], or export {}", fallback_variable(side));
            Mistake::new(format!("the password of {login} on the {side} could not be asked for: {error}")).fix(fix)
        };
        let answer = self.surroundings.ask(&question).map_err(unasked)?;
        secret(Zeroizing::new(answer.into_bytes()))
    }
}

impl SideKeys {
    fn new(server: &Server, place: Option<Place>) -> Self {
        SideKeys {
            label: server.label(),
            master: server.master.as_ref().map(|master| master.user.clone()),
            is_tunnel: matches!(server.address, Address::Tunnel(_)),
            place,
            kept: Mutex::default(),
        }
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

/// The key of what all logins of a side share; no login name is empty.
const SHARED: &str = "";

impl Passwords for Keyring {
    fn password(&self, account: &Account, side: Side) -> Result<Secret> {
        let keys = self.side(side);
        let surroundings = &*self.surroundings;
        let (password, scope) = match self.way(account, side) {
            Way::Own(place) => (place.read(surroundings, &self.hidden), Scope::Account),
            Way::Shared(place) => (keys.keep(SHARED, || place.read(surroundings, &self.hidden)), Scope::Run),
            Way::Fallback(name) => (keys.keep(SHARED, || own_variable(name, surroundings)), Scope::Run),
            Way::Ask(login) => (keys.keep(login, || self.ask_for(login, side)), Scope::Run),
        };
        password.map_err(|mistake| {
            let error = Error::from(mistake).on(side, &keys.label).scope(scope);
            if scope == Scope::Account { error.in_account(&account.name) } else { error }
        })
    }
}

fn hidden_variables<'p>(places: impl Iterator<Item = &'p Place>, surroundings: &dyn Surroundings) -> Vec<String> {
    let named = places.filter_map(|place| match &place.kind {
        PlaceKind::Variable(name) => Some(name.clone()),
        _ => None,
    });
    let all: BTreeSet<String> = named.chain(Side::BOTH.map(|side| fallback_variable(side).to_owned())).collect();
    all.into_iter().filter(|name| surroundings.variable(name).is_some()).collect()
}

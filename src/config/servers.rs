//! Which server each account is on: the one that it names (`[servers.NAME]`), the one that it describes itself
//! (`source_host`, …), or else that of `[source]` and `[destination]`.
//!
//! Accounts that say the same are on one server: its connections, its rates and what is learnt of it are theirs together.

use super::account::AccountDraft;
use super::choice::{Choice, server_key};
use super::document::{At, Table};
use super::mistake::{Findings, Mistake, Origin, did_you_mean};
use super::place::Quoting;
use super::server::{self, ServerSettings};
use super::server_keys::Keys;
use crate::model::{Server, ServerId, Side};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The servers that the settings describe.
pub(super) struct Servers {
    sides: [Described; 2],
    named: BTreeMap<String, Named>,
}

/// `[source]` or `[destination]`.
enum Described {
    Missing,
    /// It is there and no server; why not is noted.
    Wrong,
    Server(Box<ServerSettings>),
}

struct Named {
    origin: Origin,
    settings: Option<ServerSettings>,
    is_used: bool,
}

impl Servers {
    /// Reads all tables that describe servers.
    pub fn read(root: &mut Table) -> Servers {
        let sides = Side::BOTH.map(|side| match root.table(side_key(side)) {
            Some(table) => described(server::read(table, side, format!("[{side}]"))),
            None if root.has(side_key(side)) => Described::Wrong,
            None => Described::Missing,
        });
        let tables = root.table("servers").map(|mut table| table.named_tables()).unwrap_or_default();
        let named = tables.into_iter().map(|(name, table)| {
            let origin = table.origin.clone();
            let settings = server::read(table, Side::Source, format!("[servers.{name}]"));
            (name, Named { origin, settings, is_used: false })
        });
        Servers { sides, named: named.collect() }
    }

    /// Tells each account its servers; all servers that are used, by number. `None` after noting what is missing.
    pub fn assign(
        mut self,
        drafts: &mut [AccountDraft],
        root: &Origin,
        directory: &Path,
        findings: &Findings,
    ) -> Option<Vec<ServerSettings>> {
        let mut used = Used::default();
        let mut missing = BTreeSet::new();
        let mut is_whole = true;
        for draft in drafts.iter_mut() {
            for side in Side::BOTH {
                let choice = std::mem::replace(&mut draft.servers[side as usize], Choice::Default);
                let quoting = draft.quoting;
                let id = match choice {
                    Choice::Default => match &self.sides[side as usize] {
                        Described::Server(settings) => Some(used.number(side, "", || (**settings).clone())),
                        Described::Wrong => None,
                        Described::Missing => {
                            missing.insert(side);
                            None
                        }
                    },
                    Choice::Named(name) => self.named(&name, side, quoting, &mut used, findings),
                    Choice::Own(keys) => used.own(*keys, side, directory, findings),
                    Choice::Wrong => None,
                };
                is_whole &= id.is_some();
                draft.account.servers[side as usize] = id.unwrap_or(ServerId(0));
            }
        }
        self.tell_of_missing(drafts.is_empty(), &missing, root, findings);
        self.tell_of_unused(findings);
        is_whole.then_some(used.servers)
    }

    fn named(
        &mut self,
        name: &At<String>,
        side: Side,
        quoting: Quoting,
        used: &mut Used,
        findings: &Findings,
    ) -> Option<ServerId> {
        let Some(named) = self.named.get_mut(&name.value) else {
            let known = self.named.keys().map(String::as_str);
            let fix = did_you_mean(&name.value, known).unwrap_or_else(|| match self.named.is_empty() {
                true => "describe it in a table [servers.NAME]".to_owned(),
                false => format!("known servers: {}", self.named.keys().cloned().collect::<Vec<_>>().join(", ")),
            });
            let what = match quoting {
                Quoting::Allowed => format!("there is no [servers.{}]", name.value),
                Quoting::Forbidden => "there is no server of this name".to_owned(),
            };
            findings.add(Mistake::new(what).about(format!("`{}`", server_key(side))).fix(fix).at(&name.origin));
            return None;
        };
        named.is_used = true;
        let settings = named.settings.as_ref()?;
        Some(used.number(side, &format!("[{}]", name.value), || {
            let server = Server { side, name: Some(name.value.clone()), ..settings.server.clone() };
            ServerSettings { server, ..settings.clone() }
        }))
    }

    fn tell_of_missing(&self, no_accounts: bool, missing: &BTreeSet<Side>, root: &Origin, findings: &Findings) {
        for side in Side::BOTH {
            let is_missing = matches!(self.sides[side as usize], Described::Missing);
            // Without accounts nobody says that the servers are named elsewhere.
            if missing.contains(&side) || (no_accounts && is_missing && self.named.is_empty()) {
                let mistake = Mistake::new(format!("`{side}` is missing"));
                let fix =
                    format!("write [{side}] with the server's `host`, or `{}` for each account", server_key(side));
                findings.add(mistake.fix(fix).at(root));
            }
        }
    }

    fn tell_of_unused(&self, findings: &Findings) {
        for (name, named) in self.named.iter().filter(|(_, named)| !named.is_used) {
            findings.warn(&named.origin, &format!("no account names the server `{name}`"));
        }
    }
}

fn described(settings: Option<ServerSettings>) -> Described {
    settings.map_or(Described::Wrong, |settings| Described::Server(Box::new(settings)))
}

const fn side_key(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Destination => "destination",
    }
}

/// The servers that accounts are on, in the order in which they are met.
#[derive(Default)]
struct Used {
    servers: Vec<ServerSettings>,
    /// By side and by what is said of it; `None`: it is wrong, and noted once.
    numbers: HashMap<(Side, String), Option<ServerId>>,
}

impl Used {
    fn number(&mut self, side: Side, said: &str, settings: impl FnOnce() -> ServerSettings) -> ServerId {
        let number = self.numbers.entry((side, said.to_owned())).or_insert_with(|| {
            self.servers.push(settings());
            Some(ServerId(self.servers.len() - 1))
        });
        number.unwrap_or(ServerId(0))
    }

    fn own(&mut self, keys: Keys, side: Side, directory: &Path, findings: &Findings) -> Option<ServerId> {
        let said = keys.identity();
        *self.numbers.entry((side, said)).or_insert_with(|| {
            self.servers.push(keys.own_server(side, directory, findings)?);
            Some(ServerId(self.servers.len() - 1))
        })
    }
}

#[cfg(test)]
mod tests;

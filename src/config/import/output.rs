//! What a list becomes: a settings file, and an accounts file that only its owner may read.

use super::{Imported, List, ListedAccount, ListedServer};
use crate::model::Side;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use zeroize::Zeroizing;

pub(super) fn written(list: List, accounts_file: &str) -> Imported {
    let servers = Side::BOTH.map(|side| Named::of(&list.accounts, side));
    let mut settings = HEAD.to_owned();
    for side in Side::BOTH {
        settings.push_str(&section(side, &servers[side as usize], &list));
    }
    let named: BTreeMap<&String, &ListedServer> = servers
        .iter()
        .filter(|named| named.0.len() > 1)
        .flat_map(|named| named.0.iter().map(|(server, name)| (name, server)))
        .collect();
    for (name, server) in named {
        let _ = write!(settings, "\n[servers.\"{name}\"]\n{}", keys(server));
    }
    let _ = write!(settings, "\n[accounts]\nfile = \"{accounts_file}\"\ndelimiter = \";\"\n");
    let accounts = rows(&list.accounts, &servers, list.source_master.is_some());
    let mut notes = list.notes;
    if let Some((master, _)) = &list.source_master {
        notes.push(format!(
            "all rows log in as the master user `{master}`: put its password into source.password (chmod 600), and delete the list"
        ));
    }
    Imported { settings, accounts: Some(accounts), count: list.accounts.len(), notes }
}

pub(super) const HEAD: &str = "\
# Settings of mailferry, made from a list of another tool. `mailferry init -` shows what else can be set.
# Fill in what stands in <…>, then run: mailferry check

state = \"mailferry.state\"
";

/// The servers of one side and what they are called.
struct Named(BTreeMap<ListedServer, String>);

impl Named {
    fn of(accounts: &[ListedAccount], side: Side) -> Named {
        let servers: BTreeSet<&ListedServer> =
            accounts.iter().filter_map(|account| account.servers[side as usize].as_ref()).collect();
        let mut taken: HashMap<&str, usize> = HashMap::new();
        let named = servers.into_iter().map(|server| {
            let count = taken.entry(&server.host).or_default();
            *count += 1;
            // The same host on another port is another server.
            let name = if *count > 1 { format!("{}-{count}", server.host) } else { server.host.clone() };
            (server.clone(), name)
        });
        Named(named.collect())
    }

    /// How accounts name it; `None` where there is no choice.
    fn name(&self, server: Option<&ListedServer>) -> Option<&str> {
        (self.0.len() > 1).then(|| self.0.get(server?)).flatten().map(String::as_str)
    }
}

fn section(side: Side, servers: &Named, list: &List) -> String {
    let age = if side == Side::Source { "old" } else { "new" };
    let mut text = match servers.0.len() {
        0 => format!("\n[{side}]\nhost = \"<host name of the {age} server>\"\n"),
        1 => servers.0.keys().map(|server| format!("\n[{side}]\n{}", keys(server))).collect(),
        // Each account names one of [servers.…].
        _ => return String::new(),
    };
    if let (Side::Source, Some((master, separator))) = (side, &list.source_master) {
        let _ = write!(
            text,
            "master_user = \"{}\"\nmaster_style = \"separator\"\nmaster_separator = \"{separator}\"\n\
             password_file = \"source.password\"\n",
            escaped(master)
        );
    }
    text
}

fn keys(server: &ListedServer) -> String {
    let mut text = format!("host = \"{}\"\n", escaped(&server.host));
    if let Some(port) = server.port {
        let _ = writeln!(text, "port = {port}");
    }
    if server.tls != "implicit" {
        let _ = writeln!(text, "tls = \"{}\"", server.tls);
    }
    text
}

/// In a basic string of TOML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn rows(accounts: &[ListedAccount], servers: &[Named; 2], has_master: bool) -> Zeroizing<String> {
    let sides = Side::BOTH.map(|side| Columns {
        server: servers[side as usize].0.len() > 1,
        password: accounts.iter().any(|account| account.passwords[side as usize].is_some())
            && !(has_master && side == Side::Source)
            || side == Side::Destination,
    });
    let room = accounts.iter().map(ListedAccount::room).sum::<usize>() + HEADER_ROOM;
    let mut text = Zeroizing::new(String::with_capacity(room));
    let names = names(accounts);
    let has_prefixes = accounts.iter().any(|account| account.prefix.is_some());
    text.push_str("name");
    for (side, columns) in Side::BOTH.into_iter().zip(&sides) {
        if columns.server {
            let _ = write!(text, ";{side}_server");
        }
        let _ = write!(text, ";{side}_user");
        if columns.password {
            let _ = write!(text, ";{side}_password");
        }
    }
    text.push_str(if has_prefixes { ";prefix\n" } else { "\n" });
    for (account, name) in accounts.iter().zip(&names) {
        push_cell(&mut text, name);
        for (side, columns) in Side::BOTH.into_iter().zip(&sides) {
            let number = side as usize;
            if columns.server {
                text.push(';');
                push_cell(&mut text, servers[number].name(account.servers[number].as_ref()).unwrap_or_default());
            }
            text.push(';');
            push_cell(&mut text, &account.users[number]);
            if columns.password {
                text.push(';');
                push_cell(&mut text, account.passwords[number].as_ref().map_or("", |password| password.as_str()));
            }
        }
        if has_prefixes {
            text.push(';');
            push_cell(&mut text, account.prefix.as_deref().unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

/// Which columns a side has besides the user.
struct Columns {
    server: bool,
    password: bool,
}

const HEADER_ROOM: usize = 256;

impl ListedAccount {
    /// Octets that its row takes at most: no copy of a password may be left behind where a text grows.
    fn room(&self) -> usize {
        let servers = self.servers.iter().flatten().map(|server| server.host.len() + 16).sum::<usize>();
        let passwords = self.passwords.iter().flatten().map(|password| 2 * password.len()).sum::<usize>();
        let prefix = self.prefix.as_ref().map_or(0, |prefix| 2 * prefix.len());
        servers + passwords + prefix + 4 * self.users.iter().map(String::len).sum::<usize>() + 64
    }
}

/// A name for each account: its source user, and where that is there twice, with its host or a number.
fn names(accounts: &[ListedAccount]) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    accounts.iter().for_each(|account| *counts.entry(&account.users[0]).or_default() += 1);
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let named = accounts.iter().map(|account| {
        let user = &account.users[0];
        let host = account.servers[0].as_ref().map(|server| server.host.as_str());
        let wanted = match (counts.get(user.as_str()), host) {
            (Some(2..), Some(host)) => format!("{user} at {host}"),
            _ => user.clone(),
        };
        let numbered = (2..).map(|number| format!("{wanted} ({number})"));
        let name = std::iter::once(wanted.clone()).chain(numbered).find(|name| !taken.contains(name));
        let name = name.unwrap_or(wanted);
        taken.insert(name.clone());
        name
    });
    named.collect()
}

/// In quotes, which any cell may be.
fn push_cell(text: &mut String, cell: &str) {
    if cell.is_empty() {
        return;
    }
    text.push('"');
    for character in cell.chars() {
        if character == '"' {
            text.push('"');
        }
        text.push(character);
    }
    text.push('"');
}

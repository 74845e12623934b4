//! Accounts, wherever they are written: first drafts, then checked against each other and against the servers.
//!
//! `[[account]]` and the rows of `[accounts] file` may both be there; together they are the accounts.

use super::document::Table;
use super::keyring::OwnPlaces;
use super::mistake::{Findings, Mistake, Origin};
use super::place::{PlaceKeys, Quoting};
use super::value::checked_text;
use crate::model::server::{Address, Server};
use crate::model::{Account, Side};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// One account as written, its texts checked one by one.
pub(super) struct AccountDraft {
    pub account: Account,
    pub places: OwnPlaces,
    pub origin: Origin,
    /// Whether mistakes may repeat its texts.
    pub quoting: Quoting,
}

impl AccountDraft {
    /// Reads one `[[account]]`. `None` after noting why it is no account.
    pub fn read(mut table: Table) -> Option<AccountDraft> {
        let origin = table.origin.clone();
        let name = read_user(&mut table, "name");
        let source_user = read_user(&mut table, "source_user");
        let destination_user = read_user(&mut table, "destination_user");
        let tags = table.list("tags").map(|tags| tags.value).unwrap_or_default();
        let places = Side::BOTH.map(|side| PlaceKeys::account(side).read(&mut table));
        let password = PlaceKeys::account(Side::Source).refusal();
        table.refuse("password", &password.what, password.fix.as_deref().unwrap_or_default());
        if !table.has("source_user") {
            table.missing("source_user", "say whose mailboxes are to be copied");
        }
        table.finish();
        let account = account(name.ok()?, source_user.ok()??, destination_user.ok()?, tags);
        Some(AccountDraft { account, places, origin, quoting: Quoting::Allowed })
    }

    /// What mistakes call this text of the account: `source user `alice``, or `its source user`.
    fn called(&self, what: &str, text: &str) -> String {
        match self.quoting {
            Quoting::Allowed => format!("{what} `{text}`"),
            Quoting::Forbidden => format!("this {what}"),
        }
    }
}

/// The name under this key, if there is one. `Err`: it is wrong, and noted.
fn read_user(table: &mut Table, key: &'static str) -> Result<Option<String>, ()> {
    let text = match table.text(key) {
        Some(text) => text,
        None if table.has(key) => return Err(()),
        None => return Ok(None),
    };
    let user = checked_user(&text.value).map_err(|mistake| mistake.about(format!("`{key}`")));
    table.findings().accept(&text.origin, user).map(Some).ok_or(())
}

/// An account with its defaults filled in.
pub(super) fn account(
    name: Option<String>,
    source_user: String,
    destination_user: Option<String>,
    tags: Vec<String>,
) -> Account {
    Account {
        name: name.unwrap_or_else(|| source_user.clone()),
        destination_user: destination_user.unwrap_or_else(|| source_user.clone()),
        source_user,
        tags,
    }
}

/// A user or account name: a line of text without blanks around it.
pub(super) fn checked_user(user: &str) -> Result<String, Mistake> {
    checked_text(user)?;
    if user.trim() != user {
        return Err(Mistake::new("this begins or ends with a blank").fix("remove the blank"));
    }
    Ok(user.to_owned())
}

/// Notes what is wrong with the accounts taken together.
pub(super) fn check_together(drafts: &[AccountDraft], findings: &Findings) {
    let name = |draft: &AccountDraft| draft.account.name.clone();
    check_unique(drafts, findings, "account name", "give each account a `name` of its own", name);
    // Without case: nearly every server takes `Alice` and `alice` for one user, and mail that was mixed stays mixed.
    let destination = |draft: &AccountDraft| draft.account.destination_user.to_lowercase();
    let fix = "two accounts would be mixed into one; correct `destination_user`";
    check_unique(drafts, findings, "destination user", fix, destination);
}

/// Notes what is wrong with the accounts on these servers.
pub(super) fn check_against_servers(drafts: &[AccountDraft], servers: [&Server; 2], findings: &Findings) {
    let [source, destination] = servers;
    let is_one_server = is_same_server(&source.address, &destination.address);
    for draft in drafts {
        if is_one_server && draft.account.source_user.eq_ignore_ascii_case(&draft.account.destination_user) {
            let user = draft.called("user", &draft.account.source_user);
            let what = format!("{user} is its own destination: source and destination are one server");
            let fix = "name another server, or another `destination_user`";
            findings.add(Mistake::new(what).fix(fix).at(&draft.origin));
        }
        for (side, server) in Side::BOTH.into_iter().zip(servers) {
            check_password_use(draft, side, server, findings);
            check_tunnel_user(draft, side, server, findings);
        }
    }
}

fn check_unique(
    drafts: &[AccountDraft],
    findings: &Findings,
    what: &str,
    fix: &str,
    key: impl Fn(&AccountDraft) -> String,
) {
    let mut first_uses = HashMap::new();
    for draft in drafts {
        match first_uses.entry(key(draft)) {
            Entry::Vacant(entry) => {
                entry.insert(&draft.origin);
            }
            Entry::Occupied(entry) => {
                let what = draft.called(what, &key(draft));
                let mistake = Mistake::new(format!("{what} is used already at {}", entry.get()));
                findings.add(mistake.fix(fix).at(&draft.origin));
            }
        }
    }
}

fn check_password_use(draft: &AccountDraft, side: Side, server: &Server, findings: &Findings) {
    let Some(place) = &draft.places[side as usize] else { return };
    if server.master.is_some() {
        let what =
            format!("a {side} password of its own is never used: `master_user` in [{side}] logs in for everyone");
        findings.add(Mistake::new(what).fix("remove one of the two").at(&place.origin));
    }
}

/// A user becomes an argument of the tunnel, and `ssh` hands its arguments to a shell: what a shell or an option parser
/// reads as more than a name is refused.
fn check_tunnel_user(draft: &AccountDraft, side: Side, server: &Server, findings: &Findings) {
    let Address::Tunnel(command) = &server.address else { return };
    let user = draft.account.user(side);
    let plain = |character: char| character.is_alphanumeric() || "._@+-=:/,%".contains(character);
    let is_plain = user.chars().all(plain) && !user.starts_with('-');
    if command.iter().any(|argument| argument.contains("{user}")) && !is_plain {
        let user = draft.called(&format!("{side} user"), user);
        let what = format!("{user} cannot be put into the `tunnel` command safely");
        let fix = "a shell would read it as more than a name; migrate this account without a tunnel";
        findings.add(Mistake::new(what).fix(fix).at(&draft.origin));
    }
}

/// As far as names tell. Both IMAP ports of a host lead to one server; other ports may be servers of their own.
fn is_same_server(source: &Address, destination: &Address) -> bool {
    const STANDARD_PORTS: [u16; 2] = [143, 993];
    match (source, destination) {
        (Address::Tcp { host, port }, Address::Tcp { host: other, port: other_port }) => {
            let bare = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
            let is_one_port = port == other_port || [port, other_port].iter().all(|port| STANDARD_PORTS.contains(port));
            bare(host) == bare(other) && is_one_port
        }
        (Address::Tunnel(command), Address::Tunnel(other)) => command == other,
        _ => false,
    }
}

//! Accounts, wherever they are written: first drafts, then checked against each other and against the servers.
//!
//! `[[account]]` and the rows of `[accounts] file` may both be there; together they are the accounts.

use super::choice::Choice;
use super::document::{At, Table};
use super::fields::Fields;
use super::keyring::OwnPlaces;
use super::mistake::{Findings, Mistake, Origin};
use super::place::{NAME, Quoting, USER};
use super::policy;
use super::server::ServerSettings;
use super::value::checked_text;
use crate::model::policy::Policy;
use crate::model::server::Address;
use crate::model::{Account, ServerId, Side};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, LazyLock};

/// The key by which an account agrees to be mixed with others.
pub(super) const MERGE: &str = "merge_with_others";

/// One account as written, its texts checked one by one.
pub(super) struct AccountDraft {
    pub account: Account,
    pub places: OwnPlaces,
    /// On which server it is: source, destination.
    pub servers: [Choice; 2],
    /// The mailbox of the destination below which it goes.
    pub prefix: Option<String>,
    /// It may meet other accounts in the mailboxes of the destination.
    pub merges: bool,
    /// What it wants of its own.
    pub policy: Option<Box<Policy>>,
    /// The wave that it names.
    pub wave: Option<At<String>>,
    pub origin: Origin,
    /// Whether mistakes may repeat its texts.
    pub quoting: Quoting,
}

impl AccountDraft {
    /// Reads one `[[account]]`. `None` after noting why it is no account.
    pub fn read_table(mut table: Table, default: &Policy) -> Option<AccountDraft> {
        let draft = AccountDraft::read(&mut table);
        let (mailboxes, sync) = (table.table("mailboxes"), table.table("sync"));
        let has_policy = mailboxes.is_some() || sync.is_some();
        let policy = policy::read(default, mailboxes, sync);
        let which = "whose password it is cannot be told";
        table.refuse("password", which, "call it `source_password` or `destination_password`");
        if !table.has("source_user") {
            table.missing("source_user", "say whose mailboxes are to be copied");
        }
        table.finish();
        draft.map(|draft| AccountDraft { policy: has_policy.then(|| Box::new(policy)), ..draft })
    }

    /// Reads all that an account may say of itself.
    pub fn read(fields: &mut impl Fields) -> Option<AccountDraft> {
        let origin = fields.origin().clone();
        let name = read_user(fields, "name");
        let source_user = read_user(fields, "source_user");
        let destination_user = read_user(fields, "destination_user");
        let tags = fields.words("tags");
        let prefix = fields.text("prefix").and_then(|prefix| {
            let checked = policy::check_name(&prefix.value).map_err(|mistake| mistake.about("`prefix`"));
            fields.findings().accept(&prefix.origin, checked)?;
            Some(prefix.value)
        });
        let wave = fields.text("wave");
        let priority = fields.integer("priority").map_or(0, |priority| priority.value);
        let merges = fields.switch(MERGE).is_some_and(|merges| merges.value);
        let servers = Side::BOTH.map(|side| Choice::read(fields, side));
        let places = Side::BOTH.map(|side| fields.password(side).map(Box::new));
        let account = account(name.ok()?, source_user.ok()??, destination_user.ok()?, tags);
        let account = Account { priority, ..account };
        let quoting = fields.quoting();
        Some(AccountDraft { account, places, servers, prefix, merges, policy: None, wave, origin, quoting })
    }

    /// What mistakes call this text of the account: `source user `alice``, or `its source user`.
    pub fn called(&self, what: &str, text: &str) -> String {
        match self.quoting {
            Quoting::Allowed => format!("{what} `{text}`"),
            Quoting::Forbidden => format!("this {what}"),
        }
    }
}

/// The name under this key, if there is one. `Err`: it is wrong, and noted.
fn read_user(fields: &mut impl Fields, key: &'static str) -> Result<Option<String>, ()> {
    let text = match fields.text(key) {
        Some(text) => text,
        None if fields.has(key) => return Err(()),
        None => return Ok(None),
    };
    let user = checked_user(&text.value).map_err(|mistake| mistake.about(format!("`{key}`")));
    fields.findings().accept(&text.origin, user).map(Some).ok_or(())
}

/// What is wanted of an account before its settings are known: one for all, a hundred thousand are read at once.
static USUAL: LazyLock<Arc<Policy>> = LazyLock::new(Arc::default);

/// An account with its defaults filled in, but for its servers.
pub(super) fn account(
    name: Option<String>,
    source_user: String,
    destination_user: Option<String>,
    tags: Vec<String>,
) -> Account {
    let source_user = Arc::<str>::from(source_user);
    let shared = |text: Option<String>| match text {
        Some(text) if *text != *source_user => text.into(),
        _ => Arc::clone(&source_user),
    };
    Account {
        name: shared(name),
        destination_user: shared(destination_user),
        source_user,
        tags,
        servers: [ServerId(0), ServerId(0)],
        policy: Arc::clone(&USUAL),
        wave: None,
        priority: 0,
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

/// Notes names that are given twice.
pub(super) fn check_names(drafts: &[AccountDraft], findings: &Findings) {
    let mut first_uses: HashMap<&str, &Origin> = HashMap::with_capacity(drafts.len());
    for draft in drafts {
        match first_uses.entry(&draft.account.name) {
            Entry::Vacant(entry) => {
                entry.insert(&draft.origin);
            }
            Entry::Occupied(entry) => {
                let name = draft.called("account name", &draft.account.name);
                let mistake = Mistake::new(format!("{name} is used already at {}", entry.get()));
                findings.add(mistake.fix("give each account a `name` of its own").at(&draft.origin));
            }
        }
    }
}

/// Notes what is wrong with the accounts on these servers.
pub(super) fn check_on_servers(drafts: &[AccountDraft], servers: &[ServerSettings], findings: &Findings) {
    let server = |draft: &AccountDraft, side| &servers[draft.account.server(side).0];
    for draft in drafts {
        let [source, destination] = Side::BOTH.map(|side| server(draft, side));
        let is_one_server = source.server.address.machine() == destination.server.address.machine();
        if is_one_server && draft.account.source_user.eq_ignore_ascii_case(&draft.account.destination_user) {
            let user = draft.called("user", &draft.account.source_user);
            let what = format!("{user} is its own destination: source and destination are one server");
            let fix = "name another server, or another `destination_user`";
            findings.add(Mistake::new(what).fix(fix).at(&draft.origin));
        }
        for (side, server) in Side::BOTH.into_iter().zip([source, destination]) {
            check_password_use(draft, side, server, findings);
            check_commands(draft, side, server, findings);
        }
    }
}

fn check_password_use(draft: &AccountDraft, side: Side, server: &ServerSettings, findings: &Findings) {
    let Some(place) = &draft.places[side as usize] else { return };
    if server.server.master.is_some() {
        let title = &server.title;
        let what = format!("a {side} password of its own is never used: `master_user` in {title} logs in for everyone");
        findings.add(Mistake::new(what).fix("remove one of the two").at(&place.origin));
    }
}

/// Users and names become arguments of commands, and `ssh` hands its arguments to a shell: what a shell or an option
/// parser reads as more than a name is refused.
fn check_commands(draft: &AccountDraft, side: Side, server: &ServerSettings, findings: &Findings) {
    let own = draft.places[side as usize].as_deref();
    let password = own.or(server.password.as_ref()).and_then(|place| Some((place.command()?, "password command")));
    let tunnel = match &server.server.address {
        Address::Tunnel(command) => Some((&command[..], "`tunnel` command")),
        Address::Tcp { .. } => None,
    };
    let token = server.ingredients.places().find_map(|place| Some((place.command()?, "token command")));
    for (command, what) in [password, tunnel, token].into_iter().flatten() {
        let has = |word: &str| command.iter().any(|argument| argument.contains(word));
        let user = draft.account.user(side);
        if has(USER) && !is_plain(user) {
            let user = draft.called(&format!("{side} user"), user);
            refuse_argument(draft, &user, what, findings);
        }
        if what != "`tunnel` command" && has(NAME) && !is_plain(&draft.account.name) {
            let name = draft.called("account name", &draft.account.name);
            refuse_argument(draft, &name, what, findings);
        }
    }
}

fn is_plain(argument: &str) -> bool {
    let plain = |character: char| character.is_alphanumeric() || "._@+-=:/,%".contains(character);
    argument.chars().all(plain) && !argument.starts_with('-')
}

fn refuse_argument(draft: &AccountDraft, argument: &str, command: &str, findings: &Findings) {
    let what = format!("{argument} cannot be put into the {command} safely");
    let fix = "a shell would read it as more than a name; reach this account in another way";
    findings.add(Mistake::new(what).fix(fix).at(&draft.origin));
}

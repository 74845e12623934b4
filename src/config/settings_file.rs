//! `mailferry.toml` as a whole: its tables, in the order of the Contract.

use super::account::{AccountDraft, check_names};
use super::accounts_file::AccountsFile;
use super::document::{Document, Table};
use super::encoding::Encoding;
use super::limits::LimitSettings;
use super::mistake::{Findings, Mistake};
use super::notify::Notice;
use super::place::PlaceKind;
use super::servers::Servers;
use super::sheet::SheetFile;
use super::{DEFAULT_STATE, Draft, policy, waves};
use crate::model::policy::Policy;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const DELIMITERS: [(&str, Option<char>); 3] = [(",", Some(',')), (";", Some(';')), ("tab", Some('\t'))];

const ENCODINGS: [(&str, Option<Encoding>); 2] =
    [("utf-8", Some(Encoding::Utf8)), ("windows-1252", Some(Encoding::Windows1252))];

/// Reads the file. `None` after noting why it holds no settings.
pub(super) fn read(path: &Path, findings: &Findings) -> Option<Draft> {
    // It may hold passwords.
    let text = match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => text,
        Err(error) => {
            let mistake =
                Mistake::new(format!("the settings cannot be read: {error}")).fix(unreadable_fix(error.kind()));
            findings.add(mistake.in_file(path));
            return None;
        }
    };
    let document = Document::new(path, &text, findings);
    let tree = document.parse()?;
    read_root(document.root(&tree))
}

fn unreadable_fix(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "`mailferry init` writes one; `--config FILE` names another",
        ErrorKind::InvalidData => "save the file as UTF-8",
        _ => "correct the path or its rights",
    }
}

pub(super) fn read_root(mut root: Table) -> Option<Draft> {
    let default_state = root.directory().join(DEFAULT_STATE);
    let state = root.path("state").map_or(default_state, |path| path.value);
    let servers = Servers::read(&mut root);
    let policy = policy::read_root(&mut root);
    let (mut accounts, shards_file) = read_accounts(&mut root, &policy);
    waves::read(&mut root, &mut accounts);
    let fleet = root.table("fleet").and_then(read_fleet);
    let notices = root.tables("notify").into_iter().filter_map(Notice::read).collect();
    let limits = root.table("limits").map(LimitSettings::read).unwrap_or_default();
    let servers = servers.assign(&mut accounts, &root.origin, root.directory(), root.findings());
    root.finish();
    Some(Draft { state, servers: servers?, accounts, shards_file, fleet, policy, limits, notices })
}

/// The directory that all processes of the fleet see.
fn read_fleet(mut table: Table) -> Option<PathBuf> {
    let directory = table.path("directory");
    if !table.has("directory") {
        table.missing("directory", "name a directory that all machines see");
    }
    table.finish();
    directory.map(|directory| directory.value)
}

/// The accounts, and the file that says in which shard each is.
fn read_accounts(root: &mut Table, policy: &Policy) -> (Vec<AccountDraft>, Option<PathBuf>) {
    let findings = root.findings();
    let (mut drafts, shards_file) = root.table("accounts").map(read_accounts_file).unwrap_or_default();
    let inline = root.tables("account");
    let has_none = !root.has("accounts") && inline.is_empty();
    drafts.extend(inline.into_iter().filter_map(|table| AccountDraft::read_table(table, policy)));
    if has_none && !root.has("account") {
        let fix = "write an [[account]] with its `source_user`, or [accounts] with a `file`";
        findings.add(Mistake::new("there are no accounts").fix(fix).at(&root.origin));
    }
    check_names(&drafts, findings);
    refuse_open_file(&drafts, findings);
    (drafts, shards_file)
}

/// Passwords in the settings are taken only where nobody else can read them.
fn refuse_open_file(drafts: &[AccountDraft], findings: &Findings) {
    let places = drafts.iter().flat_map(|draft| draft.places.iter().flatten());
    let inline = places.filter_map(|place| match &place.kind {
        PlaceKind::Inline(password) => Some(password.file()),
        _ => None,
    });
    let file = inline.take(1).find_map(|file| SheetFile::read(file).ok());
    file.and_then(|(file, _)| file.objection()).into_iter().for_each(|mistake| findings.add(mistake));
}

fn read_accounts_file(mut table: Table) -> (Vec<AccountDraft>, Option<PathBuf>) {
    let path = table.path("file");
    let shards_file = table.path("shards").map(|path| path.value);
    if !table.has("file") && !table.has("shards") {
        table.missing("file", "name the CSV file, or write each account as [[account]]");
    }
    let delimiter = table.word("delimiter", &DELIMITERS).map(|delimiter| delimiter.value);
    let encoding = table.word("encoding", &ENCODINGS).map(|encoding| encoding.value);
    let findings = table.findings();
    table.finish();
    let drafts = path.map(|path| AccountsFile { path, delimiter, encoding }.read(findings)).unwrap_or_default();
    (drafts, shards_file)
}

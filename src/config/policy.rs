//! `[mailboxes]` and `[sync]`: what the user wants of the migration.

use super::document::{At, Table};
use super::mistake::{Findings, Mistake};
use crate::model::policy::{MailboxPolicy, Mode, Policy};
use globset::GlobBuilder;

const MODES: [(&str, Option<Mode>); 3] =
    [("copy", Some(Mode::Copy)), ("mirror", Some(Mode::Mirror)), ("two-way", None)];

/// Reads both tables; what they leave out is as in [`Policy::default`].
pub(super) fn read(mailboxes: Option<Table>, sync: Option<Table>) -> Policy {
    let mut policy = sync.map(read_sync).unwrap_or_default();
    policy.mailboxes = mailboxes.map(read_mailboxes).unwrap_or_default();
    policy
}

fn read_sync(mut table: Table) -> Policy {
    let default = Policy::default();
    let policy = Policy {
        mode: table.word("mode", &MODES).map_or(default.mode, |mode| mode.value),
        max_message_octets: table.size("max_message_size", 1).map(|size| size.value),
        restore_missing: table.switch("restore_missing").map_or(default.restore_missing, |switch| switch.value),
        delete_guard: table.percent("delete_guard").map_or(default.delete_guard, |percent| percent.value),
        mailboxes: default.mailboxes,
    };
    table.finish();
    policy
}

fn read_mailboxes(mut table: Table) -> MailboxPolicy {
    let default = MailboxPolicy::default();
    let findings = table.findings();
    let policy = MailboxPolicy {
        include: table.list("include").and_then(|list| included(list, findings)).unwrap_or(default.include),
        exclude: table.list("exclude").map_or(default.exclude, |list| globs("exclude", list, findings)),
        special_use: table.switch("special_use").map_or(default.special_use, |switch| switch.value),
        subscriptions: table.switch("subscriptions").map_or(default.subscriptions, |switch| switch.value),
        rename: table.table("rename").map_or(default.rename, |table| read_renames(table).into_iter().collect()),
    };
    table.finish();
    policy
}

fn included(list: At<Vec<String>>, findings: &Findings) -> Option<Vec<String>> {
    if list.value.is_empty() {
        let mistake = Mistake::new("`include` is empty: no mailbox would take part").fix("write [\"**\"] for all");
        findings.add(mistake.at(&list.origin));
        return None;
    }
    Some(globs("include", list, findings))
}

fn globs(key: &str, list: At<Vec<String>>, findings: &Findings) -> Vec<String> {
    for glob in &list.value {
        if let Err(error) = GlobBuilder::new(glob).literal_separator(true).build() {
            let mistake = Mistake::new(format!("`{key}`: `{glob}` is not a pattern: {}", error.kind()));
            findings.add(mistake.fix("put \\ before a character that is meant as it is").at(&list.origin));
        }
    }
    list.value
}

fn read_renames(mut table: Table) -> Vec<(String, String)> {
    let renames = table.texts();
    for (from, At { value: to, origin }) in &renames {
        for name in [from, to].into_iter().filter(|name| name.split('/').any(str::is_empty)) {
            let mistake = Mistake::new(format!("`{name}` in [mailboxes.rename] is not a mailbox name"));
            table.findings().add(mistake.fix("write its levels with one / between them").at(origin));
        }
    }
    renames.into_iter().map(|(from, to)| (from, to.value)).collect()
}

//! `[mailboxes]` and `[sync]`: what the user wants of the migration, for all accounts and for single ones; `[gmail]`, for all.

use super::document::{At, Table};
use super::mistake::{Findings, Mistake, did_you_mean};
use crate::model::policy::{Besides, Deleted, MailboxPolicy, MessageFilter, Mode, Policy};
use crate::model::{Labels, SpecialUse};
use globset::GlobBuilder;
use std::collections::BTreeMap;

const MODES: [(&str, Option<Mode>); 3] =
    [("copy", Some(Mode::Copy)), ("mirror", Some(Mode::Mirror)), ("two-way", Some(Mode::TwoWay))];

const DELETED: [(&str, Option<Deleted>); 3] =
    [("trash", Some(Deleted::Trash)), ("expunge", Some(Deleted::Expunge)), ("mark", Some(Deleted::Mark))];

const LABELS: [(&str, Option<Labels>); 4] = [
    (Labels::FoldersAndRest.as_str(), Some(Labels::FoldersAndRest)),
    (Labels::AllMail.as_str(), Some(Labels::AllMail)),
    (Labels::Folders.as_str(), Some(Labels::Folders)),
    (Labels::Primary.as_str(), Some(Labels::Primary)),
];

/// What is wanted of all accounts: `[mailboxes]`, `[sync]` and `[gmail]`.
pub(super) fn read_root(root: &mut Table) -> Policy {
    let (mailboxes, sync) = (root.table("mailboxes"), root.table("sync"));
    let mut policy = read(&Policy::default(), mailboxes, sync);
    if let Some(mut gmail) = root.table("gmail") {
        policy.mailboxes.labels = gmail.word("labels", &LABELS).map_or_else(Labels::default, |labels| labels.value);
        gmail.finish();
    }
    policy
}

/// Reads both tables; what they leave out is as in `default`.
pub(super) fn read(default: &Policy, mailboxes: Option<Table>, sync: Option<Table>) -> Policy {
    let mut policy = sync.map_or_else(|| default.clone(), |sync| read_sync(default, sync));
    policy.mailboxes = match mailboxes {
        Some(table) => read_mailboxes(&default.mailboxes, table),
        None => default.mailboxes.clone(),
    };
    policy
}

fn read_sync(default: &Policy, mut table: Table) -> Policy {
    let max_message_octets = table.size("max_message_size", 1);
    let messages = read_filter(&default.messages, &mut table);
    check_sizes(&messages, max_message_octets.as_ref(), table.findings());
    let policy = Policy {
        mode: table.word("mode", &MODES).map_or(default.mode, |mode| mode.value),
        direction: default.direction,
        max_message_octets: max_message_octets.map(|size| size.value).or(default.max_message_octets),
        messages,
        restore_missing: table.switch("restore_missing").map_or(default.restore_missing, |switch| switch.value),
        idle: table.switch("idle").map_or(default.idle, |switch| switch.value),
        follow_moves: table.switch("follow_moves").map_or(default.follow_moves, |switch| switch.value),
        deleted: table.word("deleted", &DELETED).map_or(default.deleted, |deleted| deleted.value),
        delete_guard: table.percent("delete_guard").map_or(default.delete_guard, |percent| percent.value),
        mailboxes: default.mailboxes.clone(),
        search: table.search("search").map_or_else(|| default.search.clone(), |search| search.value),
        newest_first: table.recency("newest_first").map_or(default.newest_first, |recency| recency.value),
    };
    table.finish();
    policy
}

/// Which messages are copied.
fn read_filter(default: &MessageFilter, table: &mut Table) -> MessageFilter {
    let (since, before) = (table.day("since"), table.day("before"));
    if let (Some(since), Some(before)) = (&since, &before)
        && since.value >= before.value
    {
        let mistake = Mistake::new("`before` in [sync] is no later than `since`: no message would be copied");
        table.findings().add(mistake.fix("correct one of the two").at(&before.origin));
    }
    MessageFilter {
        since: since.map(|day| day.value).or(default.since),
        before: before.map(|day| day.value).or(default.before),
        min_octets: table.size("min_message_size", 1).map(|size| size.value).or(default.min_octets),
        unseen: table.switch("unseen").map_or(default.unseen, |switch| switch.value),
        flagged: table.switch("flagged").map_or(default.flagged, |switch| switch.value),
    }
}

fn check_sizes(filter: &MessageFilter, most: Option<&At<u64>>, findings: &Findings) {
    if let Some(most) = most.filter(|most| filter.min_octets.is_some_and(|least| least > most.value)) {
        let mistake = Mistake::new("`max_message_size` in [sync] is less than `min_message_size`");
        findings.add(mistake.fix("correct one of the two").at(&most.origin));
    }
}

fn read_mailboxes(default: &MailboxPolicy, mut table: Table) -> MailboxPolicy {
    let findings = table.findings();
    let include = table.list("include").and_then(|list| included(list, findings));
    let exclude = table.list("exclude").map(|list| globs("exclude", list, findings));
    let merge = table.list("merge").map(|list| names("merge", list, findings));
    let priority = table.list("priority").map(|list| names("priority", list, findings));
    let mut rename = default.rename.clone();
    rename.extend(table.table("rename").map(read_renames).unwrap_or_default());
    let policy = MailboxPolicy {
        include: include.unwrap_or_else(|| default.include.clone()),
        exclude: exclude.unwrap_or_else(|| default.exclude.clone()),
        special_use: table.switch("special_use").map_or(default.special_use, |switch| switch.value),
        subscriptions: table.switch("subscriptions").map_or(default.subscriptions, |switch| switch.value),
        rename,
        prefix: default.prefix.clone(),
        merge: merge.unwrap_or_else(|| default.merge.clone()),
        priority: priority.unwrap_or_else(|| default.priority.clone()),
        reserved: default.reserved.clone(),
        companions: default.companions.clone(),
        labels: default.labels,
        keeps_places: default.keeps_places,
        besides: Besides {
            acl: table.switch("acl").map_or(default.besides.acl, |switch| switch.value),
            metadata: table.switch("metadata").map_or(default.besides.metadata, |switch| switch.value),
        },
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

/// Globs, and no special uses.
fn names(key: &str, list: At<Vec<String>>, findings: &Findings) -> Vec<String> {
    for glob in list.value.iter().filter(|glob| glob.starts_with('\\')) {
        let mistake = Mistake::new(format!("`{key}`: `{glob}` is not the name of a mailbox"));
        findings.add(mistake.fix("write names, such as \"Archive\" or \"Old/**\"").at(&list.origin));
    }
    let At { value, origin } = list;
    let value = value.into_iter().filter(|glob| !glob.starts_with('\\')).collect();
    globs(key, At { value, origin }, findings)
}

fn globs(key: &str, list: At<Vec<String>>, findings: &Findings) -> Vec<String> {
    for glob in &list.value {
        let wrong = |mistake: Mistake| findings.add(mistake.at(&list.origin));
        if glob.strip_prefix('\\').is_some_and(|word| word.chars().all(char::is_alphabetic)) {
            check_special_use(key, glob).err().into_iter().for_each(wrong);
        } else if let Err(error) = GlobBuilder::new(glob).literal_separator(true).build() {
            let mistake = Mistake::new(format!("`{key}`: `{glob}` is not a pattern: {}", error.kind()));
            wrong(mistake.fix("put \\ before a character that is meant as it is"));
        }
    }
    list.value
}

/// `\\Trash` and its kind (RFC 6154).
fn check_special_use(key: &str, written: &str) -> Result<(), Mistake> {
    let known = SpecialUse::ALL.map(SpecialUse::as_str);
    if known.iter().any(|known| known.eq_ignore_ascii_case(written)) {
        return Ok(());
    }
    let fix = did_you_mean(written, known).unwrap_or_else(|| format!("known special uses: {}", known.join(", ")));
    Err(Mistake::new(format!("`{key}`: `{written}` is not a special use")).fix(fix))
}

fn read_renames(mut table: Table) -> BTreeMap<String, String> {
    let renames = table.texts();
    for (from, At { value: to, origin }) in &renames {
        if let Err(mistake) = check_rename(from, to) {
            table.findings().add(mistake.at(origin));
        }
    }
    renames.into_iter().map(|(from, to)| (from, to.value)).collect()
}

fn check_rename(from: &str, to: &str) -> Result<(), Mistake> {
    for name in [from, to] {
        check_name(name).map_err(|mistake| mistake.about(format!("`{name}` in [mailboxes.rename]")))?;
    }
    let levels = |name: &str, wild: &str| name.split('/').filter(|level| *level == wild).count();
    if levels(from, "**") > 1 || from.split('/').rev().skip(1).any(|level| level == "**") {
        let mistake = Mistake::new(format!("`{from}` in [mailboxes.rename]: `**` stands in its midst"));
        return Err(mistake.fix("`**` is all levels from there on: write it last; `*` is one level"));
    }
    if ["*", "**"].iter().any(|wild| levels(to, wild) != levels(from, wild)) {
        let mistake =
            Mistake::new(format!("`{from}` = `{to}` in [mailboxes.rename]: not the same patterns on both sides"));
        return Err(
            mistake.fix("write as many `*` and `**` in the new name as in the old one, each as a level of its own")
        );
    }
    Ok(())
}

/// A name of a mailbox with `/` between its levels.
pub(super) fn check_name(name: &str) -> Result<(), Mistake> {
    match name.split('/').any(str::is_empty) {
        true => Err(Mistake::new("this is not a mailbox name").fix("write its levels with one / between them")),
        false => Ok(()),
    }
}

//! What is wrong with accounts, and what to do: what differs only in names is told once.

use super::figures::trouble_of;
use super::view::View;
use crate::error::made_harmless;
use crate::model::Condition;
use crate::model::report::StatusSummary;
use crate::report::alike::without_names;
use crate::report::outcomes;
use crate::report::quantity::counted;
use std::collections::HashMap;

/// Accounts that are named for one trouble; the rest is counted, unless all are wanted.
const NAMED_ACCOUNTS: usize = 8;

/// Accounts with one and the same trouble.
struct Group<'a> {
    condition: Condition,
    line: String,
    hint: Option<String>,
    accounts: Vec<&'a StatusSummary>,
}

/// A paragraph for each trouble; nothing where there is none.
pub(super) fn text(accounts: &[&StatusSummary], view: &View) -> String {
    grouped(accounts).iter().map(|group| paragraph(group, view)).collect::<Vec<_>>().join("\n")
}

fn grouped<'a>(accounts: &[&'a StatusSummary]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known: HashMap<(Condition, String, Option<String>), usize> = HashMap::new();
    for account in accounts.iter().filter(|account| account.condition.is_bad()) {
        let (line, hint) = reason(account);
        let likeness = (account.condition, without_names(&line), hint.as_deref().map(without_names));
        let index = *known.entry(likeness).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.accounts.push(account),
            None => groups.push(Group { condition: account.condition, line, hint, accounts: vec![account] }),
        }
    }
    groups
}

/// Why the account is not well, and what to do about it.
fn reason(account: &StatusSummary) -> (String, Option<String>) {
    if let Some(trouble) = account.attempt.as_ref().and_then(trouble_of) {
        return (trouble.line.clone(), trouble.hint.clone());
    }
    let ledger = &account.status.ledger;
    let hint = |text: &str| Some(text.to_owned());
    if ledger.questioned > 0 {
        let gone = counted(ledger.questioned, "copy");
        let line = format!("{gone} gone from the destination, and nobody has said whether that is good");
        return (
            line,
            hint(
                "`mailferry plan` shows them; answer with `mailferry accept`, or copy them again with restore_missing",
            ),
        );
    }
    if !ledger.differences.is_clean() {
        return ("the last verification found differences".to_owned(), hint("`mailferry verify` lists them"));
    }
    let unreadable = match ledger.conditions.unreadable {
        0 => Vec::new(),
        count => vec![format!("{} could not be read", counted(count, "mailbox"))],
    };
    let left = Some(outcomes::left_out(&ledger.outcomes)).filter(|left| !left.is_empty());
    let line: Vec<String> = unreadable.into_iter().chain(left).collect();
    (line.join(", "), hint("`mailferry plan --details` names them"))
}

fn paragraph(group: &Group<'_>, view: &View) -> String {
    let [first, others @ ..] = &group.accounts[..] else { return String::new() };
    let account = made_harmless(&first.account);
    let more = match first.attempt.as_ref().and_then(trouble_of).map_or(0, |trouble| trouble.count.saturating_sub(1)) {
        0 => String::new(),
        more => {
            let explain = view.commands.completed(&format!("`mailferry explain {account} MAILBOX`"), &[]);
            format!(" (and {}: {})", counted(more, "more failure"), explain.trim_matches('`'))
        }
    };
    let named = if view.all { others.len() } else { NAMED_ACCOUNTS };
    let mut names: Vec<String> = others.iter().take(named).map(|other| made_harmless(&other.account)).collect();
    if others.len() > named {
        let show = view.commands.narrowed("status", &[&format!("state:{}", group.condition)]);
        names.push(format!("and {} more: {show}", others.len() - named));
    }
    let same = if names.is_empty() { String::new() } else { format!("  also: {}\n", names.join(", ")) };
    let accounts: Vec<&str> = group.accounts.iter().map(|account| account.account.as_str()).collect();
    let hint = group.hint.as_ref().map(|hint| view.commands.completed(&made_harmless(hint), &accounts));
    let hint = hint.map_or_else(String::new, |hint| format!("  hint: {hint}\n"));
    format!("{account}, {}: {}{more}\n{same}{hint}", group.condition, made_harmless(&group.line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::statistics::AccountStatus;
    use crate::model::{AccountLedger, Outcomes};
    use crate::report::status::samples::{summary, trouble, view};

    fn shown(accounts: &[StatusSummary], view: &View) -> String {
        text(&accounts.iter().collect::<Vec<_>>(), view)
    }

    #[test]
    fn what_differs_only_in_names_is_told_once() {
        let refused = |name: &str| {
            summary(name, AccountStatus::default(), Some(trouble(&format!("could not log in as `{name}`"), true)))
        };
        let accounts: Vec<_> = (0..12).map(|number| refused(&format!("u{number:02}"))).collect();
        let expected = "\
u00, blocked: could not log in as `u00`
  also: u01, u02, u03, u04, u05, u06, u07, u08, and 3 more: mailferry status state:blocked
  hint: mend it
";
        assert_eq!(shown(&accounts, &view()), expected);
        let all = shown(&accounts, &View { all: true, ..view() });
        assert!(all.contains("u11\n"), "{all}");
    }

    #[test]
    fn what_the_ledger_alone_tells_is_told() {
        let outcomes = Outcomes { copied: 3, refused: 2, ..Outcomes::default() };
        let ledger = AccountLedger { outcomes, ..AccountLedger::at(crate::model::ledger::Stage::Applied) };
        let account = summary("alice", AccountStatus { ledger, ..AccountStatus::default() }, None);
        let expected = "alice, failed: 2 refused\n  hint: `mailferry plan --details alice` names them\n";
        assert_eq!(shown(&[account], &view()), expected);
    }
}

//! `check` of many accounts: the servers once, then the accounts that deviate, then the counts.

use super::facts::{append_limit, fact, useful};
use crate::error::{Error, made_harmless};
use crate::model::Side;
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use crate::report::indented;
use crate::report::quantity::{counted, number};
use std::collections::{BTreeMap, HashMap};

/// Of more accounts than these a deviation is told once.
const TOGETHER: usize = 5;

/// With the names of so many of them.
const NAMED: usize = 3;

/// What many accounts of one server have in common.
struct Server<'a> {
    side: Side,
    label: &'a str,
    facts: String,
    /// Notes of more than half of its accounts.
    notes: Vec<&'a str>,
}

/// The servers, and every account of which there is something to say besides; `all` is the command that tells of each account.
pub(super) fn text(results: &[AccountResult<AccountCheck>], all: &str) -> String {
    let sides: Vec<&SideCheck> = results.iter().filter_map(|it| it.done().ok()).flat_map(opened).collect();
    let servers = servers(&sides);
    let pages: String = servers.iter().map(page).collect();
    let deviating = told(results.iter().flat_map(|result| deviations(result, &servers)), all);
    let holds = |side: Side| {
        let of = || sides.iter().filter(move |it| it.side == side);
        let messages = counted(of().map(|it| it.messages).sum(), "message");
        format!("{messages} in {} on the {side}", counted(of().map(|it| it.mailboxes).sum(), "mailbox"))
    };
    let space = if deviating.is_empty() { "" } else { "\n" };
    format!("{pages}\n{deviating}{space}{}, {}\n", holds(Side::Source), holds(Side::Destination))
}

fn opened(check: &AccountCheck) -> impl Iterator<Item = &SideCheck> {
    check.sides.iter().filter_map(|side| side.as_ref().ok())
}

fn servers<'a>(sides: &[&'a SideCheck]) -> Vec<Server<'a>> {
    let mut groups: BTreeMap<(usize, &str), Vec<&'a SideCheck>> = BTreeMap::new();
    for side in sides {
        groups.entry((side.side as usize, side.server.as_str())).or_default().push(side);
    }
    groups.into_values().filter_map(|accounts| common(&accounts)).collect()
}

/// What most of a server's accounts see.
fn common<'a>(accounts: &[&'a SideCheck]) -> Option<Server<'a>> {
    let mut seen: HashMap<String, (usize, usize)> = HashMap::new();
    for (number, account) in accounts.iter().enumerate() {
        seen.entry(facts(account)).or_insert((0, number)).0 += 1;
    }
    let (facts, (_, first)) = seen.into_iter().max_by_key(|(_, (count, first))| (*count, usize::MAX - first))?;
    let mut notes: BTreeMap<&str, usize> = BTreeMap::new();
    accounts.iter().flat_map(|it| &it.notes).for_each(|note| *notes.entry(note).or_default() += 1);
    let notes = notes.into_iter().filter(|(_, count)| count * 2 > accounts.len()).map(|(note, _)| note).collect();
    Some(Server { side: accounts[first].side, label: &accounts[first].server, facts, notes })
}

fn facts(check: &SideCheck) -> String {
    let server = if check.product.is_empty() { "unknown" } else { &check.product };
    fact("server", &made_harmless(&format!("{server} at {}", check.server)))
        + &fact("protection", &made_harmless(&check.protection))
        + &append_limit(check)
        + &fact("can do", &useful(&check.capabilities))
}

fn page(server: &Server<'_>) -> String {
    let notes = server.notes.iter().map(|note| fact("note", &made_harmless(note)));
    let facts: String = std::iter::once(server.facts.clone()).chain(notes).collect();
    format!("{}\n{}", server.side, indented(&facts, 2))
}

/// Each deviation in a line; what is to be said of many accounts is said once.
fn told(deviations: impl Iterator<Item = (String, String)>, all: &str) -> String {
    let (mut order, mut names): (Vec<String>, HashMap<String, Vec<String>>) = Default::default();
    for (name, text) in deviations {
        let known = names.entry(text.clone()).or_insert_with(|| {
            order.push(text);
            Vec::new()
        });
        known.push(name);
    }
    let line = |text: &String| {
        let names = &names[text];
        match names.len() {
            0..=TOGETHER => names.iter().map(|name| format!("{name}: {text}\n")).collect(),
            count => format!("{} and {} more: {text}\n", names[..NAMED].join(", "), number((count - NAMED) as u64)),
        }
    };
    let lines: String = order.iter().map(line).collect();
    let is_cut = names.values().any(|names| names.len() > TOGETHER);
    if is_cut { format!("{lines}Each by itself: {all}\n") } else { lines }
}

/// What is to be said of this account alone.
fn deviations(result: &AccountResult<AccountCheck>, servers: &[Server<'_>]) -> Vec<(String, String)> {
    let failed = |error: &Error| format!("FAILED: {}", made_harmless(&error.summary()));
    let texts = match &result.result {
        Err(error) => vec![failed(error)],
        Ok(check) => {
            let sides = check.sides.iter().zip(Side::BOTH).flat_map(|(side, which)| {
                let texts = side.as_ref().map_or_else(|error| vec![failed(error)], |side| own(side, servers));
                texts.into_iter().map(move |text| format!("{which}: {text}"))
            });
            sides.collect()
        }
    };
    texts.into_iter().map(|text| (made_harmless(&result.account), text)).collect()
}

fn own(side: &SideCheck, servers: &[Server<'_>]) -> Vec<String> {
    let Some(server) = servers.iter().find(|it| it.side == side.side && it.label == side.server) else {
        return Vec::new();
    };
    let own = facts(side);
    let differs = own.lines().filter(|line| !server.facts.lines().any(|common| common == *line));
    let differs = differs.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let notes = side.notes.iter().filter(|note| !server.notes.contains(&note.as_str())).map(|note| made_harmless(note));
    let full = side.quotas.iter().filter(|quota| quota.limit > 0 && quota.used >= quota.limit / 10 * 9);
    let full = full.map(|quota| format!("quota: {}", super::facts::quota(quota)));
    let obstacles = side.obstacles.iter().map(|obstacle| format!("OBSTACLE: {}", made_harmless(obstacle)));
    differs.chain(obstacles).chain(notes).chain(full).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_accounts_deviate_in_is_said_once_with_the_command_that_names_each() {
        let deviations = |count: usize| (0..count).map(|number| (format!("u{number}"), "it is full".to_owned()));
        let expected = "u0, u1, u2 and 3 more: it is full\nEach by itself: mailferry check --details\n";
        assert_eq!(told(deviations(6), "mailferry check --details"), expected);
        assert_eq!(told(deviations(1), "mailferry check --details"), "u0: it is full\n");
    }
}

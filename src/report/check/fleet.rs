//! `check` of many accounts: the servers once, then the accounts that deviate, then the counts.

use super::facts::{append_limit, fact, useful};
use crate::error::{Error, sanitized};
use crate::model::Side;
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use crate::report::indented;
use crate::report::quantity::counted;
use std::collections::{BTreeMap, HashMap};

/// What many accounts of one server have in common.
struct Server<'a> {
    side: Side,
    label: &'a str,
    facts: String,
    /// Notes of more than half of its accounts.
    notes: Vec<&'a str>,
}

/// The servers, and every account of which there is something to say besides.
pub(super) fn text(results: &[AccountResult<AccountCheck>]) -> String {
    let sides: Vec<&SideCheck> = results.iter().filter_map(|it| it.result.as_ref().ok()).flat_map(opened).collect();
    let servers = servers(&sides);
    let pages: String = servers.iter().map(page).collect();
    let deviating: String = results.iter().map(|result| deviation(result, &servers)).collect();
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
    fact("server", &sanitized(&format!("{server} at {}", check.server)))
        + &fact("protection", &sanitized(&check.protection))
        + &append_limit(check)
        + &fact("can do", &useful(&check.capabilities))
}

fn page(server: &Server<'_>) -> String {
    let notes = server.notes.iter().map(|note| fact("note", &sanitized(note)));
    let facts: String = std::iter::once(server.facts.clone()).chain(notes).collect();
    format!("{}\n{}", server.side, indented(&facts, 2))
}

/// What is to be said of this account alone.
fn deviation(result: &AccountResult<AccountCheck>, servers: &[Server<'_>]) -> String {
    let name = sanitized(&result.account);
    let line = |text: &str| format!("{name}: {text}\n");
    let failed = |error: &Error, side: Option<Side>| match side {
        Some(side) => line(&format!("{side}: FAILED: {}", sanitized(&error.summary()))),
        None => line(&format!("FAILED: {}", sanitized(&error.summary()))),
    };
    match &result.result {
        Err(error) => failed(error, None),
        Ok(check) => check
            .sides
            .iter()
            .zip(Side::BOTH)
            .map(|(side, which)| match side {
                Err(error) => failed(error, Some(which)),
                Ok(side) => own(side, servers).iter().map(|text| line(&format!("{which}: {text}"))).collect(),
            })
            .collect(),
    }
}

fn own(side: &SideCheck, servers: &[Server<'_>]) -> Vec<String> {
    let Some(server) = servers.iter().find(|it| it.side == side.side && it.label == side.server) else {
        return Vec::new();
    };
    let own = facts(side);
    let differs = own.lines().filter(|line| !server.facts.lines().any(|common| common == *line));
    let differs = differs.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let notes = side.notes.iter().filter(|note| !server.notes.contains(&note.as_str())).map(|note| sanitized(note));
    let full = side.quotas.iter().filter(|quota| quota.limit > 0 && quota.used >= quota.limit / 10 * 9);
    let full = full.map(|quota| format!("quota: {}", super::facts::quota(quota)));
    differs.chain(notes).chain(full).collect()
}

//! What `check` found on both sides of each account, as text.

use super::quantity::{counted, number, octets};
use super::table::{Align, padded};
use super::{indented, succeeded};
use crate::error::{Error, sanitized};
use crate::model::Side;
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use crate::model::server::{Quota, QuotaResource};

/// A page for each account, and the verdict.
pub fn text(results: &[AccountResult<AccountCheck>], scan_command: &str) -> String {
    let pages: String = succeeded(results).map(|(name, check)| page(name, check)).collect();
    pages + &verdict(results, scan_command)
}

fn page(account: &str, check: &AccountCheck) -> String {
    let sides: Vec<String> = check.sides.iter().zip(Side::BOTH).map(|(side, which)| section(side, which)).collect();
    format!("{}\n{}\n", sanitized(account), indented(&sides.concat(), 2))
}

fn section(side: &Result<SideCheck, Error>, which: Side) -> String {
    match side {
        Ok(check) => format!("{}\n{}", check.side, indented(&facts(check), 2)),
        Err(error) => format!("{which}\n{}", indented(&fact("FAILED", &sanitized(&error.summary())), 2)),
    }
}

fn facts(check: &SideCheck) -> String {
    let server = if check.product.is_empty() { "unknown" } else { &check.product };
    let server = sanitized(&format!("{server} at {}", check.server));
    let holds = format!("{}, {}", counted(check.mailboxes, "mailbox"), counted(check.messages, "message"));
    let mut facts = fact("server", &server)
        + &fact("protection", &sanitized(&check.protection))
        + &fact("user", &sanitized(&check.user))
        + &fact("holds", &holds);
    facts.extend(check.quotas.iter().map(|limit| fact("quota", &quota(limit))));
    facts.extend(check.append_limit.map(|limit| fact("takes", &format!("messages of up to {}", octets(limit)))));
    facts += &fact("can do", &useful(&check.capabilities));
    facts.extend(check.notes.iter().map(|note| fact("note", &sanitized(note))));
    facts
}

/// The capabilities that make a migration faster or safer; a server lists forty more that do nothing for it.
const USEFUL: [&str; 15] = [
    "IMAP4REV2",
    "QRESYNC",
    "CONDSTORE",
    "UIDPLUS",
    "MULTIAPPEND",
    "LITERAL+",
    "LITERAL-",
    "LIST-STATUS",
    "LIST-EXTENDED",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "NAMESPACE",
    "QUOTA",
    "ESEARCH",
    "OBJECTID",
];

fn useful(capabilities: &[String]) -> String {
    let offered = |name: &&str| capabilities.iter().any(|capability| capability.eq_ignore_ascii_case(name));
    let offered: Vec<&str> = USEFUL.into_iter().filter(offered).collect();
    if offered.is_empty() { "IMAP4rev1, no extension of use here".to_owned() } else { offered.join(" ") }
}

fn quota(quota: &Quota) -> String {
    let amount = |value| match quota.resource {
        QuotaResource::Storage => octets(value),
        QuotaResource::Messages => counted(value, "message"),
    };
    let root = if quota.root.is_empty() { String::new() } else { format!(" ({})", sanitized(&quota.root)) };
    format!("{} of {} used{root}", amount(quota.used), amount(quota.limit))
}

/// Wide enough for the longest label.
const LABEL_WIDTH: usize = 10;

fn fact(label: &str, text: &str) -> String {
    format!("{}   {text}\n", padded(label, LABEL_WIDTH, Align::Left))
}

/// Whether an account can be migrated: both sides were logged in on.
fn is_ready(result: &AccountResult<AccountCheck>) -> bool {
    result.result.as_ref().is_ok_and(|check| check.sides.iter().all(Result::is_ok))
}

fn verdict(results: &[AccountResult<AccountCheck>], scan_command: &str) -> String {
    let (ready, all) = (results.iter().filter(|result| is_ready(result)).count() as u64, results.len() as u64);
    let next = format!("To take a snapshot of both sides, run: {scan_command}\n");
    match ready {
        0 => "Not ready: no account could be opened on both sides.\n".to_owned(),
        _ if ready == all => format!("Ready: {} opened on both sides.\n{next}", counted(all, "account")),
        _ => format!("Partly ready: {} of {} opened on both sides.\n{next}", number(ready), counted(all, "account")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn source() -> SideCheck {
        SideCheck {
            side: Side::Source,
            server: "old.example.org".to_owned(),
            product: "Zimbra 10.1".to_owned(),
            protection: "TLS 1.3".to_owned(),
            user: "alice@example.org".to_owned(),
            capabilities: ["IMAP4rev1", "IDLE", "UidPlus", "CONDSTORE"].map(str::to_owned).to_vec(),
            mailboxes: 40,
            messages: 20_000,
            quotas: vec![Quota {
                root: String::new(),
                resource: QuotaResource::Storage,
                used: 1 << 30,
                limit: 5 << 30,
            }],
            append_limit: Some(50 << 20),
            notes: vec!["no QRESYNC: a resync lists all UIDs of a changed mailbox".to_owned()],
        }
    }

    #[test]
    fn text_shows_facts_and_the_failed_side() {
        let failed = Error::new(Kind::Authentication, "the login was refused").because("NO nope\x07");
        let check =
            AccountCheck { ledger: crate::model::AccountLedger::default(), sides: vec![Ok(source()), Err(failed)] };
        let results = [AccountResult { account: "alice".to_owned(), result: Ok(check) }];
        let expected = "\
alice
  source
    server       Zimbra 10.1 at old.example.org
    protection   TLS 1.3
    user         alice@example.org
    holds        40 mailboxes, 20,000 messages
    quota        1.0 GiB of 5.0 GiB used
    takes        messages of up to 50.0 MiB
    can do       CONDSTORE UIDPLUS
    note         no QRESYNC: a resync lists all UIDs of a changed mailbox
  destination
    FAILED       the login was refused: NO nope?

Not ready: no account could be opened on both sides.
";
        assert_eq!(text(&results, "mailferry scan"), expected);
    }
}

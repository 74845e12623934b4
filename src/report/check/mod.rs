//! What `check` found on both sides of each account, as text.

mod facts;
mod fleet;
mod json;

use super::invocation::Invocation;
use super::quantity::{counted, number, octets};
use super::{indented, succeeded};
use crate::error::{Error, made_harmless};
use crate::model::Side;
use crate::model::report::{AccountCheck, AccountResult, SideCheck};
use facts::{append_limit, fact, is_ready, quota, useful};
pub use json::json;

/// With more accounts than these the servers are told once, and of accounts only what deviates.
const PAGES: usize = 3;

/// A page for each account, or what there is to say of many; and the verdict.
pub fn text(results: &[AccountResult<AccountCheck>], details: bool, commands: &Invocation) -> String {
    let pages: String = match details || results.len() <= PAGES {
        true => succeeded(results).map(|(name, check)| page(name, check)).collect(),
        false => fleet::text(results, &commands.completed("`mailferry check --details`", &[]).replace('`', "")),
    };
    pages + &verdict(results, &commands.next("scan"))
}

fn page(account: &str, check: &AccountCheck) -> String {
    let sides: Vec<String> = check.sides.iter().zip(Side::BOTH).map(|(side, which)| section(side, which)).collect();
    format!("{}\n{}\n", made_harmless(account), indented(&sides.concat(), 2))
}

fn section(side: &Result<SideCheck, Error>, which: Side) -> String {
    match side {
        Ok(check) => format!("{}\n{}", check.side, indented(&facts(check), 2)),
        Err(error) => format!("{which}\n{}", indented(&fact("FAILED", &made_harmless(&error.summary())), 2)),
    }
}

fn facts(check: &SideCheck) -> String {
    let server = if check.product.is_empty() { "unknown" } else { &check.product };
    let server = made_harmless(&format!("{server} at {}", check.server));
    let size = check.octets.map_or_else(String::new, |size| format!(", {}", octets(size)));
    let holds = format!("{}, {}{size}", counted(check.mailboxes, "mailbox"), counted(check.messages, "message"));
    let mut facts = fact("server", &server)
        + &fact("protection", &made_harmless(&check.protection))
        + &fact("user", &made_harmless(&check.user))
        + &fact("holds", &holds);
    facts.extend(check.quotas.iter().map(|limit| fact("quota", &quota(limit))));
    facts += &append_limit(check);
    facts += &fact("can do", &useful(&check.capabilities));
    facts.extend(check.notes.iter().map(|note| fact("note", &made_harmless(note))));
    facts.extend(check.obstacles.iter().map(|obstacle| fact("OBSTACLE", &made_harmless(obstacle))));
    facts
}

/// How many accounts there are of which something will not work.
fn hindered(results: &[AccountResult<AccountCheck>]) -> u64 {
    let is_hindered = |check: &AccountCheck| check.sides.iter().flatten().any(|side| !side.obstacles.is_empty());
    results.iter().filter(|result| result.done().is_ok_and(is_hindered)).count() as u64
}

fn verdict(results: &[AccountResult<AccountCheck>], scan_command: &str) -> String {
    let hindered = match hindered(results) {
        0 => String::new(),
        count => format!("Obstacles: something of {} will not be copied; see above.\n", counted(count, "account")),
    };
    let (ready, all) = (results.iter().filter(|result| is_ready(result)).count() as u64, results.len() as u64);
    let next = format!("To take a snapshot of both sides, run: {scan_command}\n");
    match ready {
        0 => "Not ready: no account could be opened on both sides.\n".to_owned(),
        _ if ready == all => format!("Ready: {} opened on both sides.\n{hindered}{next}", counted(all, "account")),
        _ => {
            let all = counted(all, "account");
            format!("Partly ready: {} of {all} opened on both sides.\n{hindered}{next}", number(ready))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::model::server::{Quota, QuotaResource};

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
            octets: None,
            obstacles: Vec::new(),
            notes: vec!["no QRESYNC: a resync lists all UIDs of a changed mailbox".to_owned()],
        }
    }

    #[test]
    fn text_shows_facts_and_the_failed_side() {
        let failed = Error::new(Kind::Authentication, "the login was refused").because("NO nope\x07");
        let check =
            AccountCheck { ledger: crate::model::AccountLedger::default(), sides: vec![Ok(source()), Err(failed)] };
        let results = [AccountResult::new("alice", Ok(check))];
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
        assert_eq!(text(&results, false, &Invocation::default()), expected);
    }

    #[test]
    fn of_many_accounts_the_servers_are_told_once_and_then_what_deviates() {
        let of = |name: &str| {
            let destination = SideCheck { side: Side::Destination, server: "new".to_owned(), ..source() };
            AccountResult::new(
                name,
                Ok(AccountCheck {
                    ledger: crate::model::AccountLedger::default(),
                    sides: vec![Ok(source()), Ok(destination)],
                }),
            )
        };
        let mut results: Vec<_> = ["a", "b", "c", "d", "e"].map(of).into_iter().collect();
        let sides =
            |result: &mut AccountResult<AccountCheck>| std::mem::take(&mut result.result.as_mut().unwrap().sides);
        let mut own = sides(&mut results[1]);
        own[0].as_mut().unwrap().obstacles.push("`Odd` cannot be copied".to_owned());
        own[1] = Err(Error::new(Kind::Authentication, "the login was refused").because("NO nope"));
        results[1].result.as_mut().unwrap().sides = own;
        let expected = "\
source
  server       Zimbra 10.1 at old.example.org
  protection   TLS 1.3
  takes        messages of up to 50.0 MiB
  can do       CONDSTORE UIDPLUS
  note         no QRESYNC: a resync lists all UIDs of a changed mailbox
destination
  server       Zimbra 10.1 at new
  protection   TLS 1.3
  takes        messages of up to 50.0 MiB
  can do       CONDSTORE UIDPLUS
  note         no QRESYNC: a resync lists all UIDs of a changed mailbox

b: source: OBSTACLE: `Odd` cannot be copied
b: destination: FAILED: the login was refused: NO nope

100,000 messages in 200 mailboxes on the source, 80,000 messages in 160 mailboxes on the destination
Partly ready: 4 of 5 accounts opened on both sides.
Obstacles: something of 1 account will not be copied; see above.
To take a snapshot of both sides, run: mailferry scan
";
        assert_eq!(text(&results, false, &Invocation::default()), expected);
        assert_eq!(text(&results, true, &Invocation::default()).matches("protection").count(), 9);
    }
}

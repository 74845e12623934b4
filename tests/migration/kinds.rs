//! Every way to say where mail goes and which: each is planned, applied, done again, done again without the state, and verified; and
//! in mirror mode what goes is the copy of what is gone, and nothing that is merely left out.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::compare::expect;
use crate::support::date::parse_internal_date;
use crate::support::ferry::{Done, Ferry, Side};
use crate::support::sample::{is_all_tried, sample};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;

const OLD: &str = "    old \\Seen \"31-Dec-2023 23:59:59 +0000\"\n";
const NEW: &str = "    new \\Flagged \"01-Feb-2024 00:00:00 +0000\"\n";
const SENT: &str = "    sent \"02-Feb-2024 00:00:00 +0000\"\n";
const WORK: &str = "    work \"01-Mar-2024 00:00:00 +0000\"\n";
const TRASH: &str = "    gone \\Seen \"02-Mar-2024 00:00:00 +0000\"\n";

/// What every account holds.
fn mail() -> String {
    format!("INBOX\n{OLD}{NEW}Sent\n{SENT}Trash\n{TRASH}mail/Work\n{WORK}")
}

/// One way to say it.
struct Kind {
    name: &'static str,
    /// Of the account.
    account: &'static str,
    /// Of [sync].
    sync: String,
    /// Further tables.
    tables: &'static str,
    /// What is on the destination afterwards.
    arrives: String,
    /// Another account of the same mail goes to the same user, below this mailbox.
    guest: Option<&'static str>,
    /// It leaves messages or mailboxes out.
    is_filter: bool,
}

impl Kind {
    fn new(name: &'static str, arrives: String) -> Kind {
        let (sync, account, tables) = (String::new(), "", "");
        Kind { name, account, sync, tables, arrives, guest: None, is_filter: false }
    }

    fn filter(name: &'static str, sync: impl Into<String>, arrives: String) -> Kind {
        Kind { sync: sync.into(), is_filter: true, ..Kind::new(name, arrives) }
    }

    /// `further`: mailboxes that the source has besides, and that go where they are.
    fn all(further: &str) -> Vec<Kind> {
        let below = |prefix: &str| {
            format!("{prefix}/INBOX\n{OLD}{NEW}{prefix}/Sent\n{SENT}{prefix}/Trash\n{TRASH}{prefix}/mail/Work\n{WORK}")
        };
        let merge = "[mailboxes]\nmerge = [\"Sent\"]\n[mailboxes.rename]\n\"mail/Work\" = \"Sent\"";
        vec![
            Kind { account: "prefix = \"Old/mail\"", ..Kind::new("prefix", below("Old/mail")) },
            Kind {
                tables: merge,
                ..Kind::new("merge", format!("INBOX\n{OLD}{NEW}Sent\n{SENT}{WORK}Trash\n{TRASH}{further}"))
            },
            Kind { guest: Some("Guest"), ..Kind::new("several into one", mail() + &below("Guest")) },
            Kind {
                tables: "[mailboxes.rename]\n\"mail/**\" = \"**\"",
                ..Kind::new("rename by pattern", mail().replace("mail/Work", "Work") + further)
            },
            Kind {
                tables: "[mailboxes]\nexclude = [\"\\\\Trash\"]",
                ..Kind::filter("exclusion by special use", "", mail().replace(&format!("Trash\n{TRASH}"), ""))
            },
            Kind::filter("since", "since = 2024-01-01", mail().replace(OLD, "")),
            Kind::filter("before", "before = 2024-03-01", mail().replace(TRASH, "").replace(WORK, "")),
            Kind::filter("search", "search = 'NOT SEEN'", mail().replace(OLD, "").replace(TRASH, "")),
            Kind::filter(
                "newest_first",
                newest_from("15-Jan-2024 00:00:00 +0000"),
                mail().replace(&format!("{OLD}{NEW}"), &format!("{NEW}{OLD}")),
            ),
        ]
    }

    fn settings(&self) -> String {
        format!("[sync]\n{MIRROR}\n{}\n{}", self.sync, self.tables)
    }
}

const MIRROR: &str = "mode = \"mirror\"\ndelete_guard = \"100%\"";

/// What is as young as that comes first.
fn newest_from(date: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs() as i64;
    format!("newest_first = \"{}s\"", now - parse_internal_date(date).expect("a date"))
}

/// Users on both servers, who hold [`mail`] on the source.
fn mover(source: &dyn Server, destination: &dyn Server) -> User {
    let user = User::fresh("kind");
    source.add_user(&user);
    destination.add_user(&user);
    seed(source, &user.name, &mail());
    user
}

fn ferry(source: &dyn Server, destination: &dyn Server, kind: &Kind, user: &User) -> Ferry {
    let ferry = Ferry::new(Side::of(source), Side::of(destination));
    let ferry = ferry.with_account_lines(&format!("source_user = \"{}\"\n{}", user.name, kind.account));
    let Some(prefix) = kind.guest else { return ferry };
    let (guest, host) = (mover(source, destination).name, &user.name);
    ferry
        .with_account_lines(&format!("source_user = \"{guest}\"\ndestination_user = \"{host}\"\nprefix = \"{prefix}\""))
}

fn assert_nothing_is_done(ferry: &Ferry, kind: &Kind) {
    ferry.run(&["sync"]).expect(0);
    let status = ferry.run(&["status", "--json", "-"]).expect(0).json();
    for account in status["accounts"].as_array().expect("accounts") {
        assert_eq!(Done::of(&account["last_run"]), Done::NOTHING, "{}: {account}", kind.name);
    }
}

fn messages(notation: &str) -> usize {
    notation.lines().filter(|line| line.starts_with(' ')).count()
}

fn assert_arrives(source: &dyn Server, destination: &dyn Server, kind: &Kind) {
    let user = mover(source, destination);
    let ferry = ferry(source, destination, kind, &user).with_settings(&kind.settings());
    ferry.run(&["scan"]).expect(0);
    let totals = ferry.plan()["totals"].clone();
    assert_eq!(totals["copies"], messages(&kind.arrives), "{}: {totals}", kind.name);
    ferry.run(&["apply"]).expect(0);
    expect(destination, &user.name, &kind.arrives);
    assert_nothing_is_done(&ferry, kind);
    ferry.run(&["verify", "--deep"]).expect(0);
    ferry.forget_state();
    assert_nothing_is_done(&ferry, kind);
    ferry.run(&["verify", "--deep"]).expect(0);
    expect(destination, &user.name, &kind.arrives);
    // Its copies are known again for ours no more: only what is copied from here on is anyone's to delete.
    let other = mover(source, destination);
    let ferry = self::ferry(source, destination, kind, &other).with_settings(&kind.settings());
    ferry.run(&["sync"]).expect(0);
    let mut at_source = source.connect(&other.name);
    at_source.select("INBOX");
    at_source.expunge("INBOX", &[2]);
    ferry.run(&["sync"]).expect(0);
    expect(destination, &other.name, &kind.arrives.replacen(NEW, "", 1));
    assert_nothing_is_done(&ferry, kind);
}

/// All was copied before the filter was there.
fn assert_filter_deletes_nothing(source: &dyn Server, destination: &dyn Server, kind: &Kind) {
    let user = mover(source, destination);
    let ferry = ferry(source, destination, kind, &user).with_settings(&format!("[sync]\n{MIRROR}"));
    ferry.run(&["sync"]).expect(0);
    let ferry = ferry.with_settings(&kind.settings());
    assert_nothing_is_done(&ferry, kind);
    let totals = ferry.plan()["totals"].clone();
    assert_eq!((&totals["deletes"], &totals["copies"]), (&0.into(), &0.into()), "{}: {totals}", kind.name);
    ferry.run(&["sync", "--full"]).expect(0);
    expect(destination, &user.name, &mail());
}

/// Between how many pairs of servers the kinds are shared out where there is no time for each with each.
const PAIRS: usize = 3;

/// `pair`: its number.
fn assert_every_kind(pair: usize, source: &dyn Server, destination: &dyn Server, further: &str) {
    for kind in sample(Kind::all(further).into_iter().skip(if is_all_tried() { 0 } else { pair }), PAIRS) {
        println!("in hand: {}", kind.name);
        assert_arrives(source, destination, &kind);
        if kind.is_filter {
            assert_filter_deletes_nothing(source, destination, &kind);
        }
    }
}

#[test]
fn kinds_from_dovecot_to_dovecot() {
    let pair = shared::dovecot_pair();
    assert_every_kind(0, &pair.source, &pair.destination, "");
}

#[test]
fn kinds_from_cyrus_to_dovecot() {
    // It makes the parents of mailboxes, too.
    assert_every_kind(1, shared::cyrus(), &shared::dovecot_pair().destination, "mail\n");
}

#[test]
fn kinds_from_dovecot_to_cyrus() {
    assert_every_kind(2, &shared::dovecot_pair().source, shared::cyrus(), "");
}

//! Many accounts, as one who looks after them sees them: what failed and why, who comes when, and what may be asked meanwhile.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::gates::Gates;
use crate::migration::{Migration, dovecot_to_dovecot};
use crate::pair::{Pair, USER, replaced};
use crate::support::compare::expect;
use crate::support::fake::Fake;
use crate::support::fake::behaviour::{Behaviour, Kept, Rule};
use crate::support::ferry::{Ferry, Side};
use crate::support::fifty::{self, Fifty};
use crate::support::process::free_port;
use crate::support::seed::seed;
use crate::support::server::User;
use crate::support::shared;

const MAIL: &str = "INBOX\n    1 a\n    2 odd\nArchive\n    1 b";

/// Six of fifty, each of which fails in a way of its own, and what is said of it.
const BAD: [(&str, &str); 6] = [
    ("bad-login", "could not log in"),
    ("bad-missing", "could not log in"),
    ("bad-quota", "OVERQUOTA"),
    ("bad-mailbox", "`Archive`"),
    ("bad-message", "too odd"),
    ("bad-server", "could not connect"),
];

struct Fleet {
    source: Fake,
    destination: Fake,
    ferry: Ferry,
}

fn fifty() -> Fleet {
    let (source, destination) = (Fake::start(), Fake::start());
    let side = |port: u16| Side::in_clear_text(port);
    let away = side(free_port()).section("servers.away", "SOURCE_PASSWORD");
    let limits = "[limits]\nretries = 0\ntimeout = \"1s\"\n";
    let mut ferry =
        Ferry::new(side(source.port()), side(destination.port())).with_settings(&format!("{away}\n{limits}"));
    let good = (0..44).map(|number| format!("good-{number:02}"));
    let names: Vec<String> = good.chain(BAD.iter().map(|(name, _)| (*name).to_owned())).collect();
    for name in &names {
        source.tenant(name).account().fill(MAIL);
        ferry = match name.as_str() {
            "bad-server" => ferry.with_account_lines("source_user = \"bad-server\"\nsource_server = \"away\""),
            _ => ferry.with_account(&User::named(name)),
        };
    }
    let honest = Behaviour::honest;
    let refusing = |octets: &[u8]| match memchr::memmem::find(octets, b"odd").is_some() {
        true => Kept::Refused("NO [CANNOT] too odd".to_owned()),
        false => Kept::As(octets.to_vec()),
    };
    source.tenant("bad-login").behave(honest().shut("NO [AUTHENTICATIONFAILED] wrong password"));
    destination.tenant("bad-missing").behave(honest().shut("NO [AUTHORIZATIONFAILED] no such user"));
    destination.tenant("bad-quota").behave(honest().rule(Rule::refuse("APPEND", "NO [OVERQUOTA] full")));
    let unreadable = honest().rule(Rule::refuse("EXAMINE \"Archive\"", "NO [NOPERM] not yours"));
    source.tenant("bad-mailbox").behave(unreadable);
    destination.tenant("bad-message").behave(honest().keeping(refusing));
    Fleet { source, destination, ferry }
}

fn names(json: &Value) -> BTreeSet<&str> {
    json["accounts"].as_array().expect("accounts").iter().filter_map(|account| account["account"].as_str()).collect()
}

#[test]
fn of_fifty_accounts_the_six_that_failed_are_told_tried_again_and_named_in_the_report() {
    let fleet = fifty();
    let run = |arguments: &[&str]| fleet.ferry.run(&[arguments, &["--progress", "none"]].concat());
    let report = assert_six_are_told(&fleet.ferry, BAD, 3);
    let account = |name: &str| {
        let accounts = report["accounts"].as_array().expect("accounts");
        accounts.iter().find(|account| account["account"] == name).expect("the account").clone()
    };
    let refused = account("bad-message")["messages"][0].clone();
    assert_eq!((&refused["uid"], &refused["outcome"]), (&2.into(), &"refused".into()), "{refused}");
    assert!(refused["subject"].as_str().is_some_and(|subject| subject.contains("odd")), "{refused}");
    assert_eq!(account("bad-mailbox")["omitted"][0]["mailbox"], "Archive");

    // Mended one by one, they are synced, and nothing is left to be tried.
    for tenant in BAD.map(|(name, _)| name) {
        fleet.source.tenant(tenant).behave(Behaviour::honest());
        fleet.destination.tenant(tenant).behave(Behaviour::honest());
    }
    let mended = run(&["sync", "state:failed", "state:blocked", "--json", "-"]).expect(3).json();
    let left: Vec<&Value> =
        mended["accounts"].as_array().expect("accounts").iter().filter(|it| it["exit_status"] != 0).collect();
    assert_eq!(left.len(), 1, "only the server is away: {mended}");
}

/// The same between real servers.
#[test]
fn of_fifty_accounts_on_real_servers_the_six_that_failed_are_told_and_named_in_the_report() {
    let fifty = Fifty::start(None);
    let report = assert_six_are_told(&fifty.ferry, fifty::BAD, 6);
    let accounts = report["accounts"].as_array().expect("accounts");
    let refused = accounts.iter().find(|account| account["account"] == "bad-message").expect("the account");
    let subject = refused["messages"][0]["subject"].as_str();
    assert!(subject.is_some_and(|subject| subject.contains("drawings")), "{refused}");
    assert_eq!(refused["messages"].as_array().map(Vec::len), Some(1), "{refused}");
}

/// The run, the status in 80 columns, the command that tries just these again, and the page tell of these six, and why.
fn assert_six_are_told(ferry: &Ferry, bad: [(&str, &str); 6], code: i32) -> Value {
    let run = |arguments: &[&str]| ferry.run(&[arguments, &["--progress", "none"]].concat());
    let failed = run(&["sync"]).expect(code).complains(&["6 of 50 accounts failed"]);
    assert!(failed.stderr.contains("mailferry sync state:failed state:blocked"), "{failed}");

    let status = run(&["status"]).expect(0);
    let (table, rest) = status.stdout.split_once("\n\n").expect("a table");
    let rows: BTreeSet<&str> = table.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(rows, bad.iter().map(|(name, _)| *name).collect(), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    for (name, why) in bad {
        let told = rest.split("\n\n").flat_map(|text| text.split("hint:")).find(|text| text.contains(name));
        assert!(told.is_some(), "{name} in {rest}");
        assert!(rest.contains(why), "{why} in {rest}");
    }
    assert!(rest.contains("50 accounts: ") && rest.contains("44 synced"), "{rest}");

    let again = run(&["sync", "state:failed", "state:blocked", "--json", "-"]).expect(code).json();
    assert_eq!(names(&again), bad.iter().map(|(name, _)| *name).collect(), "{again}");

    let report = run(&["report", "--json", "-", "--html", "report.html"]).expect(0).json();
    let page = std::fs::read_to_string(ferry.directory().join("report.html")).expect("the page");
    for (name, why) in bad {
        assert!(page.contains(name) && page.contains(why), "{name}: {why} in {page}");
    }
    report
}

/// What a limit leaves is named message by message where its mailbox is there in part.
#[test]
fn report_names_what_is_still_to_be_copied() {
    let pair = Pair::with("INBOX\n    1..5 a");
    pair.run(&["sync", "--max-messages", "3"]).expect(9);
    let report = pair.run(&["report", "--json", "-"]).expect(0).json();
    let account = &report["accounts"][0];
    let named =
        account["messages"].as_array().expect("messages").iter().map(|it| (&it["mailbox"], &it["uid"], &it["outcome"]));
    let still = Value::from("pending");
    let inbox = Value::from("INBOX");
    assert_eq!(named.collect::<Vec<_>>(), [(&inbox, &4.into(), &still), (&inbox, &5.into(), &still)], "{account}");
    for mailbox in account["mailboxes_copied"].as_array().expect("mailboxes") {
        assert_eq!(mailbox["outcomes"]["total"], mailbox["source_messages"], "they balance: {mailbox}");
    }
}

/// Held in the midst of a round over fifty accounts: everything may be asked, and people may say what they like. Between two
/// rounds one account is brought forward.
#[test]
fn while_a_round_of_a_watch_is_under_way_everything_may_be_asked() {
    let pair = shared::dovecot_pair();
    let (gates, sides) = Gates::before([&pair.source, &pair.destination]);
    let users: Vec<User> = (0..50).map(|number| User::fresh(&format!("held{number:02}"))).collect();
    let migration = Migration::with_sides(users.clone(), &pair.source, &pair.destination, sides);
    let migration = Migration { gates: Some(gates), ..migration }.with_settings("");
    seed(&pair.source, &users[0].name, "INBOX\n    1..200 bulk");
    let mut watching = migration.held(&["sync", "--watch", "1h", "-j", "1", "--progress", "plain"], 20);
    let status = migration.run(&["status", "--json", "-"]).expect(0).json();
    assert_eq!(status["under_way"]["step"], "sync", "{status}");
    assert_eq!(status["accounts"][0]["condition"], "working", "{status}");
    assert_eq!(status["under_way"]["accounts"], 50, "{status}");
    migration.run(&["status"]).expect(0).says("A sync is under way since").says("0 of 50 accounts done");
    migration.run(&["explain", &users[0].name, "INBOX", "1"]).expect(0).says("UID 1");
    let plan = migration.run(&["plan", &users[0].name]).expect(0).says("Plan: + 200 copies");
    assert!(plan.stderr.contains("what it works by is shown"), "{plan}");
    let report = migration.run(&["report", "--json", "-", "--html", "report.html"]).expect(0).json();
    assert_eq!(report["accounts"].as_array().map(Vec::len), Some(50), "{report}");
    migration.run(&["check"]).expect(0);
    for (command, said) in [("pause", "Paused"), ("resume", "Resumed"), ("pause", "Paused")] {
        migration.run(&[command, &users[1].name]).expect(0).says(said);
    }
    migration.gates().open();
    assert!(watching.wait_until_said(|said| said.contains("The next sync begins in 1h")), "it goes on");
    for command in ["check", "plan", "verify"] {
        migration.run(&[command, &users[0].name]).expect(0);
    }
    seed(&pair.source, &users[0].name, "INBOX\n    201 new");
    migration.run(&["sync", &users[0].name]).expect(0);
    expect(&pair.destination, &users[0].name, "INBOX\n    1..200 bulk\n    201 new");
    let status = migration.run(&["status", "--json", "-"]).expect(0).json();
    assert_eq!(status["accounts"][0]["condition"], "synced", "{status}");
    assert_eq!(status["accounts"][1]["condition"], "paused", "{status}");
    watching.interrupt();
    watching.finish().expect(130);
}

/// Hours from the present one on, and all others.
fn hours() -> [String; 2] {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    let hour = |ahead: i8| (now + ahead) % 24;
    [format!("{:02}:00-{:02}:00", hour(23), hour(3)), format!("{:02}:00-{:02}:00", hour(6), hour(18))]
}

fn in_waves() -> Pair {
    let [open, closed] = hours();
    let wave = |name: &str, accounts: &str, window: &str| {
        format!("[[wave]]\nname = \"{name}\"\naccounts = [{accounts}]\nwindow = \"{window}\"\ntime_zone = \"UTC\"\n")
    };
    let waves = wave("day", "\"early\"", &open) + &wave("night", "\"late*\"", &closed);
    Pair::of(&["early", "late", "free"], MAIL).with_settings(&waves)
}

#[test]
fn accounts_of_a_wave_wait_for_its_hours_unless_told_otherwise() {
    let pair = in_waves();
    let arrived = |name: &str| pair.destination.tenant(name).account().messages("INBOX").len();
    let output = pair.run(&["sync"]).expect(9);
    assert_eq!(["early", "late", "free"].map(arrived), [2, 0, 2], "{output}");
    output.complains(&["1 account: outside of the hours of the wave `night`, which begin on ", "--now"]);
    pair.run(&["sync", "wave:night"]).expect(9);
    let status = pair.run(&["status", "wave:night", "--json", "-"]).expect(0).json();
    assert_eq!(names(&status), BTreeSet::from(["late"]), "nothing failed: {status}");
    assert_eq!(status["accounts"][0]["condition"], "new", "{status}");
    // A look does no harm at any hour.
    pair.run(&["verify", "wave:night"]).expect(8);
    pair.run(&["sync", "wave:night", "--now"]).expect(0);
    assert_eq!(arrived("late"), 2);
    pair.run(&["sync", "wave:nigth"]).expect(2).complains(&["no account is in a wave `nigth`", "did you mean"]);
}

#[test]
fn account_of_a_wave_that_is_over_is_complete_once_all_is_there() {
    let wave =
        "[[wave]]\nname = \"first\"\naccounts = [\"done\"]\ncomplete_after = \"2026-01-01\"\ntime_zone = \"UTC\"\n";
    let pair = Pair::of(&["done", "going"], MAIL).with_settings(wave);
    pair.run(&["sync"]).expect(0).complains(&["1 account complete"]);
    let condition = |number: usize| {
        let status = pair.run(&["status", "--json", "-"]).expect(0).json();
        status["accounts"][number]["condition"].clone()
    };
    assert_eq!((condition(0), condition(1)), ("complete".into(), "synced".into()));
    pair.source.tenant("done").account().fill("INBOX\n    3 more");
    pair.run(&["sync"]).expect(0);
    assert_eq!(pair.destination.tenant("done").account().messages("INBOX").len(), 2, "it is left alone");
}

/// Hints say for which settings and for whom: what is typed as told does nothing for others.
#[test]
fn advice_names_the_settings_and_the_account_that_it_is_for() {
    let migration = dovecot_to_dovecot().with_settings("[sync]\nmode = \"mirror\"").seeded("INBOX\n    1..20 a");
    migration.sync();
    migration.at_source().expunge("INBOX", &(1..=9).collect::<Vec<_>>());
    let own = migration.ferry.directory().join("mirror.toml");
    std::fs::copy(migration.ferry.directory().join("mailferry.toml"), &own).expect("copy the settings");
    let user = migration.user();
    let advised = format!("`mailferry sync -c mirror.toml --allow-deletes {user}`");
    migration.run(&["sync", "-c", "mirror.toml"]).expect(6).complains(&[&advised]);
    migration.run(&["status", "-c", "mirror.toml"]).expect(0).says(&advised);
}

/// What a person knows a message by, on both servers: also where the first copy asked for no headers.
#[test]
fn message_is_explained_by_its_message_id_with_its_header_on_both_sides() {
    let pair = Pair::with("INBOX\n    1..3 a\n    4 offer");
    pair.run(&["sync"]).expect(0);
    let octets = pair.source.tenant(USER).account().messages("INBOX").pop().expect("a message");
    let text = String::from_utf8_lossy(&octets).into_owned();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).expect(name).trim().to_owned();
    let output = pair.run(&["explain", USER, "INBOX", &field("Message-ID:"), "--headers"]).expect(0);
    output
        .says("UID 4 on the source:")
        .says("UID 4 on the destination:")
        .says(&format!("Subject: {}", field("Subject:")));
}

/// The columns of the accounts have shifted: nobody waits for thousands of refusals.
#[test]
fn check_stops_where_too_many_of_the_first_accounts_are_refused() {
    let names: Vec<String> = (0..40).map(|number| format!("u{number:02}")).collect();
    let pair = Pair::of(&names.iter().map(String::as_str).collect::<Vec<_>>(), "INBOX\n    1 a");
    for name in &names[..5] {
        pair.destination.tenant(name).behave(Behaviour::honest().shut("NO [AUTHORIZATIONFAILED] no such user"));
    }
    let output = pair.run(&["check", "-j", "1"]).expect(3);
    output.complains(&["not tried, because 5 of the first 20 accounts were refused", "have the columns"]);
    let tried = names.iter().filter(|name| !pair.source.tenant(name).commands().is_empty()).count();
    assert_eq!(tried, 20);
}

#[test]
fn check_names_what_will_not_work() {
    let pair = Pair::with("INBOX\n    1 a\nArchive\n    1 b\nShut\n    1 c");
    pair.destination.tenant(USER).account().fill("Archive\n    9 z");
    let lacking = |name: &str| saying_rights(name);
    let pair = pair.destination(lacking("Archive")).source(lacking("Shut"));
    let output = pair.run(&["check"]).expect(3);
    output
        .says("nothing can be stored in `Archive`: the login lacks the right `i` on it")
        .says("`Shut` cannot be read: the login lacks the right `r` on it")
        .says("Obstacles: something of 1 account will not be copied");
}

/// A server on which the login may do everything, but nothing with that mailbox.
fn saying_rights(name: &str) -> Behaviour {
    let (all, none) = (format!("\"{name}\" lrswipkxte"), format!("\"{name}\" l"));
    Behaviour::honest().with("ACL").lying(move |_, response| replaced(&response, &all, &none))
}

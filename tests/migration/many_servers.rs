//! Accounts from several servers into one: each server within its own limits, and its failures its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::support::compare::{Automatic, assert_identical_but_automatic, compare};
use crate::support::dovecot::{self, Dovecot};
use crate::support::ferry::{Done, Ferry, Side};
use crate::support::process::free_port;
use crate::support::relay::Relay;
use crate::support::seed::seed;
use crate::support::server::{MASTER_PASSWORD, Server, User};
use crate::support::shared;
use crate::support::state::observe;

const MAIL: &str = "INBOX\n    a \\Seen\n    b \\Flagged\nArchive/2024\n    c size:20k\nEntwürfe\n    d";

/// Users of one old server, all of whom move to the new one.
struct Old<'a> {
    server: &'a dyn Server,
    users: Vec<User>,
}

impl<'a> Old<'a> {
    fn new(server: &'a dyn Server, stem: &str, count: usize, destination: &dyn Server) -> Old<'a> {
        Old::of(server, (0..count).map(|_| fresh(stem)).collect(), destination)
    }

    fn of(server: &'a dyn Server, users: Vec<User>, destination: &dyn Server) -> Old<'a> {
        for user in &users {
            server.add_user(user);
            destination.add_user(user);
            seed(server, &user.name, MAIL);
        }
        Old { server, users }
    }

    #[track_caller]
    fn assert_exact(&self, destination: &dyn Server) {
        for user in &self.users {
            let arrived = observe(destination, &user.name);
            assert_identical_but_automatic(&observe(self.server, &user.name), &arrived);
        }
    }

    #[track_caller]
    fn assert_nothing_arrived(&self, destination: &dyn Server) {
        for user in &self.users {
            let arrived = observe(destination, &user.name);
            let differences = compare(&observe(self.server, &user.name), &arrived, Automatic::Ignored);
            assert!(!differences.is_empty(), "{} arrived", user.name);
        }
    }
}

/// A password that a spreadsheet has to put into quotes.
fn fresh(stem: &str) -> User {
    let user = User::fresh(stem);
    let password = format!("pä;\"ss {}", user.name);
    user.with_password(&password)
}

/// The accounts as Excel writes them: semicolons, CRLF, a BOM, quotes where they are needed, and empty cells at the end.
fn as_excel_writes(groups: &[(&str, &Old)]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut rows =
        "\u{feff}name;source_server;source_user;source_password;destination_user;destination_password;tags;;\r\n"
            .to_owned();
    for (server, old) in groups {
        for user in &old.users {
            let (name, password) = (&user.name, quoted(&user.password));
            rows.push_str(&format!("{name};{server};{name};{password};{name};{password};{server};;\r\n"));
        }
        rows.push_str(";;;;;;;;\r\n");
    }
    rows
}

/// The same rows without a BOM, an octet a character.
fn in_windows_1252(rows: &str) -> Vec<u8> {
    let rows = rows.trim_start_matches('\u{feff}').chars();
    rows.map(|character| u8::try_from(u32::from(character)).expect("in Latin-1")).collect()
}

fn write_accounts(ferry: &Ferry, name: &str, rows: impl AsRef<[u8]>) {
    let file = ferry.directory().join(name);
    fs::write(&file, rows).expect("the accounts");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("their mode");
}

/// That server behind a relay that counts its connections.
fn behind(relay: &Relay, server: &dyn Server) -> Side {
    Side::of(server).with_own_passwords().set("port", relay.port())
}

fn from_all(servers: &[(&str, Side)], destination: Side) -> Ferry {
    let tables: String = servers.iter().map(|(name, side)| side.section(&format!("servers.{name}"), "")).collect();
    let accounts = "[accounts]\nfile = \"accounts.csv\"\n";
    Ferry::new(Side::unnamed(), destination).with_settings(&format!("{tables}{accounts}"))
}

#[test]
fn three_servers_into_one_arrive_exactly_once_within_each_budget() {
    let (pair, cyrus) = (shared::dovecot_pair(), shared::cyrus());
    let third = Dovecot::start(dovecot::Options {
        namespace_prefix: "INBOX.".to_owned(),
        separator: '.',
        ..Default::default()
    });
    let new = &pair.destination;
    let [one, two, three] = [("dove", &pair.source as &dyn Server), ("cyr", cyrus), ("inb", &third)]
        .map(|(stem, server)| Old::new(server, stem, 10, new));
    let relays =
        [&pair.source as &dyn Server, cyrus, &third].map(|server| Relay::start(server.tls_port(), Duration::ZERO));
    let to = Relay::start(new.tls_port(), Duration::ZERO);
    let sides = [
        ("old1", behind(&relays[0], &pair.source).set("max_connections", 3)),
        ("old2", behind(&relays[1], cyrus).set("max_connections", 2)),
        ("old3", behind(&relays[2], &third).set("host", "\"127.0.0.1\"").set("max_connections", 1)),
    ];
    let ferry = from_all(&sides, behind(&to, new).set("max_connections", 5));
    write_accounts(&ferry, "accounts.csv", as_excel_writes(&[("old1", &one), ("old2", &two), ("old3", &three)]));
    ferry.run(&["sync", "-j", "12"]).expect(0);
    [&one, &two, &three].into_iter().for_each(|old| old.assert_exact(new));
    let most = [&relays[0], &relays[1], &relays[2], &to].map(Relay::most_at_once);
    assert!(most[0] <= 3 && most[1] <= 2 && most[2] <= 1 && most[3] <= 5, "{most:?}");
    assert!(most[3] > 3, "servers are worked on side by side: {most:?}");

    ferry.run(&["sync", "-j", "12"]).expect(0);
    let status = ferry.run(&["status", "--json", "-"]).expect(0).json();
    for account in status["accounts"].as_array().expect("accounts") {
        assert_eq!(Done::of(&account["last_run"]), Done::NOTHING, "{account}");
    }
    ferry.run(&["verify", "--deep", "-j", "12"]).expect(0).says("30 accounts");
    // As Excel saves them where nobody asks for UTF-8, which the settings have to say.
    let rows = as_excel_writes(&[("old1", &one), ("old2", &two), ("old3", &three)]);
    write_accounts(&ferry, "accounts.csv", in_windows_1252(&rows));
    let ferry = ferry.with_settings_added("encoding = \"windows-1252\"");
    ferry.forget_state();
    ferry.run(&["sync", "-j", "12"]).expect(0);
    [&one, &two, &three].into_iter().for_each(|old| old.assert_exact(new));
}

#[test]
fn servers_that_fail_leave_the_accounts_of_the_others_done() {
    let (pair, cyrus) = (shared::dovecot_pair(), shared::cyrus());
    let small = Dovecot::start(dovecot::Options { connections_per_user: 2, ..Default::default() });
    let new = &pair.destination;
    let healthy = Old::new(&pair.source, "healthy", 3, new);
    let narrow = Old::new(&small, "narrow", 3, new);
    let down = Old::new(&pair.source, "down", 2, new);
    let locked = Old::new(cyrus, "locked", 5, new);
    let master = Side::of(cyrus).set("password_command", "[\"echo\", \"wrong\"]");
    let sides = [
        ("down", Side::of(&pair.source).with_own_passwords().set("port", free_port())),
        ("locked", master.with_own_passwords().set("master_user", "\"admin\"")),
        ("narrow", Side::of(&small).with_own_passwords()),
        ("healthy", Side::of(&pair.source).with_own_passwords()),
    ];
    let ferry = from_all(&sides, Side::of(new).with_own_passwords()).with_settings_added("[limits]\nretries = 1");
    let rows = as_excel_writes(&[("down", &down), ("locked", &locked), ("narrow", &narrow), ("healthy", &healthy)]);
    let locked_row = |row: &str| row.contains(";locked;");
    let rows: Vec<String> =
        rows.lines().map(|row| if locked_row(row) { without_source_password(row) } else { row.to_owned() }).collect();
    write_accounts(&ferry, "accounts.csv", rows.join("\n"));
    let output = ferry.run(&["sync", "-j", "8", "--progress", "plain"]).expect(3);
    healthy.assert_exact(new);
    narrow.assert_exact(new);
    down.assert_nothing_arrived(new);
    locked.assert_nothing_arrived(new);
    let output = output.complains(&["down (localhost)", "locked (localhost)"]);
    assert!(
        !output.stderr.contains("narrow (localhost)") && !output.stderr.contains("healthy (localhost)"),
        "{output}"
    );
    let left_alone = output.stderr.lines().find(|line| line.contains("not tried, because the master user's login"));
    assert!(left_alone.is_some(), "{output}");
    let tried = format!("error: {}: could not log in as `admin`", locked.users[0].name);
    let others = output.stderr.lines().skip_while(|line| !line.contains(&tried)).nth(2).unwrap_or_default();
    assert_eq!(others.matches("locked-").count(), 2, "three logins tell that the password is wrong: {output}");
}

/// Names that are known for one before anything is asked for, and one that has to be looked up.
#[test]
fn names_that_lead_to_one_server_share_its_connections() {
    let pair = shared::dovecot_pair();
    let new = &pair.destination;
    let [one, two, three] = ["first", "second", "third"].map(|stem| Old::new(&pair.source, stem, 3, new));
    let [from, to] = [&pair.source, new].map(|server| Relay::start(server.tls_port(), Duration::ZERO));
    let called = |side: Side, host: &str, most: usize| {
        let side = side.set("host", format!("\"{host}\"")).set("server_name", "\"localhost\"");
        side.set("max_connections", most)
    };
    let source = |host: &str| called(behind(&from, &pair.source), host, 2);
    let sides = [
        ("one", source("localhost")),
        ("two", source("127.0.0.1")),
        ("three", source("::ffff:127.0.0.1")),
        ("to", called(behind(&to, new), "::ffff:127.0.0.1", 3)),
    ];
    let ferry = from_all(&sides, called(behind(&to, new), "localhost", 4));
    let rows = as_excel_writes(&[("one", &one), ("two", &two), ("three", &three)]);
    let add = |(number, row): (usize, &str)| match number {
        0 => row.replace(";tags;", ";destination_server;"),
        _ => row.replace(";three;;", ";to;;").replace(";one;;", ";;;").replace(";two;;", ";;;"),
    };
    let rows: Vec<String> = rows.lines().enumerate().map(add).collect();
    write_accounts(&ferry, "accounts.csv", rows.join("\n"));
    ferry.run(&["sync", "-j", "9"]).expect(0);
    [&one, &two, &three].into_iter().for_each(|old| old.assert_exact(new));
    let most = [&from, &to].map(Relay::most_at_once);
    assert!(most[0] <= 2 && most[1] <= 3, "{most:?}");
}

/// The fourth cell empty: the master user logs in.
fn without_source_password(row: &str) -> String {
    let begin = row.find(";\"").expect("a password") + 1;
    let end = begin + row[begin..].find("\";").expect("its end") + 1;
    format!("{}{}", &row[..begin], &row[end..])
}

/// A directory whose settings are made from a list; the servers' certificates are trusted by the environment.
fn with_list(list: &str) -> Ferry {
    let pair = shared::dovecot_pair();
    let authority = pair.source.authority_file().to_string_lossy().into_owned();
    let ferry = Ferry::new(Side::unnamed(), Side::unnamed()).with_variable("SSL_CERT_FILE", &authority);
    write_accounts(&ferry, "list", list);
    ferry
}

/// What the plans say of each account and of its mailboxes.
#[track_caller]
fn planned(ferry: &Ferry) -> Vec<String> {
    ferry.start_without_settings(&["scan", "-j", "12"]).finish().expect(0);
    let plan = ferry.start_without_settings(&["plan", "--json", "-"]).finish().expect(0).json();
    let accounts = plan["accounts"].as_array().expect("accounts").iter();
    accounts.map(|account| format!("{} {}", account["account"], account["mailboxes"])).collect()
}

/// Written by `init`, and for whoever runs it alone.
#[track_caller]
fn assert_private(file: &Path) {
    let mode = fs::metadata(file).expect("the accounts").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

/// Ten users of each of three servers, with passwords that lists of all three kinds can hold.
fn thirty<'a>(servers: [&'a dyn Server; 3], destination: &dyn Server) -> Vec<(&'static str, Old<'a>)> {
    let user = |stem: &str| {
        let user = User::fresh(stem);
        let password = format!("pä=\"ss, word' {}", user.name);
        user.with_password(&password)
    };
    let names = ["old1", "old2", "old3"].into_iter().zip(servers);
    names.map(|(name, server)| (name, Old::of(server, (0..10).map(|_| user(name)).collect(), destination))).collect()
}

/// `[servers.old1]` and its kind, and the destination, where what is trusted is said by the environment.
fn tables(olds: &[(&str, Old)], destination: &str) -> String {
    let reached = |server: &dyn Server| format!("host = \"localhost\"\nport = {}\n", server.tls_port());
    let tables = olds.iter().map(|(name, old)| format!("[servers.{name}]\n{}", reached(old.server)));
    tables.collect::<String>() + &format!("[destination]\n{destination}")
}

/// A line for each account, made from the name of its server, the server and the user.
fn lines(olds: &[(&'static str, Old)], line: impl Fn(&str, &dyn Server, &User) -> String) -> String {
    let of_one = |(name, old): &(&'static str, Old)| -> String {
        old.users.iter().map(|user| line(name, old.server, user)).collect()
    };
    olds.iter().map(of_one).collect()
}

#[test]
fn lists_of_imapsync_and_microsoft_give_the_plan_of_the_same_thirty_accounts() {
    let (pair, cyrus) = (shared::dovecot_pair(), shared::cyrus());
    let third = Dovecot::start(dovecot::Options {
        namespace_prefix: "INBOX.".to_owned(),
        separator: '.',
        ..Default::default()
    });
    let new = &pair.destination;
    let olds = thirty([&pair.source, cyrus, &third], new);
    let reached = format!("host = \"localhost\"\nport = {}\n", new.tls_port());

    let ours = with_list("");
    let groups: Vec<(&str, &Old)> = olds.iter().map(|(name, old)| (*name, old)).collect();
    write_accounts(&ours, "accounts.csv", in_windows_1252(&as_excel_writes(&groups)));
    let accounts = "[accounts]\nfile = \"accounts.csv\"\nencoding = \"windows-1252\"\n";
    let settings = tables(&olds, &format!("{reached}{accounts}"));
    fs::write(ours.directory().join("mailferry.toml"), settings).expect("the settings");
    let expected = planned(&ours);
    assert_eq!(expected.len(), 30);
    assert!(expected.iter().all(|planned| planned.contains("\"Entwürfe\"")), "{}", expected.join("\n"));

    let imapsync = with_list(&lines(&olds, |_, server, User { name, password, .. }| {
        let options = format!("--port1 {} --ssl1 --port2 {} --ssl2 --automap", server.tls_port(), new.tls_port());
        format!("localhost;{name};{password};localhost;{name};{password};{options};\n")
    }));
    let output = imapsync.start_without_settings(&["init", "--from", "imapsync", "list"]).finish().expect(0);
    assert!(!format!("{output}").contains("word'"), "{output}");
    assert_private(&imapsync.directory().join("accounts.csv"));
    assert_eq!(planned(&imapsync), expected);
    // Neither file is written over.
    imapsync.start_without_settings(&["init", "--from", "imapsync", "list"]).finish().expect(2);

    let rows = lines(&olds, |_, _, User { name, password, .. }| {
        format!("{name},{name},\"{}\"\r\n", password.replace('"', "\"\""))
    });
    let microsoft =
        with_list(&format!("EmailAddress,UserName,Password\r\n{rows}")).with_variable("NEW", MASTER_PASSWORD);
    let output = microsoft.start_without_settings(&["init", "--from", "microsoft", "list"]).finish().expect(0);
    output.says("no passwords for the new server").says("`source_server`");
    // The list names no servers: whoever has it fills them in.
    let file = microsoft.directory().join("accounts.csv");
    assert_private(&file);
    let rows = fs::read_to_string(&file).expect("the accounts");
    let named = rows.lines().zip(["source_server"].into_iter().chain(olds.iter().flat_map(|(name, _)| [*name; 10])));
    write_accounts(&microsoft, "accounts.csv", named.map(|(row, name)| format!("{row};{name}\n")).collect::<String>());
    let master = format!("{reached}master_user = \"admin\"\npassword_env = \"NEW\"\n");
    let accounts = "[accounts]\nfile = \"accounts.csv\"\ndelimiter = \";\"\n";
    let settings = tables(&olds, &format!("{master}{accounts}"));
    fs::write(microsoft.directory().join("mailferry.toml"), settings).expect("the settings");
    assert_eq!(planned(&microsoft), expected);
}

//! Which server an account is on, and what is said where that cannot be told.

use crate::config::Settings;
use crate::config::tests::{Desk, Staged};
use crate::model::Side;
use crate::model::server::{Address, Mechanism, Tls};
use std::fs;

const SETTINGS: &str = r#"
    [source]
    host = "old.example.com"
    [destination]
    host = "new.example.com"
    [servers.old1]
    host = "old1.example.com"
    max_connections = 2
    [servers.old2]
    host = "old2.example.com"
    tls = "starttls"
    [accounts]
    file = "a.csv"
"#;

fn read(rows: &str) -> Settings {
    Desk::new().file("a.csv", rows).read(SETTINGS).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Where each account comes from, as messages say it.
fn sources(settings: &Settings) -> Vec<String> {
    settings.accounts.iter().map(|account| settings.server(account, Side::Source).label()).collect()
}

#[test]
fn accounts_are_on_the_servers_that_they_name() {
    let rows = "source_user;source_server;destination_user\na;old1;a\nb;;b\na2;old2;c\nd;old1;d\n";
    let settings = read(rows);
    let old1 = "old1 (old1.example.com)";
    assert_eq!(sources(&settings), [old1, "old.example.com", "old2 (old2.example.com)", old1]);
    assert_eq!(settings.servers.len(), 4, "one for each that is used, and the destination");
    assert_eq!(settings.server(&settings.accounts[0], Side::Source).connections(9), 2);
    assert_eq!(settings.server(&settings.accounts[2], Side::Source).tls, Tls::StartTls);
    let sides = settings.servers.iter().map(|server| server.side);
    assert_eq!(sides.filter(|side| *side == Side::Destination).count(), 1);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn accounts_describe_servers_of_their_own() {
    let rows = "source_user,source_host,source_port,source_tls,source_auth\n\
                a,h.example,143,StartTLS,plain\nb,h.example,143,starttls,plain\nc,h.example,,,\nd,,,,\n";
    let settings = read(rows);
    assert_eq!(sources(&settings), ["h.example", "h.example", "h.example", "old.example.com"]);
    let server = |account: usize| settings.accounts[account].server(Side::Source);
    assert!(server(0) == server(1) && server(1) != server(2), "the same words are one server");
    let own = settings.server(&settings.accounts[0], Side::Source);
    assert_eq!(own.address, Address::Tcp { host: "h.example".into(), port: 143 });
    assert_eq!((own.tls, own.mechanism), (Tls::StartTls, Some(Mechanism::Plain)));
    assert_eq!(settings.warnings.len(), 2, "of the servers that nobody names: {:?}", settings.warnings);
    assert!(settings.warnings[0].contains("no account names the server `old1`"));
}

#[test]
fn sides_that_no_account_needs_may_be_missing() {
    let text = r#"
        [servers.one]
        host = "one.example.com"
        [[account]]
        source_user = "a"
        source_server = "one"
        destination_host = "two.example.com"
        [[account]]
        source_user = "b"
        source_server = "one"
        destination_server = "one"
        destination_user = "c"
    "#;
    let settings = Desk::new().read(text).unwrap();
    assert_eq!(settings.servers.len(), 3, "a server on both sides is two");
    assert_eq!(settings.server(&settings.accounts[1], Side::Destination).side, Side::Destination);
}

#[test]
fn wrong_servers_are_told_with_line_and_fix() {
    let table = [
        ("source_server\na;old3", "a.csv:2: `source_server`: there is no server of this name; did you mean `old1`?"),
        ("source_server\na;Tr0ub4", "there is no server of this name; known servers: old1, old2"),
        ("source_port\na;143", "a.csv:2: `source_port` is given without `source_host`; name the host, or remove it"),
        ("source_host\na;imaps://x", "a.csv:2: `host`: this is not a host name; write the name alone"),
        ("source_host;source_port\na;h;x", "a.csv:2: `source_port`: a number from 1 to 65535 is expected"),
        ("source_host;source_tls\na;h;ssl", "a.csv:2: `source_tls`: this word is not known here; one of these: \"impl"),
        ("source_host;source_tls\na;h;none", "a.csv:2: `tls = \"none\"` sends passwords and mail in clear text"),
        ("source_server;source_host\na;old1;h", "a.csv:2: `source_server` and `source_host` cannot be used together"),
        ("source_host;source_ca_file\na;h;gone", "a.csv:2: `ca_file` "),
    ];
    for (rows, expected) in table {
        let rows = format!("source_user;{rows}\n");
        let mistakes = Desk::new().file("a.csv", &rows).mistakes(SETTINGS);
        assert!(mistakes.contains(expected), "{rows}\n{mistakes}");
        assert_eq!(mistakes.lines().count(), 1, "{rows}\n{mistakes}");
        assert!(!mistakes.contains("Tr0ub4"), "{mistakes}");
    }
    let inline = "[destination]\nhost = \"n\"\n[[account]]\nsource_user = \"a\"\nsource_server = \"old\"\n";
    let mistakes = Desk::new().mistakes(inline);
    let expected = "m.toml:5: `source_server`: there is no [servers.old]; describe it in a table [servers.NAME]";
    assert_eq!(mistakes, expected);
    let broken = format!("{SETTINGS}[servers.old3]\nhots = \"x\"\n");
    let mistakes = Desk::new().file("a.csv", "source_user,source_server\na,old3\n").mistakes(&broken);
    assert!(mistakes.contains("unknown key `hots` in [servers.old3]") && mistakes.lines().count() == 2, "{mistakes}");
}

#[test]
fn one_user_on_two_servers_is_two_destinations() {
    let rows = "name;source_user;destination_user;destination_server\n1;a;z;old1\n2;b;z;old2\n3;c;Z;old1\n";
    let mistakes = Desk::new().file("a.csv", rows).mistakes(SETTINGS);
    assert_eq!(mistakes.lines().count(), 1, "{mistakes}");
    assert!(mistakes.starts_with("a.csv:4: this destination user is used already at a.csv:2"), "{mistakes}");
}

#[test]
fn account_that_is_its_own_destination_is_refused_on_named_servers_too() {
    let rows = "source_user;source_server;destination_server\na;old1;old1\nb;old1;old2\n";
    let mistakes = Desk::new().file("a.csv", rows).mistakes(SETTINGS);
    assert!(mistakes.starts_with("a.csv:2: this user is its own destination") && mistakes.lines().count() == 1);
}

#[test]
fn each_server_has_its_own_password() {
    let staged = Staged::with(&[("ONE", "first"), ("TWO", "second"), ("MAILFERRY_DESTINATION_PASSWORD", "new")]);
    let servers = "[servers.one]\nhost = \"h1\"\nmaster_user = \"m\"\npassword_env = \"ONE\"\n\
                   [servers.two]\nhost = \"h2\"\nmaster_user = \"m\"\npassword_env = \"TWO\"\n";
    let text = format!("{servers}[destination]\nhost = \"n\"\n[accounts]\nfile = \"a.csv\"\n");
    let desk = Desk::new().staged(staged).file("a.csv", "source_user,source_server\na,one\nb,two\nc,one\n");
    let settings = desk.read(&text).unwrap();
    assert!(settings.check_passwords(&settings.accounts).unwrap().is_empty());
    let passwords = settings.passwords();
    let found = settings.accounts.iter().map(|account| passwords.password(account, Side::Source).unwrap());
    assert_eq!(found.map(|secret| secret.expose().to_owned()).collect::<Vec<_>>(), ["first", "second", "first"]);
}

#[test]
fn one_command_gives_every_account_its_password() {
    let command = r#"password_command = ["sh", "-c", "echo run >> runs; echo {name}-$0", "{user}"]"#;
    let text = format!(
        "[source]\nhost = \"o\"\n{command}\n[destination]\nhost = \"n\"\n[[account]]\nname = \"al\"\n\
         source_user = \"alice@x.de\"\n[[account]]\nsource_user = \"bob\"\n"
    );
    let desk = Desk::new().staged(Staged::with(&[("MAILFERRY_DESTINATION_PASSWORD", "x")]));
    let settings = desk.read(&text).unwrap();
    assert!(settings.check_passwords(&settings.accounts).unwrap().is_empty());
    let passwords = settings.passwords();
    let found = settings.accounts.iter().map(|account| passwords.password(account, Side::Source).unwrap());
    assert_eq!(found.map(|secret| secret.expose().to_owned()).collect::<Vec<_>>(), ["al-alice@x.de", "bob-bob"]);
    assert_eq!(fs::read_to_string(desk.path("runs")).unwrap(), "run\nrun\n");
    for user in ["a;reboot", "-x", "$(id)"] {
        let mistakes = desk.mistakes(&text.replace("bob", user));
        assert!(mistakes.contains("cannot be put into the password command safely"), "{mistakes}");
    }
}

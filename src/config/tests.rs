//! The room as a whole: settings snippets and the mistakes they give, accounts, URLs, passwords, the template.

use super::surroundings::Surroundings;
use super::*;
use crate::error::{Kind, Scope};
use crate::model::policy::Mode;
use crate::model::server::{Address, Compress, MasterStyle, Mechanism, Preset, Tls};
use crate::model::{InternalDate, Side};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

/// An environment of a test's own, and someone at the terminal who answers `answer`.
#[derive(Clone, Default)]
pub(super) struct Staged {
    variables: HashMap<&'static str, OsString>,
    answer: Option<&'static str>,
    questions: Arc<Mutex<Vec<String>>>,
}

impl Staged {
    pub(super) fn with(variables: &[(&'static str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        Staged { variables, ..Staged::default() }
    }
}

impl Surroundings for Staged {
    fn variable(&self, name: &str) -> Option<OsString> {
        if name == "PATH" { std::env::var_os(name) } else { self.variables.get(name).cloned() }
    }

    fn can_ask(&self) -> bool {
        self.answer.is_some()
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        self.questions.lock().unwrap().push(question.to_owned());
        self.answer.map(str::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A directory with a settings file, and whatever a test puts beside it.
pub(super) struct Desk {
    directory: TempDir,
    staged: Staged,
}

impl Desk {
    pub(super) fn new() -> Self {
        Desk { directory: tempfile::tempdir().unwrap(), staged: Staged::default() }
    }

    pub(super) fn staged(mut self, staged: Staged) -> Self {
        self.staged = staged;
        self
    }

    pub(super) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn read(&self, settings: &str) -> Result<Settings, Mistakes> {
        fs::write(self.path("m.toml"), settings).unwrap();
        Settings::read_file(&self.path("m.toml"), Box::new(self.staged.clone()))
    }

    /// The mistakes, one a line, without the directory.
    pub(super) fn mistakes(&self, settings: &str) -> String {
        self.bare(self.read(settings).unwrap_err())
    }

    pub(super) fn bare(&self, mistakes: Mistakes) -> String {
        mistakes.to_string().replace(&format!("{}/", self.directory.path().display()), "")
    }
}

/// Good settings with something added to each table.
fn settings(source: &str, destination: &str, rest: &str) -> String {
    format!(
        "[source]\nhost = \"old.example.com\"\n{source}\n[destination]\nhost = \"new.example.com\"\n{destination}\n\
         [[account]]\nsource_user = \"alice\"\n{rest}\n"
    )
}

fn with_source(source: &str) -> String {
    settings(source, "", "")
}

#[test]
fn least_settings_load_with_all_defaults() {
    let desk = Desk::new();
    let settings = desk.read(&settings("", "", "")).unwrap();
    assert_eq!(settings.state, desk.path("mailferry.state"));
    assert_eq!(settings.servers[0].address, Address::Tcp { host: "old.example.com".into(), port: 993 });
    assert_eq!((settings.servers[0].side, settings.servers[1].side), (Side::Source, Side::Destination));
    assert_eq!(
        (settings.servers[0].tls, settings.servers[0].connections(4), settings.servers[0].retries),
        (Tls::Implicit, 8, 5)
    );
    assert_eq!(
        (settings.servers[0].preset, settings.servers[0].mechanism, settings.servers[0].master.clone()),
        (None, None, None)
    );
    assert_eq!((settings.policy, settings.limits), (Policy::default(), Limits::default()));
    let account = &settings.accounts[0];
    assert_eq!((&*account.name, &*account.destination_user, account.tags.len()), ("alice", "alice", 0));
    assert!(settings.warnings.is_empty());
}

#[test]
fn every_key_of_the_contract_is_read() {
    let desk = Desk::new()
        .file("ca.pem", "-----BEGIN CERTIFICATE-----\n")
        .file("accounts.csv", "source_user,tags\nbob, first  wave \n");
    let text = r#"
        state = "over/there"
        [source]
        host = "Zimbra.Example.com"
        port = 1993
        tls = "starttls"
        ca_file = "ca.pem"
        server_name = "mail.example.com"
        preset = "zimbra"
        auth = "plain"
        master_user = "admin@example.com"
        master_style = "separator"
        master_separator = "%"
        password_env = "SOURCE_PASSWORD"
        max_connections = 3
        compress = "auto"
        [destination]
        tunnel = ["ssh", "mail1", "doveadm", "exec", "imap", "-u", "{user}"]
        [accounts]
        file = "accounts.csv"
        [[account]]
        name = "al"
        source_user = "alice@example.com"
        destination_user = "alice"
        tags = ["first", "x y"]
        destination_password_command = ["pass", "alice"]
        [mailboxes]
        include = ["**", "Ünï/*"]
        exclude = ["Trash", "Junk/**"]
        special_use = false
        subscriptions = false
        [mailboxes.rename]
        "Sent Items" = "Sent"
        [sync]
        mode = "mirror"
        max_message_size = "50MB"
        restore_missing = true
        since = "2024-01-31"
        before = 2025-01-01
        min_message_size = "1kB"
        unseen = true
        search = 'NOT FROM "@lists.example"'
        flagged = true
        delete_guard = "25%"
        [limits]
        memory = "256MB"
        batch_messages = 20
        batch_octets = "8MiB"
        bandwidth = "20MB/s"
        messages_per_second = 50
resync_jobs = 16
        timeout = "10m"
        retries = 0
    "#;
    let settings = desk.read(text).unwrap();
    assert_eq!(settings.state, desk.path("over/there"));
    let source = &settings.servers[0];
    assert_eq!(source.address, Address::Tcp { host: "zimbra.example.com".into(), port: 1993 });
    assert_eq!(
        (source.tls, source.preset, source.mechanism),
        (Tls::StartTls, Some(Preset::Zimbra), Some(Mechanism::Plain))
    );
    assert_eq!(source.ca_file, Some(desk.path("ca.pem")));
    assert_eq!(source.server_name.as_deref(), Some("mail.example.com"));
    let master = source.master.clone().unwrap();
    assert_eq!((&*master.user, master.style), ("admin@example.com", MasterStyle::Separator('%')));
    assert_eq!((source.connections(16), source.retries), (3, 0));
    assert_eq!((source.compress, settings.servers[1].compress), (Compress::Auto, Compress::Off));
    assert_eq!((source.timeouts.read, source.timeouts.slow), (Duration::from_secs(600), Duration::from_secs(600)));
    assert!(matches!(&settings.servers[1].address, Address::Tunnel(command) if command.len() == 7));
    let [bob, alice] = &settings.accounts[..] else { panic!("{:?}", settings.accounts) };
    assert_eq!(
        (&*bob.name, &*bob.destination_user, &bob.tags[..]),
        ("bob", "bob", &["first".into(), "wave".into()][..])
    );
    assert_eq!((&*alice.name, &*alice.source_user, &alice.tags[1][..]), ("al", "alice@example.com", "x y"));
    let mailboxes = &settings.policy.mailboxes;
    assert_eq!((mailboxes.include.len(), mailboxes.exclude.len()), (2, 2));
    assert!(!mailboxes.special_use && !mailboxes.subscriptions && settings.policy.restore_missing);
    assert_eq!(mailboxes.rename.get("Sent Items").map(String::as_str), Some("Sent"));
    assert_eq!(settings.policy.max_message_octets, Some(50_000_000));
    let filter = settings.policy.messages;
    assert_eq!((filter.since, filter.before), (Some(InternalDate(1_706_659_200)), Some(InternalDate(1_735_689_600))));
    let search = settings.policy.search.as_ref().map(|search| search.as_str());
    assert_eq!(search, Some("NOT FROM \"@lists.example\""));
    assert!(filter.min_octets == Some(1000) && filter.unseen && filter.flagged);
    assert_eq!((settings.policy.mode, settings.policy.delete_guard), (Mode::Mirror, 25));
    let limits = Limits {
        memory_octets: 256_000_000,
        batch_messages: Some(20),
        batch_octets: Some(8 << 20),
        bandwidth: Some(20_000_000),
        messages_per_second: Some(50),
        resync_jobs: Some(16),
    };
    assert_eq!(settings.limits, limits);
}

#[test]
fn each_wrong_key_of_a_side_is_told_with_line_and_fix() {
    let table = [
        ("hosst = 1", "m.toml:3: unknown key `hosst` in [source]; did you mean `host`?"),
        ("port = \"993\"", "m.toml:3: `port` in [source]: a whole number is expected, not a string"),
        ("port = 0", "m.toml:3: `port` in [source]: a number from 1 to 65535 is expected"),
        ("port = -1", "m.toml:3: `port` in [source]: a number from 1 to 65535 is expected"),
        ("compress = true", "m.toml:3: `compress` in [source]:"),
        ("compress = \"zip\"", "m.toml:3: `compress` in [source]:"),
        ("max_connections = 0", "m.toml:3: `max_connections` in [source]: a number from 1 to 1000 is expected"),
        ("tls = \"implict\"", "m.toml:3: `tls` in [source]: `implict` is not known here; did you mean `implicit`?"),
        ("tls = true", "m.toml:3: `tls` in [source]: a string is expected, not true or false; put it in quotes"),
        ("auth = \"xauth2\"", "`xauth2` is not known here; did you mean `xoauth2`?"),
        ("auth = \"external\"", "m.toml:3: `auth = \"external\"` needs a certificate of ours; add `client_cert"),
        ("master_user = \"a\"\nauth = \"cram-md5\"", "m.toml:4: `auth = \"cram-md5\"` cannot log in as one user for"),
        ("master_user = \"a\"\nmaster_style = \"proxyauth\"\nmaster_separator = \"*\"", "is used only with"),
        ("preset = \"zimbar\"", "`zimbar` is not known here; did you mean `zimbra`?"),
        ("tls = \"none\"", "m.toml:3: `tls = \"none\"` sends passwords and mail in clear text; use \"implicit\" or"),
        ("tls = \"none\"\nallow_plaintext = false", "sends passwords and mail in clear text"),
        ("tls = \"none\"\nallow_plaintext = true\nserver_name = \"x\"", "m.toml:5: `server_name` contradicts `tls"),
        ("tunnel = [\"ssh\"]", "m.toml:2: `host` contradicts `tunnel`"),
        ("tunnel = \"ssh mail1\"", "a list of strings is expected, not a string; write [\"program\", \"argument\"]"),
        ("tunnel = []", "write [\"program\", \"argument\"]: no shell is used"),
        ("master_style = \"authzid\"", "m.toml:3: `master_style` is given without `master_user`; add `master_user`"),
        ("master_separator = \"*\"", "`master_separator` is given without `master_user`"),
        (
            "master_user = \"a\"\nmaster_separator = \"*\"",
            "m.toml:4: `master_separator` is used only with `master_style",
        ),
        ("master_user = \"a\"\nmaster_style = \"separator\"\nmaster_separator = \"**\"", "exactly one character"),
        ("master_user = \"a\"\nauth = \"login\"", "m.toml:4: `auth = \"login\"` cannot log in as one user for another"),
        ("master_user = \"\"", "`master_user` in [source]: this is empty"),
        ("master_user = \"a\\u0000b\"", "a control character has no place here"),
        ("user = \"alice\"", "m.toml:3: `user` in [source]: users are given for each account; write `source_user`"),
        (
            "password_env = \"A\"\npassword_file = \"b\"",
            "more than one of `password_env`, `password_file`, `password_com",
        ),
        ("password_command = \"pass show x\"", "`password_command` in [source]: a list of strings is expected"),
        ("ca_file = \"gone.pem\"", "m.toml:3: `ca_file` gone.pem cannot be read: No such file"),
        ("ca_file = \"m.toml\"", "`ca_file` m.toml holds no certificate"),
        ("fingerprint = \"sha1:00\"", "m.toml:3: `fingerprint` is no SHA-256 fingerprint of a certificate"),
        ("password_file = \"~/pw\"", "`~` means nothing here; write the whole path"),
    ];
    for (source, expected) in table {
        let mistakes = Desk::new().mistakes(&with_source(source));
        assert!(mistakes.contains(expected), "{source}:\n{mistakes}");
        assert_eq!(mistakes.lines().count(), 1, "{source}:\n{mistakes}");
    }
}

#[test]
fn client_certificate_and_its_key_are_both_looked_at() {
    let mistakes = |keys: &str| Desk::new().mistakes(&with_source(keys));
    let both = mistakes("client_certificate_file = \"gone.pem\"\nclient_key_file = \"m.toml\"");
    assert!(both.contains("m.toml:3: `client_certificate_file` gone.pem cannot be read: No such file"), "{both}");
    assert!(both.contains("m.toml:4: `client_key_file` m.toml holds no private key"), "{both}");
    let alone = mistakes("client_key_file = \"gone.key\"");
    assert!(alone.contains("`client_key_file` is given without `client_certificate_file`"), "{alone}");
}

#[test]
fn everything_that_contradicts_a_tunnel_is_told() {
    let mistakes =
        Desk::new().mistakes(&with_source("tunnel = [\"ssh\"]\nport = 1\ntls = \"implicit\"\nserver_name = \"x\""));
    let keys: Vec<&str> = mistakes.lines().filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(keys, ["host", "port", "tls", "server_name"], "{mistakes}");
}

#[test]
fn hosts_are_names_or_addresses_and_nothing_more() {
    for (written, expected) in
        [("::1", "::1"), ("[2001:db8::1]", "2001:db8::1"), ("10.0.0.1", "10.0.0.1"), ("müller.de", "xn--mller-kva.de")]
    {
        assert_eq!(server::host(written).ok().as_deref(), Some(expected));
    }
    for (written, fix) in [
        ("imaps://x.de", "; write the name alone; `tls` says how"),
        ("x.de:993", "and its port as `port`"),
        ("a b", "write a name such as"),
        ("a%62", "write a name"),
        ("<host name of the old server>", "placeholder"),
    ] {
        let mistake = server::host(written).unwrap_err().to_string();
        assert!(mistake.contains(fix), "{mistake}");
    }
}

#[test]
fn each_wrong_key_elsewhere_is_told_with_line_and_fix() {
    let table = [
        ("[syncs]", "m.toml:9: unknown key `syncs`; did you mean `sync`?"),
        (
            "[sync]\nmode = \"two-way\"",
            "`mode` in [sync]: `two-way` is not supported yet; supported today: \"copy\", \"mirror\"",
        ),
        ("[sync]\nmode = \"move\"", "`move` is not known here; one of these is expected: \"copy\""),
        (
            "[sync]\ndelete_guard = \"10\"",
            "m.toml:10: `delete_guard` in [sync]: `10` is not a percentage; write it like 10%",
        ),
        ("[sync]\nmax_message_size = \"fat\"", "`fat` is not a size; write it like 50MB"),
        ("[sync]\nsince = \"yesterday\"", "`since` in [sync]: `yesterday` is not a date; write it like \"2024-01-31\""),
        ("[sync]\nsince = 2024-01-01T10:00:00", "`2024-01-01T10:00:00` is not a date"),
        ("[sync]\nbefore = 2024", "`before` in [sync]: a date is expected, not a whole number"),
        ("[sync]\nsince = 2024-02-01\nbefore = \"2024-02-01\"", "`before` in [sync] is no later than `since`"),
        ("[sync]\nmin_message_size = 9\nmax_message_size = 8", "`max_message_size` in [sync] is less than `min_messag"),
        ("[sync]\nunseen = 1", "true or false is expected"),
        (
            "[sync]\nsearch = 'SEEM'",
            "`search` in [sync]: `SEEM` is not a search key that is known here; write it in the words",
        ),
        ("[sync]\nsearch = \"SUBJECT {3}\"", "`search` in [sync]: `{` stands outside of quotes"),
        ("[sync]\nsearch = true", "`search` in [sync]: a search is expected"),
        ("[sync]\nmax_message_size = 0", "this is too small; the least is 1, in octets"),
        (
            "[limits]\nbandwidth = \"fast\"",
            "m.toml:10: `bandwidth` in [limits]: `fast` is not a size; write it like 20MB/s",
        ),
        ("[limits]\nbandwidth = \"5B/s\"", "this is too small; the least is 1024 octets a second"),
        ("[limits]\nmessages_per_second = 0", "a number from 1 to 1000000 is expected"),
        ("[limits]\nmemory = \"1kB\"", "too small; the least is 1048576"),
        ("[limits]\nmemory = 1.5", "a whole number is expected, not a fraction"),
        ("[limits]\ntimeout = 30", "a duration is expected, not a whole number; write it like \"30s\""),
        ("[limits]\ntimeout = \"0s\"", "at least one second is needed"),
        ("[limits]\nretries = 5000", "a number from 0 to 1000 is expected"),
        ("[limits]\nbatch_messages = 0", "a number from 1 to 100000 is expected"),
        (
            "[mailboxes]\ninclude = []",
            "m.toml:10: `include` is empty: no mailbox would take part; write [\"**\"] for all",
        ),
        ("[mailboxes]\ninclude = [1]", "a string is expected, not a whole number"),
        ("[mailboxes]\nexclude = [\"a[\"]", "m.toml:10: `exclude`: `a[` is not a pattern: "),
        ("[mailboxes]\nspecial_use = \"yes\"", "true or false is expected, not a string"),
        ("[mailboxes.rename]\na = \"b//c\"", "m.toml:10: `b//c` in [mailboxes.rename]: this is not a mailbox name"),
        ("[mailboxes.rename]\na = 1", "m.toml:10: `a` in [mailboxes.rename]: a string is expected"),
        ("limits = 1", "unknown key `limits` in [[account]]"),
        ("[[sync]]", "m.toml:9: `sync`: a table is expected, not a list; write [sync]"),
        ("[accounts]\nfile = \"gone.csv\"", "m.toml:10: the accounts file gone.csv cannot be read: No such file"),
        ("[accounts]", "m.toml:9: `file` in [accounts] is missing; name the CSV file"),
        ("[[account]]\nname = \"x\"", "m.toml:9: `source_user` in [[account]] is missing; say whose mailboxes"),
        ("[[account]]\nsource_user = \" \"", "`source_user` in [[account]]: this is empty"),
        ("[[account]]\nsource_user = \"a \"", "`source_user`: this begins or ends with a blank"),
        (
            "[[account]]\nsource_user = \"b\"\ndestination_user = \"\"",
            "`destination_user` in [[account]]: this is empty",
        ),
        (
            "[[account]]\nsource_user = \"b\"\ndestination_user = \"ALICE\"",
            "destination user `alice` is used already at m.toml:7",
        ),
        (
            "[[account]]\nsource_user = \"alice\"\ndestination_user = \"b\"",
            "m.toml:9: account name `alice` is used already",
        ),
        ("[[account]]\nsource_user = \"b\"\nsource_passwords = \"b\"", "did you mean `source_password"),
        (
            "[[account]]\nsource_user = \"<user on the old server>\"",
            "the placeholder <user on the old server> is not filled",
        ),
    ];
    for (rest, expected) in table {
        let mistakes = Desk::new().mistakes(&settings("", "", rest));
        assert!(mistakes.contains(expected), "{rest}:\n{mistakes}");
        assert_eq!(mistakes.lines().count(), 1, "{rest}:\n{mistakes}");
    }
}

#[test]
fn all_mistakes_are_told_in_one_go_in_the_order_of_their_lines() {
    let desk = Desk::new().file("a.csv", "source_user,tags\n\"\",x\n");
    let text = "stat = 1\n[source]\nport = 0\n[limits]\nmemory = \"x\"\n[accounts]\nfile = \"a.csv\"\n";
    let expected = "a.csv:2: `source_user`: this is empty; write whose mailboxes are to be copied
m.toml:1: `destination` is missing; write [destination] with the server's `host`, or `destination_server` for each account
m.toml:1: unknown key `stat`; did you mean `state`?
m.toml:2: `host` in [source] is missing; name the server, or a `tunnel` command that leads to it
m.toml:3: `port` in [source]: a number from 1 to 65535 is expected
m.toml:5: `memory` in [limits]: `x` is not a size; write it like 50MB, 1GiB or 4096";
    assert_eq!(desk.mistakes(text), expected);
}

#[test]
fn files_that_are_no_settings_say_why() {
    let desk = Desk::new();
    let gone = Settings::from_file(&desk.path("none.toml")).unwrap_err().to_string();
    assert!(gone.contains("none.toml: the settings cannot be read: No such file") && gone.contains("mailferry init"));
    assert!(desk.mistakes("").contains("there are no accounts; write an [[account]]"));
    let broken = desk.mistakes("[source]\npassword = \"hunter2\nhost = \n");
    assert!(broken.starts_with("m.toml:2: this is not TOML: ") && broken.contains("\nm.toml:3: "), "{broken}");
    assert!(!broken.contains("hunter2"));
    fs::write(desk.path("latin.toml"), b"# \xe4").unwrap();
    assert!(Settings::from_file(&desk.path("latin.toml")).unwrap_err().to_string().contains("save the file as UTF-8"));
}

#[test]
fn inline_passwords_are_refused_where_others_see_them_and_not_shown() {
    let places = "use `password_file`, `password_command` or `password_env`";
    for (text, fix) in [
        (with_source("password = \"hunter2\""), places),
        (with_source("password = [\"hunter2\"]"), places),
        (settings("", "", "source_password = \"hunter2\""), "others can read it (mode 644); run `chmod 600"),
        (settings("", "", "source_password = \"hunter2\\t\""), "write it between '…'"),
        (settings("", "", "source_password = \"\"\"hunter2\"\"\""), "write it between '…'"),
        (settings("", "", "source_password = \"\""), "the password there is empty"),
        (settings("", "", "source_password = 7"), "a password in quotes"),
        (settings("", "", "password = \"hunter2\""), "call it `source_password` or `destination_password`"),
        (with_source("password_env = \"hunter2!\""), "give the variable's name, not the password"),
    ] {
        let mistakes = Desk::new().mistakes(&text);
        assert!(mistakes.contains(fix) && !mistakes.contains("hunter2"), "{mistakes}");
    }
}

#[test]
fn account_that_is_its_own_destination_is_refused() {
    let same = [
        ("host = \"h\"", "host = \"H.\"", true),
        ("host = \"h\"", "host = \"h\"\ntls = \"starttls\"", true),
        ("host = \"h\"\nport = 1", "host = \"h\"\nport = 2", false),
        ("host = \"h\"", "host = \"h\"\nport = 2", false),
        ("host = \"h\"", "host = \"i\"", false),
        ("host = \"localhost\"", "host = \"127.0.0.1\"", true),
        ("host = \"::1\"\nport = 3", "host = \"127.0.0.1\"\nport = 4", false),
        ("tunnel = [\"a\", \"{user}\"]", "tunnel = [\"a\", \"{user}\"]", true),
        ("tunnel = [\"a\", \"{user}\"]", "tunnel = [\"b\", \"{user}\"]", false),
    ];
    for (source, destination, is_same) in same {
        let text = format!("[source]\n{source}\n[destination]\n{destination}\n[[account]]\nsource_user = \"alice\"\n");
        let verdict = Desk::new().read(&text).map(|_| ()).map_err(|mistakes| mistakes.to_string());
        assert_eq!(verdict.is_err_and(|text| text.contains("user `alice` is its own destination")), is_same, "{text}");
    }
}

#[test]
fn user_that_a_shell_would_run_never_reaches_a_tunnel() {
    for (user, is_refused) in [("a;reboot", true), ("-x", true), ("$(id)", true), ("a b", true), ("ä.b+c@d.de", false)]
    {
        let text = format!(
            "[source]\ntunnel = [\"ssh\", \"h\", \"{{user}}\"]\n[destination]\nhost = \"n\"\n[[account]]\nsource_user = \"{user}\"\n"
        );
        assert_eq!(Desk::new().read(&text).is_err(), is_refused, "{user}");
    }
}

#[test]
fn own_password_beside_a_master_user_is_a_contradiction() {
    let mistakes = Desk::new().mistakes(&settings("master_user = \"m\"", "", "source_password_env = \"X\""));
    assert!(mistakes.contains("m.toml:9: a source password of its own is never used"), "{mistakes}");
}

#[test]
fn odd_but_allowed_settings_are_warned_of() {
    let settings = Desk::new().read(&with_source("port = 143\npreset = \"courier\"\nmaster_user = \"m\"")).unwrap();
    assert_eq!(settings.warnings.len(), 2, "{:?}", settings.warnings);
    assert!(settings.warnings[0].contains("m.toml:3: port 143 is as a rule"));
}

#[test]
fn urls_give_one_account_on_two_servers() {
    let settings =
        Settings::from_urls("imaps://al%40x.de@Old.example:1993/", "imap://bob@x@[::1]", None, UrlTrust::default())
            .unwrap();
    assert_eq!(settings.servers[0].address, Address::Tcp { host: "old.example".into(), port: 1993 });
    assert_eq!(settings.servers[0].tls, Tls::Implicit);
    assert_eq!(settings.servers[1].address, Address::Tcp { host: "::1".into(), port: 143 });
    assert_eq!(settings.servers[1].tls, Tls::StartTls);
    let account = &settings.accounts[0];
    assert_eq!((&*account.name, &*account.source_user, &*account.destination_user), ("al@x.de", "al@x.de", "bob@x"));
    assert_eq!(settings.state, Path::new(DEFAULT_STATE));
    let elsewhere =
        Settings::from_urls("imaps://a@b", "imaps://a@c", Some(Path::new("/s")), UrlTrust::default()).unwrap();
    assert_eq!(elsewhere.state, Path::new("/s"));
}

#[test]
fn user_and_host_alone_are_a_url_under_tls() {
    let settings =
        Settings::from_urls("al@x.de@old.example", "bob@new.example:1993", None, UrlTrust::default()).unwrap();
    assert_eq!(settings.servers[0].address, Address::Tcp { host: "old.example".into(), port: 993 });
    assert_eq!(settings.servers[1].address, Address::Tcp { host: "new.example".into(), port: 1993 });
    assert_eq!(&*settings.accounts[0].source_user, "al@x.de");
    let mistakes =
        Settings::from_urls("al:Tr0ub4@old.example", "b@n", None, UrlTrust::default()).unwrap_err().to_string();
    assert!(mistakes.contains("a password in a URL") && !mistakes.contains("Tr0ub4"), "{mistakes}");
}

#[test]
fn inline_passwords_are_read_at_the_login_while_the_file_is_as_it_was() {
    let passwords = "source_password = '  h\\\"u '\ndestination_password = \"n't er2\"";
    let desk = Desk::new().file("m.toml", settings("", "", passwords));
    let settings = Settings::from_file(&desk.path("m.toml")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let account = &settings.accounts[0];
    assert!(settings.check_passwords(&settings.accounts).unwrap().is_empty());
    assert!(!format!("{settings:?}").contains("er2"));
    let password = |side| settings.passwords().password(account, side);
    assert_eq!(password(Side::Source).unwrap().expose(), "  h\\\"u ");
    assert_eq!(password(Side::Destination).unwrap().expose(), "n't er2");
    fs::set_permissions(desk.path("m.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(password(Side::Source).unwrap_err().to_string().contains("others can read it"));
    let desk = desk.file("m.toml", super::tests::settings("", "", &passwords.replace("er2", "er3")));
    let error = settings.passwords().password(account, Side::Source).unwrap_err();
    assert!(error.to_string().contains("the settings were changed"), "{error}");
    drop(desk);
}

#[test]
fn wrong_urls_say_which_and_why() {
    let table = [
        ("old.example", "--source: this is not a URL: relative URL without a base; write it like imaps://user@host"),
        ("https://a@h", "--source: only imaps:// and imap:// lead to a mailbox"),
        ("imaps://h", "--source: the user is missing"),
        ("imaps://a@", "--source: "),
        ("imaps://a@h:99999", "--source: this is not a URL: invalid port number"),
        ("imaps://a@h/INBOX", "--source: something follows the host"),
        ("imaps://a@h?x", "--source: something follows the host"),
        ("imaps://%00@h", "--source: a control character has no place here"),
        ("imaps://%ff@h", "--source: its percent-encoding is not UTF-8"),
        ("imaps://a@n", "user `a` is its own destination"),
    ];
    for (url, expected) in table {
        let mistakes = Settings::from_urls(url, "imaps://a@n", None, UrlTrust::default()).unwrap_err().to_string();
        assert!(mistakes.contains(expected), "{url}: {mistakes}");
    }
    let both = Settings::from_urls("x", "y", None, UrlTrust::default()).unwrap_err();
    assert_eq!(both.0.len(), 2);
}

#[test]
fn url_with_a_password_is_refused_and_not_shown() {
    for url in [
        "imaps://a:hunter2@h",
        "imaps://a:@h",
        "imaps://:hunter2@h",
        "imaps://a:hunter2@h:99999",
        "imaps://a:hun@ter2@h",
    ] {
        let mistakes = Settings::from_urls("imaps://a@o", url, None, UrlTrust::default()).unwrap_err().to_string();
        assert!(mistakes.starts_with("--destination: ") && !mistakes.contains("hun"), "{mistakes}");
    }
    let mistakes =
        Settings::from_urls("imaps://a:b@o", "imaps://a@h", None, UrlTrust::default()).unwrap_err().to_string();
    assert!(mistakes.contains("seen by everyone") && mistakes.contains("MAILFERRY_SOURCE_PASSWORD"), "{mistakes}");
}

#[test]
fn selection_takes_names_patterns_and_tags() {
    let rest = "tags = [\"one\"]\n[[account]]\nsource_user = \"anna\"\n[[account]]\nsource_user = \"bob*\"\ntags = [\"one\"]\n";
    let settings = Desk::new().read(&settings("", "", rest)).unwrap();
    let table: [(&[&str], &[&str]); 7] = [
        (&[], &["alice", "anna", "bob*"]),
        (&["anna", "alice", "anna"], &["alice", "anna"]),
        (&["a*"], &["alice", "anna"]),
        (&["bob*"], &["bob*"]),
        (&["tag:one"], &["alice", "bob*"]),
        (&["tag:one", "a?na"], &["alice", "anna", "bob*"]),
        (&["{anna,alice}"], &["alice", "anna"]),
    ];
    for (words, expected) in table {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let accounts = settings.select(&words).unwrap().0;
        let names: Vec<&str> = accounts.iter().map(|account| &*account.name).collect();
        assert_eq!(names, expected, "{words:?}");
    }
}

#[test]
fn unknown_accounts_are_all_listed_with_the_nearest_name() {
    let settings = Desk::new().read(&settings("", "", "tags = [\"wave1\"]")).unwrap();
    let words = ["alcie", "alice", "zzz", "tag:wave2", "x*"].map(str::to_owned);
    let expected = "there is no account `alcie`; did you mean `alice`?
there is no account `zzz`; `mailferry status` lists the accounts
no account has the tag `wave2`; did you mean `wave1`?
there is no account `x*`; `mailferry status` lists the accounts";
    assert_eq!(settings.select(&words).unwrap_err().to_string(), expected);
}

/// Passwords that have broken other tools.
const ODD: [&str; 9] = [
    "'",
    "\"q\"",
    "back\\slash",
    "  blanks around  ",
    "p%20%",
    "pä$$wörd€📀",
    "$(rm -rf ~)`x`",
    "a,b;c|d&e",
    "tab\there",
];

#[test]
fn passwords_of_any_character_come_from_every_place() {
    for odd in ODD {
        let desk = Desk::new().staged(Staged::with(&[("PW", odd)])).file("pw", format!("{odd}\r\nsecond line\n"));
        for place in ["password_env = \"PW\"", "password_file = \"pw\"", "password_command = [\"cat\", \"pw\"]"] {
            let settings = desk.read(&with_source(place)).unwrap();
            let password = settings.passwords().password(&settings.accounts[0], Side::Source).unwrap();
            assert_eq!(password.expose(), odd, "{place}");
        }
    }
}

#[test]
fn own_password_places_are_read_per_account() {
    let rows = "source_user,source_password_file,source_password_env,destination_password_command\n\
                a,a.pw,,cat b.pw\nb,,B_PW,cat a.pw\n";
    let desk = Desk::new().staged(Staged::with(&[("B_PW", "env of b")])).file("a.csv", rows);
    let desk = desk.file("a.pw", "file of a").file("b.pw", "b\n");
    let text = "[source]\nhost = \"o\"\n[destination]\nhost = \"n\"\n[accounts]\nfile = \"a.csv\"\n";
    let settings = desk.read(text).unwrap();
    let passwords = settings.passwords();
    let found = settings.accounts.iter().flat_map(|a| Side::BOTH.map(|side| passwords.password(a, side).unwrap()));
    let found: Vec<String> = found.map(|secret| secret.expose().to_owned()).collect();
    assert_eq!(found, ["file of a", "b", "env of b", "file of a"]);
    assert!(settings.check_passwords(&settings.accounts).unwrap().is_empty());
}

#[test]
fn side_variable_serves_where_nothing_else_is_set() {
    let staged = Staged::with(&[("MAILFERRY_SOURCE_PASSWORD", "fallback"), ("PW", "named")]);
    let desk = Desk::new().staged(staged);
    let settings = desk.read(&settings("", "password_env = \"PW\"", "")).unwrap();
    let passwords = Side::BOTH.map(|side| settings.passwords().password(&settings.accounts[0], side).unwrap());
    assert_eq!([passwords[0].expose(), passwords[1].expose()], ["fallback", "named"]);
    assert_eq!(settings.secret_variables(), ["MAILFERRY_SOURCE_PASSWORD", "PW"]);
    assert!(settings.check_passwords(&settings.accounts).is_ok());
}

#[test]
fn master_password_is_asked_for_once() {
    let staged = Staged { answer: Some("typed ü"), ..Staged::default() };
    let desk = Desk::new().staged(staged.clone());
    let master = "master_user = \"admin\"";
    let settings = desk.read(&settings(master, master, "[[account]]\nsource_user = \"b\"")).unwrap();
    settings.ask_for_passwords(&settings.accounts).unwrap();
    let password = settings.passwords().password(&settings.accounts[1], Side::Destination).unwrap();
    assert_eq!(password.expose(), "typed ü");
    let questions = staged.questions.lock().unwrap();
    let expected =
        ["Password of admin on the source old.example.com: ", "Password of admin on the destination new.example.com: "];
    assert_eq!(*questions, expected);
}

#[test]
fn shared_command_is_run_once() {
    let desk = Desk::new();
    let command = r#"password_command = ["sh", "-c", "echo x >> runs; echo pw"]"#;
    let settings = desk.read(&settings(command, "", "[[account]]\nsource_user = \"b\"")).unwrap();
    for account in &settings.accounts {
        assert_eq!(settings.passwords().password(account, Side::Source).unwrap().expose(), "pw");
    }
    assert_eq!(fs::read_to_string(desk.path("runs")).unwrap(), "x\n");
}

#[test]
fn places_without_a_password_are_found_before_connecting() {
    let staged = || Staged::with(&[("EMPTY", ""), ("MAILFERRY_DESTINATION_PASSWORD", "x")]);
    let table = [
        ("password_env = \"GONE\"", "m.toml:3: the environment variable GONE is not set; export it"),
        ("password_env = \"EMPTY\"", "m.toml:3: the environment variable EMPTY: the password there is empty"),
        ("password_file = \"gone\"", "m.toml:3: the password file gone cannot be read: No such file"),
        ("password_file = \"empty\"", "m.toml:3: the password file empty: the password there is empty"),
        ("password_file = \"nul\"", "holds a NUL"),
        ("password_file = \"latin\"", "is not UTF-8"),
        ("password_file = \"/dev/zero\"", "too long for a password"),
        ("password_command = [\"no-such-command-x\", \"hunter2\"]", "`no-such-command-x`: there is no such program"),
        ("", "there is no password for `alice` on the source, and no terminal to ask for it; set `password_file`"),
    ];
    for (source, expected) in table {
        let desk = Desk::new().staged(staged()).file("empty", "\nx\n").file("nul", "a\0b").file("latin", b"\xe4");
        let settings = desk.read(&with_source(source)).unwrap();
        let mistakes = desk.bare(settings.check_passwords(&settings.accounts).unwrap_err());
        assert!(mistakes.contains(expected) && !mistakes.contains("hunter2"), "{source}:\n{mistakes}");
        let error = settings.passwords().password(&settings.accounts[0], Side::Source).unwrap_err();
        assert_eq!((error.kind(), error.reach()), (&Kind::Settings, Scope::Run));
    }
}

#[test]
fn fleet_without_any_passwords_is_not_asked_one_by_one() {
    let staged = Staged { answer: Some("x"), ..Staged::with(&[("MAILFERRY_DESTINATION_PASSWORD", "x")]) };
    let desk = Desk::new().staged(staged);
    let settings = desk.read(&settings("", "", "[[account]]\nsource_user = \"b\"")).unwrap();
    let mistakes = settings.check_passwords(&settings.accounts).unwrap_err().to_string();
    assert!(
        mistakes.starts_with("there is no password on the source for `alice` and 1 more; set `master_user`"),
        "{mistakes}"
    );
    assert!(settings.check_passwords(&settings.accounts[..1]).is_ok());
}

#[test]
fn tunnel_needs_no_password_until_it_asks_for_one() {
    let desk = Desk::new().staged(Staged::with(&[("MAILFERRY_SOURCE_PASSWORD", "x")]));
    let text = "[source]\nhost = \"o\"\n[destination]\ntunnel = [\"imapd\"]\n[[account]]\nsource_user = \"a\"\n";
    let settings = desk.read(text).unwrap();
    assert!(settings.check_passwords(&settings.accounts).is_ok());
    settings.ask_for_passwords(&settings.accounts).unwrap();
    assert!(settings.passwords().password(&settings.accounts[0], Side::Destination).is_err());
}

#[test]
fn own_place_that_fails_gives_up_only_its_account() {
    let desk = Desk::new();
    let settings = desk.read(&settings("", "", "source_password_file = \"gone\"")).unwrap();
    let error = settings.passwords().password(&settings.accounts[0], Side::Source).unwrap_err();
    assert_eq!((error.kind(), error.reach()), (&Kind::Settings, Scope::Account));
    assert_eq!(error.place().account.as_deref(), Some("alice"));
}

#[test]
fn password_file_open_to_others_is_warned_of() {
    let desk = Desk::new().staged(Staged::with(&[("MAILFERRY_DESTINATION_PASSWORD", "x")])).file("pw", "secret");
    fs::set_permissions(desk.path("pw"), fs::Permissions::from_mode(0o644)).unwrap();
    let settings = desk.read(&with_source("password_file = \"pw\"")).unwrap();
    let warnings = settings.check_passwords(&settings.accounts).unwrap();
    assert!(warnings[0].contains("pw can be opened by others (mode 644); run `chmod 600 "), "{warnings:?}");
}

#[test]
fn variable_that_is_not_utf8_is_a_mistake() {
    let mut staged = Staged::default();
    staged.variables.insert("MAILFERRY_SOURCE_PASSWORD", OsString::from_vec(vec![0xff]));
    let desk = Desk::new().staged(staged);
    let settings = desk.read(&with_source("")).unwrap();
    let error = settings.passwords().password(&settings.accounts[0], Side::Source).unwrap_err();
    assert!(error.summary().contains("not UTF-8"), "{error:?}");
}

#[test]
fn no_secret_shows_in_debug() {
    let desk = Desk::new().staged(Staged::with(&[("PW", "hunter2")]));
    let settings = desk.read(&with_source("password_env = \"PW\"")).unwrap();
    let secret = settings.passwords().password(&settings.accounts[0], Side::Source).unwrap();
    let place = place::PlaceKind::Command { arguments: vec!["x".into(), "hunter2".into()], directory: PathBuf::new() };
    let shown = format!("{settings:?} {secret:?} {place:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn template_loads_once_its_placeholders_are_filled() {
    let presets = PRESETS.iter().map(|(_, preset)| Some(*preset)).chain([None]);
    for preset in presets {
        for (source, destination) in [(preset, None), (None, preset)] {
            let text = template(source, destination);
            let mistakes = Desk::new().mistakes(&text);
            assert!(mistakes.lines().all(|line| line.contains("placeholder")), "{mistakes}");
            let filled = text
                .replace("<host name of the old server>", "old.example.com")
                .replace("<host name of the new server>", "new.example.com")
                .replace("<the master user's login name>", "master")
                .replace("<user on the ", "")
                .replace(" server>", "");
            let settings = Desk::new().read(&filled).unwrap_or_else(|mistakes| panic!("{mistakes}\n{filled}"));
            assert_eq!((settings.servers[0].preset, settings.servers[1].preset), (source, destination));
            assert!(settings.warnings.is_empty());
        }
    }
}

#[test]
fn template_keys_that_are_commented_out_are_known_too() {
    let text = template(None, Some(Preset::Dovecot));
    let known = ["[accounts]", "file = \"accounts.csv\"", "source_password_file"];
    let is_setting = |line: &str| match line.split_once(" = ") {
        Some((key, _)) => key.starts_with('"') || !key.contains(' '),
        None => line.starts_with('['),
    };
    let uncommented = text.lines().map(|line| line.strip_prefix("# ").filter(|line| is_setting(line)).unwrap_or(line));
    let uncommented: Vec<&str> = uncommented.collect();
    assert!(known.iter().all(|known| uncommented.iter().any(|line| line.starts_with(known))));
    let mistakes = Desk::new().mistakes(&uncommented.join("\n"));
    assert!(!mistakes.contains("unknown") && !mistakes.contains("not TOML"), "{mistakes}");
}

#[test]
fn template_tells_what_decides_a_master_login() {
    assert!(template(Some(Preset::Zimbra), None).contains("adminLoginAs"));
    assert!(template(None, Some(Preset::Dovecot)).contains("acl_user = %u"));
    assert!(template(Some(Preset::Cyrus), None).contains("proxyservers"));
}

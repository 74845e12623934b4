//! What a settings file may hold, and every mistake in it.

use super::*;

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
        acl = true
        metadata = true
        [mailboxes.rename]
        "Sent Items" = "Sent"
        [sync]
        mode = "mirror"
        max_message_size = "50MB"
        restore_missing = true
        follow_moves = true
        since = "2024-01-31"
        before = 2025-01-01
        min_message_size = "1kB"
        unseen = true
        search = 'NOT FROM "@lists.example"'
        flagged = true
        delete_guard = "25%"
        [gmail]
        labels = "primary"
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
    assert!(settings.policy.follow_moves);
    assert_eq!(mailboxes.labels, Labels::Primary);
    assert!(mailboxes.besides.acl && mailboxes.besides.metadata);
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
        ("master_user = \"a\\u0000b\"", "control characters are not allowed here"),
        ("user = \"alice\"", "m.toml:3: `user` in [source]: users are given for each account; write `source_user`"),
        (
            "password_env = \"A\"\npassword_file = \"b\"",
            "more than one of `password_env`, `password_file`, `password_com",
        ),
        ("password_command = \"pass show x\"", "`password_command` in [source]: a list of strings is expected"),
        ("ca_file = \"gone.pem\"", "m.toml:3: `ca_file` gone.pem cannot be read: No such file"),
        ("ca_file = \"m.toml\"", "`ca_file` m.toml holds no certificate"),
        ("fingerprint = \"sha1:00\"", "m.toml:3: `fingerprint` is no SHA-256 fingerprint of a certificate"),
        ("password_file = \"~/pw\"", "`~` is not expanded here; write the whole path"),
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
            "[sync]\ndeleted = \"gone\"",
            "`gone` is not known here; one of these is expected: \"trash\", \"expunge\", \"mark\"",
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
        ("[gmail]\nlabels = \"folder\"", "`labels` in [gmail]: `folder` is not known here; did you mean `folders`?"),
        ("[sync]\nsearch = true", "`search` in [sync]: a search is expected"),
        ("[sync]\nmax_message_size = 0", "this is too small; the least is 1, in bytes"),
        (
            "[limits]\nbandwidth = \"fast\"",
            "m.toml:10: `bandwidth` in [limits]: `fast` is not a size; write it like 20MB/s",
        ),
        ("[limits]\nbandwidth = \"5B/s\"", "this is too small; the least is 1024 bytes a second"),
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
    assert!(broken.starts_with("m.toml:2: cannot be read as TOML: ") && broken.contains("\nm.toml:3: "), "{broken}");
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
        (settings("", "", "source_password = \"\""), "the password is empty"),
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
    assert!(settings.warnings[0].contains("m.toml:3: port 143 is usually"));
}

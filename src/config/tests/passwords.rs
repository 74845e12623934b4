//! Where passwords come from, and what is told of them.

use super::*;

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
        ("password_env = \"EMPTY\"", "m.toml:3: the environment variable EMPTY: the password is empty"),
        ("password_file = \"gone\"", "m.toml:3: the password file gone cannot be read: No such file"),
        ("password_file = \"empty\"", "m.toml:3: the password file empty: the password is empty"),
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

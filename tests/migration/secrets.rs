//! No password is ever seen: not in the state, logs, results, errors, arguments, or the environment of another process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::consent::consenting;
use crate::migration::Migration;
use crate::support::base64;
use crate::support::ferry::{Ferry, Side};
use crate::support::issuer::{Answers, Reply};
use crate::support::server::{MASTER_PASSWORD, MASTER_USER, Server, User};
use crate::support::shared;
use crate::tokens::{Scene, Validation};

/// Everything that quoting, escaping and encoding could stumble over.
const ODD: &str = r#"ö"dd \pass' %41{user}$&word*"#;

/// All shapes in which a password could be written down.
pub fn shapes(user: &str, password: &str) -> Vec<Vec<u8>> {
    let quoted = password.replace('\\', r"\\").replace('"', "\\\"");
    let percent: String = password.bytes().map(|octet| format!("%{octet:02X}")).collect();
    let hexadecimal: String = password.bytes().map(|octet| format!("{octet:02x}")).collect();
    let mut texts = vec![password.to_owned(), quoted, percent, hexadecimal, password.escape_debug().to_string()];
    for message in [format!("\0{user}\0{password}"), format!("{user}\0{MASTER_USER}\0{password}")] {
        texts.push(base64::encode(message.as_bytes()));
    }
    // Inside any longer Base64 the password stands at one of three places.
    for padding in ["", "x", "xx"] {
        let encoded = base64::encode_unpadded(format!("{padding}{password}").as_bytes());
        texts.push(encoded[4..encoded.len() - 3].to_owned());
    }
    texts.into_iter().map(String::into_bytes).collect()
}

#[track_caller]
fn assert_hidden(place: &str, octets: &[u8], shapes: &[Vec<u8>]) {
    for shape in shapes {
        let found = memchr::memmem::find(octets, shape).is_some();
        assert!(!found, "{place} holds a password as {}", shape.escape_ascii());
    }
}

pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Runs every command as talkatively as possible, and looks at all that it leaves.
fn assert_nothing_is_told(ferry: &Ferry, account: &str, shapes: &[Vec<u8>]) {
    let commands: [&[&str]; 12] = [
        &["init", "fresh.toml"],
        &["check"],
        &["scan"],
        &["plan", "--details", "--json", "plan.json"],
        &["apply"],
        &["sync", "--full"],
        &["verify"],
        &["verify", "--deep", "--json", "verify.json"],
        &["status"],
        &["status", "--json", "status.json"],
        &["explain", account, "INBOX", "1"],
        &["sync", "--log-format", "json"],
    ];
    for command in commands {
        for log in [&["--log-file", "ferry.log"][..], &[]] {
            let talkative = ["--log-level", "trace", "--progress", "json"];
            let output = ferry.run(&[command, &talkative, log].concat());
            assert_hidden(&format!("the output of {command:?}"), format!("{output}").as_bytes(), shapes);
        }
    }
    let files = files_below(ferry.directory());
    for name in ["ferry.log", "plan.json", "mailferry.state"] {
        assert!(files.iter().any(|file| file.to_string_lossy().contains(name)), "there is no {name}");
    }
    for file in files.iter().filter(|file| !file.ends_with(ACCOUNTS_FILE)) {
        assert_hidden(&file.display().to_string(), &fs::read(file).expect("a file"), shapes);
    }
}

/// Where passwords may stand.
const ACCOUNTS_FILE: &str = "accounts.csv";

/// Puts one user and their password for both sides into an accounts file as spreadsheets write it, for its owner alone.
pub fn write_accounts(ferry: &Ferry, user: &User) {
    let quoted = user.password.replace('"', "\"\"");
    let header = "source_user;source_password;destination_user;destination_password";
    let rows = format!("{header}\r\n{name};\"{quoted}\";{name};\"{quoted}\"\r\n", name = user.name);
    let file = ferry.directory().join(ACCOUNTS_FILE);
    fs::write(&file, rows).expect("the accounts");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("their mode");
}

#[test]
fn passwords_of_an_accounts_file_are_never_told() {
    let pair = shared::dovecot_pair();
    let user = User::fresh("discreet").with_password(ODD);
    pair.source.add_user(&user);
    pair.destination.add_user(&user);
    let sides = [Side::of(&pair.source).with_own_passwords(), Side::of(&pair.destination).with_own_passwords()];
    let migration = Migration::with_sides(Vec::new(), &pair.source, &pair.destination, sides);
    let migration = migration.with_settings("[accounts]\nfile = \"accounts.csv\"");
    write_accounts(&migration.ferry, &user);
    let migration = Migration { users: vec![user.clone()], ..migration }.seeded("INBOX\n    a");
    assert_nothing_is_told(&migration.ferry, &user.name, &shapes(&user.name, ODD));
    migration.assert_exact();
}

/// Holds engine/wire/buffered.rs invariant 4. Holds hazard 11.
#[test]
fn own_passwords_are_never_told() {
    let pair = shared::dovecot_pair();
    let user = User::fresh("discreet").with_password(ODD);
    let sides = [
        Side::of(&pair.source).with_own_passwords(),
        Side::of(&pair.destination).with_own_passwords().set("auth", "\"login\""),
    ];
    let migration = Migration::with_sides(vec![user.clone()], &pair.source, &pair.destination, sides);
    let migration = migration.seeded("INBOX\n    a");
    assert_nothing_is_told(&migration.ferry, &user.name, &shapes(&user.name, ODD));
    migration.assert_exact();
}

#[test]
fn passwords_of_master_users_are_never_told() {
    let pair = shared::dovecot_pair();
    let sides = [Side::of(&pair.source), Side::of(&pair.destination).master_by_separator()];
    let user = User::fresh("discreet");
    let migration = Migration::with_sides(vec![user.clone()], &pair.source, &pair.destination, sides);
    let migration = migration.seeded("INBOX\n    a");
    assert_nothing_is_told(&migration.ferry, &user.name, &shapes(&user.name, MASTER_PASSWORD));
    migration.assert_exact();
}

/// All that is secret in what an endpoint was asked with, and what it gave: found in no output, log, state or result.
fn shapes_of_tokens(scene: &Scene) -> Vec<Vec<u8>> {
    const SECRET: [&str; 7] =
        ["client_secret", "client_assertion", "assertion", "refresh_token", "device_code", "code", "code_verifier"];
    let asked = scene.issuer.requests("/token");
    let asked = asked.iter().flat_map(|form| SECRET.iter().filter_map(|name| form.get(*name)));
    let secrets: std::collections::BTreeSet<String> = asked.cloned().chain(scene.issuer.granted()).collect();
    assert!(!secrets.is_empty(), "nothing was asked for");
    secrets.iter().flat_map(|secret| shapes(&scene.user.name, secret)).collect()
}

/// Every way to a token, talkatively, with refusals of the endpoint and of the server.
#[test]
fn tokens_and_what_they_are_made_with_are_never_told() {
    let certificate = |scene: Scene| {
        let directory = scene.issuer.directory().display().to_string();
        scene.flow("client-credentials", &format!(
            "client_id = \"app\"\nscope = \"s\"\ncertificate_file = '{directory}/app.pem'\nkey_file = '{directory}/rsa.pem'"
        ))
    };
    let scenes = [
        Scene::new(Validation::Local).of_application(),
        certificate(Scene::new(Validation::Local).of_application()),
        Scene::new(Validation::Local).flow("service-account", "key_file = \"/key.json\"\nscope = \"mail\""),
        consenting(),
    ];
    for mut scene in scenes {
        let keys = tempfile::tempdir().expect("a directory for what is secret");
        let (key, kept) = (keys.path().join("key.json"), keys.path().join("kept"));
        fs::write(&key, scene.issuer.service_account().to_string()).expect("a key");
        let mut settings = scene.ferry.further_settings.replace("/key.json", &key.display().to_string());
        let moved = keys.path().join("client.secret");
        if fs::rename(scene.ferry.directory().join("client.secret"), &moved).is_ok() {
            settings = settings.replace("\"client.secret\"", &format!("'{}'", moved.display()));
        }
        if settings.contains("refresh-token") {
            settings.push_str(&format!("refresh_token_file = '{}'\n", kept.display()));
            scene.ferry.further_settings.clone_from(&settings);
            scene.issuer.knows("r3fresh-t0ken-of-a-person", &scene.user.name);
            fs::write(&kept, "r3fresh-t0ken-of-a-person").expect("a refresh token");
            fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).expect("its mode");
            scene.issuer.behave(Answers { rotates: true, ..Answers::default() });
            scene.ferry.run(&["login", &scene.user.name, "--log-level", "trace", "--log-file", "ferry.log"]).expect(0);
            // The one that the person consented to is not the one of the account.
            fs::write(&kept, "r3fresh-t0ken-of-a-person").expect("a refresh token");
        }
        scene.ferry.further_settings = settings;
        crate::support::seed::seed(&scene.server, &scene.user.name, "INBOX\n    a");
        scene.ferry.run(&["check", "--log-level", "trace", "--log-file", "ferry.log"]).expect(0);
        let shapes = shapes_of_tokens(&scene);
        assert_nothing_is_told(&scene.ferry, &scene.user.name, &shapes);
        let shapes = shapes_of_tokens(&scene);
        for file in files_below(scene.ferry.directory()) {
            assert_hidden(&file.display().to_string(), &fs::read(&file).expect("a file"), &shapes);
        }
        scene.issuer.script([Reply::refusal("invalid_grant")]);
        let output = scene.ferry.run(&["check", "--log-level", "trace"]).expect(4);
        scene.issuer.behave(Answers { padding: 7000, ..Answers::default() });
        let refused = scene.ferry.run(&["check", "--log-level", "trace"]);
        for output in [output, refused] {
            assert_hidden("the output", format!("{output}").as_bytes(), &shapes_of_tokens(&scene));
        }
    }
}

#[test]
fn passwords_that_are_refused_are_never_told() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("discreet");
    shared::cyrus().add_user(&user);
    let source = Side::of(&pair.source).with_own_passwords();
    for destination in [Side::of(&pair.destination), Side::of(shared::cyrus())] {
        let refused = user.clone().with_password(ODD);
        let ferry = Ferry::new(source.clone(), destination.with_master_password(ODD)).with_account(&refused);
        let talkative = ["sync", "--log-level", "trace", "--log-file", "ferry.log", "--progress", "plain"];
        let output = ferry.run(&talkative).expect(4);
        let shapes = shapes(&user.name, ODD);
        assert_hidden("the output", format!("{output}").as_bytes(), &shapes);
        for file in files_below(ferry.directory()) {
            assert_hidden(&file.display().to_string(), &fs::read(&file).expect("a file"), &shapes);
        }
    }
}

#[test]
fn other_processes_see_no_password() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("discreet");
    // The program that gives one password is not told the other, and neither is a tunnel.
    let command = format!("[\"sh\", \"-c\", \"env > command.environment; printf %s '{MASTER_PASSWORD}'\"]");
    let source = Side::of(&pair.source).with_own_passwords().set("master_user", "\"admin\"");
    let source = source.set("password_command", &command);
    let destination = Side::of(&pair.destination).with_own_passwords();
    let user = user.with_password(ODD);
    pair.destination.add_user(&user);
    let ferry = Ferry::new(source.clone(), destination);
    let ferry = ferry
        .with_account_lines(&format!("source_user = \"{}\"\ndestination_password_env = \"ODD_PASSWORD\"", user.name));
    let ferry = ferry.with_variable("ODD_PASSWORD", ODD);
    let mut running = ferry.start(&["sync", "--watch", "1h", "--progress", "plain"]);
    assert!(running.wait_until_said(|stderr| stderr.contains("The next sync begins in")));
    let arguments = fs::read(format!("/proc/{}/cmdline", running.id())).expect("the arguments");
    let (odd, master) = (shapes(&user.name, ODD), shapes(&user.name, MASTER_PASSWORD));
    assert_hidden("the arguments", &arguments, &odd);
    assert_hidden("the arguments", &arguments, &master);
    running.interrupt();
    running.finish().expect(130);
    let environment = fs::read(ferry.directory().join("command.environment")).expect("the command ran");
    assert_hidden("the environment of the command", &environment, &odd);

    let tunnel = Side::through_tunnel("[\"sh\", \"-c\", \"env > tunnel.environment; exit 1\"]");
    let mut ferry = ferry;
    ferry.source = tunnel;
    ferry.run(&["scan", "--state", "another.state"]).expect(4);
    let environment = fs::read(ferry.directory().join("tunnel.environment")).expect("the tunnel ran");
    assert_hidden("the environment of the tunnel", &environment, &odd);
}

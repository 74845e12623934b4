//! The program as a shell sees it: help, refusals and exit codes, as far as no server is needed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs mailferry in a directory, with no terminal and none of our own surroundings.
fn mailferry(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mailferry"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("mailferry runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

fn standard_output(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn standard_error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn empty() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// A settings file with one account, for servers that nobody asks.
fn with_settings() -> tempfile::TempDir {
    let directory = empty();
    let settings = r#"
[source]
host = "old.example.org"
master_user = "admin"
password_file = "password"
[destination]
host = "new.example.org"
master_user = "admin"
password_file = "password"
[[account]]
name = "alice"
source_user = "alice@example.org"
"#;
    fs::write(directory.path().join("mailferry.toml"), settings).expect("written");
    fs::write(directory.path().join("password"), "geheim\n").expect("written");
    directory
}

#[test]
fn help_is_on_standard_output_and_names_every_command() {
    let directory = empty();
    let output = mailferry(directory.path(), &["--help"]);
    assert_eq!(code(&output), 0);
    let help = standard_output(&output);
    let commands = [
        "init",
        "check",
        "scan",
        "plan",
        "apply",
        "sync",
        "verify",
        "status",
        "report",
        "explain",
        "accept",
        "forget",
        "login",
        "completions",
        "man",
    ];
    for command in commands {
        assert!(help.contains(&format!("\n  {command}")), "{command} is missing in\n{help}");
        let own = mailferry(directory.path(), &[command, "--help"]);
        assert_eq!(code(&own), 0, "{command}");
    }
    assert!(help.contains("130  interrupted"), "{help}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let directory = with_settings();
    let wrong: [&[&str]; 14] = [
        &[],
        &["fly"],
        &["scan", "--no-such-option"],
        &["apply", "--max-bytes", "much"],
        &["plan", "-c", "mailferry.toml", "--source", "imaps://a@b.example"],
        &["scan", "--source", "imaps://a@b.example"],
        &["report"],
        &["explain", "alice"],
        &["forget"],
        &["login"],
        &["login", "alice", "--side", "both"],
        &["login", "alice", "--device", "--browser"],
        &["accept", "alice", "INBOX"],
        &["accept", "alice", "INBOX", "0", "--reason", "x"],
    ];
    for arguments in wrong {
        let output = mailferry(directory.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", standard_error(&output));
        assert!(standard_output(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn missing_settings_file_says_how_to_begin() {
    let directory = empty();
    let output = mailferry(directory.path(), &["scan"]);
    assert_eq!(code(&output), 2);
    let error = standard_error(&output);
    assert!(error.contains("there is no mailferry.toml here"), "{error}");
    assert!(error.contains("mailferry init"), "{error}");
}

#[test]
fn passwords_in_arguments_are_refused_and_not_repeated() {
    let directory = empty();
    let with_url =
        ["scan", "--source", "imaps://alice:geheim@old.example", "--destination", "imaps://alice@new.example"];
    for arguments in [&with_url[..], &["sync", "--password=geheim"], &["sync", "--source-password", "geheim"]] {
        let output = mailferry(directory.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let shown = standard_output(&output) + &standard_error(&output);
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(shown.contains("MAILFERRY_SOURCE_PASSWORD"), "{shown}");
    }
}

#[test]
fn unknown_account_is_named_with_the_nearest() {
    let directory = with_settings();
    let output = mailferry(directory.path(), &["status", "alicia"]);
    assert_eq!(code(&output), 2);
    let error = standard_error(&output);
    assert!(error.contains("`alicia`") && error.contains("`alice`"), "{error}");
}

/// A state of these accounts, as a scan leaves it.
fn with_state(directory: &Path, accounts: &[&str]) -> mailferry::store::Store {
    let (store, _) = mailferry::store::Store::open(&directory.join("mailferry.state")).expect("a state");
    for account in accounts {
        store.account(account).begin_scan().expect("written");
    }
    store.flush().expect("written to disk");
    store
}

#[test]
fn forget_drops_what_was_named_and_asks_nothing() {
    let directory = with_settings();
    drop(with_state(directory.path(), &["alice", "bob", "bert", "carol"]));
    let forgotten = |arguments: &[&str]| {
        let output = mailferry(directory.path(), &[&["forget"], arguments].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", standard_error(&output));
        standard_output(&output)
    };
    let said = forgotten(&["b*"]);
    assert!(said.contains("Forgot bert:") && said.contains("Forgot bob:") && !said.contains("alice"), "{said}");
    // With --state no settings are needed.
    fs::remove_file(directory.path().join("mailferry.toml")).expect("removed");
    let said = forgotten(&["alice", "--state", "mailferry.state"]);
    assert!(said.contains("Forgot alice: 0 mailboxes") && said.contains("No server was asked"), "{said}");
    let left = with_state(directory.path(), &[]).accounts().expect("the accounts");
    assert_eq!(left, ["carol"]);
}

#[test]
fn forget_unknown_account_drops_nothing_and_names_the_known() {
    let directory = with_settings();
    drop(with_state(directory.path(), &["alice", "bob"]));
    for (unknown, hint) in [("alicia", "did you mean `alice`?"), ("zoe", "name the accounts as the state has them")] {
        let output = mailferry(directory.path(), &["forget", "bob", unknown]);
        let error = standard_error(&output);
        assert_eq!(code(&output), 2, "{error}");
        let expected = format!("there is no account `{unknown}`\n  caused by: the state holds alice, bob;");
        assert!(error.contains(&expected) && error.contains(hint), "{error}");
    }
    assert_eq!(with_state(directory.path(), &[]).accounts().expect("the accounts"), ["alice", "bob"]);
}

#[test]
fn forget_while_the_state_is_held_exits_with_7() {
    let directory = with_settings();
    let held = with_state(directory.path(), &["alice"]);
    let output = mailferry(directory.path(), &["forget", "alice"]);
    assert_eq!(code(&output), 7, "{}", standard_error(&output));
    assert_eq!(held.accounts().expect("the accounts"), ["alice"]);
}

#[test]
fn all_mistakes_in_the_settings_are_told_at_once() {
    let directory = empty();
    fs::write(directory.path().join("m.toml"), "state = 7\n[source]\nhots = \"a\"\n").expect("written");
    let output = mailferry(directory.path(), &["check", "-c", "m.toml"]);
    assert_eq!(code(&output), 2);
    let error = standard_error(&output);
    assert!(error.contains("m.toml:1:") && error.contains("m.toml:3:"), "{error}");
    assert!(!directory.path().join("mailferry.state").exists());
}

#[test]
fn status_without_a_state_is_fatal_and_says_what_to_do() {
    let directory = with_settings();
    for command in [&["status"][..], &["plan"], &["apply"], &["forget", "alice"]] {
        let output = mailferry(directory.path(), command);
        assert_eq!(code(&output), 1, "{command:?}");
        assert!(standard_error(&output).contains("mailferry scan"), "{command:?}: {}", standard_error(&output));
        assert!(!directory.path().join("mailferry.state").exists());
    }
}

#[test]
fn init_writes_a_file_that_loads_once_it_is_filled_in() {
    let directory = empty();
    let output = mailferry(directory.path(), &["init", "--source", "zimbra", "--destination", "dovecot", "my.toml"]);
    assert_eq!(code(&output), 0, "{}", standard_error(&output));
    assert!(standard_output(&output).contains("mailferry check -c my.toml"), "{}", standard_output(&output));

    let file = directory.path().join("my.toml");
    let unfilled = mailferry(directory.path(), &["status", "-c", "my.toml"]);
    assert_eq!(code(&unfilled), 2, "{}", standard_error(&unfilled));

    let template = fs::read_to_string(&file).expect("written");
    fs::write(&file, filled(&template)).expect("written");
    let loaded = mailferry(directory.path(), &["status", "-c", "my.toml"]);
    assert!(standard_error(&loaded).contains("there is no state in"), "{}", standard_error(&loaded));
}

/// The template with a word of its own for each `<…>` outside its comments.
fn filled(template: &str) -> String {
    let fill = |(number, line): (usize, &str)| match (line.starts_with('#'), line.find('<'), line.find('>')) {
        (false, Some(start), Some(end)) => format!("{}word{number}{}\n", &line[..start], &line[end + 1..]),
        _ => format!("{line}\n"),
    };
    template.lines().enumerate().map(fill).collect()
}

#[test]
fn init_never_overwrites() {
    let directory = with_settings();
    let before = fs::read(directory.path().join("mailferry.toml")).expect("read");
    let output = mailferry(directory.path(), &["init"]);
    assert_eq!(code(&output), 2);
    assert!(standard_error(&output).contains("mailferry.toml already exists"), "{}", standard_error(&output));
    assert_eq!(fs::read(directory.path().join("mailferry.toml")).expect("read"), before);
    let shown = mailferry(directory.path(), &["init", "-"]);
    assert!(standard_output(&shown).contains("[destination]"));
}

#[test]
fn unreachable_servers_exit_with_4_and_leave_no_secret() {
    let directory = empty();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let url = |user: &str| format!("imaps://{user}@127.0.0.1:{nobody}");
    let output = Command::new(env!("CARGO_BIN_EXE_mailferry"))
        .args(["check", "--source", &url("alice"), "--destination", &url("bob"), "--log-file", "run.log"])
        .current_dir(directory.path())
        .env_clear()
        .env("MAILFERRY_SOURCE_PASSWORD", "geheim1")
        .env("MAILFERRY_DESTINATION_PASSWORD", "geheim2")
        .stdin(Stdio::null())
        .output()
        .expect("mailferry runs");
    assert_eq!(code(&output), 4, "{}", standard_error(&output));
    let log = fs::read_to_string(directory.path().join("run.log")).expect("a log");
    let shown = standard_output(&output) + &standard_error(&output) + &log;
    assert!(!shown.contains("geheim"), "{shown}");
    assert!(standard_error(&output).contains("2 failures:"), "{}", standard_error(&output));
}

#[test]
fn completions_and_manual_pages_cover_every_command() {
    let directory = empty();
    let script = standard_output(&mailferry(directory.path(), &["completions", "bash"]));
    assert!(script.contains("--detailed-exitcode"), "{script}");
    assert_eq!(code(&mailferry(directory.path(), &["man", "pages"])), 0);
    for page in ["mailferry.1", "mailferry-sync.1", "mailferry-explain.1"] {
        assert!(directory.path().join("pages").join(page).exists(), "{page}");
    }
}

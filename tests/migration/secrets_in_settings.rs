//! Where the settings are wrong, what may be a password is not quoted; and files with passwords that others can read are
//! told of.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::ferry::{Ferry, Output, Side};
use crate::support::server::User;
use crate::support::shared;

const SECRET: &str = "Tr0ub4dor&3";

/// What the program says to this settings file, with everything that it logs.
fn told_of(settings: &str, accounts: &str) -> Output {
    let pair = shared::dovecot_pair();
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination));
    fs::write(ferry.directory().join("mailferry.toml"), settings).expect("the settings");
    fs::write(ferry.directory().join("accounts.csv"), accounts).expect("the accounts");
    let arguments = ["check", "--log-level", "trace", "--log-file", "ferry.log"];
    let mut output = ferry.start_without_settings(&arguments).finish();
    output.stderr.push_str(&fs::read_to_string(ferry.directory().join("ferry.log")).unwrap_or_default());
    output
}

#[track_caller]
fn assert_not_repeated(settings: &str, accounts: &str) {
    let output = told_of(settings, accounts).expect(2);
    assert!(!format!("{output}").contains("Tr0ub4dor"), "{settings}\n{output}");
    assert!(output.stderr.contains("mailferry.toml") || output.stderr.contains("accounts.csv"), "{output}");
}

#[test]
fn password_in_the_settings_is_not_repeated() {
    for line in [
        format!("password = \"{SECRET}\""),
        format!("password = '{SECRET}"),
        format!("password = {SECRET}"),
        format!("password = [\"{SECRET}\"]"),
        format!("password = \"{SECRET}\" oops"),
        format!("password = \"{SECRET}\\x\""),
        format!("password = \"\"\"\n{SECRET}\n"),
        format!("password : {SECRET}"),
        format!("password \"{SECRET}\""),
        format!("passwort = \"{SECRET}\""),
        format!("password_file = [\"{SECRET}\"]"),
        format!("password_env = \"{SECRET}\""),
        format!("password_command = \"echo {SECRET}\""),
        format!("password_command = [\"no-such-program-here\", \"{SECRET}\"]"),
        format!("port = \"{SECRET}\""),
        format!("host = \"imaps://anna:{SECRET}@localhost\""),
        format!("url = \"imaps://anna:{SECRET}@localhost\""),
    ] {
        let host = if line.starts_with("host") { "" } else { "host = \"localhost\"\n" };
        let rest = "[destination]\nhost = \"new.example\"\n[[account]]\nsource_user = \"anna\"\n";
        assert_not_repeated(&format!("[source]\n{host}{line}\n{rest}"), "");
    }
}

#[test]
fn password_in_the_accounts_is_not_repeated() {
    let settings =
        "[source]\nhost = \"localhost\"\n[destination]\nhost = \"new.example\"\n[accounts]\nfile = \"accounts.csv\"\n";
    for accounts in [
        format!("source_user,password\nanna,{SECRET}\n"),
        format!("source_user,destination_password\nanna,\"{SECRET}\n"),
        format!("source_user,source_password_env\nanna,{SECRET}\n"),
        format!("source_user\nanna,{SECRET}\n"),
        format!("source_user,source_password_command\nanna,\"echo '{SECRET}'\"\n"),
        format!("anna,{SECRET},anna,{SECRET}\nbob,{SECRET},bob,{SECRET}\n"),
        format!("old;anna;{SECRET};new;anna;{SECRET};\n"),
        format!("source_user,{SECRET}\nanna,{SECRET}\n"),
        format!("source_user,source_password\nanna,\"{SECRET}\nbob,x\n"),
        format!("source_user,source_password\n{SECRET},anna\n{SECRET},anna\n"),
        format!("source_user,source_password\nanna,{SECRET},{SECRET}\n"),
        format!("source_user;destination_user;source_password\nanna;;{SECRET}\n"),
        format!("source_user,source_password\nanna\t{SECRET}\n"),
        format!("source_user,source_password_file\nanna,{SECRET}\n"),
        format!("source_user,source_password_command\nanna,{SECRET}\n"),
        "source_user,source_password_env\nanna,Tr0ub4dor\n".to_owned(),
        format!("EmailAddress,UserName,Password\nanna@x,anna,{SECRET}\n"),
        format!("\u{feff}source_user,source_password\nanna,{SECRET}\n"),
    ] {
        assert_not_repeated(settings, &accounts);
    }
    let account = format!("[[account]]\nsource_user = \"anna\"\nsource_password = \"{SECRET}\"\n");
    assert_not_repeated(&settings.replace("[accounts]\nfile = \"accounts.csv\"\n", &account), "");
}

#[test]
fn password_among_the_arguments_is_not_repeated() {
    let pair = shared::dovecot_pair();
    let ferry = Ferry::new(Side::of(&pair.source), Side::of(&pair.destination)).with_account(&User::named("anna"));
    let url = format!("imaps://anna:{SECRET}@localhost");
    let assigned = format!("--destination-password={SECRET}");
    for arguments in [
        &["sync", &url][..],
        &["sync", "--source", &url],
        &["sync", &assigned],
        &["check", "--source_password", SECRET],
    ] {
        let output = ferry.run(arguments).expect(2);
        assert!(!format!("{output}").contains("Tr0ub4dor"), "{arguments:?}\n{output}");
    }
}

#[test]
fn tunnel_that_cannot_be_started_is_named_without_its_arguments() {
    let pair = shared::dovecot_pair();
    let tunnel = Side::through_tunnel(&format!("[\"no-such-program-here\", \"-p\", \"{SECRET}\", \"ssh\"]"));
    let ferry = Ferry::new(tunnel, Side::of(&pair.destination)).with_account(&pair.add_fresh_user("anna"));
    let arguments = ["sync", "--log-level", "trace", "--log-file", "ferry.log"];
    let output = ferry.run(&arguments).complains(&["no-such-program-here"]);
    let log = fs::read_to_string(ferry.directory().join("ferry.log")).expect("the log");
    assert!(!format!("{output}{log}").contains("Tr0ub4dor"), "{output}");
}

#[test]
fn tunnel_with_a_password_among_its_arguments_leaves_none_in_the_state() {
    let pair = shared::dovecot_pair();
    let script = format!("[\"sh\", \"-c\", \"exit 1\", \"{SECRET}\"]");
    let ferry = Ferry::new(Side::through_tunnel(&script), Side::of(&pair.destination));
    let ferry = ferry.with_settings("[limits]\nretries = 0");
    let ferry = ferry.with_account(&pair.add_fresh_user("anna"));
    ferry.run(&["sync", "--log-level", "trace"]);
    let files = super::secrets::files_below(&ferry.state());
    assert!(!files.is_empty(), "there is a state");
    for file in files {
        let octets = fs::read(&file).expect("a file");
        assert!(memchr::memmem::find(&octets, b"Tr0ub4dor").is_none(), "{} holds it", file.display());
    }
}

#[test]
fn password_files_that_others_can_read_are_told_of() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("anna");
    let sides = [Side::of(&pair.source).with_own_passwords(), Side::of(&pair.destination)];
    let [source, destination] = sides;
    let ferry = Ferry::new(source, destination)
        .with_account_lines(&format!("source_user = \"{}\"\nsource_password_file = \"anna.password\"", user.name));
    let file = ferry.directory().join("anna.password");
    fs::write(&file, &user.password).expect("the password file");
    for (mode, warns) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o666, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode");
        let output = ferry.run(&["check"]).expect(0);
        assert_eq!(output.stderr.contains("chmod 600"), warns, "mode {mode:o}: {output}");
    }
}

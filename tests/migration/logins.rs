//! Every way to log in, on servers that offer them.

use std::fs;

use crate::support::authority;
use crate::support::cyrus::{self, Cyrus};
use crate::support::dovecot::{Dovecot, Options};
use crate::support::ferry::{Ferry, Side};
use crate::support::server::{Server, User};
use crate::support::shared;

/// A password of which no octet may get lost.
const PLAIN_WORD: &str = "pa ss,=\"word";

/// A Dovecot that takes passwords in every way, and client certificates.
fn accommodating() -> Dovecot {
    let lines = [
        "auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 external",
        "auth_ssl_username_from_cert = yes",
        "ssl_verify_client_cert = yes",
        "ssl_require_crl = no",
        "ssl_cert_username_field = commonName",
        "passdb {\n  driver = static\n  mechanisms = external\n  args = nopassword=y\n}",
    ];
    let mut options = Options::maildir_with_dots();
    options.extra_configuration = lines.map(str::to_owned).to_vec();
    let directory = tempfile::tempdir().expect("a directory");
    let authority = directory.keep().join("clients.pem");
    let owner = crate::support::process::ServiceUser::current();
    let files = authority::write_tls_files(authority.parent().expect("it"), &options.certificate_names, &owner);
    options.extra_configuration.push(format!("ssl_ca = <{}", files.authority.display()));
    Dovecot::start(options)
}

/// Checks an account of that source, with the shared destination.
fn checked(source: Side, user: &User) -> Ferry {
    let pair = shared::dovecot_pair();
    pair.destination.add_user(user);
    Ferry::new(source, Side::of(&pair.destination)).with_account(user)
}

#[track_caller]
fn assert_logged_in_by(server: &dyn Server, user: &str, method: &str) {
    let log = server.log();
    let login = log.lines().rev().find(|line| line.contains("Login:") && line.contains(&format!("user=<{user}>")));
    let login = login.unwrap_or_else(|| panic!("{user} never logged in: {log}"));
    assert!(login.contains(&format!("method={method},")), "{login}");
}

#[test]
fn dovecot_takes_every_mechanism_of_a_user_and_of_a_master() {
    let server = accommodating();
    let own = |side: Side| side.with_own_passwords();
    for (auth, method) in [
        (None, "SCRAM-SHA-256"),
        (Some("plain"), "PLAIN"),
        (Some("cram-md5"), "CRAM-MD5"),
        (Some("scram-sha-1"), "SCRAM-SHA-1"),
        (Some("scram-sha-256"), "SCRAM-SHA-256"),
    ] {
        let user = User::fresh("various").with_password(PLAIN_WORD);
        server.add_user(&user);
        for side in [own(Side::of(&server)), own(Side::of(&server)).by_starttls(&server)] {
            let side = auth.iter().fold(side, |side, auth| side.set("auth", format!("\"{auth}\"")));
            checked(side, &user).run(&["check"]).expect(0);
            assert_logged_in_by(&server, &user.name, method);
        }
    }
    // The client's certificate tells who it is: nobody is asked for a password.
    let user = User::fresh("certified");
    server.add_user(&user);
    let side = Side::of(&server).without("master_user").set("auth", "\"external\"").with_master_password("unused");
    let side = side.set("client_certificate_file", "\"client.pem\"");
    let mut ferry = checked(side.with_own_passwords(), &user);
    ferry.source = ferry.source.without("password_env");
    fs::write(ferry.directory().join("client.pem"), authority::client_certificate(&user.name)).expect("a certificate");
    ferry.run(&["check"]).expect(0);
    assert_logged_in_by(&server, &user.name, "EXTERNAL");
    let stranger = User::fresh("stranger");
    server.add_user(&stranger);
    fs::write(ferry.directory().join("client.pem"), authority::client_certificate(&stranger.name)).expect("another");
    ferry.run(&["check"]).expect(4).complains(&["could not log in", "certificate"]);
}

/// Its master passdb continues with the user's own, which SCRAM cannot: the mechanism is offered and refused.
#[test]
fn mechanism_that_is_offered_and_refused_gives_way_to_the_next_and_is_told_once() {
    let server = accommodating();
    let pair = shared::dovecot_pair();
    let mut ferry = Ferry::new(Side::of(&server), Side::of(&pair.destination));
    for user in (0..3).map(|_| User::fresh("governed")) {
        server.add_user(&user);
        pair.destination.add_user(&user);
        ferry = ferry.with_account(&user);
    }
    let output = ferry.run(&["check", "-j", "1", "--progress", "plain"]).expect(0);
    let news = "localhost offers SCRAM-SHA-256 and refused it; PLAIN serves from here on";
    assert_eq!(output.stderr.matches(news).count(), 1, "{output}");
    let log = server.log();
    assert_eq!(log.matches("method=PLAIN,").count(), 3, "{log}");
    ferry.source = ferry.source.set("auth", "\"scram-sha-256\"");
    ferry.run(&["check"]).expect(4).complains(&["could not log in as `admin` for `governed-"]);
}

/// What a variable got by mistake is told apart from a wrong password.
#[test]
fn password_that_ends_in_a_line_end_is_told_where_it_is_refused() {
    let pair = shared::dovecot_pair();
    for (odd, told) in
        [("\n", "ends in a line end"), (" ", "ends in a blank"), ("", "check the user name and the password")]
    {
        let user = User::fresh("mistaken");
        pair.source.add_user(&user);
        let wrong = format!("{}{}{odd}", user.password, if odd.is_empty() { "x" } else { "" });
        let ferry = checked(Side::of(&pair.source).with_own_passwords(), &user.clone().with_password(&wrong));
        ferry.run(&["check"]).expect(4).complains(&["could not log in", told]);
    }
}

#[test]
fn cyrus_takes_scram_and_cram_md5_and_for_its_master_too() {
    let server = Cyrus::start(cyrus::Options {
        mechanisms: "PLAIN SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5".to_owned(),
        ..cyrus::Options::default()
    });
    let user = User::fresh("various").with_password("pa ss word");
    server.add_user(&user);
    for auth in [None, Some("scram-sha-256"), Some("scram-sha-1"), Some("cram-md5"), Some("plain")] {
        let set = |side: Side| auth.iter().fold(side, |side, auth| side.set("auth", format!("\"{auth}\"")));
        checked(set(Side::of(&server).with_own_passwords()), &user).run(&["check"]).expect(0);
        if auth != Some("cram-md5") {
            checked(set(Side::of(&server)), &user).run(&["check"]).expect(0);
        }
    }
}

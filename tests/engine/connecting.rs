//! From the greeting to a session that is logged in.

use mailferry::error::Kind;
use mailferry::model::server::{Address, Mechanism, Server, Tls};

use crate::conversation::{LITTLE_PATIENCE, connect_as, logged_in, refused, server};
use crate::support::scripted::Scripted;

/// Holds hazard 12.
#[test]
fn greeting_that_says_bye_is_no_greeting() {
    let error = refused("S: * BYE too many connections");
    assert_eq!(*error.kind(), Kind::Unreachable);
    assert!(error.to_string().contains("too many connections") || error.line().contains("too many connections"));
}

/// Holds hazard 13.
#[test]
fn login_with_texts_that_are_not_ascii_succeeds() {
    let script = "S: * OK Grüß Gott\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1⏎m1 OK fertig\nC: LOGIN\n\
                  S: $ OK [CAPABILITY IMAP4rev1] schön\nC: NOOP\nS: $ OK zurück";
    let scripted = Scripted::start(script);
    let mut session = connect_as(server(scripted.port()), "user", "secret").expect("log in");
    session.run(b"NOOP", "noop", |_| Ok(())).expect("it goes on");
}

/// Holds hazard 15.
#[test]
fn capabilities_without_imap4rev1_are_told_and_no_panic() {
    let error = refused(
        "S: * OK ready\nC: CAPABILITY\nS: * CAPABILITY IMAP4 X⏎m1 OK done\nC: LOGIN\nS: $ OK [CAPABILITY IMAP4 X] in",
    );
    assert!(error.line().contains("IMAP4rev1"), "{}", error.line());
}

/// Holds hazard 16.
#[test]
fn password_that_is_not_ascii_goes_by_authenticate() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\nC: AUTHENTICATE PLAIN\nS: $ OK [CAPABILITY IMAP4rev1] in";
    let scripted = Scripted::start(script);
    connect_as(server(scripted.port()), "user", "Grüße \"\\").expect("log in");
    let word = scripted.commands()[0].trim_start_matches("AUTHENTICATE PLAIN ").to_owned();
    assert_eq!(crate::support::base64::encode("\0user\0Grüße \"\\".as_bytes()), word);
}

/// Holds hazard 17.
#[test]
fn unknown_response_code_of_a_refused_login_is_kept() {
    let error = refused("S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN\nS: $ NO [X-LOCKED until=noon] locked");
    assert_eq!(*error.kind(), Kind::Authentication);
    assert!(error.line().contains("[X-LOCKED until=noon]"), "{}", error.line());
}

/// Holds engine/wire/buffered.rs invariant 1.
#[test]
fn what_comes_with_the_answer_to_the_login_is_not_lost() {
    let script =
        "S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN\nS: $ OK [CAPABILITY IMAP4rev1] in⏎* 7 EXISTS⏎m1 OK early";
    let scripted = Scripted::start(script);
    let mut session = connect_as(server(scripted.port()), "user", "secret").expect("log in");
    let mut seen = Vec::new();
    session
        .run(b"NOOP", "noop", |response| {
            seen.push(String::from_utf8_lossy(response.text()).into_owned());
            Ok(())
        })
        .expect("the answer came with the login's");
    assert_eq!(seen, ["* 7 EXISTS"]);
}

/// Holds engine/wire/buffered.rs invariant 3.
#[test]
fn text_between_starttls_and_the_handshake_is_an_injection() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\nC: STARTTLS\nS: $ OK begin⏎* CAPABILITY IMAP4rev1 AUTH=EVIL\nC: never";
    let scripted = Scripted::start(script);
    let settings = mailferry::model::server::Server { tls: Tls::StartTls, ..server(scripted.port()) };
    let error = connect_as(settings, "user", "secret").err().expect("no session");
    assert_eq!(*error.kind(), Kind::Protocol);
    assert!(error.line().contains("STARTTLS"), "{}", error.line());
    assert_eq!(scripted.commands(), ["STARTTLS"], "no password was sent");
}

/// However STARTTLS is refused: nothing of the login leaves.
#[test]
fn starttls_that_is_refused_sends_no_password() {
    let answers =
        ["S: $ NO [UNAVAILABLE] not now\nC: never", "S: $ BAD what\nC: never", "S: * BYE going down", "C: never"];
    for answer in answers {
        let scripted =
            Scripted::start(&format!("S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\nC: STARTTLS\n{answer}"));
        let mut settings = Server { tls: Tls::StartTls, ..server(scripted.port()) };
        settings.timeouts.login = LITTLE_PATIENCE;
        let error = connect_as(settings, "user", "secret").err().expect("no session");
        assert!(error.place().side.is_some(), "{}", error.line());
        assert_eq!(scripted.commands(), ["STARTTLS"], "{answer}");
    }
}

#[test]
fn server_that_is_logged_in_before_starttls_is_refused() {
    let scripted = Scripted::start("S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] in");
    let settings = mailferry::model::server::Server { tls: Tls::StartTls, ..server(scripted.port()) };
    let error = connect_as(settings, "user", "secret").err().expect("no session");
    assert_eq!(*error.kind(), Kind::Protocol);
}

/// Over the network nobody can tell whose mailboxes a server shows that was never asked for any.
#[test]
fn server_that_is_logged_in_over_the_network_is_refused() {
    let scripted = Scripted::start("S: * PREAUTH [CAPABILITY IMAP4rev1] in\nC: never");
    let error = connect_as(server(scripted.port()), "user", "secret").err().expect("no session");
    assert_eq!(*error.kind(), Kind::Authorization);
    assert!(scripted.commands().is_empty(), "nothing was asked");
}

/// Holds hazard 10.
#[test]
fn server_that_is_silent_is_given_up() {
    let at_login = "S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN\nC: never";
    for (script, kind) in [("C: never", Kind::Unreachable), (at_login, Kind::Connection)] {
        let scripted = Scripted::start(script);
        let mut settings = server(scripted.port());
        settings.timeouts.login = LITTLE_PATIENCE;
        let error = connect_as(settings, "user", "secret").err().expect("no session");
        assert_eq!(*error.kind(), kind, "{script}");
    }
    let (_scripted, mut session) = {
        let scripted = Scripted::start(
            "S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN\nS: $ OK [CAPABILITY IMAP4rev1] in\nC: NOOP\nS: * 1 EX\nC: never",
        );
        let mut settings = server(scripted.port());
        settings.timeouts.read = LITTLE_PATIENCE;
        let session = connect_as(settings, "user", "secret").expect("log in");
        (scripted, session)
    };
    let error = session.run(b"NOOP", "noop", |_| Ok(())).expect_err("no answer");
    assert_eq!(*error.kind(), Kind::Connection);
}

#[test]
fn login_where_it_is_asked_for_is_the_login_command() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\nC: LOGIN \"user\" \"se\\\"cr\\\\et\"\nS: $ OK [CAPABILITY IMAP4rev1] in";
    let scripted = Scripted::start(script);
    let settings = mailferry::model::server::Server { mechanism: Some(Mechanism::Login), ..server(scripted.port()) };
    connect_as(settings, "user", "se\"cr\\et").expect("log in");
}

/// Holds engine/conversation/session.rs invariant 1.
#[test]
fn tags_are_never_used_twice() {
    let (scripted, mut session) = logged_in("", "C: NOOP\nS: $ OK a\nC: NOOP\nS: $ NO b\nC: NOOP\nS: $ OK c");
    for _ in 0..3 {
        let _ = session.run(b"NOOP", "noop", |_| Ok(()));
    }
    let mut tags = scripted.tags();
    assert_eq!(tags.len(), 4, "{tags:?}");
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

/// Holds engine/conversation/session.rs invariant 2. Holds disaster rule 3.
#[test]
fn session_is_dead_after_what_cannot_be_understood() {
    for line in ["* BYE going down", "* BAD what was that", "m99 OK not asked for", "zzz", "+ go on", "m1 PERHAPS"] {
        let (_scripted, mut session) =
            logged_in("", &format!("C: NOOP\nS: {line}\nS: $ OK done\nC: NOOP\nS: $ OK done"));
        session.run(b"NOOP", "noop", |_| Ok(())).expect_err(line);
        assert!(!session.is_alive(), "{line}");
        let error = session.run(b"NOOP", "noop", |_| Ok(())).expect_err("it is dead");
        assert_eq!(*error.kind(), Kind::Connection, "{line}");
    }
}

/// Holds engine/conversation/session.rs invariant 3. Holds disaster rule 10.
#[test]
fn command_of_two_lines_is_never_sent() {
    let (scripted, mut session) = logged_in("", "C: NOOP\nS: $ OK done");
    for command in [&b"NOOP\r\nx DELETE INBOX"[..], b"NOOP\nx", b"NOOP\0"] {
        assert!(session.send(command).is_err());
    }
    session.run(b"NOOP", "noop", |_| Ok(())).expect("the session is not spoilt");
    assert_eq!(scripted.commands().last().map(String::as_str), Some("NOOP"));
}

/// GNU mailutils 3.15 ends the answer to AUTHENTICATE so.
#[test]
fn login_whose_answer_ends_in_a_bare_lf_is_a_login() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\nC: AUTHENTICATE PLAIN\n\
                  S: $ OK AUTHENTICATE PLAIN authentication successful␊\nC: CAPABILITY\n\
                  S: * CAPABILITY IMAP4rev1⏎m1 OK done\nC: NOOP\nS: $ OK done";
    let scripted = Scripted::start(script);
    let mut session = connect_as(server(scripted.port()), "user", "secret").expect("log in");
    session.run(b"NOOP", "noop", |_| Ok(())).expect("it goes on");
}

#[test]
fn refusal_that_ends_in_a_bare_lf_is_a_refusal() {
    let error = refused("S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN\nS: $ NO wrong␊");
    assert_eq!(*error.kind(), Kind::Authentication);
}

/// Courier 5.0 in a tunnel, where it has no file system notifications.
#[test]
fn tunnel_that_greets_with_an_alert_may_be_logged_in() {
    let script = "printf '* OK [ALERT] Filesystem notification initialization error\\r\\n* PREAUTH Ready.\\r\\n'; \
                  read -r tag rest; printf '* CAPABILITY IMAP4rev1\\r\\n%s OK done\\r\\n' \"$tag\"; \
                  read -r tag rest; printf '%s OK done\\r\\n' \"$tag\"";
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let settings = Server { address: Address::Tunnel(command), ..server(0) };
    let mut session = connect_as(settings, "user", "never asked for").expect("log in");
    session.run(b"NOOP", "noop", |_| Ok(())).expect("it goes on");
}

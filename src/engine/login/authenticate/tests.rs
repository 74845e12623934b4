//! What is sent for each way to log in, and what is made of the answers.

use super::*;
use crate::model::Side;
use crate::model::server::Tls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn settings(master: Option<MasterStyle>) -> Server {
    let address = Address::Tcp { host: "h".to_owned(), port: 993 };
    let master = master.map(|style| Master { user: "m".to_owned(), style });
    Server { master, ..Server::at(Side::Source, address, Tls::Implicit) }
}

/// What is sent for a login of `u`, and what comes of it.
fn login(
    server: &Server,
    password: &str,
    ways: &[Mechanism],
    offered: &str,
    answers: &str,
) -> (Vec<u8>, Result<Witness>) {
    let (mut wire, heard) = Wire::heard(answers.as_bytes(), &[3, 7]);
    let (password, offered) = (Secret::new(password.to_owned()), Capabilities::parse(offered));
    let login = Login { wire: &mut wire, server, identity: Identity::new(server, "u"), offered: &offered };
    let outcome = login.run(&password, ways, &Disappointments::default());
    wire.write(b"after").and_then(|()| wire.flush()).unwrap();
    let octets = heard.octets();
    (octets.strip_suffix(b"after").expect("the wire is free again").to_vec(), outcome)
}

fn sent(password: &str, mechanism: Mechanism, offered: &str, answers: &str) -> (Vec<u8>, Result<Witness>) {
    login(&settings(None), password, &[mechanism], offered, answers)
}

/// What is sent for a login with a token of that length.
fn with_token(mechanism: Mechanism, offered: &str, answers: &str) -> (String, Result<Witness>) {
    let (octets, outcome) = sent("t0k", mechanism, offered, answers);
    (String::from_utf8(octets).unwrap(), outcome)
}

/// Holds hazard 18.
#[test]
fn log_in_token_that_is_refused_is_sent_once() {
    let token = STANDARD.encode("user=u\u{1}auth=Bearer t0k\u{1}\u{1}");
    let challenge = STANDARD.encode(r#"{"status":"401","schemes":"bearer"}"#);
    let no = "s1 NO [AUTHENTICATIONFAILED] no\r\n";
    let cases = [
        ("SASL-IR", format!("+ {challenge}\r\n{no}"), format!("s1 AUTHENTICATE XOAUTH2 {token}\r\n\r\n"), "status 401"),
        (
            "",
            format!("+ \r\n+ {challenge}\r\n{no}"),
            format!("s1 AUTHENTICATE XOAUTH2\r\n{token}\r\n\r\n"),
            "status 401",
        ),
        // Exchange and Stalwart say NO at once.
        ("SASL-IR", no.to_owned(), format!("s1 AUTHENTICATE XOAUTH2 {token}\r\n"), "NO [AUTHENTICATIONFAILED] no"),
        ("SASL-IR", format!("+ no json\r\n{no}"), format!("s1 AUTHENTICATE XOAUTH2 {token}\r\n\r\n"), "no json"),
    ];
    for (offered, answers, expected, cause) in cases {
        let (octets, outcome) = with_token(Mechanism::XOAuth2, offered, &answers);
        assert_eq!(octets, expected);
        let error = outcome.err().expect("it is refused");
        assert_eq!(*error.kind(), Kind::Authentication);
        assert!(error.line().contains(cause) && !error.line().contains("t0k"), "{}", error.line());
    }
    let (octets, _) = with_token(Mechanism::OAuthBearer, "SASL-IR", &format!("+ {challenge}\r\n{no}"));
    assert!(octets.ends_with("\r\nAQ==\r\n"), "{octets}");
    // A server that asks on and on is told to stop.
    let (octets, outcome) = with_token(Mechanism::XOAuth2, "SASL-IR", "+ e30=\r\n+ e30=\r\ns1 BAD stopped\r\n");
    assert!(octets.ends_with("\r\n\r\n*\r\n") && outcome.is_err_and(|error| *error.kind() == Kind::Protocol));
}

#[test]
fn log_in_token_refusals_that_pass_are_no_refusals_of_the_token() {
    let outcome =
        with_token(Mechanism::XOAuth2, "SASL-IR", "s1 NO [UNAVAILABLE] Temporary authentication failure\r\n").1;
    assert!(outcome.is_err_and(|error| error.is_transient()));
    let long = "t".repeat(8000);
    let (octets, outcome) = sent(&long, Mechanism::XOAuth2, "SASL-IR", "");
    let error = outcome.err().expect("the connection is cut");
    assert!(octets.len() > 8000 && *error.kind() == Kind::Authentication, "{}", error.line());
    assert!(error.advice().is_some_and(|advice| advice.contains("too long")));
    let outcome = sent("short", Mechanism::XOAuth2, "SASL-IR", "").1;
    assert!(outcome.is_err_and(|error| *error.kind() == Kind::Connection));
}

#[test]
fn log_in_mechanism_that_is_offered_and_refused_gives_way_to_the_next_once() {
    let ways = [Mechanism::CramMd5, Mechanism::Plain];
    let plain = STANDARD.encode("\0u\0p");
    let (octets, outcome) = login(&settings(None), "p", &ways, "SASL-IR", "s1 NO no such mechanism\r\ns2 OK in\r\n");
    assert!(outcome.is_ok());
    assert_eq!(
        String::from_utf8_lossy(&octets),
        format!("s1 AUTHENTICATE CRAM-MD5\r\ns2 AUTHENTICATE PLAIN {plain}\r\n")
    );
    let (octets, outcome) = login(&settings(None), "p", &ways, "SASL-IR", "s1 NO [UNAVAILABLE] later\r\n");
    assert!(outcome.is_err_and(|error| error.is_transient()) && octets == b"s1 AUTHENTICATE CRAM-MD5\r\n");
    let (octets, outcome) = login(&settings(None), "p", &ways, "SASL-IR", "s1 NO a\r\ns2 NO b\r\n");
    assert!(outcome.is_err_and(|error| *error.kind() == Kind::Authentication) && octets.ends_with(b"\r\n"));
}

#[test]
fn log_in_server_that_says_ok_without_its_proof_is_not_believed() {
    // Nothing weaker is tried with it.
    let ways = [Mechanism::ScramSha256, Mechanism::Plain];
    let (octets, outcome) = login(&settings(None), "p", &ways, "SASL-IR", "s1 OK in\r\n");
    let error = outcome.err().expect("nothing was proved");
    assert!(error.line().contains("did not prove"), "{}", error.line());
    assert!(!String::from_utf8_lossy(&octets).contains("PLAIN"), "{}", octets.escape_ascii());
}

/// Sun and Oracle have PROXYAUTH, Kerio X-MASTERAUTH, GroupWise trusted applications.
#[test]
fn log_in_kinds_of_master_users_each_in_its_own_words() {
    let plain = |user: &str| STANDARD.encode(format!("\0{user}\0p"));
    let cases = [
        (
            MasterStyle::ProxyAuth,
            "s1 OK in\r\ns9 OK [CAPABILITY IMAP4rev1 X] u\r\n",
            format!("s1 AUTHENTICATE PLAIN {}\r\ns9 PROXYAUTH \"u\"\r\n", plain("m")),
        ),
        (MasterStyle::Backslash, "s1 OK in\r\n", format!("s1 AUTHENTICATE PLAIN {}\r\n", plain("m\\u"))),
        // MD5 of the challenge and the password.
        (
            MasterStyle::MasterAuth,
            "+ <1.2@h>\r\ns1 OK yes\r\ns9 OK u\r\n",
            "s1 X-MASTERAUTH\r\n9eb017546280e244462e0f3c259350c7\r\ns9 X-SETUSER \"u\"\r\n".to_owned(),
        ),
        (
            MasterStyle::TrustedApplication,
            "+ \r\ns1 OK yes\r\ns9 OK u\r\n",
            "s1 AUTHENTICATE XGWTRUSTEDAPP\r\nXGWTRUSTEDAPP bQBw\r\ns9 LOGIN \"u\" \"\"\r\n".to_owned(),
        ),
    ];
    for (style, answers, expected) in cases {
        let ways = if style.is_its_own_mechanism() { &[][..] } else { &[Mechanism::Plain] };
        let (octets, outcome) = login(&settings(Some(style)), "p", ways, "SASL-IR", answers);
        assert!(outcome.is_ok(), "{style:?}: {}", outcome.err().unwrap().line());
        assert_eq!(String::from_utf8_lossy(&octets), expected, "{style:?}");
    }
    let (_, outcome) = login(
        &settings(Some(MasterStyle::ProxyAuth)),
        "p",
        &[Mechanism::Plain],
        "SASL-IR",
        "s1 OK in\r\ns9 NO no such user\r\n",
    );
    assert!(outcome.is_err_and(|error| *error.kind() == Kind::Authorization));
}

#[test]
fn log_in_any_character_in_the_password_arrives() {
    for character in (1..=0x17f).filter_map(char::from_u32).chain(['\u{2028}', '📀', '\u{10ffff}']) {
        let password = format!("{character}pass{character}");
        let response = STANDARD.encode(format!("\0u\0{password}"));
        let plain = |offered, answers| sent(&password, Mechanism::Plain, offered, answers);
        let (octets, outcome) = plain("SASL-IR", "s1 OK in\r\n");
        assert!(outcome.is_ok() && octets == format!("s1 AUTHENTICATE PLAIN {response}\r\n").into_bytes());
        let (octets, outcome) = plain("", "+ \r\ns1 OK in\r\n");
        assert!(outcome.is_ok() && octets == format!("s1 AUTHENTICATE PLAIN\r\n{response}\r\n").into_bytes());
        let as_literal = matches!(character, '\r' | '\n' | '\u{80}'..);
        let answers = if as_literal { "* OK soon\r\n+ go on\r\na1 OK in\r\n" } else { "a1 OK in\r\n" };
        let (octets, outcome) = sent(&password, Mechanism::Login, "", answers);
        let expected = match as_literal {
            true => format!("a1 LOGIN \"u\" {{{}}}\r\n{password}\r\n", password.len()),
            false => format!("a1 LOGIN \"u\" \"{}\"\r\n", password.replace('\\', r"\\").replace('"', "\\\"")),
        };
        assert!(outcome.is_ok() && octets == expected.as_bytes(), "{}", octets.escape_ascii());
    }
}

#[test]
fn log_in_literal_that_is_refused_is_not_sent() {
    let (octets, outcome) = sent("pässword", Mechanism::Login, "", "a1 NO [AUTHENTICATIONFAILED] no literals\r\n");
    assert_eq!(octets, b"a1 LOGIN \"u\" {9}\r\n");
    assert_eq!(outcome.err().map(|error| error.kind().clone()), Some(Kind::Authentication));
    let (octets, outcome) = sent("pässword", Mechanism::Login, "", &"* OK wait\r\n".repeat(200));
    assert!(outcome.is_err() && !octets.ends_with("pässword\r\n".as_bytes()), "endless waiting");
}

#[test]
fn witness_capabilities_of_the_tagged_answer_win() {
    let witness = Witness::read(b"* CAPABILITY A B\r\na1 OK [CAPABILITY IMAP4rev1 QRESYNC] Logged in\r\n");
    assert!(witness.capabilities.has("QRESYNC") && !witness.capabilities.has("A"));
    let refused = Witness::read(b"a1 NO [AUTHORIZATIONFAILED] no\r\n").tagged.unwrap();
    assert_eq!(refused.code, "AUTHORIZATIONFAILED");
}

//! Logging in: SASL PLAIN with or without an authorization identity, `user*master`, LOGIN. Done by the `imap` crate on
//! our wire, which keeps the response codes that the crate drops and puts the secret in where the crate wrote its
//! stand-in.

use crate::engine::conversation::capabilities::Capabilities;
use crate::engine::conversation::status::Status;
use crate::engine::wire::buffered::Wire;
use crate::engine::wire::stand_in::{STAND_IN, StandIn};
use crate::error::{Error, Kind, Result};
use crate::model::Secret;
use crate::model::server::{Master, MasterStyle, Mechanism, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Who logs in, and as whom.
pub struct Identity {
    /// Whose mailboxes are to be opened; empty for the one who logs in.
    pub(in crate::engine) authorization: String,
    /// Whose password is given.
    pub(in crate::engine) authentication: String,
}

impl Identity {
    /// The identity that opens `user`'s mailboxes.
    pub fn new(server: &Server, user: &str) -> Identity {
        match &server.master {
            None => Identity { authorization: String::new(), authentication: user.to_owned() },
            Some(Master { user: master, style: MasterStyle::AuthzId }) => {
                Identity { authorization: user.to_owned(), authentication: master.clone() }
            }
            Some(Master { user: master, style: MasterStyle::Separator(separator) }) => {
                Identity { authorization: String::new(), authentication: format!("{user}{separator}{master}") }
            }
        }
    }

    /// The SASL PLAIN message (RFC 4616 2).
    fn plain(&self, password: &Secret) -> Zeroizing<Vec<u8>> {
        // In one allocation: a vector that grows leaves its content behind.
        Zeroizing::new([&self.authorization, &self.authentication, password.expose()].join("\0").into_bytes())
    }
}

/// Chooses how to log in.
///
/// # Errors
/// `Settings` when what the settings ask for cannot carry the login.
pub fn choose(server: &Server, offered: &Capabilities) -> Result<Mechanism> {
    let needs_authzid = matches!(server.master, Some(Master { style: MasterStyle::AuthzId, .. }));
    match server.mechanism {
        Some(Mechanism::Login) if needs_authzid => {
            Err(Error::new(Kind::Settings, "the LOGIN command cannot carry a master user as authorization identity")
                .hint("remove auth = \"login\", or set master_style = \"separator\" if the server knows that form"))
        }
        Some(mechanism) => Ok(mechanism),
        None if offered.has("AUTH=PLAIN") || needs_authzid => Ok(Mechanism::Plain),
        None if offered.has("LOGINDISABLED") => {
            Err(Error::new(Kind::Protocol, "the server offers neither AUTHENTICATE PLAIN nor LOGIN on this connection")
                .hint("set tls = \"implicit\" or \"starttls\": most servers take passwords only under TLS"))
        }
        None => Ok(Mechanism::Login),
    }
}

struct Responder;

impl imap::Authenticator for Responder {
    type Response = &'static str;

    fn process(&self, _challenge: &[u8]) -> Self::Response {
        STAND_IN
    }
}

/// Reads the greeting line.
///
/// # Errors
/// `Connection` when there is none.
pub fn greeting(wire: &mut Wire) -> Result<Vec<u8>> {
    let mut client = imap::Client::new(&mut *wire);
    let line = client.read_greeting().map_err(|cause| {
        Error::new(Kind::Connection, "the server did not greet")
            .because(cause)
            .hint("check `tls`: implicit is port 993, starttls is port 143")
    })?;
    drop(client);
    wire.take_witnessed();
    Ok(line.trim_ascii_end().to_vec())
}

/// Logs in and returns the tagged OK with the lines before it.
///
/// # Errors
/// `Authentication`, `Authorization`, `Throttled`, or `Connection`.
pub fn log_in(
    wire: &mut Wire,
    identity: &Identity,
    password: &Secret,
    mechanism: Mechanism,
    offered: &Capabilities,
) -> Result<Witness> {
    let outcome = match mechanism {
        Mechanism::Plain => {
            wire.set_stand_in(Some(StandIn::for_response(&identity.plain(password))));
            authenticate(wire, offered.has("SASL-IR"))
        }
        Mechanism::Login => {
            wire.set_stand_in(Some(StandIn::for_password(password.expose())));
            plain_login(wire, &identity.authentication)
        }
    };
    wire.set_stand_in(None);
    let witness = Witness::read(&wire.take_witnessed());
    match (outcome, &witness.tagged) {
        (Ok(()), _) => Ok(witness),
        // The crate does not take a line that ends in a bare LF (GNU mailutils 3.15); what it says is plain all the same.
        (Err(_), Some(status)) if status.is_ok() => Ok(witness),
        (Err(_), Some(status)) => Err(refusal(status, identity)),
        (Err(cause), None) => Err(Error::new(Kind::Connection, "the connection broke at the login").because(cause)),
    }
}

type CrateResult = std::result::Result<(), imap::Error>;

/// The crate writes `AUTHENTICATE ` and the word that it is given; with SASL-IR the initial response goes in there
/// (RFC 4959), and the crate then finds the tagged answer where it looked for a challenge.
fn authenticate(wire: &mut Wire, initial_response: bool) -> CrateResult {
    let initial = if initial_response { format!(" {}", STANDARD.encode(STAND_IN)) } else { String::new() };
    let command = format!("PLAIN{initial}");
    imap::Client::new(wire).authenticate(command, &Responder).map(drop).map_err(|(error, _)| error)
}

fn plain_login(wire: &mut Wire, user: &str) -> CrateResult {
    imap::Client::new(wire).login(user, STAND_IN).map(drop).map_err(|(error, _)| error)
}

/// What the server sent during the login.
#[derive(Default)]
pub struct Witness {
    /// The tagged answer.
    pub tagged: Option<Status>,
    /// From an untagged CAPABILITY, or from the code of the tagged answer; empty when neither came.
    pub capabilities: Capabilities,
}

impl Witness {
    fn read(lines: &[u8]) -> Witness {
        let mut witness = Witness::default();
        for line in lines.split(|&octet| octet == b'\n').map(<[u8]>::trim_ascii_end) {
            if let Some(rest) = line.strip_prefix(b"* ") {
                let text = String::from_utf8_lossy(rest);
                if let Some(words) = text.strip_prefix("CAPABILITY ") {
                    witness.capabilities = Capabilities::parse(words);
                }
            } else if let Some(space) = line.iter().position(|&octet| octet == b' ').filter(|_| !line.starts_with(b"+"))
            {
                witness.tagged = Status::parse(&line[space + 1..]);
            }
        }
        if let Some(status) = witness.tagged.as_ref().filter(|status| status.code == "CAPABILITY") {
            witness.capabilities = Capabilities::parse(&status.arguments);
        }
        witness
    }
}

/// A refused login. Servers are vague on purpose, and Cyrus and Zimbra send no code at all: NO to a login is a refusal
/// of the credentials unless it says that it will pass.
fn refusal(status: &Status, identity: &Identity) -> Error {
    let error = status.error(format!("could not log in as {}", identity.describe()));
    match error.kind() {
        Kind::Throttled(_) | Kind::Connection => error,
        Kind::Authorization => error.hint(format!(
            "the password of {} is right, but it may not open {}: check that the user exists there, and the master user's rights",
            identity.authentication, identity.authorization
        )),
        _ => Error::new(Kind::Authentication, format!("could not log in as {}", identity.describe()))
            .because(&status.text)
            .hint("check the user name and the password; with a master user also `master_user`, `master_style` and its rights on this account"),
    }
}

impl Identity {
    fn describe(&self) -> String {
        match self.authorization.is_empty() {
            true => format!("`{}`", self.authentication),
            false => format!("`{}` for `{}`", self.authentication, self.authorization),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::wire::buffered::Wire;

    /// What is sent for this login, and what comes of it.
    fn sent(password: &str, mechanism: Mechanism, offered: &str, answers: &str) -> (Vec<u8>, Result<Witness>) {
        let (mut wire, heard) = Wire::heard(answers.as_bytes(), &[3, 7]);
        let identity = Identity { authorization: String::new(), authentication: "u".to_owned() };
        let password = Secret::new(password.to_owned());
        let outcome = log_in(&mut wire, &identity, &password, mechanism, &Capabilities::parse(offered));
        wire.write(b"after").and_then(|()| wire.flush()).unwrap();
        let octets = heard.octets();
        (octets.strip_suffix(b"after").expect("the wire is free again").to_vec(), outcome)
    }

    #[test]
    fn log_in_any_character_in_the_password_arrives() {
        for character in (1..=0x17f).filter_map(char::from_u32).chain(['\u{2028}', '📀', '\u{10ffff}']) {
            let password = format!("{character}pass{character}");
            let response = STANDARD.encode(format!("\0u\0{password}"));
            let plain = |offered, answers| sent(&password, Mechanism::Plain, offered, answers);
            let (octets, outcome) = plain("SASL-IR", "a1 OK in\r\n");
            assert!(outcome.is_ok() && octets == format!("a1 AUTHENTICATE PLAIN {response}\r\n").into_bytes());
            let (octets, outcome) = plain("", "+ \r\na1 OK in\r\n");
            assert!(outcome.is_ok() && octets == format!("a1 AUTHENTICATE PLAIN\r\n{response}\r\n").into_bytes());
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
}

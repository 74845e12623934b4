//! Logging in: which words for which mechanism and which kind of master user. The LOGIN command is written by the `imap`
//! crate on our wire, which puts the secret in where the crate wrote its stand-in; dialogues are ours ([`exchange`]).

use super::exchange::{self, Dialogue, Outcome, Witness};
use super::mechanism::Disappointments;
use super::sasl::{Bearer, Conversation, CramMd5, Statement, hexadecimal};
use super::scram::{Binding, Hash, Scram};
use crate::engine::conversation::capabilities::Capabilities;
use crate::engine::conversation::session::quoted;
use crate::engine::conversation::status::Status;
use crate::engine::wire::buffered::Wire;
use crate::engine::wire::stand_in::{STAND_IN, StandIn};
use crate::error::{Error, Kind, Result};
use crate::model::server::{Address, Master, MasterStyle, Mechanism, Server};
use crate::model::{RawName, Secret};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// Who logs in, and as whom.
pub struct Identity {
    /// Whose mailboxes are to be opened; empty for the one who logs in.
    pub(in crate::engine) authorization: String,
    /// Whose password is given.
    pub(in crate::engine) authentication: String,
    /// The command that opens the user's mailboxes once the master is logged in, and its user.
    pub(in crate::engine) act_as: Option<(&'static str, String)>,
}

impl Identity {
    /// The identity that opens `user`'s mailboxes.
    pub fn new(server: &Server, user: &str) -> Identity {
        let own = |authentication: String| Identity { authorization: String::new(), authentication, act_as: None };
        match &server.master {
            None => own(user.to_owned()),
            Some(Master { user: master, style }) => match style {
                MasterStyle::AuthzId => Identity { authorization: user.to_owned(), ..own(master.clone()) },
                MasterStyle::Separator(separator) => own(format!("{user}{separator}{master}")),
                MasterStyle::Backslash => own(format!("{master}\\{user}")),
                MasterStyle::ProxyAuth => {
                    Identity { act_as: Some(("PROXYAUTH", user.to_owned())), ..own(master.clone()) }
                }
                MasterStyle::MasterAuth => {
                    Identity { act_as: Some(("X-SETUSER", user.to_owned())), ..own(master.clone()) }
                }
                MasterStyle::TrustedApplication => {
                    Identity { act_as: Some(("LOGIN", user.to_owned())), ..own(master.clone()) }
                }
            },
        }
    }

    fn describe(&self) -> String {
        let user = self.act_as.as_ref().map_or(&self.authorization, |(_, user)| user);
        match user.is_empty() {
            true => format!("`{}`", self.authentication),
            false => format!("`{}` for `{user}`", self.authentication),
        }
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

/// One login on one connection.
pub struct Login<'a> {
    pub wire: &'a mut Wire,
    pub server: &'a Server,
    pub identity: Identity,
    pub offered: &'a Capabilities,
}

impl Login<'_> {
    /// Logs in, by the next mechanism where one is refused that the server offers. Returned is what the server sent.
    ///
    /// # Errors
    /// `Authentication`, `Authorization`, `Throttled`, `Connection`, or `Protocol`.
    pub fn run(mut self, secret: &Secret, mechanisms: &[Mechanism], known: &Disappointments) -> Result<Witness> {
        let witness = match self.server.master.as_ref().map(|master| master.style) {
            Some(MasterStyle::MasterAuth) => self.master_auth(secret)?,
            Some(MasterStyle::TrustedApplication) => self.trusted_application(secret)?,
            _ => self.by_mechanisms(secret, mechanisms, known)?,
        };
        match self.identity.act_as.take() {
            Some((command, user)) => self.act_as(command, &user, witness),
            None => Ok(witness),
        }
    }

    fn by_mechanisms(&mut self, secret: &Secret, mechanisms: &[Mechanism], known: &Disappointments) -> Result<Witness> {
        let mut refused: Option<(Mechanism, Error)> = None;
        for (number, &mechanism) in mechanisms.iter().enumerate() {
            let is_last = number + 1 == mechanisms.len();
            match self.by(mechanism, secret, number) {
                Ok(witness) => {
                    if let Some((before, _)) = refused {
                        known.note(self.server, before, mechanism);
                    }
                    return Ok(witness);
                }
                // Dovecot whose master is followed by the user's own passdb has no secrets to continue SCRAM with.
                Err(error) if !is_last && matches!(error.kind(), Kind::Authentication | Kind::Authorization) => {
                    refused = Some((mechanism, error))
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.map_or_else(|| Error::new(Kind::Protocol, "there is no way to log in"), |(_, error)| error))
    }

    fn by(&mut self, mechanism: Mechanism, secret: &Secret, number: usize) -> Result<Witness> {
        if mechanism == Mechanism::Login {
            return self.by_login_command(secret);
        }
        let mut conversation = self.conversation(mechanism, secret)?;
        let tag = format!("s{}", number + 1);
        let initial = self.offered.has("SASL-IR");
        let outcome = exchange::authenticate(self.wire, &tag, mechanism.name(), &mut *conversation, initial)?;
        match outcome.status.is_ok() {
            true => Ok(outcome.witness),
            false => Err(refusal(&outcome.status, &self.identity, mechanism, conversation.reason())),
        }
    }

    fn conversation(&self, mechanism: Mechanism, secret: &Secret) -> Result<Box<dyn Conversation>> {
        let Identity { authorization, authentication: user, .. } = &self.identity;
        let scram = |hash| Scram::new(hash, user, authorization, secret.clone(), self.binding(mechanism));
        Ok(match mechanism {
            Mechanism::Plain | Mechanism::Login => Box::new(Statement::plain(authorization, user, secret)),
            Mechanism::External => Box::new(Statement::external(self.opened_user())),
            Mechanism::CramMd5 => Box::new(CramMd5::new(user, secret)),
            Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => Box::new(scram(Hash::Sha1)?),
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => Box::new(scram(Hash::Sha256)?),
            // A token or a certificate opens several users' mailboxes, and it is the user whom the server is told.
            Mechanism::XOAuth2 => Box::new(Bearer::xoauth2(self.opened_user(), secret)),
            Mechanism::OAuthBearer => {
                let place = match &self.server.address {
                    Address::Tcp { host, port } => Some((host.as_str(), *port)),
                    Address::Tunnel(_) => None,
                };
                Box::new(Bearer::oauthbearer(self.opened_user(), place, secret))
            }
        })
    }

    /// Whose mailboxes are opened, for what is not given for a name.
    fn opened_user(&self) -> &str {
        let Identity { authorization, authentication, .. } = &self.identity;
        if authorization.is_empty() { authentication } else { authorization }
    }

    fn binding(&self, mechanism: Mechanism) -> Binding {
        match self.wire.channel_binding() {
            Some(binding) if mechanism.is_bound() => Binding::Bound(binding),
            Some(_) if self.offered.words().all(|word| !word.ends_with("-PLUS")) => Binding::Unused,
            _ => Binding::Unsupported,
        }
    }

    fn by_login_command(&mut self, secret: &Secret) -> Result<Witness> {
        self.wire.set_stand_in(Some(StandIn::for_password(secret.expose())));
        let user = &self.identity.authentication;
        let outcome = imap::Client::new(&mut *self.wire).login(user, STAND_IN).map(drop).map_err(|(error, _)| error);
        self.wire.set_stand_in(None);
        let witness = Witness::read(&self.wire.take_witnessed());
        match (outcome, &witness.tagged) {
            (Ok(()), _) => Ok(witness),
            // The crate does not take a line that ends in a bare LF (GNU mailutils 3.15); what it says is plain all the same.
            (Err(_), Some(status)) if status.is_ok() => Ok(witness),
            (Err(_), Some(status)) => Err(refusal(status, &self.identity, Mechanism::Login, None)),
            (Err(cause), None) => Err(Error::new(Kind::Connection, "the connection broke at the login").because(cause)),
        }
    }

    /// Kerio: the challenge and the master password, digested.
    fn master_auth(&mut self, secret: &Secret) -> Result<Witness> {
        let dialogue = Dialogue::begin(self.wire, "s1", "X-MASTERAUTH", b"")?;
        let outcome = dialogue.answer_once(|challenge| {
            let digest = Md5::new().chain_update(challenge).chain_update(secret.expose()).finalize();
            Zeroizing::new(hexadecimal(&digest).into_bytes())
        })?;
        self.accepted(outcome, "allow master authentication on the server (Advanced Options, Master Authentication) for this machine's address, and check the master password")
    }

    /// GroupWise: the application's name and key; the word is repeated before them.
    fn trusted_application(&mut self, secret: &Secret) -> Result<Witness> {
        use base64::Engine as _;
        let name = &self.identity.authentication;
        let dialogue = Dialogue::begin(self.wire, "s1", "AUTHENTICATE XGWTRUSTEDAPP", b"")?;
        let outcome = dialogue.answer_once(|_| {
            let pair = Zeroizing::new([name, secret.expose()].join("\0"));
            let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()));
            Zeroizing::new(["XGWTRUSTEDAPP ", &encoded].concat().into_bytes())
        })?;
        self.accepted(outcome, "check the name and the key of the trusted application, and that it may use IMAP")
    }

    fn accepted(&self, outcome: Outcome, hint: &str) -> Result<Witness> {
        match outcome.status.is_ok() {
            true => Ok(outcome.witness),
            false => Err(refusal(&outcome.status, &self.identity, Mechanism::Plain, None).advise(hint)),
        }
    }

    /// The master is logged in: from here on the connection is the user's.
    fn act_as(&mut self, command: &str, user: &str, before: Witness) -> Result<Witness> {
        let mut arguments = quoted(&RawName(user.as_bytes().to_vec()))?;
        if command == "LOGIN" {
            arguments.extend_from_slice(b" \"\"");
        }
        let outcome = Dialogue::begin(self.wire, "s9", command, &arguments)?.end()?;
        if !outcome.status.is_ok() {
            let what = format!("could not log in as {}", self.identity_of(user));
            return Err(match outcome.status.error(&what) {
                error if error.is_transient() => error,
                _ => Error::new(Kind::Authorization, what)
                    .because(&outcome.status.text)
                    .hint("the master user is logged in, but may not open this user: check that the user exists, and the master's rights"),
            });
        }
        let is_told = !outcome.witness.capabilities.is_empty();
        Ok(if is_told { outcome.witness } else { before })
    }

    fn identity_of(&self, user: &str) -> String {
        format!("`{}` for `{user}`", self.identity.authentication)
    }
}

/// A refused login. Servers are vague on purpose, and Cyrus and Zimbra send no code at all: NO to a login is a refusal
/// of the credentials unless it says that it will pass.
fn refusal(status: &Status, identity: &Identity, mechanism: Mechanism, reason: Option<String>) -> Error {
    let what = format!("could not log in as {}", identity.describe());
    let error = status.error(&what);
    match error.kind() {
        Kind::Throttled(_) | Kind::Connection => error,
        Kind::Authorization if !identity.authorization.is_empty() => error.hint(format!(
            "the password of {} is right, but it may not open {}: check that the user exists there, and the master user's rights",
            identity.authentication, identity.authorization
        )),
        kind => {
            let kind = if *kind == Kind::Authorization { Kind::Authorization } else { Kind::Authentication };
            let error = Error::new(kind, what).because(&status.text);
            let error = reason.into_iter().fold(error, |error, reason| error.because(reason));
            error.hint(match mechanism {
                _ if mechanism.takes_token() => TOKEN_HINT,
                Mechanism::External => "check that the server knows the client certificate, and which user it belongs to",
                _ => "check the user name and the password; with a master user also `master_user`, `master_style` and its rights on this account",
            })
        }
    }
}

const TOKEN_HINT: &str = "the token was refused for this user: check that it is for this server's IMAP (scope), and that whom it was given to may open this mailbox";

#[cfg(test)]
mod tests {
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
            (
                "SASL-IR",
                format!("+ {challenge}\r\n{no}"),
                format!("s1 AUTHENTICATE XOAUTH2 {token}\r\n\r\n"),
                "status 401",
            ),
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
        let (octets, outcome) =
            login(&settings(None), "p", &ways, "SASL-IR", "s1 NO no such mechanism\r\ns2 OK in\r\n");
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
        let (_, outcome) = sent("p", Mechanism::ScramSha256, "SASL-IR", "s1 OK in\r\n");
        let error = outcome.err().expect("nothing was proved");
        assert!(error.line().contains("did not prove"), "{}", error.line());
    }

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
}

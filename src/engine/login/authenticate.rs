//! Logging in: which words for which mechanism and which kind of master user. The LOGIN command is written by the `imap`
//! crate on our wire, which puts the secret in where the crate wrote its stand-in; dialogues are ours ([`exchange`]).

use super::exchange::{self, Dialogue, Outcome, Witness};
use super::mechanism::Disappointments;
use super::sasl::{Bearer, Conversation, CramMd5, Statement, hexadecimal};
use super::scram::{Binding, Hash, Scram};
use crate::engine::conversation::capabilities::Capabilities;
use crate::engine::conversation::mailbox_name::quoted;
use crate::engine::conversation::status::{Command, Status};
use crate::engine::wire::buffered::Wire;
use crate::engine::wire::stand_in::{STAND_IN, StandIn};
use crate::error::{Error, Kind, Result};
use crate::model::oauth::{OAuth, Provider};
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
            false => {
                let error = refusal(&outcome.status, &self.identity, mechanism, conversation.reason());
                let is_of_token = mechanism.takes_token() && *error.kind() == Kind::Authentication;
                Err(if is_of_token { error.advise(token_hint(self.server, self.opened_user())) } else { error })
            }
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
            return Err(match outcome.status.error_of(Command::Login, &what) {
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
    let error = status.error_of(Command::Login, &what);
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
                Mechanism::External => "check that the server knows the client certificate, and which user it belongs to",
                _ => "check the user name and the password; with a master user also `master_user`, `master_style` and its rights on this account",
            })
        }
    }
}

/// Exchange Online never says why, so that all reasons are named.
fn token_hint(server: &Server, user: &str) -> String {
    let is_of_application = server.oauth.as_ref().is_some_and(OAuth::is_shared);
    match server.oauth.as_ref().and_then(|oauth| oauth.provider) {
        Some(Provider::Microsoft) if is_of_application => format!(
            "in Exchange Online PowerShell, check for this user: Add-MailboxPermission -Identity '{user}' -User <service principal> -AccessRights FullAccess; Get-CASMailbox '{user}' (ImapEnabled); and once for all: New-ServicePrincipal -AppId <application> -ObjectId <object ID under Enterprise applications>, with the consent to IMAP.AccessAsApp"
        ),
        Some(Provider::Microsoft) => format!(
            "the token must be of this user, or of one with FullAccess, for IMAP.AccessAsUser.All; in Exchange Online PowerShell: Get-CASMailbox '{user}' (ImapEnabled)"
        ),
        Some(Provider::Google) => "IMAP must be switched on for this user: admin.google.com, Apps, Google Workspace, Gmail, End user access".to_owned(),
        _ => "the token was refused for this user: check that it is for this server's IMAP (scope), and that whom it was given to may open this mailbox (with Exchange Online: Add-MailboxPermission)".to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! What a client says in each mechanism (RFC 4422). Not here: SCRAM ([`super::scram`]), and how it travels
//! ([`super::exchange`]).

use crate::error::{Error, Kind, Result, sanitized};
use crate::model::Secret;
use hmac::{Hmac, Mac as _};
use md5::Md5;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// What is said in a login, which may be a secret. In one allocation: a vector that grows leaves its content behind.
pub type Octets = Zeroizing<Vec<u8>>;

/// The client's part of one login.
pub trait Conversation {
    /// What the client says before it is asked; `None` where the server speaks first.
    fn first(&mut self) -> Option<Octets>;

    /// The answer to a challenge.
    ///
    /// # Errors
    /// `Protocol` for what is no challenge of this mechanism, or where the server failed.
    fn answer(&mut self, challenge: &[u8]) -> Result<Octets>;

    /// Whether the server's OK may be believed.
    ///
    /// # Errors
    /// `Protocol` where it was to prove something first.
    fn accepted(&self) -> Result<()> {
        Ok(())
    }

    /// Why it refuses, as far as a challenge told.
    fn reason(&self) -> Option<String> {
        None
    }
}

/// PLAIN and EXTERNAL: all is said at once.
pub struct Statement(Option<Octets>);

impl Statement {
    /// PLAIN (RFC 4616 2).
    pub fn plain(authorization: &str, user: &str, password: &Secret) -> Statement {
        Statement(Some(Zeroizing::new([authorization, user, password.expose()].join("\0").into_bytes())))
    }

    /// EXTERNAL: who it is, the certificate tells.
    pub fn external(authorization: &str) -> Statement {
        Statement(Some(Zeroizing::new(authorization.as_bytes().to_vec())))
    }
}

impl Conversation for Statement {
    fn first(&mut self) -> Option<Octets> {
        self.0.take()
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Octets> {
        Err(unexpected(challenge))
    }
}

/// CRAM-MD5 (RFC 2195): the server speaks first.
pub struct CramMd5 {
    user: String,
    password: Option<Secret>,
}

impl CramMd5 {
    pub fn new(user: &str, password: &Secret) -> CramMd5 {
        CramMd5 { user: user.to_owned(), password: Some(password.clone()) }
    }
}

impl Conversation for CramMd5 {
    fn first(&mut self) -> Option<Octets> {
        None
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Octets> {
        let password = self.password.take().ok_or_else(|| unexpected(challenge))?;
        let mut mac = Hmac::<Md5>::new_from_slice(password.expose().as_bytes())
            .map_err(|_| Error::new(Kind::Settings, "the password cannot be used with CRAM-MD5"))?;
        mac.update(challenge);
        Ok(Zeroizing::new(format!("{} {}", self.user, hexadecimal(&mac.finalize().into_bytes())).into_bytes()))
    }
}

/// A name as SCRAM and OAUTHBEARER write it.
pub fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// In lower case, two digits an octet.
pub fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// XOAUTH2 (Google, "XOAUTH2 protocol") and OAUTHBEARER (RFC 7628): a token. A challenge behind it says why it is refused,
/// and is answered so that the server says NO.
pub struct Bearer {
    statement: Option<Octets>,
    /// What a refusal is answered with.
    resignation: &'static [u8],
    reason: Option<String>,
}

impl Bearer {
    /// XOAUTH2.
    pub fn xoauth2(user: &str, token: &Secret) -> Bearer {
        let statement = ["user=", user, "\u{1}auth=Bearer ", token.expose(), "\u{1}\u{1}"].concat();
        Bearer { statement: Some(Zeroizing::new(statement.into_bytes())), resignation: b"", reason: None }
    }

    /// OAUTHBEARER, on the server that was really connected to: a wrong one is refused.
    pub fn oauthbearer(user: &str, address: Option<(&str, u16)>, token: &Secret) -> Bearer {
        let (user, port) = (saslname(user), address.map_or(String::new(), |(_, port)| port.to_string()));
        let place = address.map_or([""; 4], |(host, _)| ["host=", host, "\u{1}port=", &port]).concat();
        let end = if place.is_empty() { "" } else { "\u{1}" };
        let statement = ["n,a=", &user, ",\u{1}", &place, end, "auth=Bearer ", token.expose(), "\u{1}\u{1}"].concat();
        Bearer { statement: Some(Zeroizing::new(statement.into_bytes())), resignation: b"\x01", reason: None }
    }
}

impl Conversation for Bearer {
    fn first(&mut self) -> Option<Octets> {
        self.statement.take()
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Octets> {
        match self.reason.is_some() {
            true => Err(unexpected(challenge)),
            false => {
                self.reason = Some(reason(challenge));
                Ok(Zeroizing::new(self.resignation.to_vec()))
            }
        }
    }

    fn reason(&self) -> Option<String> {
        self.reason.clone()
    }
}

/// What the failure challenge says, which should be JSON with a `status`.
fn reason(challenge: &[u8]) -> String {
    let text = String::from_utf8_lossy(challenge);
    let fields = serde_json::from_slice::<serde_json::Value>(challenge).ok();
    let field = |name: &str| {
        let value = fields.as_ref()?.get(name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    match (field("status"), field("scope")) {
        (Some(status), Some(scope)) if !scope.is_empty() => sanitized(&format!("status {status}, scope {scope}")),
        (Some(status), _) => sanitized(&format!("status {status}")),
        (None, _) if text.trim().is_empty() => "without a reason".to_owned(),
        (None, _) => sanitized(&text),
    }
}

fn unexpected(challenge: &[u8]) -> Error {
    Error::new(Kind::Protocol, "the server asked for more in the login than there is to say")
        .because(sanitized(&String::from_utf8_lossy(challenge)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn first(mut conversation: impl Conversation) -> String {
        STANDARD.encode(conversation.first().expect("the client begins"))
    }

    /// The vectors of other clients' tests, and of RFC 2195.
    #[test]
    fn sasl_vectors() {
        let token = secret("t0k");
        assert_eq!(first(Bearer::xoauth2("u@x.org", &token)), "dXNlcj11QHgub3JnAWF1dGg9QmVhcmVyIHQwawEB");
        assert_eq!(
            first(Bearer::oauthbearer("u@x.org", Some(("imap.x.org", 993)), &token)),
            "bixhPXVAeC5vcmcsAWhvc3Q9aW1hcC54Lm9yZwFwb3J0PTk5MwFhdXRoPUJlYXJlciB0MGsBAQ=="
        );
        let odd = Bearer::oauthbearer("a,b=c", None, &token);
        assert_eq!(first(odd), "bixhPWE9MkNiPTNEYywBYXV0aD1CZWFyZXIgdDBrAQE=");
        let mut cram = CramMd5::new("tim", &secret("tanstaaftanstaaf"));
        assert!(cram.first().is_none());
        let answer = cram.answer(b"<1896.697170952@postoffice.reston.mci.net>").unwrap();
        assert_eq!(&**answer, b"tim b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn challenge_is_answered_without_the_token() {
        for (mut bearer, resignation) in
            [(Bearer::xoauth2("u", &secret("t")), &b""[..]), (Bearer::oauthbearer("u", None, &secret("t")), b"\x01")]
        {
            bearer.first();
            assert_eq!(
                &**bearer.answer(br#"{"status":"401","schemes":"bearer","scope":"mail"}"#).unwrap(),
                resignation
            );
            assert_eq!(bearer.reason().as_deref(), Some("status 401, scope mail"));
            assert!(bearer.answer(b"{}").is_err(), "a second one is none");
        }
        assert_eq!(reason(b"<html>\x1b[2J"), "<html>?[2J");
        assert_eq!(reason(br#"{"status":400}"#), "status 400");
    }
}

//! Why a TLS handshake came to nothing, in words: each reason with its own next step.

use crate::error::{Error, Kind, sanitized};
use crate::model::fingerprint::Fingerprint;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as Tls};
use std::io;
use std::time::Duration;

/// What is known of the server that a handshake was tried with.
pub struct Handshake<'a> {
    /// The name that its certificate should carry.
    pub expected: &'a str,
    /// The certificate that it showed, if it came so far.
    pub seen: Option<Fingerprint>,
    /// The settings trust certificates by their fingerprints alone.
    pub by_fingerprint: bool,
    /// How long it had.
    pub patience: Duration,
}

impl Handshake<'_> {
    /// What that failure means.
    pub fn error(&self, cause: &io::Error) -> Error {
        let expected = self.expected;
        match cause.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) {
            Some(Tls::InvalidCertificate(reason)) => self.certificate(reason),
            Some(Tls::InvalidMessage(_)) => {
                Error::new(Kind::Certificate, format!("what {expected} says on this port is not TLS"))
                    .because(cause)
                    .hint("it seems to speak in clear text: set tls = \"starttls\" (usually port 143), or the port of implicit TLS (993)")
            }
            Some(Tls::AlertReceived(alert)) => self.alert(*alert, cause),
            Some(Tls::PeerIncompatible(_)) => too_old(expected).because(cause),
            Some(_) => Error::new(Kind::Certificate, format!("the TLS handshake with {expected} failed")).because(cause),
            None => self.broken(cause),
        }
    }

    fn broken(&self, cause: &io::Error) -> Error {
        let expected = self.expected;
        let hint = "check `tls` and `port`: implicit is port 993, starttls is port 143";
        match cause.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                let what =
                    format!("{expected} did not answer in the TLS handshake within {} s", self.patience.as_secs());
                Error::new(Kind::Connection, what)
                    .hint(format!("{hint}; a firewall may also swallow what it does not know"))
            }
            _ => Error::new(Kind::Connection, "the connection broke in the TLS handshake").because(cause).hint(hint),
        }
    }

    fn alert(&self, alert: AlertDescription, cause: &io::Error) -> Error {
        let expected = self.expected;
        let error = |what: String| Error::new(Kind::Certificate, what).because(cause);
        match alert {
            AlertDescription::ProtocolVersion => too_old(expected).because(cause),
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                error(format!("{expected} and mailferry have no cipher in common"))
                    .hint("the server speaks only ciphers that are not safe any more: update it, or reach it through a `tunnel` (ssh)")
            }
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied => error(format!("{expected} does not take our certificate"))
                .hint("it wants one of a client: set `client_certificate_file` and `client_key_file`, or renew them"),
            AlertDescription::UnrecognisedName => error(format!("{expected} does not know the name that it was called by"))
                .hint("set `server_name` to a name in its certificate"),
            _ => error(format!("{expected} refused the TLS handshake")),
        }
    }

    fn certificate(&self, reason: &CertificateError) -> Error {
        let expected = self.expected;
        let error = |what: String| Error::new(Kind::Certificate, what);
        let pin = self.seen.map_or_else(String::new, |seen| format!("fingerprint = \"{seen}\""));
        match reason {
            _ if self.by_fingerprint => error(format!("the certificate of {expected} is not the one of `fingerprint`"))
                .because(self.seen.map_or_else(String::new, |seen| format!("it shows {seen}")))
                .hint("if it was renewed, ask its administrator for the new fingerprint; else somebody may have put themselves between"),
            CertificateError::Expired => error(format!("the certificate of {expected} has expired"))
                .hint(format!("have it renewed on the server; to trust it as it is, set {pin}")),
            CertificateError::ExpiredContext { not_after, .. } => {
                error(format!("the certificate of {expected} expired on {}", day(*not_after)))
                    .hint(format!("have it renewed on the server; to trust it as it is, set {pin}"))
            }
            CertificateError::NotValidYet => error(format!("the certificate of {expected} is not valid yet"))
                .hint("look at this machine's clock"),
            CertificateError::NotValidYetContext { not_before, .. } => {
                error(format!("the certificate of {expected} is valid only from {} on", day(*not_before)))
                    .hint("look at this machine's clock")
            }
            CertificateError::NotValidForName => error(format!("the certificate is not for {expected}"))
                .hint("set `server_name` to the name that it carries"),
            CertificateError::NotValidForNameContext { presented, .. } => {
                error(format!("the certificate is not for {expected}"))
                    .because(format!("it is for {}", sanitized(&names(presented))))
                    .hint("if that is the server that you mean, set `server_name` to one of these names")
            }
            // A bad signature: it names an issuer whom we trust, and who is not it.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => error(format!("the certificate of {expected} is from nobody whom this machine trusts"))
                .hint(format!(
                    "if the certificate is your own, name it or its issuer in `ca_file`, or set {pin}, after you have compared that with the server's"
                )),
            CertificateError::Revoked => error(format!("the certificate of {expected} was revoked"))
                .hint("ask its administrator for a new one; do not trust this one"),
            // webpki's word for what `openssl req -x509` makes.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                error(format!("the certificate of {expected} is that of an authority, and not of a server"))
                    .hint(format!("if it is your own, name it in `ca_file`, or set {pin}, after you have compared that with the server's"))
            }
            other => error(format!("the certificate of {expected} cannot be used"))
                .because(format!("{other:?}"))
                .hint(format!("have it replaced on the server; to trust it as it is, set {pin}")),
        }
    }
}

fn too_old(expected: &str) -> Error {
    Error::new(Kind::Certificate, format!("{expected} speaks no TLS that is safe: 1.1 or older"))
        .hint("mailferry needs TLS 1.2 or 1.3: update the server, or reach it through a `tunnel` (ssh)")
}

/// `DnsName("a.example")` in rustls' words.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    match presented.is_empty() {
        true => "no name at all".to_owned(),
        false => presented.iter().map(bare).collect::<Vec<_>>().join(", "),
    }
}

fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    let day = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    day.map_or_else(|| "an unknown day".to_owned(), |time| time.to_zoned(TimeZone::UTC).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;

    fn told(reason: CertificateError) -> (String, String) {
        let seen = Some(Fingerprint([0xAB; 32]));
        let patience = Duration::from_secs(30);
        let handshake = Handshake { expected: "imap.example.org", seen, by_fingerprint: false, patience };
        let error = handshake.error(&io::Error::new(io::ErrorKind::InvalidData, Tls::InvalidCertificate(reason)));
        assert_eq!(*error.kind(), Kind::Certificate);
        (error.line(), error.advice().unwrap_or_default().to_owned())
    }

    #[test]
    fn error_of_each_reason_has_words_and_a_step_of_its_own() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (line, advice) =
            told(CertificateError::ExpiredContext { time: at(1_700_000_000), not_after: at(1_582_934_400) });
        assert_eq!(line, "the certificate of imap.example.org expired on 2020-02-29");
        assert!(advice.contains("renewed") && advice.contains("fingerprint = \"sha256:AB:AB"), "{advice}");
        let (line, advice) = told(CertificateError::NotValidYetContext { time: at(0), not_before: at(1_582_934_400) });
        assert!(line.contains("only from 2020-02-29 on") && advice.contains("clock"), "{line}; {advice}");
        let expected = ServerName::try_from("imap.example.org").unwrap().to_owned();
        let presented = vec!["DnsName(\"mail.example.com\")".to_owned(), "DnsName(\"\x1b[2J\")".to_owned()];
        let (line, advice) = told(CertificateError::NotValidForNameContext { expected, presented });
        assert_eq!(line, "the certificate is not for imap.example.org: it is for mail.example.com, ?[2J");
        assert!(advice.contains("server_name"), "{advice}");
        assert!(told(CertificateError::UnknownIssuer).1.contains("ca_file"));
        assert!(told(CertificateError::Revoked).1.contains("do not trust"));
    }
}

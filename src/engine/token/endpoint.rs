//! Token endpoints: forms posted over HTTPS, and what comes back (RFC 6749 5).
//!
//! No body is ever shown: it may hold a token. Of an answer that is none, the status and the kind of content are told.

use crate::error::{Error, Kind, Result, Scope, sanitized};
use crate::model::Secret;
use crate::model::oauth::{Flow, OAuth, Provider};
use jiff::fmt::rfc2822;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use zeroize::Zeroizing;

/// How long an endpoint may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// No answer is longer.
const ANSWER_OCTETS: u64 = 1 << 20;

/// A clock that differs by more is worth telling.
const CLOCK_SECONDS: i64 = 120;

/// What is posted: names and values, of which some are secrets.
pub type Form<'a> = Vec<(&'a str, &'a str)>;

/// The endpoints of one server's tokens.
#[derive(Clone)]
pub struct Endpoint {
    agent: ureq::Agent,
}

/// A token, and what came with it.
pub struct Granted {
    pub access_token: Secret,
    pub expires_in: Option<Duration>,
    pub refresh_token: Option<Secret>,
}

/// What an endpoint says.
#[derive(Deserialize, Default)]
struct Answer {
    access_token: Option<Zeroizing<String>>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<Zeroizing<String>>,
    error: Option<String>,
    error_description: Option<String>,
}

/// What a person is told, to let a device in (RFC 8628 3.2).
#[derive(Deserialize)]
pub struct DeviceCode {
    pub device_code: Zeroizing<String>,
    pub user_code: String,
    #[serde(alias = "verification_url")]
    pub verification_uri: String,
    #[serde(default = "five_seconds")]
    pub interval: u64,
    pub expires_in: u64,
}

fn five_seconds() -> u64 {
    5
}

/// The status, what the answer calls itself, the time that the server's clock shows, and the text.
struct Reply {
    status: u16,
    content: String,
    retry_after: Option<Duration>,
    /// How far the endpoint's clock is ahead of ours, in seconds.
    ahead: i64,
    body: Zeroizing<String>,
}

/// Whether what is asked may go over HTTP without TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    Refused,
    /// The settings allow it: it does not leave this machine.
    Allowed,
}

/// What asks over HTTP: certificates are verified by these, or as the system does; redirections are not followed, for what
/// is sent is for whom the settings name, and nobody else.
///
/// # Errors
/// `Settings` when the certificates cannot be read.
pub fn agent(ca_file: Option<&Path>, plaintext: Plaintext, patience: Duration) -> Result<ureq::Agent> {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(ca_file.map_or(Ok(RootCerts::PlatformVerifier), roots)?)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let settings = ureq::Agent::config_builder()
        .tls_config(tls)
        .https_only(plaintext == Plaintext::Refused)
        .timeout_global(Some(patience))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("mailferry/", env!("CARGO_PKG_VERSION")));
    Ok(settings.build().into())
}

fn roots(file: &Path) -> Result<RootCerts> {
    let unreadable = |cause: &dyn std::fmt::Display| {
        let what = format!("could not read certificates from {}", file.display());
        Error::new(Kind::Settings, what).because(cause)
    };
    let found = rustls::pki_types::CertificateDer::pem_file_iter(file).map_err(|cause| unreadable(&cause))?;
    let found: std::result::Result<Vec<_>, _> = found.collect();
    let found = found.map_err(|cause| unreadable(&cause))?;
    Ok(RootCerts::from(found.iter().map(|der| Certificate::from_der(der).to_owned())))
}

impl Endpoint {
    /// Over TLS, its certificates verified as the settings say.
    ///
    /// # Errors
    /// `Settings` when the certificates cannot be read.
    pub fn new(oauth: &OAuth) -> Result<Endpoint> {
        Ok(Endpoint { agent: agent(oauth.ca_file.as_deref(), Plaintext::Refused, PATIENCE)? })
    }

    /// Asks for a token. `whose`: what messages call the one it is for.
    ///
    /// # Errors
    /// `Unreachable` and `Throttled` for what passes; `Authentication` for what is refused, with the scope `Run` where it
    /// is refused to all accounts; or is no answer; `Settings`, `Certificate`.
    pub fn token(&self, oauth: &OAuth, url: &str, form: &Form<'_>, whose: &str) -> Result<Granted> {
        let reply = self.post(url, form)?;
        let answer: Answer = serde_json::from_str(&reply.body).unwrap_or_default();
        match (answer.access_token, answer.error) {
            (Some(token), _) if reply.status == 200 => {
                if answer.token_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
                    return Err(no_answer(url, &reply, "its token is of no kind that IMAP takes"));
                }
                Ok(Granted {
                    access_token: Secret::new(token.to_string()),
                    expires_in: answer.expires_in.as_ref().and_then(seconds),
                    refresh_token: answer.refresh_token.map(|token| Secret::new(token.to_string())),
                })
            }
            (_, Some(error)) => Err(refused(oauth, url, &reply, &error, answer.error_description.as_deref(), whose)),
            _ => Err(unanswered(url, &reply)),
        }
    }

    /// Asks for a code to be typed on another device.
    ///
    /// # Errors
    /// As [`Endpoint::token`].
    pub fn device_code(&self, oauth: &OAuth, url: &str) -> Result<DeviceCode> {
        let reply = self.post(url, &vec![("client_id", &oauth.client_id), ("scope", &oauth.scope)])?;
        if let Ok(code) = serde_json::from_str(&reply.body) {
            return Ok(code);
        }
        let answer: Answer = serde_json::from_str(&reply.body).unwrap_or_default();
        match answer.error {
            Some(error) => {
                Err(refused(oauth, url, &reply, &error, answer.error_description.as_deref(), "this application"))
            }
            None => Err(unanswered(url, &reply)),
        }
    }

    fn post(&self, url: &str, form: &Form<'_>) -> Result<Reply> {
        let room = form.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
        let mut encoded = url::form_urlencoded::Serializer::new(String::with_capacity(room));
        for (name, value) in form {
            encoded.append_pair(name, value);
        }
        let body = Zeroizing::new(encoded.finish());
        let request = self.agent.post(url).header("Accept", "application/json");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let mut response = request.send(body.as_bytes()).map_err(|cause| unreached(url, &cause))?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let content = header("content-type").unwrap_or_else(|| "no content type".to_owned());
        let retry_after = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let ahead = header("date").and_then(|date| ahead_of_us(&date)).unwrap_or(0);
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_OCTETS).read_to_string();
        let body = Zeroizing::new(body.map_err(|cause| unreached(url, &cause))?);
        Ok(Reply { status, content, retry_after, ahead, body })
    }
}

/// `3600`, and `"3600"` of servers that do not know numbers.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.map(Duration::from_secs)
}

fn ahead_of_us(date: &str) -> Option<i64> {
    let theirs = rfc2822::parse(date).ok()?.timestamp().as_second();
    let ours = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Some(theirs - i64::try_from(ours).ok()?)
}

/// The host alone: a path may tell more than a log should hold.
fn host(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    sanitized(parsed.as_ref().and_then(url::Url::host_str).unwrap_or("the token endpoint"))
}

fn what(url: &str) -> String {
    format!("could not get a token from {}", host(url))
}

fn unreached(url: &str, cause: &ureq::Error) -> Error {
    let of_certificate = |error: &(dyn std::error::Error + 'static)| {
        error.downcast_ref::<rustls::Error>().is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
    };
    let is_certificate = match cause {
        ureq::Error::Rustls(error) => of_certificate(error),
        ureq::Error::Io(error) => error.get_ref().is_some_and(|inner| of_certificate(inner)),
        _ => false,
    };
    if is_certificate {
        return Error::new(Kind::Certificate, what(url))
            .because(cause)
            .scope(Scope::Run)
            .hint("if the endpoint's certificate is your own, name its issuer in `ca_file` of [source.oauth] or [destination.oauth]");
    }
    match cause {
        ureq::Error::BodyExceedsLimit(_) => {
            Error::new(Kind::Authentication, what(url)).because("its answer has no end")
        }
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => {
            Error::new(Kind::Settings, what(url)).because(cause).hint("correct `token_url`")
        }
        _ => Error::new(Kind::Unreachable, what(url)).because(cause).hint(
            "check that this machine can reach it (HTTPS, a proxy in HTTPS_PROXY), and run the same command again",
        ),
    }
}

fn no_answer(url: &str, reply: &Reply, why: &str) -> Error {
    Error::new(Kind::Authentication, what(url))
        .because(format!("{why} (HTTP {}, {})", reply.status, sanitized(&reply.content)))
        .hint("check `token_url`; a proxy or a captive portal may have answered in its stead")
}

/// An answer without a word of why.
fn unanswered(url: &str, reply: &Reply) -> Error {
    let status = format!("HTTP {}", reply.status);
    match reply.status {
        429 => Error::new(Kind::Throttled(reply.retry_after), what(url)).because(status),
        500.. => away(url, reply, status),
        _ => no_answer(url, reply, "what it says is no answer to a request for a token"),
    }
}

fn away(url: &str, reply: &Reply, cause: String) -> Error {
    let kind = reply.retry_after.map_or(Kind::Unreachable, |wait| Kind::Throttled(Some(wait)));
    Error::new(kind, what(url))
        .because(cause)
        .hint("the provider is out of order for now: run the same command again later")
}

/// A refusal by code (RFC 6749 5.2, RFC 8628 3.5); numbers in the description are for people.
fn refused(oauth: &OAuth, url: &str, reply: &Reply, code: &str, description: Option<&str>, whose: &str) -> Error {
    let description = description.map_or_else(String::new, |text| format!(": {}", first_sentence(text)));
    let cause = sanitized(&format!("{code}{description}"));
    let of_all = |kind| Error::new(kind, what(url)).because(&cause).scope(Scope::Run);
    let of_one = || Error::new(Kind::Authentication, format!("{} for {whose}", what(url))).because(&cause);
    if reply.status == 429 || matches!(code, "slow_down" | "temporarily_unavailable") {
        return Error::new(Kind::Throttled(reply.retry_after), what(url)).because(cause);
    }
    let hint = advice(oauth, code, reply.ahead);
    match code {
        _ if reply.status >= 500 => away(url, reply, cause),
        "invalid_client" | "unauthorized_client" => of_all(Kind::Authentication).hint(hint),
        "invalid_scope" | "invalid_request" | "invalid_resource" | "invalid_target" | "unsupported_grant_type" => {
            of_all(Kind::Settings).hint(hint)
        }
        // The statement that we signed is for one user; its times are for all.
        "invalid_grant" if oauth.flow == Flow::ClientCredentials || reply.ahead.abs() > CLOCK_SECONDS => {
            of_all(Kind::Authentication).hint(hint)
        }
        _ => of_one().hint(hint),
    }
}

/// Microsoft adds trace numbers and a time behind the sentence.
fn first_sentence(text: &str) -> &str {
    text.split(" Trace ID:").next().unwrap_or(text).lines().next().unwrap_or_default()
}

fn advice(oauth: &OAuth, code: &str, ahead: i64) -> String {
    if ahead.abs() > CLOCK_SECONDS && oauth.flow != Flow::RefreshToken {
        let way = if ahead > 0 { "behind" } else { "ahead of" };
        return format!("this machine's clock is {} seconds {way} the endpoint's: set it right (NTP)", ahead.abs());
    }
    let scope = &oauth.scope;
    match (oauth.provider, oauth.flow, code) {
        (Some(Provider::Microsoft), _, "invalid_client") => "the client secret is wrong or has expired, or the certificate is not that of the application: Entra admin center, App registrations, Certificates & secrets".to_owned(),
        (Some(Provider::Microsoft), _, "unauthorized_client") => format!(
            "the application is not known in this tenant, or not consented to: check `tenant` and `client_id`; consent at https://login.microsoftonline.com/{{tenant}}/v2.0/adminconsent?client_id={}&scope=https://ps.outlook.com/.default",
            oauth.client_id
        ),
        (Some(Provider::Microsoft), Flow::ClientCredentials, "invalid_scope") => format!("`scope` is `{scope}`: for an application it ends in `/.default`"),
        (Some(Provider::Google), Flow::ServiceAccount, "unauthorized_client") => format!(
            "delegate the scope `{scope}` to the service account's client ID: admin.google.com, Security, Access and data control, API controls, Domain-wide delegation; it takes effect after minutes, and up to a day"
        ),
        (Some(Provider::Google), Flow::ServiceAccount, "invalid_grant") => "check that the user exists in this Google Workspace (an address of gmail.com cannot be delegated), and this machine's clock".to_owned(),
        (_, Flow::RefreshToken, "invalid_grant" | "interaction_required" | "consent_required") => "the consent has ended (password changed, not used for long, or revoked): run `mailferry login` for this account again".to_owned(),
        (_, _, "invalid_client") => "check `client_id` and the client secret".to_owned(),
        (_, _, "invalid_scope" | "invalid_request" | "invalid_target" | "invalid_resource") => format!("check `scope` (`{scope}`), `client_id` and `token_url`"),
        _ => "check [source.oauth] or [destination.oauth] against what the provider's console shows".to_owned(),
    }
}

//! What a person does once, so that a refresh token is there: a code typed on another device (RFC 8628), or a browser on this
//! machine that comes back to us (RFC 8252, with PKCE, RFC 7636).

use super::endpoint::{Endpoint, Form};
use super::flow::{client_secret, token_url};
use crate::error::{Error, Kind, Result};
use crate::model::Secret;
use crate::model::oauth::{OAuth, Provider};
use crate::model::secret::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What the person is to be told.
pub enum Prompt {
    /// Open this page, and type that code.
    Device { page: String, code: String, minutes: u64 },
    /// Open this page in a browser on this machine.
    Browser { page: String },
}

/// How it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Device,
    Browser,
}

/// What the one who asks has to say.
pub struct Person<'a> {
    pub user: &'a str,
    pub tell: &'a dyn Fn(Prompt),
    /// Whether they want no more.
    pub is_stopped: &'a dyn Fn() -> bool,
}

/// How long a browser is waited for.
const BROWSER_PATIENCE: Duration = Duration::from_secs(900);

/// How often a wait looks whether the person wants no more.
const INTERVAL: Duration = Duration::from_millis(100);

/// RFC 8628 3.5: so much longer after each `slow_down`.
const SLOWER: Duration = Duration::from_secs(5);

/// What a browser sends, and how much of it is read.
const REQUEST_OCTETS: u64 = 16 << 10;

/// The ways that the settings allow, the best first.
pub fn ways(oauth: &OAuth) -> Vec<Way> {
    let device = oauth.device_url.as_ref().map(|_| Way::Device);
    let browser = oauth.authorize_url.as_ref().map(|_| Way::Browser);
    device.into_iter().chain(browser).collect()
}

/// Has a person consent, and keeps the refresh token. Whether it is kept for the next runs.
///
/// # Errors
/// Those of [`Endpoint::token`]; `Authentication` when the person declines, or takes too long; `Interrupted`.
pub fn consent(oauth: &OAuth, way: Way, credentials: &dyn Credentials, person: &Person<'_>) -> Result<bool> {
    let endpoint = Endpoint::new(oauth)?;
    let secret = client_secret(oauth, credentials)?;
    let granted = match way {
        Way::Device => by_device(oauth, &endpoint, secret.as_ref(), person),
        Way::Browser => by_browser(oauth, &endpoint, secret.as_ref(), person),
    }?;
    credentials.keep_refresh_token(&granted)
}

fn by_device(oauth: &OAuth, endpoint: &Endpoint, secret: Option<&Secret>, person: &Person<'_>) -> Result<Secret> {
    let url = oauth.device_url.as_deref().ok_or_else(|| missing("device_url"))?;
    let code = endpoint.device_code(oauth, url)?;
    let ends = Instant::now() + Duration::from_secs(code.expires_in);
    let mut interval = Duration::from_secs(code.interval);
    let minutes = code.expires_in.div_ceil(60);
    (person.tell)(Prompt::Device { page: code.verification_uri.clone(), code: code.user_code.clone(), minutes });
    let mut form: Form<'_> = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", &oauth.client_id),
        ("device_code", &code.device_code),
    ];
    form.extend(secret.map(|secret| ("client_secret", secret.expose())));
    loop {
        wait(interval, person)?;
        match endpoint.token(oauth, token_url(oauth)?, &form, person.user) {
            Ok(granted) => return refresh_token(granted.refresh_token),
            Err(error) if Instant::now() >= ends => {
                return Err(error.advise("the code has ended: run `mailferry login` again"));
            }
            Err(error) if says(&error, "authorization_pending") => {}
            Err(error) if says(&error, "slow_down") => interval += SLOWER,
            Err(error) if *error.kind() == Kind::Unreachable => {}
            Err(error) if says(&error, "authorization_declined") || says(&error, "access_denied") => {
                return Err(error.advise("the person at the browser declined: run `mailferry login` again"));
            }
            Err(error) if says(&error, "expired_token") => {
                return Err(error.advise("the code has ended: run `mailferry login` again"));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the endpoint's code is this one.
fn says(error: &Error, code: &str) -> bool {
    error.causes().first().is_some_and(|cause| cause.split(':').next() == Some(code))
}

fn by_browser(oauth: &OAuth, endpoint: &Endpoint, secret: Option<&Secret>, person: &Person<'_>) -> Result<Secret> {
    let authorize = oauth.authorize_url.as_deref().ok_or_else(|| missing("authorize_url"))?;
    let unheard = |cause| Error::new(Kind::Io, "could not listen for the browser on this machine").because(cause);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(unheard)?;
    listener.set_nonblocking(true).map_err(unheard)?;
    let port = listener.local_addr().map_err(unheard)?.port();
    // Microsoft takes any port of `localhost`, others of the address (RFC 8252 7.3).
    let name = if oauth.provider == Some(Provider::Microsoft) { "localhost" } else { "127.0.0.1" };
    let redirect = format!("http://{name}:{port}/");
    let (verifier, state) = (random()?, random()?);
    let page = page(oauth, authorize, &redirect, &verifier, &state, person.user)?;
    (person.tell)(Prompt::Browser { page });
    let code = come_back(&listener, state.expose(), person)?;
    let mut form: Form<'_> = vec![
        ("grant_type", "authorization_code"),
        ("client_id", &oauth.client_id),
        ("code", code.expose()),
        ("redirect_uri", &redirect),
        ("code_verifier", verifier.expose()),
    ];
    form.extend(secret.map(|secret| ("client_secret", secret.expose())));
    refresh_token(endpoint.token(oauth, token_url(oauth)?, &form, person.user)?.refresh_token)
}

fn page(
    oauth: &OAuth,
    authorize: &str,
    redirect: &str,
    verifier: &Secret,
    state: &Secret,
    user: &str,
) -> Result<String> {
    let mut page = url::Url::parse(authorize)
        .map_err(|cause| Error::new(Kind::Settings, "`authorize_url` is no URL").because(cause))?;
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose().as_bytes()));
    page.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &oauth.client_id)
        .append_pair("redirect_uri", redirect)
        .append_pair("scope", &oauth.scope)
        .append_pair("state", state.expose())
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .append_pair("login_hint", user);
    if oauth.provider == Some(Provider::Google) {
        // Without them there is no refresh token from the second consent on.
        page.query_pairs_mut().append_pair("access_type", "offline").append_pair("prompt", "consent");
    }
    Ok(page.into())
}

/// Waits for the browser, and takes the code that it brings. What else comes is sent away.
fn come_back(listener: &TcpListener, state: &str, person: &Person<'_>) -> Result<Secret> {
    let ends = Instant::now() + BROWSER_PATIENCE;
    while Instant::now() < ends {
        match listener.accept() {
            Ok((stream, _)) => match brought(stream, state) {
                Some(outcome) => return outcome,
                None => continue,
            },
            Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => wait(INTERVAL, person)?,
            Err(cause) => return Err(Error::new(Kind::Io, "the browser could not be listened to").because(cause)),
        }
    }
    Err(Error::new(Kind::Authentication, "the browser did not come back").hint("run `mailferry login` again"))
}

/// What one request of a browser brings; `None` for one that is not about this login.
fn brought(stream: TcpStream, state: &str) -> Option<Result<Secret>> {
    stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(Duration::from_secs(5)))).ok()?;
    let mut line = String::new();
    BufReader::new((&stream).take(REQUEST_OCTETS)).read_line(&mut line).ok()?;
    let path = line.strip_prefix("GET ")?.split(' ').next()?;
    let url = url::Url::parse("http://localhost").ok()?.join(path).ok()?;
    let field = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let is_ours = field("state").as_deref() == Some(state);
    let outcome = match (is_ours, field("code"), field("error")) {
        (true, Some(code), _) => Some(Ok(Secret::new(code))),
        (true, None, Some(error)) => {
            let refused = Error::new(Kind::Authentication, "the consent was not given").because(error);
            Some(Err(refused.hint("run `mailferry login` again, or ask the tenant's administrator for the consent")))
        }
        _ => None,
    };
    let (status, text) = match &outcome {
        Some(Ok(_)) => ("200 OK", "mailferry has what it needs. This window may be closed."),
        Some(Err(_)) => ("200 OK", "The consent was not given. This window may be closed."),
        None => ("404 Not Found", "This is not the login that mailferry waits for."),
    };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    let _ = (&stream).write_all(answer.as_bytes());
    outcome
}

fn random() -> Result<Secret> {
    let mut octets = [0; 32];
    let filled = SystemRandom::new().fill(&mut octets);
    filled.map_err(|_| Error::new(Kind::Io, "the system gives no random numbers"))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(octets)))
}

fn wait(time: Duration, person: &Person<'_>) -> Result<()> {
    let ends = Instant::now() + time;
    loop {
        if (person.is_stopped)() {
            return Err(Error::new(Kind::Interrupted, "the login was interrupted"));
        }
        let left = ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(INTERVAL));
    }
}

fn missing(key: &str) -> Error {
    Error::new(Kind::Settings, format!("`{key}` is not set, and no preset knows it"))
        .hint("set it, or use the other way")
}

fn refresh_token(token: Option<Secret>) -> Result<Secret> {
    token.ok_or_else(|| {
        Error::new(Kind::Settings, "the provider gave a token, and none to refresh it with")
            .hint("`scope` must ask for it: `offline_access` with Microsoft 365")
    })
}

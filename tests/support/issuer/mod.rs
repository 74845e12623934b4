//! A token endpoint of ours over TLS: it checks what it is asked with, signs what Dovecot accepts, and says what a test tells
//! it to.
//!
//! It knows one application (`app` with [`CLIENT_SECRET`], or the key [`RSA_KEY`]), one service account (with the same key),
//! and the refresh tokens that it was told or gave.
//!
//! - [`http`]: requests and answers, as far as a token endpoint has them. [`token`]: what is signed and checked.

pub mod http;
pub mod token;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::authority;
use super::process::ServiceUser;
use http::{Form, Request};

pub use http::Reply;

pub const CLIENT_SECRET: &str = "app secret & more+";

/// Of nobody but these tests: the application's and the service account's.
pub const RSA_KEY: &str = include_str!("rsa.pem");

/// A running endpoint, until the test process ends.
pub struct Issuer {
    port: u16,
    files: TempDir,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Said to the next requests, in this order, instead of the honest answer.
    script: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<(String, Form)>>,
    granted: Mutex<Vec<String>>,
    /// Users by refresh token.
    refresh_tokens: Mutex<BTreeMap<String, String>>,
    behaviour: Mutex<Answers>,
}

/// How it answers where no script says otherwise.
#[derive(Clone, Debug)]
pub struct Answers {
    pub expires_in: u64,
    /// Each refresh token serves once, and is followed by another.
    pub rotates: bool,
    /// Tokens are longer by so many octets.
    pub padding: usize,
    /// What is put behind each token.
    pub suffix: &'static str,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers { expires_in: 3600, rotates: false, padding: 0, suffix: "" }
    }
}

impl Issuer {
    pub fn start() -> Issuer {
        let files = tempfile::tempdir().expect("a directory");
        let names = authority::LOOPBACK_NAMES.map(str::to_owned);
        let tls = authority::write_tls_files(files.path(), &names, &ServiceUser::current());
        let certificates =
            CertificateDer::pem_file_iter(&tls.certificate).expect("a certificate").map(|it| it.expect("it"));
        let key = PrivateKeyDer::from_pem_file(&tls.key).expect("its key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
        let settings = settings.with_no_client_auth().with_single_cert(certificates.collect(), key).expect("its own");
        let settings = Arc::new(settings);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, settings) = (Arc::clone(&serving), Arc::clone(&settings));
                thread::spawn(move || serve(stream, settings, &shared, port));
            }
        });
        std::fs::write(files.path().join("rsa.pem"), RSA_KEY).expect("a key");
        std::fs::write(files.path().join("app.pem"), token::application_certificate()).expect("its certificate");
        Issuer { port, files, shared }
    }

    /// The address of that path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub fn authority_file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// The application's key and certificate, and whatever a test puts there.
    pub fn directory(&self) -> &Path {
        self.files.path()
    }

    /// The table of that side: `flow`, where the endpoint is, and these lines.
    pub fn settings(&self, side: &str, flow: &str, lines: &str) -> String {
        let (url, authority) = (self.url("/token"), self.authority_file());
        let authority = authority.display();
        format!("[{side}.oauth]\nflow = \"{flow}\"\ntoken_url = \"{url}\"\nca_file = '{authority}'\n{lines}\n")
    }

    /// The JSON of the service account.
    pub fn service_account(&self) -> Value {
        json!({
            "type": "service_account", "client_email": token::SERVICE_ACCOUNT, "private_key_id": "k1",
            "private_key": RSA_KEY, "token_uri": self.url("/token"),
        })
    }

    /// The next requests are answered so.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.shared.script).extend(replies);
    }

    /// Nothing is left of what it was told to answer.
    pub fn forget_script(&self) {
        lock(&self.shared.script).clear();
    }

    pub fn behave(&self, behaviour: Answers) {
        *lock(&self.shared.behaviour) = behaviour;
    }

    /// A user consented, and this is the refresh token.
    pub fn knows(&self, refresh_token: &str, user: &str) {
        lock(&self.shared.refresh_tokens).insert(refresh_token.to_owned(), user.to_owned());
    }

    /// No refresh token serves any more.
    pub fn revoke_all(&self) {
        lock(&self.shared.refresh_tokens).clear();
    }

    /// What came to that path.
    pub fn requests(&self, path: &str) -> Vec<Form> {
        let requests = lock(&self.shared.requests);
        requests.iter().filter(|(at, _)| at == path).map(|(_, form)| form.clone()).collect()
    }

    /// The access tokens that were given.
    pub fn granted(&self) -> Vec<String> {
        lock(&self.shared.granted).clone()
    }

    /// Makes `directory` one of keys for Dovecot's local validation: all that is signed here is accepted there.
    pub fn write_keys(&self, directory: &Path) {
        let keys = directory.join("default/HS256");
        std::fs::create_dir_all(&keys).expect("a directory for keys");
        std::fs::write(keys.join("default"), super::base64::encode(token::SIGNING_KEY)).expect("a key");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, settings: Arc<ServerConfig>, shared: &Shared, port: u16) {
    let Ok(connection) = ServerConnection::new(settings) else { return };
    let mut stream = StreamOwned::new(connection, stream);
    // A client that goes away is no failure of ours.
    while let Ok(Some(request)) = http::read(&mut stream) {
        lock(&shared.requests).push((request.path.clone(), request.form.clone()));
        let scripted = match request.path.as_str() {
            "/introspect" => None,
            _ => lock(&shared.script).pop_front(),
        };
        let reply = scripted.unwrap_or_else(|| honest(&request, shared, port));
        if http::write(&mut stream, &reply).is_err() {
            return;
        }
    }
}

fn note(shared: &Shared, token: String) -> String {
    lock(&shared.granted).push(token.clone());
    token
}

fn honest(request: &Request, shared: &Shared, port: u16) -> Reply {
    let field = |name: &str| request.form.get(name).map_or("", String::as_str);
    match request.path.as_str() {
        "/token" => granted(&request.form, shared, port).unwrap_or_else(|error| Reply::refusal(&error)),
        "/devicecode" => Reply::json(&json!({
            "device_code": "dev1ce-c0de", "user_code": "ABCD-EFGH", "interval": 0, "expires_in": 900,
            "verification_uri": "https://example.org/device",
        })),
        // RFC 7662, as Dovecot asks it.
        "/introspect" => Reply::json(&match token::subject(field("token")) {
            Some(user) => json!({"active": true, "username": user, "scope": "imap"}),
            None => json!({"active": false}),
        }),
        _ => Reply { status: 404, ..Reply::text("text/plain", "nothing here") },
    }
}

/// A token for whoever is shown to be; else the code of the refusal.
fn granted(form: &Form, shared: &Shared, port: u16) -> Result<Reply, String> {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let audience = format!("https://localhost:{port}/token");
    let behaviour = lock(&shared.behaviour).clone();
    let mut refresh_token = None;
    let user = match field("grant_type") {
        "client_credentials" => {
            let is_known = match form.get("client_assertion") {
                Some(assertion) => token::check_certificate_assertion(assertion, &audience)?,
                None => field("client_secret") == CLIENT_SECRET,
            };
            if field("client_id") != "app" || !is_known {
                return Err("invalid_client".to_owned());
            }
            "app".to_owned()
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            token::check_service_assertion(field("assertion"), &audience).ok_or("invalid_grant")?
        }
        "refresh_token" => {
            let mut known = lock(&shared.refresh_tokens);
            let user = known.get(field("refresh_token")).cloned().ok_or("invalid_grant")?;
            if behaviour.rotates {
                known.remove(field("refresh_token"));
                let next = format!("{}+", field("refresh_token"));
                known.insert(next.clone(), user.clone());
                refresh_token = Some(next);
            }
            user
        }
        "urn:ietf:params:oauth:grant-type:device_code" | "authorization_code" => {
            let user = field("code").to_owned();
            let user = if user.is_empty() { "device-user".to_owned() } else { user };
            refresh_token = Some(format!("first-{user}"));
            lock(&shared.refresh_tokens).insert(format!("first-{user}"), user.clone());
            user
        }
        _ => return Err("unsupported_grant_type".to_owned()),
    };
    let signed = note(shared, token::sign(&user, behaviour.expires_in, behaviour.padding)) + behaviour.suffix;
    let mut answer = json!({"access_token": signed, "token_type": "Bearer", "expires_in": behaviour.expires_in});
    if let Some(refresh_token) = refresh_token {
        answer["refresh_token"] = refresh_token.into();
    }
    Ok(Reply::json(&answer))
}

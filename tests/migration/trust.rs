//! Which certificates are trusted, and what is said of the others.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::compare::expect;
use crate::support::ferry::{Ferry, Output, Side};
use crate::support::seed::seed;
use crate::support::server::{Server, User};
use crate::support::shared;

/// A server that does something with each connection, until the test process ends. Returns its port.
fn serving(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Said under TLS: who hears it has trusted the certificate.
const BEHIND_TLS: &str = "hello from behind TLS";

/// A certificate that vouches for itself, and a server that shows it.
struct Shown {
    port: u16,
    pem: String,
    fingerprint: String,
}

fn showing(parameters: impl FnOnce(&mut CertificateParams)) -> Shown {
    let key = KeyPair::generate().expect("a key");
    let mut wanted = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    parameters(&mut wanted);
    let certificate = wanted.self_signed(&key).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("its key");
    let settings = settings.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).expect("both");
    let settings = Arc::new(settings);
    let port = serving(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&settings)).expect("TLS");
        let mut stream = StreamOwned::new(connection, stream);
        let _ = stream.write_all(format!("* BYE {BEHIND_TLS}\r\n").as_bytes());
        let _ = stream.flush();
        // Until the client has read it, and goes.
        let _ = stream.read(&mut [0; 16]);
    });
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate.der());
    let digits: Vec<String> = digest.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
    Shown { port, pem: certificate.pem(), fingerprint: format!("sha256:{}", digits.join(":")) }
}

/// Checks an account whose source is at that port, with these further settings.
fn checked(port: u16, settings: &[(&'static str, &str)]) -> Output {
    let user = User::fresh("trusting");
    let pair = shared::dovecot_pair();
    pair.destination.add_user(&user);
    let mut source = Side::of(&pair.source).set("port", port).without("ca_file");
    for (key, value) in settings {
        source = source.set(key, format!("'{value}'"));
    }
    let ferry = Ferry::new(source, Side::of(&pair.destination)).with_account(&user);
    ferry.with_settings("[limits]\nretries = 0\ntimeout = \"2s\"").run(&["check"]).expect(4)
}

#[test]
fn certificate_that_stands_in_ca_file_is_trusted_whatever_it_was_made_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pinned.pem");
    let pinned = file.display().to_string();
    let made: [fn(&mut CertificateParams); 3] = [
        |_| (),
        // As `openssl req -x509` makes them: an authority, which is no server to others' eyes.
        |parameters| parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        // With a common name alone, as old ones have it.
        |parameters| parameters.subject_alt_names.clear(),
    ];
    for parameters in made {
        let shown = showing(parameters);
        checked(shown.port, &[]).complains(&["the certificate of localhost is", "`ca_file`", &shown.fingerprint]);
        fs::write(&file, &shown.pem).expect("the certificate");
        checked(shown.port, &[("ca_file", &pinned)]).complains(&[BEHIND_TLS]);
        // Another one of the same name is not it.
        let told = checked(showing(parameters).port, &[("ca_file", &pinned)]);
        assert!(!told.complains(&["the certificate of localhost is"]).stderr.contains(BEHIND_TLS));
    }
}

#[test]
fn fingerprint_trusts_one_certificate_and_no_other() {
    let expired = showing(|parameters| {
        (parameters.not_before, parameters.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 2, 29));
    });
    checked(expired.port, &[("fingerprint", &expired.fingerprint)]).complains(&[BEHIND_TLS]);
    let bare = expired.fingerprint.replace(':', "").replace("sha256", "sha256:").to_lowercase();
    checked(expired.port, &[("fingerprint", &bare)]).complains(&[BEHIND_TLS]);
    let other = showing(|_| ());
    let told = checked(other.port, &[("fingerprint", &expired.fingerprint)]);
    told.complains(&["is not the one of `fingerprint`", &other.fingerprint, "put themselves between"]);
    // What an authority vouches for is not enough then.
    let pair = shared::dovecot_pair();
    let trusted = pair.source.authority_file().display().to_string();
    let told = checked(pair.source.tls_port(), &[("ca_file", &trusted), ("fingerprint", &expired.fingerprint)]);
    told.complains(&["is not the one of `fingerprint`"]);
}

#[test]
fn fingerprints_on_the_command_line_are_enough_to_copy() {
    let pair = shared::dovecot_pair();
    let user = pair.add_fresh_user("pinned");
    seed(&pair.source, &user.name, "INBOX\n    a");
    let ferry = Ferry::new(Side::unnamed(), Side::unnamed())
        .with_variable("MAILFERRY_SOURCE_PASSWORD", &user.password)
        .with_variable("MAILFERRY_DESTINATION_PASSWORD", &user.password);
    let [from, to] =
        [&pair.source, &pair.destination].map(|it| format!("imaps://{}@localhost:{}", user.name, it.tls_port()));
    let mut trusted: Vec<String> = Vec::new();
    let copied = (0..3).any(|_| {
        let options = trusted.iter().flat_map(|fingerprint| ["--fingerprint", fingerprint]);
        let arguments: Vec<&str> = ["sync", &from, &to].into_iter().chain(options).collect();
        let output = ferry.start_without_settings(&arguments).finish();
        // The refusal tells the fingerprint of what it met.
        let told =
            output.stderr.split("sha256:").skip(1).map(|rest| rest.split([' ', '`', '"', ',', ';', '\n']).next());
        trusted.extend(told.flatten().map(|digits| format!("sha256:{digits}")));
        trusted.sort();
        trusted.dedup();
        output.code == Some(0)
    });
    assert!(copied, "{trusted:?}");
    expect(&pair.destination, &user.name, "INBOX\n    a");
}

#[test]
fn what_is_no_tls_of_today_is_told_with_what_it_is() {
    let clear = serving(|mut stream| {
        let _ = stream.write_all(b"* OK a server in clear text\r\n");
        let _ = stream.read(&mut [0; 1 << 10]);
    });
    checked(clear, &[]).complains(&["is not TLS", "tls = \"starttls\""]);
    // A fatal alert of the record layer of TLS 1.0: protocol_version.
    let old = serving(|mut stream| {
        let _ = stream.read(&mut [0; 1 << 12]);
        let _ = stream.write_all(&[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);
    });
    checked(old, &[]).complains(&["speaks no TLS that is safe: 1.1 or older", "tunnel"]);
    let without_ciphers = serving(|mut stream| {
        let _ = stream.read(&mut [0; 1 << 12]);
        let _ = stream.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]);
    });
    checked(without_ciphers, &[]).complains(&["no cipher in common"]);
    let silent = serving(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    checked(silent, &[]).complains(&["did not answer in the TLS handshake within 2 s", "firewall"]);
    let gone = serving(drop);
    checked(gone, &[]).complains(&["the connection broke in the TLS handshake"]);
}

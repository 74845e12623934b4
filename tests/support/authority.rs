//! A certificate authority of the test process, and certificates for its servers.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::process::ServiceUser;

/// The names that a server's certificate has unless a test wants others.
pub const LOOPBACK_NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// The files that a server needs for TLS, and the one that a client needs to trust it.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// One authority a process, so that a source and a destination are trusted by one file.
fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "mailferry test authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key for the authority");
        let certificate = parameters.self_signed(&key).expect("the authority's certificate").pem();
        Authority { certificate, issuer: Issuer::new(parameters, key) }
    })
}

/// A certificate of that name and its key, in one PEM text: a client's.
pub fn client_certificate(name: &str) -> String {
    let key = KeyPair::generate().expect("a key for the client");
    let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
    parameters.distinguished_name.push(DnType::CommonName, name);
    let certificate = parameters.signed_by(&key, &authority().issuer).expect("a certificate");
    certificate.pem() + &key.serialize_pem()
}

/// Writes the authority, and a new certificate and key for `names`, into `directory`.
pub fn write_tls_files(directory: &Path, names: &[String], owner: &ServiceUser) -> TlsFiles {
    let key = KeyPair::generate().expect("a key for the server");
    let mut parameters = CertificateParams::new(names).expect("names for the certificate");
    parameters.distinguished_name.push(DnType::CommonName, names[0].as_str());
    let certificate = parameters.signed_by(&key, &authority().issuer).expect("a certificate");

    let files = TlsFiles {
        authority: directory.join("ca.pem"),
        certificate: directory.join("server.pem"),
        key: directory.join("server.key"),
    };
    owner.write_file(&files.authority, &authority().certificate);
    owner.write_file(&files.certificate, &certificate.pem());
    owner.write_file(&files.key, &key.serialize_pem());
    files
}

//! TLS with rustls: whom to trust ([`super::trust`]), an expected name, who we are. Certificates are always verified.

use super::inflow::Inflow;
use super::refusal::Handshake;
use super::socket::Socket;
use super::trust::Trust;
use crate::error::{Error, Kind, Result};
use crate::model::server::{Address, ClientCertificate, Server};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A connection under TLS.
pub(super) type Encrypted = StreamOwned<ClientConnection, Inflow>;

/// How to put TLS on connections to one server. Shared by all of them, so that sessions are resumed.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    trust: Arc<Trust>,
    patience: Duration,
    name: ServerName<'static>,
    expected: String,
}

impl TlsClient {
    /// Reads the trusted roots.
    ///
    /// # Errors
    /// `Settings` when `ca_file` cannot be read or holds no certificate, or when the expected name is no host name.
    pub fn new(server: &Server) -> Result<TlsClient> {
        let expected = match (&server.server_name, &server.address) {
            (Some(name), _) => name.clone(),
            (None, Address::Tcp { host, .. }) => host.clone(),
            (None, Address::Tunnel(_)) => "localhost".to_owned(),
        };
        let name = ServerName::try_from(expected.clone()).map_err(|cause| {
            Error::new(Kind::Settings, format!("`{expected}` is not a name that a certificate can carry"))
                .because(cause)
                .hint("set `server_name` to the host name in the server's certificate")
        })?;
        let extra =
            server.ca_file.as_deref().map(|file| read_certificates(file, "ca_file")).transpose()?.unwrap_or_default();
        let own = server.client_certificate.as_ref().map(read_own).transpose()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = Arc::new(
            Trust::new(extra, server.fingerprints.clone(), provider.clone()).map_err(|cause| unusable(&cause))?,
        );
        let config = Arc::new(client_config(trust.clone(), own, provider)?);
        Ok(TlsClient { config, trust, patience: server.timeouts.login, name, expected })
    }

    /// Does the handshake.
    ///
    /// # Errors
    /// `Certificate` or `Connection`.
    pub(super) fn handshake(&self, socket: Socket) -> Result<Encrypted> {
        let mut socket = Inflow::new(socket);
        let mut connection = ClientConnection::new(self.config.clone(), self.name.clone())
            .map_err(|cause| Error::new(Kind::Certificate, "TLS cannot be used").because(cause))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|cause| self.refusal().error(&cause))?;
        }
        Ok(StreamOwned::new(connection, socket))
    }
}

impl TlsClient {
    fn refusal(&self) -> Handshake<'_> {
        let seen = self.trust.seen();
        let by_fingerprint = self.trust.is_by_fingerprint();
        Handshake { expected: &self.expected, seen, by_fingerprint, patience: self.patience }
    }
}

fn unusable(cause: &rustls::Error) -> Error {
    Error::new(Kind::Settings, "the certificates in the settings cannot be used").because(cause)
}

/// Our certificate with its chain, and its private key.
type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_own(files: &ClientCertificate) -> Result<Own> {
    let certificates = read_certificates(&files.certificates, "client_certificate_file")?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| {
        Error::new(Kind::Settings, format!("could not read a private key from {}", files.key.display()))
            .because(cause)
            .hint("`client_key_file` is a PEM file with a PRIVATE KEY block that is not encrypted")
    })?;
    Ok((certificates, key))
}

fn client_config(trust: Arc<Trust>, own: Option<Own>, provider: Arc<CryptoProvider>) -> Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| unusable(&cause))?
        .dangerous() // the name of rustls' door for any verifier but its own; this one verifies, or asks the platform's
        .with_custom_certificate_verifier(trust);
    match own {
        Some((certificates, key)) => config.with_client_auth_cert(certificates, key).map_err(|cause| {
            unusable(&cause)
                .hint("`client_key_file` must hold the key of the first certificate in `client_certificate_file`")
        }),
        None => Ok(config.with_no_client_auth()),
    }
}

fn read_certificates(file: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>> {
    let failed = |cause: &dyn std::fmt::Display| {
        Error::new(Kind::Settings, format!("could not read certificates from {}", file.display()))
            .because(cause)
            .hint(format!("`{key}` is a PEM file with one or more CERTIFICATE blocks"))
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .map_err(|cause| failed(&cause))?
        .collect::<Result<_, _>>()
        .map_err(|cause| failed(&cause))?;
    if found.is_empty() { Err(failed(&"it holds none")) } else { Ok(found) }
}

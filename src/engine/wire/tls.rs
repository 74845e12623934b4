//! TLS with rustls: the platform's verifier, extra roots, an expected name. Certificates are always verified.

use super::socket::Socket;
use crate::error::{Error, Kind, Result};
use crate::model::server::{Address, ClientCertificate, Server};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::Verifier;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How to put TLS on connections to one server. Shared by all of them, so that sessions are resumed.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
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
        Ok(TlsClient { config: Arc::new(client_config(extra, own)?), name })
    }

    /// Does the handshake.
    ///
    /// # Errors
    /// `Certificate` or `Connection`.
    pub fn handshake(&self, mut socket: Socket) -> Result<StreamOwned<ClientConnection, Socket>> {
        let mut connection = ClientConnection::new(self.config.clone(), self.name.clone())
            .map_err(|cause| Error::new(Kind::Certificate, "TLS cannot be used").because(cause))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|cause| self.handshake_error(&cause))?;
        }
        Ok(StreamOwned::new(connection, socket))
    }

    fn handshake_error(&self, cause: &io::Error) -> Error {
        let expected = self.name.to_str();
        if cause.kind() != io::ErrorKind::InvalidData {
            return Error::new(Kind::Connection, "the connection broke in the TLS handshake")
                .because(cause)
                .hint("check `tls`: implicit is port 993, starttls is port 143");
        }
        let error = Error::new(Kind::Certificate, format!("the TLS handshake with {expected} failed")).because(cause);
        match cause.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidMessage(_)) => {
                error.hint("this is not TLS: check `tls` and `port`: implicit is port 993, starttls is port 143")
            }
            _ => error.hint(
                "if the certificate is your own, name its issuer in `ca_file`; if it carries another name, set `server_name`",
            ),
        }
    }
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

fn client_config(extra: Vec<CertificateDer<'static>>, own: Option<Own>) -> Result<ClientConfig> {
    let failed = |cause: rustls::Error| {
        Error::new(Kind::Settings, "the certificates in the settings cannot be used").because(cause)
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(failed)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous() // the name of rustls' door for any verifier but its own; this one is the platform's, and it verifies
        .with_custom_certificate_verifier(Arc::new(verifier));
    match own {
        Some((certificates, key)) => config.with_client_auth_cert(certificates, key).map_err(|cause| {
            failed(cause)
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

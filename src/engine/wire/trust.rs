//! Which certificates are trusted: those that the platform vouches for, those that `ca_file` holds or vouches for, and where the
//! settings name fingerprints, those alone.
//!
//! A certificate that stands in `ca_file` itself is the one that was meant, whoever signed it, whatever it was made for and
//! whichever name it carries: self-signed ones say little of that. The same holds for a fingerprint. That the server has
//! the key is proved in each handshake.

use crate::model::fingerprint::Fingerprint;
use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, Mutex, PoisonError};

/// Which certificates of one server are trusted.
#[derive(Debug)]
pub struct Trust {
    platform: Verifier,
    pinned: Vec<CertificateDer<'static>>,
    fingerprints: Vec<Fingerprint>,
    /// The certificate that was shown last.
    seen: Mutex<Option<Fingerprint>>,
}

impl Trust {
    /// The platform's roots and these certificates; or these fingerprints alone, if there are any.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn new(
        pinned: Vec<CertificateDer<'static>>,
        fingerprints: Vec<Fingerprint>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Trust, Error> {
        let platform = Verifier::new_with_extra_roots(pinned.iter().cloned(), provider)?;
        Ok(Trust { platform, pinned, fingerprints, seen: Mutex::default() })
    }

    /// Whether fingerprints alone decide.
    pub fn is_by_fingerprint(&self) -> bool {
        !self.fingerprints.is_empty()
    }

    /// The certificate that a server showed last.
    pub fn seen(&self) -> Option<Fingerprint> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest(&SHA256, certificate).as_ref());
    Fingerprint(octets)
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = fingerprint(end_entity);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        if self.is_by_fingerprint() {
            return match self.fingerprints.contains(&shown) {
                true => Ok(ServerCertVerified::assertion()),
                false => Err(Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure)),
            };
        }
        if self.pinned.iter().any(|pinned| pinned.as_ref() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        self.platform.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}

//! Signed statements (JWT, RFC 7519, 7523): who we are, or for whom we ask.

use crate::error::{Error, Kind, Result};
use crate::model::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// How long Google takes a statement for; more is refused.
const SERVICE_ACCOUNT_SECONDS: u64 = 3600;

/// How long Microsoft wants one to be good for at most.
const CERTIFICATE_SECONDS: u64 = 600;

/// The key of a Google service account, as the console gives it.
#[derive(Deserialize)]
pub struct ServiceAccount {
    client_email: String,
    private_key_id: Option<String>,
    private_key: Zeroizing<String>,
    pub token_uri: Option<String>,
}

impl ServiceAccount {
    /// From the JSON text.
    ///
    /// # Errors
    /// `Settings` when it is none, or has no private key.
    pub fn parse(text: &Secret) -> Result<ServiceAccount> {
        // The parser's words may quote the key.
        serde_json::from_str(text.expose()).map_err(|error| {
            let missing = serde_json::from_str::<serde_json::Value>(text.expose()).ok();
            let lacks = |field: &str| missing.as_ref().is_some_and(|fields| fields.get(field).is_none());
            let what = match ["private_key", "client_email"].into_iter().find(|field| lacks(field)) {
                Some(field) => format!("the service account's key holds no `{field}`"),
                None => format!("the service account's key is no JSON (line {})", error.line()),
            };
            Error::new(Kind::Settings, what).hint(
                "`key_file` is the JSON file that the Google Cloud console gives for a new key of the service account",
            )
        })
    }

    /// The statement that a token for `user` is asked for.
    ///
    /// # Errors
    /// `Settings` when the private key cannot be used.
    pub fn assertion(&self, user: &str, scope: &str, audience: &str) -> Result<Secret> {
        let now = seconds_since_1970();
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.private_key_id});
        let claims = json!({
            "iss": self.client_email, "sub": user, "scope": scope, "aud": audience,
            "iat": now, "exp": now + SERVICE_ACCOUNT_SECONDS,
        });
        signed(&header, &claims, self.private_key.as_bytes(), &RSA_PKCS1_SHA256)
    }
}

/// The statement by which an application proves that it holds the key of its certificate (Microsoft, "certificate
/// credentials"): PS256.
///
/// # Errors
/// `Settings` when certificate or key cannot be used.
pub fn by_certificate(client_id: &str, audience: &str, certificate: &[u8], key: &Secret) -> Result<Secret> {
    let certificate = CertificateDer::from_pem_slice(certificate).map_err(|cause| {
        Error::new(Kind::Settings, "`certificate_file` holds no certificate in PEM form").because(cause)
    })?;
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate));
    let mut random = [0; 16];
    let randomness = SystemRandom::new().fill(&mut random);
    randomness.map_err(|_| Error::new(Kind::Io, "the system gives no random numbers"))?;
    let now = seconds_since_1970();
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint});
    let claims = json!({
        "aud": audience, "iss": client_id, "sub": client_id, "jti": URL_SAFE_NO_PAD.encode(random),
        "nbf": now, "iat": now, "exp": now + CERTIFICATE_SECONDS,
    });
    signed(&header, &claims, key.expose().as_bytes(), &RSA_PSS_SHA256)
}

fn signed(
    header: &serde_json::Value,
    claims: &serde_json::Value,
    key: &[u8],
    by: &'static dyn ring::signature::RsaEncoding,
) -> Result<Secret> {
    let unusable = |cause: &dyn std::fmt::Display| {
        Error::new(Kind::Settings, "the private key cannot be used")
            .because(cause)
            .hint("give an RSA key in PEM form that is not encrypted: -----BEGIN PRIVATE KEY-----")
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|cause| unusable(&cause))?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(unusable(&"it is no RSA key")),
    };
    let pair = pair.map_err(|cause| unusable(&cause))?;
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = Zeroizing::new(format!("{header}.{claims}"));
    let mut signature = vec![0; pair.public().modulus_len()];
    let sign = pair.sign(by, &SystemRandom::new(), text.as_bytes(), &mut signature);
    sign.map_err(|_| unusable(&"it does not sign"))?;
    Ok(Secret::new([&text, ".", &URL_SAFE_NO_PAD.encode(signature)].concat()))
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

//! Tokens that Dovecot accepts, and the statements of applications and service accounts that are checked here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use ring::{digest, hmac};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::RSA_KEY;
use crate::support::base64;

pub const SERVICE_ACCOUNT: &str = "mover@project.example.org";

/// What tokens are signed with: known to Dovecot, too.
pub const SIGNING_KEY: &[u8] = b"a key of thirty-two octets, or so";

fn base64url(octets: &[u8]) -> String {
    base64::encode_unpadded(octets).replace('+', "-").replace('/', "_")
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    base64::decode_unpadded(&text.replace('-', "+").replace('_', "/"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

/// A token of that user.
pub fn sign(user: &str, expires_in: u64, padding: usize) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    // Dovecot has no grace: what it is given is good for a minute at least, whatever the client was told.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let (iat, exp, pad) = (now() - 1, now() + expires_in.max(60), "x".repeat(padding));
    let claims = json!({"sub": user, "iat": iat, "exp": exp, "jti": number, "pad": pad});
    let text = [header, claims].map(|part| base64url(part.to_string().as_bytes())).join(".");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SIGNING_KEY), text.as_bytes());
    format!("{text}.{}", base64url(signature.as_ref()))
}

/// Whose token that is, if it is one of ours.
pub fn subject(token: &str) -> Option<String> {
    let (text, signature) = token.rsplit_once('.')?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING_KEY);
    hmac::verify(&key, text.as_bytes(), &decoded(signature)?).ok()?;
    Some(parts(token)?.1["sub"].as_str()?.to_owned())
}

/// Header and claims.
fn parts(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.split('.').map(|part| serde_json::from_slice(&decoded(part)?).ok());
    Some((parts.next()??, parts.next()??))
}

fn key_pair() -> RsaKeyPair {
    match PrivateKeyDer::from_pem_slice(RSA_KEY.as_bytes()).expect("a key") {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("an RSA key"),
        _ => panic!("the key of the tests is PKCS #8"),
    }
}

/// The certificate of the application's key.
pub fn application_certificate() -> String {
    let key = rcgen::KeyPair::from_pem(RSA_KEY).expect("an RSA key");
    rcgen::CertificateParams::new(Vec::new()).expect("no names").self_signed(&key).expect("a certificate").pem()
}

fn is_signed(token: &str, by: &'static dyn ring::signature::VerificationAlgorithm) -> bool {
    let Some((text, signature)) = token.rsplit_once('.') else { return false };
    let pair = key_pair();
    let key = UnparsedPublicKey::new(by, pair.public().as_ref());
    decoded(signature).is_some_and(|signature| key.verify(text.as_bytes(), &signature).is_ok())
}

/// Whether the application's statement is right; else what Microsoft would say.
pub fn check_certificate_assertion(assertion: &str, audience: &str) -> Result<bool, String> {
    let (header, claims) = parts(assertion).ok_or("invalid_request")?;
    let times = claims["exp"].as_u64().zip(claims["nbf"].as_u64()).is_some_and(|(exp, nbf)| exp - nbf <= 600);
    let named = claims["iss"] == "app" && claims["sub"] == "app" && claims["jti"].is_string();
    Ok(header["alg"] == "PS256"
        && header["x5t#S256"]
            .as_str()
            .is_some_and(|text| decoded(text).is_some_and(|it| it.len() == digest::SHA256_OUTPUT_LEN))
        && claims["aud"] == audience
        && times
        && named
        && is_signed(assertion, &RSA_PSS_2048_8192_SHA256))
}

/// Whom the service account asks for, if it may.
pub fn check_service_assertion(assertion: &str, audience: &str) -> Option<String> {
    let (header, claims) = parts(assertion)?;
    let times = claims["exp"].as_u64()? - claims["iat"].as_u64()? <= 3600;
    let named = claims["iss"] == SERVICE_ACCOUNT && claims["aud"] == audience && header["kid"] == "k1";
    let is_right = header["alg"] == "RS256" && times && named && is_signed(assertion, &RSA_PKCS1_2048_8192_SHA256);
    is_right.then(|| claims["sub"].as_str().map(str::to_owned))?
}

//! What each flow asks its endpoint for.

use super::assertion::{self, ServiceAccount};
use super::endpoint::{Endpoint, Form, Granted};
use crate::error::{Error, Kind, Result};
use crate::model::Secret;
use crate::model::oauth::{Flow, Ingredient, OAuth};
use crate::model::secret::Credentials;
use serde::Deserialize;
use std::fs;
use std::time::Duration;
use zeroize::Zeroizing;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token for `user`.
///
/// # Errors
/// Those of [`Endpoint::token`], of the secrets' places, and `Settings` for what is no token.
pub fn token(oauth: &OAuth, endpoint: &Endpoint, user: &str, credentials: &dyn Credentials) -> Result<Granted> {
    let granted = match oauth.flow {
        Flow::ClientCredentials => client_credentials(oauth, endpoint, credentials),
        Flow::ServiceAccount => service_account(oauth, endpoint, user, credentials),
        Flow::RefreshToken => refreshed(oauth, endpoint, user, credentials),
        Flow::Command | Flow::File => brought(&credentials.ingredient(Ingredient::Token)?),
    }?;
    check(&granted.access_token)?;
    Ok(granted)
}

fn client_credentials(oauth: &OAuth, endpoint: &Endpoint, credentials: &dyn Credentials) -> Result<Granted> {
    let url = token_url(oauth)?;
    let mut form: Form<'_> =
        vec![("grant_type", "client_credentials"), ("client_id", &oauth.client_id), ("scope", &oauth.scope)];
    let proof;
    match &oauth.certificate_file {
        Some(file) => {
            let certificate = fs::read(file).map_err(|cause| {
                Error::new(Kind::Settings, format!("could not read {}", file.display())).because(cause)
            })?;
            let key = credentials.ingredient(Ingredient::Key)?;
            proof = assertion::by_certificate(&oauth.client_id, url, &certificate, &key)?;
            form.extend([("client_assertion_type", CLIENT_ASSERTION), ("client_assertion", proof.expose())]);
        }
        None => {
            proof = credentials.ingredient(Ingredient::ClientSecret)?;
            form.push(("client_secret", proof.expose()));
        }
    }
    endpoint.token(oauth, url, &form, "this application")
}

fn service_account(oauth: &OAuth, endpoint: &Endpoint, user: &str, credentials: &dyn Credentials) -> Result<Granted> {
    let key = ServiceAccount::parse(&credentials.ingredient(Ingredient::Key)?)?;
    let url = match &oauth.token_url {
        Some(url) => url,
        None => key.token_uri.as_deref().ok_or_else(no_token_url)?,
    };
    let assertion = key.assertion(user, &oauth.scope, url)?;
    endpoint.token(oauth, url, &vec![("grant_type", JWT_BEARER), ("assertion", assertion.expose())], user)
}

fn refreshed(oauth: &OAuth, endpoint: &Endpoint, user: &str, credentials: &dyn Credentials) -> Result<Granted> {
    let refresh_token = credentials.ingredient(Ingredient::RefreshToken)?;
    let mut form: Form<'_> = vec![
        ("grant_type", "refresh_token"),
        ("client_id", &oauth.client_id),
        ("refresh_token", refresh_token.expose()),
        ("scope", &oauth.scope),
    ];
    let secret = client_secret(oauth, credentials)?;
    form.extend(secret.as_ref().map(|secret| ("client_secret", secret.expose())));
    let granted = endpoint.token(oauth, token_url(oauth)?, &form, user)?;
    if let Some(rotated) = granted.refresh_token.as_ref().filter(|rotated| rotated.expose() != refresh_token.expose()) {
        credentials.keep_refresh_token(rotated)?;
    }
    Ok(granted)
}

/// The client secret, where the settings have one.
///
/// # Errors
/// Those of its place.
pub fn client_secret(oauth: &OAuth, credentials: &dyn Credentials) -> Result<Option<Secret>> {
    oauth.has_client_secret.then(|| credentials.ingredient(Ingredient::ClientSecret)).transpose()
}

/// Where tokens are asked for.
///
/// # Errors
/// `Settings` when nobody says it.
pub fn token_url(oauth: &OAuth) -> Result<&str> {
    oauth.token_url.as_deref().ok_or_else(no_token_url)
}

fn no_token_url() -> Error {
    Error::new(Kind::Settings, "nothing says where tokens are asked for").hint("set `token_url`, or a `preset`")
}

/// What a command prints, or a file holds: the token alone, or JSON as endpoints give it.
fn brought(text: &Secret) -> Result<Granted> {
    #[derive(Deserialize)]
    struct Brought {
        access_token: Zeroizing<String>,
        expires_in: Option<u64>,
    }
    if !text.expose().trim_start().starts_with('{') {
        let token = text.expose().trim_end_matches(['\r', '\n']).to_owned();
        return Ok(Granted { access_token: Secret::new(token), expires_in: None, refresh_token: None });
    }
    let Brought { access_token, expires_in } = serde_json::from_str(text.expose()).map_err(|_| {
        Error::new(Kind::Settings, "what stands for the token is JSON, and has no `access_token`")
            .hint("print the token alone, or {\"access_token\": \"…\", \"expires_in\": 3600}")
    })?;
    let access_token = Secret::new(access_token.to_string());
    Ok(Granted { access_token, expires_in: expires_in.map(Duration::from_secs), refresh_token: None })
}

/// A token is `b64token` (RFC 6750 2.1): anything else would end the line that it is sent in, or mean something in it.
fn check(token: &Secret) -> Result<()> {
    let text = token.expose();
    let is_part = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(octet);
    let stranger = text.bytes().find(|octet| !is_part(octet));
    let what = match stranger {
        None if text.is_empty() => "the token is empty",
        None => return Ok(()),
        Some(b'\r' | b'\n') => "the token has a line end in it",
        Some(b' ' | b'\t') => "the token has a blank in it",
        Some(b'"' | b'\'') => "the token has a quotation mark in it",
        Some(_) => "the token has characters in it that no token has",
    };
    Err(Error::new(Kind::Settings, what)
        .scope(crate::error::Scope::Account)
        .hint("the place that the settings name must hold the token alone, on one line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brought_token_alone_or_as_json() {
        let of = |text: &str| {
            brought(&Secret::new(text.to_owned())).map(|it| (it.access_token.expose().to_owned(), it.expires_in))
        };
        assert_eq!(of("abc.d\r\n").unwrap(), ("abc.d".to_owned(), None));
        let json = of(" {\"access_token\": \"t\", \"expires_in\": 20}\n").unwrap();
        assert_eq!(json, ("t".to_owned(), Some(Duration::from_secs(20))));
        assert!(of("{\"token\": \"secret\"}").is_err_and(|error| !error.line().contains("secret")));
    }

    #[test]
    fn check_what_is_no_token_is_told_without_it() {
        for (token, told) in
            [("a\nb", "line end"), ("", "empty"), ("a b", "blank"), ("\"ab\"", "quotation"), ("aä", "characters")]
        {
            let error = check(&Secret::new(token.to_owned())).expect_err("no token");
            assert!(error.what().contains(told), "{token}: {}", error.what());
        }
        assert!(check(&Secret::new("eyJ.a-b_c~d+e/f==".to_owned())).is_ok());
    }
}

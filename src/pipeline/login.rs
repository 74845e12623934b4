//! `login`: a person consents once, and the refresh token is kept from there on. No mail server is asked.

use crate::engine::Connector;
use crate::engine::token::consent;
pub use crate::engine::token::consent::{Person, Prompt, Way};
use crate::error::{Error, Kind, Result};
use crate::model::oauth::Flow;
use crate::model::secret::Credentials;

/// Has a person consent to the flow of that server. Whether the refresh token is kept for the next runs.
///
/// # Errors
/// `Settings` where the server's settings have nothing to consent to, or not in that way; `Authentication` when it is
/// refused or takes too long; `Interrupted`.
pub fn login(
    connector: &Connector,
    way: Option<Way>,
    credentials: &dyn Credentials,
    person: &Person<'_>,
) -> Result<bool> {
    let server = connector.server();
    let oauth = server.oauth.as_ref().filter(|oauth| oauth.flow == Flow::RefreshToken);
    let oauth = oauth.ok_or_else(|| {
        Error::new(Kind::Settings, "there is nothing to consent to: its settings have no flow = \"refresh-token\"")
            .on(server.side, &server.label())
            .hint(format!("add a table [{}.oauth] with flow = \"refresh-token\"", server.side))
    })?;
    let ways = consent::ways(oauth);
    let chosen = way.filter(|way| ways.contains(way)).or(if way.is_none() { ways.first().copied() } else { None });
    let chosen = chosen.ok_or_else(|| {
        Error::new(Kind::Settings, "this provider does not offer that way to consent")
            .on(server.side, &server.label())
            .hint("set `device_url` or `authorize_url`, or leave the option out")
    })?;
    consent::consent(oauth, chosen, credentials, person).map_err(|error| error.on(server.side, &server.label()))
}

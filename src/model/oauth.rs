//! Where the tokens of a server's logins come from (OAuth 2.0, RFC 6749): settings as plain data, without secrets.

use std::path::PathBuf;

/// How a token is got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The application's own (RFC 6749 4.4): one token opens all accounts.
    ClientCredentials,
    /// A signed statement on behalf of each user (RFC 7523): Google Workspace.
    ServiceAccount,
    /// From what a person consented to once (RFC 6749 6): `mailferry login`.
    RefreshToken,
    /// A command prints it.
    Command,
    /// It stands in a file, which somebody else keeps fresh.
    File,
}

/// Whose endpoints they are, as far as advice depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provider {
    Microsoft,
    Google,
    Yahoo,
}

/// Where the tokens of a server's logins come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OAuth {
    pub flow: Flow,
    pub provider: Option<Provider>,
    /// `https` alone. `None` where no token is asked for, or a service account's key names it.
    pub token_url: Option<String>,
    /// Where a person consents in a browser.
    pub authorize_url: Option<String>,
    /// Where a person is given a code for another device (RFC 8628).
    pub device_url: Option<String>,
    pub client_id: String,
    pub scope: String,
    /// Whether there is a client secret.
    pub has_client_secret: bool,
    /// The application's certificate, in the stead of a client secret (PEM).
    pub certificate_file: Option<PathBuf>,
    /// Certificates to trust at the endpoints instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
}

impl OAuth {
    /// Whether one token opens all accounts.
    pub fn is_shared(&self) -> bool {
        self.flow == Flow::ClientCredentials
    }
}

/// The secrets that flows need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ingredient {
    ClientSecret,
    /// A private key in PEM form, or the JSON of a service account.
    Key,
    RefreshToken,
    /// What the command printed, or the file holds.
    Token,
}

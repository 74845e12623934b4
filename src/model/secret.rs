//! Secrets: octets that erase themselves and never show.

use super::{Account, Side};
use crate::error::Result;
use std::fmt;
use zeroize::Zeroizing;

/// A password or token. Its memory is overwritten when it is dropped; `Debug` and `Display` never show it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over; the caller must not keep a copy.
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The secret itself, for the moment in which it is sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where passwords come from; asked at the moment of a login, from any thread.
pub trait Passwords: Send + Sync {
    /// The password with which to log in for this account on this side: the master user's, or the user's own.
    ///
    /// # Errors
    /// `Settings` when the place that the settings name holds no password.
    fn password(&self, account: &Account, side: Side) -> Result<Secret>;
}

//! Secrets: octets that erase themselves and never show.

use super::oauth::Ingredient;
use super::{Account, Side};
use crate::error::{Error, Kind, Result};
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

    /// What looks as if it did not belong to a password: what a variable or a file got by mistake.
    pub fn oddity(&self) -> Option<&'static str> {
        let text = self.expose();
        match (text.chars().next(), text.chars().last()) {
            (Some('\u{feff}'), _) => Some("begins with a byte order mark (U+FEFF)"),
            (_, Some('\n' | '\r')) => Some("ends in a line end"),
            (Some(first), _) if first.is_whitespace() => Some("begins with a blank"),
            (_, Some(last)) if last.is_whitespace() => Some("ends in a blank"),
            _ => None,
        }
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

    /// A secret that a token is made with.
    ///
    /// # Errors
    /// `Settings` when the settings name no place for it, or it is not there.
    fn ingredient(&self, _account: &Account, _side: Side, _which: Ingredient) -> Result<Secret> {
        Err(Error::new(Kind::Settings, "there are no settings for tokens"))
    }

    /// Keeps a refresh token in the stead of the one before it, for this run and the next ones. Whether the next ones will
    /// have it: where it came from a command or a variable they will not.
    ///
    /// # Errors
    /// `Io` when it cannot be written.
    fn keep_refresh_token(&self, _account: &Account, _side: Side, _token: &Secret) -> Result<bool> {
        Ok(false)
    }
}

/// The secrets of one account on one side.
pub trait Credentials {
    /// See [`Passwords::password`].
    ///
    /// # Errors
    /// As there.
    fn password(&self) -> Result<Secret>;

    /// See [`Passwords::ingredient`].
    ///
    /// # Errors
    /// As there.
    fn ingredient(&self, which: Ingredient) -> Result<Secret>;

    /// See [`Passwords::keep_refresh_token`].
    ///
    /// # Errors
    /// As there.
    fn keep_refresh_token(&self, token: &Secret) -> Result<bool>;
}

/// A password, and nothing to make tokens with.
impl<F: Fn() -> Result<Secret>> Credentials for F {
    fn password(&self) -> Result<Secret> {
        self()
    }

    fn ingredient(&self, _which: Ingredient) -> Result<Secret> {
        Err(Error::new(Kind::Settings, "there are no settings for tokens"))
    }

    fn keep_refresh_token(&self, _token: &Secret) -> Result<bool> {
        Ok(false)
    }
}

/// An account's part of [`Passwords`].
pub struct Purse<'a> {
    pub passwords: &'a dyn Passwords,
    pub account: &'a Account,
    pub side: Side,
}

impl Credentials for Purse<'_> {
    fn password(&self) -> Result<Secret> {
        self.passwords.password(self.account, self.side)
    }

    fn ingredient(&self, which: Ingredient) -> Result<Secret> {
        self.passwords.ingredient(self.account, self.side, which)
    }

    fn keep_refresh_token(&self, token: &Secret) -> Result<bool> {
        self.passwords.keep_refresh_token(self.account, self.side, token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oddity_names_what_a_password_got_by_mistake() {
        let oddity = |text: &str| Secret::new(text.to_owned()).oddity().unwrap_or_default();
        assert!(oddity("pw\n").contains("line end") && oddity("pw\r").contains("line end"));
        assert!(oddity("\u{feff}pw").contains("byte order") && oddity("pw ").contains("ends in a blank"));
        assert!(oddity("\tpw").contains("begins with a blank") && oddity("p w").is_empty());
    }
}

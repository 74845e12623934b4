//! A password that the program has which built the settings: it hands it over, or is asked for each at the moment of a login.

use super::mistake::Mistake;
use crate::model::Secret;
use std::sync::Arc;

/// Tells the password for a user, of the account of that name; or why there is none.
pub type Answer = dyn Fn(&str, &str) -> Result<Secret, String> + Send + Sync;

/// Where a program has a password.
#[derive(Clone)]
pub struct GivenPassword {
    answer: Arc<Answer>,
    is_one_for_all: bool,
}

impl GivenPassword {
    /// This one.
    pub fn fixed(secret: Secret) -> GivenPassword {
        GivenPassword { answer: Arc::new(move |_, _| Ok(secret.clone())), is_one_for_all: true }
    }

    /// What the program answers when it is asked, at each login.
    pub fn asked(answer: Arc<Answer>) -> GivenPassword {
        GivenPassword { answer, is_one_for_all: false }
    }

    /// Whether each account has a password of its own there.
    pub(super) fn depends_on_account(&self) -> bool {
        !self.is_one_for_all
    }

    /// The password.
    pub(super) fn read(&self, user: &str, account: &str) -> Result<Secret, Mistake> {
        let secret =
            (self.answer)(user, account).map_err(|why| Mistake::new(format!("the program gave none: {why}")))?;
        if secret.expose().is_empty() || secret.expose().contains('\0') {
            return Err(Mistake::new("the password that the program gave is empty, or holds a NUL"));
        }
        Ok(secret)
    }
}

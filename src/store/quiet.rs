//! How an account stood, kept both ways, when a sync left nothing to do in either direction.

use super::account::AccountStore;
use super::codec::Stored;
use super::kinds::StoredKind;
use crate::error::Result;
use crate::model::Side;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A digest of the settings and of all listings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Quiet([u8; 16]);

impl Stored for Quiet {
    const KIND: StoredKind = StoredKind::Quiet;
    const NOUN: &'static str = "what is known of a quiet account";
}

impl AccountStore {
    /// Whether nothing was listed otherwise since the account was noted to be quiet by settings of that digest.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn is_quiet(&self, policy: [u8; 16]) -> Result<bool> {
        let known: Option<Quiet> = self.database().load(&self.id.quiet())?;
        Ok(known.is_some() && known == Some(self.quiet(policy)?))
    }

    /// Notes that by settings of that digest there is nothing to do in either direction while all is listed as it is now.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn note_quiet(&self, policy: [u8; 16]) -> Result<()> {
        self.database().store(&self.id.quiet(), &self.quiet(policy)?)
    }

    /// A listing has another revision whenever anything of it is listed otherwise.
    fn quiet(&self, policy: [u8; 16]) -> Result<Quiet> {
        let mut digest = Sha256::new();
        digest.update(policy);
        for side in Side::BOTH {
            for mailbox in self.mailboxes(side)? {
                let listed =
                    (&mailbox.name.raw, mailbox.revision, mailbox.subscribed, mailbox.sync_point, &mailbox.trouble);
                digest.update(format!("{side} {listed:?} {:?}\n", mailbox.attributes));
            }
        }
        Ok(Quiet(crate::model::Digest::from_sha256(digest.finalize().into()).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{fill, open};

    #[test]
    fn account_is_quiet_until_anything_is_listed_otherwise() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.begin_scan().unwrap();
        fill(&account, Side::Source, 3);
        assert!(!account.is_quiet([1; 16]).unwrap());
        account.note_quiet([1; 16]).unwrap();
        assert!(account.is_quiet([1; 16]).unwrap() && !account.is_quiet([2; 16]).unwrap());
        fill(&account, Side::Destination, 3);
        assert!(!account.is_quiet([1; 16]).unwrap());
    }
}

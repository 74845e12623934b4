//! The status of an account: figures that the next run and `mailferry status` start from.

use super::account::AccountStore;
use super::codec::{Flaw, Stored};
use super::kinds::StoredKind;
use super::older;
use crate::error::Result;
use crate::model::statistics::AccountStatus;

impl Stored for AccountStatus {
    const KIND: StoredKind = StoredKind::Status;
    const NOUN: &'static str = "the status";

    fn from_older(version: u8, payload: &[u8]) -> Option<std::result::Result<Self, Flaw>> {
        Some(if version > 2 { older::status_of_3(payload) } else { older::status(payload) })
    }
}

impl AccountStore {
    /// What the last runs recorded; all zero where there was none.
    pub fn status(&self) -> Result<AccountStatus> {
        let status = self.database().load(&self.id.status()).map_err(|error| self.named(error))?;
        Ok(status.unwrap_or_default())
    }

    /// Records what a run has come to.
    pub fn put_status(&self, status: &AccountStatus) -> Result<()> {
        self.database().store(&self.id.status(), status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::open;

    #[test]
    fn status_put_comes_back() {
        let (_directory, store) = open();
        let account = store.account("alice");
        assert_eq!(account.status().unwrap(), AccountStatus::default());
        let status = AccountStatus { source_octets: 7, octets_copied: 9, ..Default::default() };
        account.put_status(&status).unwrap();
        assert_eq!(account.status().unwrap(), status);
    }
}

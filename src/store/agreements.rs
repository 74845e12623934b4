//! What a person agreed to, by source mailbox. It stays when a pair is begun anew.

use super::account::AccountStore;
use super::codec::stored;
use super::kinds::StoredKind;
use crate::error::Result;
use crate::model::{Agreement, RawName, UidValidity};

stored! {
    Agreement => StoredKind::Agreement, "what was agreed to";
}

impl AccountStore {
    /// What was agreed to of that source mailbox under this UIDVALIDITY.
    pub fn agreement(&self, source: &RawName, validity: UidValidity) -> Result<Agreement> {
        let known: Option<Agreement> =
            self.database().load(&self.id.agreement(source)).map_err(|error| self.named(error))?;
        Ok(known.unwrap_or_default().under(validity))
    }

    /// Records what was agreed to.
    pub fn put_agreement(&self, source: &RawName, agreement: &Agreement) -> Result<()> {
        self.database().store(&self.id.agreement(source), agreement).map_err(|error| self.named(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{inbox, open};

    #[test]
    fn agreement_put_comes_back_and_goes_with_the_account() {
        let (_directory, store) = open();
        let account = store.account("alice");
        assert_eq!(account.agreement(&inbox(), UidValidity(0)).unwrap(), Agreement::default());
        let agreement = Agreement { deleted: 3, source_validity: UidValidity(7), ..Agreement::default() };
        account.put_agreement(&inbox(), &agreement).unwrap();
        assert_eq!(account.agreement(&inbox(), UidValidity(7)).unwrap(), agreement);
        account.drop_account().unwrap();
        assert_eq!(account.agreement(&inbox(), UidValidity(0)).unwrap(), Agreement::default());
    }
}

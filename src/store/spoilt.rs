//! Copies that were read and are not what was sent, by their source mailbox. They stand as long as their pair.

use super::account::AccountStore;
use super::codec::stored;
use super::kinds::StoredKind;
use crate::error::{Kind, Result};
use crate::model::{Pairing, Spoilt};

stored! {
    Spoilt => StoredKind::Spoilt, "copies that are not what was sent";
}

impl AccountStore {
    /// Those that are known of a pair; none under another UIDVALIDITY of either side.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn spoilt_copies(&self, pairing: &Pairing) -> Result<Spoilt> {
        let key = self.id.spoilt(&pairing.source);
        let known = match self.database().load::<Spoilt>(&key) {
            // They are found again when they are read again.
            Err(error) if *error.kind() == Kind::Damaged => None,
            other => other?,
        };
        let known = known.filter(|known| known.pairing == *pairing);
        Ok(known.unwrap_or_else(|| Spoilt::none(pairing.clone())))
    }

    /// Records those of a pair.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn put_spoilt_copies(&self, spoilt: &Spoilt) -> Result<()> {
        let key = self.id.spoilt(&spoilt.pairing.source);
        if spoilt.is_empty() { self.database().clear(&key) } else { self.database().store(&key, spoilt) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Uid, UidValidity};
    use crate::store::tests::{link, open, pair};

    fn one() -> Spoilt {
        let mut spoilt = Spoilt::none(pair().pairing);
        spoilt.note((Uid(1), Uid(1001)), true);
        spoilt
    }

    #[test]
    fn what_is_spoilt_comes_back_until_it_is_read_again() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_spoilt_copies(&one()).unwrap();
        let mut known = account.spoilt_copies(&pair().pairing).unwrap();
        assert!(known == one() && known.is(&link(1)) && !known.is(&link(2)));
        known.note((Uid(1), Uid(1001)), false);
        account.put_spoilt_copies(&known).unwrap();
        assert!(account.spoilt_copies(&pair().pairing).unwrap().is_empty());
    }

    #[test]
    fn what_is_spoilt_holds_for_its_pair_alone() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        account.put_spoilt_copies(&one()).unwrap();
        let mut renumbered = pair().pairing;
        renumbered.destination_validity = UidValidity(99);
        assert!(account.spoilt_copies(&renumbered).unwrap().is_empty(), "its UIDs are others' now");
        assert_eq!(account.spoilt_copies(&pair().pairing).unwrap(), one());
        account.reset_pair(&pair()).unwrap();
        assert!(account.spoilt_copies(&pair().pairing).unwrap().is_empty(), "its messages are matched anew");
    }
}

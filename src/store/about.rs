//! Who sent a message and what it is called: kept of the few that are named because they are not there.

use super::account::AccountStore;
use super::codec::stored;
use super::kinds::StoredKind;
use crate::error::Result;
use crate::model::about::About;
use crate::model::{RawName, Uid, UidValidity};
use serde::{Deserialize, Serialize};

/// With the UIDVALIDITY under which its UID was that message's.
#[derive(Serialize, Deserialize)]
struct KeptAbout {
    validity: UidValidity,
    about: About,
}

stored! {
    KeptAbout => StoredKind::About, "who sent a message";
}

impl AccountStore {
    /// What is kept of a source message.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), [`Kind::Damaged`](crate::error::Kind::Damaged).
    pub fn about(&self, mailbox: &RawName, validity: UidValidity, uid: Uid) -> Result<Option<About>> {
        let kept =
            self.database().load::<KeptAbout>(&self.id.about(mailbox, uid)).map_err(|error| self.named(error))?;
        Ok(kept.filter(|kept| kept.validity == validity).map(|kept| kept.about))
    }

    /// Keeps it.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn put_about(&self, mailbox: &RawName, validity: UidValidity, uid: Uid, about: About) -> Result<()> {
        self.database().store(&self.id.about(mailbox, uid), &KeptAbout { validity, about })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{inbox, open};

    #[test]
    fn about_of_another_uidvalidity_is_of_another_message() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let about = About { from: "Anna".to_owned(), ..About::default() };
        account.put_about(&inbox(), UidValidity(1), Uid(7), about.clone()).unwrap();
        assert_eq!(account.about(&inbox(), UidValidity(1), Uid(7)).unwrap(), Some(about));
        assert_eq!(account.about(&inbox(), UidValidity(2), Uid(7)).unwrap(), None);
        assert_eq!(account.about(&inbox(), UidValidity(1), Uid(8)).unwrap(), None);
    }
}

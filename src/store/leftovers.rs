//! Copies that are left in their old place after their messages were moved, by the source mailbox that they left.

use super::account::AccountStore;
use super::codec::stored;
use super::kinds::StoredKind;
use crate::error::{Kind, Result};
use crate::model::{Leftovers, RawName, UidValidity};

stored! {
    Leftovers => StoredKind::Leftovers, "copies that are left in their old place";
}

impl AccountStore {
    /// Those of a source mailbox, whose copies are in a destination mailbox of that UIDVALIDITY.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn leftovers(&self, source: &RawName, destination_validity: UidValidity) -> Result<Leftovers> {
        let known = match self.database().load::<Leftovers>(&self.id.leftovers_of(source)) {
            // They stay where they are.
            Err(error) if *error.kind() == Kind::Damaged => None,
            other => other?,
        };
        let known = known.filter(|known| known.destination_validity == destination_validity);
        Ok(known.unwrap_or_else(|| Leftovers::none(source.clone(), destination_validity)))
    }

    /// Those of all source mailboxes.
    pub fn all_leftovers(&self) -> Vec<Leftovers> {
        self.database().load_all::<Leftovers>(&self.id.leftovers()).filter_map(Result::ok).collect()
    }

    /// Records those of a source mailbox.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn put_leftovers(&self, leftovers: &Leftovers) -> Result<()> {
        let key = self.id.leftovers_of(&leftovers.source);
        if leftovers.is_empty() { self.database().clear(&key) } else { self.database().store(&key, leftovers) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;
    use crate::store::tests::{inbox, name, open};

    #[test]
    fn leftovers_come_back_until_they_are_gone() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let mut left = account.leftovers(&inbox(), UidValidity(7)).unwrap();
        assert!(left.is_empty() && account.all_leftovers().is_empty());
        let place = name("Archive").raw;
        left.note([Uid(1), Uid(11)], (&place, UidValidity(3)), Uid(21));
        left.note([Uid(2), Uid(12)], (&place, UidValidity(3)), Uid(22));
        account.put_leftovers(&left).unwrap();
        assert_eq!(account.all_leftovers(), [left.clone()]);
        assert!(account.leftovers(&inbox(), UidValidity(8)).unwrap().is_empty(), "their UIDs are others' now");
        let known: Vec<_> = left.each().map(|(former, it, ..)| (former.0, it.destination.0, it.source.0)).collect();
        assert_eq!(known, [(1, 11, 21), (2, 12, 22)]);
        left.forget([Uid(1), Uid(2)]);
        account.put_leftovers(&left).unwrap();
        assert!(account.all_leftovers().is_empty());
    }
}

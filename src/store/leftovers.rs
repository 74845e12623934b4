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
    fn leftovers(&self, source: &RawName, destination_validity: UidValidity) -> Result<Leftovers> {
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

    /// Changes those of a source mailbox, whose messages may go to several mailboxes at one time: nobody's change is lost.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn change_leftovers(
        &self,
        source: &RawName,
        destination_validity: UidValidity,
        change: impl FnOnce(&mut Leftovers),
    ) -> Result<()> {
        let _alone = self.store.alone();
        let mut left = self.leftovers(source, destination_validity)?;
        change(&mut left);
        let key = self.id.leftovers_of(source);
        if left.is_empty() { self.database().clear(&key) } else { self.database().store(&key, &left) }
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
        assert!(account.all_leftovers().is_empty());
        let place = name("Archive").raw;
        let change =
            |change: &dyn Fn(&mut Leftovers)| account.change_leftovers(&inbox(), UidValidity(7), change).unwrap();
        change(&|left| left.note([Uid(1), Uid(11)], (&place, UidValidity(3)), Uid(21)));
        change(&|left| left.note([Uid(2), Uid(12)], (&place, UidValidity(3)), Uid(22)));
        let left = account.leftovers(&inbox(), UidValidity(7)).unwrap();
        assert_eq!(account.all_leftovers(), std::slice::from_ref(&left));
        assert!(account.leftovers(&inbox(), UidValidity(8)).unwrap().is_empty(), "their UIDs are others' now");
        let known: Vec<_> = left.each().map(|(former, it, ..)| (former.0, it.destination.0, it.source.0)).collect();
        assert_eq!(known, [(1, 11, 21), (2, 12, 22)]);
        change(&|left| left.forget([Uid(1), Uid(2)]));
        assert!(account.all_leftovers().is_empty());
    }

    #[test]
    fn what_leaves_one_mailbox_for_many_at_one_time_is_all_noted() {
        let (_directory, store) = open();
        let account = store.account("alice");
        std::thread::scope(|scope| {
            for place in 0..8 {
                let account = &account;
                scope.spawn(move || {
                    let to = name(&format!("Archive/{place}")).raw;
                    for message in 0..40 {
                        let uid = Uid(1 + place * 40 + message);
                        let note = |left: &mut Leftovers| left.note([uid, uid], (&to, UidValidity(3)), uid);
                        account.change_leftovers(&inbox(), UidValidity(7), note).unwrap();
                    }
                });
            }
        });
        assert_eq!(account.leftovers(&inbox(), UidValidity(7)).unwrap().each().count(), 320);
    }
}

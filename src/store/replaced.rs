//! Copies that are to be replaced, by their UIDs on the destination. They stand as long as their pair.

use super::account::AccountStore;
use super::database::Changes;
use super::entries::Entries;
use super::keys::PerMessage;
use super::kinds::StoredKind;
use super::leaves::{Entry, LeafEditor};
use super::tally::Tally;
use crate::error::Result;
use crate::model::{Link, RawName, Replaced, Side, Uid};

impl Entry for Replaced {
    const KIND: StoredKind = StoredKind::Replaced;
    const NOUN: &'static str = "copies to be replaced";

    fn uid(&self) -> Uid {
        self.copy.destination
    }
}

impl AccountStore {
    /// The copies of a source mailbox that are to be replaced; none where there is no pair.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn replaced(&self, source: &RawName) -> Result<Entries<Replaced>> {
        Ok(match self.pair_header(source)? {
            Some(_) => Entries::new(self.database().walk(&self.replaced_keys(source)), source, None),
            None => Entries::none(source),
        })
    }

    /// Notes in one batch that these copies are to be replaced, and that their source messages are to be copied anew.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn replace(&self, source: &RawName, copies: &[Replaced]) -> Result<()> {
        self.change_replaced(source, copies, &[], &[])
    }

    /// Notes in one batch that these copies are not to be replaced any more, and ties those of `links` again.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn settle_replaced(&self, source: &RawName, copies: &[Uid], links: &[Link]) -> Result<()> {
        self.change_replaced(source, &[], copies, links)
    }

    fn change_replaced(&self, source: &RawName, replace: &[Replaced], settled: &[Uid], ties: &[Link]) -> Result<()> {
        let _alone = self.store.alone();
        let Some(mut header) = self.pair_header(source)? else { return Ok(()) };
        let mut links: LeafEditor<Link> = self.editor(header.table(), source, header.tally);
        let mut known: LeafEditor<Replaced> =
            LeafEditor::new(self.database(), self.replaced_keys(source), Tally::default());
        for replaced in replace {
            links.remove(replaced.copy.source)?;
            known.put(replaced.clone())?;
        }
        settled.iter().try_for_each(|uid| known.remove(*uid).map(drop))?;
        ties.iter().try_for_each(|link| links.put(link.clone()))?;
        let mut changes = Changes::default();
        links.seal_into(&mut changes)?;
        known.seal_into(&mut changes)?;
        header.tally = links.tally();
        header.state.links = header.tally.count;
        header.state.settled = None;
        changes.put(&self.id.pair(source), &header)?;
        self.database().apply(changes)
    }

    pub(super) fn replaced_keys(&self, source: &RawName) -> Vec<u8> {
        self.id.entries(PerMessage::Replaced, self.id.mailbox(Side::Source, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PairState;
    use crate::model::link::Settled;
    use crate::store::tests::{inbox, link, open, pair};

    fn replaced(account: &AccountStore) -> Vec<u32> {
        account.replaced(&inbox()).unwrap().map(|replaced| replaced.unwrap().copy.destination.0).collect()
    }

    fn links(account: &AccountStore) -> Vec<u32> {
        account.links(&inbox()).unwrap().map(|link| link.unwrap().source.0).collect()
    }

    #[test]
    fn what_is_to_be_replaced_is_not_linked_and_unsettles_its_pair_until_it_is_done() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let settled = Some(Settled { source_revision: 1, destination_revision: 1, policy: [0; 16] });
        account.put_pair(&PairState { settled, ..pair() }).unwrap();
        account.checkpoint(&inbox(), &[link(1), link(2), link(3)], &[]).unwrap();
        let broken = [1, 3].map(|uid| Replaced { copy: link(uid), octets: [7; 32] });
        account.replace(&inbox(), &broken).unwrap();
        assert_eq!((replaced(&account), links(&account)), (vec![1001, 1003], vec![2]));
        assert_eq!(account.pair(&inbox()).unwrap().unwrap().settled, None);
        account.settle_replaced(&inbox(), &[Uid(1001), Uid(1003)], &[link(3)]).unwrap();
        assert_eq!((replaced(&account), links(&account)), (vec![], vec![2, 3]));
        account.replace(&inbox(), &broken).unwrap();
        account.reset_pair(&pair()).unwrap();
        assert_eq!(replaced(&account), [] as [u32; 0], "their UIDs may be others' now");
    }
}

//! Links carried over to another UIDVALIDITY of either side: written anew beside those that hold, which they then replace.
//!
//! Invariants:
//! 1. Until the header of the pair is replaced, nothing has changed; with it all has, in one batch
//!    (`carry_links_cut_off_leaves_the_ones_before`). What a crash leaves of either table is cleared before it is written again.
//! 2. What stands by source UIDs (what is remembered of messages without a link, what was agreed to, outcomes) changes in the
//!    same batch.

use super::account::AccountStore;
use super::database::Changes;
use super::leaves::{BATCH_LEAVES, LeafEditor};
use super::pair_header::{self, PairHeader};
use super::tally::Tally;
use crate::error::Result;
use crate::model::{Agreement, Link, PairState, Remembered};

impl AccountStore {
    /// Replaces the links of a pair by these, which hold for its UIDVALIDITYs of now, ascending by source UID; `links` of
    /// `pair` is not looked at. They may be read from the links that hold until then. Where the UIDVALIDITY of the source is
    /// another one, so does what is remembered of messages without a link, and outcomes are forgotten.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State), and those of `links`: nothing has changed then.
    pub fn carry_links(
        &self,
        pair: &PairState,
        agreement: &Agreement,
        remembered: &[Remembered],
        links: impl Iterator<Item = Result<Link>>,
    ) -> Result<()> {
        let _alone = self.store.alone();
        let source = &pair.pairing.source;
        let known = self.pair_header(source)?;
        let carried = !known.as_ref().is_some_and(|known| known.carried);
        let [before, table] = [!carried, carried].map(|carried| self.of_source(pair_header::table(carried), source));
        self.database().clear(&table)?;
        let (mut changes, mut reach) = (Changes::default(), Default::default());
        let mut written = LeafEditor::new(self.database(), table, Tally::default()).ending_at(0);
        for link in links {
            let link = link?;
            pair_header::extend(&mut reach, std::slice::from_ref(&link));
            written.put(link)?;
            if written.changed_leaves() >= BATCH_LEAVES {
                written.seal_into(&mut changes)?;
                self.database().apply(std::mem::take(&mut changes))?;
            }
        }
        written.seal_into(&mut changes)?;
        let tally = written.tally();
        let state = PairState { links: tally.count, ..pair.clone() };
        let same_uids = |known: &PairHeader| known.state.pairing.source_validity == pair.pairing.source_validity;
        if known.as_ref().is_some_and(same_uids) {
            changes.put(&self.id.agreement(source), agreement)?;
        } else {
            self.turn_source(source, agreement, remembered, &mut changes)?;
        }
        // They name UIDs of before: what is spoilt is found again.
        for entry in self.database().walk(&self.replaced_keys(source)) {
            changes.remove(entry?.0.to_vec());
        }
        changes.remove(self.id.settlement(source));
        changes.put(&self.id.pair(source), &PairHeader { state, tally, reach, carried })?;
        self.database().apply(changes)?;
        self.database().clear(&before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use crate::model::{Outcome, Uid, UidValidity};
    use crate::store::Store;
    use crate::store::tests::{copy_of, inbox, link, open, pair, remembered};

    fn renumbered() -> PairState {
        let mut renumbered = pair();
        renumbered.pairing.source_validity = UidValidity(9);
        renumbered
    }

    fn links(account: &AccountStore) -> Vec<Link> {
        account.links(&inbox()).unwrap().collect::<Result<_>>().unwrap()
    }

    fn recollections(account: &AccountStore) -> Vec<Remembered> {
        account.remembered(&inbox()).collect::<Result<_>>().unwrap()
    }

    /// Holds store/carrying.rs invariant 2.
    #[test]
    fn carry_links_replaces_links_reach_and_what_stands_by_source_uids() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1), link(200)], &[(Uid(5), Outcome::Vanished)]).unwrap();
        account.remember(&inbox(), &[remembered(5, 1), remembered(70, 1)], &[]).unwrap();
        let agreement = Agreement { source_validity: UidValidity(9), deleted: 3, ..Agreement::default() };
        let lost = Link { source: Uid::LOST, ..link(3) };
        for round in 1..4u32 {
            let carried = [link(round), Link { destination: Uid::NOWHERE, ..link(70) }, lost.clone()];
            let now = [remembered(6 + round, 9)];
            account.carry_links(&renumbered(), &agreement, &now, carried.iter().cloned().map(Ok)).unwrap();
            assert_eq!(links(&account), carried);
            // Of the same source UIDs from then on: nothing is to be recalled.
            assert_eq!(recollections(&account), [remembered(7, 9)]);
            assert_eq!(account.reaches()[0].sides.map(|side| side.below), [Uid(71), Uid(1004)]);
            account.checkpoint(&inbox(), &[link(400)], &[]).unwrap();
            account.unlink(&inbox(), [Uid(400)]).unwrap();
            assert_eq!((links(&account).len(), account.pair(&inbox()).unwrap().unwrap().links), (3, 3));
        }
        assert_eq!(account.exceptions(&inbox()).count(), 0);
        assert_eq!(account.agreement(&inbox(), UidValidity(9)).unwrap(), agreement);
        account.reset_pair(&pair()).unwrap();
        assert_eq!(links(&account), []);
    }

    #[test]
    fn carry_links_of_the_same_source_uids_keeps_their_outcomes() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[], &[(Uid(5), Outcome::Vanished)]).unwrap();
        let mut moved = pair();
        moved.pairing.destination_validity = UidValidity(9);
        account.remember(&inbox(), &[remembered(5, 1)], &[]).unwrap();
        account.carry_links(&moved, &Agreement::default(), &[], std::iter::empty()).unwrap();
        assert_eq!((account.exceptions(&inbox()).count(), recollections(&account)), (1, vec![remembered(5, 1)]));
    }

    /// Holds store/carrying.rs invariant 1. At each step: more links than one batch holds, with an error at the end of them; and
    /// the files as a kill would leave them at each link.
    #[test]
    fn carry_links_cut_off_leaves_the_ones_before() {
        let (directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1), link(2)], &[(Uid(5), Outcome::Vanished)]).unwrap();
        account.remember(&inbox(), &[remembered(5, 1)], &[]).unwrap();
        store.flush().unwrap();
        let many = (1..10_000).map(|uid| Ok(link(uid)));
        let fault = Error::new(Kind::State, "a fault");
        let cut = many.clone().chain([Err(fault)]);
        account.carry_links(&renumbered(), &Agreement::default(), &[remembered(6, 9)], cut).unwrap_err();
        assert_eq!(recollections(&account), [remembered(5, 1)]);
        assert_eq!((links(&account), account.exceptions(&inbox()).count()), (vec![link(1), link(2)], 1));
        let watched = many.enumerate().inspect(|(number, _)| {
            if number % 2_000 == 0 {
                let killed = copy_of(directory.path());
                let found = Store::open(killed.path()).unwrap().0.account("alice");
                assert_eq!((links(&found), found.exceptions(&inbox()).count()), (vec![link(1), link(2)], 1));
                assert_eq!(found.pair(&inbox()).unwrap().unwrap().pairing, pair().pairing);
                assert_eq!(recollections(&found), [remembered(5, 1)]);
            }
        });
        let watched = watched.map(|(_, link)| link);
        account.carry_links(&renumbered(), &Agreement::default(), &[remembered(6, 9)], watched).unwrap();
        store.flush().unwrap();
        let killed = copy_of(directory.path());
        let found = Store::open(killed.path()).unwrap().0.account("alice");
        assert_eq!((links(&found).len(), found.exceptions(&inbox()).count()), (9_999, 0));
        assert_eq!(recollections(&found), [remembered(6, 9)]);
    }
}

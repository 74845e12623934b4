//! What a pair stood on when nothing was to be done, and what became of its links since: so the next plan need not compare what is
//! as it was.
//!
//! Invariants:
//! 1. A settlement holds only for the very links that it was written with last: it knows what they add up to, and whoever changes
//!    links without a word to it voids it (`settlement_is_void_when_links_change_behind_its_back`).
//! 2. What is told by it changes in one batch with the links (`checkpoint_and_unlink_tell_the_settlement_what_changed`).
//! 3. It is bounded: beyond [`GROUND_MESSAGES`] of a kind there is none (`settlement_of_too_many_changes_is_none`).

use super::account::AccountStore;
use super::codec::stored;
use super::database::Changes;
use super::kinds::StoredKind;
use super::pair_header::PairHeader;
use super::tally::Tally;
use crate::error::Result;
use crate::model::{GROUND_MESSAGES, Ground, Journal, Link, PairState, RawName, Settlement, Side, Uid};
use serde::{Deserialize, Serialize};

/// A settlement as it stands on disk.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredSettlement {
    settlement: Settlement,
    /// Of the links.
    tally: Tally,
}

stored! {
    StoredSettlement => StoredKind::Settlement, "what a settled pair stands on";
}

impl AccountStore {
    /// What the pair of a source mailbox stood on when it was settled last, if it is known what changed since.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn settlement(&self, source: &RawName) -> Result<Option<Settlement>> {
        let Some(header) = self.pair_header(source)? else { return Ok(None) };
        Ok(self.settlement_of(source, &header)?.filter(|known| known.pairing == header.state.pairing))
    }

    /// Records a settled pair as [`AccountStore::put_pair`] does, what it stands on, and that nothing changed in either listing since.
    /// `below` is the UIDNEXT of the destination. Without all of that, what it stood on before is forgotten.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::put_pair`].
    pub fn settle_pair(&self, pair: &PairState, stands: Option<(Ground, Uid)>) -> Result<()> {
        self.put_pair(pair)?;
        let _alone = self.store.alone();
        let source = &pair.pairing.source;
        let (Some((mut ground, below)), Some(settled)) = (stands, pair.settled) else {
            return self.database().clear(&self.id.settlement(source));
        };
        let Some(header) = self.pair_header(source)? else { return Ok(()) };
        let orphans = self.orphans(source, &mut ground)?;
        let live = pair.outcomes.present + pair.outcomes.copied;
        if header.tally.count != live + ground.orphaned.len() {
            return self.database().clear(&self.id.settlement(source));
        }
        let ours = pair.outcomes.copied + orphans;
        let settlement = Settlement::new(pair.pairing.clone(), settled, below, ground, ours);
        let mut changes = Changes::default();
        changes.put(&self.id.settlement(source), &StoredSettlement { settlement, tally: header.tally })?;
        let revisions = [settled.source_revision, settled.destination_revision];
        for (side, revision) in Side::BOTH.into_iter().zip(revisions) {
            let journal = Journal { since: revision, upto: revision, changed: Default::default() };
            changes.put(&self.id.journal(side, pair.pairing.mailbox(side)), &journal)?;
        }
        self.database().apply(changes)
    }

    /// Leaves of the orphaned links those that are there; returns how many of them are of copies of ours.
    fn orphans(&self, source: &RawName, ground: &mut Ground) -> Result<u64> {
        let (mut links, mut ours) = (self.link_lookup(source)?, 0);
        let mut there = Vec::new();
        for uid in ground.orphaned.iter() {
            let Some(link) = links.get(uid)? else { continue };
            ours += u64::from(link.is_ours());
            there.push(uid);
        }
        ground.orphaned = there.into_iter().collect();
        Ok(ours)
    }

    /// Begins to note changes of the links that `header` stands for; `None` where nobody wants to know of them.
    pub(super) fn relinking(&self, source: &RawName, header: &PairHeader) -> Result<Option<Relinking>> {
        let settlement = self.settlement_of(source, header)?;
        Ok(settlement.map(|known| Relinking { key: self.id.settlement(source), known: Some(known) }))
    }

    /// One that is damaged is as good as none.
    fn settlement_of(&self, source: &RawName, header: &PairHeader) -> Result<Option<Settlement>> {
        let known = self.forgiving::<StoredSettlement>(&self.id.settlement(source))?;
        Ok(known.filter(|known| known.tally == header.tally).map(|known| known.settlement))
    }
}

/// Changes of links, to be told with them.
pub(super) struct Relinking {
    key: Vec<u8>,
    /// `None`: too much changed.
    known: Option<Settlement>,
}

impl Relinking {
    /// Notes what becomes of the link of one source message.
    pub(super) fn note(&mut self, before: Option<&Link>, after: Option<&Link>) {
        let (Some(known), Some(link)) = (&mut self.known, after.or(before)) else { return };
        let ours = |link: Option<&Link>| u64::from(link.is_some_and(Link::is_ours));
        known.ours = (known.ours + ours(after)).saturating_sub(ours(before));
        known.relinked.insert(link.source);
        let place = |link: &Link| (link.destination, link.origin);
        if before.map(place) != after.map(place) {
            known.anew.insert(link.source);
            let freed = before.filter(|before| after.is_none_or(|after| after.destination != before.destination));
            freed.filter(|link| link.destination != Uid::NOWHERE).into_iter().for_each(|link| {
                known.freed.insert(link.destination);
            });
        }
    }

    /// Hands over what is to be written with the links, which come to that.
    pub(super) fn seal_into(self, tally: Tally, changes: &mut Changes) -> Result<()> {
        let fits = |known: &Settlement| known.relinked.len().max(known.freed.len()) <= GROUND_MESSAGES;
        match self.known.filter(fits) {
            Some(settlement) => changes.put(&self.key, &StoredSettlement { settlement, tally }),
            None => {
                changes.remove(self.key);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::link::Settled;
    use crate::model::{LinkOrigin, Outcomes, UidSet};
    use crate::store::tests::{fill, inbox, link, open, pair};
    use crate::store::{Store, keys, leaves};

    /// Three links, settled.
    fn settled() -> (tempfile::TempDir, Store, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        Side::BOTH.into_iter().for_each(|side| fill(&account, side, 3));
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1), link(2), link(3)], &[]).unwrap();
        account.settle_pair(&settled_pair(), Some((Ground::default(), Uid(2000)))).unwrap();
        (directory, store, account)
    }

    fn settled_pair() -> PairState {
        let settled = Settled { source_revision: 1, destination_revision: 2, policy: [7; 16] };
        let outcomes = Outcomes { copied: 3, ..Outcomes::default() };
        PairState { settled: Some(settled), outcomes, ..pair() }
    }

    fn settlement(account: &AccountStore) -> Option<Settlement> {
        account.settlement(&inbox()).unwrap()
    }

    fn uids(uids: &UidSet) -> String {
        uids.to_string()
    }

    #[test]
    fn settlement_begins_with_nothing_changed() {
        let (_directory, _store, account) = settled();
        let known = settlement(&account).unwrap();
        let blank = Settlement::new(pair().pairing, known.settled, Uid(2000), Ground::default(), 3);
        assert_eq!(known, blank);
        for side in Side::BOTH {
            let listing = account.mailbox(side, &inbox()).unwrap().unwrap();
            let journal = account.journal(side, &listing).unwrap().unwrap();
            assert_eq!((journal.since, journal.changed.len()), (listing.revision, 0));
        }
    }

    /// Holds store/settlement.rs invariant 2.
    #[test]
    fn checkpoint_and_unlink_tell_the_settlement_what_changed() {
        let (_directory, _store, account) = settled();
        let agreed = crate::model::Flags::from_texts(["\\Seen"]);
        let moved = Link { destination: Uid(2005), origin: LinkOrigin::Adopted, ..link(3) };
        account.checkpoint(&inbox(), &[Link { agreed, ..link(1) }, moved, link(9)], &[]).unwrap();
        account.unlink(&inbox(), [Uid(2), Uid(7)]).unwrap();
        let known = settlement(&account).unwrap();
        assert_eq!((uids(&known.relinked), uids(&known.anew)), ("1:3,9".to_owned(), "2:3,9".to_owned()));
        assert_eq!((uids(&known.freed), known.ours), ("1002:1003".to_owned(), 2));
    }

    /// Holds store/settlement.rs invariant 1.
    #[test]
    fn settlement_is_void_when_links_change_behind_its_back() {
        let change: [fn(&AccountStore); 5] = [
            |account| account.replace(&inbox(), &[]).unwrap(),
            |account| account.settle_replaced(&inbox(), &[], &[link(4)]).unwrap(),
            |account| account.reset_pair(&pair()).unwrap(),
            |account| {
                let key = account.id.settlement(&inbox());
                let known = account.database().load::<StoredSettlement>(&key).unwrap().unwrap();
                account.checkpoint(&inbox(), &[link(4)], &[]).unwrap();
                account.database().store(&key, &known).unwrap();
            },
            |account| {
                account.facing(account.direction().opposite()).turn().unwrap();
                account.turn().unwrap();
            },
        ];
        for (number, change) in change.into_iter().enumerate() {
            let (_directory, _store, account) = settled();
            change(&account);
            // Nothing was replaced by the first.
            assert_eq!(settlement(&account).is_some(), number == 0, "{number}");
        }
    }

    /// Holds store/settlement.rs invariant 3.
    #[test]
    fn settlement_of_too_many_changes_is_none() {
        let (_directory, _store, account) = settled();
        let most = GROUND_MESSAGES as u32;
        let links: Vec<Link> = (10..10 + most).map(|uid| Link { destination: Uid(uid + 9000), ..link(uid) }).collect();
        account.checkpoint(&inbox(), &links, &[]).unwrap();
        assert_eq!(settlement(&account).unwrap().relinked.len(), GROUND_MESSAGES);
        account.checkpoint(&inbox(), &[link(9)], &[]).unwrap();
        assert_eq!(settlement(&account), None);
        account.checkpoint(&inbox(), &[link(8)], &[]).unwrap();
        assert_eq!(settlement(&account), None);
    }

    #[test]
    fn settlement_is_none_where_links_are_not_counted_by_the_plan_or_it_is_damaged() {
        let (_directory, _store, account) = settled();
        let fewer = PairState { outcomes: Outcomes { copied: 2, ..Outcomes::default() }, ..settled_pair() };
        account.settle_pair(&fewer, Some((Ground::default(), Uid(2000)))).unwrap();
        assert_eq!(settlement(&account), None);
        let orphaned: UidSet = [Uid(3), Uid(4)].into_iter().collect();
        account.settle_pair(&fewer, Some((Ground { orphaned, ..Ground::default() }, Uid(2000)))).unwrap();
        let known = settlement(&account).unwrap();
        assert_eq!((uids(&known.ground.orphaned), known.ours), ("3".to_owned(), 3));
        let key = account.id.settlement(&inbox());
        account.database().guarded(|tree| tree.insert(&key, "junk")).unwrap();
        assert_eq!(settlement(&account), None);
        account.checkpoint(&inbox(), &[link(4)], &[]).unwrap();
        account.settle_pair(&fewer, None).unwrap();
        assert!(account.database().get(&key).unwrap().is_none());
    }

    #[test]
    fn links_are_found_by_their_copies_where_these_are_in_order() {
        let (_directory, _store, account) = settled();
        let links: Vec<Link> = (100..1000).filter(|uid| uid % 3 == 0).map(link).collect();
        links.chunks(100).for_each(|links| account.checkpoint(&inbox(), links, &[]).unwrap());
        let stray = [Link { destination: Uid(5), ..link(500) }, Link { origin: LinkOrigin::Adopted, ..link(200) }];
        account.checkpoint(&inbox(), &stray, &[]).unwrap();
        let mut by_copy = account.links_by_copy(&inbox(), [Uid(500)].into_iter().collect()).unwrap();
        for uid in (1..=3).chain(links.iter().map(|link| link.source.0)) {
            assert_eq!(by_copy.find(Uid(uid + 1000)).unwrap(), Some(link(uid)), "{uid}");
        }
        for other in [1, 5, 1004, 1100, 1200, 1500, 2000, u32::MAX] {
            assert_eq!(by_copy.find(Uid(other)).unwrap(), None, "{other}");
        }
        let nowhere = AccountStore::links_by_copy(&account, &crate::store::tests::name("other").raw, UidSet::new());
        assert_eq!(nowhere.unwrap().find(Uid(1001)).unwrap(), None);
        let key = keys::leaf_under(
            &account.of_source(super::super::keys::PerMessage::Link, &inbox()),
            leaves::number(Uid(0)),
        );
        account.database().guarded(|tree| tree.insert(&key, "junk")).unwrap();
        assert!(account.links_by_copy(&inbox(), UidSet::new()).unwrap().find(Uid(1001)).is_err());
    }
}

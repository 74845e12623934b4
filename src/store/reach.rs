//! How far the links of a pair reach: what tells that a mailbox went back in time, and that links may name other
//! messages than they did.
//!
//! Invariant: no link of a pair names a UID at or above the reach of that side; it may be higher than needed.

use super::account::AccountStore;
use super::pair_header::{PairHeader, SideReach};
use crate::error::Result;
use crate::model::{Pairing, RawName, Side, Uid};

/// The reach of a pair's links.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    pub pairing: Pairing,
    pub sides: [SideReach; 2],
}

impl AccountStore {
    /// The reach of every pair that has links. A pair that cannot be read is left out: planning meets it.
    pub fn reaches(&self) -> Vec<Reach> {
        let headers = self.database().load_all::<PairHeader>(&self.id.pairs());
        let linked = headers.filter_map(Result::ok).filter(|header| header.tally.count > 0);
        linked.map(|header| Reach { pairing: header.state.pairing, sides: header.reach }).collect()
    }

    /// Which mailbox is copied to which, as far as it is known: where anything is linked, or may have been stored and not linked yet. A
    /// pair that cannot be read is left out: planning meets it.
    pub fn copied(&self) -> Vec<Pairing> {
        let headers = self.database().load_all::<PairHeader>(&self.id.pairs()).filter_map(Result::ok);
        let used = headers.filter(|header| header.tally.count > 0 || header.state.intent.is_some());
        used.map(|header| header.state.pairing).collect()
    }

    /// Notes that the mailbox on that side went back, before its listing is replaced: without the old listing only the
    /// note tells that the links are to be compared.
    pub fn suspect_links(&self, source: &RawName, side: Side) -> Result<()> {
        self.change_pair(source, |header| header.reach[side as usize].suspect = true)
    }

    /// Forgets the links of these source messages, and that the links were suspect on that side, where all that are
    /// left are below `below`. The pair is to be compared again.
    pub fn void_links(&self, source: &RawName, side: Side, void: &[Uid], below: Uid) -> Result<()> {
        for uids in void.chunks(super::CHECKPOINT_LINKS) {
            self.unlink(source, uids.iter().copied())?;
        }
        self.change_pair(source, |header| {
            header.reach[side as usize] = SideReach { below, suspect: false };
            header.state.settled = header.state.settled.filter(|_| void.is_empty());
        })
    }

    fn change_pair(&self, source: &RawName, change: impl FnOnce(&mut PairHeader)) -> Result<()> {
        let _alone = self.store.alone();
        let Some(mut header) = self.pair_header(source)? else { return Ok(()) };
        change(&mut header);
        self.database().store(&self.id.pair(source), &header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PairState;
    use crate::model::link::Settled;
    use crate::store::tests::{inbox, link, open, pair};

    const BOTH: [Uid; 2] = [Uid(3), Uid(1003)];

    fn linked() -> (tempfile::TempDir, crate::store::Store, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        assert_eq!(account.reaches(), [], "nothing to compare without links");
        account.checkpoint(&inbox(), &[link(2), link(1)], &[]).unwrap();
        (directory, store, account)
    }

    fn sides(account: &AccountStore) -> [SideReach; 2] {
        account.reaches()[0].sides
    }

    #[test]
    fn reach_is_above_every_link_and_survives_other_changes_of_the_pair() {
        let (_directory, _store, account) = linked();
        account.put_pair(&pair()).unwrap();
        account.unlink(&inbox(), [Uid(2)]).unwrap();
        assert_eq!(sides(&account).map(|side| side.below), BOTH);
    }

    #[test]
    fn suspicion_lasts_until_the_links_were_compared() {
        let (_directory, _store, account) = linked();
        let settled = Some(Settled { source_revision: 1, destination_revision: 1, policy: [0; 16] });
        account.put_pair(&PairState { settled, ..pair() }).unwrap();
        account.suspect_links(&inbox(), Side::Destination).unwrap();
        account.checkpoint(&inbox(), &[link(1)], &[]).unwrap();
        assert_eq!(sides(&account).map(|side| side.suspect), [false, true]);
        account.void_links(&inbox(), Side::Destination, &[], BOTH[1]).unwrap();
        assert_eq!(sides(&account).map(|side| side.suspect), [false, false]);
        assert_eq!(account.pair(&inbox()).unwrap().unwrap().settled, settled, "nothing was void");
        account.void_links(&inbox(), Side::Destination, &[Uid(2)], Uid(1002)).unwrap();
        assert_eq!(sides(&account).map(|side| side.below), [Uid(3), Uid(1002)]);
        let pair = account.pair(&inbox()).unwrap().unwrap();
        assert_eq!((pair.links, pair.settled), (1, None));
    }
}

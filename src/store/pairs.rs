//! Pairs: which destination mailbox a source mailbox goes to, and for which UIDVALIDITY values its links hold.

use super::account::AccountStore;
use super::database::Changes;
use super::keys::PerMessage;
use super::pair_header::PairHeader;
use super::tally::{Tally, shown};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{PairState, Pairing, RawName, Side};

impl AccountStore {
    /// What is recorded of a source mailbox and its destination.
    pub fn pair(&self, source: &RawName) -> Result<Option<PairState>> {
        Ok(self.pair_header(source)?.map(counted))
    }

    /// All pairs, sorted by the raw name of the source mailbox.
    pub fn pairs(&self) -> Result<Vec<PairState>> {
        let headers = self.database().load_all::<PairHeader>(&self.id.pairs());
        let pairs = headers.map(|header| header.map(counted)).collect::<Result<Vec<_>>>();
        let mut pairs = pairs.map_err(|error| self.named(error))?;
        pairs.sort_by(|a, b| a.pairing.source.cmp(&b.pairing.source));
        Ok(pairs)
    }

    /// Records a new pair, which has no links, or changes a known one, whose links stay; `links` of `pair` is not
    /// looked at.
    ///
    /// # Errors
    ///
    /// [`Kind::State`] if the known one has another pairing: its links are void, which only
    /// [`AccountStore::reset_pair`] may say.
    pub fn put_pair(&self, pair: &PairState) -> Result<()> {
        let _alone = self.store.alone();
        match self.pair_header(&pair.pairing.source)? {
            None => self.write_anew(pair),
            Some(known) if known.state.pairing == pair.pairing => {
                let state = PairState { links: known.tally.count, ..pair.clone() };
                self.write_pair(&PairHeader { state, ..known })
            }
            Some(_) => Err(self.other_pairing(&pair.pairing.source)),
        }
    }

    /// Forgets all links of the source mailbox, damaged or not, and records the pair; forgets the exceptions as well
    /// unless they are of the source UIDs of now. After a crash on the way there is no pair, which is as good as one
    /// without links.
    pub fn reset_pair(&self, pair: &PairState) -> Result<()> {
        let _alone = self.store.alone();
        let source = &pair.pairing.source;
        let same_uids = match self.pair_header(source) {
            Ok(known) => known.is_none_or(|known| known.state.pairing.source_validity == pair.pairing.source_validity),
            Err(_) => false,
        };
        if !same_uids {
            let mut changes = Changes::default();
            self.replace_leaves(PerMessage::Exception, source, &self.of_now(source)?, &mut changes)?;
            self.database().apply(changes)?;
        }
        self.database().clear(&self.id.pair(source))?;
        self.write_anew(pair)
    }

    /// Forgets a pair and all that hangs on it, damaged or not: both of its mailboxes are gone. Its header goes last, so
    /// that what a crash on the way leaves is found and dropped the next time.
    pub fn drop_pair(&self, Pairing { source, destination, .. }: &Pairing) -> Result<()> {
        let _alone = self.store.alone();
        self.clear_links(source)?;
        self.database().clear(&self.of_source(PerMessage::Exception, source))?;
        for (side, mailbox) in [(Side::Source, source), (Side::Destination, destination)] {
            self.database().clear(&self.content_keys(side, mailbox))?;
            self.database().clear(&self.id.late(side, mailbox))?;
        }
        self.database().clear(&self.id.pair(source))
    }

    pub(super) fn pair_header(&self, source: &RawName) -> Result<Option<PairHeader>> {
        self.database().load(&self.id.pair(source)).map_err(|error| self.spoilt(error, source))
    }

    /// Links that stand where no header is come from before damage or a crash.
    fn write_anew(&self, pair: &PairState) -> Result<()> {
        self.clear_links(&pair.pairing.source)?;
        let state = PairState { links: 0, ..pair.clone() };
        self.write_pair(&PairHeader { state, tally: Tally::default(), reach: Default::default(), carried: false })
    }

    fn clear_links(&self, source: &RawName) -> Result<()> {
        for table in [PerMessage::Link, PerMessage::CarriedLink] {
            self.database().clear(&self.of_source(table, source))?;
        }
        self.database().clear(&self.id.spoilt(source))?;
        self.database().clear(&self.id.settlement(source))?;
        self.database().clear(&self.of_source(PerMessage::Verified, source))?;
        self.database().clear(&self.replaced_keys(source))
    }

    fn write_pair(&self, header: &PairHeader) -> Result<()> {
        self.database().store(&self.id.pair(&header.state.pairing.source), header)
    }

    fn other_pairing(&self, source: &RawName) -> Error {
        Error::new(Kind::State, "the links in the state belong to another pairing")
            .scope(Scope::Mailbox)
            .in_account(self.name())
            .in_mailbox(&shown(source))
            .hint("run `mailferry sync`: the mailboxes are matched anew")
    }
}

fn counted(header: PairHeader) -> PairState {
    PairState { links: header.tally.count, ..header.state }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, Uid, UidValidity};
    use crate::store::tests::{inbox, link, open, pair};

    #[test]
    fn put_pair_keeps_the_links_and_reset_pair_voids_them() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1), link(2)], &[]).unwrap();
        account.put_pair(&PairState { links: 77, ..pair() }).unwrap();
        assert_eq!(account.pair(&inbox()).unwrap().unwrap().links, 2);
        account.reset_pair(&pair()).unwrap();
        assert_eq!(account.pairs().unwrap(), [pair()]);
        assert_eq!(account.links(&inbox()).unwrap().count(), 0);
        assert_eq!(account.link(&inbox(), link(1).source).unwrap(), None);
    }

    #[test]
    fn put_pair_with_another_uidvalidity_is_refused() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        let mut other = pair();
        other.pairing.source_validity = UidValidity(99);
        assert_eq!(account.put_pair(&other).unwrap_err().reach(), Scope::Mailbox);
        account.reset_pair(&other).unwrap();
        assert_eq!(account.pair(&inbox()).unwrap(), Some(other));
    }

    #[test]
    fn reset_pair_forgets_exceptions_of_other_uids_only() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.checkpoint(&inbox(), &[], &[(Uid(1), Outcome::Vanished)]).unwrap();
        account.reset_pair(&pair()).unwrap();
        account.reset_pair(&pair()).unwrap();
        assert_eq!(account.exceptions(&inbox()).count(), 1);
        let mut other = pair();
        other.pairing.source_validity = UidValidity(99);
        account.reset_pair(&other).unwrap();
        assert_eq!(account.exceptions(&inbox()).count(), 0);
    }

    #[test]
    fn drop_pair_leaves_nothing_of_it() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let octets = || account.database().walk(&account.id.data()).count();
        let before = octets();
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1), link(2)], &[(Uid(3), Outcome::Vanished)]).unwrap();
        account.drop_pair(&pair().pairing).unwrap();
        assert_eq!((account.pairs().unwrap(), octets()), (Vec::new(), before));
    }

    #[test]
    fn reset_pair_cut_off_after_the_header_leaves_no_links() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1)], &[]).unwrap();
        account.database().clear(&account.id.pair(&inbox())).unwrap();
        assert_eq!(account.links(&inbox()).unwrap().count(), 0);
        account.put_pair(&pair()).unwrap();
        assert_eq!(account.links(&inbox()).unwrap().count(), 0);
    }
}

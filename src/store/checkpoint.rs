//! Checkpoints: what was done becomes links and outcomes, all of a batch of messages or nothing.
//!
//! Invariants:
//!
//! 1. A checkpoint is one batch: after a crash either all of its links, its outcomes and the count of links are there,
//!    or none (`checkpoint_cut_off_leaves_the_one_before`).
//! 2. The header of the pair counts exactly the links that are there, also where a link replaces another; anything
//!    else is noticed at the end of [`AccountStore::links`] (`links_lost_or_replaced_is_noticed`).
//! 3. A source message has a link or an exception, never both (`checkpoint_link_clears_the_exception`).
//! 4. Links stand only under a pair: without one none are recorded and none are returned
//!    (`checkpoint_links_without_a_pair_are_refused`).
//! 5. A checkpoint is relied on only after [`Store::flush`](super::Store::flush); what was not flushed may be gone, and
//!    the pair's intent then says that the tail must be reconciled.

use super::account::AccountStore;
use super::database::Changes;
use super::entries::Entries;
use super::keys::PerMessage;
use super::leaves::{Entry, LeafEditor, Lookup};
use super::pair_header;
use super::tally::{Tally, shown};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Link, Outcome, RawName, Side, Uid};

/// The links of one source mailbox, in ascending order of source UIDs.
pub type Links = Entries<Link>;

/// The messages of one source mailbox that were neither copied nor found, and why, in ascending order of UIDs.
pub type Exceptions = Entries<(Uid, Outcome)>;

/// The most links that a caller should put into one checkpoint; a larger one is as atomic, but takes much memory.
pub const CHECKPOINT_LINKS: usize = 512;

impl AccountStore {
    /// The links of a source mailbox; none where there is no pair.
    pub fn links(&self, source: &RawName) -> Result<Links> {
        let Some(header) = self.pair_header(source)? else { return Ok(Entries::none(source)) };
        let prefix = self.of_source(header.table(), source);
        Ok(Entries::new(self.database().walk(&prefix), source, Some(header.tally)))
    }

    /// Looks up links by source UID; finds none where there is no pair.
    pub fn link_lookup(&self, source: &RawName) -> Result<Lookup<Link>> {
        Ok(match self.pair_header(source)? {
            Some(header) => Lookup::new(self.database(), self.of_source(header.table(), source), source),
            None => Lookup::nothing(),
        })
    }

    /// The link of one source message.
    pub fn link(&self, source: &RawName, uid: Uid) -> Result<Option<Link>> {
        self.link_lookup(source)?.get(uid).map_err(|error| self.named(error))
    }

    /// Records links, new or replacing those of the same source messages, and outcomes, in one batch. An outcome that
    /// is no exception (present, copied, pending) clears the one that was recorded. Not durable until the state is
    /// flushed.
    ///
    /// # Errors
    ///
    /// [`Kind::State`] for links where there is no pair of this source mailbox. Outcomes need none: a message may fail
    /// before it is known where it goes.
    pub fn checkpoint(&self, source: &RawName, links: &[Link], outcomes: &[(Uid, Outcome)]) -> Result<()> {
        let _alone = self.store.alone();
        let mut changes = Changes::default();
        let mut exceptions = self.editor(PerMessage::Exception, source, Tally::default());
        for entry in outcomes {
            match is_exception(&entry.1) {
                true => exceptions.put(entry.clone())?,
                false => drop(exceptions.remove(entry.0)?),
            }
        }
        if !links.is_empty() {
            let mut header = self.pair_header(source)?.ok_or_else(|| self.unpaired(source))?;
            let mut known: LeafEditor<Link> = self.editor(header.table(), source, header.tally);
            let mut relinking = self.relinking(source, &header)?;
            for link in links {
                if let Some(relinking) = &mut relinking {
                    relinking.note(known.get(link.source)?, Some(link));
                }
                known.put(link.clone())?;
                exceptions.remove(link.source)?;
            }
            known.seal_into(&mut changes)?;
            header.tally = known.tally();
            pair_header::extend(&mut header.reach, links);
            header.state.links = header.tally.count;
            changes.put(&self.id.pair(source), &header)?;
            relinking.map_or(Ok(()), |relinking| relinking.seal_into(header.tally, &mut changes))?;
        }
        exceptions.seal_into(&mut changes)?;
        self.database().apply(changes)
    }

    /// Forgets the links of these source messages, where there are any.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn unlink(&self, source: &RawName, uids: impl IntoIterator<Item = Uid>) -> Result<()> {
        let _alone = self.store.alone();
        let Some(mut header) = self.pair_header(source)? else { return Ok(()) };
        let mut links = self.editor::<Link>(header.table(), source, header.tally);
        let mut relinking = self.relinking(source, &header)?;
        for uid in uids {
            let removed = links.remove(uid)?;
            if let (Some(relinking), Some(removed)) = (&mut relinking, removed) {
                relinking.note(Some(&removed), None);
            }
            links.close_unchanged();
        }
        let mut changes = Changes::default();
        links.seal_into(&mut changes)?;
        header.tally = links.tally();
        header.state.links = header.tally.count;
        changes.put(&self.id.pair(source), &header)?;
        relinking.map_or(Ok(()), |relinking| relinking.seal_into(header.tally, &mut changes))?;
        self.database().apply(changes)
    }

    /// The exceptions of a source mailbox. They are not counted: one that is lost is found again by the next run.
    pub fn exceptions(&self, source: &RawName) -> Exceptions {
        Entries::new(self.database().walk(&self.of_source(PerMessage::Exception, source)), source, None)
    }

    /// Forgets the exceptions of a source mailbox, so that its messages are tried again.
    pub fn clear_exceptions(&self, source: &RawName) -> Result<()> {
        let _alone = self.store.alone();
        self.database().clear(&self.of_source(PerMessage::Exception, source))
    }

    pub(super) fn of_source(&self, table: PerMessage, source: &RawName) -> Vec<u8> {
        self.id.entries(table, self.id.mailbox(Side::Source, source))
    }

    pub(super) fn editor<T: Entry>(&self, table: PerMessage, source: &RawName, tally: Tally) -> LeafEditor<T> {
        LeafEditor::new(self.database(), self.of_source(table, source), tally)
    }

    fn unpaired(&self, source: &RawName) -> Error {
        Error::new(Kind::State, "the state knows no destination of this mailbox")
            .scope(Scope::Mailbox)
            .in_account(self.name())
            .in_mailbox(&shown(source))
            .hint("run `mailferry sync`: the mailboxes are matched anew")
    }
}

fn is_exception(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Present | Outcome::Copied | Outcome::Pending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LinkOrigin;
    use crate::store::Store;
    use crate::store::keys;
    use crate::store::leaves::{self, Leaf};
    use crate::store::tests::{copy_of, inbox, link, open, pair};

    fn paired() -> (tempfile::TempDir, Store, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        (directory, store, account)
    }

    fn links(account: &AccountStore) -> Result<Vec<Link>> {
        account.links(&inbox()).unwrap().collect()
    }

    fn exceptions(account: &AccountStore) -> Vec<(Uid, Outcome)> {
        account.exceptions(&inbox()).collect::<Result<_>>().unwrap()
    }

    #[test]
    fn checkpoint_links_come_back_in_uid_order() {
        let (_directory, _store, account) = paired();
        account.checkpoint(&inbox(), &[link(300), link(2)], &[]).unwrap();
        account.checkpoint(&inbox(), &[link(70_000)], &[]).unwrap();
        assert_eq!(links(&account).unwrap(), [link(2), link(300), link(70_000)]);
        assert_eq!(account.link(&inbox(), Uid(300)).unwrap(), Some(link(300)));
        assert_eq!(account.pair(&inbox()).unwrap().unwrap().links, 3);
    }

    /// Holds store/checkpoint.rs invariant 2.
    #[test]
    fn checkpoint_replaced_link_is_counted_once() {
        let (_directory, _store, account) = paired();
        let adopted = Link { origin: LinkOrigin::Adopted, ..link(1) };
        account.checkpoint(&inbox(), &[link(1), adopted.clone(), link(2)], &[]).unwrap();
        account.checkpoint(&inbox(), &[link(2)], &[]).unwrap();
        assert_eq!(links(&account).unwrap(), [adopted, link(2)]);
        assert_eq!(account.pair(&inbox()).unwrap().unwrap().links, 2);
    }

    #[test]
    fn unlink_forgets_these_links_and_no_others() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1), link(2), link(3)], &[]).unwrap();
        account.unlink(&inbox(), [Uid(2), Uid(9)]).unwrap();
        let left: Vec<Link> = account.links(&inbox()).unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(left, [link(1), link(3)]);
        assert_eq!(account.pair(&inbox()).unwrap().unwrap().links, 2);
    }

    /// Holds store/checkpoint.rs invariant 3.
    #[test]
    fn checkpoint_link_clears_the_exception() {
        let (_directory, _store, account) = paired();
        let refused = Outcome::Refused("too big".to_owned());
        account.checkpoint(&inbox(), &[], &[(Uid(1), refused.clone()), (Uid(2), Outcome::Vanished)]).unwrap();
        account.checkpoint(&inbox(), &[link(1)], &[(Uid(1), refused), (Uid(2), Outcome::Pending)]).unwrap();
        assert_eq!(exceptions(&account), []);
        account.checkpoint(&inbox(), &[], &[(Uid(3), Outcome::Vanished)]).unwrap();
        assert_eq!(exceptions(&account), [(Uid(3), Outcome::Vanished)]);
        account.clear_exceptions(&inbox()).unwrap();
        assert_eq!(exceptions(&account), []);
    }

    /// Holds store/checkpoint.rs invariant 4.
    #[test]
    fn checkpoint_links_without_a_pair_are_refused() {
        let (_directory, store) = open();
        let account = store.account("alice");
        assert_eq!(account.checkpoint(&inbox(), &[link(1)], &[]).unwrap_err().kind(), &Kind::State);
        assert_eq!(links(&account).unwrap(), []);
    }

    /// Holds store/checkpoint.rs invariant 2.
    #[test]
    fn links_lost_or_replaced_is_noticed() {
        for replaced in [false, true] {
            let (_directory, _store, account) = paired();
            account.checkpoint(&inbox(), &[link(1), link(200)], &[]).unwrap();
            let key = keys::leaf_under(&account.of_source(PerMessage::Link, &inbox()), leaves::number(Uid(200)));
            if replaced {
                let older = Link { destination: Uid(9), ..link(200) };
                account.database().store(&key, &Leaf(vec![older])).unwrap();
            } else {
                account.database().clear(&key).unwrap();
            }
            let error = links(&account).unwrap_err();
            assert_eq!((error.kind(), error.reach()), (&Kind::Damaged, Scope::Mailbox));
            account.reset_pair(&pair()).unwrap();
            assert_eq!(links(&account).unwrap(), []);
        }
    }

    /// Holds store/checkpoint.rs invariant 1.
    /// Copies the files as a kill would leave them after each step; sled's own log is what makes a batch atomic.
    #[test]
    fn checkpoint_cut_off_leaves_the_one_before() {
        let (directory, store, account) = paired();
        for batch in 0..20u32 {
            let new: Vec<Link> = (batch * 10 + 1..=batch * 10 + 10).map(link).collect();
            account.checkpoint(&inbox(), &new, &[(Uid(1000 + batch), Outcome::Vanished)]).unwrap();
            if batch.is_multiple_of(3) {
                store.flush().unwrap();
            }
            let killed = copy_of(directory.path());
            let (reopened, _) = Store::open(killed.path()).unwrap();
            let found = reopened.account("alice");
            let count = links(&found).unwrap().len();
            let flushed = (batch / 3 * 3 + 1) as usize * 10;
            assert!(count.is_multiple_of(10) && count >= flushed, "{count} links after {flushed} were flushed");
            assert_eq!(exceptions(&found).len(), count / 10);
        }
    }
}

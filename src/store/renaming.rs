//! A mailbox that has another name by now: what is known of it is known under that name from then on.
//!
//! Invariants:
//! 1. A pair stands under one name of its source mailbox, and never under two: its header changes its place in one batch with the one
//!    that it leaves, and all that a person agreed to goes with it (`rename_source_cut_off_leaves_the_pair_under_one_name`). Until then
//!    what is written under the new name is nobody's.
//! 2. Done once more, it changes nothing.
//! 3. What names source UIDs is kept, for they are those of before; outcomes of messages are found again by the next plan.

use super::account::AccountStore;
use super::codec::{self, stored};
use super::database::Changes;
use super::keys::PerMessage;
use super::kinds::StoredKind;
use super::leaves::BATCH_LEAVES;
use super::mailbox_header::MailboxHeader;
use super::pair_header::PairHeader;
use super::tally::Tally;
use crate::error::{Kind, Result};
use crate::model::{Leftovers, MailboxName, MailboxState, PairState, Pairing, RawName, Renaming, Side, Spoilt};

stored! {
    Renaming => StoredKind::Renaming, "a mailbox that is to be renamed";
}

impl AccountStore {
    /// Mailboxes of the destination that are to follow the names of their sources, parents before their children.
    pub fn renamings(&self) -> Vec<Renaming> {
        let known = self.database().load_all::<Renaming>(&self.id.renamings());
        let mut known: Vec<Renaming> = known.filter_map(Result::ok).collect();
        known.sort_by(|a, b| a.from.cmp(&b.from));
        known
    }

    /// Notes one.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn put_renaming(&self, renaming: &Renaming) -> Result<()> {
        self.database().store(&self.id.renaming(&renaming.source), renaming)
    }

    /// Forgets the one of a source mailbox.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn forget_renaming(&self, source: &RawName) -> Result<()> {
        self.database().clear(&self.id.renaming(source))
    }

    /// What is known of the pair of `former` is known of `now`, which has no pair, from then on; with what is to become of its copy.
    ///
    /// # Errors
    ///
    /// [`Kind::State`], [`Kind::Damaged`]: nothing has changed then.
    pub fn rename_source(&self, former: &RawName, now: &RawName, renaming: Option<&Renaming>) -> Result<()> {
        let _alone = self.store.alone();
        let Some(known) = self.pair_header(former)? else { return Ok(()) };
        let pairing = Pairing { source: now.clone(), ..known.state.pairing.clone() };
        let links = known.table();
        for table in [PerMessage::Link, PerMessage::CarriedLink, PerMessage::Remembered, PerMessage::Replaced] {
            self.database().clear(&self.of_source(table, now))?;
        }
        self.database().clear(&self.of_source(PerMessage::Exception, now))?;
        let tally = self.rewrite(&self.of_source(links, former), &self.of_source(links, now), known.tally)?;
        let mut changes = Changes::default();
        for table in [PerMessage::Remembered, PerMessage::Replaced] {
            self.move_values(&self.of_source(table, former), &self.of_source(table, now), &mut changes)?;
        }
        for entry in self.database().walk(&self.of_source(PerMessage::Exception, former)) {
            changes.remove(entry?.0);
        }
        self.move_values(&self.id.agreement(former), &self.id.agreement(now), &mut changes)?;
        self.move_values(&self.id.late(Side::Source, former), &self.id.late(Side::Source, now), &mut changes)?;
        if let Some(spoilt) = self.database().load::<Spoilt>(&self.id.spoilt(former))? {
            changes.remove(self.id.spoilt(former));
            changes.put(&self.id.spoilt(now), &spoilt.of(pairing.clone()))?;
        }
        self.rename_in_leftovers(former, now, &mut changes)?;
        changes.remove(self.id.settlement(former));
        changes.remove(self.id.settlement(now));
        changes.remove(self.id.renaming(former));
        if let Some(renaming) = renaming {
            changes.put(&self.id.renaming(now), renaming)?;
        }
        let state = PairState { pairing, settled: None, ..known.state };
        changes.put(&self.id.pair(now), &PairHeader { state, tally, ..known })?;
        changes.remove(self.id.pair(former));
        self.database().apply(changes)?;
        for table in [PerMessage::Link, PerMessage::CarriedLink, PerMessage::Content, PerMessage::Verified] {
            self.database().clear(&self.of_source(table, former))?;
        }
        self.database().clear(&self.id.found(former))
    }

    /// The destination mailbox of a pair is called `to`. Its listing is kept, unless there is one of `to` already.
    ///
    /// # Errors
    ///
    /// [`Kind::State`], [`Kind::Damaged`]: the pair is as it was then.
    pub fn rename_destination(&self, source: &RawName, to: &MailboxName) -> Result<()> {
        let _alone = self.store.alone();
        let Some(mut known) = self.pair_header(source)? else { return Ok(()) };
        let from = std::mem::replace(&mut known.state.pairing.destination, to.raw.clone());
        if from == to.raw {
            return self.database().clear(&self.id.renaming(source));
        }
        let mut changes = Changes::default();
        self.move_listing(&from, to, &mut changes)?;
        let [before, after] = [&from, &to.raw].map(|name| self.id.late(Side::Destination, name));
        self.move_values(&before, &after, &mut changes)?;
        if let Some(spoilt) = self.database().load::<Spoilt>(&self.id.spoilt(source))? {
            changes.put(&self.id.spoilt(source), &spoilt.of(known.state.pairing.clone()))?;
        }
        (known.state.destination, known.state.settled) = (to.clone(), None);
        changes.put(&self.id.pair(source), &known)?;
        changes.remove(self.id.renaming(source));
        self.database().apply(changes)?;
        self.database().clear(&self.record_keys(Side::Destination, &from))?;
        self.database().clear(&self.content_keys(Side::Destination, &from))
    }

    fn move_listing(&self, from: &RawName, to: &MailboxName, changes: &mut Changes) -> Result<()> {
        let side = Side::Destination;
        let known = self.mailbox_header(side, from).or_else(forget_damaged)?;
        changes.remove(self.id.listing(side, from));
        let Some(known) = known.filter(|known| known.state.sync_point.is_some()) else { return Ok(()) };
        if self.mailbox_header(side, &to.raw).or_else(forget_damaged)?.is_some() {
            return Ok(());
        }
        let [before, after] = [from, &to.raw].map(|name| self.record_keys(side, name));
        self.database().clear(&after)?;
        let tally = self.rewrite(&before, &after, known.tally)?;
        let state = MailboxState { name: to.clone(), ..known.state };
        changes.put(&self.id.listing(side, &to.raw), &MailboxHeader { state, tally })
    }

    /// Writes all values under one prefix under another, too, in batches. Returns what they add up to there, as they did before.
    fn rewrite(&self, from: &[u8], to: &[u8], tally: Tally) -> Result<Tally> {
        let (mut changes, mut there, mut open) = (Changes::default(), Tally::of(tally.count), 0);
        for entry in self.database().walk(from) {
            let (key, octets) = entry?;
            let (key, octets) = resealed(&key, &octets, from, to)?;
            there.add_checksum(&octets);
            changes.put_sealed(&key, octets);
            open += 1;
            if open == BATCH_LEAVES {
                self.database().apply(std::mem::take(&mut changes))?;
                open = 0;
            }
        }
        self.database().apply(changes)?;
        Ok(there)
    }

    /// The same in one go with what else changes, and the values of before go.
    fn move_values(&self, from: &[u8], to: &[u8], changes: &mut Changes) -> Result<()> {
        for entry in self.database().walk(from) {
            let (before, octets) = entry?;
            let (key, octets) = resealed(&before, &octets, from, to)?;
            changes.put_sealed(&key, octets);
            changes.remove(before);
        }
        Ok(())
    }

    fn rename_in_leftovers(&self, former: &RawName, now: &RawName, changes: &mut Changes) -> Result<()> {
        for left in self.all_leftovers() {
            let renamed: Leftovers = left.clone().renamed(former, now);
            if renamed != left {
                changes.remove(self.id.leftovers_of(&left.source));
                changes.put(&self.id.leftovers_of(&renamed.source), &renamed)?;
            }
        }
        Ok(())
    }
}

/// What is damaged is listed anew.
fn forget_damaged<T>(error: crate::error::Error) -> Result<Option<T>> {
    if *error.kind() == Kind::Damaged { Ok(None) } else { Err(error) }
}

fn resealed(key: &[u8], octets: &[u8], from: &[u8], to: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let moved = [to, &key[from.len()..]].concat();
    let octets = codec::resealed(key, &moved, octets)?;
    Ok((moved, octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Agreement, Link, Outcome, Stage, Uid, UidValidity};
    use crate::store::Store;
    use crate::store::tests::{copy_of, inbox, link, name, open, pair, remembered};

    fn now() -> RawName {
        name("Elsewhere").raw
    }

    fn renaming() -> Renaming {
        Renaming { source: now(), from: pair().destination, to: name("Elsewhere"), stage: Stage::Ready }
    }

    fn links(account: &AccountStore, source: &RawName) -> Vec<Link> {
        account.links(source).unwrap().collect::<Result<_>>().unwrap()
    }

    fn known(many: u32) -> (tempfile::TempDir, Store, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        account.begin_scan().unwrap();
        account.put_pair(&pair()).unwrap();
        let all: Vec<Link> = (1..=many).map(link).collect();
        all.chunks(500).try_for_each(|links| account.checkpoint(&inbox(), links, &[])).unwrap();
        let validity = pair().pairing.source_validity;
        let agreement = Agreement { source_validity: validity, deleted: 3, ..Agreement::default() };
        account.put_agreement(&inbox(), &agreement).unwrap();
        account.remember(&inbox(), &[remembered(9_000, validity.0)], &[]).unwrap();
        account.checkpoint(&inbox(), &[], &[(Uid(9_001), Outcome::Vanished)]).unwrap();
        account.note_late_appends(Side::Source, &inbox(), (validity, Some(Uid(4)))).unwrap();
        let note = |left: &mut Leftovers| left.note([Uid(1), Uid(11)], (&inbox(), UidValidity(3)), Uid(21));
        account.change_leftovers(&inbox(), UidValidity(7), note).unwrap();
        (directory, store, account)
    }

    /// Holds store/renaming.rs invariant 2. Holds store/renaming.rs invariant 3.
    #[test]
    fn rename_source_carries_all_that_is_known_and_once_more_changes_nothing() {
        let (_directory, _store, account) = known(300);
        let before = links(&account, &inbox());
        for _ in 0..2 {
            account.rename_source(&inbox(), &now(), Some(&renaming())).unwrap();
            assert_eq!((account.pair(&inbox()).unwrap(), links(&account, &inbox())), (None, Vec::new()));
            let found = account.pair(&now()).unwrap().unwrap();
            assert_eq!((found.links, found.pairing.source, found.settled), (300, now(), None));
            assert_eq!(links(&account, &now()), before);
            let validity = pair().pairing.source_validity;
            assert_eq!(account.agreement(&now(), validity).unwrap().deleted, 3);
            assert_eq!(account.agreement(&inbox(), validity).unwrap().deleted, 0);
            assert_eq!(account.remembered(&now()).count(), 1);
            assert_eq!((account.remembered(&inbox()).count(), account.renamings()), (0, vec![renaming()]));
            let outcomes = [inbox(), now()].map(|name| account.exceptions(&name).count());
            let late = [inbox(), now()].map(|name| account.late_appends(Side::Source, &name, validity).unwrap());
            assert_eq!((outcomes, late), ([0, 0], [None, Some(Uid(4))]));
            let left = account.all_leftovers();
            assert_eq!(left.len(), 1);
            assert!(left[0].source == now() && left[0].each().all(|(_, _, place, _)| *place == now()));
        }
        account.checkpoint(&now(), &[link(301)], &[]).unwrap();
        assert_eq!(account.pair(&now()).unwrap().unwrap().links, 301);
    }

    #[test]
    fn rename_destination_keeps_links_and_listing_under_the_new_name() {
        let (_directory, _store, account) = known(300);
        let from = pair().pairing.destination;
        account.put_renaming(&Renaming { source: inbox(), ..renaming() }).unwrap();
        for _ in 0..2 {
            account.rename_destination(&inbox(), &name("Elsewhere")).unwrap();
            let found = account.pair(&inbox()).unwrap().unwrap();
            assert_eq!(
                (found.pairing.destination, found.destination.path(), found.links),
                (now(), "Elsewhere".to_owned(), 300)
            );
            assert_eq!((links(&account, &inbox()).len(), account.renamings()), (300, vec![]));
            assert_eq!(account.mailbox(Side::Destination, &from).unwrap(), None);
        }
    }

    /// Holds store/renaming.rs invariant 1. The files as a kill would leave them before and behind the batch that counts.
    #[test]
    fn rename_source_cut_off_leaves_the_pair_under_one_name() {
        let (directory, store, account) = known(10_000);
        let assert_killed_here = |standing: &RawName, gone: &RawName| {
            store.flush().unwrap();
            let killed = copy_of(directory.path());
            let found = Store::open(killed.path()).unwrap().0.account("alice");
            assert_eq!((links(&found, standing).len(), found.pair(gone).unwrap()), (10_000, None));
            found.rename_source(&inbox(), &now(), None).unwrap();
            assert_eq!(links(&found, &now()).len(), 10_000);
        };
        let [from, to] = [inbox(), now()].map(|name| account.of_source(PerMessage::Link, &name));
        account.rewrite(&from, &to, Tally::default()).unwrap();
        assert_killed_here(&inbox(), &now());
        account.rename_source(&inbox(), &now(), None).unwrap();
        assert_killed_here(&now(), &inbox());
    }
}

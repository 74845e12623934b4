//! Writing the listing of one mailbox, anew or as changes. Its invariants stand in `listing`.
//!
//! Changes are kept in memory up to one batch of leaves and then written; the tally is carried along.

use super::account::{AccountHeader, AccountStore};
use super::database::Changes;
use super::journal::Relisting;
use super::leaves::{BATCH_LEAVES, LeafEditor};
use super::mailbox_header::MailboxHeader;
use super::tally::Tally;
use crate::error::Result;
use crate::model::{Digest, Flags, MailboxState, MessageRecord, RawName, Side, Uid, UidSet};

/// To look for one range of UIDs costs as much as to look at so many records.
const RECORDS_A_LOOK: u64 = 64;

/// Changes the listing of one mailbox. Dropped without [`ListingWriter::finish`] it leaves the mailbox as it was, or
/// unlisted. One writer a mailbox at a time.
pub struct ListingWriter {
    account: AccountStore,
    side: Side,
    mailbox: RawName,
    before: Option<MailboxHeader>,
    leaves: LeafEditor<MessageRecord>,
    octets: u64,
    journal: Relisting,
    /// Whether the header on disk has no sync point.
    void: bool,
    changed: bool,
}

impl ListingWriter {
    /// On no records; `void` is the header on disk, if there is one.
    pub(super) fn anew(account: &AccountStore, side: Side, mailbox: &RawName, void: Option<MailboxHeader>) -> Self {
        let leaves = LeafEditor::new(account.database(), account.record_keys(side, mailbox), Tally::default());
        ListingWriter {
            account: account.clone(),
            side,
            mailbox: mailbox.clone(),
            leaves: leaves.ending_at(0),
            octets: 0,
            journal: Relisting::untold(account.id.journal(side, mailbox)),
            before: void,
            void: true,
            changed: true,
        }
    }

    /// On the records that `header` stands for, in leaves with numbers below `end`.
    pub(super) fn amending(
        account: &AccountStore,
        side: Side,
        mailbox: &RawName,
        header: MailboxHeader,
        end: u64,
        journal: Relisting,
    ) -> Self {
        let leaves = LeafEditor::new(account.database(), account.record_keys(side, mailbox), header.tally);
        let octets = header.state.octets;
        let writer = ListingWriter::anew(account, side, mailbox, Some(header));
        ListingWriter { leaves: leaves.ending_at(end), octets, journal, void: false, changed: false, ..writer }
    }

    /// How many records the listing has as it stands now.
    pub fn records(&self) -> u64 {
        self.leaves.tally().count
    }

    /// Adds a record, or replaces the one of its UID.
    pub fn put(&mut self, record: &MessageRecord) -> Result<()> {
        match self.known(record.uid)? {
            Some(known) if known == record => return Ok(()),
            Some(known) => {
                let octets = known.octets;
                self.octets = self.octets.wrapping_sub(octets);
            }
            None => {}
        }
        self.octets = self.octets.wrapping_add(record.octets);
        self.journal.note(record.uid);
        self.leaves.put(record.clone())?;
        self.settle()
    }

    /// Whether there is a record of that UID.
    pub fn holds(&mut self, uid: Uid) -> Result<bool> {
        Ok(self.known(uid)?.is_some())
    }

    /// Changes the flags of a known record; tells whether there is one. A FETCH may name a message that was expunged
    /// meanwhile, or one that the next resync will list.
    pub fn set_flags(&mut self, uid: Uid, flags: &Flags) -> Result<bool> {
        let Some(known) = self.known(uid)? else { return Ok(false) };
        if known.flags != *flags {
            let changed = MessageRecord { flags: flags.clone(), ..known.clone() };
            self.put(&changed)?;
        }
        self.leaves.close_unchanged();
        Ok(true)
    }

    /// Gives a known record its identity, unless it has one. Returns it, if there is one, of that size if one is given.
    pub fn identify(&mut self, uid: Uid, identity: Digest, octets: Option<u64>) -> Result<Option<MessageRecord>> {
        let known = self.known(uid)?.filter(|known| octets.is_none_or(|octets| known.octets == octets));
        let Some(mut known) = known.cloned() else { return Ok(None) };
        if known.identity.is_none() {
            known.identity = Some(identity);
            self.put(&known)?;
        }
        self.leaves.close_unchanged();
        Ok(Some(known))
    }

    /// Removes the records of these UIDs, where there are any. A range may span all UIDs.
    pub fn remove(&mut self, uids: &UidSet) -> Result<()> {
        let (Some(first), Some(last)) = (uids.first(), uids.last()) else { return Ok(()) };
        // Where the ranges are many, it costs less to look at each record once.
        if uids.ranges().count() as u64 > self.records() / RECORDS_A_LOOK {
            return self.remove_between(first, last, |uid| uids.contains(uid));
        }
        uids.ranges().try_for_each(|(first, last)| self.remove_between(first, last, |_| true))
    }

    /// Removes all records but those of these UIDs.
    pub fn retain(&mut self, uids: &UidSet) -> Result<()> {
        self.remove_between(Uid(0), Uid(u32::MAX), |uid| !uids.contains(uid))
    }

    /// Writes what is left and then, or in the same batch, the header. The description and the sync point are those
    /// of `state`; records, octets and revision are computed, and returned with it.
    pub fn finish(mut self, state: MailboxState) -> Result<MailboxState> {
        debug_assert_eq!(state.name.raw, self.mailbox);
        let account = self.account.clone();
        let _alone = account.store.alone();
        let mut account_header = account.enrolled()?;
        let mut changes = Changes::default();
        self.leaves.seal_into(&mut changes)?;
        let header = self.header(state, &mut account_header);
        changes.put(&account.id.header(), &account_header)?;
        changes.put(&account.id.listing(self.side, &self.mailbox), &header)?;
        if !self.before.as_ref().is_some_and(|before| !self.void && is_comparable(&before.state, &header.state)) {
            self.journal.give_up(&mut changes);
        }
        self.journal.seal_into(header.state.revision, &mut changes)?;
        account.database().apply(changes)?;
        Ok(header.state)
    }

    fn header(&self, state: MailboxState, account: &mut AccountHeader) -> MailboxHeader {
        let unchanged = self.before.as_ref().filter(|before| !self.changed && is_alike(&before.state, &state));
        let revision = unchanged.map_or_else(|| account.next_revision(), |before| before.state.revision);
        // UIDs have 32 bits, so that only a damaged count does not fit.
        let tally = self.leaves.tally();
        let records = u32::try_from(tally.count).unwrap_or(u32::MAX);
        MailboxHeader { state: MailboxState { records, octets: self.octets, revision, ..state }, tally }
    }

    fn remove_between(&mut self, first: Uid, last: Uid, goes: impl Fn(Uid) -> bool) -> Result<()> {
        for number in self.leaves.numbers(first..=last)? {
            let uids = self.leaves.uids(number).map_err(|error| self.account.spoilt(error, &self.mailbox))?;
            for uid in uids.into_iter().filter(|uid| (first..=last).contains(uid) && goes(*uid)) {
                if let Some(removed) = self.leaves.remove(uid)? {
                    self.octets = self.octets.wrapping_sub(removed.octets);
                    self.changed = true;
                    self.journal.note(uid);
                }
            }
            self.settle()?;
        }
        Ok(())
    }

    /// The record of that UID, as it will be when all that is in memory is written.
    fn known(&mut self, uid: Uid) -> Result<Option<&MessageRecord>> {
        let (account, mailbox) = (&self.account, &self.mailbox);
        self.leaves.get(uid).map_err(|error| account.spoilt(error, mailbox).at_uid(uid))
    }

    /// Keeps what is in memory below one batch. Once a part is written, the header must not stand for the whole.
    fn settle(&mut self) -> Result<()> {
        self.leaves.close_unchanged();
        if self.leaves.changed_leaves() == 0 {
            return Ok(());
        }
        self.changed = true;
        if self.leaves.changed_leaves() < BATCH_LEAVES {
            return Ok(());
        }
        let mut changes = Changes::default();
        self.leaves.seal_into(&mut changes)?;
        if let (false, Some(before)) = (self.void, &self.before) {
            let void = MailboxHeader::void(&before.state);
            changes.put(&self.account.id.listing(self.side, &self.mailbox), &void)?;
            self.journal.give_up(&mut changes);
        }
        self.void = true;
        self.account.database().apply(changes)
    }
}

/// Whether two states whose records are equal mean the same for a plan.
fn is_alike(before: &MailboxState, after: &MailboxState) -> bool {
    is_comparable(before, after) && before.capacity == after.capacity
}

/// Whether a record that is equal in both means the same, if its flags are all kept: by which words the mailbox grants them matters
/// to those alone of which some were lost.
fn is_comparable(before: &MailboxState, after: &MailboxState) -> bool {
    let validity = |state: &MailboxState| state.sync_point.map(|point| point.uid_validity);
    validity(before) == validity(after) && before.capacity.keeps_what(&after.capacity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Kind, Scope};
    use crate::model::{SystemFlag, UidValidity};
    use crate::store::Store;
    use crate::store::keys;
    use crate::store::leaves::{LEAF_UIDS, Leaf};
    use crate::store::tests::{fill, inbox, open, record, state};

    const SIDE: Side = Side::Source;

    fn filled(records: u32) -> (tempfile::TempDir, Store, AccountStore) {
        let (directory, store) = open();
        let account = store.account("alice");
        fill(&account, SIDE, records);
        (directory, store, account)
    }

    fn amend(account: &AccountStore) -> ListingWriter {
        account.amend(SIDE, &inbox()).unwrap()
    }

    fn read(account: &AccountStore) -> Vec<MessageRecord> {
        account.records(SIDE, &inbox()).unwrap().collect::<Result<_>>().unwrap()
    }

    fn uids(account: &AccountStore) -> String {
        read(account).iter().map(|record| record.uid).collect::<UidSet>().to_string()
    }

    fn mailbox(account: &AccountStore) -> MailboxState {
        account.mailbox(SIDE, &inbox()).unwrap().unwrap()
    }

    #[test]
    fn relist_records_come_back_with_their_sums() {
        let (_directory, _store, account) = filled(300);
        assert_eq!(read(&account), (1..=300).map(record).collect::<Vec<_>>());
        let octets = (1..=300).map(|uid| record(uid).octets).sum::<u64>();
        let found = mailbox(&account);
        assert_eq!((found.records, found.octets, found.revision), (300, octets, 1));
        assert_eq!(account.record(SIDE, &inbox(), Uid(256)).unwrap(), Some(record(256)));
        assert_eq!(account.mailboxes(SIDE).unwrap(), [found]);
    }

    #[test]
    fn relist_replaces_all_and_counts_a_uid_named_twice_once() {
        let (_directory, _store, account) = filled(300);
        let mut writer = account.relist(SIDE, &inbox()).unwrap();
        for uid in [7, 5, 7] {
            writer.put(&record(uid)).unwrap();
        }
        let finished = writer.finish(state()).unwrap();
        assert_eq!((finished.records, finished.revision), (2, 2));
        assert_eq!(uids(&account), "5,7");
    }

    /// Holds store/listing.rs invariant 2. Holds store/mod.rs invariant 2.
    #[test]
    fn relist_that_never_finishes_leaves_an_unlisted_mailbox() {
        let (_directory, _store, account) = filled(10);
        let mut writer = account.relist(SIDE, &inbox()).unwrap();
        (1..=6000).for_each(|uid| writer.put(&record(uid)).unwrap());
        drop(writer);
        assert_eq!(mailbox(&account).sync_point, None);
        let error = account.records(SIDE, &inbox()).err().unwrap();
        assert_eq!((error.kind(), error.reach()), (&Kind::State, Scope::Mailbox));
        assert!(account.amend(SIDE, &inbox()).is_err());
        account.relist(SIDE, &inbox()).unwrap().finish(state()).unwrap();
        assert_eq!(uids(&account), "");
    }

    #[test]
    fn amend_puts_flags_and_removals_are_seen_in_order() {
        let (_directory, _store, account) = filled(10);
        let mut writer = amend(&account);
        let seen = Flags::none().with(SystemFlag::Seen);
        assert!(writer.set_flags(Uid(3), &seen).unwrap());
        assert!(!writer.set_flags(Uid(99), &seen).unwrap());
        writer.put(&record(11)).unwrap();
        writer.remove(&UidSet::parse(b"5:7,11,4000000000:4294967295").unwrap()).unwrap();
        writer.put(&record(6)).unwrap();
        assert!(!writer.set_flags(Uid(5), &seen).unwrap());
        let finished = writer.finish(state()).unwrap();
        assert_eq!(uids(&account), "1:4,6,8:10");
        let found = read(&account);
        assert_eq!(found[2], MessageRecord { flags: seen, ..record(3) });
        assert_eq!(finished.octets, found.iter().map(|record| record.octets).sum::<u64>());
    }

    #[test]
    fn amend_retain_removes_all_others() {
        let (_directory, _store, account) = filled(9000);
        let mut writer = amend(&account);
        writer.put(&record(9001)).unwrap();
        writer.retain(&UidSet::parse(b"2:3,8999,9500").unwrap()).unwrap();
        assert_eq!(writer.finish(state()).unwrap().records, 3);
        assert_eq!(uids(&account), "2:3,8999");
    }

    /// Holds store/listing.rs invariant 2.
    #[test]
    fn amend_that_never_finishes_changes_nothing_or_unlists() {
        for (changes, listed) in [(10, true), (BATCH_LEAVES as u32 * LEAF_UIDS, false)] {
            let (_directory, _store, account) = filled(10);
            let mut writer = amend(&account);
            (101..101 + changes).for_each(|uid| writer.put(&record(uid)).unwrap());
            drop(writer);
            assert_eq!(mailbox(&account).sync_point.is_some(), listed);
            assert_eq!(account.records(SIDE, &inbox()).is_ok_and(|records| records.count() == 10), listed);
        }
    }

    /// Holds store/listing.rs invariant 3.
    #[test]
    fn revision_rises_with_each_change_only_and_never_comes_again() {
        let (_directory, _store, account) = filled(10);
        let mut same = amend(&account);
        same.put(&record(1)).unwrap();
        same.set_flags(Uid(2), &record(2).flags).unwrap();
        same.remove(&UidSet::range(Uid(50), Uid(60))).unwrap();
        assert_eq!(same.finish(state()).unwrap().revision, 1);
        let mut other = amend(&account);
        other.put(&record(11)).unwrap();
        assert_eq!(other.finish(state()).unwrap().revision, 2);
        account.forget_mailbox(SIDE, &inbox()).unwrap();
        fill(&account, SIDE, 10);
        assert_eq!(mailbox(&account).revision, 3);
        let mut renumbered = state();
        renumbered.sync_point.as_mut().unwrap().uid_validity = UidValidity(99);
        assert_eq!(amend(&account).finish(renumbered).unwrap().revision, 4);
    }

    /// Holds store/listing.rs invariant 1.
    #[test]
    fn records_lost_older_or_left_over_are_noticed() {
        let spoil: [fn(&AccountStore, &[u8]); 3] = [
            |account, key| account.database().clear(key).unwrap(),
            |account, key| {
                account.database().store(key, &Leaf(vec![MessageRecord { octets: 1, ..record(5) }])).unwrap()
            },
            |account, key| {
                let beside = [&key[..key.len() - 1], &[99]].concat();
                account.database().store(&beside, &Leaf(vec![record(99)])).unwrap();
            },
        ];
        for spoil in spoil {
            let (_directory, _store, account) = filled(10);
            spoil(&account, &keys::leaf_under(&account.record_keys(SIDE, &inbox()), 0));
            let last = account.records(SIDE, &inbox()).unwrap().last().unwrap();
            assert_eq!(last.unwrap_err().reach(), Scope::Mailbox);
            fill(&account, SIDE, 10);
            assert_eq!(uids(&account), "1:10");
        }
    }

    #[test]
    fn relist_repairs_a_damaged_header() {
        let (_directory, _store, account) = filled(10);
        account.database().guarded(|tree| tree.insert(account.id.listing(SIDE, &inbox()), "junk")).unwrap();
        assert_eq!(account.mailbox(SIDE, &inbox()).unwrap_err().reach(), Scope::Mailbox);
        fill(&account, SIDE, 4);
        assert_eq!(uids(&account), "1:4");
    }

    #[test]
    #[ignore = "a measurement for a person to read: cargo test -- --ignored --nocapture records_of_a_large"]
    fn records_of_a_large_mailbox_are_streamed() {
        const RECORDS: u32 = 200_000;
        let began = std::time::Instant::now();
        let (_directory, store, account) = filled(RECORDS);
        store.flush().unwrap();
        let (written, resident_written) = (began.elapsed(), resident());
        assert_eq!(account.records(SIDE, &inbox()).unwrap().filter(Result::is_ok).count(), RECORDS as usize);
        eprintln!("written {written:?} {resident_written}, read {:?} {}", began.elapsed() - written, resident());
    }

    fn resident() -> String {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        status
            .lines()
            .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

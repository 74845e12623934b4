//! Writing the listing of one mailbox, anew or as changes. Its invariants stand in `listing`.
//!
//! Changes are kept in memory up to one batch and then written; the tally is carried along, for which the record that
//! a change replaces is read first.

use super::account::{AccountHeader, AccountStore};
use super::codec;
use super::database::{BATCH_CHANGES, Changes};
use super::entries::Tally;
use super::keys;
use super::listing::MailboxHeader;
use crate::error::Result;
use crate::model::{Flags, MailboxState, MessageRecord, RawName, Side, Uid, UidSet};
use std::collections::BTreeMap;

/// Changes the listing of one mailbox. Dropped without [`ListingWriter::finish`] it leaves the mailbox as it was, or
/// unlisted. One writer a mailbox at a time.
pub struct ListingWriter {
    account: AccountStore,
    side: Side,
    mailbox: RawName,
    /// What the keys of the records begin with.
    entries: Vec<u8>,
    before: Option<MailboxHeader>,
    tally: Tally,
    octets: u64,
    /// No record stands above it.
    highest: Option<Uid>,
    /// Sealed records to write, and records to remove.
    pending: BTreeMap<Uid, Option<Vec<u8>>>,
    /// Whether the header on disk has no sync point.
    void: bool,
    changed: bool,
}

impl ListingWriter {
    /// On no records; `void` is the header on disk, if there is one.
    pub(super) fn anew(account: &AccountStore, side: Side, mailbox: &RawName, void: Option<MailboxHeader>) -> Self {
        ListingWriter {
            account: account.clone(),
            side,
            mailbox: mailbox.clone(),
            entries: account.record_keys(side, mailbox),
            tally: Tally::default(),
            octets: 0,
            before: void,
            highest: None,
            pending: BTreeMap::new(),
            void: true,
            changed: true,
        }
    }

    /// On the records that `header` stands for, of which `highest` is the last.
    pub(super) fn amending(
        account: &AccountStore,
        side: Side,
        mailbox: &RawName,
        header: MailboxHeader,
        highest: Option<Uid>,
    ) -> Self {
        let (tally, octets) = (header.tally, header.state.octets);
        let writer = ListingWriter::anew(account, side, mailbox, Some(header));
        ListingWriter { tally, octets, highest, void: false, changed: false, ..writer }
    }

    /// How many records the listing has as it stands now.
    pub fn records(&self) -> u64 {
        self.tally.count
    }

    /// Adds a record, or replaces the one of its UID.
    pub fn put(&mut self, record: &MessageRecord) -> Result<()> {
        let sealed = codec::encode(&self.key(record.uid), record)?;
        let known = self.known(record.uid)?;
        if known.as_ref() == Some(&sealed) {
            return Ok(());
        }
        if let Some(known) = known {
            self.discount(record.uid, &known)?;
        }
        self.tally.add(&sealed);
        self.octets = self.octets.wrapping_add(record.octets);
        self.highest = self.highest.max(Some(record.uid));
        self.pend(record.uid, Some(sealed))
    }

    /// Changes the flags of a known record; tells whether there is one. A FETCH may name a message that was expunged
    /// meanwhile, or one that the next resync will list.
    pub fn set_flags(&mut self, uid: Uid, flags: &Flags) -> Result<bool> {
        let Some(known) = self.known(uid)? else { return Ok(false) };
        let record = self.opened(uid, &known)?;
        if record.flags != *flags {
            self.put(&MessageRecord { flags: flags.clone(), ..record })?;
        }
        Ok(true)
    }

    /// Removes the records of these UIDs, where there are any. A range may span all UIDs.
    pub fn remove(&mut self, uids: &UidSet) -> Result<()> {
        uids.ranges().try_for_each(|(first, last)| self.remove_between(first, last, &UidSet::new()))
    }

    /// Removes all records but those of these UIDs.
    pub fn retain(&mut self, uids: &UidSet) -> Result<()> {
        self.remove_between(Uid(0), Uid(u32::MAX), uids)
    }

    /// Writes what is left and then, or in the same batch, the header. The description and the sync point are those
    /// of `state`; records, octets and revision are computed, and returned with it.
    pub fn finish(mut self, state: MailboxState) -> Result<MailboxState> {
        debug_assert_eq!(state.name.raw, self.mailbox);
        let account = self.account.clone();
        let _alone = account.store.alone();
        let mut account_header = account.enrolled()?;
        let mut changes = self.pending_changes()?;
        let header = self.header(state, &mut account_header);
        changes.put(&account.id.header(), &account_header)?;
        changes.put(&account.id.listing(self.side, &self.mailbox), &header)?;
        account.database().apply(changes)?;
        Ok(header.state)
    }

    fn header(&self, state: MailboxState, account: &mut AccountHeader) -> MailboxHeader {
        let unchanged = self.before.as_ref().filter(|before| !self.changed && is_alike(&before.state, &state));
        let revision = unchanged.map_or_else(|| account.next_revision(), |before| before.state.revision);
        // UIDs have 32 bits, so that only a damaged count does not fit.
        let records = u32::try_from(self.tally.count).unwrap_or(u32::MAX);
        MailboxHeader { state: MailboxState { records, octets: self.octets, revision, ..state }, tally: self.tally }
    }

    fn remove_between(&mut self, first: Uid, last: Uid, kept: &UidSet) -> Result<()> {
        let unwritten: Vec<Uid> = self.pending.range(first..=last).map(|(uid, _)| *uid).collect();
        for uid in unwritten.into_iter().filter(|uid| !kept.contains(*uid)) {
            self.remove_one(uid)?;
        }
        let database = self.account.database();
        let written = database.walk_range(&self.key(first), &self.key(last));
        for entry in written {
            match keys::uid_of(&entry?.0) {
                Some(uid) if !kept.contains(uid) => self.remove_one(uid)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn remove_one(&mut self, uid: Uid) -> Result<()> {
        let Some(known) = self.known(uid)? else { return Ok(()) };
        self.discount(uid, &known)?;
        self.pend(uid, None)
    }

    /// The sealed record of that UID, as it will be when all that is pending is written.
    fn known(&self, uid: Uid) -> Result<Option<Vec<u8>>> {
        if let Some(pending) = self.pending.get(&uid) {
            return Ok(pending.clone());
        }
        if self.highest < Some(uid) {
            return Ok(None);
        }
        Ok(self.account.database().get(&self.key(uid))?.map(|sealed| sealed.to_vec()))
    }

    fn discount(&mut self, uid: Uid, sealed: &[u8]) -> Result<()> {
        let octets = self.opened(uid, sealed)?.octets;
        self.tally.subtract(sealed);
        self.octets = self.octets.wrapping_sub(octets);
        Ok(())
    }

    fn opened(&self, uid: Uid, sealed: &[u8]) -> Result<MessageRecord> {
        let opened = codec::decode_or_damage(&self.key(uid), sealed);
        opened.map_err(|error| self.account.spoilt(error, &self.mailbox).at_uid(uid))
    }

    fn pend(&mut self, uid: Uid, sealed: Option<Vec<u8>>) -> Result<()> {
        self.changed = true;
        self.pending.insert(uid, sealed);
        if self.pending.len() < BATCH_CHANGES {
            return Ok(());
        }
        let mut changes = self.pending_changes()?;
        if let (false, Some(before)) = (self.void, &self.before) {
            let void = MailboxHeader::void(&before.state);
            changes.put(&self.account.id.listing(self.side, &self.mailbox), &void)?;
        }
        self.void = true;
        self.account.database().apply(changes)
    }

    fn pending_changes(&mut self) -> Result<Changes> {
        let mut changes = Changes::default();
        for (uid, sealed) in std::mem::take(&mut self.pending) {
            match sealed {
                Some(sealed) => changes.put_sealed(&self.key(uid), sealed),
                None => changes.remove(self.key(uid)),
            }
        }
        Ok(changes)
    }

    fn key(&self, uid: Uid) -> Vec<u8> {
        keys::entry_under(&self.entries, uid)
    }
}

/// Whether two states whose records are equal mean the same for a plan.
fn is_alike(before: &MailboxState, after: &MailboxState) -> bool {
    let validity = |state: &MailboxState| state.sync_point.map(|point| point.uid_validity);
    validity(before) == validity(after) && before.capacity == after.capacity
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Kind, Scope};
    use crate::model::{SystemFlag, UidValidity};
    use crate::store::Store;
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
        for (changes, listed) in [(10, true), (BATCH_CHANGES as u32 + 1, false)] {
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
            |account, key| account.database().store(key, &MessageRecord { octets: 1, ..record(5) }).unwrap(),
            |account, key| {
                let beside = [&key[..key.len() - 1], &[99]].concat();
                account.database().store(&beside, &record(99)).unwrap();
            },
        ];
        for spoil in spoil {
            let (_directory, _store, account) = filled(10);
            spoil(&account, &keys::entry_under(&account.record_keys(SIDE, &inbox()), Uid(5)));
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

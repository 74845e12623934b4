//! Listings: the mailboxes of one side as last scanned, and their message records.
//!
//! Records are changed only through a [`ListingWriter`]. Invariants:
//!
//! 1. A header with a sync point stands for exactly the records that were there when it was written; a tally of them
//!    in the header notices anything else.
//! 2. While records are being replaced the header has no sync point, so that a writer that never finishes leaves a
//!    mailbox that is known to be unlisted.
//! 3. A revision never comes again within an account.

use super::account::{AccountHeader, AccountStore};
use super::database::Changes;
use super::entries::Entries;
use super::keys::{self, PerMessage};
use super::leaves::{Leaf, Lookup};
use super::listing_writer::ListingWriter;
use super::mailbox_header::MailboxHeader;
use super::tally::{of_mailbox, shown};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Link, MailboxState, MessageRecord, Pairing, RawName, Side, Uid};

/// The records of one mailbox, in ascending order of UIDs.
pub type Records = Entries<MessageRecord>;

impl AccountStore {
    /// All mailboxes of that side, sorted by name.
    pub fn mailboxes(&self, side: Side) -> Result<Vec<MailboxState>> {
        let headers = self.database().load_all::<MailboxHeader>(&self.id.listings(side));
        let states = headers.map(|header| Ok(header?.state)).collect::<Result<Vec<_>>>();
        let mut states = states.map_err(|error| self.named(error))?;
        states.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(states)
    }

    /// One mailbox as last scanned.
    pub fn mailbox(&self, side: Side, mailbox: &RawName) -> Result<Option<MailboxState>> {
        Ok(self.mailbox_header(side, mailbox)?.map(|header| header.state))
    }

    /// Records what is known of a mailbox besides its listing. The listing stays as it is on disk, unless `state` has
    /// no sync point: then the mailbox is unlisted from now on. A mailbox that is new is unlisted.
    pub fn put_mailbox(&self, side: Side, state: &MailboxState) -> Result<()> {
        let _alone = self.store.alone();
        let mut account = self.enrolled()?;
        let header = match self.mailbox_header(side, &state.name.raw)? {
            Some(known) if known.state.sync_point.is_some() && state.sync_point.is_some() => {
                described(known, state, &mut account)
            }
            known => {
                let revision = known.map_or(0, |known| known.state.revision);
                MailboxHeader::void(&MailboxState { revision, ..state.clone() })
            }
        };
        let mut changes = Changes::default();
        changes.put(&self.id.header(), &account)?;
        changes.put(&self.id.listing(side, &state.name.raw), &header)?;
        self.database().apply(changes)
    }

    /// Forgets a mailbox and its records, damaged or not.
    pub fn forget_mailbox(&self, side: Side, mailbox: &RawName) -> Result<()> {
        let _alone = self.store.alone();
        self.database().clear(&self.id.listing(side, mailbox))?;
        self.database().clear(&self.id.journal(side, mailbox))?;
        self.database().clear(&self.record_keys(side, mailbox))
    }

    /// The records of a listed mailbox.
    ///
    /// # Errors
    ///
    /// [`Kind::State`] of scope mailbox where there is no listing: an unlisted mailbox is not an empty one.
    pub fn records(&self, side: Side, mailbox: &RawName) -> Result<Records> {
        let header = self.listed(side, mailbox)?;
        let walk = self.database().walk(&self.record_keys(side, mailbox));
        Ok(Entries::new(walk, mailbox, Some(header.tally)))
    }

    /// One record, of a listed mailbox or of what is left of one.
    pub fn record(&self, side: Side, mailbox: &RawName, uid: Uid) -> Result<Option<MessageRecord>> {
        self.record_lookup(side, mailbox).get(uid).map_err(|error| self.named(error))
    }

    /// Looks up records, of a listed mailbox or of what is left of one.
    pub fn record_lookup(&self, side: Side, mailbox: &RawName) -> Lookup<MessageRecord> {
        Lookup::new(self.database(), self.record_keys(side, mailbox), mailbox)
    }

    /// The record with the highest UID.
    pub fn last_record(&self, side: Side, mailbox: &RawName) -> Result<Option<MessageRecord>> {
        let Some(last) = self.database().last_key(&self.record_keys(side, mailbox))? else { return Ok(None) };
        let leaf = self.database().load::<Leaf<MessageRecord>>(&last).map_err(|error| self.spoilt(error, mailbox))?;
        Ok(leaf.and_then(|leaf| leaf.0.into_iter().next_back()))
    }

    /// Begins a full listing. From now on the mailbox is unlisted and its old records are gone, until the writer
    /// finishes. Repairs a damaged listing.
    pub fn relist(&self, side: Side, mailbox: &RawName) -> Result<ListingWriter> {
        let _alone = self.store.alone();
        self.enrolled()?;
        let key = self.id.listing(side, mailbox);
        let void = self.mailbox_header(side, mailbox).ok().flatten().map(|header| MailboxHeader::void(&header.state));
        match &void {
            Some(void) => self.database().store(&key, void)?,
            None => self.database().clear(&key)?,
        }
        self.database().clear(&self.id.journal(side, mailbox))?;
        self.database().clear(&self.record_keys(side, mailbox))?;
        Ok(ListingWriter::anew(self, side, mailbox, void))
    }

    /// Begins changes to a listed mailbox. Few (in less than [`BATCH_LEAVES`](super::leaves::BATCH_LEAVES) leaves) take
    /// effect together when the writer finishes, and not at all if it does not; with more of them the mailbox is
    /// unlisted meanwhile.
    ///
    /// # Errors
    ///
    /// [`Kind::State`] of scope mailbox where there is no listing to change.
    pub fn amend(&self, side: Side, mailbox: &RawName) -> Result<ListingWriter> {
        let _alone = self.store.alone();
        let header = self.listed(side, mailbox)?;
        let last = self.database().last_key(&self.record_keys(side, mailbox))?;
        let end = last.and_then(|key| keys::leaf_of(&key)).map_or(0, |number| u64::from(number) + 1);
        let journal = self.relisting(side, mailbox, header.state.revision)?;
        Ok(ListingWriter::amending(self, side, mailbox, header, end, journal))
    }

    /// Gives the records of a pair that were listed without identities those of their links, where the links hold for them. On the destination a record
    /// must have the size of what was linked, too: else the server did something of its own with it. Returns whether all
    /// copies were looked at, and each is listed as it was sent.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn identify_linked(&self, pairing: &Pairing) -> Result<bool> {
        let mut as_sent = false;
        for (side, mailbox) in [(Side::Source, &pairing.source), (Side::Destination, &pairing.destination)] {
            // Of a mailbox that was made anew meanwhile the same UIDs name other messages.
            let lacking = |state: &MailboxState| !state.identified && pairing.holds_for(side, state);
            let Some(state) = self.mailbox(side, mailbox)?.filter(lacking) else { continue };
            as_sent = side == Side::Destination;
            let (mut writer, mut identified) = (self.amend(side, mailbox)?, 0);
            for link in self.links(&pairing.source)? {
                let link = link?;
                let found = match side {
                    Side::Source => writer.identify(link.source, link.identity, None)?,
                    Side::Destination => writer.identify(link.destination, link.identity, Some(link.octets))?,
                };
                identified += u64::from(found.is_some());
                as_sent &= found.is_some_and(|record| is_as_sent(&link, &record));
            }
            let identified = identified == writer.records();
            writer.finish(MailboxState { identified, ..state })?;
        }
        Ok(as_sent)
    }

    fn listed(&self, side: Side, mailbox: &RawName) -> Result<MailboxHeader> {
        let header = self.mailbox_header(side, mailbox)?.filter(|header| header.state.sync_point.is_some());
        header.ok_or_else(|| {
            let error = Error::new(Kind::State, format!("the state holds no listing of this {side} mailbox"));
            self.spoilt(error.scope(Scope::Mailbox), mailbox).hint("run `mailferry scan`")
        })
    }

    pub(super) fn mailbox_header(&self, side: Side, mailbox: &RawName) -> Result<Option<MailboxHeader>> {
        self.database().load(&self.id.listing(side, mailbox)).map_err(|error| self.spoilt(error, mailbox))
    }

    pub(super) fn record_keys(&self, side: Side, mailbox: &RawName) -> Vec<u8> {
        self.id.entries(PerMessage::Record, self.id.mailbox(side, mailbox))
    }

    /// An error met in data of that mailbox. What concerns the whole state keeps its scope.
    pub(super) fn spoilt(&self, error: Error, mailbox: &RawName) -> Error {
        let named = self.named(error);
        if named.reach() == Scope::Run { named } else { of_mailbox(named, &shown(mailbox)) }
    }
}

/// Whether a copy of that size is listed with the date and identity that its link says.
fn is_as_sent(link: &Link, copy: &MessageRecord) -> bool {
    let dated = link.date.is_none() || link.date == copy.internal_date;
    dated && link.altered.is_none() && copy.identity == Some(link.identity)
}

/// The known listing with a new description. What a mailbox can keep of flags bears on what is to be done, as a listing
/// does.
fn described(known: MailboxHeader, state: &MailboxState, account: &mut AccountHeader) -> MailboxHeader {
    let same = known.state.capacity == state.capacity;
    let revision = if same { known.state.revision } else { account.next_revision() };
    let MailboxState { sync_point, octets, records, .. } = known.state;
    MailboxHeader { state: MailboxState { sync_point, octets, records, revision, ..state.clone() }, tally: known.tally }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FlagCapacity, InternalDate, MessageRecord, PairState, Uid};
    use crate::store::tests::{fill, inbox, link, name, open, pair, record, state};

    const SIDE: Side = Side::Destination;

    #[test]
    fn put_mailbox_changes_the_description_and_keeps_the_listing() {
        let (_directory, store) = open();
        let account = store.account("alice");
        fill(&account, SIDE, 10);
        let listed = account.mailbox(SIDE, &inbox()).unwrap().unwrap();
        account.put_mailbox(SIDE, &MailboxState { subscribed: false, deltas: 3, records: 99, ..state() }).unwrap();
        let expected = MailboxState { subscribed: false, deltas: 3, ..listed };
        assert_eq!(account.mailbox(SIDE, &inbox()).unwrap(), Some(expected));
        assert_eq!(account.records(SIDE, &inbox()).unwrap().filter(Result::is_ok).count(), 10);
        let capacity = FlagCapacity::from_texts(["\\Seen"]);
        account.put_mailbox(SIDE, &MailboxState { capacity, ..state() }).unwrap();
        assert_eq!(account.mailbox(SIDE, &inbox()).unwrap().unwrap().revision, 2);
    }

    #[test]
    fn put_mailbox_never_lists_but_may_unlist() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.put_mailbox(SIDE, &state()).unwrap();
        assert_eq!(account.mailbox(SIDE, &inbox()).unwrap().unwrap().sync_point, None);
        fill(&account, SIDE, 10);
        account.put_mailbox(SIDE, &MailboxState { sync_point: None, ..state() }).unwrap();
        assert!(account.records(SIDE, &inbox()).is_err());
    }

    #[test]
    fn identify_linked_leaves_a_listing_of_another_uidvalidity_as_it_is() {
        let (_directory, store) = open();
        let account = store.account("alice");
        let mut writer = account.relist(SIDE, &inbox()).unwrap();
        let bare = MessageRecord { identity: None, octets: 12, ..record(1001) };
        writer.put(&bare).unwrap();
        let listed = writer.finish(MailboxState { identified: false, ..state() }).unwrap();
        account.put_pair(&pair()).unwrap();
        account.checkpoint(&inbox(), &[link(1)], &[]).unwrap();
        account.identify_linked(&pair().pairing).unwrap();
        assert_eq!(account.record(SIDE, &inbox(), Uid(1001)).unwrap(), Some(bare), "another message under that UID");
        let validity = listed.sync_point.unwrap().uid_validity;
        let of_now = Pairing { destination_validity: validity, ..pair().pairing };
        account.identify_linked(&of_now).unwrap();
        let identity = account.record(SIDE, &inbox(), Uid(1001)).unwrap().unwrap().identity;
        assert_eq!(identity, Some(link(1).identity));
    }

    #[test]
    fn identify_linked_tells_whether_all_copies_are_listed_as_they_were_sent() {
        let sent =
            || MessageRecord { identity: None, octets: 12, internal_date: Some(InternalDate(5)), ..record(1001) };
        let as_sent = |copy: MessageRecord, link: Link| {
            let (_directory, store) = open();
            let account = store.account("alice");
            let mut writer = account.relist(SIDE, &inbox()).unwrap();
            writer.put(&copy).unwrap();
            let listed = writer.finish(MailboxState { identified: false, ..state() }).unwrap();
            let destination_validity = listed.sync_point.unwrap().uid_validity;
            let pairing = Pairing { destination_validity, ..pair().pairing };
            account.put_pair(&PairState { pairing: pairing.clone(), ..pair() }).unwrap();
            account.checkpoint(&inbox(), &[link], &[]).unwrap();
            [account.identify_linked(&pairing).unwrap(), account.identify_linked(&pairing).unwrap()]
        };
        let dated = || Link { date: Some(InternalDate(5)), ..link(1) };
        assert_eq!(as_sent(sent(), dated()), [true, false], "the second time it is not looked at");
        assert_eq!(as_sent(sent(), link(1)), [true, false], "nobody knows which date was sent");
        assert!(!as_sent(MessageRecord { internal_date: Some(InternalDate(6)), ..sent() }, dated())[0]);
        assert!(!as_sent(MessageRecord { octets: 13, ..sent() }, dated())[0]);
        assert!(!as_sent(MessageRecord { uid: Uid(7), ..sent() }, dated())[0], "it is not there");
    }

    #[test]
    fn mailboxes_are_sorted_and_of_one_side() {
        let (_directory, store) = open();
        let account = store.account("alice");
        for path in ["b", "a", "c"] {
            account.put_mailbox(SIDE, &MailboxState { name: name(path), ..state() }).unwrap();
        }
        let paths = |side| -> Vec<String> {
            account.mailboxes(side).unwrap().iter().map(|mailbox| mailbox.name.path()).collect()
        };
        assert_eq!(paths(SIDE), ["a", "b", "c"]);
        account.forget_mailbox(SIDE, &name("b").raw).unwrap();
        assert_eq!(paths(SIDE), ["a", "c"]);
        assert!(paths(Side::Source).is_empty());
    }

    #[test]
    fn records_of_an_unknown_mailbox_are_an_error_and_not_none() {
        let (_directory, store) = open();
        let error = store.account("alice").records(SIDE, &inbox()).err().unwrap();
        assert_eq!(error.place().mailbox.as_deref(), Some("INBOX"));
        assert!(error.advice().unwrap().contains("mailferry scan"));
    }
}

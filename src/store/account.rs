//! One account's part of the state: which two users it ties together, how often it was scanned, what is known of its
//! servers. Its mailboxes, links and plan are in the files named after them.

use super::codec::{Flaw, Stored, decode_payload};
use super::database::Database;
use super::handle::Store;
use super::keys::AccountId;
use super::kinds::StoredKind;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{Direction, Names, Side, SideState};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One account's part of the state. Cheap to clone. What it reads belongs to this account and to no other.
#[derive(Clone)]
pub struct AccountStore {
    pub(super) store: Store,
    pub(super) id: AccountId,
    name: Arc<str>,
}

/// The two users whose mailboxes the state of an account describes, and where their servers were when both let them in last;
/// by side.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Binding {
    pub users: [String; 2],
    pub places: [String; 2],
}

impl Binding {
    /// The same with its sides as they are called that way.
    fn facing(mut self, direction: Direction) -> Binding {
        if direction == Direction::Reversed {
            self.users.reverse();
            self.places.reverse();
        }
        self
    }

    /// From `user at place`, as it was kept before.
    fn former((source, destination): (String, String)) -> Binding {
        let [source, destination] = [source, destination].map(|text| {
            let (user, place) = text.rsplit_once(" at ").unwrap_or((&text, ""));
            (user.to_owned(), place.to_owned())
        });
        Binding { users: [source.0, destination.0], places: [source.1, destination.1] }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Binding { users: [source, destination], places: [here, there] } = self;
        write!(f, "{source} at {here} to {destination} at {there}")
    }
}

/// Stands for the account in the list of accounts.
#[derive(Serialize, Deserialize)]
pub(super) struct AccountHeader {
    pub(super) name: String,
    binding: Option<Binding>,
    generation: u64,
    /// The last revision that a listing was given. Counted over the account and not the mailbox: a mailbox that is
    /// forgotten and comes back must not get a revision that a settled pair remembers.
    revisions: u64,
    /// Which way its pairs stand (`turning`).
    direction: Direction,
}

impl Stored for AccountHeader {
    const KIND: StoredKind = StoredKind::Account;
    const NOUN: &'static str = "the header of the account";

    fn from_older(version: u8, payload: &[u8]) -> Option<std::result::Result<Self, Flaw>> {
        type Former<Binding> = (String, Option<Binding>, u64, u64);
        let direction = Direction::Forward;
        if version > 2 {
            let header = |(name, binding, generation, revisions): Former<Binding>| AccountHeader {
                name,
                binding,
                generation,
                revisions,
                direction,
            };
            return Some(decode_payload(payload).map(header));
        }
        let header = |(name, binding, generation, revisions): Former<(String, String)>| {
            let binding = binding.map(Binding::former);
            AccountHeader { name, binding, generation, revisions, direction }
        };
        Some(decode_payload(payload).map(header))
    }
}

impl AccountHeader {
    /// Whether the listings of that other one were renewed more often.
    pub(super) fn knows_less_than(&self, other: &AccountHeader) -> bool {
        (self.revisions, self.generation) < (other.revisions, other.generation)
    }

    pub(super) fn next_revision(&mut self) -> u64 {
        self.revisions += 1;
        self.revisions
    }
}

impl Store {
    /// The part of the state that belongs to one account, which need not be known yet.
    pub fn account(&self, name: &str) -> AccountStore {
        AccountStore::new(self.clone(), name)
    }

    /// The same, looked at the way that its pairs stand: as the last sync left it.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn account_as_it_stands(&self, name: &str) -> Result<AccountStore> {
        let account = self.account(name);
        Ok(account.facing(account.standing()?))
    }

    /// An empty part of the state that stands aside from the account's own, for a look that leaves no trace. It is to be
    /// dropped with [`AccountStore::drop_account`]; what a crash leaves of it is gone with the next one.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn aside(&self, name: &str, direction: Direction) -> Result<AccountStore> {
        let aside = AccountStore { id: AccountId::aside(name).facing(direction), ..self.account(name) };
        aside.drop_account()?;
        let _alone = self.alone();
        aside.enrolled()?;
        Ok(aside)
    }

    /// The names of all accounts that were ever bound or scanned, sorted.
    pub fn accounts(&self) -> Result<Vec<String>> {
        let headers = self.database().load_all::<AccountHeader>(&super::keys::all_accounts());
        let mut names = headers.map(|header| Ok(header?.name)).collect::<Result<Vec<_>>>()?;
        names.sort_unstable();
        // One that is looked at aside stands there twice.
        names.dedup();
        Ok(names)
    }
}

impl AccountStore {
    pub(super) fn new(store: Store, name: &str) -> Self {
        AccountStore { store, id: AccountId::new(name), name: name.into() }
    }

    /// The account's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The users whose state it is, and where their servers were; `None` before both have let them in.
    pub fn binding(&self) -> Result<Option<Binding>> {
        let binding = self.header()?.and_then(|header| header.binding);
        Ok(binding.map(|binding| binding.facing(self.direction())))
    }

    /// Makes sure that the state of this account is that of these two users, or nobody's yet.
    ///
    /// # Errors
    ///
    /// [`Kind::State`] if it was recorded for others: their UIDs and links would be taken for these users'.
    pub fn check_users(&self, asked: &Binding) -> Result<()> {
        match self.binding()? {
            Some(known) if known.users != asked.users => Err(self.bound_to_others(&known, asked)),
            _ => Ok(()),
        }
    }

    /// Records whose state it is, and where their servers are.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::check_users`].
    pub fn bind(&self, binding: &Binding) -> Result<()> {
        let _alone = self.store.alone();
        self.check_users(binding)?;
        let mut header = self.enrolled()?;
        let binding = Some(binding.clone().facing(self.direction()));
        if header.binding == binding {
            return Ok(());
        }
        header.binding = binding;
        self.put_header(&header)
    }

    fn bound_to_others(&self, known: &Binding, asked: &Binding) -> Error {
        Error::new(Kind::State, "the state holds other users under the name of this account")
            .scope(Scope::Account)
            .in_account(&self.name)
            .because(format!("it holds {known}; asked for was {asked}"))
            .hint("give the account another name, or use another state directory with --state")
    }

    /// Which way its pairs stand.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn standing(&self) -> Result<Direction> {
        Ok(self.header()?.map_or(Direction::Forward, |header| header.direction))
    }

    /// Notes that its pairs stand the way that it is looked at.
    pub(super) fn note_standing(&self) -> Result<()> {
        let mut header = self.enrolled()?;
        if header.direction == self.direction() {
            return Ok(());
        }
        header.direction = self.direction();
        self.put_header(&header)
    }

    /// How many scans were begun. A plan remembers it, and is stale when it has changed.
    pub fn generation(&self) -> Result<u64> {
        Ok(self.header()?.map_or(0, |header| header.generation))
    }

    /// Notes that a scan begins; returns the new generation.
    pub fn begin_scan(&self) -> Result<u64> {
        let _alone = self.store.alone();
        let mut header = self.enrolled()?;
        header.generation += 1;
        self.put_header(&header)?;
        Ok(header.generation)
    }

    /// What a scan learnt of that server.
    pub fn side(&self, side: Side) -> Result<Option<SideState>> {
        self.database().load(&self.id.side(side)).map_err(|error| self.named(error))
    }

    /// Records what a scan learnt of that server.
    pub fn put_side(&self, side: Side, state: &SideState) -> Result<()> {
        self.database().store(&self.id.side(side), state).map_err(|error| self.named(error))
    }

    /// What the last listing of that side named besides the user's mailboxes. Nothing of a side that was scanned by a
    /// version which did not look.
    pub fn names(&self, side: Side) -> Result<Names> {
        Ok(self.database().load(&self.id.names(side)).map_err(|error| self.named(error))?.unwrap_or_default())
    }

    /// Records what the listing of that side names besides the user's mailboxes.
    pub fn put_names(&self, side: Side, names: &Names) -> Result<()> {
        self.database().store(&self.id.names(side), names).map_err(|error| self.named(error))
    }

    /// Forgets listings, links, plan, status and what is known of the servers, damaged or not; keeps the binding and
    /// the generation if they can be read. The next scan begins from nothing.
    pub fn forget_everything(&self) -> Result<()> {
        let _alone = self.store.alone();
        let header = self.header().ok().flatten();
        self.database().clear(&self.id.header())?;
        self.database().clear(&self.id.data())?;
        let direction = self.direction();
        header.map_or(Ok(()), |header| self.put_header(&AccountHeader { direction, ..header }))
    }

    /// Drops the account: its data, the binding and the name. Headers go first and the name last, so that after a crash
    /// less is known of it, and it can be dropped again.
    ///
    /// # Errors
    ///
    /// [`Kind::State`].
    pub fn drop_account(&self) -> Result<()> {
        let _alone = self.store.alone();
        self.id.headers().iter().try_for_each(|headers| self.database().clear(headers))?;
        self.database().clear(&self.id.data())?;
        self.database().clear(&self.id.header())?;
        let aside = AccountId::aside(&self.name);
        self.database().clear(&aside.data())?;
        self.database().clear(&aside.header())
    }

    pub(super) fn database(&self) -> &Arc<Database> {
        self.store.database()
    }

    /// The header, made if there is none. Data without its header is left from before damage or a crash, and goes.
    pub(super) fn enrolled(&self) -> Result<AccountHeader> {
        if let Some(header) = self.header()? {
            return Ok(header);
        }
        self.database().clear(&self.id.data())?;
        let (name, direction) = (self.name.to_string(), self.direction());
        let header = AccountHeader { name, binding: None, generation: 0, revisions: 0, direction };
        self.put_header(&header)?;
        Ok(header)
    }

    fn header(&self) -> Result<Option<AccountHeader>> {
        self.database().load(&self.id.header()).map_err(|error| self.named(error))
    }

    fn put_header(&self, header: &AccountHeader) -> Result<()> {
        self.database().store(&self.id.header(), header)
    }

    pub(super) fn named(&self, error: Error) -> Error {
        error.in_account(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::statistics::AccountStatus;
    use crate::store::tests::{fill, inbox, open};

    fn binding(source: &str) -> Binding {
        Binding::former((source.to_owned(), "alice at new.example.org".to_owned()))
    }

    #[test]
    fn bind_other_users_is_refused_and_names_both() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.check_users(&binding("bob at old")).unwrap();
        account.bind(&binding("alice at old")).unwrap();
        account.bind(&binding("alice at old")).unwrap();
        let error = account.bind(&binding("bob at old")).unwrap_err();
        assert_eq!(account.check_users(&binding("bob at old")), Err(error.clone()));
        assert_eq!(error.kind(), &Kind::State);
        assert!(error.summary().contains("alice at old") && error.summary().contains("bob at old"));
        store.account("bob").bind(&binding("bob at old")).unwrap();
        assert_eq!(store.accounts().unwrap(), ["alice", "bob"]);
    }

    #[test]
    fn bind_the_same_users_elsewhere_is_taken_note_of() {
        let (_directory, store) = open();
        let account = store.account("alice");
        account.bind(&binding("alice at old")).unwrap();
        account.check_users(&binding("alice at other")).unwrap();
        assert_eq!(account.binding().unwrap(), Some(binding("alice at old")));
        account.bind(&binding("alice at other")).unwrap();
        assert_eq!(account.binding().unwrap(), Some(binding("alice at other")));
    }

    #[test]
    fn header_of_schema_2_keeps_its_users_and_places() {
        let former = ("x", Some(("at at old:1143", "bob at new")), 5u64, 6u64);
        let payload = bincode::serde::encode_to_vec(former, bincode::config::standard()).unwrap();
        let key = AccountId::new("x").header();
        let envelope = crate::store::codec::sealed(&key, &[&[2, AccountHeader::KIND as u8], &payload[..]].concat());
        let header: AccountHeader = crate::store::codec::decode(&key, &envelope).unwrap();
        let users = ["at", "bob"].map(str::to_owned);
        let places = ["old:1143", "new"].map(str::to_owned);
        assert_eq!((header.binding, header.generation, header.revisions), (Some(Binding { users, places }), 5, 6));
    }

    #[test]
    fn begin_scan_raises_the_generation() {
        let (_directory, store) = open();
        let account = store.account("alice");
        assert_eq!(account.generation().unwrap(), 0);
        assert_eq!((account.begin_scan().unwrap(), account.begin_scan().unwrap()), (1, 2));
        assert_eq!(account.generation().unwrap(), 2);
    }

    #[test]
    fn forget_everything_repairs_damage_and_spares_other_accounts() {
        let (_directory, store) = open();
        let (alice, bob) = (store.account("alice"), store.account("bob"));
        for account in [&alice, &bob] {
            account.bind(&binding("x at old")).unwrap();
            fill(account, Side::Source, 10);
        }
        alice.database().guarded(|tree| tree.insert(alice.id.listing(Side::Source, &inbox()), "junk")).unwrap();
        assert_eq!(alice.mailboxes(Side::Source).unwrap_err().reach(), Scope::Account);
        alice.forget_everything().unwrap();
        assert!(alice.mailboxes(Side::Source).unwrap().is_empty());
        assert!(alice.bind(&binding("y at old")).is_err(), "the binding is kept");
        assert_eq!(bob.records(Side::Source, &inbox()).unwrap().count(), 10);
    }

    #[test]
    fn drop_account_leaves_nothing_of_it_and_spares_others() {
        let (_directory, store) = open();
        let (alice, bob) = (store.account("alice"), store.account("bob"));
        for account in [&alice, &bob] {
            account.bind(&binding("x at old")).unwrap();
            fill(account, Side::Source, 200);
            account.put_status(&AccountStatus { source_octets: 7, ..AccountStatus::default() }).unwrap();
        }
        alice.drop_account().unwrap();
        assert_eq!(store.accounts().unwrap(), ["bob"]);
        assert_eq!(alice.database().walk(&alice.id.data()).count(), 0);
        assert_eq!(bob.records(Side::Source, &inbox()).unwrap().count(), 200);
        alice.bind(&binding("somebody else")).unwrap();
        assert_eq!(alice.status().unwrap(), AccountStatus::default());
    }

    #[test]
    fn what_stands_aside_is_empty_and_leaves_the_account_as_it_is() {
        let (_directory, store) = open();
        let alice = store.account("alice");
        alice.bind(&binding("alice at old")).unwrap();
        fill(&alice, Side::Source, 200);
        let before = alice.mailboxes(Side::Source).unwrap();
        let aside = store.aside("alice", Direction::Forward).unwrap();
        aside.bind(&binding("alice at old")).unwrap();
        assert!(aside.mailboxes(Side::Source).unwrap().is_empty());
        fill(&aside, Side::Source, 10);
        assert_eq!(
            (store.accounts().unwrap(), alice.mailboxes(Side::Source).unwrap()),
            (vec!["alice".to_owned()], before)
        );
        let again = store.aside("alice", Direction::Forward).unwrap();
        assert!(again.mailboxes(Side::Source).unwrap().is_empty());
        fill(&again, Side::Source, 10);
        alice.drop_account().unwrap();
        assert!(again.mailboxes(Side::Source).unwrap().is_empty() && store.accounts().unwrap().is_empty());
    }

    #[test]
    fn drop_account_cut_off_can_be_done_again() {
        let (_directory, store) = open();
        let alice = store.account("alice");
        alice.bind(&binding("alice at old")).unwrap();
        fill(&alice, Side::Source, 200);
        alice.id.headers().iter().for_each(|headers| alice.database().clear(headers).unwrap());
        assert!(alice.mailboxes(Side::Source).unwrap().is_empty());
        assert_eq!(store.accounts().unwrap(), ["alice"]);
        alice.drop_account().unwrap();
        assert_eq!(store.accounts().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn bind_after_the_header_was_lost_begins_from_nothing() {
        let (_directory, store) = open();
        let account = store.account("alice");
        fill(&account, Side::Source, 10);
        account.database().guarded(|tree| tree.remove(account.id.header())).unwrap();
        account.bind(&binding("alice at old")).unwrap();
        assert!(account.mailboxes(Side::Source).unwrap().is_empty());
    }
}

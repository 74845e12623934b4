//! What a user of the fake server has: mailboxes with messages, stored or produced when they are asked for.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::gmail_house::Known;
use crate::support::mailbox::{self, Message};
use crate::support::name::Namespace;
use crate::support::state::{AccountState, MailboxState, MessageState};

/// One user's mailboxes. INBOX is always the first.
pub struct Account {
    pub mailboxes: Vec<Mailbox>,
    /// Raw names.
    pub subscriptions: BTreeSet<Vec<u8>>,
    /// What Gmail knows messages by.
    pub known: Known,
    /// By raw name of a mailbox, the rights of others and annotations.
    pub rights: BTreeMap<Vec<u8>, BTreeMap<String, String>>,
    pub annotations: BTreeMap<Vec<u8>, BTreeMap<String, String>>,
    next_validity: u32,
}

/// One mailbox. UIDs ascend; every change takes the next modification sequence.
pub struct Mailbox {
    /// As on the wire.
    pub name: Vec<u8>,
    /// `\Sent` and the like.
    pub attributes: Vec<String>,
    pub uid_validity: u32,
    pub uid_next: u32,
    pub highest_modseq: u64,
    pub messages: Vec<Stored>,
    /// UIDs that are gone, with the modification sequence of their going.
    pub expunged: Vec<(u32, u64)>,
}

/// One message.
#[derive(Clone)]
pub struct Stored {
    pub uid: u32,
    pub flags: BTreeSet<String>,
    /// Seconds since 1970.
    pub date: i64,
    pub modseq: u64,
    pub content: Content,
    /// What Gmail says of it besides.
    pub gmail: Gmail,
}

/// X-GM-MSGID and X-GM-LABELS of a message in one mailbox.
#[derive(Clone, Default)]
pub struct Gmail {
    pub id: u64,
    /// As on the wire, each quoted where it has to be.
    pub labels: String,
}

/// The octets of a message.
#[derive(Clone)]
pub enum Content {
    Octets(Arc<Vec<u8>>),
    /// Made from the UID, the same each time: for mailboxes that are larger than memory.
    Made(Arc<dyn Fn(u32) -> Vec<u8> + Send + Sync>),
}

impl Stored {
    pub fn octets(&self) -> Cow<'_, [u8]> {
        match &self.content {
            Content::Octets(octets) => Cow::Borrowed(octets),
            Content::Made(make) => Cow::Owned(make(self.uid)),
        }
    }

    /// The header with the empty line that ends it; all of a message that has no such line.
    pub fn header(octets: &[u8]) -> &[u8] {
        if octets.starts_with(b"\r\n") || octets.starts_with(b"\n") {
            return &octets[..octets.iter().position(|octet| *octet == b'\n').map_or(0, |at| at + 1)];
        }
        let ends = [(&b"\r\n\r\n"[..], 4), (b"\n\n", 2), (b"\n\r\n", 3)];
        let end = ends.iter().filter_map(|(end, length)| Some(memchr::memmem::find(octets, end)? + length)).min();
        &octets[..end.unwrap_or(octets.len())]
    }
}

impl Default for Account {
    fn default() -> Account {
        Account::numbered_from(1_700_000_000)
    }
}

impl Account {
    /// An account with an empty INBOX, whose UIDVALIDITYs are above that one.
    pub fn numbered_from(next_validity: u32) -> Account {
        let (mailboxes, subscriptions, known) = Default::default();
        let (rights, annotations) = Default::default();
        let mut account = Account { mailboxes, subscriptions, known, rights, annotations, next_validity };
        account.create(b"INBOX");
        account
    }

    pub const NAMESPACE_DELIMITER: char = '/';

    fn namespace() -> Namespace {
        Namespace { prefix: String::new(), delimiter: Self::NAMESPACE_DELIMITER }
    }

    /// Makes a mailbox by its raw name; gives the old one where there is one.
    pub fn create(&mut self, name: &[u8]) -> &mut Mailbox {
        let at = self.position(name).unwrap_or_else(|| {
            self.next_validity += 1;
            self.mailboxes.push(Mailbox {
                name: name.to_vec(),
                attributes: Vec::new(),
                uid_validity: self.next_validity,
                uid_next: 1,
                highest_modseq: 1,
                messages: Vec::new(),
                expunged: Vec::new(),
            });
            self.mailboxes.len() - 1
        });
        &mut self.mailboxes[at]
    }

    pub fn position(&self, name: &[u8]) -> Option<usize> {
        let same = |mailbox: &Mailbox| match name.eq_ignore_ascii_case(b"INBOX") {
            true => mailbox.name.eq_ignore_ascii_case(b"INBOX"),
            false => mailbox.name == name,
        };
        self.mailboxes.iter().position(same)
    }

    /// Gives a mailbox another name, and all that is below it. Not INBOX, and not a name that is there.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        if from.eq_ignore_ascii_case(b"INBOX") || self.position(from).is_none() || self.position(to).is_some() {
            return false;
        }
        let below = [from, &[Self::NAMESPACE_DELIMITER as u8]].concat();
        for mailbox in &mut self.mailboxes {
            if mailbox.name == from || mailbox.name.starts_with(&below) {
                mailbox.name = [to, &mailbox.name[from.len()..]].concat();
            }
        }
        true
    }

    pub fn find(&mut self, name: &[u8]) -> Option<&mut Mailbox> {
        self.position(name).map(|at| &mut self.mailboxes[at])
    }

    /// A mailbox that must be there, by its decoded name.
    pub fn mailbox(&mut self, name: &str) -> &mut Mailbox {
        let raw = Self::namespace().encode(name);
        self.find(raw.as_bytes()).unwrap_or_else(|| panic!("there is no mailbox {name}"))
    }

    /// The octets of all messages of a mailbox.
    pub fn messages(&mut self, name: &str) -> Vec<Vec<u8>> {
        self.mailbox(name).messages.iter().map(|message| message.octets().into_owned()).collect()
    }

    /// Adds what the notation describes (see [`crate::support::mailbox`]).
    pub fn fill(&mut self, notation: &str) {
        for described in mailbox::parse(notation).mailboxes {
            let raw = Self::namespace().encode(&described.name).into_bytes();
            if described.subscribed {
                self.subscriptions.insert(raw.clone());
            }
            let mailbox = self.create(&raw);
            described.messages.iter().for_each(|message| mailbox.seed(message));
        }
    }

    pub fn state(&self) -> AccountState {
        let namespace = Self::namespace();
        let name = |raw: &[u8]| namespace.decode(&String::from_utf8_lossy(raw));
        AccountState {
            mailboxes: self.mailboxes.iter().map(|mailbox| (name(&mailbox.name), mailbox.state())).collect(),
            containers: BTreeSet::new(),
            subscriptions: self.subscriptions.iter().map(|raw| name(raw)).collect(),
        }
    }
}

impl Mailbox {
    /// Takes the next modification sequence.
    pub fn change(&mut self) -> u64 {
        self.highest_modseq += 1;
        self.highest_modseq
    }

    /// Adds a message at the end and returns its UID.
    pub fn add(&mut self, content: Content, flags: BTreeSet<String>, date: i64) -> u32 {
        let (uid, modseq) = (self.uid_next, self.change());
        self.uid_next += 1;
        self.messages.push(Stored { uid, flags, date, modseq, content, gmail: Gmail::default() });
        uid
    }

    /// Adds a message that is in another mailbox, too.
    pub fn add_copy(&mut self, original: &Stored) -> u32 {
        let uid = self.add(original.content.clone(), original.flags.clone(), original.date);
        self.messages.last_mut().expect("it was just added").gmail = original.gmail.clone();
        uid
    }

    /// Adds octets as they are, with a date of their own.
    pub fn add_octets(&mut self, octets: impl Into<Vec<u8>>) -> u32 {
        let date = 1_704_067_200 + i64::from(self.uid_next) * 60;
        self.add(Content::Octets(Arc::new(octets.into())), BTreeSet::new(), date)
    }

    /// Adds that many messages that are made when they are asked for.
    pub fn generate(&mut self, count: u32, make: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) {
        let make: Arc<dyn Fn(u32) -> Vec<u8> + Send + Sync> = Arc::new(make);
        self.messages.reserve(count as usize);
        for _ in 0..count {
            let date = 1_704_067_200 + i64::from(self.uid_next);
            self.add(Content::Made(Arc::clone(&make)), BTreeSet::new(), date);
        }
    }

    fn seed(&mut self, message: &Message) {
        self.uid_next = self.uid_next.max(message.uid);
        self.add(Content::Octets(Arc::clone(&message.octets)), message.flags.clone(), message.date);
    }

    pub fn expunge(&mut self, uids: impl Fn(u32) -> bool) {
        let modseq = self.change();
        let gone = self.messages.extract_if(.., |message| uids(message.uid));
        self.expunged.extend(gone.map(|message| (message.uid, modseq)));
    }

    /// Another UIDVALIDITY: the same messages under UIDs from 1 on.
    pub fn renumber(&mut self) {
        self.uid_validity += 7;
        let modseq = self.change();
        self.expunged.clear();
        for (uid, message) in (1..).zip(&mut self.messages) {
            (message.uid, message.modseq) = (uid, modseq);
        }
        self.uid_next = self.messages.len() as u32 + 1;
    }

    fn state(&self) -> MailboxState {
        let seen = |message: &Stored| MessageState::new(message.uid, &message.flags, message.date, &message.octets());
        MailboxState {
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            messages: self.messages.iter().map(seen).collect(),
        }
    }
}

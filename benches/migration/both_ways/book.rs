//! What must be there when all is quiet, and how far both sides are from it.
//!
//! The book is what one account would hold had both users worked on it: what they did, once, whoever did it. What both did
//! alike (the same mail delivered, the same message deleted) counts once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest, Sha256};

use super::acts::{self, Act};
use super::scenarios::{Disturbance, MAIL, Scenario};
use crate::comparison::{Copy, Mailbox, read};
use crate::session::{destination_namespace, source_namespace};
use crate::support::mailbox::{self, Message};
use crate::support::server::User;

type Key = [u8; 32];

/// By mailbox.
pub struct Book {
    mailboxes: BTreeMap<String, Vec<Message>>,
    /// What was in a mailbox at any time.
    known: BTreeSet<(String, Key)>,
    disputed: BTreeSet<Key>,
}

impl Book {
    /// Before anybody has done anything.
    pub fn of_first() -> Book {
        let account = mailbox::parse(MAIL).mailboxes.into_iter();
        let mailboxes = account.map(|mailbox| (mailbox.name, mailbox.messages)).collect();
        Book { mailboxes, known: BTreeSet::new(), disputed: BTreeSet::new() }
    }

    /// When all is done.
    pub fn of(scenario: &Scenario) -> Book {
        let mut book = Book::of_first();
        book.disputed = (book.mailboxes.values().flatten())
            .filter(|message| scenario.disputed.contains(&message.name.as_str()))
            .map(key)
            .collect();
        let [mut here, mut there] = [scenario.here.to_vec(), scenario.there.to_vec()];
        if let Disturbance::Meanwhile { here: more_here, there: more_there, .. } = scenario.disturbance {
            here.extend(more_here);
            there.extend(more_there);
        }
        there.retain(|act| !here.contains(act));
        book.note_known();
        for act in here.into_iter().chain(there) {
            book.apply(act);
            book.note_known();
        }
        book
    }

    fn note_known(&mut self) {
        for (mailbox, messages) in &self.mailboxes {
            self.known.extend(messages.iter().map(|message| (mailbox.clone(), key(message))));
        }
    }

    fn apply(&mut self, act: Act) {
        match act {
            Act::Deliver(mailbox, line) => self.put(mailbox, acts::message(line)),
            Act::Delete(mailbox, name) => drop(self.take(mailbox, name)),
            Act::Move(mailbox, name, to) => {
                let moved = self.take(mailbox, name);
                moved.into_iter().for_each(|message| self.put(to, message));
            }
            Act::Set(mailbox, name, flag) => {
                self.find(mailbox, name).map(|message| message.flags.insert(flag.to_owned()));
            }
            Act::Unset(mailbox, name, flag) => {
                self.find(mailbox, name).map(|message| message.flags.remove(flag));
            }
            Act::Create(mailbox) => drop(self.mailboxes.entry(mailbox.to_owned()).or_default()),
            Act::Remove(mailbox) => drop(self.mailboxes.remove(mailbox)),
            Act::Rename(mailbox, name) => {
                let messages = self.mailboxes.remove(mailbox).unwrap_or_default();
                self.mailboxes.insert(name.to_owned(), messages);
            }
            Act::Renumber(_) => {}
        }
    }

    /// The first message of that name, unless the other user has taken it away.
    fn take(&mut self, mailbox: &str, name: &str) -> Option<Message> {
        let messages = self.mailboxes.get_mut(mailbox)?;
        let place = messages.iter().position(|message| message.name == name)?;
        Some(messages.remove(place))
    }

    /// The same where it is, or where the other user has moved it.
    fn find(&mut self, mailbox: &str, name: &str) -> Option<&mut Message> {
        let is_there = |messages: &Vec<Message>| messages.iter().any(|message| message.name == name);
        let mut mailboxes: Vec<_> = self.mailboxes.iter_mut().filter(|(_, messages)| is_there(messages)).collect();
        mailboxes.sort_by_key(|(found, _)| found.as_str() != mailbox);
        let (_, messages) = mailboxes.into_iter().next()?;
        messages.iter_mut().find(|message| message.name == name)
    }

    fn put(&mut self, mailbox: &str, message: Message) {
        self.mailboxes.entry(mailbox.to_owned()).or_default().push(message);
    }

    /// Reads both sides, and compares each with the book; but for one mailbox, where it is named.
    pub fn compare(&self, ports: [u16; 2], user: &User, but: Option<&str>) -> Faults {
        let [here, there] = [(ports[0], source_namespace()), (ports[1], destination_namespace())]
            .map(|(port, namespace)| read(port, &namespace, &user.name, &user.password));
        let mut faults = Faults::default();
        let none = Mailbox::new();
        let names = self.mailboxes.keys().chain(here.keys()).chain(there.keys());
        for name in names.filter(|name| Some(name.as_str()) != but).collect::<BTreeSet<_>>() {
            let (wanted, sides) = (self.mailboxes.get(name), [here.get(name), there.get(name)]);
            faults.mailboxes += sides.iter().filter(|side| side.is_some() != wanted.is_some()).count();
            let wanted = wanted.map_or(&[][..], Vec::as_slice);
            self.compare_mailbox(name, wanted, sides.map(|side| side.unwrap_or(&none)), &mut faults);
        }
        faults
    }

    fn compare_mailbox(&self, name: &str, wanted: &[Message], sides: [&Mailbox; 2], faults: &mut Faults) {
        let mut expected = Mailbox::new();
        for message in wanted {
            expected.entry(key(message)).or_default().push(copy(message));
        }
        expected.values_mut().for_each(|copies| copies.sort_unstable());
        let keys = expected.keys().chain(sides[0].keys()).chain(sides[1].keys());
        for key in keys.collect::<BTreeSet<_>>() {
            let [wanted, here, there] =
                [&expected, sides[0], sides[1]].map(|mailbox| mailbox.get(key).map_or(&[][..], Vec::as_slice));
            faults.altered += here.iter().chain(there).filter(|copy| copy.0 != *key).count();
            if self.disputed.contains(key) {
                let alike = here.len() == there.len() && here.iter().zip(there).all(|(one, other)| one.1 == other.1);
                faults.across += usize::from(!alike);
                faults.doubled += here.len().max(there.len()).saturating_sub(1);
                continue;
            }
            let was_known = self.known.contains(&(name.to_owned(), *key));
            faults.count(wanted.len(), [here.len(), there.len()], was_known);
            let differ = |side: &[Copy], what: fn(&Copy, &Copy) -> bool| {
                wanted.iter().zip(side).filter(|(wanted, found)| what(wanted, found)).count()
            };
            for (count, what) in [
                (&mut faults.flags, (|one, other| one.1 != other.1) as fn(&Copy, &Copy) -> bool),
                (&mut faults.dates, |one, other| one.2 != other.2),
            ] {
                *count += differ(here, what).max(differ(there, what));
            }
        }
    }
}

fn key(message: &Message) -> Key {
    Sha256::digest(message.octets.as_slice()).into()
}

fn copy(message: &Message) -> Copy {
    let mut flags: Vec<String> = message.flags.iter().map(|flag| flag.to_lowercase()).collect();
    flags.sort_unstable();
    (key(message), flags.join(" "), Some(message.date))
}

/// How both sides differ from the book, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Gone from both sides, and nobody deleted them.
    lost: usize,
    /// On one side alone, or otherwise there.
    across: usize,
    doubled: usize,
    /// Deleted by a user, and on both sides.
    resurrected: usize,
    /// Deleted by a user, and still on the other side.
    left: usize,
    /// Never seen before in that form.
    strange: usize,
    flags: usize,
    dates: usize,
    /// Missing or too many, over both sides.
    mailboxes: usize,
    /// A field was added to the header.
    altered: usize,
}

impl Faults {
    pub fn none(&self) -> bool {
        *self == Faults::default()
    }

    pub fn altered(&self) -> usize {
        self.altered
    }

    pub fn is_only_altered(&self) -> bool {
        Faults { altered: 0, ..*self }.none()
    }

    fn count(&mut self, wanted: usize, [here, there]: [usize; 2], was_known: bool) {
        let (least, most) = (here.min(there), here.max(there));
        match wanted {
            0 if !was_known => self.strange += most,
            0 => {
                self.resurrected += least;
                self.left += most - least;
            }
            _ => {
                self.lost += wanted.saturating_sub(most);
                self.across += most.min(wanted) - least.min(wanted);
                self.doubled += most.saturating_sub(wanted);
            }
        }
    }
}

/// What was altered stands apart: a tool that alters messages does it in each scenario.
impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_only_altered() {
            return write!(formatter, "{}", if self.none() { "exact" } else { "exact but for headers" });
        }
        let mailboxes =
            if self.mailboxes == 1 { "mailbox missing or too many" } else { "mailboxes missing or too many" };
        let counted = [
            (self.lost, "lost"),
            (self.doubled, "doubled"),
            (self.resurrected, "resurrected"),
            (self.left, "not deleted"),
            (self.across, "not across"),
            (self.strange, "strange"),
            (self.flags, "with other flags"),
            (self.dates, "with another date"),
            (self.mailboxes, mailboxes),
        ];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = counted.map(|(count, what)| format!("{count} {what}")).collect();
        write!(formatter, "{}", texts.join(", "))
    }
}

//! The notation for accounts: what is put there, and what is expected to be there.
//!
//! ```text
//! # A line at the margin is a mailbox, an indented line a message of it.
//! INBOX
//!     1 a \Seen $Label1 NonJunk "01-Jan-2024 10:00:00 +0100"
//!     2 b \Flagged size:100k
//!     7 c kind:bare-lf               (UIDs 3 to 6 are expunged)
//!     10..500 bulk                   (messages bulk-10 to bulk-500)
//! "Old mail"/Grüße subscribed
//!     a                              (twin of `a` in INBOX: the same octets)
//! ```
//!
//! A message is `[UID] NAME` and then, in any order: flags (`\Seen`), keywords (`$Label1`, or any
//! other bare word), an internal date in quotes, `size:` in octets (with `k` or `m`) and `kind:`,
//! see [`super::message::Kind`]. Without a UID it gets the next one. The first mention of a name
//! fixes size, kind and date; later ones repeat only what differs, flags included (none unless
//! given). Text in brackets is a remark. Names of mailboxes: see [`super::name`].
//!
//! Where an account is expected, UIDs say the order and nothing else.
//! Several accounts in one file are headed by `[user name]`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::date::parse_internal_date;
use super::message::{self, Kind};

/// The mailboxes of one account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub mailboxes: Vec<Mailbox>,
}

#[derive(Clone, Debug)]
pub struct Mailbox {
    pub name: String,
    pub subscribed: bool,
    /// In the order of their UIDs.
    pub messages: Vec<Message>,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub uid: u32,
    pub name: String,
    pub flags: BTreeSet<String>,
    /// Seconds since 1970.
    pub date: i64,
    pub octets: Arc<Vec<u8>>,
}

/// Reads one account. Panics with the line that it does not understand.
pub fn parse(notation: &str) -> Account {
    let mut accounts = parse_accounts(notation);
    assert!(accounts.keys().all(String::is_empty), "one account was expected, without a heading");
    accounts.remove("").unwrap_or_default()
}

/// Reads several accounts, each after a line `[user name]`.
pub fn parse_accounts(notation: &str) -> BTreeMap<String, Account> {
    let mut accounts = BTreeMap::new();
    let mut user = String::new();
    let mut reader = Reader::default();
    for line in notation.lines() {
        if let Some(next) = line.strip_prefix('[').and_then(|rest| rest.trim_end().strip_suffix(']')) {
            finish(&mut accounts, std::mem::replace(&mut user, next.to_owned()), &mut reader);
        } else if let Err(reason) = reader.read_line(line) {
            panic!("the notation has a bad line: {reason}: {line}");
        }
    }
    finish(&mut accounts, user, &mut reader);
    accounts
}

fn finish(accounts: &mut BTreeMap<String, Account>, user: String, reader: &mut Reader) {
    let account = std::mem::take(reader).account;
    if !user.is_empty() || !account.mailboxes.is_empty() {
        accounts.insert(user, account);
    }
}

/// What the first mention of a message says about it.
#[derive(Clone)]
struct Content {
    date: i64,
    octets: Arc<Vec<u8>>,
}

#[derive(Default)]
struct Reader {
    account: Account,
    contents: BTreeMap<String, Content>,
}

impl Reader {
    fn read_line(&mut self, line: &str) -> Result<(), String> {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            return Ok(());
        }
        if line.starts_with(char::is_whitespace) { self.read_message(line.trim()) } else { self.read_mailbox(line) }
    }

    fn read_mailbox(&mut self, line: &str) -> Result<(), String> {
        let (name, attribute) = match split_words(line).as_slice() {
            [name] => (name.clone(), None),
            [name, attribute] => (name.clone(), Some(attribute.clone())),
            _ => return Err("a mailbox is NAME [subscribed]".to_owned()),
        };
        let subscribed = match attribute.as_deref() {
            None => false,
            Some("subscribed") => true,
            Some(_) => return Err("only `subscribed` may follow a mailbox name".to_owned()),
        };
        self.account.mailboxes.push(Mailbox { name: name.replace('"', ""), subscribed, messages: Vec::new() });
        Ok(())
    }

    fn read_message(&mut self, line: &str) -> Result<(), String> {
        let mailbox = self.account.mailboxes.last().ok_or("a message before any mailbox")?;
        let last_uid = mailbox.messages.last().map_or(0, |message| message.uid);
        let mut words = split_words(line);
        let uids = words.first().and_then(|word| Uids::parse(word));
        if uids.is_some() {
            words.remove(0);
        }
        if words.is_empty() {
            return Err("a message needs a name".to_owned());
        }
        let name = words.remove(0);
        let attributes = Attributes::parse(&words)?;
        match uids.unwrap_or(Uids::One(last_uid + 1)) {
            Uids::One(uid) => self.add(uid, name, &attributes),
            Uids::Many(first, last) => {
                (first..=last).try_for_each(|uid| self.add(uid, format!("{name}-{uid}"), &attributes))
            }
        }
    }

    fn add(&mut self, uid: u32, name: String, attributes: &Attributes) -> Result<(), String> {
        let known = self.contents.contains_key(&name);
        if known && (attributes.kind.is_some() || attributes.size.is_some()) {
            return Err(format!("the octets of `{name}` are already fixed above"));
        }
        let content = self.contents.entry(name.clone()).or_insert_with(|| attributes.content(&name));
        let message = Message {
            uid,
            flags: attributes.flags.clone(),
            date: attributes.date.unwrap_or(content.date),
            octets: Arc::clone(&content.octets),
            name,
        };
        let messages = &mut self.account.mailboxes.last_mut().expect("a mailbox").messages;
        if messages.last().is_some_and(|previous| previous.uid >= uid) {
            return Err("UIDs must ascend".to_owned());
        }
        messages.push(message);
        Ok(())
    }
}

enum Uids {
    One(u32),
    Many(u32, u32),
}

impl Uids {
    fn parse(word: &str) -> Option<Uids> {
        match word.split_once("..") {
            None => word.parse().ok().map(Uids::One),
            Some((first, last)) => Some(Uids::Many(first.parse().ok()?, last.parse().ok()?)),
        }
    }
}

#[derive(Default)]
struct Attributes {
    flags: BTreeSet<String>,
    date: Option<i64>,
    kind: Option<Kind>,
    size: Option<usize>,
}

impl Attributes {
    fn parse(words: &[String]) -> Result<Attributes, String> {
        let mut attributes = Attributes::default();
        for word in words {
            if let Some(date) = word.strip_prefix('"') {
                let date = parse_internal_date(date.trim_end_matches('"'));
                attributes.date = Some(date.ok_or("not an internal date")?);
            } else if let Some(size) = word.strip_prefix("size:") {
                attributes.size = Some(parse_size(size).ok_or("not a size")?);
            } else if let Some(kind) = word.strip_prefix("kind:") {
                attributes.kind = Some(Kind::parse(kind).ok_or("no such kind")?);
            } else {
                attributes.flags.insert(word.clone());
            }
        }
        Ok(attributes)
    }

    fn content(&self, name: &str) -> Content {
        let kind = self.kind.as_ref().unwrap_or(&Kind::Plain);
        Content {
            date: self.date.unwrap_or_else(|| message::default_date(name)),
            octets: Arc::new(message::octets(name, kind, self.size.unwrap_or(0))),
        }
    }
}

fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = match text.strip_suffix(['k', 'm']) {
        Some(number) if text.ends_with('k') => (number, 1 << 10),
        Some(number) => (number, 1 << 20),
        None => (text, 1),
    };
    Some(number.parse::<usize>().ok()? * unit)
}

/// Splits at blanks outside quotes; the quotes stay, a remark in brackets goes.
pub fn split_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        quoted ^= character == '"';
        if character.is_whitespace() && !quoted {
            words.push(String::new());
        } else {
            words.last_mut().expect("one word at least").push(character);
        }
    }
    words.retain(|word| !word.is_empty());
    let remark = words.iter().position(|word| word.starts_with('('));
    words.truncate(remark.unwrap_or(words.len()));
    words
}

//! A small IMAP client on a raw socket: the independent witness of what is on a server.
//!
//! It shares no code with the library, so that one mistake cannot hide behind the other. It talks
//! to servers that this harness configured, so it panics on any refusal; a test that wants to see
//! a refusal uses [`Connection::attempt`].

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use super::base64;
use super::date::{format_internal_date, parse_internal_date};
use super::name::Namespace;
use super::process::PATIENCE;
use super::response::{self, Value};

/// A message to be appended.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub octets: Vec<u8>,
    pub flags: Vec<String>,
    /// Seconds since 1970; `None` lets the server take the present.
    pub date: Option<i64>,
}

/// A message as the server shows it.
#[derive(Clone, Debug)]
pub struct FetchedMessage {
    pub uid: u32,
    pub flags: BTreeSet<String>,
    /// Seconds since 1970.
    pub date: i64,
    pub octets: Vec<u8>,
}

/// One line of LIST.
#[derive(Clone, Debug)]
pub struct ListedMailbox {
    /// In the notation of [`super::name`].
    pub name: String,
    pub attributes: BTreeSet<String>,
}

impl ListedMailbox {
    /// Whether it can hold messages, and is more than the parent of others.
    pub fn is_selectable(&self) -> bool {
        !self.attributes.contains("\\noselect") && !self.attributes.contains("\\nonexistent")
    }
}

/// What SELECT and EXAMINE say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    pub exists: u32,
    pub uid_validity: u32,
    pub uid_next: u32,
}

/// The untagged responses of a command, and its tagged one without the tag.
#[derive(Clone, Debug)]
pub struct Answer {
    pub untagged: Vec<Vec<u8>>,
    pub tagged: String,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.tagged.starts_with("OK")
    }

    /// The untagged responses whose first or second word is `kind`, as values without `*`.
    fn values<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Vec<Value>> + 'a {
        self.untagged
            .iter()
            .map(|response| response::parse(response))
            .filter(move |values| values.iter().take(2).any(|value| value.text().eq_ignore_ascii_case(kind)))
    }
}

/// A session with a server.
pub struct Connection {
    stream: BufReader<TcpStream>,
    commands: u32,
    namespace: Namespace,
    /// Several messages in one APPEND, with literals that are not announced.
    appends_many: bool,
}

impl Connection {
    /// Connects to a port of this machine, without TLS, and reads the greeting.
    pub fn open(port: u16) -> Connection {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to the server");
        socket.set_nodelay(true).expect("set TCP_NODELAY");
        socket.set_read_timeout(Some(PATIENCE)).expect("set the read timeout");
        let namespace = Namespace { prefix: String::new(), delimiter: '/' };
        let mut connection = Connection { stream: BufReader::new(socket), commands: 0, namespace, appends_many: false };
        let greeting = connection.read_response();
        assert!(greeting.starts_with(b"* OK"), "greeting: {}", greeting.escape_ascii());
        connection
    }

    pub fn login(&mut self, name: &str, password: &str) {
        let (name, password) = (astring(name), astring(password));
        self.command(&[b"LOGIN ", name.as_slice(), b" ", &password].concat());
        self.learn_namespace();
    }

    /// SASL PLAIN: opens the account `user` with the credentials of `authority` (RFC 4616).
    pub fn authenticate_plain(&mut self, user: &str, authority: &str, password: &str) {
        let response = base64::encode(format!("{user}\0{authority}\0{password}").as_bytes());
        self.command(format!("AUTHENTICATE PLAIN {response}").as_bytes());
        self.learn_namespace();
    }

    fn learn_namespace(&mut self) {
        let capabilities = self.command(b"CAPABILITY");
        let mut words = capabilities.values("CAPABILITY").flatten().map(|word| word.text());
        self.appends_many = words.any(|word| word == "MULTIAPPEND");
        let answer = self.attempt(b"NAMESPACE");
        let personal = answer.values("NAMESPACE").next().and_then(|values| {
            let first = values.get(1)?.members().first()?.clone();
            let delimiter = first.members().get(1)?.text().chars().next()?;
            Some(Namespace { prefix: first.members()[0].text(), delimiter })
        });
        // The administrator of a Cyrus has none, and pymap does not know of any.
        self.namespace = personal.unwrap_or(Namespace { prefix: String::new(), delimiter: '/' });
    }

    /// Runs a command (without tag and final CRLF) and returns the answer. Panics unless it is OK.
    pub fn command(&mut self, command: &[u8]) -> Answer {
        let answer = self.attempt(command);
        let shown = &command[..command.len().min(120)];
        assert!(answer.is_ok(), "{} -> {}", shown.escape_ascii(), answer.tagged);
        answer
    }

    /// Runs a command and returns the answer, whatever it is.
    pub fn attempt(&mut self, command: &[u8]) -> Answer {
        self.commands += 1;
        let tag = format!("H{} ", self.commands);
        self.stream.get_mut().write_all(&[tag.as_bytes(), command, b"\r\n"].concat()).expect("send");
        let mut untagged = Vec::new();
        loop {
            let response = self.read_response();
            match response.strip_prefix(tag.as_bytes()) {
                Some(text) => {
                    let tagged = String::from_utf8_lossy(text).trim_end().to_owned();
                    return Answer { untagged, tagged };
                }
                None => untagged.push(response),
            }
        }
    }

    /// One response with its literals in place.
    fn read_response(&mut self) -> Vec<u8> {
        let mut response = Vec::new();
        loop {
            let start = response.len();
            self.stream.read_until(b'\n', &mut response).expect("read from the server");
            assert!(response.len() > start, "the server closed the connection");
            let Some(length) = response::literal_length(&response[start..]) else {
                return response;
            };
            let literal = response.len();
            response.resize(literal + length, 0);
            self.stream.read_exact(&mut response[literal..]).expect("read a literal");
        }
    }

    pub fn list(&mut self) -> Vec<ListedMailbox> {
        let answer = self.command(br#"LIST "" "*""#);
        answer.values("LIST").map(|values| self.listed(&values)).collect()
    }

    /// The names of the subscribed mailboxes.
    pub fn subscriptions(&mut self) -> BTreeSet<String> {
        let answer = self.command(br#"LSUB "" "*""#);
        // Courier names the parents of what is subscribed, too (RFC 3501 6.3.9).
        let listed = answer.values("LSUB").map(|values| self.listed(&values));
        listed.filter(ListedMailbox::is_selectable).map(|listed| listed.name).collect()
    }

    fn listed(&self, values: &[Value]) -> ListedMailbox {
        let attributes = values[1].members().iter().map(|value| value.text().to_lowercase());
        ListedMailbox { name: self.namespace.decode(&values[3].text()), attributes: attributes.collect() }
    }

    pub fn create(&mut self, mailbox: &str) {
        self.mailbox_command("CREATE", mailbox);
    }

    pub fn delete(&mut self, mailbox: &str) {
        self.mailbox_command("DELETE", mailbox);
    }

    pub fn subscribe(&mut self, mailbox: &str) {
        self.mailbox_command("SUBSCRIBE", mailbox);
    }

    pub fn unsubscribe(&mut self, mailbox: &str) {
        self.mailbox_command("UNSUBSCRIBE", mailbox);
    }

    pub fn rename(&mut self, mailbox: &str, new_name: &str) {
        let (old, new) = (self.wire(mailbox), self.wire(new_name));
        self.command(&[b"RENAME ", old.as_slice(), b" ", &new].concat());
    }

    /// Opens a mailbox for changes.
    pub fn select(&mut self, mailbox: &str) -> Selected {
        let mut selected = selected(&self.mailbox_command("SELECT", mailbox));
        if selected.uid_next == 0 {
            // Courier does not tell it.
            let answer = self.command(b"UID SEARCH ALL");
            let uids = answer.values("SEARCH").flatten().filter_map(|value| value.text().parse::<u32>().ok());
            selected.uid_next = uids.max().unwrap_or(0) + 1;
        }
        selected
    }

    fn examine(&mut self, mailbox: &str) -> Selected {
        selected(&self.mailbox_command("EXAMINE", mailbox))
    }

    /// Appends the messages, in one command (MULTIAPPEND) where the server can, so that they get consecutive UIDs.
    pub fn append(&mut self, mailbox: &str, messages: &[NewMessage]) {
        if self.appends_many {
            self.command(&self.append_command(mailbox, messages));
            return;
        }
        for message in messages {
            let answer = self.append_announced(mailbox, message);
            assert!(answer.is_ok(), "APPEND to {mailbox} -> {}", answer.tagged);
        }
    }

    /// One message, with a literal that is announced first.
    fn append_announced(&mut self, mailbox: &str, message: &NewMessage) -> Answer {
        let command = self.append_command(mailbox, std::slice::from_ref(message));
        let head = &command[..command.len() - message.octets.len()];
        let head = String::from_utf8_lossy(head).replace("+}", "}");
        self.commands += 1;
        let tag = format!("H{} ", self.commands);
        self.stream.get_mut().write_all(format!("{tag}{head}").as_bytes()).expect("send");
        let mut untagged = Vec::new();
        loop {
            let response = self.read_response();
            if response.starts_with(b"+") {
                self.stream.get_mut().write_all(&[message.octets.as_slice(), b"\r\n"].concat()).expect("send");
            } else if let Some(text) = response.strip_prefix(tag.as_bytes()) {
                return Answer { untagged, tagged: String::from_utf8_lossy(text).trim_end().to_owned() };
            } else {
                untagged.push(response);
            }
        }
    }

    /// Like [`Connection::append`], for tests that expect a refusal.
    pub fn attempt_append(&mut self, mailbox: &str, message: &NewMessage) -> Answer {
        self.attempt(&self.append_command(mailbox, std::slice::from_ref(message)))
    }

    /// Non-synchronising literals: safe here, as the harness sends no flag or date that a server
    /// of its own would refuse before it has read the literal.
    fn append_command(&self, mailbox: &str, messages: &[NewMessage]) -> Vec<u8> {
        let mut command = [b"APPEND ", self.wire(mailbox).as_slice()].concat();
        for message in messages {
            let mut head = format!(" ({})", message.flags.join(" "));
            if let Some(date) = message.date {
                let _ = write!(head, " \"{}\"", format_internal_date(date));
            }
            let _ = write!(head, " {{{}+}}\r\n", message.octets.len());
            command.extend_from_slice(head.as_bytes());
            command.extend_from_slice(&message.octets);
        }
        command
    }

    /// Adds flags to a message of a mailbox.
    pub fn add_flags(&mut self, mailbox: &str, uid: u32, flags: &[&str]) {
        self.store(mailbox, uid, "+FLAGS.SILENT", flags);
    }

    /// Removes flags from a message of a mailbox.
    pub fn remove_flags(&mut self, mailbox: &str, uid: u32, flags: &[&str]) {
        self.store(mailbox, uid, "-FLAGS.SILENT", flags);
    }

    fn store(&mut self, mailbox: &str, uid: u32, item: &str, flags: &[&str]) {
        self.select(mailbox);
        self.assert_there(mailbox, &uid.to_string(), 1);
        self.command(format!("UID STORE {uid} {item} ({})", flags.join(" ")).as_bytes());
    }

    /// What is not there is changed with an OK, too.
    fn assert_there(&mut self, mailbox: &str, set: &str, count: usize) {
        let there = self.command(format!("UID FETCH {set} (UID)").as_bytes()).values("FETCH").count();
        assert_eq!(there, count, "`{mailbox}` does not have all of {set}");
    }

    /// Removes messages for good; other messages keep their `\Deleted` and stay.
    pub fn expunge(&mut self, mailbox: &str, uids: &[u32]) {
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        self.select(mailbox);
        self.assert_there(mailbox, &set, uids.len());
        self.command(format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)").as_bytes());
        self.command(format!("UID EXPUNGE {set}").as_bytes());
    }

    /// Removes all messages that are marked as deleted.
    pub fn expunge_marked(&mut self, mailbox: &str) {
        self.select(mailbox);
        self.command(b"EXPUNGE");
    }

    /// Moves a message to another mailbox (RFC 6851).
    pub fn relocate(&mut self, mailbox: &str, uid: u32, to: &str) {
        self.select(mailbox);
        self.assert_there(mailbox, &uid.to_string(), 1);
        self.command(&[format!("UID MOVE {uid} ").as_bytes(), self.wire(to).as_slice()].concat());
    }

    /// Copies all messages to another mailbox.
    pub fn copy_all(&mut self, mailbox: &str, to: &str) {
        if self.select(mailbox).exists > 0 {
            self.command(&[b"UID COPY 1:* ", self.wire(to).as_slice()].concat());
        }
    }

    /// Everything in a mailbox, in UID order. Changes nothing, not even `\Seen`.
    pub fn fetch_all(&mut self, mailbox: &str) -> (Selected, Vec<FetchedMessage>) {
        let state = self.examine(mailbox);
        if state.exists == 0 {
            return (state, Vec::new());
        }
        let answer = self.command(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])");
        let mut messages: Vec<_> = answer.values("FETCH").filter_map(|v| fetched(&v[2])).collect();
        messages.sort_by_key(|message| message.uid);
        (state, messages)
    }

    pub fn logout(mut self) {
        self.command(b"LOGOUT");
    }

    fn mailbox_command(&mut self, command: &str, mailbox: &str) -> Answer {
        let words = [command.as_bytes(), b" ", self.wire(mailbox).as_slice()].concat();
        self.command(&words)
    }

    fn wire(&self, mailbox: &str) -> Vec<u8> {
        astring(&self.namespace.encode(mailbox))
    }
}

/// A string as an argument: quoted if it may be, a literal otherwise.
fn astring(text: &str) -> Vec<u8> {
    if text.bytes().all(|octet| (b' '..=b'~').contains(&octet)) {
        format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#)).into_bytes()
    } else {
        format!("{{{}+}}\r\n{text}", text.len()).into_bytes()
    }
}

fn selected(answer: &Answer) -> Selected {
    let mut selected = Selected::default();
    for response in &answer.untagged {
        let text = String::from_utf8_lossy(response);
        let words: Vec<&str> = text.split([' ', '[', ']', '\r']).collect();
        let number = |text: &str| text.parse().unwrap_or(0);
        match words[1..] {
            [count, "EXISTS", ..] => selected.exists = number(count),
            ["OK", "", "UIDVALIDITY", value, ..] => selected.uid_validity = number(value),
            ["OK", "", "UIDNEXT", value, ..] => selected.uid_next = number(value),
            _ => {}
        }
    }
    selected
}

/// `None` for the FETCH responses that a server sends unasked, which have no octets.
fn fetched(items: &Value) -> Option<FetchedMessage> {
    let flags = items.item("FLAGS")?.members().iter().map(|flag| flag.text().to_lowercase());
    Some(FetchedMessage {
        uid: items.item("UID")?.text().parse().ok()?,
        flags: flags.filter(|flag| flag != "\\recent").collect(),
        date: parse_internal_date(&items.item("INTERNALDATE")?.text())?,
        octets: items.item("BODY[]")?.octets().to_vec(),
    })
}

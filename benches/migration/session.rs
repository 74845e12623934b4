//! A fast, careless IMAP client, in clear or over TLS, for the bare pipe and for looking at results. Everything may be
//! pipelined; any refusal is a panic.

use std::io::{BufRead, BufReader, Read, Write};

use super::encrypted::{self, Door};
use super::support::name::Namespace;
use super::support::response::{self, Value};

/// Both servers speak so; the literals of what they list are none.
const BUFFER_OCTETS: usize = 1 << 18;

/// An untagged response: its text, in which `""` stands for a literal, and the literal.
pub struct Untagged {
    pub text: Vec<u8>,
    pub literal: Option<Vec<u8>>,
}

pub struct Session {
    pub reader: BufReader<Box<dyn Read + Send>>,
    pub writer: Box<dyn Write + Send>,
    commands: u32,
}

impl Session {
    pub fn open(door: &Door, user: &str, password: &str) -> Session {
        let (reader, writer) = encrypted::connect(door);
        let reader = BufReader::with_capacity(BUFFER_OCTETS, reader);
        let mut session = Session { reader, writer, commands: 0 };
        session.read();
        session.run(&format!("LOGIN {user} {password}"));
        session
    }

    /// Sends a command and returns its tag.
    pub fn send(&mut self, command: &str) -> String {
        self.commands += 1;
        let tag = format!("b{}", self.commands);
        self.writer.write_all(format!("{tag} {command}\r\n").as_bytes()).expect("send to the server");
        tag
    }

    /// Reads up to the OK of `tag`, through the OKs of earlier commands.
    pub fn finish(&mut self, tag: &str, mut each: impl FnMut(Untagged)) {
        loop {
            let response = self.read();
            let text = String::from_utf8_lossy(&response.text);
            if text.starts_with('*') {
                each(response);
                continue;
            }
            let (found, status) = text.split_once(' ').unwrap_or_default();
            assert!(status.starts_with("OK"), "the server refuses: {text}");
            if found == tag {
                return;
            }
        }
    }

    pub fn run(&mut self, command: &str) -> Vec<Untagged> {
        let tag = self.send(command);
        let mut found = Vec::new();
        self.finish(&tag, |response| found.push(response));
        found
    }

    fn read(&mut self) -> Untagged {
        let (mut text, mut literal) = (Vec::new(), None);
        loop {
            let start = text.len();
            let count = self.reader.read_until(b'\n', &mut text).expect("read from the server");
            assert!(count > 0, "the server has closed the connection");
            let Some(length) = response::literal_length(&text[start..]) else { return Untagged { text, literal } };
            let head = text.iter().rposition(|octet| *octet == b'{').expect("the length of a literal");
            text.truncate(head);
            text.extend_from_slice(b"\"\"");
            let mut octets = Vec::with_capacity(length);
            self.reader.by_ref().take(length as u64).read_to_end(&mut octets).expect("read a literal");
            literal = Some(octets);
        }
    }

    /// The mailboxes that can hold messages, in the notation of the test harness.
    pub fn mailboxes(&mut self, namespace: &Namespace) -> Vec<String> {
        let mut names = Vec::new();
        for listed in self.run("LIST \"\" \"*\"") {
            let [_, attributes, _, name] = response::parse(&listed.text).try_into().expect("a line of LIST");
            let container = |value: &Value| ["\\noselect", "\\nonexistent"].contains(&&*value.text().to_lowercase());
            if !attributes.members().iter().any(container) {
                names.push(namespace.decode(&name.text()));
            }
        }
        names
    }
}

/// A mailbox name as an argument.
pub fn quoted(namespace: &Namespace, name: &str) -> String {
    format!("\"{}\"", namespace.encode(name).replace('\\', "\\\\").replace('"', "\\\""))
}

/// How the source names its mailboxes.
pub fn source_namespace() -> Namespace {
    Namespace { prefix: String::new(), delimiter: '.' }
}

/// How the destination names its mailboxes.
pub fn destination_namespace() -> Namespace {
    Namespace { prefix: String::new(), delimiter: '/' }
}

/// Whole messages, with what an APPEND needs.
pub const MESSAGE_ITEMS: &str = "(FLAGS INTERNALDATE BODY.PEEK[])";

/// A message of a FETCH of [`MESSAGE_ITEMS`].
pub struct Fetched {
    /// Without `\Recent`.
    pub flags: Vec<String>,
    /// As the server writes it.
    pub date: String,
    pub octets: Vec<u8>,
}

impl Fetched {
    /// `None` where it is no such response.
    pub fn of(response: Untagged) -> Option<Fetched> {
        let octets = response.literal?;
        let values = response::parse(&response.text);
        let items = values.get(2)?;
        let flags = items.item("FLAGS")?.members().iter().map(Value::text);
        Some(Fetched {
            flags: flags.filter(|flag| !flag.eq_ignore_ascii_case("\\Recent")).collect(),
            date: items.item("INTERNALDATE")?.text(),
            octets,
        })
    }
}

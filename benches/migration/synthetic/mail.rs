//! What mailboxes are called, and messages with everything that a FETCH can tell of them.

use std::io::{self, Write};

use super::super::support::fake::fetch::Described;

/// Mailboxes below one other.
const SIBLINGS: u32 = 100;

/// The name of a mailbox by its number; number 0 is the INBOX.
pub fn name(mailbox: u32) -> String {
    let Some(number) = mailbox.checked_sub(1) else { return "INBOX".to_owned() };
    match (number / SIBLINGS, number % SIBLINGS) {
        (folder, 0) => format!("Folder {folder}"),
        (folder, place) => format!("Folder {folder}/{place}"),
    }
}

/// The number of a mailbox by its name, if it has one.
pub fn number(name: &[u8]) -> Option<u32> {
    if name.eq_ignore_ascii_case(b"INBOX") {
        return Some(0);
    }
    let places = std::str::from_utf8(name).ok()?.strip_prefix("Folder ")?;
    let (folder, place) = places.split_once('/').unwrap_or((places, "0"));
    let (folder, place): (u32, u32) = (folder.parse().ok()?, place.parse().ok()?);
    Some(folder * SIBLINGS + place + 1)
}

/// A message: its body is the same lines again and again, up to its size, and takes no memory.
#[derive(Clone)]
pub struct Message {
    pub uid: u32,
    pub flags: String,
    /// Seconds since 1970.
    pub date: i64,
    pub octets: u64,
    /// With the empty line that ends it.
    pub header: Vec<u8>,
}

impl Message {
    /// The message that a mailbox has under this UID.
    pub fn invented(mailbox: u32, uid: u32, octets: u64) -> Message {
        let header = format!(
            "Message-ID: <{uid}.{mailbox}@synthetic.example>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\
             From: Someone <someone@synthetic.example>\r\nSubject: number {uid}\r\n\r\n"
        );
        let flags = if uid.is_multiple_of(4) { "" } else { "\\Seen" }.to_owned();
        let octets = octets.max(header.len() as u64);
        Message { uid, flags, date: 1_600_000_000 + 60 * i64::from(uid), octets, header: header.into_bytes() }
    }
}

impl Described for Message {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn flags(&self) -> String {
        self.flags.clone()
    }

    fn date(&self) -> i64 {
        self.date
    }

    fn octets(&self) -> u64 {
        self.octets
    }

    /// A mailbox changes only by what comes to its end.
    fn modseq(&self) -> u64 {
        u64::from(self.uid)
    }

    fn header(&self) -> &[u8] {
        &self.header
    }

    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        output.write_all(&self.header)?;
        write_body(self.octets - self.header.len() as u64, output)
    }
}

const LINE: &[u8] = b"So it goes on, line after line, and nobody has ever written any of it down.\r\n";
const LINES_AT_ONCE: usize = 1000;

/// No line end is cut in two.
fn write_body(octets: u64, output: &mut dyn Write) -> io::Result<()> {
    let block = LINE.repeat(LINES_AT_ONCE.min(octets as usize / LINE.len() + 1));
    let (whole, rest) = (octets / block.len() as u64, (octets % block.len() as u64) as usize);
    for _ in 0..whole {
        output.write_all(&block)?;
    }
    match block[..rest].strip_suffix(b"\r") {
        Some(before) => output.write_all(before).and_then(|()| output.write_all(b".")),
        None => output.write_all(&block[..rest]),
    }
}

//! Whether a copy is exact: every message of both sides is read, and compared by the SHA-256 of its octets, its flags
//! and its date. The order is left to the tests.
//!
//! A message that came with a header field which some tools add is the same message, altered.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;

use sha2::{Digest, Sha256};

use super::encrypted::Door;
use super::session::{Fetched, MESSAGE_ITEMS, Session, destination_namespace, quoted, source_namespace};
use super::support::date::parse_internal_date;
use super::support::name::Namespace;

/// One message: the digest of all its octets, its flags in lower case and sorted, and seconds since 1970.
pub type Copy = ([u8; 32], String, Option<i64>);
/// By the digest without the fields that tools add; ascending, one for each message.
pub type Mailbox = BTreeMap<[u8; 32], Vec<Copy>>;

/// What other tools add to a header so that they find their messages again.
const ADDED_FIELDS: [&[u8]; 2] = [b"X-TUID:", b"X-OfflineIMAP:"];

/// How the destination differs from the source, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub compared: usize,
    pub missing: usize,
    pub extra: usize,
    /// There, with a field in the header that the source does not have.
    pub altered: usize,
    /// The same octets with other flags or another date.
    pub marked_otherwise: usize,
}

impl Verdict {
    pub fn is_exact(&self) -> bool {
        *self == Verdict { compared: self.compared, ..Verdict::default() }
    }

    pub fn add(&mut self, other: &Verdict) {
        self.compared += other.compared;
        self.missing += other.missing;
        self.extra += other.extra;
        self.altered += other.altered;
        self.marked_otherwise += other.marked_otherwise;
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            return write!(formatter, "exact");
        }
        let differences = [
            (self.missing, "missing"),
            (self.extra, "extra"),
            (self.altered, "altered"),
            (self.marked_otherwise, "with other flags or date"),
        ];
        let differences = differences.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = differences.map(|(count, what)| format!("{count} {what}")).collect();
        write!(formatter, "{}", texts.join(", "))
    }
}

/// Compares one account on both servers.
pub fn compare(source_port: u16, destination_port: u16, user: &str, password: &str) -> Verdict {
    let (source, destination) = thread::scope(|scope| {
        let source = scope.spawn(|| read(source_port, &source_namespace(), user, password));
        let destination = read(destination_port, &destination_namespace(), user, password);
        (source.join().expect("the source is read"), destination)
    });
    let mut verdict = Verdict::default();
    let none = Mailbox::new();
    for (name, ours) in &source {
        verdict.take(ours, destination.get(name).unwrap_or(&none));
    }
    for (_, theirs) in destination.iter().filter(|(name, _)| !source.contains_key(*name)) {
        verdict.take(&none, theirs);
    }
    verdict
}

impl Verdict {
    fn take(&mut self, source: &Mailbox, destination: &Mailbox) {
        for (digest, ours) in source {
            let theirs = destination.get(digest).map_or(&[][..], Vec::as_slice);
            self.compared += ours.len();
            self.missing += ours.len().saturating_sub(theirs.len());
            self.extra += theirs.len().saturating_sub(ours.len());
            for (our, their) in ours.iter().zip(theirs) {
                self.altered += usize::from(our.0 != their.0);
                self.marked_otherwise += usize::from((&our.1, our.2) != (&their.1, their.2));
            }
        }
        let only_there = destination.iter().filter(|(digest, _)| !source.contains_key(*digest));
        self.extra += only_there.map(|(_, theirs)| theirs.len()).sum::<usize>();
    }
}

/// Everything in an account, by mailbox.
pub fn read(port: u16, namespace: &Namespace, user: &str, password: &str) -> BTreeMap<String, Mailbox> {
    let mut session = Session::open(&Door::in_clear_text(port), user, password);
    let names = session.mailboxes(namespace);
    let mut mailboxes = BTreeMap::new();
    for name in names {
        session.run(&format!("EXAMINE {}", quoted(namespace, &name)));
        let mut mailbox = Mailbox::new();
        // UID: a FETCH of an empty mailbox by number is a mistake.
        let tag = session.send(&format!("UID FETCH 1:* {MESSAGE_ITEMS}"));
        session.finish(&tag, |response| {
            if let Some(Fetched { flags, date, octets }) = Fetched::of(response) {
                let mut flags: Vec<String> = flags.iter().map(|flag| flag.to_lowercase()).collect();
                flags.sort_unstable();
                let exact: [u8; 32] = Sha256::digest(&octets).into();
                let known = without_added_fields(&octets).map_or(exact, |octets| Sha256::digest(octets).into());
                mailbox.entry(known).or_default().push((exact, flags.join(" "), parse_internal_date(&date)));
            }
        });
        mailbox.values_mut().for_each(|copies| copies.sort_unstable());
        mailboxes.insert(name, mailbox);
    }
    session.run("LOGOUT");
    mailboxes
}

/// `None` where there are none.
fn without_added_fields(octets: &[u8]) -> Option<Vec<u8>> {
    let lines = || {
        octets.split_inclusive(|octet| *octet == b'\n').scan(true, |inside, line| {
            *inside &= line != b"\r\n";
            Some((*inside, line))
        })
    };
    let added = |line: &[u8]| ADDED_FIELDS.iter().any(|field| line.starts_with(field));
    if !lines().take_while(|(inside, _)| *inside).any(|(_, line)| added(line)) {
        return None;
    }
    Some(lines().filter(|(inside, line)| !inside || !added(line)).flat_map(|(_, line)| line).copied().collect())
}

//! What is migrated while it is struck: small accounts in the notation of [`crate::support::mailbox`], and how each side
//! is reached.

use crate::support::imap::{Connection, NewMessage};
use crate::support::message::{self, Kind};
use crate::support::server::Server;
use crate::support::shared;

/// How long a server may say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// More than a busy machine needs.
    Usual,
    /// So that a stall is soon noticed.
    Little,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Dovecot,
    Cyrus,
}

/// One account and its way.
#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// What is on the source.
    pub account: &'static str,
    /// What changes there after a first sync; it is the second one that is struck.
    pub change: Option<fn(&mut Connection)>,
    pub destination: Destination,
    /// Capabilities that the destination does not seem to have.
    pub masked: &'static [&'static str],
    /// Under TLS, which the proxy cannot look into.
    pub tls: bool,
    /// With COMPRESS=DEFLATE below it.
    pub compressed: bool,
    /// Without the state nobody can know that a flag was removed, or a message moved, so the state is not lost here.
    pub needs_state: bool,
    /// What was moved on the source is moved on the destination, too.
    pub moves: bool,
    /// What is deleted on the source goes from the destination, too.
    pub deletes: bool,
}

// The twins go in different batches: the copy of one must not be taken for the copy of the other.
const MANY: &str = "INBOX
    1 twin $Label1
    2..110 bulk \\Seen
    111 twin
    anonymous kind:no-message-id
    anonymous
";

const MAILBOXES: &str = "INBOX subscribed
    a \\Flagged
    b
\"Old mail\"/Größe subscribed
    c kind:no-message-id
    c \\Seen
    d kind:message-id:a
Archive/2024
    a \\Seen \"31-Dec-2019 23:59:59 -1130\"
    e size:40k
Empty
";

const LARGE: &str = "INBOX
    1..5 few $Label1
    6 large size:1300k \\Seen
    7..9 few
";

const FEW: &str = "INBOX
    1..12 few $Label1
    13 larger size:100k \\Seen
    14..18 few
Archive
    x
    y \\Answered
";

/// All scenarios.
pub static SCENARIOS: [Scenario; 15] = [
    Scenario { name: "many", account: MANY, ..PLAIN },
    Scenario { name: "mailboxes", account: MAILBOXES, ..PLAIN },
    Scenario { name: "large", account: LARGE, ..PLAIN },
    Scenario { name: "flags", account: FEW, change: Some(change_flags), needs_state: true, ..PLAIN },
    Scenario { name: "resync", account: MAILBOXES, change: Some(add_mail), ..PLAIN },
    Scenario { name: "cyrus", account: MANY, destination: Destination::Cyrus, ..PLAIN },
    Scenario { name: "single", account: MANY, masked: &["MULTIAPPEND", "QRESYNC", "CONDSTORE", "ENABLE"], ..PLAIN },
    Scenario { name: "poor", account: FEW, masked: POOR, ..PLAIN },
    Scenario { name: "tls", account: FEW, tls: true, ..PLAIN },
    Scenario { name: "compressed", account: FEW, tls: true, compressed: true, ..PLAIN },
    Scenario { name: "moves", account: FILED, ..MOVES },
    Scenario { name: "moves-copied", account: FILED, masked: &["MOVE"], ..MOVES },
    Scenario { name: "mirror", account: SEVERAL, ..MIRROR },
    Scenario { name: "mirror-cyrus", account: SEVERAL, destination: Destination::Cyrus, ..MIRROR },
    Scenario { name: "renames", account: TREE, change: Some(rename_mailboxes), ..MOVES },
];

/// Larger ones, for when there is time.
pub static LARGER: [Scenario; 3] = [
    Scenario { name: "thousand", account: THOUSAND, ..PLAIN },
    Scenario { name: "thousand-cyrus", account: THOUSAND, destination: Destination::Cyrus, ..PLAIN },
    Scenario { name: "thousand-poor", account: THOUSAND, masked: POOR, ..PLAIN },
];

const THOUSAND: &str = "INBOX
    1..600 bulk \\Seen
    601..604 large size:1100k
    605..800 rest
    twin
    twin \\Flagged
    anonymous kind:no-message-id
    anonymous
A/B subscribed
    1..250 small $Label1
C
    1..100 other
";

const PLAIN: Scenario = Scenario {
    name: "",
    account: "",
    change: None,
    destination: Destination::Dovecot,
    masked: &[],
    tls: false,
    compressed: false,
    needs_state: false,
    moves: false,
    deletes: false,
};

const MOVES: Scenario = Scenario { change: Some(file_mail), needs_state: true, moves: true, ..PLAIN };

const MIRROR: Scenario = Scenario { change: Some(delete_mail), needs_state: true, deletes: true, ..PLAIN };

const SEVERAL: &str = "INBOX
    1..12 bulk \\Seen
    twin
    twin
A
    1..6 few
B
    1..6 few $Label1
C/D
    1..3 few
    x
Emptied
    y
";

const FILED: &str = "INBOX
    1..40 bulk \\Seen
    41..43 few $Label1
Archive
    x
    y \\Answered
Gone
    z
";

const TREE: &str = "INBOX
    1..5 few
Old
    1..30 bulk \\Seen
Old/Sub
    a $Label1
    b
Old/Sub/Deep
    c
Other
    x
    y
";

/// What old servers lack.
const POOR: &[&str] = &[
    "MULTIAPPEND",
    "LITERAL+",
    "UIDPLUS",
    "CONDSTORE",
    "QRESYNC",
    "ENABLE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "ESEARCH",
    "SASL-IR",
    "UNSELECT",
    "NAMESPACE",
    "ID",
];

fn change_flags(source: &mut Connection) {
    source.add_flags("INBOX", 3, &["\\Flagged", "$Label2"]);
    source.remove_flags("INBOX", 5, &["$Label1"]);
    source.add_flags("INBOX", 13, &["\\Answered"]);
    source.add_flags("Archive", 1, &["\\Seen"]);
}

/// Into a mailbox that is there, into a new one, and all out of another; beside new mail.
fn file_mail(source: &mut Connection) {
    source.create("Later");
    source.select("INBOX");
    source.command(b"UID MOVE 3:20 Archive");
    source.command(b"UID MOVE 30:33,41 Later");
    source.select("Gone");
    source.command(b"UID MOVE 1 Archive");
    source.append("Archive", &[letter("new-1"), letter("new-2")]);
    source.add_flags("Archive", 5, &["\\Flagged"]);
}

/// From every mailbox, beside new mail and what was moved.
fn delete_mail(source: &mut Connection) {
    source.expunge("INBOX", &[2, 3, 4]);
    source.expunge("A", &[1, 6]);
    source.expunge("B", &[3]);
    source.expunge("Emptied", &[1]);
    source.select("C/D");
    source.command(b"UID MOVE 4 A");
    source.append("B", &[letter("new-1")]);
}

/// A tree, and one mailbox to another place; beside new mail in it.
fn rename_mailboxes(source: &mut Connection) {
    source.rename("Old", "New");
    source.rename("Other", "Archive/Other");
    source.append("New/Sub", &[letter("new-1")]);
    source.add_flags("New", 5, &["\\Flagged"]);
}

fn add_mail(source: &mut Connection) {
    let letters = |names: &[&str]| names.iter().map(|name| letter(name)).collect::<Vec<_>>();
    source.append("INBOX", &letters(&["new-1", "new-2", "a"]));
    source.append("Archive/2024", &letters(&["new-3"]));
    source.create("Later");
    source.append("Later", &letters(&["new-4", "new-5"]));
    source.add_flags("INBOX", 2, &["\\Seen"]);
}

fn letter(name: &str) -> NewMessage {
    let octets = message::octets(name, &Kind::Plain, 0);
    NewMessage { octets, flags: vec!["\\Seen".to_owned()], date: Some(message::default_date(name)) }
}

impl Scenario {
    pub fn named(name: &str) -> Option<&'static Scenario> {
        SCENARIOS.iter().chain(&LARGER).find(|scenario| scenario.name == name)
    }

    pub fn source(&self) -> &'static dyn Server {
        &shared::dovecot_pair().source
    }

    pub fn destination(&self) -> &'static dyn Server {
        match self.destination {
            Destination::Dovecot => &shared::dovecot_pair().destination,
            Destination::Cyrus => shared::cyrus(),
        }
    }

    /// Small batches, so that several are in flight with few messages.
    pub fn settings(&self, patience: Patience) -> String {
        let timeout = match patience {
            Patience::Usual => 30,
            Patience::Little => 3,
        };
        // What is moved is deleted and copied where deletions are on trial.
        let mirror = "mode = \"mirror\"\nfollow_moves = false\ndelete_guard = \"100%\"";
        let sync = if self.deletes { mirror } else { "" };
        format!("[limits]\ntimeout = \"{timeout}s\"\nbatch_messages = 25\n[sync]\n{sync}\n")
    }
}

//! What a mailbox is: its name on the wire and decoded, its attributes, and how far it was listed.

use super::{FlagCapacity, ModSeq, Uid, UidValidity};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A mailbox name exactly as the server sent it (modified UTF-7, or whatever it was), without quoting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RawName(pub Vec<u8>);

impl RawName {
    /// The name as it stands on the wire: what is not printable ASCII, and a backslash, as `\xNN`. No two names have one.
    pub fn wire_text(&self) -> String {
        let plain = |octet: u8| (octet == b' ' || octet.is_ascii_graphic()) && octet != b'\\';
        let shown = |octet: &u8| if plain(*octet) { char::from(*octet).to_string() } else { format!("\\x{octet:02x}") };
        self.0.iter().map(shown).collect()
    }
}

impl fmt::Debug for RawName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// A mailbox name with its meaning: the levels of its hierarchy, decoded to Unicode.
///
/// `Display` joins the levels with `/` whatever the server's delimiter; INBOX is written `INBOX`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxName {
    /// As the server names it; the only form that is ever sent back to it.
    pub raw: RawName,
    /// Decoded levels from the top, the namespace prefix of the personal namespace removed. Never empty.
    pub levels: Vec<String>,
}

impl MailboxName {
    /// Whether this is the INBOX itself (a name without case, RFC 9051 5.1).
    pub fn is_inbox(&self) -> bool {
        self.levels.len() == 1 && self.levels[0].eq_ignore_ascii_case("INBOX")
    }

    /// The levels joined with `/`.
    pub fn path(&self) -> String {
        if self.is_inbox() { "INBOX".to_owned() } else { self.levels.join("/") }
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.path())
    }
}

/// What a mailbox is for (RFC 6154).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum SpecialUse {
    All,
    Archive,
    Drafts,
    Flagged,
    Important,
    Junk,
    Sent,
    Trash,
}

impl SpecialUse {
    /// All attributes of RFC 6154 and RFC 8457.
    pub const ALL: [SpecialUse; 8] = [
        SpecialUse::All,
        SpecialUse::Archive,
        SpecialUse::Drafts,
        SpecialUse::Flagged,
        SpecialUse::Important,
        SpecialUse::Junk,
        SpecialUse::Sent,
        SpecialUse::Trash,
    ];

    /// The attribute as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            SpecialUse::All => "\\All",
            SpecialUse::Archive => "\\Archive",
            SpecialUse::Drafts => "\\Drafts",
            SpecialUse::Flagged => "\\Flagged",
            SpecialUse::Important => "\\Important",
            SpecialUse::Junk => "\\Junk",
            SpecialUse::Sent => "\\Sent",
            SpecialUse::Trash => "\\Trash",
        }
    }
}

/// A name attribute of LIST that bears on a migration (RFC 9051 7.3.1). Others are ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Attribute {
    NoSelect,
    NonExistent,
    NoInferiors,
    Remote,
    SpecialUse(SpecialUse),
    /// No attribute of LIST, but what the mailbox says when it is opened: its UIDs do not last (`[UIDNOTSTICKY]`).
    Volatile,
    /// No attribute of LIST, but what became of it: the settings leave it out, so it was not opened; STATUS says that it holds
    /// so many messages.
    LeftOut {
        messages: u32,
    },
}

/// How far a mailbox was listed: compared with STATUS, it tells whether anything changed since (RFC 7162 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SyncPoint {
    pub uid_validity: UidValidity,
    /// `None` where the server gives no UIDNEXT.
    pub uid_next: Option<Uid>,
    /// `None` where the mailbox has no modification sequences.
    pub highest_modseq: Option<ModSeq>,
    pub messages: u32,
}

impl SyncPoint {
    /// Whether an equal sync point proves that nothing changed: only where modification sequences exist do flag
    /// changes show in it, and only a lasting UIDVALIDITY lets UIDs be remembered.
    pub fn is_conclusive(&self) -> bool {
        self.highest_modseq.is_some() && self.uid_next.is_some() && self.uid_validity.is_lasting()
    }
}

/// One mailbox of one side of one account, as last scanned. The records stand beside it, in UID order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MailboxState {
    pub name: MailboxName,
    /// Hierarchy delimiter of this name; `None` is a flat name.
    pub delimiter: Option<char>,
    pub attributes: Vec<Attribute>,
    pub subscribed: bool,
    /// Where the listing stands. `None` for a mailbox that was never listed whole (not selectable, or refused).
    pub sync_point: Option<SyncPoint>,
    /// What the mailbox keeps of flags.
    pub capacity: FlagCapacity,
    /// Sum of RFC822.SIZE of the records.
    pub octets: u64,
    /// Number of records that belong to this state; a different count on disk means damage.
    pub records: u32,
    /// Raised by one whenever the listing of this mailbox changes; a plan remembers what it saw.
    pub revision: u64,
    /// Resyncs that trusted a delta since the last full compare.
    pub deltas: u32,
    /// Whether every record has its identity.
    pub identified: bool,
    /// Why the mailbox could not be scanned last time, in the server's words.
    pub trouble: Option<String>,
}

impl MailboxState {
    /// Whether it can hold messages.
    pub fn is_selectable(&self) -> bool {
        !self.attributes.iter().any(|a| matches!(a, Attribute::NoSelect | Attribute::NonExistent | Attribute::Remote))
    }

    /// How many messages the settings leave out with it, where they do: it was not opened then.
    pub fn left_out(&self) -> Option<u32> {
        self.attributes.iter().find_map(|attribute| match attribute {
            Attribute::LeftOut { messages } => Some(*messages),
            _ => None,
        })
    }

    /// How many messages it holds, as far as that is known.
    pub fn held(&self) -> u64 {
        u64::from(self.left_out().unwrap_or(self.records))
    }

    /// Its special use, if the server gives it one.
    pub fn special_use(&self) -> Option<SpecialUse> {
        self.attributes.iter().find_map(|attribute| match attribute {
            Attribute::SpecialUse(special_use) => Some(*special_use),
            _ => None,
        })
    }
}

//! A message record: what a scan knows of one message.

use super::{Digest, Flags, Uid};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z: an INTERNALDATE as the instant that it means. Servers print one instant in
/// different zones, so the zone is not part of it (RFC 9051 2.3.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InternalDate(pub i64);

impl InternalDate {
    /// Earlier dates are sent as this one: Dovecot 2.3 wraps dates before 1970 to 2038, Cyrus takes the epoch for "now".
    pub const EARLIEST_SENT: InternalDate = InternalDate(86_400);

    /// Later dates are refused by servers that count 32 bits of seconds, or two digits of years (UW-IMAP: `Bad date in append`).
    pub const LATEST_TAKEN: InternalDate = InternalDate(2_145_830_400);

    /// What a destination is given that refused this date: the nearest that all take; `None`, which is now, where it is one
    /// of those.
    pub fn instead(self) -> Option<InternalDate> {
        let nearest = self.clamp(Self::EARLIEST_SENT, Self::LATEST_TAKEN);
        (nearest != self).then_some(nearest)
    }

    /// The date that a destination is given for a message of this one.
    pub fn as_sent(self) -> InternalDate {
        self.max(Self::EARLIEST_SENT)
    }
}

/// One message of one mailbox, as last listed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageRecord {
    pub uid: Uid,
    /// RFC822.SIZE in octets: exact on most servers, an estimate on some.
    pub octets: u64,
    /// `None` where the server gave none, or one that is no date.
    pub internal_date: Option<InternalDate>,
    pub flags: Flags,
    /// `None` while nothing had to be recognised by it: a source message that is copied tells it when it passes.
    pub identity: Option<Digest>,
}

/// What a listing tells of a message besides its UID and its flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Listed {
    pub octets: u64,
    pub date: Option<InternalDate>,
    pub identity: Option<Digest>,
}

impl MessageRecord {
    /// What is listed of it.
    pub fn listed(&self) -> Listed {
        Listed { octets: self.octets, date: self.internal_date, identity: self.identity }
    }
}

impl fmt::Debug for InternalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

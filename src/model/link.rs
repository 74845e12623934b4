//! A link ties one source message to the destination message that is its copy.

use super::{Flags, RawName, Uid, UidValidity};
use serde::{Deserialize, Serialize};

/// How a link came to be. Only what we put there ourselves may ever be deleted by us.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LinkOrigin {
    /// We appended it and the server named its UID.
    Appended,
    /// We appended it, the answer was lost or named no UID, and it was found again by identity above the noted UIDNEXT.
    Reconciled,
    /// It was on the destination before us, and matched by identity.
    Adopted,
}

/// One source message and its copy. Holds for one [`Pairing`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    pub source: Uid,
    pub destination: Uid,
    /// The flags that both sides last agreed on.
    pub agreed: Flags,
    pub origin: LinkOrigin,
    /// Size in octets as read from the source when it was appended; what the destination made of it may differ.
    pub octets: u64,
}

/// The two mailboxes, with their UIDVALIDITY, that a set of links holds for. When either value changes the links are void.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pairing {
    pub source: RawName,
    pub source_validity: UidValidity,
    pub destination: RawName,
    pub destination_validity: UidValidity,
}

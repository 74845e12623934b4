//! The identity digest of a message.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The first 16 octets of a SHA-256: enough that two of 10^9 messages collide with a chance below 10^-20, and half the
/// memory and disk of the whole. What is hashed is said where it is made (`engine/identity.rs`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// Of a message that has none of the fields which identify one: all such messages share it, so it tells nothing.
    pub const NAMELESS: Digest = Digest([0xff; 16]);

    /// Cuts a full SHA-256 to a digest.
    pub fn from_sha256(full: [u8; 32]) -> Self {
        let mut cut = [0; 16];
        cut.copy_from_slice(&full[..16]);
        Digest(cut)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

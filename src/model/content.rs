//! What a whole message is told by, once it was read.

use super::Digest;
use serde::{Deserialize, Serialize};

/// The octets of a message, as digests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    /// SHA-256 of all octets.
    pub octets: [u8; 32],
    /// Of the text behind the header, or of the header's last line where there is none, without what servers are known to change on the way: line ends, NUL, and the empty
    /// lines at the end. Two messages that share it and nothing else are not one.
    pub text: Digest,
}

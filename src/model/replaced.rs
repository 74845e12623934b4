//! A copy of ours that is not as its source message is, on its way out: first the message is copied anew, then this one goes.

use super::Link;
use serde::{Deserialize, Serialize};

/// A copy that is to be replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Replaced {
    /// What tied it to its source message.
    pub copy: Link,
    /// SHA-256 of its octets when it was found: nothing else under its UID is ours to remove.
    pub octets: [u8; 32],
}

//! What tells a person which message is meant: who sent it, and what it is called.

use serde::{Deserialize, Serialize};

/// Of one message, as its header says: decoded, without control characters, and cut where it is long.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct About {
    pub from: String,
    pub subject: String,
    pub message_id: String,
}

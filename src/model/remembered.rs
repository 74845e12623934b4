//! What is kept of a source message that has no link, while something was said of it that must outlive its UID: under another
//! UIDVALIDITY nothing else tells which it is.

use super::{Listed, Uid, UidValidity};
use serde::{Deserialize, Serialize};

/// One such message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remembered {
    pub uid: Uid,
    /// The UIDVALIDITY under which that is its UID.
    pub validity: UidValidity,
    pub listed: Listed,
    /// Why it is not sent again, though it is not found on the destination. `None`: a person accepted that it is not there.
    pub stored: Option<String>,
}

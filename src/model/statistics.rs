//! Figures of a run: what was done, how fast, and how it ended.

use super::Outcomes;
use serde::{Deserialize, Serialize};

/// What one run did for one account.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RunFigures {
    /// Seconds since 1970 when it began.
    pub started: i64,
    pub seconds: f64,
    pub mailboxes_scanned: u64,
    pub mailboxes_unchanged: u64,
    pub messages_copied: u64,
    pub octets_copied: u64,
    pub flags_updated: u64,
    /// Copies deleted because their source is gone, and second copies removed.
    pub messages_deleted: u64,
    /// Times that a connection broke and was opened again.
    pub reconnects: u64,
}

/// What the state remembers of one account between runs.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct AccountStatus {
    pub outcomes: Outcomes,
    /// Messages on the source when last scanned.
    pub source_messages: u64,
    pub source_octets: u64,
    /// Octets copied over all runs.
    pub octets_copied: u64,
    pub last_run: Option<RunFigures>,
    pub last_error: Option<String>,
}

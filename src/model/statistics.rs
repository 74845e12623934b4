//! Figures of a run: what was done, how fast, and how it ended.

use super::AccountLedger;
use super::amount::grow;
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// Messages that were moved on the destination, because they were on the source.
    pub messages_moved: u64,
    /// Mailboxes of the destination that were renamed, because their sources were.
    pub mailboxes_renamed: u64,
    pub flags_updated: u64,
    /// Copies deleted because their source is gone, and second copies removed.
    pub messages_deleted: u64,
    /// Times that a connection broke and was opened again.
    pub reconnects: u64,
    /// What each part of it took, in the order in which they ended.
    pub parts: Vec<PartFigures>,
    /// The largest batches that messages were appended in; `None` where nothing was appended.
    pub batch: Option<BatchFigures>,
}

/// A part of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Listing both sides.
    Scan,
    /// Comparing them.
    Plan,
    /// Copying, marking and deleting.
    Copy,
    /// Listing the destination again, and closing the account of outcomes.
    Close,
}

/// What one part of a run took.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PartFigures {
    pub part: Part,
    pub seconds: f64,
    /// The same, added up over all that worked at the same time, each with a connection on both sides.
    pub lane_seconds: f64,
    /// Messages listed or copied, and their octets.
    pub messages: u64,
    pub octets: u64,
    pub source: LineFigures,
    pub destination: LineFigures,
    /// Seconds in which lanes waited for the state to be written.
    pub state_seconds: f64,
    /// Seconds in which lanes waited because the settings' own `messages_per_second` said so.
    pub pace_seconds: f64,
}

/// What went over the connections to one server.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct LineFigures {
    /// Octets above TLS.
    pub received: u64,
    pub sent: u64,
    /// Times that something was sent and then waited for.
    pub round_trips: u64,
    /// Seconds in which a lane waited for the server, to say something or to take something.
    pub waited_seconds: f64,
}

impl LineFigures {
    /// What came since.
    pub fn since(self, before: LineFigures) -> LineFigures {
        LineFigures {
            received: self.received - before.received,
            sent: self.sent - before.sent,
            round_trips: self.round_trips - before.round_trips,
            waited_seconds: (self.waited_seconds - before.waited_seconds).max(0.0),
        }
    }

    fn add(&mut self, other: LineFigures) {
        self.received += other.received;
        self.sent += other.sent;
        self.round_trips += other.round_trips;
        self.waited_seconds += other.waited_seconds;
    }
}

impl PartFigures {
    /// Adds up the same part of another account.
    pub fn add(&mut self, other: &PartFigures) {
        self.seconds += other.seconds;
        self.lane_seconds += other.lane_seconds;
        self.messages += other.messages;
        grow(&mut self.octets, other.octets);
        self.source.add(other.source);
        self.destination.add(other.destination);
        self.state_seconds += other.state_seconds;
        self.pace_seconds += other.pace_seconds;
    }
}

/// How messages are appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BatchFigures {
    /// Messages in one APPEND: what the automatic batch size had come to, or less where the octets were enough.
    pub messages: u64,
    /// The most APPENDs that were under way at once on one connection.
    pub in_flight: u64,
}

/// `100×4`: messages in one APPEND, and APPENDs under way at once.
impl fmt::Display for BatchFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.messages, self.in_flight)
    }
}

/// What the state remembers of one account between runs.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Where the account stood at the end of the last plan or run; what failed then is in the last attempt and the list of
    /// failures.
    pub ledger: AccountLedger,
    /// Octets on the source when last scanned.
    pub source_octets: u64,
    /// Octets copied over all runs.
    pub octets_copied: u64,
    pub last_run: Option<RunFigures>,
}

//! Whether a message is there: absence is an answer of its own, and never inferred from silence.

use std::fmt;

/// Whether a server has a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    There,
    /// A command that would have shown it was answered with a tagged OK, and did not.
    NotThere,
    /// The server said NO or BAD, or not all that it was asked. Nothing is deleted or given up because of it.
    Unknown,
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Presence::There => "there",
            Presence::NotThere => "not there",
            Presence::Unknown => "unknown",
        })
    }
}

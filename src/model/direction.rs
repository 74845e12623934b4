//! Which way mail goes between the two servers of the settings.

use serde::{Deserialize, Serialize};

/// Which way mail goes. All that works on an account speaks of its source and its destination; this tells which server of the
/// settings is which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Direction {
    /// As the settings name the two servers.
    #[default]
    Forward,
    /// From what the settings call the destination to what they call the source: the way back after a cutover.
    Reversed,
}

impl Direction {
    /// The other one.
    pub fn opposite(self) -> Direction {
        match self {
            Direction::Forward => Direction::Reversed,
            Direction::Reversed => Direction::Forward,
        }
    }
}

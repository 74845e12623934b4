//! What a run may use, and when it stops by itself.

use std::time::Duration;

/// What a run may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Octets of message data held in memory at one time, over all accounts.
    pub memory_octets: u64,
    /// Messages in one upload batch; `None` finds itself.
    pub batch_messages: Option<usize>,
    /// Octets in one upload batch; `None` finds itself.
    pub batch_octets: Option<u64>,
    /// Octets a second from and to each side, over all connections, both directions together. `None` is no limit.
    pub bandwidth: Option<u64>,
    /// Messages a second appended to the destination, over all connections. `None` is no limit.
    pub messages_per_second: Option<u64>,
    /// Accounts worked on at once of which all was copied before. `None` is as for the others.
    pub resync_jobs: Option<usize>,
}

impl Limits {
    /// What of the memory is for messages that come one after the other.
    pub fn stream_octets(&self) -> u64 {
        self.memory_octets - self.large_octets()
    }

    /// What of it is for large messages, which are held whole.
    pub fn large_octets(&self) -> u64 {
        self.memory_octets / 2
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_octets: 128 << 20,
            batch_messages: None,
            batch_octets: None,
            bandwidth: None,
            messages_per_second: None,
            resync_jobs: None,
        }
    }
}

/// When `apply` stops with work left (exit status 9). `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chunk {
    pub max_messages: Option<u64>,
    pub max_octets: Option<u64>,
    pub max_time: Option<Duration>,
}

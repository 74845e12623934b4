//! `[limits]`: what a run may use, and how patient it is with the servers.

use super::document::Table;
use crate::model::Server;
use crate::model::limits::Limits;
use std::time::Duration;

/// Below this, batches get so small that each message is a round trip.
const LEAST_MEMORY_OCTETS: u64 = 1 << 20;

/// Below this, a server may take us for dead in the middle of a large message.
const LEAST_BANDWIDTH: u64 = 1 << 10;

/// How much longer than for other answers we wait for those that are work for a server, where `timeout` is short.
const SLOW_FACTOR: u32 = 2;

/// What the table says.
#[derive(Default)]
pub(super) struct LimitSettings {
    pub limits: Limits,
    timeout: Option<Duration>,
    retries: Option<u32>,
}

impl LimitSettings {
    /// Reads the table; what it leaves out is as in [`Limits::default`].
    pub fn read(mut table: Table) -> Self {
        let default = Limits::default();
        let settings = LimitSettings {
            limits: Limits {
                memory_octets: table
                    .size("memory", LEAST_MEMORY_OCTETS)
                    .map_or(default.memory_octets, |size| size.value),
                batch_messages: table.number("batch_messages", 1..=100_000).map(|count| count.value),
                batch_octets: table.size("batch_octets", 1).map(|size| size.value),
                bandwidth: table.rate("bandwidth", LEAST_BANDWIDTH).map(|rate| rate.value),
                messages_per_second: table.number("messages_per_second", 1..=1_000_000).map(|count| count.value),
                resync_jobs: table.number("resync_jobs", 1..=10_000).map(|count| count.value),
            },
            timeout: table.duration("timeout").map(|timeout| timeout.value),
            retries: table.number("retries", 0..=1000).map(|count| count.value),
        };
        table.finish();
        settings
    }

    /// Gives a server its share: one that is slow to answer at all is at least as slow to answer SELECT, and who has
    /// less patience than usual has it for everything.
    pub fn apply(&self, server: &mut Server) {
        if let Some(timeout) = self.timeout {
            let usual = server.timeouts;
            server.timeouts.login = usual.login.min(timeout);
            server.timeouts.slow = match timeout < usual.read {
                true => timeout * SLOW_FACTOR,
                false => usual.slow.max(timeout),
            };
            server.timeouts.read = timeout;
        }
        server.retries = self.retries.unwrap_or(server.retries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;
    use crate::model::server::{Address, Timeouts, Tls};

    fn waits(timeout_seconds: u64) -> Timeouts {
        let timeout = Some(Duration::from_secs(timeout_seconds));
        let mut server = Server::at(Side::Source, Address::Tunnel(vec!["imap".to_owned()]), Tls::None);
        LimitSettings { timeout, ..LimitSettings::default() }.apply(&mut server);
        server.timeouts
    }

    #[test]
    fn timeout_short_bounds_every_wait_and_long_bounds_none_shorter() {
        let seconds = Duration::from_secs;
        let short = waits(10);
        assert_eq!((short.login, short.read, short.slow), (seconds(10), seconds(10), seconds(20)));
        let long = waits(600);
        assert_eq!((long.login, long.read, long.slow), (Timeouts::default().login, seconds(600), seconds(600)));
    }
}

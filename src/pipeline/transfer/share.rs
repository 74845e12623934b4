//! How much memory each mailbox being copied may use: the settings' limit, divided among all that is copied at once.

use crate::model::{Account, Side};
use crate::pipeline::Migration;
use crate::pipeline::fleet::queue::accounts_at_once;
use std::time::Duration;

/// Mailboxes of one account copied at the same time: from a server that is near, where more gained nothing on the servers
/// tried, and from one that is far away, where each mailbox waits for some round trips.
const LANES: usize = 4;
const FAR_LANES: usize = 8;

/// A server that needs longer for an exchange is far away.
const FAR: Duration = Duration::from_millis(10);

/// Less than this for one mailbox makes batches too small to be quick; more than that gains nothing.
const LEAST_OCTETS: u64 = 1536 << 10;
const MOST_OCTETS: u64 = 6 << 20;

/// Connections over which a mailbox is appended, where there are at most half as many mailboxes as lanes. On Dovecot two took
/// two thirds of the time of one; more were not tried.
const UPLINKS: usize = 2;

/// What one account may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Mailboxes copied at the same time.
    pub lanes: usize,
    /// Connections to the destination for each of them, at most.
    pub uplinks: usize,
    /// Octets of messages on their way from the source, of one mailbox.
    pub window_octets: u64,
    /// Octets of messages between download and upload, of one mailbox.
    pub belt_octets: u64,
}

impl Share {
    /// The share of an account with that many mailboxes to copy, on servers at that distance.
    pub fn new(migration: &Migration, account: &Account, mailboxes: usize, latency: Duration) -> Share {
        let lanes = if latency >= FAR { FAR_LANES } else { LANES };
        let connections = Side::BOTH.map(|side| migration.connector(account, side).connections());
        let most_lanes = lanes.min(mailboxes).min(connections[0]).min(connections[1]);
        let share = divided(migration.limits.stream_octets() / accounts_at_once(migration) as u64, most_lanes);
        Share { uplinks: UPLINKS.min(LANES / share.lanes).max(1), ..share }
    }
}

fn divided(octets: u64, most_lanes: usize) -> Share {
    let affordable = usize::try_from(octets / LEAST_OCTETS).unwrap_or(usize::MAX);
    let lanes = most_lanes.min(affordable).max(1);
    let half = (octets / lanes as u64).clamp(LEAST_OCTETS, MOST_OCTETS) / 2;
    Share { lanes, uplinks: 1, window_octets: half, belt_octets: half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divided_never_exceeds_the_limit_but_for_the_least() {
        for octets in [1 << 20, 4 << 20, 64 << 20, 1 << 30] {
            for lanes in 1..=FAR_LANES {
                let share = divided(octets, lanes);
                let used = share.lanes as u64 * (share.window_octets + share.belt_octets);
                assert!(used <= octets.max(LEAST_OCTETS), "{octets} {lanes}: {share:?}");
            }
        }
        assert_eq!(divided(64 << 20, 4).window_octets, MOST_OCTETS / 2);
    }
}

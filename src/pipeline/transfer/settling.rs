//! Waiting for what may still land: a server process whose client died may be storing what it had received.
//!
//! Once for an account, however many mailboxes an earlier run left in the midst of its work: all of them are looked at
//! before and after the same pause.

use crate::engine::Session;
use crate::error::Result;
use crate::model::{RawName, SyncPoint};
use crate::pipeline::fleet::access::Access;
use std::time::Duration;

/// A server process whose connection broke may still be storing what it had received. The tail is believed when two
/// looks this far apart find the same UIDNEXT.
pub const SETTLING: Duration = Duration::from_millis(1500);

/// After this many looks a mailbox that grows all the time is taken as it is: somebody else delivers into it.
pub const LOOKS: usize = 4;

/// What STATUS says of these mailboxes once two looks agree. `before` is the first look.
///
/// # Errors
/// `Connection`, `Protocol`; `Interrupted` when the user asked to stop.
pub fn settled(
    access: &Access<'_>,
    session: &mut Session,
    names: &[RawName],
    before: Vec<Option<SyncPoint>>,
) -> Result<Vec<Option<SyncPoint>>> {
    access.notice("the run before did not end cleanly: waiting for what the destination may still be storing");
    let mut last = before;
    for _ in 0..LOOKS {
        access.pause(SETTLING)?;
        let now = session.statuses(names)?;
        let is_still = now == last;
        last = now;
        if is_still {
            break;
        }
    }
    Ok(last)
}

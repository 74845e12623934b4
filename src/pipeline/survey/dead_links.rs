//! Links whose two messages are gone: they tell nothing any more, and would be kept and read for ever.
//!
//! Gone is what a complete listing of its mailbox does not hold and should: a UID at or above the UIDNEXT of the listing was
//! given out since, or the server went back in time (`rollback`), of which the link may be the only trace.

use crate::error::Result;
use crate::model::{Link, MailboxState, MessageRecord, Side, Uid};
use crate::store::{AccountStore, Lookup};

/// Drops the dead ones of these links of a pair, if there may be any: `tied` of all its links have one of their messages at least.
///
/// # Errors
/// `State`, `Damaged`.
pub fn drop_dead_links(
    state: &AccountStore,
    [source, destination]: [&MailboxState; 2],
    tied: u64,
    links: impl Iterator<Item = Result<Link>>,
) -> Result<()> {
    let name = &source.name.raw;
    if state.pair(name)?.is_none_or(|pair| pair.links <= tied) {
        return Ok(());
    }
    let mut ours = Listed::of(state, Side::Source, source);
    let mut theirs = Listed::of(state, Side::Destination, destination);
    let mut dead = Vec::new();
    for link in links {
        let Link { source, destination, .. } = link?;
        if ours.lacks(source)? && theirs.lacks(destination)? {
            dead.push(source);
        }
    }
    if dead.is_empty() { Ok(()) } else { state.unlink(name, dead) }
}

/// A mailbox as last listed.
struct Listed {
    records: Lookup<MessageRecord>,
    /// The UIDNEXT that it was listed under; without one nothing is known to be gone.
    below: Option<Uid>,
}

impl Listed {
    fn of(state: &AccountStore, side: Side, mailbox: &MailboxState) -> Self {
        let below = mailbox.sync_point.and_then(|point| point.uid_next);
        Listed { records: state.record_lookup(side, &mailbox.name.raw), below }
    }

    fn lacks(&mut self, uid: Uid) -> Result<bool> {
        let is_gone = uid.is_stand_in() || self.below.is_some_and(|next| uid < next);
        Ok(is_gone && self.records.get(uid)?.is_none())
    }
}

//! What a comparison leaves to stand on, if nothing is to be done: `model/ground.rs`.
//!
//! It is gathered while the whole is compared, and thrown away where something is not simple: where copies of ours are out of order, or
//! came in two passes; where two links name one message, or one that the listing does not hold yet; where too many messages are
//! no pairs.

use crate::model::{GROUND_MESSAGES, Ground, Uid, UidSet};

/// The ground in the making.
#[derive(Default)]
pub(in crate::diff) struct Grounding {
    pub orphaned: Few,
    pub unlinked: Few,
    pub lossy: Few,
    pub last: [Uid; 2],
    /// Source UIDs of orphaned links that are no more, for their messages were tied just now.
    pub tied: Vec<Uid>,
    /// Something is not simple.
    pub is_spoilt: bool,
}

impl Grounding {
    /// Takes the next copy of ours, in the order of the source.
    pub(in crate::diff) fn take_copy(&mut self, source: Uid, copy: Uid) {
        let [_, last] = self.last;
        self.last = [source, copy.max(last)];
    }

    /// Takes a source message that was tied just now. A copy of ours that was found again has no place in the order yet.
    pub(in crate::diff) fn take_tied(&mut self, source: Uid, is_ours: bool) {
        if self.orphaned.holds(source) {
            self.tied.push(source);
        }
        self.is_spoilt |= is_ours;
    }

    /// The ground, if it is a simple one.
    pub(in crate::diff) fn into_ground(self) -> Option<Ground> {
        let Grounding { orphaned, unlinked, lossy, last, tied, is_spoilt } = self;
        let few = [orphaned.into_set()?, unlinked.into_set()?, lossy.into_set()?];
        let [mut orphaned, unlinked, lossy] = few;
        tied.into_iter().for_each(|uid| orphaned.remove(uid));
        (!is_spoilt).then_some(Ground { unlinked, orphaned, lossy, last })
    }
}

/// UIDs, as long as they are few.
#[derive(Default)]
pub(in crate::diff) struct Few(Vec<Uid>);

impl Few {
    /// One beyond the limit tells that there are more.
    pub(in crate::diff) fn push(&mut self, uid: Uid) {
        if self.0.len() as u64 <= GROUND_MESSAGES {
            self.0.push(uid);
        }
    }

    /// Whether that UID is among them, which came in ascending order.
    fn holds(&self, uid: Uid) -> bool {
        self.0.binary_search(&uid).is_ok()
    }

    fn into_set(self) -> Option<UidSet> {
        let Few(mut uids) = self;
        let fits = uids.len() as u64 <= GROUND_MESSAGES;
        uids.sort_unstable();
        fits.then(|| uids.into_iter().collect())
    }
}

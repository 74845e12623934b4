//! What stands over the records of a mailbox: the mailbox itself, and what its records add up to.

use super::codec::stored;
use super::kinds::StoredKind;
use super::tally::Tally;
use crate::model::MailboxState;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct MailboxHeader {
    pub(super) state: MailboxState,
    /// The records.
    pub(super) tally: Tally,
}

stored! {
    MailboxHeader => StoredKind::Listing, "the header of a listing";
}

impl MailboxHeader {
    /// The same mailbox, never listed.
    pub(super) fn void(state: &MailboxState) -> Self {
        let state = MailboxState { sync_point: None, octets: 0, records: 0, ..state.clone() };
        MailboxHeader { state, tally: Tally::default() }
    }
}

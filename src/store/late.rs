//! From which UID on appends of ours may have landed late, for a mailbox of either side. It stands beside the pair while that is
//! turned, and with it when it stands the way of those appends again.

use super::account::AccountStore;
use super::codec::Stored;
use super::kinds::StoredKind;
use crate::error::Result;
use crate::model::{RawName, Side, Uid, UidValidity};
use serde::{Deserialize, Serialize};

/// What the pair knew of its destination (`PairState::late_from`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct LateAppends {
    validity: UidValidity,
    from: Uid,
}

impl Stored for LateAppends {
    const KIND: StoredKind = StoredKind::LateAppends;
    const NOUN: &'static str = "what is known of late appends";
}

impl AccountStore {
    /// The UID from which on appends of ours may have landed late in a mailbox, as runs left it that went to that side; `None` where
    /// none did, or the mailbox has another UIDVALIDITY by now.
    ///
    /// # Errors
    ///
    /// [`Kind::State`](crate::error::Kind::State).
    pub fn late_appends(&self, side: Side, mailbox: &RawName, validity: UidValidity) -> Result<Option<Uid>> {
        let known: Option<LateAppends> = self.database().load(&self.id.late(side, mailbox))?;
        Ok(known.filter(|known| known.validity == validity).map(|known| known.from))
    }

    pub(super) fn note_late_appends(
        &self,
        side: Side,
        mailbox: &RawName,
        (validity, from): (UidValidity, Option<Uid>),
    ) -> Result<()> {
        match from {
            Some(from) => self.database().store(&self.id.late(side, mailbox), &LateAppends { validity, from }),
            None => Ok(()),
        }
    }
}

//! A source mailbox and its destination under the UIDVALIDITYs that they have now.

use crate::diff::comparing::comparison::Appends;
use crate::model::{MailboxState, PairState, Pairing};

/// The pair of these two listings.
pub fn pairing(source: &MailboxState, destination: &MailboxState) -> Pairing {
    let validity = |state: &MailboxState| state.sync_point.map_or_else(Default::default, |point| point.uid_validity);
    Pairing {
        source: source.name.raw.clone(),
        source_validity: validity(source),
        destination: destination.name.raw.clone(),
        destination_validity: validity(destination),
    }
}

/// Where appends of ours may stand unknown. An open intent means that a run did not end cleanly.
pub fn appends(pair: &PairState) -> Appends {
    let unreconciled = pair.intent.map(|intent| intent.uid_next);
    Appends { unreconciled, late: pair.late_from.or(unreconciled) }
}

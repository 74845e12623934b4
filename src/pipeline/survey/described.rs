//! What a listing says of a mailbox itself, and of an account that it shows next to nothing of.

use crate::diff::routing::mailboxes::left_out as excluded;
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::error::{Error, Kind, Result};
use crate::model::{FlagCapacity, MailboxState, RawName, Side};
use crate::pipeline::fleet::access::Access;
use std::collections::HashSet;

/// What an account looks like on which a master user has no rights: almost empty.
pub fn blind(what: &str) -> Error {
    Error::new(Kind::Authorization, what).hint(
        "the login may lack rights on this account: with Dovecot's acl plugin set `plugin { acl_user = %u }`, \
         elsewhere give the master user rights on the user's mailboxes",
    )
}

/// The mailboxes of that side that the settings leave out: none but of the source.
///
/// # Errors
/// `Settings` for a wrong glob.
pub fn left_out(access: &Access<'_>, side: Side, listing: &Listing) -> Result<HashSet<RawName>> {
    if side == Side::Destination {
        return Ok(HashSet::new());
    }
    let mailboxes: Vec<MailboxState> = listing.mailboxes.iter().map(|listed| described(listed, None)).collect();
    excluded(&mailboxes, &access.account.policy.mailboxes)
}

/// The state of a mailbox as listed now; what a listing does not say is kept.
pub fn described(listed: &ListedMailbox, known: Option<&MailboxState>) -> MailboxState {
    MailboxState {
        name: listed.name.clone(),
        delimiter: listed.delimiter,
        attributes: listed.attributes.clone(),
        subscribed: listed.subscribed,
        sync_point: known.and_then(|known| known.sync_point),
        capacity: known.map_or_else(FlagCapacity::everything, |known| known.capacity.clone()),
        octets: known.map_or(0, |known| known.octets),
        records: known.map_or(0, |known| known.records),
        revision: known.map_or(0, |known| known.revision),
        deltas: known.map_or(0, |known| known.deltas),
        identified: known.is_none_or(|known| known.identified),
        trouble: None,
    }
}

//! What a listing says of a mailbox itself, and of an account that it shows next to nothing of.

use crate::engine::commands::listed::ListedMailbox;
use crate::error::{Error, Kind};
use crate::model::{FlagCapacity, MailboxState};

/// What an account looks like on which a master user has no rights: almost empty.
pub fn blind(what: &str) -> Error {
    Error::new(Kind::Authorization, what).hint(
        "the login may lack rights on this account: with Dovecot's acl plugin set `plugin { acl_user = %u }`, \
         elsewhere give the master user rights on the user's mailboxes",
    )
}

/// Whether it can hold messages.
pub(in crate::pipeline) fn is_selectable(listed: &ListedMailbox) -> bool {
    use crate::model::Attribute::{NoSelect, NonExistent, Remote};
    !listed.attributes.iter().any(|attribute| matches!(attribute, NoSelect | NonExistent | Remote))
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

//! Messages that the server holds and does not describe.

use crate::error::{Error, Kind, Result, Scope};
use crate::model::{MailboxState, Outcome, Side, UidSet};
use crate::pipeline::fleet::access::Access;

/// Messages that the server holds and does not describe are named each time: they stay behind.
///
/// # Errors
/// `State`.
pub fn record_unreadable(
    access: &Access<'_>,
    side: Side,
    state: &MailboxState,
    unreadable: &UidSet,
) -> Result<Option<Error>> {
    if side == Side::Source {
        forget_readable(access, state, unreadable)?;
    }
    if unreadable.is_empty() {
        return Ok(None);
    }
    let what = format!("the server does not describe the messages with UID {unreadable}");
    if side == Side::Source {
        let outcomes: Vec<_> = unreadable.iter().map(|uid| (uid, Outcome::Failed(what.clone()))).collect();
        access.state.checkpoint(&state.name.raw, &[], &outcomes)?;
    }
    let error = Error::new(Kind::Protocol, what).scope(Scope::Message).in_mailbox(&state.name.path());
    Ok(Some(error.hint("look at them with another client; they may be damaged on the server")))
}

/// What was unreadable once and is gone or described now has no outcome of its own any more.
fn forget_readable(access: &Access<'_>, state: &MailboxState, unreadable: &UidSet) -> Result<()> {
    let account = &access.state;
    let mut records = account.record_lookup(Side::Source, &state.name.raw);
    let mut over = Vec::new();
    for exception in account.exceptions(&state.name.raw) {
        let (uid, outcome) = exception?;
        if matches!(outcome, Outcome::Failed(_)) && !unreadable.contains(uid) && records.get(uid)?.is_none() {
            over.push((uid, Outcome::Pending));
        }
    }
    account.checkpoint(&state.name.raw, &[], &over)
}

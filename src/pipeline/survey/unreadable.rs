//! Messages that the server holds and does not describe, and those that it cannot list at all.

use super::task::Unreadable;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::{MailboxName, MailboxState, Outcome, Side, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::dissection::{Dissected, reason};

/// Messages that the server holds and cannot list are named each time: they stay behind.
///
/// # Errors
/// `State`.
pub fn record_unreadable(
    access: &Access<'_>,
    side: Side,
    state: &MailboxState,
    unreadable: &UidSet,
    poisonous: &Unreadable,
) -> Result<Vec<Error>> {
    if side == Side::Source {
        let mut all: UidSet = poisonous.keys().copied().collect();
        all.merge(unreadable);
        forget_readable(access, state, &all)?;
        let reasons = poisonous.iter().map(|(uid, (_, reason))| (*uid, Outcome::Failed(reason.clone())));
        access.state.checkpoint(&state.name.raw, &[], &reasons.collect::<Vec<_>>())?;
    }
    let poisonous = poisonous.iter().map(|(uid, (_, reason))| {
        let error = Error::new(Kind::Protocol, "a message could not be listed").scope(Scope::Message);
        let error = error.because(reason).in_mailbox(&state.name.path()).at_uid(*uid);
        error.hint("look at it with another client; it is tried again with each `mailferry sync`")
    });
    let mut errors: Vec<Error> = poisonous.collect();
    if unreadable.is_empty() {
        return Ok(errors);
    }
    let what = format!("the server does not describe the messages with UID {unreadable}");
    if side == Side::Source {
        let outcomes: Vec<_> = unreadable.iter().map(|uid| (uid, Outcome::Failed(what.clone()))).collect();
        access.state.checkpoint(&state.name.raw, &[], &outcomes)?;
    }
    let error = Error::new(Kind::Protocol, what).scope(Scope::Message).in_mailbox(&state.name.path());
    errors.push(error.hint("look at them with another client; they may be damaged on the server"));
    Ok(errors)
}

/// The messages of a source mailbox that could not be listed in an earlier run.
///
/// # Errors
/// `State`.
pub fn known_poison(access: &Access<'_>, side: Side, mailbox: &MailboxName) -> Result<UidSet> {
    let mut uids = UidSet::new();
    if side == Side::Source {
        let mut records = access.state.record_lookup(Side::Source, &mailbox.raw);
        for exception in access.state.exceptions(&mailbox.raw) {
            let (uid, outcome) = exception?;
            if matches!(outcome, Outcome::Failed(_)) && records.get(uid)?.is_none() {
                uids.insert(uid);
            }
        }
    }
    Ok(uids)
}

/// The messages that a listing is to leave out. What is known of those of the destination stays; one of the source that
/// cannot be read stays behind, and is no record.
///
/// # Errors
/// `State`.
pub fn passed_over(
    access: &Access<'_>,
    side: Side,
    mailbox: &MailboxName,
    dissected: &Dissected,
) -> Result<Unreadable> {
    let mut records = access.state.record_lookup(side, &mailbox.raw);
    let mut unreadable = Unreadable::new();
    for (uid, error) in &dissected.poisonous {
        let record = if side == Side::Source { None } else { records.get(*uid)? };
        unreadable.insert(*uid, (record, reason(error)));
    }
    Ok(unreadable)
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

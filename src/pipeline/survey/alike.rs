//! Whether a mailbox that is listed is the one that a pair knows, under another name (`diff/renames.rs`, rule 1).

use crate::diff::comparing::same::is_copy_of;
use crate::diff::renames::Likeness;
use crate::error::{Kind, Result, Scope};
use crate::model::{MailboxState, PairState, Side};
use crate::pipeline::fleet::access::Access;

/// Whether a mailbox of the source, which lists these, is the one that the links of a pair come from. Where a pair has no links,
/// because it was empty, or a run broke off before any was recorded, all that tells is that no other mailbox has its UIDVALIDITY.
///
/// # Errors
/// `State`.
pub fn is_source(
    access: &Access<'_>,
    pair: &PairState,
    mailbox: &MailboxState,
    listed: &[MailboxState],
) -> Result<bool> {
    if !is_of_its_validity(pair, Side::Source, mailbox) {
        return Ok(false);
    }
    if pair.links == 0 {
        return Ok(is_only_one(pair, Side::Source, listed));
    }
    let (state, mut likeness) = (&access.state, Likeness::default());
    let mut links = state.link_lookup(&pair.pairing.source)?;
    for record in state.records(Side::Source, &mailbox.name.raw)? {
        let record = record?;
        if let Some(link) = links.get(record.uid)? {
            likeness.see(&link, &record);
        }
        if likeness.is_other() {
            return Ok(false);
        }
    }
    Ok(likeness.is_one(pair.outcomes.there()) || is_emptied(access, pair, Side::Source, listed))
}

/// The same of a mailbox of the destination, and the copies that the links name.
///
/// # Errors
/// `State`.
pub fn is_copy(access: &Access<'_>, pair: &PairState, mailbox: &MailboxState, listed: &[MailboxState]) -> Result<bool> {
    if !is_of_its_validity(pair, Side::Destination, mailbox) {
        return Ok(false);
    }
    let (state, mut likeness) = (&access.state, Likeness::default());
    let mut records = state.record_lookup(Side::Destination, &mailbox.name.raw);
    for link in state.links(&pair.pairing.source)? {
        let link = link?;
        if let Some(record) = records.get(link.destination)? {
            likeness.count(is_copy_of(&link, &record));
        }
        if likeness.is_other() {
            return Ok(false);
        }
    }
    Ok(likeness.is_one(pair.outcomes.there()) || is_emptied(access, pair, Side::Destination, listed))
}

/// Both ways what its user removed from it under its new name goes on the other side, too, under the guard of deletions: that it has no
/// other message, and that no other mailbox has its UIDVALIDITY, is enough.
fn is_emptied(access: &Access<'_>, pair: &PairState, side: Side, listed: &[MailboxState]) -> bool {
    access.account.policy.is_two_way() && is_only_one(pair, side, listed)
}

/// Whether the mailbox of a pair that is gone from the destination, which lists these, is there under another name.
///
/// # Errors
/// `State`.
pub fn is_copy_renamed(access: &Access<'_>, pair: &PairState, listed: &[MailboxState]) -> Result<bool> {
    let pairs = access.state.pairs().unwrap_or_default();
    let is_new = |it: &&MailboxState| !pairs.iter().any(|pair| pair.pairing.destination == it.name.raw);
    for mailbox in listed.iter().filter(is_new).filter(|it| is_whole(it)) {
        let is_it = match pair.links {
            0 => is_of_its_validity(pair, Side::Destination, mailbox) && is_only_one(pair, Side::Destination, listed),
            _ => unless_damaged(is_copy(access, pair, mailbox, listed))?,
        };
        if is_it {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_of_its_validity(pair: &PairState, side: Side, mailbox: &MailboxState) -> bool {
    pair.pairing.validity(side).is_lasting() && pair.pairing.holds_for(side, mailbox)
}

fn is_only_one(pair: &PairState, side: Side, listed: &[MailboxState]) -> bool {
    listed.iter().filter(|it| pair.pairing.holds_for(side, it)).count() == 1
}

/// Listed to its end.
pub fn is_whole(mailbox: &MailboxState) -> bool {
    mailbox.sync_point.is_some() && mailbox.trouble.is_none()
}

/// What cannot be read of the state tells nothing: it is matched anew.
///
/// # Errors
/// All others.
pub fn unless_damaged(found: Result<bool>) -> Result<bool> {
    found.or_else(|error| match error.kind() {
        Kind::Damaged if error.reach() < Scope::Run => Ok(false),
        _ => Err(error),
    })
}

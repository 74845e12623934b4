//! Subscriptions: they come when the mail is there, and what is refused is told and stops nothing.

use crate::error::Result;
use crate::model::plan::MailboxPlan;
use crate::model::{RawName, Side};
use crate::pipeline::fleet::access::Access;

/// Mailboxes that are subscribed at once: their answers are short.
const SUBSCRIPTIONS_IN_FLIGHT: usize = 100;

/// Refusals that are told one by one; a broken file of subscriptions refuses all of them.
const TOLD: usize = 3;

/// Subscribes these mailboxes on the destination. Returned is what is to be told.
///
/// # Errors
/// What makes going on impossible.
pub fn subscribe<'a>(access: &Access<'_>, mailboxes: impl Iterator<Item = &'a MailboxPlan>) -> Result<Vec<String>> {
    let mailboxes: Vec<&MailboxPlan> = mailboxes.filter(|mailbox| mailbox.subscribe).collect();
    let names: Vec<&RawName> = mailboxes.iter().map(|mailbox| &mailbox.destination.raw).collect();
    let answers = access.ask_each(
        Side::Destination,
        &names,
        SUBSCRIPTIONS_IN_FLIGHT,
        |session, name| session.send_subscribe(name),
        |session, _, tag| session.finish_subscribe(tag),
    )?;
    let refused = mailboxes.iter().zip(answers).filter_map(|(mailbox, answer)| Some((mailbox, answer.err()?)));
    let mut told: Vec<String> =
        refused.map(|(mailbox, error)| error.in_mailbox(&mailbox.destination.path()).line()).collect();
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push(format!("{more} more mailboxes could not be subscribed; their mail is there all the same"));
    }
    Ok(told)
}

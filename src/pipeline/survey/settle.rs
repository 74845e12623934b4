//! Between scan and plan: messages that agree in what they are recognised by and in nothing else are read, so that the plan
//! knows which of them are one. It costs nothing where nothing is in doubt.
//!
//! What cannot be read stays in doubt: neither tied, nor copied, nor deleted, and named.

use super::content::read_doubt;
use super::snapshots::Snapshots;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::Side;
use crate::model::counted::counted;
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::pipeline::fleet::access::Access;

/// Reads all that a plan is in doubt about.
///
/// # Errors
/// What ends the account's work. What concerns one mailbox leaves it in doubt.
pub fn settle(access: &Access<'_>, plan: &AccountPlan) -> Result<()> {
    let snapshots = Snapshots::load(access)?;
    for mailbox in plan.mailboxes.iter().filter(|mailbox| !mailbox.doubt.is_empty()) {
        let [source, destination] = [
            snapshots.mailbox(Side::Source, &mailbox.source.raw),
            snapshots.mailbox(Side::Destination, &mailbox.destination.raw),
        ];
        let (Some(source), Some(destination)) = (source, destination) else { continue };
        let (ours, theirs) = (mailbox.doubt.source.len(), mailbox.doubt.destination.len());
        access.notice(&format!(
            "`{}`: {} of the source and {theirs} of the destination are read, to tell which are the same",
            mailbox.source,
            counted(ours, "message")
        ));
        match read_doubt(access, &access.state, [source, destination], &mailbox.doubt) {
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::Changed) => {
                access.notice(&format!("{}; they stay in doubt", error.line()));
            }
            other => other?,
        }
    }
    Ok(())
}

/// What is in doubt after everything was tried.
pub fn doubts(plan: &AccountPlan) -> impl Iterator<Item = Error> + '_ {
    plan.mailboxes.iter().filter(|mailbox| !mailbox.doubt.source.is_empty()).map(doubt)
}

fn doubt(plan: &MailboxPlan) -> Error {
    let (ours, theirs) = (&plan.doubt.source, &plan.doubt.destination);
    Error::new(Kind::Refused, "messages could not be told from others, and were neither copied nor tied to them")
        .scope(Scope::Mailbox)
        .because(format!("UID {ours} of the source and UID {theirs} of the destination could not all be read"))
        .in_mailbox(&plan.source.path())
        .hint("run `mailferry sync` again; if it stays so, look at these messages with a mail program")
}

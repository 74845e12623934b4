//! Whether messages are there, asked of many mailboxes at once: where a server keeps the order of commands, the questions about all
//! of them are on their way before the first is answered. Mailboxes are examined; nothing changes.

use super::removal::{check, open};
use crate::engine::commands::presence::Sighting;
use crate::engine::commands::select::Opening;
use crate::error::Result;
use crate::model::{MailboxName, Side, UidSet, UidValidity};
use crate::pipeline::fleet::access::Access;

/// Mailboxes that are asked about at one time.
const MAILBOXES_IN_FLIGHT: usize = 64;

/// Messages of a mailbox that must have that UIDVALIDITY.
pub(super) struct Question<'a> {
    pub(super) mailbox: &'a MailboxName,
    pub(super) validity: UidValidity,
    pub(super) uids: UidSet,
}

/// What that side shows, question by question; `Changed` in the place of one about a mailbox that is another one.
///
/// # Errors
/// What makes going on impossible.
pub(super) fn look_into(access: &Access<'_>, side: Side, questions: &[Question<'_>]) -> Result<Vec<Result<Sighting>>> {
    access.ask_each(
        side,
        questions,
        MAILBOXES_IN_FLIGHT,
        |session, question| match session.keeps_order() {
            true => {
                let open = session.send_open(&question.mailbox.raw, Opening::Examine)?;
                Ok(Some((open, session.send_look(&question.uids)?)))
            }
            false => Ok(None),
        },
        |session, Question { mailbox, validity, uids }, sent| {
            let Some((open_tag, look)) = sent else {
                open(session, mailbox, *validity, Opening::Examine)?;
                return session.look_for(uids);
            };
            let opened = session.finish_open(open_tag, mailbox);
            // Without a mailbox the answers say nothing, and are read all the same.
            let sighting = session.finish_look(look);
            check(&opened?, *validity, Opening::Examine)?;
            sighting
        },
    )
}

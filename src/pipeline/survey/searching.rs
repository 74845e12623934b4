//! The user's own search (`search` in `[sync]`): each source mailbox is asked it after it was listed, and the answer is kept beside
//! the listing, so that planning needs no server.
//!
//! 1. The answer is later than the listing: what is listed and not found does not meet the search.
//! 2. A mailbox that did not change is not asked again where its sync point proves that.
//! 3. A server that does not search says so of that mailbox: nothing of it is copied, and why is told by the plan.

use crate::engine::Session;
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::search_keys::SearchKeys;
use crate::model::{Found, MailboxState, Side, SyncPoint, UidSet};
use crate::pipeline::fleet::access::Access;

/// Asks all mailboxes of the source that were listed, where the settings have a search.
///
/// # Errors
/// What makes the whole side impossible; what one mailbox answers is kept with it.
pub fn search_source(access: &Access<'_>) -> Result<()> {
    let Some(keys) = &access.account.policy.search else { return Ok(()) };
    let mut due = Vec::new();
    for mailbox in access.state.mailboxes(Side::Source)? {
        let Some(point) = mailbox.sync_point.filter(|_| mailbox.left_out().is_none()) else { continue };
        let known = access.state.found(&mailbox.name.raw)?;
        let holds = known.is_some_and(|known| known.answers(keys, point) && known.uids.is_ok());
        if !holds || !point.is_conclusive() {
            due.push((mailbox, point));
        }
    }
    for (mailbox, point) in due {
        access.go_on()?;
        let answer =
            access.with_session(Side::Source, |session| Ok((ask(session, &mailbox, point, keys), session.is_alive())));
        let uids = match answer? {
            (Err(error), false) => return Err(error),
            (Err(error), true) if error.reach() > Scope::Mailbox => return Err(error),
            (answer, _) => answer.map_err(|error| error.summary()),
        };
        access.state.put_found(&mailbox.name.raw, &Found { keys: keys.clone(), point, uids })?;
    }
    Ok(())
}

fn ask(session: &mut Session, mailbox: &MailboxState, point: SyncPoint, keys: &SearchKeys) -> Result<UidSet> {
    let opened = session.open(&mailbox.name, Opening::Examine)?;
    if opened.sync_point.uid_validity != point.uid_validity {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was listed"));
    }
    session.find(opened.sync_point.messages, keys)
}

/// What was found of that source mailbox; `None` where the settings have no search.
///
/// # Errors
/// `Refused` where nothing is known of what it holds, `State`.
pub fn found(access: &Access<'_>, source: &MailboxState) -> Result<Option<UidSet>> {
    let Some(keys) = &access.account.policy.search else { return Ok(None) };
    let point = source.sync_point.unwrap_or_default();
    let known = access.state.found(&source.name.raw)?.filter(|known| known.answers(keys, point));
    let error = |what| Error::new(Kind::Refused, what).scope(Scope::Mailbox);
    match known.map(|known| known.uids) {
        Some(Ok(uids)) => Ok(Some(uids)),
        Some(Err(why)) => Err(error(format!("the search of the settings was not answered: {why}"))
            .hint("correct `search` in [sync], or leave it out")),
        None => {
            Err(error("the search of the settings was not asked yet".to_owned()).hint("run `mailferry scan` again"))
        }
    }
}

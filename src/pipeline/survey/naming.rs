//! Which message it is that is not there, in a person's words: its sender and subject are asked for when it has to be named,
//! for the few that are.
//!
//! A message that cannot be read from the source is not asked about: what failed once would fail again.

use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched, IDENTITY_ITEMS};
use crate::engine::commands::select::Opening;
use crate::engine::header::about;
use crate::error::Result;
use crate::model::about::About;
use crate::model::failures::Failures;
use crate::model::plan::{AccountPlan, MailboxPlan, Whose};
use crate::model::{MailboxName, Outcome, Side, Uid, UidSet, UidValidity};
use crate::pipeline::fleet::access::Access;
use std::collections::HashMap;

/// Messages of an account that are asked about in one run.
const NAMED_IN_A_RUN: u64 = 200;

/// Asks the source about messages that are not on the destination, where that is not known; and tells it with the
/// failures. That it cannot be asked is no failure: then they are named by their UIDs.
///
/// # Errors
/// `State`.
pub fn name_messages(access: &Access<'_>, plan: &AccountPlan, failures: Failures) -> Result<Failures> {
    let mut left = NAMED_IN_A_RUN;
    for mailbox in &plan.mailboxes {
        let unknown = unknown(access, mailbox, left)?;
        left -= unknown.len();
        if unknown.is_empty() {
            continue;
        }
        for (uid, about) in told_of(access, &mailbox.source, mailbox.source_validity, &unknown) {
            access.state.put_about(&mailbox.source.raw, mailbox.source_validity, uid, about)?;
        }
    }
    let mailboxes: HashMap<String, &MailboxPlan> = plan.mailboxes.iter().map(|it| (it.source.path(), it)).collect();
    Ok(failures.map(|failure| {
        let place = failure.place();
        let mailbox = place.mailbox.as_ref().and_then(|path| mailboxes.get(path));
        let (Some(mailbox), Some(uid)) = (mailbox, place.uid) else { return failure };
        match access.state.about(&mailbox.source.raw, mailbox.source_validity, uid) {
            Ok(Some(about)) => failure.about(about.sentence()),
            _ => failure,
        }
    }))
}

/// Messages that the destination keeps out, and of which nothing is known yet.
fn unknown(access: &Access<'_>, mailbox: &MailboxPlan, most: u64) -> Result<UidSet> {
    let mut uids = UidSet::new();
    let kept_out = |outcome: &Outcome| {
        matches!(outcome, Outcome::Refused(_) | Outcome::Limited(_) | Outcome::NotFoundAgain(_) | Outcome::Accepted(_))
    };
    let exceptions = access.state.exceptions(&mailbox.source.raw).filter_map(|exception| match exception {
        Ok((uid, outcome)) => kept_out(&outcome).then_some(Ok(uid)),
        Err(error) => Some(Err(error)),
    });
    let limited = mailbox.skipped.iter().filter(|skipped| skipped.whose == Whose::Destination).map(|it| Ok(it.uid));
    for uid in exceptions.chain(limited) {
        let uid = uid?;
        if uids.len() >= most {
            break;
        }
        if access.state.about(&mailbox.source.raw, mailbox.source_validity, uid)?.is_none() {
            uids.insert(uid);
        }
    }
    Ok(uids)
}

/// What the source tells of these messages of a mailbox: nothing where it cannot be asked, which is no failure.
pub fn told_of(
    access: &Access<'_>,
    mailbox: &MailboxName,
    validity: UidValidity,
    uids: &UidSet,
) -> HashMap<Uid, About> {
    let asked = access.with_session(Side::Source, |session| ask(session, mailbox, validity, uids));
    asked.unwrap_or_else(|error| {
        tracing::debug!(%error, "the source does not say which messages they are");
        HashMap::new()
    })
}

fn ask(
    session: &mut Session,
    mailbox: &MailboxName,
    validity: UidValidity,
    uids: &UidSet,
) -> Result<HashMap<Uid, About>> {
    let opened = session.open(mailbox, Opening::Examine)?;
    let mut found = HashMap::new();
    // Then the UIDs are those of other messages.
    if opened.sync_point.uid_validity != validity {
        return Ok(found);
    }
    for set in uids.chunks(COMMAND_OCTETS, session.most_messages()) {
        let tag = session.send_fetch(&set, IDENTITY_ITEMS)?;
        let status = session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(Fetched { uid: Some(uid), header: Some(header), .. }) = event {
                found.insert(uid, about(&header));
            }
            Ok(())
        })?;
        session.complete(status, "could not look at messages")?;
    }
    Ok(found)
}

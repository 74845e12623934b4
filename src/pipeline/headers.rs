//! What both servers tell of messages that are explained: the header lines by which a person knows them.

use super::Migration;
use crate::engine::Session;
use crate::engine::commands::fetch::{FetchEvent, Fetched, IDENTITY_ITEMS};
use crate::engine::commands::select::Opening;
use crate::error::Result;
use crate::model::ledger::{AccountLedger, Stage};
use crate::model::report::{AccountResult, Explanation, HeadersSummary, MessageHeader};
use crate::model::{MailboxName, Side, Step, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::for_each::for_each_account;
use std::collections::BTreeMap;

/// Messages that are asked for at once.
const MOST_MESSAGES: usize = 20;

/// Asks both servers about the messages of an explanation.
pub fn headers(migration: &Migration, explanation: &Explanation) -> Vec<AccountResult<HeadersSummary>> {
    for_each_account(migration, Step::Check, |access| {
        let messages = &explanation.messages[..explanation.messages.len().min(MOST_MESSAGES)];
        let sources = messages.iter().map(|(source, _)| *source);
        let mut headers = told(access, Side::Source, explanation.source.as_ref(), sources)?;
        let copies = messages.iter().filter_map(|(_, copy)| *copy);
        headers.extend(told(access, Side::Destination, explanation.destination.as_ref(), copies)?);
        Ok(HeadersSummary { headers, ledger: AccountLedger::at(Stage::Looked) })
    })
}

fn told(
    access: &Access<'_>,
    side: Side,
    mailbox: Option<&MailboxName>,
    uids: impl Iterator<Item = Uid>,
) -> Result<Vec<MessageHeader>> {
    let uids: UidSet =
        uids.filter(|uid| *uid < Uid::LOST).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let Some(mailbox) = mailbox.filter(|_| !uids.is_empty()) else { return Ok(Vec::new()) };
    let found = access.with_session(side, |session| ask(session, mailbox, &uids))?;
    let header = |uid: Uid| MessageHeader { side, uid, lines: found.get(&uid).map(|header| lines(header)) };
    Ok(uids.iter().map(header).collect())
}

fn ask(session: &mut Session, mailbox: &MailboxName, uids: &UidSet) -> Result<BTreeMap<Uid, Vec<u8>>> {
    session.open(mailbox, Opening::Examine)?;
    let tag = session.send_fetch(uids, IDENTITY_ITEMS)?;
    let mut found = BTreeMap::new();
    let status = session.finish_fetch(tag, |event| {
        if let FetchEvent::Message(Fetched { uid: Some(uid), header: Some(header), .. }) = event {
            found.insert(uid, header);
        }
        Ok(())
    })?;
    session.complete(status, "could not look at messages")?;
    Ok(found)
}

/// Its lines, as they stand there; what is folded is one line.
fn lines(header: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(header).replace("\r\n ", " ").replace("\r\n\t", " ");
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_lines_are_one() {
        let header = b"From: Anna\r\nSubject: a long\r\n subject\r\n\r\n";
        assert_eq!(lines(header), ["From: Anna", "Subject: a long subject"]);
    }
}

//! Gmail's extension (X-GM-EXT-1): the number by which it knows a message in every mailbox.

use super::fetch::FetchEvent;
use crate::engine::conversation::session::Session;
use crate::error::Result;
use crate::model::{GmailId, Uid};

impl Session {
    /// What Gmail knows the messages of the open mailbox by, from this UID on.
    ///
    /// # Errors
    /// `Refused` with the server's words; `Connection`, `Protocol`.
    pub fn gmail_ids(&mut self, first: Uid) -> Result<Vec<(Uid, GmailId)>> {
        let tag = self.send_fetch_from(first, "(UID X-GM-MSGID)")?;
        let mut known = Vec::new();
        let status = self.finish_fetch(tag, |event| {
            if let FetchEvent::Message(message) = event {
                known.extend(message.uid.filter(|uid| *uid >= first).zip(message.gmail_id));
            }
            Ok(())
        })?;
        self.complete(status, "the server does not tell which messages are one (X-GM-MSGID)")?;
        Ok(known)
    }
}

//! What tells one INBOX from another, so that two logins can be seen to have opened the same one: its object ID where the
//! server gives one (RFC 8474; Dovecot's X-GUID), else UIDVALIDITY, UIDNEXT and the last message.

use super::fetch::{FetchEvent, Fetched};
use super::select::Opening;
use crate::engine::conversation::session::Session;
use crate::engine::wire::response::Response;
use crate::error::{Result, sanitized};
use crate::model::server::Preset;
use crate::model::{InternalDate, MailboxName, RawName, SyncPoint, Uid};

/// What is seen of an INBOX.
#[derive(Clone, PartialEq, Debug)]
pub struct Inbox {
    pub sync_point: SyncPoint,
    /// UID, RFC822.SIZE and date. `None` for an empty one.
    pub last: Option<(Uid, u64, Option<InternalDate>)>,
}

impl Session {
    /// Asks for the object ID of the INBOX. Dovecot does not advertise that it has one.
    pub(in crate::engine) fn object_id_command(&self) -> Option<&'static [u8]> {
        match () {
            () if self.capabilities.has("OBJECTID") => Some(b"STATUS \"INBOX\" (MAILBOXID)"),
            () if self.preset == Preset::Dovecot => Some(b"STATUS \"INBOX\" (X-GUID)"),
            () => None,
        }
    }

    /// Looks at the INBOX as it is now.
    ///
    /// # Errors
    /// As [`Session::open`], and where the last message is not told.
    pub fn look_at_inbox(&mut self) -> Result<Inbox> {
        let name = MailboxName { raw: RawName(b"INBOX".to_vec()), levels: vec!["INBOX".to_owned()] };
        let sync_point = self.open(&name, Opening::Examine)?.sync_point;
        let mut last = None;
        if sync_point.messages > 0 {
            self.run(b"UID FETCH * (UID INTERNALDATE RFC822.SIZE)", "could not look at a message", |response| {
                if let Some(FetchEvent::Message(message)) = super::fetch::fetch_event(response)
                    && let Fetched { uid: Some(uid), octets: Some(octets), internal_date, .. } = message
                {
                    last = last.max(Some((uid, octets, internal_date.flatten())));
                }
                Ok(())
            })?;
        }
        Ok(Inbox { sync_point, last })
    }
}

/// The object ID in `* STATUS INBOX (MAILBOXID (id))` or `* STATUS INBOX (X-GUID id)`.
pub(in crate::engine) fn object_id(response: &Response) -> Option<String> {
    let text = String::from_utf8_lossy(response.text()).into_owned();
    let upper = text.to_ascii_uppercase();
    let start = ["MAILBOXID (", "(X-GUID "].iter().find_map(|key| Some(upper.find(key)? + key.len()))?;
    let id = text.get(start..)?.split([')', ' ']).next()?;
    (!id.is_empty()).then(|| sanitized(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_id_is_read_of_both_forms() {
        let id = |text: &str| object_id(&Response::from_text(text));
        assert_eq!(id("* STATUS INBOX (MAILBOXID (F22f-d8))").as_deref(), Some("F22f-d8"));
        assert_eq!(id("* STATUS \"INBOX\" (X-GUID 38c1aa)").as_deref(), Some("38c1aa"));
        for text in ["* STATUS INBOX (MESSAGES 3)", "* STATUS INBOX (X-GUID )", "* STATUS INBOX (X-GUID", "* STATUS"] {
            assert_eq!(id(text), None, "{text}");
        }
    }
}

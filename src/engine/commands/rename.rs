//! RENAME and UNSUBSCRIBE (RFC 9051 6.3.6, 6.3.8): a mailbox of the destination has another name, with all that is below it. An OK
//! proves little of what is below, and a lost answer nothing: the listing tells.

use crate::engine::conversation::mailbox_name::{quoted, with_mailbox};
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::Command;
use crate::error::Result;
use crate::model::RawName;

impl Session {
    /// Sends RENAME, without waiting. The answer is read with [`Session::finish_rename`].
    ///
    /// # Errors
    /// `Connection`; `Refused` for a name that cannot be sent.
    pub fn send_rename(&mut self, from: &RawName, to: &RawName) -> Result<Tag> {
        let mut command = with_mailbox("RENAME", from, " ")?;
        command.extend_from_slice(&quoted(to)?);
        self.send(&command)
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// `Refused`, `Throttled`, `Connection`.
    pub fn finish_rename(&mut self, tag: Tag) -> Result<()> {
        let status = self.finish(tag, |_| Ok(()))?;
        if status.is_ok() {
            return Ok(());
        }
        Err(self.locate(status.error_of(Command::Create, "could not rename the mailbox")))
    }

    /// Sends UNSUBSCRIBE, without waiting. The answer is read with [`Session::finish_subscribe`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_unsubscribe(&mut self, name: &RawName) -> Result<Tag> {
        self.send(&with_mailbox("UNSUBSCRIBE", name, "")?)
    }
}

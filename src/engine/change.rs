//! Commands that change the destination besides APPEND: CREATE, SUBSCRIBE, UID STORE. Nothing here deletes.

use super::append::flag_list;
use super::session::{Session, Tag, with_mailbox};
use super::status::Status;
use crate::error::Result;
use crate::model::{Flags, RawName, SpecialUse, UidSet};

/// In which direction flags are changed. Never replaced: that would destroy what others set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagChange {
    Add,
    Remove,
}

impl Session {
    /// Creates a mailbox; that it exists already is a success.
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub fn create(&mut self, name: &RawName, special_use: Option<SpecialUse>) -> Result<()> {
        let special_use = special_use.filter(|_| self.capabilities.has("CREATE-SPECIAL-USE"));
        if let Some(special_use) = special_use {
            let after = format!(" (USE ({}))", special_use.as_str());
            let tag = self.send(&with_mailbox("CREATE", name, &after)?)?;
            if is_created(&self.finish(tag, |_| Ok(()))?) {
                return Ok(());
            }
            // [USEATTR]: the attribute is what was refused; the mailbox matters more.
        }
        let tag = self.send(&with_mailbox("CREATE", name, "")?)?;
        let status = self.finish(tag, |_| Ok(()))?;
        if is_created(&status) { Ok(()) } else { self.accepted(status, "could not create the mailbox").map(drop) }
    }

    /// Subscribes a mailbox.
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub fn subscribe(&mut self, name: &RawName) -> Result<()> {
        let command = with_mailbox("SUBSCRIBE", name, "")?;
        self.run(&command, "could not subscribe the mailbox", |_| Ok(())).map(drop)
    }

    /// Sends UID STORE for messages of the selected mailbox, without waiting. The answer is read with
    /// [`Session::finish`]; an OK proves nothing about single messages.
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_store(&mut self, uids: &UidSet, change: FlagChange, flags: &Flags) -> Result<Tag> {
        let sign = match change {
            FlagChange::Add => '+',
            FlagChange::Remove => '-',
        };
        self.send(format!("UID STORE {uids} {sign}FLAGS.SILENT {}", flag_list(flags)).as_bytes())
    }
}

fn is_created(status: &Status) -> bool {
    status.is_ok() || status.code == "ALREADYEXISTS" || status.text.to_ascii_lowercase().contains("exists")
}

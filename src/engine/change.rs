//! Commands that change the destination besides APPEND: CREATE, SUBSCRIBE, UID STORE, UID EXPUNGE.
//!
//! Only UID EXPUNGE, of the UIDs that it is given: EXPUNGE and CLOSE also remove what others have marked as deleted.

use super::append::flag_list;
use super::session::{Session, Tag, with_mailbox};
use super::status::Status;
use crate::error::{Error, Kind, Result};
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

impl Session {
    /// Whether single messages can be expunged (RFC 4315).
    pub fn expunges_by_uid(&self) -> bool {
        self.capabilities.has("UIDPLUS")
    }

    /// Removes those of these messages of the selected mailbox that are marked `\Deleted`. An OK proves nothing about
    /// single messages.
    ///
    /// # Errors
    /// `Refused`, also where the server cannot do it; `Connection`.
    pub fn expunge(&mut self, uids: &UidSet) -> Result<()> {
        if !self.expunges_by_uid() {
            return Err(self.locate(Error::new(Kind::Refused, "the server cannot expunge single messages")));
        }
        self.run(format!("UID EXPUNGE {uids}").as_bytes(), "could not expunge", |_| Ok(())).map(drop)
    }
}

fn is_created(status: &Status) -> bool {
    status.is_ok() || status.code == "ALREADYEXISTS" || status.text.to_ascii_lowercase().contains("exists")
}

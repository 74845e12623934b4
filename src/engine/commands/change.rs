//! Commands that change the destination besides APPEND: CREATE, SUBSCRIBE, UID STORE, UID EXPUNGE.
//!
//! Only UID EXPUNGE, of the UIDs that it is given: EXPUNGE and CLOSE also remove what others have marked as deleted.

use super::append::flag_list;
use crate::engine::conversation::mailbox_name::with_mailbox;
use crate::engine::conversation::session::{Session, Tag};
use crate::engine::conversation::status::{Command, Status};
use crate::error::{Error, Kind, Result};
use crate::model::{Flags, RawName, SpecialUse, UidSet};

/// In which direction flags are changed. Never replaced: that would destroy what others set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagChange {
    Add,
    Remove,
}

/// A mailbox to be created.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub name: &'a RawName,
    pub special_use: Option<SpecialUse>,
}

/// How a mailbox came to be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    /// The server says that it created it.
    Created,
    /// The server says that there is one of that name: it may be another one.
    Existed,
}

/// A CREATE, sent and not answered.
pub struct PendingWish {
    create: Tag,
    with_use: bool,
}

impl Session {
    /// Sends CREATE, without waiting. The answer is read with [`Session::finish_create`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_create(&mut self, wish: &Wish<'_>) -> Result<PendingWish> {
        let special_use = wish.special_use.filter(|_| self.capabilities.has("CREATE-SPECIAL-USE"));
        let after = special_use.map_or_else(String::new, |special_use| format!(" (USE ({}))", special_use.as_str()));
        let create = self.send(&with_mailbox("CREATE", wish.name, &after)?)?;
        Ok(PendingWish { create, with_use: special_use.is_some() })
    }

    /// Reads the answer; that the mailbox exists already is to be looked into, and a server that does not say so is asked
    /// (Courier: `Cannot create this folder`).
    ///
    /// # Errors
    /// `Refused`, `Throttled`, `Connection`.
    pub fn finish_create(&mut self, wish: &Wish<'_>, pending: PendingWish) -> Result<Made> {
        let status = self.finish(pending.create, |_| Ok(()))?;
        if status.is_ok() {
            return Ok(Made::Created);
        }
        if says_it_exists(&status) {
            return Ok(Made::Existed);
        }
        if pending.with_use {
            // [USEATTR]: the attribute is what was refused; the mailbox matters more.
            let plain = Wish { special_use: None, ..*wish };
            let sent = self.send_create(&plain)?;
            return self.finish_create(&plain, sent);
        }
        match self.statuses(std::slice::from_ref(wish.name))?.first() {
            Some(Some(_)) => Ok(Made::Existed),
            _ => Err(self.locate(status.error_of(Command::Create, "could not create the mailbox"))),
        }
    }

    /// Sends SUBSCRIBE, without waiting. The answer is read with [`Session::finish_subscribe`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_subscribe(&mut self, name: &RawName) -> Result<Tag> {
        self.send(&with_mailbox("SUBSCRIBE", name, "")?)
    }

    /// Reads the answer; that it is subscribed already is a success (UW-IMAP and Stalwart say NO to it).
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub fn finish_subscribe(&mut self, tag: Tag) -> Result<()> {
        let status = self.finish(tag, |_| Ok(()))?;
        if status.is_ok() || status.text.to_ascii_lowercase().contains("already") {
            return Ok(());
        }
        Err(self.locate(status.error_of(Command::Subscribe, "could not subscribe the mailbox")))
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
        // Not every server cares for `.SILENT`.
        self.send_for(format!("UID STORE {uids} {sign}FLAGS.SILENT {}", flag_list(flags)).as_bytes(), uids.len())
    }
}

impl Session {
    /// Whether single messages can be expunged (RFC 4315).
    pub fn expunges_by_uid(&self) -> bool {
        self.capabilities.has("UIDPLUS")
    }

    /// Sends UID EXPUNGE, which removes those of these messages of the selected mailbox that are marked `\Deleted`, without
    /// waiting. The answer is read with [`Session::finish`]; an OK proves nothing about single messages.
    ///
    /// # Errors
    /// `Refused` where the server cannot do it; `Connection`.
    pub fn send_expunge(&mut self, uids: &UidSet) -> Result<Tag> {
        if !self.expunges_by_uid() {
            return Err(self.locate(Error::new(Kind::Refused, "the server cannot expunge single messages")));
        }
        self.send_for(format!("UID EXPUNGE {uids}").as_bytes(), uids.len())
    }
}

fn says_it_exists(status: &Status) -> bool {
    status.code == "ALREADYEXISTS" || status.text.to_ascii_lowercase().contains("exists")
}

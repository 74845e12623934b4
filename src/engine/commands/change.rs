//! Commands that change the destination besides APPEND: CREATE, SUBSCRIBE, UID STORE, UID EXPUNGE.
//!
//! Only UID EXPUNGE, of the UIDs that it is given: EXPUNGE and CLOSE also remove what others have marked as deleted.

use super::append::flag_list;
use crate::engine::conversation::session::{Session, Tag, with_mailbox};
use crate::engine::conversation::status::Status;
use crate::error::{Error, Kind, Result};
use crate::model::{Flags, RawName, SpecialUse, UidSet};

/// In which direction flags are changed. Never replaced: that would destroy what others set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagChange {
    Add,
    Remove,
}

/// A mailbox to be made ready: created, subscribed, or both.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub name: &'a RawName,
    pub create: bool,
    pub special_use: Option<SpecialUse>,
    pub subscribe: bool,
}

/// The commands of one wish, sent and not answered.
pub struct PendingWish {
    create: Option<Tag>,
    with_use: bool,
    subscribe: Option<Tag>,
}

impl Session {
    /// Sends CREATE and SUBSCRIBE for a mailbox, without waiting. The answers are read with [`Session::finish_wish`].
    ///
    /// # Errors
    /// `Connection`.
    pub fn send_wish(&mut self, wish: &Wish<'_>) -> Result<PendingWish> {
        let special_use = wish.special_use.filter(|_| self.capabilities.has("CREATE-SPECIAL-USE"));
        let after = special_use.map_or_else(String::new, |special_use| format!(" (USE ({}))", special_use.as_str()));
        let create = match wish.create {
            true => Some(self.send(&with_mailbox("CREATE", wish.name, &after)?)?),
            false => None,
        };
        let subscribe = match wish.subscribe {
            true => Some(self.send(&with_mailbox("SUBSCRIBE", wish.name, "")?)?),
            false => None,
        };
        Ok(PendingWish { create, with_use: special_use.is_some(), subscribe })
    }

    /// Reads the answers; that the mailbox exists already is a success.
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub fn finish_wish(&mut self, wish: &Wish<'_>, pending: PendingWish) -> Result<()> {
        let created = pending.create.map(|tag| self.finish(tag, |_| Ok(()))).transpose()?;
        let subscribed = pending.subscribe.map(|tag| self.finish(tag, |_| Ok(()))).transpose()?;
        match created {
            // [USEATTR]: the attribute is what was refused; the mailbox matters more.
            Some(status) if !is_created(&status) && pending.with_use => {
                let plain = self.send_wish(&Wish { special_use: None, ..*wish })?;
                return self.finish_wish(wish, plain);
            }
            Some(status) if !is_created(&status) => {
                return self.accepted(status, "could not create the mailbox").map(drop);
            }
            _ => {}
        }
        subscribed.map_or(Ok(()), |status| self.accepted(status, "could not subscribe the mailbox").map(drop))
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

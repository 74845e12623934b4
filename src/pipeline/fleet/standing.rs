//! Where mailboxes stand, as STATUS tells it: many are asked for at one time, and one over which the server ends the connection is
//! found and left alone.

use super::access::Access;
use crate::engine::commands::list::Subscriptions;
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::engine::commands::mailbox_status::Statuses;
use crate::error::{Result, Scope};
use crate::model::{RawName, Side, SyncPoint};

/// Mailboxes asked for at once: their answers are short.
const STATUS_IN_FLIGHT: usize = 32;

impl Access<'_> {
    /// Lists a side of the account with the STATUS of each mailbox; without that of one which is refused, or over which the
    /// server ends the connection.
    ///
    /// # Errors
    /// What makes going on impossible.
    pub fn list_mailboxes(&self, side: Side, subscriptions: Subscriptions) -> Result<Listing> {
        let mut listing = self.with_session(side, |session| session.list_names(subscriptions))?;
        let is_silent = |mailbox: &&mut ListedMailbox| mailbox.status.is_none() && mailbox.is_selectable();
        let mut silent: Vec<&mut ListedMailbox> = listing.mailboxes.iter_mut().filter(is_silent).collect();
        let names: Vec<RawName> = silent.iter().map(|mailbox| mailbox.name.raw.clone()).collect();
        for (mailbox, told) in silent.iter_mut().zip(self.statuses(side, &names)?) {
            mailbox.status = match told {
                Ok(None) => self.status_alone(side, &mailbox.name.raw)?,
                told => told.unwrap_or_default(),
            };
        }
        Ok(listing)
    }

    /// STATUS of each of these mailboxes: `None` where nothing is told under that name, and an error in the place of one over
    /// which the connection breaks.
    ///
    /// # Errors
    /// What makes going on impossible.
    pub fn statuses(&self, side: Side, names: &[RawName]) -> Result<Vec<Result<Option<SyncPoint>>>> {
        let mut told = Statuses::default();
        let asked = self.ask_each(
            side,
            names,
            STATUS_IN_FLIGHT,
            |session, name| session.leave(names).and_then(|()| session.send_status(name)),
            |session, _, tag| session.finish_status(tag, &mut told).map(drop),
        )?;
        Ok(asked.into_iter().zip(names).map(|(asked, name)| asked.map(|()| told.of(name))).collect())
    }

    /// STATUS of a mailbox that is listed under this very name: what is told is about it, whatever it is called there.
    ///
    /// # Errors
    /// What makes going on impossible.
    pub fn status_alone(&self, side: Side, name: &RawName) -> Result<Option<SyncPoint>> {
        match self.ask_one(side, |session| session.statuses(std::slice::from_ref(name))) {
            Err(error) if error.reach() <= Scope::Mailbox => Ok(None),
            told => Ok(told?.into_iter().next().flatten()),
        }
    }
}

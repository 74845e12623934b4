//! Mailboxes that a listing tells nothing about: they are asked for one by one, and opened where STATUS is refused.

use crate::engine::Session;
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Result};
use crate::model::{RawName, Side};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::suspects::{BrokeOn, Suspicion};
use std::collections::{HashMap, HashSet};

/// Those of one side.
pub struct Silence<'a, 'b> {
    access: &'a Access<'a>,
    side: Side,
    session: &'b mut Session,
    /// Why mailboxes that STATUS tells nothing about cannot be opened either.
    refusals: HashMap<RawName, String>,
}

impl<'a, 'b> Silence<'a, 'b> {
    /// Nothing was asked yet.
    pub fn of(access: &'a Access<'a>, side: Side, session: &'b mut Session) -> Self {
        Silence { access, side, session, refusals: HashMap::new() }
    }

    /// Some servers leave STATUS out of LIST for a mailbox or two. What the settings leave out is not asked for.
    ///
    /// # Errors
    /// What breaks the connection.
    pub fn break_in(mut self, listing: &mut Listing, left_out: &HashSet<RawName>) -> Result<HashMap<RawName, String>> {
        let wanted = |mailbox: &ListedMailbox| mailbox.is_selectable() && !left_out.contains(&mailbox.name.raw);
        let lacking = |mailbox: &ListedMailbox| mailbox.status.is_none() && wanted(mailbox);
        let mut asked: Vec<&mut ListedMailbox> = Vec::new();
        for mailbox in listing.mailboxes.iter_mut().filter(|mailbox| lacking(mailbox)) {
            match self.access.suspects.of(self.side, &mailbox.name.raw) {
                Suspicion::Convicted(error) => drop(self.refusals.insert(mailbox.name.raw.clone(), error.summary())),
                _ => asked.push(mailbox),
            }
        }
        let most = if self.access.suspects.is_careful(self.side) { 1 } else { asked.len().max(1) };
        for window in asked.chunks_mut(most) {
            let names: Vec<RawName> = window.iter().map(|mailbox| mailbox.name.raw.clone()).collect();
            let answers = self.session.statuses(&names).inspect_err(|error| self.suspect(&names[0], error))?;
            for (mailbox, status) in window.iter_mut().zip(answers) {
                mailbox.status = status;
            }
        }
        self.open_the_silent(listing.mailboxes.iter_mut().filter(|mailbox| lacking(mailbox)))?;
        Ok(self.refusals)
    }

    /// A mailbox that STATUS is refused for may be open to EXAMINE; what that says is why it cannot be read.
    fn open_the_silent<'m>(&mut self, silent: impl Iterator<Item = &'m mut ListedMailbox>) -> Result<()> {
        for mailbox in silent {
            if self.refusals.contains_key(&mailbox.name.raw) {
                continue;
            }
            match self.session.open(&mailbox.name, Opening::Examine) {
                Ok(opened) => mailbox.status = Some(opened.sync_point),
                Err(error) if self.session.is_alive() => {
                    self.refusals.insert(mailbox.name.raw.clone(), error.summary());
                }
                Err(error) => {
                    self.suspect(&mailbox.name.raw, &error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn suspect(&self, name: &RawName, error: &Error) {
        self.access.suspect(self.side, name, BrokeOn::Opening, error);
    }
}

//! Messages that the destination copies itself, from a mailbox of its own (`originals.rs`): in the order of their source UIDs among
//! all others, some by one command where their originals stand in that order, too.
//!
//! Whatever is not as it should be sends the message the long way: it is told apart, and the next pass fetches and appends it.

use super::originals::{Original, Repeated};
use super::uplinks::Uplink;
use super::upload::{UploadEnd, UploadRun};
use crate::engine::commands::relocate::{Relocated, Relocation};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result};
use crate::model::{Flags, Link, LinkOrigin, SystemFlag, Uid, UidSet, UidValidity};
use crate::pipeline::survey::recognise::described;

/// Messages copied by one command, at most.
const AT_ONCE: usize = 100;

impl UploadRun<'_> {
    /// Copies it with the next of its kind.
    pub(super) fn add_repeated(&mut self, repeated: Repeated) -> Result<()> {
        let goes_with = |last: &Repeated| {
            let (last, next) = (&last.original, &repeated.original);
            (&last.mailbox.raw, last.validity) == (&next.mailbox.raw, next.validity) && last.uid < next.uid
        };
        if self.repeated.len() >= AT_ONCE || !self.repeated.last().is_none_or(goes_with) {
            self.copy_repeated()?;
        }
        self.repeated.push(repeated);
        Ok(())
    }

    /// Has those copied that are gathered.
    pub(super) fn copy_repeated(&mut self) -> Result<()> {
        let mut repeated = std::mem::take(&mut self.repeated);
        if repeated.is_empty() {
            return Ok(());
        }
        self.close_batch()?;
        while self.settle_oldest()? {}
        if self.end == UploadEnd::Grown {
            return Ok(());
        }
        if self.end > UploadEnd::Stopped {
            // Not ahead of what may have to be sent again.
            self.end = UploadEnd::Split;
            return Ok(());
        }
        let sound = self.sound(&repeated)?;
        let odd = repeated.split_off(sound);
        if !repeated.is_empty() {
            self.copy_sound(repeated)?;
        }
        if !odd.is_empty() {
            self.send_alone(&odd[..1]);
        }
        Ok(())
    }

    /// How many of these, from the first on, have originals that are what they should be.
    fn sound(&mut self, repeated: &[Repeated]) -> Result<usize> {
        let Some(Original { mailbox, validity, .. }) = repeated.first().map(|first| &first.original) else {
            return Ok(0);
        };
        let session = self.uplinks.session(Uplink::First);
        if self.looking_at.as_ref() != Some(&mailbox.raw) {
            self.looking_at = None;
            match session.open(mailbox, Opening::Examine) {
                Ok(opened) if opened.sync_point.uid_validity == *validity => {}
                Ok(_) => return Ok(0),
                Err(error) if session.is_alive() && !error.is_transient() => return Ok(0),
                Err(error) => return Err(error),
            }
            self.looking_at = Some(mailbox.raw.clone());
        }
        let there = match described(session, &repeated.iter().map(|it| it.original.uid).collect()) {
            Err(error) if session.is_alive() && !error.is_transient() => return Ok(0),
            there => there?,
        };
        let is_sound = |repeated: &&Repeated| {
            let original = &repeated.original;
            there
                .get(&original.uid)
                .is_some_and(|(listed, flags)| *listed == original.listed && !flags.has(SystemFlag::Deleted))
        };
        Ok(repeated.iter().take_while(is_sound).count())
    }

    fn copy_sound(&mut self, repeated: Vec<Repeated>) -> Result<()> {
        let uids: UidSet = repeated.iter().map(|it| it.original.uid).collect();
        let mut relocated = Relocated::default();
        let session = self.uplinks.session(Uplink::First);
        session.relocate(Relocation::Copy, &[uids], &self.job.plan.destination.raw, &mut relocated)?;
        if let Some(error) = relocated.refusal {
            return self.refused_within(&repeated, error.in_mailbox(&self.job.plan.destination.path()));
        }
        let copy = |repeated: &Repeated| relocated.named.get(&repeated.original.uid).copied();
        let copies: Option<Vec<(UidValidity, Uid)>> = repeated.iter().map(copy).collect();
        let Some(copies) = copies else {
            self.progress.stored.extend(repeated.iter().map(|it| it.uid));
            self.end = self.end.max(UploadEnd::Reconcile);
            return Ok(());
        };
        let uid_validity = copies.first().map(|(validity, _)| *validity).unwrap_or_default();
        let copies: Vec<Uid> = copies.into_iter().map(|(_, uid)| uid).collect();
        if self.can_be_true(uid_validity, &copies) {
            return self.link_repeated(repeated, &copies);
        }
        self.stored_elsewhere(repeated.iter().map(|it| it.uid).zip(copies), uid_validity);
        Ok(())
    }

    /// Nothing of it was copied, by RFC 9051: the long way is open, and says why if that is closed, too. What was copied after
    /// all is found in the tail.
    fn refused_within(&mut self, repeated: &[Repeated], error: Error) -> Result<()> {
        let is_alive = self.uplinks.session(Uplink::First).is_alive();
        if !is_alive || error.is_transient() || *error.kind() == Kind::Quota {
            return Err(self.at_destination(error));
        }
        self.send_alone(repeated);
        Ok(())
    }

    /// The next pass fetches and appends them.
    fn send_alone(&mut self, repeated: &[Repeated]) {
        tracing::debug!(messages = repeated.len(), "not copied within the destination");
        self.progress.alone.extend(repeated.iter().map(|it| it.uid));
        self.end = UploadEnd::Split;
    }

    fn link_repeated(&mut self, repeated: Vec<Repeated>, copies: &[Uid]) -> Result<()> {
        let (messages, octets) = (repeated.len() as u64, repeated.iter().map(|it| it.octets).sum());
        for (repeated, destination) in repeated.into_iter().zip(copies.iter().copied()) {
            let Repeated { uid, identity, listed_octets, octets, flags, reflagged, internal_date, .. } = repeated;
            self.owed.reflagged.extend(reflagged.map(|flags| (uid, flags)));
            self.owed.links.push(Link {
                source: uid,
                destination,
                agreed: flags.within(&self.job.capacity),
                lost: Flags::none(),
                origin: LinkOrigin::Appended,
                octets,
                date: internal_date,
                source_octets: Some(listed_octets).filter(|listed| *listed != octets),
                altered: None,
                identity,
            });
        }
        self.linked(copies, messages, octets)
    }
}

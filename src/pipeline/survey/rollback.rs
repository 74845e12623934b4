//! Mailboxes that went back in time under their UIDVALIDITY, as after a restored backup: found at the scan, so that no
//! plan is made from links that name other messages by now. What is void is decided in `diff/rollback.rs`.
//!
//! Invariants:
//! 1. When STATUS is asked no append of ours is under way: a link at or above its UIDNEXT names what is gone.
//! 2. A doubt is recorded before the listing that it came from is replaced, and stays until the links were compared.
//!
//! Memory: 20 octets a message while a mailbox that has links is listed whole.

use crate::diff::comparing::same::{Keeps, mark};
use crate::diff::rollback::{Before, Seen, Sighting, void_links};
use crate::error::{Result, Scope};
use crate::model::{Digest, Link, Listed, MailboxState, MessageRecord, RawName, Side, SyncPoint, Uid};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::keeping::{as_seen, by_presets};
use crate::pipeline::survey::outdated::forget_said_of;
use crate::store::Reach;
use std::collections::HashMap;

/// One side of one account, watched for mailboxes that go back.
pub struct Watch<'a> {
    access: &'a Access<'a>,
    side: Side,
    reaches: HashMap<RawName, Vec<Reach>>,
}

/// What was known of a mailbox before it was listed whole.
pub struct Memory {
    /// UIDs and marks in ascending order; `None`: nothing that can be relied on.
    records: Option<Vec<(Uid, Digest)>>,
    keeps: Keeps,
    /// UIDNEXT of that listing.
    next: Option<Uid>,
    /// UIDNEXT as EXAMINE or SELECT gives it: what STATUS says comes out of a cache on some servers, and may be late.
    opened: Option<Uid>,
    suspect: bool,
}

impl<'a> Watch<'a> {
    /// Reads how far the links reach.
    pub fn new(access: &'a Access<'a>, side: Side) -> Self {
        let mut reaches: HashMap<RawName, Vec<Reach>> = HashMap::new();
        for reach in access.state.reaches() {
            let name = match side {
                Side::Source => &reach.pairing.source,
                Side::Destination => &reach.pairing.destination,
            };
            reaches.entry(name.clone()).or_default().push(reach);
        }
        Watch { access, side, reaches }
    }

    /// The pairs whose links hold for this UIDVALIDITY.
    fn linked(&self, name: &RawName, status: SyncPoint) -> Vec<&Reach> {
        let all = self.reaches.get(name).into_iter().flatten();
        all.filter(|reach| reach.pairing.validity(self.side) == status.uid_validity).collect()
    }

    /// Whether no link depends on what the mailbox holds. Those that hold for another UIDVALIDITY are carried over by it.
    pub fn is_free(&self, name: &RawName) -> bool {
        !self.reaches.contains_key(name)
    }

    /// Whether the links of a mailbox must be compared, even if its listing is as it was.
    pub fn doubts(&self, name: &RawName, status: SyncPoint) -> bool {
        let is_ahead = |below: Uid| status.uid_next.is_some_and(|next| next < below);
        let sides = self.linked(name, status).into_iter().map(|reach| reach.sides[self.side as usize]);
        sides.into_iter().any(|reach| reach.suspect || is_ahead(reach.below))
    }

    /// Reads what is known of a mailbox that is about to be listed whole; `None` where no link depends on it.
    ///
    /// # Errors
    /// `State`.
    pub fn recall(
        &self,
        name: &RawName,
        status: SyncPoint,
        known: Option<&MailboxState>,
        distrusted: bool,
    ) -> Result<Option<Memory>> {
        let linked = self.linked(name, status);
        if linked.is_empty() {
            return Ok(None);
        }
        let point = known.and_then(|known| known.sync_point);
        let point = point.filter(|point| point.uid_validity == status.uid_validity);
        let doubted = linked.iter().any(|reach| reach.sides[self.side as usize].suspect);
        let next = point.and_then(|point| point.uid_next);
        let suspect = doubted || distrusted || went_back(status.uid_next, next) || self.doubts(name, status);
        let keeps = self.keeps(&linked)?;
        let records = match point {
            // A scan that was cut off has replaced the listing from before.
            Some(_) if !doubted && known.is_some_and(|known| known.identified) => {
                self.marks(name, keeps).and_then(Iterator::collect).ok()
            }
            _ => None,
        };
        if records.is_none() && !suspect {
            return Ok(None);
        }
        // Invariant 2.
        for reach in linked.iter().filter(|_| suspect) {
            self.access.state.suspect_links(&reach.pairing.source, self.side)?;
        }
        Ok(Some(Memory { records, keeps, next, opened: None, suspect }))
    }

    /// What that server keeps of a message, as the links of the mailbox show.
    fn keeps(&self, linked: &[&Reach]) -> Result<Keeps> {
        let sources = linked.iter().map(|reach| &reach.pairing.source);
        let preset = self.access.state.side(self.side)?.map(|side| side.preset);
        Ok(as_seen(&self.access.state, sources).and(by_presets(preset)))
    }

    fn listed(&self, name: &RawName) -> Result<impl Iterator<Item = Result<(Uid, Listed)>>> {
        let records = self.access.state.records(self.side, name)?;
        let identified = |record: MessageRecord| record.identity.is_some().then(|| (record.uid, record.listed()));
        Ok(records.filter_map(move |record| record.map(identified).transpose()))
    }

    fn marks(&self, name: &RawName, keeps: Keeps) -> Result<impl Iterator<Item = Result<(Uid, Digest)>>> {
        Ok(self.listed(name)?.map(move |found| found.map(|(uid, listed)| (uid, mark(&listed, keeps)))))
    }

    /// Compares the links of a mailbox that was listed whole with what it was before, and forgets those that are void.
    ///
    /// # Errors
    /// `State`. Links that cannot be read are left to the plan, which sets them back.
    pub fn compare(&self, memory: &Memory, listed: &MailboxState) -> Result<()> {
        let Some(status) = listed.sync_point else { return Ok(()) };
        if !memory.suspect && memory.is_continued_by(self.marks(&listed.name.raw, memory.keeps)?)? {
            return Ok(());
        }
        let now: Vec<_> = self.listed(&listed.name.raw)?.collect::<Result<_>>()?;
        for reach in self.linked(&listed.name.raw, status) {
            match self.compare_pair(memory, &now, status, reach) {
                Ok(0) => {}
                Ok(void) => self.access.notice(&format!(
                    "`{}` on the {} went back in time, as after a restored backup: {void} of its messages are matched anew",
                    listed.name, self.side
                )),
                Err(error) if error.reach() <= Scope::Mailbox => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns how many links were void.
    fn compare_pair(&self, memory: &Memory, now: &[(Uid, Listed)], status: SyncPoint, reach: &Reach) -> Result<usize> {
        let state = &self.access.state;
        let source = &reach.pairing.source;
        let links = state.links(source)?.collect::<Result<Vec<Link>>>()?;
        let sightings: Vec<Sighting<'_>> = links.iter().map(|link| self.sighting(link, memory, now)).collect();
        let next = status.uid_next.max(memory.opened);
        let went_back = went_back(next, memory.next);
        let void = void_links(&sightings, Seen { side: self.side, keeps: memory.keeps, next, went_back });
        let mut left = sightings.iter().map(|sighting| Some(sighting.uid(self.side))).collect::<Vec<_>>();
        void.iter().for_each(|&index| left[index] = None);
        let highest = left.into_iter().flatten().filter(|uid| !uid.is_stand_in()).max();
        let below = highest.map_or(Uid(0), |uid| uid.next().unwrap_or(uid));
        let uids: Vec<Uid> = void.iter().map(|&index| links[index].source).collect();
        if self.side == Side::Source {
            forget_said_of(state, source, status.uid_validity, &uids.iter().copied().collect())?;
        }
        state.void_links(source, self.side, &uids, below)?;
        Ok(uids.len())
    }

    fn sighting<'l>(&self, link: &'l Link, memory: &Memory, now: &[(Uid, Listed)]) -> Sighting<'l> {
        let mut sighting = Sighting { link, before: Before::Unknown, now: None };
        let uid = sighting.uid(self.side);
        if let Some(records) = &memory.records {
            sighting.before = find(records, uid).map_or(Before::Absent, Before::Held);
        }
        sighting.now = find(now, uid);
        sighting
    }
}

fn went_back(now: Option<Uid>, before: Option<Uid>) -> bool {
    now.is_some() && now < before
}

impl Memory {
    /// Takes note of the mailbox being opened.
    pub fn note_opened(&mut self, point: SyncPoint) {
        self.opened = point.uid_next;
    }

    /// Whether every UID that both listings hold names the same message, and none came back.
    fn is_continued_by(&self, now: impl Iterator<Item = Result<(Uid, Digest)>>) -> Result<bool> {
        let Some(before) = &self.records else { return Ok(false) };
        let next = self.next.or_else(|| before.last().and_then(|(uid, _)| uid.next()));
        for message in now {
            let (uid, mark) = message?;
            if Some(uid) >= next {
                break;
            }
            if find(before, uid) != Some(mark) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn find<T: Copy>(records: &[(Uid, T)], uid: Uid) -> Option<T> {
    records.binary_search_by_key(&uid, |(known, _)| *known).ok().map(|index| records[index].1)
}

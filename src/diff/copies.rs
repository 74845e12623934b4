//! The messages of a destination mailbox while they are compared: 32 octets for each, and one for what became of it.

use crate::diff::comparing::roster::Roster;
use crate::diff::comparing::same::{are_linked, is_copy_of};
use crate::error::Result;
use crate::model::{Link, MessageRecord, Uid};
use std::iter::Peekable;

/// The messages of a destination mailbox, by UID.
pub(in crate::diff) struct Copies {
    roster: Roster,
    marks: Vec<u8>,
}

/// It is the copy of a message of the source.
const TAKEN: u8 = 1;
/// A link names it whose source message is gone.
const ORPHANED: u8 = 2;
/// So it is, and it is still the copy that we made.
const ORPHANED_COPY: u8 = 4;

/// Whose a copy is that no source message is left for, where a link names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::diff) enum Orphan {
    Ours,
    Another,
}

impl Copies {
    pub(in crate::diff) fn gather(destination: impl Iterator<Item = Result<MessageRecord>>) -> Result<Copies> {
        let mut roster = Roster::default();
        for record in destination {
            roster.add(&record?);
        }
        roster.sort_by_uid();
        let marks = vec![0; roster.len()];
        Ok(Copies { roster, marks })
    }

    /// Takes out the copy that is linked to a source message, as long as it has its identity or is as the destination made it.
    pub(in crate::diff) fn take(&mut self, link: &Link, source: &MessageRecord) -> Option<MessageRecord> {
        let number = self.roster.number_of(link.destination).filter(|number| self.marks[*number] & TAKEN == 0)?;
        let copy = Some(self.roster.get(number)).filter(|copy| are_linked(link, source, copy))?;
        self.marks[number] |= TAKEN;
        Some(copy)
    }

    /// Notes a link whose source message is gone.
    pub(in crate::diff) fn orphan(&mut self, link: &Link) {
        if let Some(number) = self.roster.number_of(link.destination) {
            let is_copy = link.is_ours() && is_copy_of(link, &self.roster.get(number));
            self.marks[number] |= if is_copy { ORPHANED | ORPHANED_COPY } else { ORPHANED };
        }
    }

    /// Those that nobody took, by UID.
    pub(in crate::diff) fn left(&self) -> Vec<MessageRecord> {
        let numbers = self.marks.iter().enumerate().filter(|(_, marks)| *marks & TAKEN == 0);
        numbers.map(|(number, _)| self.roster.get(number)).collect()
    }

    pub(in crate::diff) fn is_there(&self, uid: Uid) -> bool {
        self.roster.number_of(uid).is_some()
    }

    pub(in crate::diff) fn orphan_of(&self, uid: Uid) -> Option<Orphan> {
        let marks = self.marks[self.roster.number_of(uid)?];
        let whose = if marks & ORPHANED_COPY != 0 { Orphan::Ours } else { Orphan::Another };
        (marks & ORPHANED != 0).then_some(whose)
    }
}

/// The link of the next source message; those that come before it are of messages that are gone.
pub(in crate::diff) fn link_of(
    links: &mut Peekable<impl Iterator<Item = Result<Link>>>,
    source: Uid,
    mut orphan: impl FnMut(&Link),
) -> Result<Option<Link>> {
    let is_due = |link: &Result<Link>| link.as_ref().map_or(true, |link| link.source <= source);
    while let Some(link) = links.next_if(is_due) {
        let link = link?;
        if link.source == source {
            return Ok(Some(link));
        }
        orphan(&link);
    }
    Ok(None)
}

//! What is contested: the destination messages that no live link names, and the source messages that share their identity
//! with one of them. Who gets which is decided when all are known (`messages`).

use super::links::Ties;
use super::roster::Roster;
use crate::error::Result;
use crate::model::{Digest, Link, MessageRecord, Uid, UidSet};
use std::collections::{HashMap, HashSet};

/// The destination messages that no live link names.
pub(in crate::diff) struct Unlinked {
    /// Those that may be a source message's, ascending by identity.
    pub candidates: Roster,
    /// How many messages there are in all.
    pub held: u64,
    /// Of how many the link has lost its source message.
    pub ownerless: u64,
}

/// The destination records that no live link names. Those that are to be replaced are as good as gone, and those of others not
/// there.
pub(in crate::diff) fn unlinked(
    destination: impl Iterator<Item = Result<MessageRecord>>,
    ties: &mut Ties,
    [replaced, others]: [&UidSet; 2],
) -> Result<Unlinked> {
    let (mut candidates, mut held, mut ownerless) = (Roster::default(), 0, 0);
    for record in destination {
        let unlinked = ties.note_present(record?);
        ownerless += u64::from(unlinked.as_ref().is_some_and(|record| ties.is_orphaned(record.uid)));
        match unlinked {
            Some(record) if others.contains(record.uid) => continue,
            Some(record) if !replaced.contains(record.uid) => candidates.add(&record),
            _ => {}
        }
        held += 1;
    }
    candidates.sort_by_identity();
    Ok(Unlinked { candidates, held, ownerless })
}

/// A source message that shares its identity with candidates, of which this is the first.
#[derive(Clone, Copy)]
pub(in crate::diff) struct Contested {
    pub candidate: u32,
    pub source: Uid,
}

/// Candidates, and who may be theirs.
pub(in crate::diff) struct Contest {
    /// Destination records that no live link names, ascending by identity.
    candidates: Roster,
    /// By number of the candidate, whether it stays beyond all matches.
    unmatched: Vec<bool>,
    contested: Vec<Contested>,
    departed: Vec<MessageRecord>,
    /// Of these the links whose copies were not known again under another UIDVALIDITY.
    astray: HashMap<Uid, Link>,
}

impl Contest {
    pub(in crate::diff) fn new(candidates: Roster) -> Self {
        let unmatched = vec![true; candidates.len()];
        Contest { candidates, unmatched, contested: Vec::new(), departed: Vec::new(), astray: HashMap::new() }
    }

    pub(in crate::diff) fn is_contested(&self, record: &MessageRecord) -> bool {
        self.candidates.first_of(record.identity).is_some()
    }

    /// Takes note of a source message without a link, if it shares its identity with a candidate.
    pub(in crate::diff) fn take(&mut self, record: &MessageRecord) -> bool {
        let first = self.candidates.first_of(record.identity);
        self.contested.extend(first.map(|first| Contested { candidate: first as u32, source: record.uid }));
        first.is_some()
    }

    /// Takes note of a contested source message whose copy is gone.
    pub(in crate::diff) fn take_departed(&mut self, record: MessageRecord, link: Link) {
        if link.destination == Uid::NOWHERE {
            self.astray.insert(record.uid, link);
        }
        self.departed.push(record);
    }

    /// The link of a source message whose copy was not known again under another UIDVALIDITY.
    pub(in crate::diff) fn astray(&self, source: Uid) -> Option<&Link> {
        self.astray.get(&source)
    }

    /// The source messages whose copies are gone: those that are astray, and the others.
    pub(in crate::diff) fn departed(&mut self) -> (Vec<MessageRecord>, Vec<MessageRecord>) {
        std::mem::take(&mut self.departed).into_iter().partition(|record| self.astray.contains_key(&record.uid))
    }

    pub(in crate::diff) fn candidate(&self, number: usize) -> MessageRecord {
        self.candidates.get(number)
    }

    /// A candidate is somebody's, or in doubt.
    pub(in crate::diff) fn strike(&mut self, candidate: usize) {
        self.unmatched[candidate] = false;
    }

    /// The candidates that nobody has got.
    pub(in crate::diff) fn left(&self) -> impl Iterator<Item = MessageRecord> + '_ {
        let unmatched = self.unmatched.iter().enumerate().filter(|(_, unmatched)| **unmatched);
        unmatched.map(|(number, _)| self.candidates.get(number))
    }

    /// Those whose identity one message of each side has, ascending by source UID, and the others.
    pub(in crate::diff) fn part(&mut self) -> (Vec<Contested>, Vec<Contested>) {
        let mut contested = std::mem::take(&mut self.contested);
        contested.sort_unstable_by_key(|one| (one.candidate, one.source));
        let departed: HashSet<Option<Digest>> = self.departed.iter().map(|record| record.identity).collect();
        let mut several = Vec::new();
        for group in contested.chunk_by(|one, next| one.candidate == next.candidate) {
            let candidate = group[0].candidate as usize;
            let alone = group.len() == 1
                && self.candidates.alike(candidate).len() == 1
                && !departed.contains(&self.candidates.get(candidate).identity);
            if !alone {
                several.extend_from_slice(group);
            }
        }
        // Both are ascending by candidate. Most messages are single: these are not held twice.
        let mut passed = several.iter().map(|one| one.candidate).peekable();
        contested.retain(|one| {
            while passed.next_if(|candidate| *candidate < one.candidate).is_some() {}
            passed.peek() != Some(&one.candidate)
        });
        contested.sort_unstable_by_key(|one| one.source);
        (contested, several)
    }

    /// All candidates of these identities, and of those that have departed.
    pub(in crate::diff) fn take_candidates_of(&mut self, several: &[Contested]) -> Vec<MessageRecord> {
        let departed = self.departed.iter().filter_map(|record| self.candidates.first_of(record.identity));
        let mut firsts: Vec<usize> = several.iter().map(|one| one.candidate as usize).chain(departed).collect();
        firsts.sort_unstable();
        firsts.dedup();
        let mut taken = Vec::new();
        for number in firsts.into_iter().flat_map(|first| self.candidates.alike(first)) {
            self.unmatched[number] = false;
            taken.push(self.candidates.get(number));
        }
        taken
    }
}

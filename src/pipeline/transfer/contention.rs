//! Two processes that copy one account at the same time, each with a state of its own, so that neither knows of the other.
//!
//! What the other has stored since our scan is recognised before we send it (`reconcile`). What both had under way is there twice
//! then: it is named here, and never removed, for it is the other's as much as ours. Of the two, the one whose copy came later
//! gives way: it leaves the account to the other, so that no more is doubled than was under way.

use super::job::Job;
use crate::diff::comparing::same::is_copy_of;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::{counted, verb_for};
use crate::model::{Digest, LinkOrigin, MessageRecord, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::sharing::Sharing;
use std::collections::HashMap;

/// A message that is there twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubled {
    pub ours: Uid,
    pub other: Uid,
}

impl Doubled {
    /// Whether the other process had stored it when ours was.
    fn came_first(&self) -> bool {
        self.other < self.ours
    }
}

/// Which of these messages of the destination, that no link names, are what we have appended to the mailbox in this run.
///
/// # Errors
/// `State`.
pub fn doubled(access: &Access<'_>, job: &Job, landed: &[MessageRecord]) -> Result<Vec<Doubled>> {
    let source = &job.plan.source.raw;
    // What a broken connection of ours stored late is a second copy of ours; and who shares a mailbox may have sent the same.
    let explained = access.state.pair(source)?.is_some_and(|pair| pair.late_from.is_some())
        || Sharing::load(access, &[])?.is_shared(&job.plan.destination.raw);
    if landed.is_empty() || explained {
        return Ok(Vec::new());
    }
    let mut others: HashMap<Digest, Vec<&MessageRecord>> = HashMap::new();
    for record in landed.iter().rev() {
        if let Some(identity) = record.identity {
            others.entry(identity).or_default().push(record);
        }
    }
    let mut doubled = Vec::new();
    for link in access.state.links(source)? {
        let link = link?;
        if link.destination < job.standing.tail || link.origin != LinkOrigin::Appended {
            continue;
        }
        let Some(alike) = others.get_mut(&link.identity) else { continue };
        if let Some(at) = alike.iter().rposition(|record| is_copy_of(&link, record)) {
            doubled.push(Doubled { ours: link.destination, other: alike.remove(at).uid });
        }
    }
    Ok(doubled)
}

/// That these are there twice, by name.
pub fn told(job: &Job, doubled: &[Doubled]) -> Error {
    let count = doubled.len() as u64;
    let mut others: Vec<Uid> = doubled.iter().map(|it| it.other).collect();
    others.sort_unstable();
    let others: UidSet = others.into_iter().collect();
    let what = format!(
        "{} that this run copied {} there twice: another process copies the same, or the server stored a second copy",
        counted(count, "message"),
        verb_for(count, "is", "are")
    );
    Error::new(Kind::Changed, what)
        .scope(Scope::Mailbox)
        .because(format!("the other {} {others}", if count == 1 { "copy has UID" } else { "copies have UIDs" }))
        .in_mailbox(&job.plan.destination.path())
        .hint(
            "see to it that one process at a time works on an account, with one state; nothing is removed, for both are as \
             good: `mailferry verify` names what is there twice",
        )
}

/// That the rest is left to the other process, if it is.
pub fn giving_way(doubled: &[Doubled]) -> Option<Error> {
    doubled.iter().any(Doubled::came_first).then(|| {
        Error::new(Kind::Changed, "another process copies this account at the same time: the rest is left to it")
            .scope(Scope::Account)
            .hint("when it has ended, run `mailferry sync`: what is there is recognised, and what is missing is copied")
    })
}

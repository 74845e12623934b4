//! In which order the mailboxes of an account are copied: those of `priority` first, among equals the largest, for the last lane to
//! end ends soon after the others; and with `newest_first` in two passes over all of them, recent mail and then the rest.
//!
//! Those that go to one mailbox of the destination have one turn, one after the other.

use super::job::Job;
use crate::diff::routing::ranks::Ranks;
use crate::error::Result;
use crate::model::amount::{Amounts, grow};
use crate::model::{InternalDate, RawName, Side, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::fleet::attempts::now;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

/// What one lane does without another.
pub type Turn = Vec<Job>;

/// Turns that all are over before the next pass begins.
pub type Pass = VecDeque<Turn>;

/// The passes, the first one first; none of them is empty.
///
/// # Errors
/// `Settings` for a pattern that is no glob; `State`.
pub fn passes(access: &Access<'_>, jobs: Vec<Job>) -> Result<VecDeque<Pass>> {
    let policy = &access.account.policy;
    let ranks = Ranks::new(&policy.mailboxes)?;
    let (mut recent, mut rest) = (Vec::new(), Vec::new());
    match policy.newest_first {
        None => rest = jobs,
        Some(seconds) => {
            let from = InternalDate(now().saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX)));
            for job in jobs {
                split(access, job, from, [&mut recent, &mut rest])?;
            }
        }
    }
    let passes = [recent, rest].map(|jobs| turns(jobs, &ranks));
    Ok(passes.into_iter().filter(|pass| !pass.is_empty()).collect())
}

/// The part of a job that copies messages of that date or later, and the rest of it.
fn split(access: &Access<'_>, job: Job, from: InternalDate, [recent, rest]: [&mut Vec<Job>; 2]) -> Result<()> {
    let mut records = access.state.record_lookup(Side::Source, &job.plan.source.raw);
    let (mut new, mut octets) = (UidSet::new(), 0);
    for uid in job.plan.copies.iter() {
        let record = records.get(uid)?.filter(|record| record.internal_date.is_some_and(|date| date >= from));
        if let Some(record) = record {
            new.insert(uid);
            grow(&mut octets, record.octets);
        }
    }
    if new.is_empty() {
        rest.push(job);
    } else if new.len() == job.plan.copies.len() {
        recent.push(job);
    } else {
        let (first, then) = job.split(new, octets);
        recent.push(first);
        rest.push(then);
    }
    Ok(())
}

fn turns(jobs: Vec<Job>, ranks: &Ranks) -> Pass {
    let mut turns = by_destination(jobs);
    turns.sort_by_cached_key(|jobs| {
        let octets = jobs.iter().map(|job| job.plan.octets).total();
        (jobs.iter().map(|job| ranks.of(&job.plan.source)).min(), Reverse(octets))
    });
    turns.into()
}

fn by_destination(jobs: Vec<Job>) -> Vec<Turn> {
    let mut numbers: HashMap<RawName, usize> = HashMap::new();
    let mut together: Vec<Turn> = Vec::new();
    for job in jobs {
        let number = *numbers.entry(job.plan.destination.raw.clone()).or_insert(together.len());
        match together.get_mut(number) {
            Some(jobs) => jobs.push(job),
            None => together.push(vec![job]),
        }
    }
    together
}

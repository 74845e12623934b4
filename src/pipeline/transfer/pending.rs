//! What is planned to be copied from one mailbox and is not linked, in the order of the UIDs; what could not be copied in an
//! earlier run comes last, so that it holds up nothing.

use super::job::Job;
use crate::error::Result;
use crate::model::{Link, MessageRecord, Outcome, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::store::Lookup;

/// Reads through it.
pub struct Pending<'a> {
    uids: Box<dyn Iterator<Item = Uid> + 'a>,
    links: Lookup<Link>,
    records: Lookup<MessageRecord>,
}

impl<'a> Pending<'a> {
    /// From the first message on.
    ///
    /// # Errors
    /// `State`.
    pub fn new(access: &Access<'_>, job: &'a Job) -> Result<Self> {
        let name = &job.plan.source.raw;
        let (links, records) = (access.state.link_lookup(name)?, access.state.record_lookup(Side::Source, name));
        let failed = failed_before(access, job)?;
        let last: Vec<Uid> = failed.iter().collect();
        let first = job.plan.copies.iter().filter(move |uid| !failed.contains(*uid));
        Ok(Pending { uids: Box::new(first.chain(last)), links, records })
    }

    fn read_next(&mut self) -> Result<Option<MessageRecord>> {
        for uid in self.uids.by_ref() {
            if self.links.get(uid)?.is_none()
                && let Some(record) = self.records.get(uid)?
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

/// Those of the plan that could not be read, or were refused, when they were tried last.
fn failed_before(access: &Access<'_>, job: &Job) -> Result<UidSet> {
    let mut failed = UidSet::new();
    for exception in access.state.exceptions(&job.plan.source.raw) {
        let (uid, outcome) = exception?;
        if matches!(outcome, Outcome::Failed(_) | Outcome::Refused(_)) && job.plan.copies.contains(uid) {
            failed.insert(uid);
        }
    }
    Ok(failed)
}

/// Messages as last scanned.
impl Iterator for Pending<'_> {
    type Item = Result<MessageRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_next().transpose()
    }
}

//! What is planned to be copied from one mailbox and is not linked, in the order of the UIDs.

use super::job::Job;
use crate::error::Result;
use crate::model::{Link, MessageRecord, Side, Uid};
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
        Ok(Pending { uids: Box::new(job.plan.copies.iter()), links, records })
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

/// Messages as last scanned.
impl Iterator for Pending<'_> {
    type Item = Result<MessageRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_next().transpose()
    }
}

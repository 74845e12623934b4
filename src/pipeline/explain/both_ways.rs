//! What is to be said of a message in two-way mode besides: how it stands on the destination, and what goes back because of it.

use super::Explainer;
use crate::error::Result;
use crate::model::policy::{Deleted, Policy};
use crate::model::{Digest, Link, MailboxState, MessageRecord, Side, Uid};
use std::collections::HashSet;

impl Explainer<'_> {
    /// The destination mailbox as last listed, where the account is kept both ways.
    fn counterpart(&self) -> Result<Option<MailboxState>> {
        let place = self.plan.as_ref().map(|plan| plan.destination.raw.clone());
        let Some(place) = place.filter(|_| self.policy.is_two_way()) else { return Ok(None) };
        Ok(self.state.mailbox(Side::Destination, &place)?.filter(|it| it.sync_point.is_some() && it.trouble.is_none()))
    }

    /// What goes back of a message of the source.
    pub(super) fn way_back(&mut self, record: Option<&MessageRecord>, link: Option<&Link>) -> Result<()> {
        let (Some(theirs), Some(link)) = (self.counterpart()?, link) else { return Ok(()) };
        let copy = self.state.record(Side::Destination, &theirs.name.raw, link.destination)?;
        let line = match (record, copy) {
            (_, Some(copy)) if copy.flags != link.agreed => format!(
                "The other way: its user changed the flags there to {} since both agreed, and what was changed is changed on the \
                 source when mail goes that way.",
                copy.flags
            ),
            (Some(_), Some(_)) => "The other way: nothing, the flags of the copy are as agreed.".to_owned(),
            (Some(_), None) => format!(
                "The other way: the copy is gone, and this message {} when mail goes that way, if the server says once more that the \
                 copy is not there, and within delete_guard. Were it changed here meanwhile, it would stay, and go there again.",
                goes(self.policy)
            ),
            (None, Some(_)) => {
                format!("That copy {} in the next pass, unless it was changed there.", goes(self.policy))
            }
            (None, None) => "It is gone from both.".to_owned(),
        };
        self.say(line);
        Ok(())
    }

    /// Messages of that identity that only the destination has. Whether there are any.
    pub(super) fn new_there(&mut self, identity: Option<Digest>) -> Result<bool> {
        let (Some(theirs), Some(identity)) = (self.counterpart()?, identity) else { return Ok(false) };
        let linked = self.linked_copies()?;
        let mut found = Vec::new();
        for record in self.state.records(Side::Destination, &theirs.name.raw)? {
            let record = record?;
            if record.identity == Some(identity) && !linked.contains(&record.uid) {
                found.push(record);
            }
        }
        for record in &found {
            self.say(format!(
                "UID {} in `{}` on the destination: {} bytes, flags {}. No link names it: it is new there, and is copied to the \
                 source when mail goes the other way.",
                record.uid, theirs.name, record.octets, record.flags
            ));
        }
        Ok(!found.is_empty())
    }

    fn linked_copies(&self) -> Result<HashSet<Uid>> {
        self.state.links(&self.source.name.raw)?.map(|link| Ok(link?.destination)).collect()
    }
}

fn goes(policy: &Policy) -> &'static str {
    match policy.deleted {
        Deleted::Trash => "is moved to the trash of its side (deleted = \"trash\")",
        Deleted::Expunge => "is expunged (deleted = \"expunge\")",
        Deleted::Mark => "is marked as deleted (deleted = \"mark\")",
    }
}

//! What of a destination mailbox is whose, where several source mailboxes go to it: for a verification, whose listings stand aside.

use super::carrying::known_between;
use super::pairing::pairing;
use super::sharing::Sharing;
use super::snapshots::Snapshots;
use crate::diff::comparing::same::Keeps;
use crate::diff::routing::mapping::MailboxPair;
use crate::diff::share::{Sharer, share_out};
use crate::error::Result;
use crate::model::{Link, MailboxState, MessageRecord, RawName, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use std::collections::{HashMap, HashSet};

/// By source mailbox, the messages of its destination that are others'. Where nothing is shared, there is nothing in it.
#[derive(Default)]
pub struct Shares(HashMap<RawName, UidSet>);

impl Shares {
    /// What was listed `aside`, with what `access` knows of it.
    ///
    /// # Errors
    /// `State`.
    pub fn of(
        [access, aside]: [&Access<'_>; 2],
        snapshots: &Snapshots<'_>,
        pairs: &[MailboxPair],
        keeps: Keeps,
    ) -> Result<Shares> {
        let sharing = Sharing::load(access, pairs)?;
        let mut groups: HashMap<&RawName, Vec<&MailboxPair>> = HashMap::new();
        for pair in pairs.iter().filter(|pair| !pair.create && sharing.is_shared(&pair.destination.raw)) {
            groups.entry(&pair.destination.raw).or_default().push(pair);
        }
        let mut shares = Shares::default();
        for (name, pairs) in groups {
            let sources: Vec<&MailboxState> =
                pairs.iter().filter_map(|pair| snapshots.mailbox(Side::Source, &pair.source.raw)).collect();
            let destination = snapshots.mailbox(Side::Destination, name);
            if let Some(destination) = destination.filter(|destination| destination.sync_point.is_some()) {
                shares.share([access, aside], &sharing, &sources, destination, keeps)?;
            }
        }
        Ok(shares)
    }

    /// The messages of its destination that are not that source mailbox'.
    pub fn others(&self, source: &RawName) -> UidSet {
        self.0.get(source).cloned().unwrap_or_default()
    }

    fn share(
        &mut self,
        [access, aside]: [&Access<'_>; 2],
        sharing: &Sharing,
        sources: &[&MailboxState],
        destination: &MailboxState,
        keeps: Keeps,
    ) -> Result<()> {
        let records = |side, name: &RawName| aside.state.records(side, name)?.collect::<Result<Vec<MessageRecord>>>();
        let Some(first) = sources.first() else { return Ok(()) };
        let strangers = sharing.other_accounts(&pairing(first, destination))?;
        let mut taken = strangers.clone();
        let mut sharers = Vec::new();
        for source in sources {
            let known = known_between([access, aside], source, Some(destination), &taken, keeps)?;
            let links = known.links.read()?.collect::<Result<Vec<Link>>>()?;
            links.iter().filter(|link| !link.destination.is_stand_in()).for_each(|link| taken.insert(link.destination));
            let links = links.into_iter().map(|link| (link.source, link)).collect();
            sharers.push(Sharer { source: records(Side::Source, &source.name.raw)?, links });
        }
        let mut there = records(Side::Destination, &destination.name.raw)?;
        let all: Vec<Uid> = there.iter().map(|record| record.uid).collect();
        there.retain(|record| !strangers.contains(record.uid));
        let validity = |mailbox: &MailboxState| mailbox.sync_point.unwrap_or_default().uid_validity;
        let known = access.state.contents(Side::Destination, &destination.name.raw, validity(destination));
        let contents = |side, record: &MessageRecord| if side == Side::Destination { known.of(record) } else { None };
        let own = share_out(sharers, there, keeps, &contents);
        for (source, own) in sources.iter().zip(own) {
            self.0.insert(source.name.raw.clone(), without(&all, &own));
        }
        Ok(())
    }
}

fn without(all: &[Uid], own: &HashSet<Uid>) -> UidSet {
    all.iter().copied().filter(|uid| !own.contains(uid)).collect()
}

//! Destination mailboxes that several source mailboxes go to, of one account or of several, because the user wants them merged:
//! which messages there are the others'.
//!
//! Invariants:
//! 1. A message that another source mailbox is tied to, or whose copy it was, is nobody else's: it is neither tied to a second
//!    one, nor counted, nor deleted as this one's.
//! 2. A source mailbox that is not listed any more, or as a container only, holds nothing back: it may be renamed, and what was copied of it is known
//!    again by the mailbox that it is now.
//!
//! What another account has there is known from its part of the state, so that merged accounts share one state. Its links
//! under an older UIDVALIDITY hold nothing back until its own next run carries them over.

use crate::diff::routing::mapping::MailboxPair;
use crate::error::Result;
use crate::model::{Link, MailboxState, Pairing, RawName, Side, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use crate::store::AccountStore;
use std::collections::{HashMap, HashSet};

/// Who goes where.
pub struct Sharing {
    by_destination: HashMap<RawName, Vec<Sharer>>,
}

/// A source mailbox of this account or of another.
struct Sharer {
    state: AccountStore,
    source: RawName,
    is_own: bool,
}

impl Sharing {
    /// By these pairs, and by what is linked already.
    ///
    /// # Errors
    /// `State`.
    pub fn load(access: &Access<'_>, pairs: &[MailboxPair]) -> Result<Sharing> {
        let state = &access.state;
        let listed: HashSet<RawName> = state
            .mailboxes(Side::Source)?
            .into_iter()
            .filter(MailboxState::is_selectable)
            .map(|mailbox| mailbox.name.raw)
            .collect();
        let linked = state.reaches().into_iter().map(|reach| reach.pairing);
        let linked = linked.map(|pairing| (pairing.destination, pairing.source));
        let planned = pairs.iter().map(|pair| (pair.destination.raw.clone(), pair.source.raw.clone()));
        let own: HashSet<(RawName, RawName)> =
            linked.filter(|(_, source)| listed.contains(source)).chain(planned).collect();
        let mut sharing = Sharing { by_destination: HashMap::new() };
        for (destination, source) in own {
            sharing.add(destination, Sharer { state: state.clone(), source, is_own: true });
        }
        for companion in &access.account.policy.mailboxes.companions {
            let state = access.migration.store.account(companion).facing(access.account.direction());
            for reach in state.reaches() {
                let Pairing { source, destination, .. } = reach.pairing;
                sharing.add(destination, Sharer { state: state.clone(), source, is_own: false });
            }
        }
        Ok(sharing)
    }

    fn add(&mut self, destination: RawName, sharer: Sharer) {
        self.by_destination.entry(destination).or_default().push(sharer);
    }

    /// Whether others go to that mailbox of the destination, too.
    pub fn is_shared(&self, destination: &RawName) -> bool {
        let sharers = self.by_destination.get(destination).map_or(&[][..], Vec::as_slice);
        sharers.len() > 1 || sharers.iter().any(|sharer| !sharer.is_own)
    }

    /// The messages of the destination mailbox of that pair which are others', under its UIDVALIDITY.
    ///
    /// # Errors
    /// `State`.
    pub fn others(&self, own: &Pairing) -> Result<UidSet> {
        self.ties(own, |sharer| !(sharer.is_own && sharer.source == own.source))
    }

    /// Those of them that are other accounts'.
    ///
    /// # Errors
    /// `State`.
    pub fn other_accounts(&self, own: &Pairing) -> Result<UidSet> {
        self.ties(own, |sharer| !sharer.is_own)
    }

    fn ties(&self, own: &Pairing, wanted: impl Fn(&Sharer) -> bool) -> Result<UidSet> {
        let mut uids = Vec::new();
        let sharers = self.by_destination.get(&own.destination).into_iter().flatten();
        for sharer in sharers.filter(|sharer| wanted(sharer)) {
            sharer.add_ties(own, &mut uids)?;
        }
        uids.sort_unstable();
        uids.dedup();
        Ok(uids.into_iter().collect())
    }
}

impl Sharer {
    fn add_ties(&self, own: &Pairing, uids: &mut Vec<Uid>) -> Result<()> {
        // One that cannot be read is matched anew when its turn comes.
        let Some(pair) = self.state.pair(&self.source).ok().flatten() else { return Ok(()) };
        let holds = (&pair.pairing.destination, pair.pairing.destination_validity)
            == (&own.destination, own.destination_validity);
        if !holds {
            return Ok(());
        }
        for link in self.state.links(&self.source)? {
            let Link { destination, .. } = link?;
            uids.extend((destination != Uid::NOWHERE).then_some(destination));
        }
        for replaced in self.state.replaced(&self.source)? {
            uids.push(replaced?.copy.destination);
        }
        Ok(())
    }
}

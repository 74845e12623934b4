//! The part of a pair that a change bears on: what is to be compared where the rest is known to be tied one to one, with nothing to
//! be done, as it was when the pair was settled (`store/settlement.rs`). What one new message costs is then no matter of how many
//! others there are.
//!
//! Invariants:
//! 1. The plan of a part is the plan of the whole: all its fields, the links that it records, and what it leaves to stand on
//!    (`tests/diff_properties/by_change.rs`; in debug builds each is compared with the whole).
//! 2. A part is closed: whoever is left out of it is listed as it was, its link is what it was, and so is its copy, which no other link
//!    names. It holds what is new, gone or altered on either side, whatever is tied to that by a link, what no link names on the
//!    destination, the links that have lost their source message, and messages of which something is lost.
//! 3. As many messages of the source are left out as links, and as messages of the destination: what does not add up is no part
//!    (`part_that_does_not_add_up_is_none`).
//! 4. What is not simple is compared whole: there is no part (`what_is_not_simple_is_compared_whole`).
//!
//! Memory: some hundred octets for each message of the part, of which there are at most [`PART_MESSAGES`].

use crate::diff::comparing::comparison::Apart;
use crate::error::Result;
use crate::model::{Ground, Journal, Link, MailboxState, MessageRecord, PairState, Settlement, Side, Uid, UidSet};
use crate::store::AccountStore;

/// The most messages of one side that are compared as a part.
pub const PART_MESSAGES: u64 = 16_384;

/// The most copies whose links are looked for.
const COPIES_LOOKED_FOR: usize = 512;

/// What is compared of a pair, ascending by UID.
pub struct Part {
    pub source: Vec<MessageRecord>,
    pub destination: Vec<MessageRecord>,
    pub links: Vec<Link>,
    /// All the others.
    pub apart: Apart,
    /// The highest UIDs among them (`Ground::last`).
    last: [Uid; 2],
}

impl Part {
    /// What the next plan can stand on, if it is known of the part.
    pub fn ground(&self, ground: Ground) -> Ground {
        let [source, copy] = ground.last;
        Ground { last: [self.last[0].max(source), self.last[1].max(copy)], ..ground }
    }

    /// UIDs of its source messages, and of its links: all links of the pair that have lost their source messages are among them, and
    /// all that came since.
    pub fn linked(&self) -> UidSet {
        let links = self.links.iter().map(|link| link.source);
        let mut linked: UidSet = self.source.iter().map(|record| record.uid).collect();
        linked.merge(&links.collect());
        linked
    }

    /// UIDs of its destination messages: others that its links name are gone, or tied to somebody else.
    pub fn listed(&self) -> UidSet {
        self.destination.iter().map(|record| record.uid).collect()
    }

    /// What a change since the pair was settled bears on; `None` where it is to be compared whole.
    ///
    /// # Errors
    /// `State`, `Damaged`.
    pub fn of(
        state: &AccountStore,
        listings: [&MailboxState; 2],
        pair: &PairState,
        policy: [u8; 16],
    ) -> Result<Option<Part>> {
        let Some(settlement) = state.settlement(&pair.pairing.source)? else { return Ok(None) };
        let Some(changed) = changed(state, listings, &settlement)? else { return Ok(None) };
        if settlement.settled.policy != policy || !is_plain(state, listings, pair, &settlement)? {
            return Ok(None);
        }
        let Some(mut gathered) = Gathered::by_links(state, pair, &settlement, &changed[0])? else { return Ok(None) };
        if !gathered.close(state, pair, &settlement, &changed[1])? {
            return Ok(None);
        }
        gathered.into_part(state, listings, pair, &settlement)
    }
}

/// What was listed otherwise since, on either side.
fn changed(state: &AccountStore, listings: [&MailboxState; 2], settlement: &Settlement) -> Result<Option<[UidSet; 2]>> {
    let since = [settlement.settled.source_revision, settlement.settled.destination_revision];
    let mut changed = [UidSet::new(), UidSet::new()];
    for (index, side) in Side::BOTH.into_iter().enumerate() {
        match state.journal(side, listings[index])? {
            Some(Journal { since: from, changed: uids, .. }) if from == since[index] => changed[index] = uids,
            _ => return Ok(None),
        }
    }
    Ok(Some(changed))
}

/// Whether nothing is known of the pair but its links and listings, and all that was appended since is listed behind what was there.
fn is_plain(
    state: &AccountStore,
    [source, destination]: [&MailboxState; 2],
    pair: &PairState,
    settlement: &Settlement,
) -> Result<bool> {
    let name = &pair.pairing.source;
    let holds = pair.pairing.holds_for(Side::Source, source)
        && pair.pairing.holds_for(Side::Destination, destination)
        && pair.pairing.source_validity.is_lasting()
        && pair.pairing.destination_validity.is_lasting();
    let listed_below = destination.sync_point.and_then(|point| point.uid_next);
    let ascends = listed_below.is_some_and(|next| next >= settlement.below)
        && pair.unseen_from.is_none_or(|from| from >= settlement.below);
    let is_clean = pair.intent.is_none() && pair.late_from.is_none();
    if !holds || !ascends || !is_clean {
        return Ok(false);
    }
    // What cannot be read is something, too.
    let nothing_said = state.agreement(name, pair.pairing.source_validity)?.accepted.is_empty();
    Ok(nothing_said
        && state.exceptions(name).next().is_none()
        && state.remembered(name).next().is_none()
        && state.replaced(name)?.next().is_none())
}

/// A part in the making.
struct Gathered {
    source: UidSet,
    destination: UidSet,
    links: Vec<Link>,
}

impl Gathered {
    /// What is told by source messages: those that changed, or whose links did, and those that had no part in the ground. `None`
    /// where a link that is new names what was somebody else's, or one that had lost its source message may have it again.
    fn by_links(
        state: &AccountStore,
        pair: &PairState,
        settlement: &Settlement,
        changed: &UidSet,
    ) -> Result<Option<Gathered>> {
        let Settlement { ground, relinked, anew, freed, below, .. } = settlement;
        let mut source = changed.clone();
        [relinked, &ground.orphaned, &ground.lossy].into_iter().for_each(|uids| source.merge(uids));
        let mut destination = ground.unlinked.clone();
        destination.merge(freed);
        if source.len().max(destination.len()) > PART_MESSAGES {
            return Ok(None);
        }
        let is_free = |uid: Uid| uid >= *below || destination.contains(uid);
        let (mut lookup, mut links, mut tied) = (state.link_lookup(&pair.pairing.source)?, Vec::new(), Vec::new());
        for uid in source.iter() {
            let Some(link) = lookup.get(uid)? else { continue };
            let is_anew = anew.contains(uid);
            let comes_back = !is_anew && ground.orphaned.contains(uid) && changed.contains(uid);
            if comes_back || is_anew && !is_free(link.destination) {
                return Ok(None);
            }
            // What an orphaned link names may be somebody else's copy by now: then that has no part in it.
            if is_anew || !ground.orphaned.contains(uid) {
                tied.push(link.destination);
            }
            links.push(link);
        }
        tied.sort_unstable();
        destination.merge(&tied.into_iter().filter(|uid| !uid.is_stand_in()).collect());
        Ok(Some(Gathered { source, destination, links }))
    }

    /// Adds what changed on the destination, with the links that name it. Tells whether all of these are known.
    fn close(
        &mut self,
        state: &AccountStore,
        pair: &PairState,
        settlement: &Settlement,
        changed: &UidSet,
    ) -> Result<bool> {
        let is_unknown = |uid: &Uid| *uid < settlement.below && !self.destination.contains(*uid);
        let unknown: Vec<Uid> = changed.iter().filter(is_unknown).collect();
        if unknown.len() > COPIES_LOOKED_FOR {
            return Ok(false);
        }
        if !unknown.is_empty() {
            let mut besides = settlement.ground.orphaned.clone();
            besides.merge(&settlement.relinked);
            let mut by_copy = state.links_by_copy(&pair.pairing.source, besides)?;
            for copy in unknown {
                let Some(link) = by_copy.find(copy)? else { return Ok(false) };
                // All links of the part are known by their copies.
                if self.source.contains(link.source) {
                    return Ok(false);
                }
                self.source.insert(link.source);
                self.links.push(link);
            }
            self.links.sort_by_key(|link| link.source);
        }
        self.destination.merge(changed);
        Ok(self.destination.len() <= PART_MESSAGES)
    }

    /// Reads the records, and counts what is left out. `None` where copies do not stand in order, or invariant 3 does not hold.
    fn into_part(
        self,
        state: &AccountStore,
        [source, destination]: [&MailboxState; 2],
        pair: &PairState,
        settlement: &Settlement,
    ) -> Result<Option<Part>> {
        let records = |side, mailbox: &MailboxState, uids: &UidSet| -> Result<Vec<MessageRecord>> {
            let mut lookup = state.record_lookup(side, &mailbox.name.raw);
            uids.iter().filter_map(|uid| lookup.get(uid).transpose()).collect()
        };
        let ours = records(Side::Source, source, &self.source)?;
        let theirs = records(Side::Destination, destination, &self.destination)?;
        if !self.ascends(&ours, settlement) {
            return Ok(None);
        }
        let apart = |all: u64, part: usize| all.checked_sub(part as u64);
        let left_out = [
            apart(u64::from(source.records), ours.len()),
            apart(u64::from(destination.records), theirs.len()),
            apart(pair.links, self.links.len()),
        ];
        let copied = self.links.iter().filter(|link| link.is_ours()).count();
        let (Some(links), Some(copied)) = (left_out[2], apart(settlement.ours, copied)) else { return Ok(None) };
        if left_out != [Some(links); 3] || copied > links {
            return Ok(None);
        }
        let apart = Apart { present: links - copied, copied };
        let last = settlement.ground.last;
        Ok(Some(Part { source: ours, destination: theirs, links: self.links, apart, last }))
    }

    /// Whether copies that had no place in the order stand behind all that had one, in the order of their source messages.
    fn ascends(&self, source: &[MessageRecord], settlement: &Settlement) -> bool {
        let Settlement { anew, ground, .. } = settlement;
        let is_there = |uid: Uid| source.binary_search_by_key(&uid, |record| record.uid).is_ok();
        let placed = self.links.iter().filter(|link| link.is_ours() && is_there(link.source));
        let mut last = ground.last;
        for link in placed.filter(|link| anew.contains(link.source) || ground.orphaned.contains(link.source)) {
            let next = [link.source, link.destination];
            if next[0] <= last[0] || next[1] <= last[1] {
                return false;
            }
            last = next;
        }
        true
    }
}

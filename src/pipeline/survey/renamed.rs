//! Between scan and plan: mailboxes that have another name by now are known again (`diff/renames.rs`).
//!
//! - What is known of a source mailbox that was renamed goes on under its new name: that two listings are of one mailbox is a fact.
//!   Its copy keeps its name until the next apply renames it (`transfer/renaming.rs`), and until then it goes on to be copied there.
//!   One that a run left uncleanly is renamed by the apply after the next: what is in its tail is found first.
//! - A copy that was renamed, by us without our knowing (the answer was lost) or by its user, is known again under the name that its
//!   source mailbox asks for.
//!
//! What cannot be told so is no rename: its messages are moved one by one, or copied.

use super::alike::{is_copy, is_source, is_whole, unless_damaged};
use super::sharing::Sharing;
use super::snapshots::Snapshots;
use crate::diff::renames::{Follower, following};
use crate::diff::routing::mapping::{MailboxPair, Mapping};
use crate::error::{Kind, Result, Scope};
use crate::model::{MailboxName, MailboxState, PairState, RawName, Renaming, Side, Stage, Uid};
use crate::pipeline::fleet::access::Access;
use crate::store::AccountStore;
use std::collections::{HashMap, HashSet};

/// Knows mailboxes again, both sides having been listed.
///
/// # Errors
/// `State`, `Settings`.
pub fn recognise_renamed(access: &Access<'_>) -> Result<()> {
    if !access.account.policy.follows_moves() {
        return Ok(());
    }
    // What cannot be read of the state is matched anew.
    let pairs = || access.state.pairs().unwrap_or_default();
    let snapshots = Snapshots::load(access)?;
    let by_name = Side::BOTH.map(|side| snapshots.by_name(side));
    let renamed = Renamed { access, snapshots: &snapshots, by_name };
    let found = renamed.copies(&pairs())? + renamed.sources(&pairs())?;
    if found > 0 {
        access.gauge.on_state(|| access.migration.store.flush())?;
    }
    Ok(())
}

struct Renamed<'a> {
    access: &'a Access<'a>,
    snapshots: &'a Snapshots<'a>,
    by_name: [HashMap<&'a RawName, &'a MailboxState>; 2],
}

/// A source mailbox and its pair, of before.
struct Found<'p> {
    pair: &'p PairState,
    source: RawName,
}

impl Renamed<'_> {
    /// Copies that have another name.
    fn copies(&self, pairs: &[PairState]) -> Result<usize> {
        let renamings = self.access.state.renamings();
        let noted = |pair: &PairState| {
            let pairing = &pair.pairing;
            renamings.iter().find(|it| it.source == pairing.source && it.from.raw == pairing.destination)
        };
        let is_missing = |pair: &&PairState| {
            let pairing = &pair.pairing;
            let is_known = noted(pair).is_some() || self.listed(Side::Source, &pairing.source).is_some();
            pair.links > 0 && is_known && self.is_gone(Side::Destination, &pairing.destination)
        };
        let missing: Vec<&PairState> = pairs.iter().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        let mapping = self.snapshots.map()?;
        let mut taken: HashSet<&RawName> = pairs.iter().map(|pair| &pair.pairing.destination).collect();
        let mut found = 0;
        for pair in missing {
            let source = &pair.pairing.source;
            let asked = noted(pair).map(|noted| (&noted.to, noted.stage == Stage::Asked));
            let place = pair_of(&mapping, source).filter(|it| !it.create).map(|it| (&it.destination, false));
            for (to, is_asked) in asked.into_iter().chain(place) {
                let listed = self.listed(Side::Destination, &to.raw).filter(|_| !taken.contains(&to.raw));
                let Some(listed) = listed else { continue };
                if unless_damaged(self.is_copy(pair, listed, is_asked))? {
                    self.renamed(|state| state.rename_destination(source, to), &pair.destination, to)?;
                    taken.insert(&to.raw);
                    found += 1;
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Source mailboxes that have another name, and copies that are to follow.
    fn sources(&self, pairs: &[PairState]) -> Result<usize> {
        let noted = self.access.state.renamings();
        let found = self.found(pairs)?;
        if found.is_empty() && noted.is_empty() {
            return Ok(0);
        }
        let (natural, kept) = (self.natural(&noted)?, self.kept(&found)?);
        let mut followers = self.recorded(&found, &natural)?;
        let (more, waiting) = self.still_to_follow(&noted, pairs, &natural)?;
        followers.extend(more);
        let sharing = Sharing::load(self.access, &kept.pairs)?;
        let mut fit = Vec::new();
        for follower in followers {
            if unless_damaged(self.is_fit(&follower, pairs, &kept, &sharing))? {
                fit.push(follower);
            }
        }
        let following = following(fit, self.snapshots.mailboxes(Side::Destination), &self.empty_copies(pairs));
        for Follower { former, source, from, to } in &following {
            let renaming = Renaming { source: source.clone(), from: from.clone(), to: to.clone(), stage: Stage::Ready };
            match former == source {
                true => self.put(&renaming, &noted)?,
                false => self.rename_source(former, source, from, Some(&renaming))?,
            }
        }
        let stands = |source: &RawName| waiting.contains(source) || following.iter().any(|it| it.source == *source);
        let mut over = noted.iter().filter(|noted| !stands(&noted.source));
        over.try_for_each(|noted| self.access.state.forget_renaming(&noted.source))?;
        Ok(found.len() + noted.len())
    }

    /// Records what needs no RENAME, or has to wait for it. Returns whose copies may follow.
    fn recorded(&self, found: &[Found<'_>], natural: &Mapping) -> Result<Vec<Follower>> {
        let mut followers = Vec::new();
        for Found { pair, source } in found {
            let Some(to) = place_of(natural, source) else { continue };
            let (former, from) = (&pair.pairing.source, &pair.destination);
            match standing(pair, to) {
                Standing::InPlace => self.rename_source(former, source, from, None)?,
                Standing::Unclean => {
                    let (source, from, to) = (source.clone(), from.clone(), to.clone());
                    let renaming = Renaming { source, from, to, stage: Stage::Waiting };
                    self.rename_source(former, &renaming.source, &renaming.from, Some(&renaming))?;
                }
                Standing::Elsewhere => followers.push(follower(pair, source, to)),
            }
        }
        Ok(followers)
    }

    /// The same of copies that are noted to follow, and the source mailboxes of those that have to wait.
    fn still_to_follow<'n>(
        &self,
        noted: &'n [Renaming],
        pairs: &[PairState],
        natural: &Mapping,
    ) -> Result<(Vec<Follower>, HashSet<&'n RawName>)> {
        let (mut followers, mut waiting) = (Vec::new(), HashSet::new());
        for renaming in noted {
            let pair = pairs.iter().find(|pair| pair.pairing.source == renaming.source);
            let pair = pair.filter(|pair| pair.pairing.destination == renaming.from.raw);
            let Some((pair, to)) = pair.zip(place_of(natural, &renaming.source)) else { continue };
            match standing(pair, to) {
                Standing::InPlace => {}
                Standing::Unclean => {
                    self.put(&Renaming { to: to.clone(), stage: Stage::Waiting, ..renaming.clone() }, noted)?;
                    waiting.insert(&renaming.source);
                }
                Standing::Elsewhere => followers.push(follower(pair, &renaming.source, to)),
            }
        }
        Ok((followers, waiting))
    }

    /// Notes what was not noted so.
    fn put(&self, renaming: &Renaming, noted: &[Renaming]) -> Result<()> {
        if noted.contains(renaming) { Ok(()) } else { self.access.state.put_renaming(renaming) }
    }

    /// What is known of a source mailbox goes on under its new name, with what is to become of its copy.
    fn rename_source(
        &self,
        former: &RawName,
        source: &RawName,
        copy: &MailboxName,
        renaming: Option<&Renaming>,
    ) -> Result<()> {
        let to = renaming.map_or(copy, |renaming| &renaming.to);
        self.renamed(|state| state.rename_source(former, source, renaming), copy, to)?;
        unless_damaged(self.identify(source)).map(drop)
    }

    /// Copies of ours that are empty, and whose source mailbox is gone.
    fn empty_copies<'p>(&self, pairs: &'p [PairState]) -> HashSet<&'p RawName> {
        let is_empty = |name: &RawName| self.listed(Side::Destination, name).is_some_and(|it| it.records == 0);
        let is_over = |pair: &&PairState| {
            pair.links == 0 && pair.intent.is_none() && self.is_gone(Side::Source, &pair.pairing.source)
        };
        let over = pairs.iter().filter(is_over).map(|pair| &pair.pairing.destination);
        over.filter(|name| is_empty(name)).collect()
    }

    /// What the links tell need not be asked for.
    fn identify(&self, source: &RawName) -> Result<bool> {
        let pair = self.access.state.pair(source)?;
        pair.map_or(Ok(false), |pair| self.access.state.identify_linked(&pair.pairing))
    }

    /// What is damaged is matched anew.
    fn renamed(
        &self,
        rename: impl FnOnce(&AccountStore) -> Result<()>,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<()> {
        match rename(&self.access.state) {
            Err(error) if *error.kind() == Kind::Damaged && error.reach() < Scope::Run => {
                self.access
                    .notice(&format!("what is known of `{from}` is not carried over to `{to}`: {}", error.summary()));
                Ok(())
            }
            done => done,
        }
    }

    /// Pairs whose source mailbox is gone, each with the one mailbox that it is now.
    fn found<'p>(&self, pairs: &'p [PairState]) -> Result<Vec<Found<'p>>> {
        // One way an empty copy is no one's loss; both ways it would come back under its old name.
        let is_two_way = self.access.account.policy.is_two_way();
        let is_used = |pair: &&PairState| pair.links > 0 || pair.intent.is_some() || is_two_way;
        let gone: Vec<&PairState> =
            pairs.iter().filter(is_used).filter(|pair| self.is_gone(Side::Source, &pair.pairing.source)).collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let known: HashSet<&RawName> = pairs.iter().map(|pair| &pair.pairing.source).collect();
        let fresh = self.snapshots.mailboxes(Side::Source).iter();
        let fresh: Vec<&MailboxState> =
            fresh.filter(|it| !known.contains(&it.name.raw) && is_whole(it) && !it.name.is_inbox()).collect();
        let (sources, mut found) = (self.snapshots.mailboxes(Side::Source), Vec::<Found<'p>>::new());
        for pair in gone {
            let mut alike = Vec::new();
            for mailbox in &fresh {
                if unless_damaged(is_source(self.access, pair, mailbox, sources))? {
                    alike.push(mailbox.name.raw.clone());
                }
            }
            if let [source] = &alike[..] {
                found.push(Found { pair, source: source.clone() });
            }
        }
        // One mailbox cannot be two. Where its messages were on the way from one to the other, they are looked for where they go.
        let is_sure = |it: &Found<'_>| {
            let claims = || found.iter().filter(|other| other.source == it.source);
            let on_the_way = claims().filter(|it| it.pair.intent.is_some()).count();
            claims().count() == 1 || (on_the_way == 1 && it.pair.intent.is_some())
        };
        let sure: Vec<bool> = found.iter().map(is_sure).collect();
        let mut sure = sure.into_iter();
        found.retain(|_| sure.next().unwrap_or(false));
        Ok(found)
    }

    /// Whether a mailbox of the destination is the one that the links name. Where RENAME `is_asked` and the server gave it another
    /// UIDVALIDITY with its name (Cyrus), that the old name is gone and the new one is there is all that can be known; what is
    /// listed in it is compared with the links then, as after any other change of it.
    fn is_copy(&self, pair: &PairState, mailbox: &MailboxState, is_asked: bool) -> Result<bool> {
        match pair.pairing.destination_validity.is_lasting() && pair.pairing.holds_for(Side::Destination, mailbox) {
            true => is_copy(self.access, pair, mailbox, self.snapshots.mailboxes(Side::Destination)),
            false => Ok(is_asked),
        }
    }

    /// Which goes where by their names of now.
    fn natural(&self, noted: &[Renaming]) -> Result<Mapping> {
        self.snapshots.map_as_copied(&noted.iter().map(|noted| (noted.source.clone(), None)).collect())
    }

    /// Which goes where once their sources are known again.
    fn kept(&self, found: &[Found<'_>]) -> Result<Mapping> {
        let copied = found.iter().map(|it| (it.source.clone(), Some(it.pair.pairing.destination.clone())));
        self.snapshots.map_as_copied(&copied.collect())
    }

    /// Whether the copy is ours alone, or both sides are equal, and its source goes on to go there for as long as it has its name.
    fn is_fit(&self, follower: &Follower, pairs: &[PairState], kept: &Mapping, sharing: &Sharing) -> Result<bool> {
        let Follower { former, source, from, to } = follower;
        let Some(pair) = pairs.iter().find(|pair| pair.pairing.source == *former) else { return Ok(false) };
        let goes_there = kept.pairs.iter().filter(|it| it.destination.raw == from.raw).map(|it| &it.source.raw);
        let is_alone = goes_there.eq([source]) && ![from, to].iter().any(|name| sharing.is_shared(&name.raw));
        let is_seen = ![from, to].iter().any(|name| self.snapshots.may_hide(Side::Destination, &name.raw));
        let Some(copy) = self.listed(Side::Destination, &from.raw).filter(|_| is_alone && is_seen) else {
            return Ok(false);
        };
        if !pair.pairing.holds_for(Side::Destination, copy) {
            return Ok(false);
        }
        if self.access.account.policy.is_two_way() {
            return Ok(true);
        }
        let mut ours: Vec<Uid> = Vec::new();
        for link in self.access.state.links(former)? {
            let link = link?;
            ours.extend(link.is_ours().then_some(link.destination));
        }
        ours.sort_unstable();
        for record in self.access.state.records(Side::Destination, &from.raw)? {
            if ours.binary_search(&record?.uid).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_gone(&self, side: Side, name: &RawName) -> bool {
        self.snapshots.is_gone(side, name, self.by_name[side as usize].get(name).copied())
    }

    fn listed(&self, side: Side, name: &RawName) -> Option<&MailboxState> {
        self.by_name[side as usize].get(name).copied().filter(|it| is_whole(it))
    }
}

/// Where the copy of a mailbox that was renamed stands.
enum Standing {
    /// It has that name already.
    InPlace,
    /// A run that copied there did not end cleanly: what it left is looked at there before anything else.
    Unclean,
    Elsewhere,
}

fn standing(pair: &PairState, to: &MailboxName) -> Standing {
    if to.raw == pair.pairing.destination {
        Standing::InPlace
    } else if pair.intent.is_some() {
        Standing::Unclean
    } else {
        Standing::Elsewhere
    }
}

fn follower(pair: &PairState, source: &RawName, to: &MailboxName) -> Follower {
    let (former, from) = (pair.pairing.source.clone(), pair.destination.clone());
    Follower { former, source: source.clone(), from, to: to.clone() }
}

fn pair_of<'m>(mapping: &'m Mapping, source: &RawName) -> Option<&'m MailboxPair> {
    mapping.pairs.iter().find(|pair| pair.source.raw == *source)
}

/// What a source mailbox alone asks for.
fn place_of<'m>(mapping: &'m Mapping, source: &RawName) -> Option<&'m MailboxName> {
    let place = &pair_of(mapping, source)?.destination;
    let askers = mapping.pairs.iter().filter(|it| it.destination.raw == place.raw).count();
    (askers == 1).then_some(place)
}

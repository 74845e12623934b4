//! What may have been moved: messages of the source that have no copy where they are now. A deletion waits for them.
//!
//! Invariants:
//! 1. A message is looked for wherever the source lists anything: in mailboxes that take no part, in views of others, in other
//!    users' and shared mailboxes, and among what came since the scan.
//! 2. Where it cannot be told, every deletion of the account waits; but not for what the settings leave out, which cannot be
//!    read.
//! 3. What its user moved to the trash is deleted, where deleted messages go to the trash on either side.

use crate::diff::routing::special_use::the_holder;
use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::list::Subscriptions;
use crate::engine::commands::listed::{ListedMailbox, Listing};
use crate::engine::commands::select::Opening;
use crate::error::{Kind, Result};
use crate::model::plan::{AccountPlan, Deletion, MailboxPlan, Whose};
use crate::model::{
    Digest, MailboxCondition, MailboxName, MailboxState, RawName, Side, SpecialUse, SyncPoint, Uid, UidSet,
};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::recognise::identities;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Messages whose identities are asked for at once.
const WINDOW: u64 = 500;

/// Links of a mailbox that are compared with their listing, to see whether the source's sizes are exact.
const SIZES_COMPARED: usize = 200;

/// Messages of the source that have no copy where they are now: what looks deleted may have been moved there.
#[derive(Default)]
pub struct Unsettled {
    identities: HashSet<Digest>,
    /// Mailboxes that take no part and hold some of them.
    places: BTreeSet<String>,
    /// Why it cannot be told for any message.
    all: Option<String>,
    /// What the settings leave out: where that cannot be read, nothing waits for it.
    left_out: HashSet<RawName>,
}

impl Unsettled {
    /// Looks at what is not copied, at what takes no part, and at what came to the source since it was scanned.
    ///
    /// # Errors
    /// What the source's session gives; `State`.
    pub fn find(access: &Access<'_>, plan: &AccountPlan) -> Result<Unsettled> {
        let excluded = plan.omitted.iter().filter(|omitted| omitted.condition == MailboxCondition::Excluded);
        let left_out = excluded.map(|omitted| omitted.mailbox.raw.clone()).collect();
        let mut unsettled = Unsettled { left_out, ..Unsettled::default() };
        unsettled.add_uncopied(access, plan)?;
        let sought = Sought::of(access, plan)?;
        let listing = access.list_mailboxes(Side::Source, Subscriptions::Unwanted)?;
        unsettled.add_arrived_since(access, plan, &listing)?;
        unsettled.add_elsewhere(access, plan, &listing, &sought)?;
        Ok(unsettled)
    }

    /// Looks into one mailbox; where the connection breaks on it, it cannot be told what it holds.
    fn look(
        &mut self,
        access: &Access<'_>,
        listed: &ListedMailbox,
        mut into: impl FnMut(&mut Unsettled, &mut Session) -> Result<()>,
    ) -> Result<()> {
        match access.ask_one(Side::Source, |session| into(self, session)) {
            Err(error) if *error.kind() == Kind::Refused => {
                self.cannot_tell(listed, &format!("the server does not show ({})", error.summary()));
                Ok(())
            }
            looked => looked,
        }
    }

    /// Whether the message may be elsewhere.
    pub fn holds_back(&self, deletion: &Deletion) -> bool {
        self.all.is_some() || self.identities.contains(&deletion.identity)
    }

    /// Why deletions wait.
    pub fn reason(&self) -> String {
        if let Some(why) = &self.all {
            return why.clone();
        }
        let places: Vec<String> = self.places.iter().map(|place| format!("`{place}`")).collect();
        match places.is_empty() {
            true => "they are elsewhere on the source, and not copied from there yet".to_owned(),
            false => format!("on the source they are still in {}, from which nothing is copied", places.join(", ")),
        }
    }

    fn cannot_tell(&mut self, listed: &ListedMailbox, why: &str) {
        if self.left_out.contains(&listed.name.raw) {
            return;
        }
        self.all = Some(format!(
            "{why} `{0}` on the source, and they may have been moved there; when that is mended they go, or when `{0}` is \
             among `exclude` under [mailboxes]",
            listed.name
        ));
    }

    /// What was planned to be copied and is not linked, what is in doubt, and what was skipped.
    fn add_uncopied(&mut self, access: &Access<'_>, plan: &AccountPlan) -> Result<()> {
        for mailbox in &plan.mailboxes {
            let name = &mailbox.source.raw;
            let arrivals = mailbox.arrivals();
            let left = arrivals.iter().chain(mailbox.doubt.source.iter());
            // What is copied with another mailbox is accounted for there.
            let skipped = mailbox.skipped.iter().filter(|skipped| skipped.whose != Whose::Elsewhere);
            for uid in left.chain(skipped.map(|skipped| skipped.uid)) {
                if access.state.link(name, uid)?.is_none()
                    && let Some(record) = access.state.record(Side::Source, name, uid)?
                {
                    match record.identity {
                        Some(identity) => drop(self.identities.insert(identity)),
                        None => self.all = Some(format!("UID {uid} of `{}` is not copied yet", mailbox.source)),
                    }
                }
            }
        }
        Ok(())
    }

    /// What came to the source since it was scanned. Mailboxes are listed one after the other: a message may have left
    /// one that was not listed yet for one that was.
    fn add_arrived_since(&mut self, access: &Access<'_>, plan: &AccountPlan, listing: &Listing) -> Result<()> {
        let known = access.state.mailboxes(Side::Source)?;
        let known: HashMap<&RawName, &MailboxState> =
            known.iter().map(|mailbox| (&mailbox.name.raw, mailbox)).collect();
        for listed in listing.mailboxes.iter().filter(|listed| takes_part(plan, listed)) {
            if let Some(known) = known.get(&listed.name.raw) {
                let before = known.sync_point.unwrap_or_default();
                self.look(access, listed, |unsettled, session| unsettled.add_tail(session, listed, before))?;
            }
        }
        Ok(())
    }

    fn add_tail(&mut self, session: &mut Session, listed: &ListedMailbox, before: SyncPoint) -> Result<()> {
        let unchanged = |now: SyncPoint| {
            now.uid_validity == before.uid_validity && now.uid_next.is_some() && now.uid_next == before.uid_next
        };
        if listed.status.is_some_and(unchanged) {
            return Ok(());
        }
        let Some(point) = self.open(session, listed)? else { return Ok(()) };
        if point.uid_validity != before.uid_validity {
            self.cannot_tell(listed, "there is a new UIDVALIDITY of");
            return Ok(());
        }
        let first = before.uid_next.unwrap_or(Uid(1));
        let Some(arrived) = self.sizes(session, listed, first, None)? else { return Ok(()) };
        self.add_identified(session, listed, &arrived.into_keys().collect(), None)
    }

    /// What is in mailboxes that take no part, whosever they are.
    fn add_elsewhere(
        &mut self,
        access: &Access<'_>,
        plan: &AccountPlan,
        listing: &Listing,
        sought: &Sought,
    ) -> Result<()> {
        if sought.identities.is_empty() {
            return Ok(());
        }
        if let Some(unreadable) = listing.names.unreadable.first() {
            self.all = Some(format!("`{}` on the source cannot be read, and they may be there", unreadable.name));
            return Ok(());
        }
        let trash = own_trash(access)?;
        let is_trash =
            |listed: &ListedMailbox| trash.as_ref().is_some_and(|it| listed.name.levels.starts_with(&it.levels));
        let own = listing.mailboxes.iter().filter(|listed| !takes_part(plan, listed) && !is_trash(listed));
        for listed in own.chain(&listing.foreign).filter(|listed| listed.is_selectable()) {
            if self.all.is_some() {
                return Ok(());
            }
            if let Some(trouble) = access.state.mailbox(Side::Source, &listed.name.raw)?.and_then(|known| known.trouble)
            {
                self.cannot_tell(listed, &format!("the server does not show ({trouble})"));
            } else if listed.status.is_none_or(|status| status.messages > 0) {
                self.look(access, listed, |unsettled, session| unsettled.look_in(session, listed, sought))?;
            }
        }
        Ok(())
    }

    fn look_in(&mut self, session: &mut Session, listed: &ListedMailbox, sought: &Sought) -> Result<()> {
        let Some(point) = self.open(session, listed)? else { return Ok(()) };
        let Some(sizes) = self.sizes(session, listed, Uid(1), Some(point.messages))? else { return Ok(()) };
        let alike =
            |size: &Option<u64>| size.is_none_or(|size| sought.sizes.as_ref().is_none_or(|it| it.contains(&size)));
        let candidates: BTreeSet<Uid> = sizes.iter().filter(|(_, size)| alike(size)).map(|(uid, _)| *uid).collect();
        self.add_identified(session, listed, &candidates, Some(sought))
    }

    /// Opens a mailbox; `None` where that is refused.
    fn open(&mut self, session: &mut Session, listed: &ListedMailbox) -> Result<Option<SyncPoint>> {
        match session.open(&listed.name, Opening::Examine) {
            Ok(opened) => Ok(Some(opened.sync_point)),
            Err(error) if session.is_alive() => {
                self.cannot_tell(listed, &format!("the server refuses ({}) to open", error.summary()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// All messages from that UID on, with their sizes as listed; `None` where they are not told for certain. `held` is how
    /// many there are.
    fn sizes(
        &mut self,
        session: &mut Session,
        listed: &ListedMailbox,
        first: Uid,
        held: Option<u32>,
    ) -> Result<Option<HashMap<Uid, Option<u64>>>> {
        let mut found = HashMap::new();
        let tag = session.send_fetch_from(first, "(UID RFC822.SIZE)")?;
        let status = session.finish_fetch(tag, |event| {
            // `n:*` names the last message even where it is below n.
            if let FetchEvent::Message(Fetched { uid: Some(uid), octets, .. }) = event
                && uid >= first
            {
                found.insert(uid, octets);
            }
            Ok(())
        })?;
        if !status.is_ok() || status.is_cut() || held.is_some_and(|held| (found.len() as u64) < u64::from(held)) {
            self.cannot_tell(listed, "the server does not list all of");
            return Ok(None);
        }
        Ok(Some(found))
    }

    /// Adds the identities of these messages, or those that are sought.
    fn add_identified(
        &mut self,
        session: &mut Session,
        listed: &ListedMailbox,
        uids: &BTreeSet<Uid>,
        sought: Option<&Sought>,
    ) -> Result<()> {
        let set: UidSet = uids.iter().copied().collect();
        for chunk in set.chunks(COMMAND_OCTETS, WINDOW) {
            let found = match identities(session, &chunk) {
                Err(error) if session.is_alive() => {
                    self.cannot_tell(listed, &format!("the server refuses ({}) to show", error.summary()));
                    return Ok(());
                }
                found => found?,
            };
            if found.len() < chunk.len() as usize {
                self.cannot_tell(listed, "the server does not describe all of");
                return Ok(());
            }
            let found = found.into_values().filter_map(|listed| listed.identity);
            let meant: Vec<Digest> =
                found.filter(|identity| sought.is_none_or(|it| it.identities.contains(identity))).collect();
            if sought.is_some() && !meant.is_empty() {
                self.places.insert(listed.name.path());
            }
            self.identities.extend(meant);
        }
        Ok(())
    }
}

/// The trash of the source, where each side has its own both ways: what its user moved there is deleted (invariant 3).
fn own_trash(access: &Access<'_>) -> Result<Option<MailboxName>> {
    if !access.account.policy.fills_trash() {
        return Ok(None);
    }
    let mailboxes = access.state.mailboxes(Side::Source)?;
    Ok(the_holder(&mailboxes, SpecialUse::Trash).map(|trash| trash.name.clone()))
}

fn takes_part(plan: &AccountPlan, listed: &ListedMailbox) -> bool {
    plan.mailboxes.iter().any(|mailbox| mailbox.source.raw == listed.name.raw)
}

/// What is to be deleted and would then be nowhere on the destination.
struct Sought {
    identities: HashSet<Digest>,
    /// The sizes that they may be listed with; `None` for all, where the source estimates.
    sizes: Option<HashSet<u64>>,
}

impl Sought {
    fn of(access: &Access<'_>, plan: &AccountPlan) -> Result<Sought> {
        let deletions = plan.mailboxes.iter().flat_map(|mailbox| &mailbox.deletions);
        let mut identities: HashSet<Digest> = deletions.map(|deletion| deletion.identity).collect();
        let (mut sizes, mut exact) = (HashSet::new(), true);
        for mailbox in &plan.mailboxes {
            let going: HashSet<Uid> = mailbox.deletions.iter().map(|deletion| deletion.source).collect();
            let mut compared = 0;
            for link in access.state.links(&mailbox.source.raw)? {
                let link = link?;
                if going.contains(&link.source) {
                    sizes.insert(link.source_octets.unwrap_or(link.octets));
                    continue;
                }
                let wanted = identities.contains(&link.identity);
                if !wanted && (compared >= SIZES_COMPARED || !link.is_ours()) {
                    continue;
                }
                compared += 1;
                let record = access.state.record(Side::Source, &mailbox.source.raw, link.source)?;
                exact &= !link.is_ours() || record.as_ref().is_none_or(|record| record.octets == link.octets);
                // A copy of it is where the source has it, too.
                if wanted && record.is_some() && !is_missing(mailbox, link.source) {
                    identities.remove(&link.identity);
                }
            }
        }
        Ok(Sought { identities, sizes: exact.then_some(sizes) })
    }
}

/// Whether the copy of that source message is not there.
fn is_missing(plan: &MailboxPlan, source: Uid) -> bool {
    plan.departed.contains(source) || plan.copies.contains(source)
}

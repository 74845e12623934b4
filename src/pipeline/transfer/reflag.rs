//! Flag updates of one mailbox: grouped into few UID STOREs, and looked at afterwards, because an OK to STORE proves
//! nothing.
//!
//! What was set and is not there then is lost: it goes into the link, and is not set again before the mailbox says that it
//! keeps more. What was to be taken off and is there is a failure.

use crate::engine::Session;
use crate::engine::commands::change::FlagChange;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FLAG_ITEMS, FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::engine::conversation::session::Tag;
use crate::engine::conversation::status::{Command, Status};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::counted;
use crate::model::plan::{FlagUpdate, MailboxPlan};
use crate::model::{FlagCapacity, Flags, Link, Uid, UidSet, UidValidity};
use crate::pipeline::fleet::access::Access;
use std::collections::{BTreeMap, HashMap};

/// UIDs in one STORE.
const STORE_UIDS: u64 = 1000;

/// What came of it.
#[derive(Default)]
pub struct Reflagged {
    /// Messages whose flags were updated, as far as the destination keeps them.
    pub updated: u64,
    pub failure: Option<Error>,
}

/// Brings the flags of the plan's destination mailbox up to date, if it still has that UIDVALIDITY.
///
/// # Errors
/// `Changed` when it is another mailbox, `Refused`, `Connection`, `State`.
pub fn update_flags(
    access: &Access<'_>,
    session: &mut Session,
    plan: &MailboxPlan,
    validity: UidValidity,
) -> Result<Reflagged> {
    let pending = pending(access, plan)?;
    if pending.is_empty() || access.is_stopped() {
        return Ok(Reflagged::default());
    }
    let capacity = open(session, plan, validity)?;
    let pending: Vec<FlagUpdate> = pending.into_iter().map(|update| within(update, &capacity)).collect();
    let stores = send_stores(session, &pending)?;
    let now = flags_of(session, pending.iter().map(|update| update.destination));
    let mut refused = Vec::new();
    for (tag, store) in stores {
        let status = session.finish(tag, |_| Ok(()))?;
        refused.extend((!status.is_ok()).then_some((store, status)));
    }
    let mut now = now?;
    let Refusal { uids: refused_for, error: refusal } = store_in_parts(session, &refused)?;
    if !refused.is_empty() {
        now = flags_of(session, pending.iter().map(|update| update.destination))?;
    }
    // A message that is gone was removed by its user: nothing is to be done.
    let state = |update: &FlagUpdate| now.get(&update.destination).cloned().unwrap_or_else(|| update.add.clone());
    let (done, undone): (Vec<Done<'_>>, Vec<Done<'_>>) = pending
        .iter()
        .map(|update| Done { update, lost: update.add.minus(&state(update)), now: state(update) })
        .partition(Done::is_done);
    // What was refused without a word of keywords is no loss yet: it is tried again.
    let done: Vec<Done<'_>> = done
        .into_iter()
        .filter(|done| done.lost.is_empty() || !refused_for.contains(done.update.destination))
        .collect();
    record(access, plan, &done, &capacity)?;
    let undone = undone.first().map(|first| not_taken_off(plan, first.update, undone.len()));
    let failure = refusal.map(|error| error.scope(Scope::Mailbox).in_mailbox(&plan.destination.path())).or(undone);
    Ok(Reflagged { updated: done.len() as u64, failure })
}

/// An update after it was sent.
struct Done<'a> {
    update: &'a FlagUpdate,
    /// What was set and is not there.
    lost: Flags,
    now: Flags,
}

impl Done<'_> {
    fn is_done(&self) -> bool {
        self.update.remove.shared_with(&self.now).is_empty()
    }
}

/// Updates that were not done by an earlier, interrupted apply of the same plan.
fn pending<'a>(access: &Access<'_>, plan: &'a MailboxPlan) -> Result<Vec<&'a FlagUpdate>> {
    let (mut pending, mut links) = (Vec::new(), access.state.link_lookup(&plan.source.raw)?);
    for update in &plan.flag_updates {
        if links
            .get(update.source)?
            .is_some_and(|link| link.destination == update.destination && link.agreed != update.agreed)
        {
            pending.push(update);
        }
    }
    Ok(pending)
}

/// What of an update the mailbox can hold. The plan may have been made without knowing that: a scan does not SELECT.
fn within(update: &FlagUpdate, capacity: &FlagCapacity) -> FlagUpdate {
    let add = update.add.within(capacity);
    let agreed = update.agreed.minus(&update.add.minus(&add));
    FlagUpdate { add, remove: update.remove.within(capacity), agreed, ..update.clone() }
}

/// Opens the mailbox; returns what it keeps of flags.
fn open(session: &mut Session, plan: &MailboxPlan, validity: UidValidity) -> Result<FlagCapacity> {
    let opened = session.open(&plan.destination, Opening::Select)?;
    if opened.sync_point.uid_validity != validity {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY on the destination")
            .in_mailbox(&plan.destination.path())
            .hint("run `mailferry sync`"));
    }
    Ok(opened.keeps())
}

/// One UID STORE.
#[derive(Clone)]
struct Store {
    uids: UidSet,
    change: FlagChange,
    flags: Flags,
}

impl Store {
    fn send(&self, session: &mut Session) -> Result<Tag> {
        session.send_store(&self.uids, self.change, &self.flags)
    }

    /// The same for either half of the flags; `None` for one flag.
    fn halves(&self) -> Option<[Store; 2]> {
        let texts: Vec<&str> = self.flags.texts().collect();
        let (first, second) = texts.split_at(texts.len() / 2);
        let store = |flags: &[&str]| Store { flags: Flags::from_texts(flags.iter().copied()), ..self.clone() };
        (!first.is_empty()).then(|| [store(first), store(second)])
    }
}

/// Single flags that were refused, other than keywords that the mailbox has no room for: those are seen by what is there.
#[derive(Default)]
struct Refusal {
    uids: UidSet,
    /// Of the first.
    error: Option<Error>,
}

/// What was refused is stored in ever fewer flags, so that each goes that is taken.
fn store_in_parts(session: &mut Session, refused: &[(Store, Status)]) -> Result<Refusal> {
    let mut refused: Vec<(Store, Status)> = refused.to_vec();
    let mut refusal = Refusal::default();
    while let Some((store, status)) = refused.pop() {
        let error = session.located(status.error_of(Command::Store, "the destination refused a change of flags"));
        if error.is_transient() {
            return Err(error);
        }
        let Some(halves) = store.halves() else {
            let why = format!("of {} for UID {}", store.flags, store.uids);
            if !status.is_about_keywords() {
                refusal.uids.merge(&store.uids);
                refusal.error.get_or_insert_with(|| error.because(why));
            }
            continue;
        };
        for half in halves {
            let tag = half.send(session)?;
            let status = session.finish(tag, |_| Ok(()))?;
            refused.extend((!status.is_ok()).then_some((half, status)));
        }
    }
    Ok(refusal)
}

fn send_stores(session: &mut Session, updates: &[FlagUpdate]) -> Result<Vec<(Tag, Store)>> {
    let mut groups: BTreeMap<String, (FlagChange, Flags, Vec<Uid>)> = BTreeMap::new();
    for update in updates {
        for (change, flags) in [(FlagChange::Add, &update.add), (FlagChange::Remove, &update.remove)] {
            if !flags.is_empty() {
                let group = groups.entry(format!("{change:?} {flags}"));
                group.or_insert_with(|| (change, flags.clone(), Vec::new())).2.push(update.destination);
            }
        }
    }
    let mut tags = Vec::new();
    for (change, flags, mut uids) in groups.into_values() {
        uids.sort_unstable();
        let set: UidSet = uids.into_iter().collect();
        for chunk in set.chunks(COMMAND_OCTETS, STORE_UIDS.min(session.most_messages())) {
            let store = Store { uids: chunk, change, flags: flags.clone() };
            tags.push((store.send(session)?, store));
        }
    }
    Ok(tags)
}

/// The flags of messages of the open mailbox, as they are when all that was sent before is done. A message that is gone is
/// not in it.
///
/// # Errors
/// `Connection`; `Refused` where they are not told.
pub fn flags_of(session: &mut Session, uids: impl Iterator<Item = Uid>) -> Result<HashMap<Uid, Flags>> {
    let mut uids: Vec<Uid> = uids.collect();
    uids.sort_unstable();
    let set: UidSet = uids.into_iter().collect();
    let (mut now, mut statuses) = (HashMap::new(), Vec::new());
    let chunks = set.chunks(COMMAND_OCTETS, STORE_UIDS.min(session.most_messages()));
    let tags: Vec<_> = chunks.iter().map(|chunk| session.send_fetch(chunk, FLAG_ITEMS)).collect::<Result<_>>()?;
    for tag in tags {
        statuses.push(session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(Fetched { uid: Some(uid), flags: Some(flags), .. }) = event {
                now.insert(uid, flags);
            }
            Ok(())
        })?);
    }
    for status in statuses {
        session.complete(status, "could not look at flags")?;
    }
    Ok(now)
}

fn record(access: &Access<'_>, plan: &MailboxPlan, done: &[Done<'_>], capacity: &FlagCapacity) -> Result<()> {
    let name = &plan.source.raw;
    let (mut links, mut known) = (Vec::with_capacity(done.len()), access.state.link_lookup(name)?);
    for Done { update, lost, .. } in done {
        if let Some(link) = known.get(update.source)? {
            let (agreed, lost) = (update.agreed.minus(lost), link.lost.minus(&update.add).plus(lost));
            links.push(Link { agreed, lost, ..link });
        }
    }
    access.state.checkpoint(name, &links, &[])?;
    if links.iter().any(|link| !link.lost.is_empty())
        && let Some(mut pair) = access.state.pair(name)?
    {
        pair.lost_under = Some(capacity.clone());
        access.state.put_pair(&pair)?;
    }
    Ok(())
}

fn not_taken_off(plan: &MailboxPlan, first: &FlagUpdate, count: usize) -> Error {
    let what = format!(
        "the destination did not take off the flags of {} that the source took off, the first with UID {}",
        counted(count as u64, "message"),
        first.destination
    );
    Error::new(Kind::Refused, what)
        .scope(Scope::Mailbox)
        .in_mailbox(&plan.destination.path())
        .hint("look at the rights on the mailbox; it is tried again with each `mailferry sync`")
}

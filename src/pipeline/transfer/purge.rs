//! What goes from the destination, last in an account: copies whose source is gone, and second copies of ours.
//!
//! Invariants:
//! 1. All copies come first, and what could not be copied holds its deletion back: a message that was moved on the
//!    source is never without a copy.
//! 2. Before a message is deleted the source is asked again and does not have it, and the destination has the very
//!    message that we copied: same UIDVALIDITY, link, identity and size.
//! 3. Only single messages are expunged, and only those of the plan.
//! 4. A link goes only after its message was seen to be gone; so a run that is killed anywhere is gone on with.
//! 5. Of two copies the linked one stays, and the other one goes only if both are the same octets.

use super::disposal::{Disposal, Fate, Removal, dispose};
use super::unsettled::Unsettled;
use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result, Scope};
use crate::model::counted::{counted, verb_for};
use crate::model::failures::Failures;
use crate::model::plan::{AccountPlan, Deletion, MailboxPlan, SecondCopy};
use crate::model::{Link, Listed, MailboxName, Presence, RawName, Side, Uid, UidSet, UidValidity};
use crate::pipeline::fleet::access::Access;
use crate::pipeline::survey::agreeing::count_deleted;
use crate::pipeline::survey::pairing::appends;
use crate::pipeline::survey::recognise::identities;
use crate::pipeline::survey::sharing::Sharing;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Messages that are looked at, marked and expunged in one go.
const WINDOW: u64 = 500;

/// Whole messages in one FETCH.
const FETCH_MESSAGES: u64 = 20;

/// What was done.
#[derive(Default)]
pub struct Purged {
    pub removed: u64,
    pub failures: Failures,
    pub warnings: Vec<String>,
    /// Destination mailboxes that may have changed.
    pub touched: HashSet<RawName>,
}

/// Whether second copies may go, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondCopies {
    Stay,
    Go,
}

/// Removes what is granted of a plan. All that is to be copied must have been tried before; what of the whole plan was not
/// copied holds its deletion back. What was done is in `purged`, also after an error.
///
/// # Errors
/// What ends the account's work; what keeps a mailbox from being purged is in `purged`.
pub fn purge(
    access: &Access<'_>,
    [plan, granted]: [&AccountPlan; 2],
    second_copies: SecondCopies,
    purged: &mut Purged,
) -> Result<()> {
    let mut purge = Purge { access, purged };
    let unsettled = if granted.totals().deletes > 0 { Some(Unsettled::find(access, plan)?) } else { None };
    for mailbox in granted.mailboxes.iter().filter(|mailbox| mailbox.removals() > 0) {
        access.go_on()?;
        if let Some(unsettled) = &unsettled {
            let result = purge.delete(mailbox, unsettled);
            purge.take(mailbox, result)?;
        }
        if second_copies == SecondCopies::Go && !mailbox.second_copies.is_empty() {
            let result = purge.remove_second_copies(mailbox);
            purge.take(mailbox, result)?;
        }
    }
    Ok(())
}

/// Removes messages of the destination, and notes what came of it.
pub(super) struct Purge<'a> {
    pub(super) access: &'a Access<'a>,
    pub(super) purged: &'a mut Purged,
}

impl Purge<'_> {
    /// What concerns one mailbox alone does not stop the others.
    pub(super) fn take(&mut self, mailbox: &MailboxPlan, result: Result<()>) -> Result<()> {
        match result {
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::Changed) => {
                let name = match error.place().side {
                    Some(Side::Source) => &mailbox.source,
                    _ => &mailbox.destination,
                };
                let error = error.in_mailbox(&name.path());
                self.access.failures.note(&mut self.purged.failures, error);
                Ok(())
            }
            other => other,
        }
    }

    fn delete(&mut self, plan: &MailboxPlan, unsettled: &Unsettled) -> Result<()> {
        let mut pending = self.pending(plan)?;
        let before = pending.len();
        pending.retain(|deletion| !unsettled.holds_back(deletion));
        if pending.len() < before {
            self.warn_held_back(plan, before - pending.len(), unsettled);
        }
        self.keep_what_the_source_has(plan, &mut pending)?;
        if pending.is_empty() {
            return Ok(());
        }
        let targets = pending.iter().map(|deletion| (deletion.destination, deletion.copy));
        let (source, validity, count) = (&plan.source.raw, plan.source_validity, pending.len() as i64);
        count_deleted(self.access, source, validity, count)?;
        let gone = self.dispose_of(copies_of(plan), &targets.collect(), &self.fate_of_deleted(plan, &pending)?)?;
        count_deleted(self.access, source, validity, gone.len() as i64 - count)?;
        let unlinked = pending.iter().filter(|deletion| gone.contains(&deletion.destination));
        self.access.state.unlink(&plan.source.raw, unlinked.map(|deletion| deletion.source))
    }

    /// Deletions whose link still says what it said when they were planned.
    fn pending<'p>(&self, plan: &'p MailboxPlan) -> Result<Vec<&'p Deletion>> {
        let mut pending = Vec::new();
        for deletion in &plan.deletions {
            let link = self.access.state.link(&plan.source.raw, deletion.source)?;
            let same = |destination, identity| (destination, identity) == (deletion.destination, deletion.identity);
            let may_go = |link: &Link| link.is_ours() || self.access.account.policy.is_two_way();
            if link.is_some_and(|link| may_go(&link) && same(link.destination, link.identity)) {
                pending.push(deletion);
            }
        }
        Ok(pending)
    }

    fn warn_held_back(&mut self, plan: &MailboxPlan, count: usize, unsettled: &Unsettled) {
        self.warn_waiting(plan, count, &unsettled.reason());
    }

    fn warn_waiting(&mut self, plan: &MailboxPlan, count: usize, why: &str) {
        let (what, verb) = (counted(count as u64, "deletion"), verb_for(count as u64, "waits", "wait"));
        self.purged.warnings.push(format!("{what} in `{}` {verb} for another sync: {why}", plan.destination));
    }

    /// A listing may lack what the mailbox holds. What is there after all is no deletion, and worth a word.
    fn keep_what_the_source_has(&mut self, plan: &MailboxPlan, pending: &mut Vec<&Deletion>) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        let uids = uid_set(pending.iter().map(|deletion| deletion.source));
        let sighting = self.access.ask_one(Side::Source, |session| {
            open(session, &plan.source, plan.source_validity, Opening::Examine)?;
            session.look_for(&uids)
        })?;
        pending.retain(|deletion| sighting.of(deletion.source) == Presence::NotThere);
        let unknown = uids.iter().filter(|uid| sighting.of(*uid) == Presence::Unknown).count();
        if unknown > 0 {
            let why = sighting.refusal.as_deref().unwrap_or_default();
            let why = format!("the source does not tell whether it still has them: {why}");
            self.warn_waiting(plan, unknown, &why);
        }
        let uids = uid_set(uids.iter().filter(|uid| sighting.of(*uid) == Presence::There));
        if uids.is_empty() {
            return Ok(());
        }
        Err(Error::new(Kind::Refused, format!("the source listed its messages without UID {uids}, and has them"))
            .hint("nothing was deleted; run `mailferry sync --full`, which lists the mailbox whole"))
    }

    /// What becomes of messages whose other ones were deleted.
    fn fate_of_deleted(&self, plan: &MailboxPlan, pending: &[&Deletion]) -> Result<Fate> {
        let (access, mailbox) = (self.access, &plan.destination);
        let disposal = Disposal::of_deleted(access, mailbox)?;
        if !access.account.policy.is_two_way() {
            return Ok(Fate { disposal, as_listed: None });
        }
        let (mut records, mut as_listed) =
            (access.state.record_lookup(Side::Destination, &mailbox.raw), HashMap::new());
        for deletion in pending {
            as_listed.extend(records.get(deletion.destination)?.map(|record| (record.uid, record.flags)));
        }
        Ok(Fate { disposal, as_listed: Some(as_listed) })
    }

    /// Removes messages of that mailbox of the destination, and returns which of them are not there any more.
    pub(super) fn remove(&mut self, place: (&MailboxName, UidValidity), targets: &Targets) -> Result<HashSet<Uid>> {
        self.dispose_of(place, targets, &Fate::EXPUNGED)
    }

    fn dispose_of(
        &mut self,
        (mailbox, validity): (&MailboxName, UidValidity),
        targets: &Targets,
        fate: &Fate,
    ) -> Result<HashSet<Uid>> {
        self.purged.touched.insert(mailbox.raw.clone());
        let mut removal = Removal::default();
        let result = self.access.ask_one(Side::Destination, |session| {
            let pending = targets.keys().copied().filter(|uid| !removal.gone.contains(uid));
            remove(session, mailbox, validity, &uid_set(pending), (targets, fate), &mut removal)
        });
        self.purged.removed += removal.removed;
        self.report(mailbox, &removal, fate);
        result.map(|()| removal.gone)
    }

    fn report(&mut self, mailbox: &MailboxName, removal: &Removal, fate: &Fate) {
        let mailbox = mailbox.path();
        if removal.changed > 0 {
            let (count, was) = (counted(removal.changed, "message"), verb_for(removal.changed, "was", "were"));
            self.purged.warnings.push(format!(
                "kept in `{mailbox}`: {count} that {was} to be deleted and {was} changed meanwhile; the next sync brings them back"
            ));
        }
        if removal.marked > 0 && !matches!(fate.disposal, Disposal::Mark) {
            self.purged.warnings.push(format!(
                "marked as deleted in `{mailbox}`: {}; they stay until somebody expunges the mailbox: the destination \
                 cannot expunge single messages (UIDPLUS)",
                removal.marked
            ));
        }
        let left = [
            (&removal.strangers, "under the UID of a copy of ours there is another message", "nothing was done to it"),
            (&removal.left, "a message could not be deleted", "give the login the rights `t` and `e` on the mailbox"),
        ];
        for (uids, what, hint) in left {
            let failures = uids.iter().map(|uid| {
                Error::new(Kind::Refused, what).scope(Scope::Message).in_mailbox(&mailbox).at_uid(*uid).hint(hint)
            });
            self.access.failures.note_all(&mut self.purged.failures, failures);
        }
    }

    fn remove_second_copies(&mut self, plan: &MailboxPlan) -> Result<()> {
        let candidates = self.unlinked_second_copies(plan)?;
        let uids = uid_set(candidates.iter().flat_map(|second| [second.linked, second.surplus]));
        let contents = self.access.ask_one(Side::Destination, |session| {
            open(session, &plan.destination, plan.destination_validity.unwrap_or_default(), Opening::Select)?;
            contents(session, &uids)
        })?;
        let mut targets = Targets::new();
        for second in candidates {
            match (contents.get(&second.linked), contents.get(&second.surplus)) {
                (Some(linked), Some(surplus)) if linked == surplus => {
                    targets.insert(second.surplus, surplus.listed);
                }
                // One of them is gone meanwhile: then there are not two.
                (None, _) | (_, None) => {}
                _ => self.access.failures.note(&mut self.purged.failures, unlike(plan, second)),
            }
        }
        if targets.is_empty() { Ok(()) } else { self.remove(copies_of(plan), &targets).map(drop) }
    }

    /// Those of which the state still says what it said when they were planned.
    fn unlinked_second_copies<'p>(&self, plan: &'p MailboxPlan) -> Result<Vec<&'p SecondCopy>> {
        let state = &self.access.state;
        let name = &plan.source.raw;
        let Some(pair) = state.pair(name)? else { return Ok(Vec::new()) };
        let Some(late) = appends(&pair).late else { return Ok(Vec::new()) };
        let others = Sharing::load(self.access, &[])?.others(&pair.pairing)?;
        let sources: HashSet<Uid> = plan.second_copies.iter().map(|second| second.source).collect();
        let (mut ours, mut linked) = (HashMap::new(), HashSet::new());
        for link in state.links(name)? {
            let link = link?;
            linked.insert(link.destination);
            if link.is_ours() && sources.contains(&link.source) {
                ours.insert(link.source, link.destination);
            }
        }
        let holds = |second: &&SecondCopy| {
            second.surplus >= late
                && !linked.contains(&second.surplus)
                && !others.contains(second.surplus)
                && ours.get(&second.source) == Some(&second.linked)
        };
        Ok(plan.second_copies.iter().filter(holds).collect())
    }
}

/// The destination mailbox of a plan, with the UIDVALIDITY that it was planned for.
pub(super) fn copies_of(plan: &MailboxPlan) -> (&MailboxName, UidValidity) {
    (&plan.destination, plan.destination_validity.unwrap_or_default())
}

fn unlike(plan: &MailboxPlan, second: &SecondCopy) -> Error {
    let what = format!("what looks like a second copy of UID {} is another message", second.linked);
    Error::new(Kind::Refused, what)
        .scope(Scope::Message)
        .in_mailbox(&plan.destination.path())
        .at_uid(second.surplus)
        .hint("it was not touched; look at both with a mail program")
}

/// What is to be removed: by UID, what must be listed of it.
pub(super) type Targets = BTreeMap<Uid, Listed>;

fn remove(
    session: &mut Session,
    mailbox: &MailboxName,
    validity: UidValidity,
    uids: &UidSet,
    (targets, fate): (&Targets, &Fate),
    removal: &mut Removal,
) -> Result<()> {
    open(session, mailbox, validity, Opening::Select)?;
    (removal.marked, removal.changed, removal.strangers, removal.left) = Default::default();
    for window in uids.chunks(COMMAND_OCTETS, WINDOW.min(session.most_messages())) {
        let there = identities(session, &window)?;
        let absent = uid_set(window.iter().filter(|uid| !there.contains_key(uid)));
        let sighting = session.look_for(&absent)?;
        let (gone, unseen): (Vec<Uid>, Vec<Uid>) =
            absent.iter().partition(|uid| sighting.of(*uid) == Presence::NotThere);
        removal.gone.extend(gone);
        removal.left.extend(unseen);
        let (same, strangers): (Vec<Uid>, Vec<Uid>) =
            window.iter().filter(|uid| there.contains_key(uid)).partition(|uid| there.get(uid) == targets.get(uid));
        removal.strangers.extend(strangers);
        let same = uid_set(same.into_iter());
        if !same.is_empty() {
            dispose(session, &same, fate, removal)?;
        }
    }
    Ok(())
}

fn open(session: &mut Session, mailbox: &MailboxName, validity: UidValidity, opening: Opening) -> Result<()> {
    let opened = session.open(mailbox, opening)?;
    if opened.sync_point.uid_validity != validity {
        return Err(Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was planned")
            .hint("run `mailferry sync`: the mailbox is matched anew, and nothing is deleted in that pass"));
    }
    if opening == Opening::Select && !opened.read_write {
        return Err(Error::new(Kind::Refused, "the mailbox is read-only, nothing can be deleted in it")
            .hint("give the login the rights `s`, `t` and `e` on it"));
    }
    Ok(())
}

/// All by which two messages are told to be one.
#[derive(PartialEq)]
struct Content {
    sha256: [u8; 32],
    listed: Listed,
}

fn contents(session: &mut Session, uids: &UidSet) -> Result<HashMap<Uid, Content>> {
    let mut digests = HashMap::new();
    for chunk in uids.chunks(COMMAND_OCTETS, FETCH_MESSAGES.min(session.most_messages())) {
        let tag = session.send_fetch(&chunk, "(UID BODY.PEEK[])")?;
        let status = session.finish_fetch(tag, |event| {
            if let FetchEvent::Message(Fetched { uid: Some(uid), body: Some(body), .. }) = event
                && !body.is_empty()
            {
                digests.insert(uid, body.sha256()?);
            }
            Ok(())
        })?;
        session.complete(status, "could not read messages")?;
    }
    let identities = identities(session, uids)?;
    let content = |(uid, sha256)| {
        let listed = identities.get(&uid).copied().filter(|listed| listed.date.is_some())?;
        Some((uid, Content { sha256, listed }))
    };
    Ok(digests.into_iter().filter_map(content).collect())
}

fn uid_set(uids: impl Iterator<Item = Uid>) -> UidSet {
    let mut sorted: Vec<Uid> = uids.collect();
    sorted.sort_unstable();
    sorted.into_iter().collect()
}

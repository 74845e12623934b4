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

use super::clearing::clear;
use super::disposal::{Disposal, Fate, Removal};
use super::looking::{Question, look_into};
use super::removal::{Order, Targets, open, remove, uid_set};
use super::unsettled::Unsettled;
use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::presence::Sighting;
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
use std::collections::{HashMap, HashSet};

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
    if granted.totals().deletes > 0 {
        let unsettled = Unsettled::find(access, plan)?;
        purge.delete_all(granted, &unsettled)?;
    }
    let second_copies = match second_copies {
        SecondCopies::Go => granted.mailboxes.iter().filter(|mailbox| !mailbox.second_copies.is_empty()),
        SecondCopies::Stay => return Ok(()),
    };
    for mailbox in second_copies {
        access.go_on()?;
        let result = purge.remove_second_copies(mailbox);
        purge.take(mailbox, result)?;
    }
    Ok(())
}

/// What is to be deleted of a mailbox.
struct Doomed<'p> {
    plan: &'p MailboxPlan,
    pending: Vec<&'p Deletion>,
    fate: Fate,
}

impl<'p> Doomed<'p> {
    fn sources(&self) -> UidSet {
        uid_set(self.pending.iter().map(|deletion| deletion.source))
    }

    fn question(&self) -> Question<'p> {
        Question { mailbox: &self.plan.source, validity: self.plan.source_validity, uids: self.sources() }
    }

    fn order(&self) -> Order<'_> {
        let (mailbox, validity) = copies_of(self.plan);
        let targets = self.pending.iter().map(|deletion| (deletion.destination, deletion.copy)).collect();
        Order { mailbox, validity, targets, fate: &self.fate }
    }

    fn count(&self, access: &Access<'_>, change: i64) -> Result<()> {
        count_deleted(access, &self.plan.source.raw, self.plan.source_validity, change)
    }

    /// What is gone is settled. Returns whether something is left.
    fn settle(&mut self, access: &Access<'_>, gone: &HashSet<Uid>) -> Result<bool> {
        let (settled, left) = self.pending.iter().partition(|deletion| gone.contains(&deletion.destination));
        self.pending = left;
        let settled: Vec<&Deletion> = settled;
        access.state.unlink(&self.plan.source.raw, settled.iter().map(|deletion| deletion.source))?;
        Ok(!self.pending.is_empty())
    }
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

    /// Mailbox after mailbox is only waited for where something is not as it should be.
    fn delete_all(&mut self, granted: &AccountPlan, unsettled: &Unsettled) -> Result<()> {
        let access = self.access;
        let mut doomed = Vec::new();
        for plan in granted.mailboxes.iter().filter(|plan| !plan.deletions.is_empty()) {
            let mut pending = self.pending(plan)?;
            let before = pending.len();
            pending.retain(|deletion| !unsettled.holds_back(deletion));
            if pending.len() < before {
                self.warn_waiting(plan, before - pending.len(), &unsettled.reason());
            }
            if !pending.is_empty() {
                doomed.push(Doomed { plan, pending, fate: Fate::EXPUNGED });
            }
        }
        let questions: Vec<Question<'_>> = doomed.iter().map(Doomed::question).collect();
        let sightings = look_into(access, Side::Source, &questions)?;
        let asked = std::mem::take(&mut doomed).into_iter().zip(sightings);
        for (mut asked, sighting) in asked {
            let kept = sighting.and_then(|sighting| self.keep_what_the_source_has(&mut asked, &sighting));
            let decided = kept.and_then(|()| self.decide(&mut asked));
            let is_left = decided.is_ok() && !asked.pending.is_empty();
            self.take(asked.plan, decided)?;
            doomed.extend(is_left.then_some(asked));
        }
        access.go_on()?;
        self.clear(&mut doomed)?;
        for doomed in &mut doomed {
            access.go_on()?;
            let result = self.delete(doomed);
            self.take(doomed.plan, result)?;
        }
        Ok(())
    }

    /// What becomes of messages whose other ones were deleted.
    fn decide(&self, doomed: &mut Doomed<'_>) -> Result<()> {
        let (access, mailbox) = (self.access, &doomed.plan.destination);
        if doomed.pending.is_empty() {
            return Ok(());
        }
        doomed.fate.disposal = Disposal::of_deleted(access, mailbox)?;
        if access.account.policy.is_two_way() {
            let mut records = access.state.record_lookup(Side::Destination, &mailbox.raw);
            let mut as_listed = HashMap::new();
            for deletion in &doomed.pending {
                as_listed.extend(records.get(deletion.destination)?.map(|record| (record.uid, record.flags)));
            }
            doomed.fate.as_listed = Some(as_listed);
        }
        Ok(())
    }

    /// What goes straight through; what is left stays in `doomed`.
    fn clear(&mut self, doomed: &mut Vec<Doomed<'_>>) -> Result<()> {
        let access = self.access;
        let (mut left, plain): (Vec<_>, Vec<_>) = std::mem::take(doomed).into_iter().partition(|it| it.fate.is_slow());
        let counts: Vec<i64> = plain.iter().map(|doomed| doomed.pending.len() as i64).collect();
        plain.iter().zip(&counts).try_for_each(|(doomed, count)| doomed.count(access, *count))?;
        let cleared = clear(access, &plain.iter().map(Doomed::order).collect::<Vec<_>>())?;
        for ((mut doomed, gone), count) in plain.into_iter().zip(cleared).zip(counts) {
            doomed.count(access, gone.len() as i64 - count)?;
            self.purged.removed += gone.len() as u64;
            self.purged.touched.insert(doomed.plan.destination.raw.clone());
            if doomed.settle(access, &gone)? {
                left.push(doomed);
            }
        }
        *doomed = left;
        Ok(())
    }

    fn delete(&mut self, doomed: &mut Doomed<'_>) -> Result<()> {
        let (access, count) = (self.access, doomed.pending.len() as i64);
        doomed.count(access, count)?;
        let gone = self.remove(doomed.order())?;
        doomed.count(access, gone.len() as i64 - count)?;
        doomed.settle(access, &gone).map(drop)
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

    fn warn_waiting(&mut self, plan: &MailboxPlan, count: usize, why: &str) {
        let (what, verb) = (counted(count as u64, "deletion"), verb_for(count as u64, "waits", "wait"));
        self.purged.warnings.push(format!("{what} in `{}` {verb} for another sync: {why}", plan.destination));
    }

    /// A listing may lack what the mailbox holds. What is there after all is no deletion, and worth a word.
    fn keep_what_the_source_has(&mut self, doomed: &mut Doomed<'_>, sighting: &Sighting) -> Result<()> {
        let uids = doomed.sources();
        doomed.pending.retain(|deletion| sighting.of(deletion.source) == Presence::NotThere);
        let unknown = uids.iter().filter(|uid| sighting.of(*uid) == Presence::Unknown).count();
        if unknown > 0 {
            let why = sighting.refusal.as_deref().unwrap_or_default();
            let why = format!("the source does not tell whether it still has them: {why}");
            self.warn_waiting(doomed.plan, unknown, &why);
        }
        let uids = uid_set(uids.iter().filter(|uid| sighting.of(*uid) == Presence::There));
        if uids.is_empty() {
            return Ok(());
        }
        Err(Error::new(Kind::Refused, format!("the source listed its messages without UID {uids}, and has them"))
            .hint("nothing was deleted; run `mailferry sync --full`, which lists the mailbox whole"))
    }

    /// Removes messages of a mailbox of the destination, and returns which of them are not there any more.
    pub(super) fn remove(&mut self, order: Order<'_>) -> Result<HashSet<Uid>> {
        self.purged.touched.insert(order.mailbox.raw.clone());
        let mut removal = Removal::default();
        let result = self.access.ask_one(Side::Destination, |session| remove(session, &order, &mut removal));
        self.purged.removed += removal.removed;
        self.report(order.mailbox, &removal, order.fate);
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
        if targets.is_empty() { Ok(()) } else { self.remove(Order::to_expunge(copies_of(plan), targets)).map(drop) }
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

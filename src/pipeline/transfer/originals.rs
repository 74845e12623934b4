//! What the destination has already of a message that is in several mailboxes: it copies that itself (UID COPY), and the message
//! neither comes from the source nor goes to the destination once more.
//!
//! Two messages of the source are one where Gmail says so (`X-GM-MSGID`): then it is not even read again. Where the destination is
//! Gmail, which makes one message of both anyway and counts each upload, they are also one where their octets are the same:
//! those of what this run appended are remembered.
//!
//! Invariants:
//! 1. An original is a copy of which the destination lists what its link says, looked at right before it is copied ([`Original::listed`]),
//!    and not one that the destination altered.
//! 2. On Gmail nothing is copied to a mailbox of the system, or from its Trash or Spam: that moves a message, or takes its other
//!    labels.
//! 3. That a message has no original costs time, and nothing else: it is appended.

use super::job::Job;
use crate::error::Result;
use crate::model::plan::{AccountPlan, MailboxPlan};
use crate::model::server::Preset;
use crate::model::{
    Digest, Flags, GmailId, InternalDate, Link, Listed, MailboxName, MessageRecord, RawName, Side, SpecialUse, Uid,
    UidValidity,
};
use crate::pipeline::fleet::access::Access;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Appended messages of which the octets are remembered, at most: what comes behind them is appended each time.
const REMEMBERED: usize = 50_000;

/// A message of the destination that is what another mailbox is to have, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Original {
    pub mailbox: MailboxName,
    pub validity: UidValidity,
    pub uid: Uid,
    pub identity: Digest,
    /// What the destination must list of it.
    pub listed: Listed,
}

impl Original {
    /// A message of ours, as it was sent.
    pub fn new(mailbox: &MailboxName, validity: UidValidity, link: Sent) -> Original {
        let Sent { uid, octets, date, identity } = link;
        let listed = Listed { octets, date: Some(date.as_sent()), identity: Some(identity) };
        Original { mailbox: mailbox.clone(), validity, uid, identity, listed }
    }
}

/// What was sent, and where it is.
pub struct Sent {
    pub uid: Uid,
    pub octets: u64,
    pub date: InternalDate,
    pub identity: Digest,
}

/// A message of the source of which the destination has the original.
pub struct Repeated {
    pub uid: Uid,
    pub identity: Digest,
    /// The size that the source lists, and the true one.
    pub listed_octets: u64,
    pub octets: u64,
    pub flags: Flags,
    /// The flags again, where they are others than when it was listed.
    pub reflagged: Option<Flags>,
    pub internal_date: Option<InternalDate>,
    pub original: Original,
}

/// A message of the source that is in more than one mailbox.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shared {
    mailbox: usize,
    uid: Uid,
    id: GmailId,
}

/// What is known of originals in one run of an account.
#[derive(Default)]
pub struct Originals {
    /// Source mailboxes, with the UIDVALIDITY under which their messages are known.
    mailboxes: Vec<(RawName, UidValidity)>,
    /// Ascending by mailbox and UID.
    by_place: Vec<Shared>,
    /// The same, ascending by what Gmail knows them by.
    by_id: Vec<Shared>,
    /// Mailboxes of the destination to which nothing is copied, and from which nothing is.
    closed: [HashSet<RawName>; 2],
    /// By the SHA-256 of their octets; `None` where the destination is not Gmail.
    appended: Option<Mutex<HashMap<[u8; 32], Original>>>,
}

impl Originals {
    /// What there may be for a plan; nothing where the destination is not known to keep all of a message that it copies.
    ///
    /// # Errors
    /// `State`.
    pub fn load(access: &Access<'_>, plan: &AccountPlan) -> Result<Originals> {
        let state = &access.state;
        let Some(destination) = state.side(Side::Destination)?.filter(|side| side.expunges_by_uid) else {
            return Ok(Originals::default());
        };
        let mut originals = Originals::default();
        match destination.preset {
            Preset::Gmail => {
                originals.appended = Some(Mutex::default());
                originals.closed = closed_on_gmail(access, plan)?;
            }
            // The tests hold them to it.
            Preset::Dovecot | Preset::Cyrus => {}
            _ => return Ok(originals),
        }
        if state.side(Side::Source)?.is_some_and(|side| side.preset == Preset::Gmail) {
            originals.find_shared(access, plan);
        }
        Ok(originals)
    }

    fn find_shared(&mut self, access: &Access<'_>, plan: &AccountPlan) {
        let mut known = Vec::new();
        for mailbox in &plan.mailboxes {
            let (name, validity) = (&mailbox.source.raw, mailbox.source_validity);
            let ids = access.state.gmail_ids(name, validity);
            known.extend(ids.map(|(uid, id)| Shared { mailbox: self.mailboxes.len(), uid, id }));
            self.mailboxes.push((name.clone(), validity));
        }
        known.sort_unstable_by_key(|shared| (shared.id, shared.mailbox, shared.uid));
        let shared = known.chunk_by(|one, other| one.id == other.id).filter(|holders| holders.len() > 1);
        self.by_id = shared.flatten().copied().collect();
        self.by_place = self.by_id.clone();
        self.by_place.sort_unstable();
    }

    /// Whether it is worth to copy one mailbox after the other: an original must be there before it is of use.
    pub fn are_worth_waiting_for(&self, plan: &AccountPlan) -> bool {
        let position = |name| self.mailboxes.iter().position(|(known, _)| known == name);
        plan.mailboxes.iter().any(|mailbox| {
            position(&mailbox.source.raw)
                .is_some_and(|at| mailbox.copies.iter().any(|uid| self.id_of(at, uid).is_some()))
        })
    }

    fn id_of(&self, mailbox: usize, uid: Uid) -> Option<GmailId> {
        let at = self.by_place.binary_search_by_key(&(mailbox, uid), |shared| (shared.mailbox, shared.uid)).ok()?;
        Some(self.by_place[at].id)
    }

    /// The original of a message that is to be copied, where Gmail says that it is one with another that is linked.
    ///
    /// # Errors
    /// `State`.
    pub fn of(&self, access: &Access<'_>, job: &Job, record: &MessageRecord) -> Result<Option<Original>> {
        let plan = &job.plan;
        let own = self.mailboxes.iter().position(|(name, _)| *name == plan.source.raw);
        let Some((own, id)) = own.and_then(|own| Some((own, self.id_of(own, record.uid)?))) else { return Ok(None) };
        if !self.is_open_to(&plan.destination.raw) {
            return Ok(None);
        }
        let first = self.by_id.partition_point(|shared| shared.id < id);
        let holders = self.by_id[first..].iter().take_while(|shared| shared.id == id);
        for holder in holders.filter(|shared| shared.mailbox != own) {
            let (name, validity) = &self.mailboxes[holder.mailbox];
            if let Some(original) = self.linked(access, (name, *validity), holder.uid)?
                && original.mailbox.raw != plan.destination.raw
                && record.identity.is_none_or(|identity| identity == original.identity)
            {
                return Ok(Some(original));
            }
        }
        Ok(None)
    }

    fn linked(
        &self,
        access: &Access<'_>,
        (source, validity): (&RawName, UidValidity),
        uid: Uid,
    ) -> Result<Option<Original>> {
        let Some(pair) = access.state.pair(source)?.filter(|pair| pair.pairing.source_validity == validity) else {
            return Ok(None);
        };
        let [_, closed] = &self.closed;
        if closed.contains(&pair.destination.raw) {
            return Ok(None);
        }
        let link = access.state.link(source, uid)?.filter(|link| link.altered.is_none());
        let sent = link.and_then(|link| {
            let Link { destination: uid, octets, date, identity, .. } = link;
            Some(Sent { uid, octets, date: date?, identity })
        });
        Ok(sent.map(|sent| Original::new(&pair.destination, pair.pairing.destination_validity, sent)))
    }

    fn is_open_to(&self, destination: &RawName) -> bool {
        !self.closed[0].contains(destination)
    }

    fn appended(&self) -> Option<MutexGuard<'_, HashMap<[u8; 32], Original>>> {
        self.appended.as_ref().map(|appended| appended.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether octets tell originals.
    pub fn go_by_octets(&self) -> bool {
        self.appended.is_some()
    }

    /// The original of a message of these octets, in another mailbox than this one.
    pub fn of_octets(&self, sha256: &[u8; 32], destination: &RawName) -> Option<Original> {
        let original = self.appended()?.get(sha256).cloned()?;
        (original.mailbox.raw != *destination && self.is_open_to(destination)).then_some(original)
    }

    /// A message of these octets was appended.
    pub fn note(&self, sha256: [u8; 32], original: impl FnOnce() -> Original) {
        if let Some(mut appended) = self.appended()
            && appended.len() < REMEMBERED
            && !appended.contains_key(&sha256)
        {
            let original = original();
            if !self.closed[1].contains(&original.mailbox.raw) {
                appended.insert(sha256, original);
            }
        }
    }
}

/// Invariant 2.
fn closed_on_gmail(access: &Access<'_>, plan: &AccountPlan) -> Result<[HashSet<RawName>; 2]> {
    let mut uses: HashMap<RawName, SpecialUse> = HashMap::new();
    for mailbox in access.state.mailboxes(Side::Destination)? {
        uses.extend(mailbox.special_use().map(|special_use| (mailbox.name.raw.clone(), special_use)));
    }
    let created = |mailbox: &MailboxPlan| Some((mailbox.destination.raw.clone(), mailbox.special_use?));
    uses.extend(plan.mailboxes.iter().filter_map(created));
    let is_apart = |special_use: &SpecialUse| matches!(special_use, SpecialUse::Trash | SpecialUse::Junk);
    let apart = uses.iter().filter(|(_, special_use)| is_apart(special_use)).map(|(name, _)| name.clone()).collect();
    Ok([uses.into_keys().collect(), apart])
}

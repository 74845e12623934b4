//! Messages that go from one mailbox of the destination: what is meant, whether it is still that, and how it is gone through.

use super::disposal::{Fate, Removal, dispose};
use crate::engine::Session;
use crate::engine::commands::fetch::COMMAND_OCTETS;
use crate::engine::commands::select::{Opened, Opening};
use crate::error::{Error, Kind, Result};
use crate::model::{Listed, MailboxName, Presence, Uid, UidSet, UidValidity};
use crate::pipeline::survey::recognise::identities;
use std::collections::BTreeMap;

/// Messages that are looked at, marked and expunged in one go.
pub(super) const WINDOW: u64 = 500;

/// What is to be removed: by UID, what must be listed of it.
pub(super) type Targets = BTreeMap<Uid, Listed>;

/// What is to go from a mailbox that still has that UIDVALIDITY.
pub(super) struct Order<'a> {
    pub(super) mailbox: &'a MailboxName,
    pub(super) validity: UidValidity,
    pub(super) targets: Targets,
    pub(super) fate: &'a Fate,
}

impl<'a> Order<'a> {
    /// Copies of ours that go.
    pub(super) fn to_expunge((mailbox, validity): (&'a MailboxName, UidValidity), targets: Targets) -> Self {
        Order { mailbox, validity, targets, fate: &Fate::EXPUNGED }
    }

    /// What is left to be done of it.
    fn pending(&self, removal: &Removal) -> UidSet {
        uid_set(self.targets.keys().copied().filter(|uid| !removal.gone.contains(uid)))
    }

    /// All that it is about.
    pub(super) fn uids(&self) -> UidSet {
        uid_set(self.targets.keys().copied())
    }
}

/// Does what is left of an order.
///
/// # Errors
/// `Changed` where it is another mailbox, `Refused`, `Connection`; what was done until then is in `removal`.
pub(super) fn remove(session: &mut Session, order: &Order<'_>, removal: &mut Removal) -> Result<()> {
    let Order { mailbox, validity, targets, fate } = order;
    open(session, mailbox, *validity, Opening::Select)?;
    (removal.marked, removal.changed, removal.strangers, removal.left) = Default::default();
    for window in order.pending(removal).chunks(COMMAND_OCTETS, WINDOW.min(session.most_messages())) {
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

/// Opens the mailbox that is meant.
///
/// # Errors
/// `Changed` where it is another one, `Refused`, `Connection`.
pub(super) fn open(
    session: &mut Session,
    mailbox: &MailboxName,
    validity: UidValidity,
    opening: Opening,
) -> Result<()> {
    let opened = session.open(mailbox, opening)?;
    check(&opened, validity, opening)
}

/// Whether that is the mailbox that is meant.
///
/// # Errors
/// `Changed`, `Refused`.
pub(super) fn check(opened: &Opened, validity: UidValidity, opening: Opening) -> Result<()> {
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

/// These UIDs, in whatever order they come.
pub(super) fn uid_set(uids: impl Iterator<Item = Uid>) -> UidSet {
    let mut sorted: Vec<Uid> = uids.collect();
    sorted.sort_unstable();
    sorted.into_iter().collect()
}

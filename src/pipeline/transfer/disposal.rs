//! What becomes of messages that go: expunged, moved to the trash of their side, or marked alone.
//!
//! 1. An OK proves nothing of single messages: what is gone is what a look afterwards shows to be gone.
//! 2. Nothing is expunged for the trash that is not seen to be there: moved by the server itself (RFC 6851), or copied with the UID
//!    that it has there (RFC 4315). Where the server can do neither, messages are marked, and stay.
//! 3. What goes to the trash does not bear `\Deleted` there: a mail program could expunge it at once.
//!
//! Where the server keeps the order of commands, what marks and expunges leaves in one go; what depends on an answer never does.

use crate::diff::routing::special_use::the_holder;
use crate::engine::Session;
use crate::engine::commands::change::FlagChange;
use crate::engine::commands::relocate::{Relocated, Relocation};
use crate::engine::conversation::session::Tag;
use crate::engine::conversation::status::{Command, Status};
use crate::error::{Error, Kind, Result, Scope};
use crate::model::policy::Deleted;
use crate::model::{Flags, MailboxName, Presence, RawName, Side, SpecialUse, SystemFlag, Uid, UidSet};
use crate::pipeline::fleet::access::Access;
use std::collections::{HashMap, HashSet};

/// What becomes of messages.
pub(super) struct Fate {
    pub(super) disposal: Disposal,
    /// The flags that were listed of them, where one that bears others by now stays: both ways a change is stronger.
    pub(super) as_listed: Option<HashMap<Uid, Flags>>,
}

pub(super) enum Disposal {
    Expunge,
    Mark,
    /// Moved to this mailbox.
    Trash(RawName),
}

impl Fate {
    /// Copies of ours that go: expunged.
    pub(super) const EXPUNGED: Fate = Fate { disposal: Disposal::Expunge, as_listed: None };

    /// Whether what is answered before decides what is asked: then they cannot go beside those of other mailboxes (`clearing`).
    pub(super) fn is_slow(&self) -> bool {
        matches!(self.disposal, Disposal::Mark)
    }

    /// Whether messages that bear these flags now may go without anything further being asked for.
    pub(super) fn is_as_listed(&self, uid: Uid, now: &Flags) -> bool {
        let deleted = Flags::none().with(SystemFlag::Deleted);
        let same = |listed: &Flags| now.minus(&deleted) == listed.minus(&deleted);
        let unchanged = self.as_listed.as_ref().is_none_or(|listed| listed.get(&uid).is_some_and(same));
        // Rule 3: the mark is to be taken off first.
        unchanged && !(matches!(self.disposal, Disposal::Trash(_)) && now.has(SystemFlag::Deleted))
    }
}

impl Disposal {
    /// What becomes of messages of that mailbox of the destination whose other ones were deleted.
    ///
    /// # Errors
    /// `Refused` where they are to go to the trash, and there is none; `State`.
    pub(super) fn of_deleted(access: &Access<'_>, mailbox: &MailboxName) -> Result<Disposal> {
        let policy = &access.account.policy;
        match policy.deleted {
            _ if !policy.is_two_way() => Ok(Disposal::Expunge),
            Deleted::Expunge => Ok(Disposal::Expunge),
            Deleted::Mark => Ok(Disposal::Mark),
            Deleted::Trash => {
                let mailboxes = access.state.mailboxes(Side::Destination)?;
                let trash = the_holder(&mailboxes, SpecialUse::Trash).map(|trash| trash.name.raw.clone());
                trash.filter(|trash| *trash != mailbox.raw).map(Disposal::Trash).ok_or_else(no_trash)
            }
        }
    }
}

fn no_trash() -> Error {
    Error::new(Kind::Refused, "messages were deleted on the other side, and here is no trash to move them to")
        .scope(Scope::Mailbox)
        .because("no mailbox is marked as \\Trash, nor is there just one that is called so")
        .hint(
            "create a mailbox `Trash`; or say `deleted = \"expunge\"`, or \"mark\", under [sync]; nothing was deleted",
        )
}

/// What came of messages.
#[derive(Default)]
pub(super) struct Removal {
    /// Not there any more, by us or by others.
    pub(super) gone: HashSet<Uid>,
    pub(super) removed: u64,
    /// Marked, where that is all that can be done, or is wanted.
    pub(super) marked: u64,
    /// They were changed meanwhile.
    pub(super) changed: u64,
    pub(super) strangers: Vec<Uid>,
    pub(super) left: Vec<Uid>,
}

/// Does with messages of the selected mailbox what is to become of them.
///
/// # Errors
/// `Refused`, `Connection`, `Protocol`: what is gone by then is in `removal`, as far as it was seen.
pub(super) fn dispose(session: &mut Session, uids: &UidSet, fate: &Fate, removal: &mut Removal) -> Result<()> {
    let uids = &unchanged(session, uids, fate, removal)?;
    if uids.is_empty() {
        return Ok(());
    }
    match &fate.disposal {
        Disposal::Expunge => expunge(session, uids)?,
        Disposal::Mark => mark(session, uids)?,
        Disposal::Trash(trash) => move_to_trash(session, uids, trash)?,
    }
    look_afterwards(session, uids, fate, removal)
}

/// Those whose flags are as they were listed.
fn unchanged(session: &mut Session, uids: &UidSet, fate: &Fate, removal: &mut Removal) -> Result<UidSet> {
    let Some(as_listed) = &fate.as_listed else { return Ok(uids.clone()) };
    let sighting = session.look_for(uids)?;
    let deleted = Flags::none().with(SystemFlag::Deleted);
    let is_same = |uid: &Uid| match (sighting.flags(*uid), as_listed.get(uid)) {
        (Some(now), Some(listed)) => now.minus(&deleted) == listed.minus(&deleted),
        _ => false,
    };
    let (same, changed): (Vec<Uid>, Vec<Uid>) = uids.iter().partition(is_same);
    removal.changed += changed.len() as u64;
    Ok(same.into_iter().collect())
}

fn mark(session: &mut Session, uids: &UidSet) -> Result<()> {
    store(session, uids, FlagChange::Add)
}

fn expunge(session: &mut Session, uids: &UidSet) -> Result<()> {
    Expunging::begin(session, uids)?.finish(session)
}

/// Messages that are being marked and expunged. What is left of them is to be looked for afterwards: an OK proves nothing; and
/// what is asked before the OK of UID EXPUNGE has come may be answered as if nothing had been expunged (Dovecot 2.3).
pub(super) struct Expunging {
    mark: Sent,
    expunge: Option<Sent>,
}

/// A command that was sent, or answered already where nothing may be sent ahead of its answer.
enum Sent {
    Under(Tag),
    Answered(Status),
}

impl Sent {
    fn of(session: &mut Session, tag: Tag) -> Result<Sent> {
        if session.keeps_order() { Ok(Sent::Under(tag)) } else { session.finish(tag, |_| Ok(())).map(Sent::Answered) }
    }

    fn finish(self, session: &mut Session) -> Result<Status> {
        match self {
            Sent::Under(tag) => session.finish(tag, |_| Ok(())),
            Sent::Answered(status) => Ok(status),
        }
    }
}

impl Expunging {
    /// Begins with messages of the selected mailbox that were just seen to be those which are meant.
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub(super) fn begin(session: &mut Session, uids: &UidSet) -> Result<Expunging> {
        let mark = send_store(session, uids, FlagChange::Add)?;
        let mark = Sent::of(session, mark)?;
        if let Sent::Answered(marked) = &mark {
            stored(session, marked)?;
        }
        let expunge = match session.expunges_by_uid() {
            true => {
                let tag = session.send_expunge(uids)?;
                Some(Sent::of(session, tag)?)
            }
            false => None,
        };
        Ok(Expunging { mark, expunge })
    }

    /// Reads all answers.
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub(super) fn finish(self, session: &mut Session) -> Result<()> {
        let marked = self.mark.finish(session)?;
        let expunged = self.expunge.map(|sent| sent.finish(session)).transpose()?;
        stored(session, &marked)?;
        expunged.map_or(Ok(()), |status| session.accepted(status, "could not expunge").map(drop))
    }
}

/// Messages that are on their way out of the selected mailbox, in one go: what is left of them is to be looked for afterwards.
pub(super) enum Leaving {
    Expunged(Expunging),
    Moved(Tag, UidSet),
}

impl Leaving {
    /// Whether the server can do all of it without an answer in between.
    pub(super) fn goes_straight(session: &Session, fate: &Fate) -> bool {
        match fate.disposal {
            Disposal::Expunge => session.expunges_by_uid(),
            Disposal::Trash(_) => session.moves(),
            Disposal::Mark => false,
        }
    }

    /// Begins with messages that were just seen to be those which are meant, as they were listed.
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub(super) fn begin(session: &mut Session, uids: &UidSet, fate: &Fate) -> Result<Leaving> {
        match &fate.disposal {
            Disposal::Trash(trash) => {
                Ok(Leaving::Moved(session.send_relocation(Relocation::Move, uids, trash)?, uids.clone()))
            }
            Disposal::Expunge | Disposal::Mark => Expunging::begin(session, uids).map(Leaving::Expunged),
        }
    }

    /// Reads all answers.
    ///
    /// # Errors
    /// `Refused`, `Connection`.
    pub(super) fn finish(self, session: &mut Session) -> Result<()> {
        match self {
            Leaving::Expunged(expunging) => expunging.finish(session),
            Leaving::Moved(tag, uids) => {
                let mut relocated = Relocated::default();
                session.finish_relocation(tag, &uids, &mut relocated)?;
                relocated.refusal.map_or(Ok(()), Err)
            }
        }
    }
}

/// Rules 2 and 3.
fn move_to_trash(session: &mut Session, uids: &UidSet, trash: &RawName) -> Result<()> {
    if !session.moves() && !session.expunges_by_uid() {
        return mark(session, uids);
    }
    store(session, uids, FlagChange::Remove)?;
    let mut relocated = Relocated::default();
    if session.moves() {
        session.relocate(Relocation::Move, std::slice::from_ref(uids), trash, &mut relocated)?;
    } else {
        session.relocate(Relocation::Copy, std::slice::from_ref(uids), trash, &mut relocated)?;
        let copied: UidSet = relocated.named.keys().copied().collect();
        if !copied.is_empty() {
            expunge(session, &copied)?;
        }
    }
    relocated.refusal.map_or(Ok(()), Err)
}

fn store(session: &mut Session, uids: &UidSet, change: FlagChange) -> Result<()> {
    let tag = send_store(session, uids, change)?;
    let status = session.finish(tag, |_| Ok(()))?;
    stored(session, &status)
}

fn send_store(session: &mut Session, uids: &UidSet, change: FlagChange) -> Result<Tag> {
    session.send_store(uids, change, &Flags::none().with(SystemFlag::Deleted))
}

fn stored(session: &Session, status: &Status) -> Result<()> {
    match status.is_ok() {
        true => Ok(()),
        false => Err(session.located(status.clone().error_of(Command::Store, "could not mark messages as deleted"))),
    }
}

/// Rule 1.
fn look_afterwards(session: &mut Session, uids: &UidSet, fate: &Fate, removal: &mut Removal) -> Result<()> {
    let may_stay = match fate.disposal {
        Disposal::Mark => true,
        Disposal::Expunge => !session.expunges_by_uid(),
        Disposal::Trash(_) => !session.moves() && !session.expunges_by_uid(),
    };
    let left = session.look_for(uids)?;
    for uid in uids.iter() {
        let is_marked = left.flags(uid).is_some_and(|flags| flags.has(SystemFlag::Deleted));
        match left.of(uid) {
            Presence::NotThere => {
                removal.gone.insert(uid);
                removal.removed += 1;
            }
            Presence::There if is_marked && may_stay => removal.marked += 1,
            Presence::There | Presence::Unknown => removal.left.push(uid),
        }
    }
    Ok(())
}

//! Which messages of a mailbox a server cannot answer for: asked for in ever smaller parts ([`super::dissection`]).
//!
//! One connection suffices. What comes is handed to whoever asks: a listing keeps nothing of it, and asks again for the rest when
//! it is known what to leave out.

use super::access::Access;
use super::backoff::{Backoff, Renewals};
use super::dissection::{Dissected, Dissection};
use crate::engine::Session;
use crate::engine::commands::fetch::{COMMAND_OCTETS, FetchEvent, Fetched};
use crate::engine::commands::select::Opening;
use crate::error::{Error, Kind, Result};
use crate::model::{MailboxName, Side, SyncPoint, Uid, UidSet, UidValidity};
use std::time::{Duration, Instant};

/// Times that the mailbox cannot be opened, in a row.
const OPENINGS: u32 = 2;

/// What may be waited for in vain, in a row, as a multiple of what a command may take: a server that falls silent on
/// whatever it is asked for is not to hold up the run for hours.
pub const LOST_COMMANDS: u32 = 4;

/// What is asked, of which messages.
pub struct Question<'a> {
    pub mailbox: &'a MailboxName,
    pub about: About,
    /// FETCH items.
    pub items: &'a str,
}

/// Of which messages something is asked.
pub enum About {
    /// All that the mailbox holds.
    All,
    /// Of those that were given up before, which are asked for one by one; nothing of the others.
    GivenUp(UidSet),
    /// Those, under that UIDVALIDITY.
    These(UidSet, UidValidity),
}

impl Access<'_> {
    /// Finds the messages that the server cannot answer that question for. Each answer is given to `take`; of a message that is
    /// given up in the end a part may have come before.
    ///
    /// # Errors
    /// What the mailbox cannot be opened for, and what befalls whichever of its messages is asked for; `Changed` where it is
    /// another one; those of `take`; `Interrupted`.
    pub fn dissect(
        &self,
        side: Side,
        question: Question<'_>,
        take: &mut dyn FnMut(Fetched) -> Result<()>,
    ) -> Result<Dissected> {
        let patience = self.connector(side).server().timeouts.command() * LOST_COMMANDS;
        let mut work =
            Work { question, uids: None, searched: false, dissection: None, opened: false, lost: Duration::ZERO };
        let (mut openings, mut renewals) = (0, Renewals::default());
        loop {
            self.go_on()?;
            let mut session = self.session(side)?;
            let done = work.ask_all(&mut session, take);
            self.give_back(side, session);
            openings = if work.opened { 0 } else { openings + 1 };
            match done {
                Ok(dissected) => return Ok(dissected),
                Err(error) if renewals.grant(&error) => {}
                Err(error) if !error.breaks_connection() || openings >= OPENINGS => return Err(error),
                Err(error) if work.is_hopeless() || work.lost > patience => return Err(error),
                // Each of them is a step forward.
                Err(error) => self.before_reconnect(&mut Backoff::new(), &error)?,
            }
        }
    }
}

struct Work<'a> {
    question: Question<'a>,
    /// What the mailbox holds.
    uids: Option<UidSet>,
    /// It was searched for them.
    searched: bool,
    dissection: Option<Dissection>,
    /// The last session had the mailbox open.
    opened: bool,
    /// What was waited for in vain, in a row.
    lost: Duration,
}

impl Work<'_> {
    fn is_hopeless(&self) -> bool {
        self.dissection.as_ref().is_some_and(Dissection::is_hopeless)
    }

    fn ask_all(&mut self, session: &mut Session, take: &mut dyn FnMut(Fetched) -> Result<()>) -> Result<Dissected> {
        self.opened = false;
        let opened = session.open(self.question.mailbox, Opening::Examine)?;
        self.opened = true;
        if let About::These(_, validity) = &self.question.about
            && *validity != opened.sync_point.uid_validity
        {
            return Err(renumbered().in_mailbox(&self.question.mailbox.path()));
        }
        let uids = match (&mut self.uids, &self.question.about) {
            (Some(uids), _) => uids,
            (none, About::These(uids, _)) => none.insert(uids.clone()),
            (none, _) => {
                let breaks = std::mem::replace(&mut self.searched, true);
                none.insert(held(session, opened.sync_point, !breaks)?)
            }
        };
        let dissection = self.dissection.get_or_insert_with(|| match &self.question.about {
            About::GivenUp(doubtful) => Dissection::of_known(&uids.without(&uids.without(doubtful))),
            _ => Dissection::of(uids.chunks(COMMAND_OCTETS, session.most_messages())),
        });
        while let Some(part) = dissection.next_part() {
            let (mut came, asked) = (UidSet::new(), Instant::now());
            let Err(error) = ask(session, part, self.question.items, &mut came, take) else {
                dissection.answered();
                self.lost = Duration::ZERO;
                continue;
            };
            if *error.kind() == Kind::Expired {
                return Err(error);
            }
            dissection.failed(&came, &error);
            self.lost = if came.is_empty() { self.lost + asked.elapsed() } else { Duration::ZERO };
            if !session.is_alive() || dissection.is_hopeless() {
                return Err(error);
            }
        }
        let mut dissected = self.dissection.take().map(Dissection::into_dissected).unwrap_or_default();
        if matches!(self.question.about, About::GivenUp(_)) {
            // The others were not asked for.
            let poisonous = dissected.poisonous.keys().copied().collect();
            let others = self.uids.take().unwrap_or_default().without(&poisonous);
            dissected.parts = others.chunks(COMMAND_OCTETS, session.most_messages());
        }
        Ok(dissected)
    }
}

/// The mailbox is another one than was listed.
pub fn renumbered() -> Error {
    Error::new(Kind::Changed, "the mailbox changed its UIDVALIDITY since it was listed").hint("run the command again")
}

/// The UIDs of the open mailbox; where the server does not list them, all that it may have given out.
fn held(session: &mut Session, point: SyncPoint, searchable: bool) -> Result<UidSet> {
    let search = if searchable { session.send_search_all(point.messages)? } else { None };
    let found = match search {
        Some(search) => session.finish_search_all(search, |_| Ok(()))?,
        None => None,
    };
    let highest = point.uid_next.map_or(Uid(u32::MAX), |next| Uid(next.0.saturating_sub(1)));
    Ok(found.unwrap_or_else(|| UidSet::range(Uid(1), highest)))
}

/// Fills in what came, also where the answer is an error.
fn ask(
    session: &mut Session,
    part: &UidSet,
    items: &str,
    came: &mut UidSet,
    take: &mut dyn FnMut(Fetched) -> Result<()>,
) -> Result<()> {
    let (tag, mut last) = (session.send_fetch(part, items)?, None);
    let status = session.finish_fetch(tag, |event| {
        if let FetchEvent::Message(fetched) = event
            && let Some(uid) = fetched.uid.filter(|uid| part.contains(*uid))
        {
            came.insert(uid);
            last = Some(uid);
            take(fetched)?;
        }
        Ok(())
    });
    let answered = status.and_then(|status| session.complete(status, "the server did not answer for a message"));
    if let (Err(_), Some(last)) = (&answered, last) {
        // Dovecot begins to tell of a message before it finds that it cannot.
        came.remove(last);
    }
    answered.map(drop)
}

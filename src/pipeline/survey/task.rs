//! One mailbox to list, and the commands that were sent for it.

use super::rollback::Memory;
use super::way::Way;
use crate::engine::Session;
use crate::engine::commands::listed::ListedMailbox;
use crate::engine::commands::search::Search;
use crate::engine::commands::select::Opened;
use crate::engine::conversation::session::Tag;
use crate::error::Result;
use crate::model::{MailboxName, MailboxState, MessageRecord, Uid, UidSet};
use std::collections::BTreeMap;

/// Messages that the server cannot say anything of: what is known of each, and why.
pub type Unreadable = BTreeMap<Uid, (Option<MessageRecord>, String)>;

/// One mailbox to list.
pub struct Task {
    pub listed: ListedMailbox,
    /// What the state knows of it, if it has a listing.
    pub known: Option<MailboxState>,
    pub way: Way,
    /// Its UIDs are looked for before it is listed: they lie far apart, on a server that takes only so many a command.
    pub looks_first: bool,
    /// What it holds, in parts that are asked for one by one, where that is known.
    pub windows: Option<Vec<UidSet>>,
    /// Of these messages the server cannot say anything, and what the state knows of them stays.
    pub unreadable: Unreadable,
    /// The recorded listing turned out to be wrong.
    pub distrusted: bool,
    /// It was listed before in this run, and that was not all.
    pub is_again: bool,
    /// What was known before the mailbox was listed whole, where links depend on it.
    pub memory: Option<Memory>,
}

impl Task {
    /// Nothing was asked yet.
    pub fn new(listed: ListedMailbox, known: Option<MailboxState>, way: Way) -> Task {
        Task {
            listed,
            known,
            way,
            looks_first: false,
            windows: None,
            unreadable: BTreeMap::new(),
            distrusted: false,
            is_again: false,
            memory: None,
        }
    }
}

impl Task {
    /// The same for all but some messages: the others are asked for in parts that came before.
    pub fn in_parts(self, parts: &[UidSet], unreadable: Unreadable) -> Task {
        let way = if matches!(self.way, Way::Bare) { Way::Bare } else { Way::Whole };
        Task { way, windows: Some(parts.to_vec()), unreadable, ..self }
    }
}

/// EXAMINE or SELECT on its way, or answered already where nothing may be sent ahead of that.
pub enum Open {
    Sent(Tag),
    Answered(Result<Opened>),
}

impl Open {
    /// Its answer.
    pub fn finish(self, session: &mut Session, name: &MailboxName) -> Result<Opened> {
        match self {
            Open::Sent(tag) => session.finish_open(tag, name),
            Open::Answered(opened) => opened,
        }
    }
}

/// The commands of one task, sent and not answered.
pub struct Begun {
    pub task: Task,
    pub open: Open,
    pub changed: Option<Tag>,
    /// All UIDs are needed, whether they could be asked for or not.
    pub must_search: bool,
    pub search: Option<Search>,
    pub flags: Option<Tag>,
    pub windows: Vec<Tag>,
}

impl Begun {
    /// Only the mailbox is being opened.
    pub fn new(task: Task, open: Open) -> Begun {
        Begun { task, open, changed: None, must_search: false, search: None, flags: None, windows: Vec::new() }
    }

    /// How many commands are on their way.
    pub fn commands(&self) -> usize {
        let optional = [self.changed.is_some(), self.flags.is_some()];
        1 + optional.into_iter().filter(|sent| *sent).count()
            + self.search.as_ref().map_or(0, Search::commands)
            + self.windows.len()
    }
}

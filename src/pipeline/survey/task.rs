//! One mailbox to list, and the commands that were sent for it.

use super::rollback::Memory;
use super::way::Way;
use crate::engine::commands::list::ListedMailbox;
use crate::engine::commands::select::Opened;
use crate::engine::conversation::session::Tag;
use crate::error::Result;
use crate::model::MailboxState;

/// One mailbox to list.
pub struct Task {
    pub listed: ListedMailbox,
    /// What the state knows of it, if it has a listing.
    pub known: Option<MailboxState>,
    pub way: Way,
    /// The recorded listing turned out to be wrong.
    pub distrusted: bool,
    /// What was known before the mailbox was listed whole, where links depend on it.
    pub memory: Option<Memory>,
}

/// EXAMINE or SELECT on its way, or answered already where nothing may be sent ahead of that.
pub enum Open {
    Sent(Tag),
    Answered(Result<Opened>),
}

/// The commands of one task, sent and not answered.
pub struct Begun {
    pub task: Task,
    pub open: Open,
    pub changed: Option<Tag>,
    pub search: Option<Tag>,
    pub flags: Option<Tag>,
    pub windows: Vec<Tag>,
}

impl Begun {
    /// How many commands are on their way.
    pub fn commands(&self) -> usize {
        let optional = [&self.changed, &self.search, &self.flags];
        1 + optional.into_iter().flatten().count() + self.windows.len()
    }
}

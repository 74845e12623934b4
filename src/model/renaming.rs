//! A source mailbox that has another name than it had, and what that makes of its copy on the destination.

use super::{MailboxName, RawName};
use serde::{Deserialize, Serialize};

/// A mailbox of the destination that is to have the name that its source mailbox has by now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Renaming {
    /// The source mailbox, as it is called now.
    pub source: RawName,
    /// What the destination calls the copy.
    pub from: MailboxName,
    /// What it is to be called.
    pub to: MailboxName,
    pub stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// A run that copied there did not end cleanly: what is in the copy beside what is linked may be ours, and the next scan tells.
    Waiting,
    /// The last scan has seen that it can be done.
    Ready,
    /// RENAME may have been sent: a listing tells whether it was done.
    Asked,
}

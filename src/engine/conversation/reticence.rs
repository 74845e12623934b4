//! What is not asked any more: commands that a migration can do without, on which a server ended the connection.
//!
//! A refusal of such a command is an answer like any other. A connection that breaks on one would break on it again and again,
//! and no mail would ever move; so the command that was first to be answered is blamed, and after a second break not sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Breaks after which a command is not sent any more: the first may have been anything.
const BREAKS: u32 = 2;

/// A command, or a form of one, that can be done without.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::engine) enum Optional {
    Id,
    Enable,
    Compress,
    Namespace,
    Quota,
    /// What the server calls a mailbox among all that it has.
    ObjectId,
    /// What the login may do with a mailbox, and how many octets it holds.
    Rights,
    Sizes,
    /// The rights of all users on a mailbox, and its annotations.
    AccessLists,
    Metadata,
    Subscriptions,
    /// LIST in that form: the later ones ask for less.
    List(usize),
}

impl Optional {
    /// Whether its answer is as long as the list of mailboxes.
    pub(in crate::engine) fn lists(self) -> bool {
        matches!(self, Optional::Subscriptions | Optional::List(_))
    }
}

/// What one account's connections to one server do not ask any more. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::engine) struct Reticence(Arc<Mutex<BTreeMap<Optional, u32>>>);

impl Reticence {
    pub(in crate::engine) fn may_ask(&self, optional: Optional) -> bool {
        let breaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        breaks.get(&optional).is_none_or(|breaks| *breaks < BREAKS)
    }

    /// The connection broke when this was next to be answered.
    pub(in crate::engine) fn blame(&self, optional: Optional) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(optional).or_default() += 1;
    }

    /// The server does not take it: not asked again.
    pub(in crate::engine) fn drop_it(&self, optional: Optional) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(optional, BREAKS);
    }
}

//! What the user wants of a migration: settings that the diff decides by. Part of what a plan is stamped with.

use super::gmail::Labels;
use super::search_keys::SearchKeys;
use super::{Direction, InternalDate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happens to messages that are gone, and to changes on the destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Mode {
    /// Add messages and follow the source's flags; delete nothing.
    Copy,
    /// Also delete what we copied once it is gone from the source.
    Mirror,
    /// Both sides are equal: what happened on either happens on the other. Decided one way at a time (`Direction`).
    TwoWay,
}

/// What becomes, both ways, of a message whose other one was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Deleted {
    /// It is moved to the `\Trash` of its side.
    #[default]
    Trash,
    /// It is expunged.
    Expunge,
    /// It is marked as deleted, and expunged by nobody.
    Mark,
}

impl Mode {
    /// Whether what is gone from the source goes from the destination.
    pub fn deletes(self) -> bool {
        self != Mode::Copy
    }
}

/// What is copied besides mail, on request. No plan knows of it, and nothing that fails of it is a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Besides {
    /// Rights of other users (RFC 4314), their names as the accounts have them.
    pub acl: bool,
    /// Annotations of mailboxes (RFC 5464).
    pub metadata: bool,
}

/// Which mailboxes take part, and what they are called on the destination.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MailboxPolicy {
    /// Globs over the decoded name with `/` between levels, or special uses such as `\Trash` for the mailbox that has it and
    /// all below. A mailbox takes part if one of these matches …
    pub include: Vec<String>,
    /// … and none of these.
    pub exclude: Vec<String>,
    /// Send `\Sent` to the destination's `\Sent`, whatever either calls it.
    pub special_use: bool,
    /// Subscribe on the destination what is subscribed on the source.
    pub subscriptions: bool,
    /// Decoded source name to decoded destination name; applies to the mailbox and all below it. `*` for a level and `**` for
    /// all further levels stand on both sides for the same. Of source mailboxes that have one decoded name the others are named
    /// as they stand on the wire ([`super::RawName::wire_text`]).
    pub rename: BTreeMap<String, String>,
    /// The mailbox of the destination below which the whole account goes.
    pub prefix: Option<String>,
    /// Globs over the names of destination mailboxes, without the prefix, that several source mailboxes may go to.
    pub merge: Vec<String>,
    /// Globs over the names of source mailboxes; those of the first are copied first, and those of none last.
    pub priority: Vec<String>,
    /// Mailboxes of the destination below which other accounts go.
    pub reserved: Vec<String>,
    /// The accounts whose mail goes to the same mailboxes of the destination, as the user wants it.
    pub companions: Vec<String>,
    /// What becomes of Gmail's labels, where the source is Gmail.
    pub labels: Labels,
    /// Where mail of a mailbox went, or came from, overrules its renames: on the way back.
    pub keeps_places: bool,
    pub besides: Besides,
}

/// The one line of `[mailboxes.rename]` that gives a mailbox of that key another name.
pub fn rename_line(key: &str) -> String {
    format!("[mailboxes.rename]: \"{}\" = \"…\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Default for MailboxPolicy {
    fn default() -> Self {
        MailboxPolicy {
            include: vec!["**".to_owned()],
            exclude: Vec::new(),
            special_use: true,
            subscriptions: true,
            rename: BTreeMap::new(),
            prefix: None,
            merge: Vec::new(),
            priority: vec!["INBOX".to_owned()],
            reserved: Vec::new(),
            companions: Vec::new(),
            labels: Labels::default(),
            keeps_places: false,
            besides: Besides::default(),
        }
    }
}

/// Which messages are copied. What is on the destination already, or was copied before, is not touched by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MessageFilter {
    /// With an internal date of that moment or later.
    pub since: Option<InternalDate>,
    /// With an internal date before that moment.
    pub before: Option<InternalDate>,
    /// At least that large.
    pub min_octets: Option<u64>,
    /// Without `\Seen`.
    pub unseen: bool,
    /// With `\Flagged`.
    pub flagged: bool,
}

/// All that the diff decides by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Policy {
    pub mode: Mode,
    pub direction: Direction,
    pub mailboxes: MailboxPolicy,
    pub messages: MessageFilter,
    /// And that the source finds by these keys.
    pub search: Option<SearchKeys>,
    /// Messages whose internal date is so many seconds ago, or less, are copied in a first pass over all mailboxes.
    pub newest_first: Option<u64>,
    /// Larger messages are skipped and named. `None`: what the destination says that it takes.
    pub max_message_octets: Option<u64>,
    /// Copy again what was copied once and is gone from the destination.
    pub restore_missing: bool,
    /// Between two rounds of a watch the account is listened to.
    pub idle: bool,
    /// What was moved on the source is moved on the destination, where the copy is ours or both sides are equal, and not copied again.
    pub follow_moves: bool,
    /// More than so many percent of any one mailbox are not deleted without a word.
    pub delete_guard: u8,
    /// What becomes of what is deleted. Only both ways.
    pub deleted: Deleted,
}

impl Policy {
    /// Whether some messages of a mailbox may be left out by what they are.
    pub fn chooses_messages(&self) -> bool {
        self.messages != MessageFilter::default() || self.search.is_some() || self.max_message_octets.is_some()
    }
}

/// What is deleted of a mailbox without a question.
const DELETE_GUARD: u8 = 10;

impl Policy {
    /// Whether copies follow their messages from one mailbox to another. Not on the way back, where copies are the user's mail by
    /// now; both ways they do in either direction.
    pub fn follows_moves(&self) -> bool {
        self.follow_moves && (self.direction == Direction::Forward || self.mode == Mode::TwoWay)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            mode: Mode::Copy,
            direction: Direction::Forward,
            mailboxes: MailboxPolicy::default(),
            messages: MessageFilter::default(),
            search: None,
            newest_first: None,
            max_message_octets: None,
            restore_missing: false,
            idle: false,
            follow_moves: true,
            delete_guard: DELETE_GUARD,
            deleted: Deleted::default(),
        }
    }
}

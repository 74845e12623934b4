//! What mapping mailboxes takes and gives: a side as scanned, pairs, and what stays behind.

use crate::model::plan::{Doubt, MailboxPlan, Omitted};
use crate::model::{Losses, MailboxName, MailboxState, Names, SideState, SpecialUse, UidSet};

/// One side of an account as scanned.
#[derive(Clone, Copy)]
pub struct SideView<'a> {
    pub state: &'a SideState,
    /// What is listed besides the user's mailboxes, and the namespaces.
    pub names: &'a Names,
    /// Those of all personal namespaces.
    pub mailboxes: &'a [MailboxState],
}

/// A source mailbox and the destination mailbox that it goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailboxPair {
    pub source: MailboxName,
    pub destination: MailboxName,
    /// The destination mailbox does not exist, or cannot hold messages yet.
    pub create: bool,
    /// What to create it for, where the server can be told.
    pub special_use: Option<SpecialUse>,
    /// The source is subscribed, the destination is not, and the policy wants it so.
    pub subscribe: bool,
}

impl MailboxPair {
    /// The plan that copies and changes nothing; what the pair itself asks for is in it.
    pub fn empty_plan(&self, source: &MailboxState, destination: Option<&MailboxState>) -> MailboxPlan {
        let validity = |mailbox: &MailboxState| mailbox.sync_point.map(|point| point.uid_validity);
        MailboxPlan {
            source: self.source.clone(),
            destination: self.destination.clone(),
            source_validity: validity(source).unwrap_or_default(),
            destination_validity: destination.and_then(validity),
            revisions: (source.revision, destination.map_or(0, |mailbox| mailbox.revision)),
            create: self.create,
            special_use: self.special_use,
            subscribe: self.subscribe,
            copies: UidSet::new(),
            moves: Vec::new(),
            octets: 0,
            flag_updates: Vec::new(),
            skipped: Vec::new(),
            departed: UidSet::new(),
            doubt: Doubt::default(),
            not_found_again: UidSet::new(),
            deletions: Vec::new(),
            kept: 0,
            second_copies: Vec::new(),
            replaced: UidSet::new(),
            guard: None,
            present: 0,
            copied: 0,
            losses: Losses::default(),
        }
    }
}

/// Every mailbox of the source: where it goes, or why it does not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mapping {
    /// INBOX first, parents before their children.
    pub pairs: Vec<MailboxPair>,
    pub omitted: Vec<Omitted>,
    /// Guesses and traps that the reader should know before applying.
    pub warnings: Vec<String>,
    /// What the settings say of mailboxes that the source does not have.
    pub unmatched: Vec<String>,
}

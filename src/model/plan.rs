//! A plan: what `apply` will do, mailbox by mailbox, and which snapshots it was made from.

use super::amount::grow;
use super::{
    Digest, Flags, Listed, Losses, MailboxCondition, MailboxName, Outcome, RawName, SpecialUse, Uid, UidSet,
    UidValidity,
};
use serde::{Deserialize, Serialize};

/// One message whose flags are to follow the source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FlagUpdate {
    pub source: Uid,
    pub destination: Uid,
    pub add: Flags,
    pub remove: Flags,
    /// What both sides agree on once it is done.
    pub agreed: Flags,
}

/// One message that is not copied on purpose.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Skipped {
    pub uid: Uid,
    pub reason: String,
    pub whose: Whose,
}

/// Whose limit it is that leaves a message out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The user's own: it is as they want it.
    Settings,
    /// The destination's: mail stays behind.
    Destination,
    /// Nobody's: a person has seen it, and said why it is good.
    Person,
    /// Nobody's: the very message is copied with another mailbox (Gmail).
    Elsewhere,
    /// Nobody's: the destination keeps one message for it and another of its octets (Gmail).
    Merged,
}

/// How large a message may be, in octets: what the settings allow, and what the destination says that it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SizeLimit {
    pub settings: Option<u64>,
    pub destination: Option<u64>,
}

impl SizeLimit {
    /// Why a message of that size is not copied, and whose limit that is. What the user leaves out is as they want it,
    /// whatever the destination would take.
    pub fn objection(&self, octets: u64) -> Option<(Whose, String)> {
        let exceeded = |limit: Option<u64>| limit.filter(|limit| octets > *limit);
        let (whose, name, limit) = match (exceeded(self.settings), exceeded(self.destination)) {
            (Some(settings), _) => (Whose::Settings, "max_message_size in [sync]", settings),
            (None, Some(destination)) => (Whose::Destination, "the destination's limit", destination),
            (None, None) => return None,
        };
        Some((whose, format!("too large: {octets} bytes, and {name} is {limit} bytes")))
    }
}

impl Whose {
    /// What became of a message that this limit left out.
    pub fn outcome(self, reason: String) -> Outcome {
        match self {
            Whose::Settings | Whose::Elsewhere | Whose::Merged => Outcome::Skipped(reason),
            Whose::Destination => Outcome::Limited(reason),
            Whose::Person => Outcome::Accepted(reason),
        }
    }
}

impl Skipped {
    /// What became of the message.
    pub fn outcome(&self) -> Outcome {
        self.whose.outcome(self.reason.clone())
    }
}

/// Messages that left another mailbox of the source for this one: their copies, which we made, are moved on the destination.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moves {
    /// The source mailbox that they left.
    pub source: RawName,
    /// Its UIDVALIDITY when they were linked.
    pub source_validity: UidValidity,
    /// The source lists that mailbox no more.
    pub is_gone: bool,
    /// The destination mailbox that holds the copies.
    pub destination: MailboxName,
    pub destination_validity: UidValidity,
    /// Ascending by the UIDs that they have on the source now.
    pub messages: Vec<Moved>,
}

impl Moves {
    /// The move of a message, by the UID that it has on the source now.
    pub fn of(&self, source: Uid) -> Option<&Moved> {
        self.messages.binary_search_by_key(&source, |moved| moved.source).ok().map(|at| &self.messages[at])
    }
}

/// One message that was moved on the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moved {
    /// Its UID on the source now.
    pub source: Uid,
    /// The one that it had in the mailbox that it left.
    pub former: Uid,
    /// That of its copy.
    pub destination: Uid,
}

/// One message that we copied, and that is gone from the source: its copy goes, too. Only in mirror mode.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Deletion {
    pub source: Uid,
    pub destination: Uid,
    /// What its source message was known by.
    pub identity: Digest,
    /// What the destination lists of it; another one under this UID is not touched.
    pub copy: Listed,
}

/// A second copy that we stored without knowing: an append whose connection broke landed after we had looked for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecondCopy {
    pub source: Uid,
    /// The copy that is linked, and stays.
    pub linked: Uid,
    /// The one that may go, if both are the same octets.
    pub surplus: Uid,
}

/// Messages of which it cannot be told from their listings whether they are each other's copies: they agree in what they are
/// recognised by, and not in the rest. They are read before they are tied, copied or deleted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Doubt {
    pub source: UidSet,
    pub destination: UidSet,
}

impl Doubt {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.source.is_empty() && self.destination.is_empty()
    }
}

/// What is to be done for one source mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MailboxPlan {
    pub source: MailboxName,
    pub destination: MailboxName,
    /// The UIDVALIDITY that the source UIDs below belong to.
    pub source_validity: UidValidity,
    /// The UIDVALIDITY that the destination UIDs below belong to; `None` where the mailbox is to be created.
    pub destination_validity: Option<UidValidity>,
    /// Revisions of the two listings that were compared; destination 0 where there is none yet.
    pub revisions: (u64, u64),
    /// Create the destination mailbox first.
    pub create: bool,
    /// The special use to create it with, where the server can.
    pub special_use: Option<SpecialUse>,
    /// Subscribe the destination mailbox.
    pub subscribe: bool,
    /// Source UIDs to copy, in their order.
    pub copies: UidSet,
    /// What comes from other mailboxes, each once.
    pub moves: Vec<Moves>,
    /// Sum of their sizes in octets.
    pub octets: u64,
    pub flag_updates: Vec<FlagUpdate>,
    pub skipped: Vec<Skipped>,
    /// Copied once, deleted on the destination since: left alone.
    pub departed: UidSet,
    pub doubt: Doubt,
    /// The destination said that it stored them, and they are not there under anything that they are known by.
    pub not_found_again: UidSet,
    /// Copies to delete, ascending by destination UID.
    pub deletions: Vec<Deletion>,
    /// Destination messages whose source is gone, and which stay because they were there before us. Counted in mirror
    /// mode alone.
    pub kept: u64,
    /// Ascending by the UID of the surplus one.
    pub second_copies: Vec<SecondCopy>,
    /// Destination UIDs of copies of ours that are not as their source is: they go when it was copied anew.
    pub replaced: UidSet,
    /// Why so many deletions need a word from the user.
    pub guard: Option<String>,
    /// Source messages that are tied to a message which was on the destination before us.
    pub present: u64,
    /// Source messages that are tied to the copy that we made.
    pub copied: u64,
    /// What the destination cannot keep of the messages that are there, and of those that are to be copied.
    pub losses: Losses,
}

impl MailboxPlan {
    /// Whether there is nothing to do on the destination.
    pub fn is_empty(&self) -> bool {
        !self.adds() && self.removals() == 0 && self.replaced.is_empty()
    }

    /// Whether there is something to create, copy, move here or mark.
    pub fn adds(&self) -> bool {
        let brings = !self.copies.is_empty() || !self.moves.is_empty();
        self.create || self.subscribe || brings || !self.flag_updates.is_empty()
    }

    /// How many messages come from other mailboxes.
    pub fn moved(&self) -> u64 {
        self.moves.iter().map(|moves| moves.messages.len() as u64).sum()
    }

    /// What is to come to the mailbox, by whatever way.
    pub fn arrivals(&self) -> UidSet {
        let mut arrivals = self.copies.clone();
        self.moves.iter().flat_map(|moves| &moves.messages).for_each(|moved| arrivals.insert(moved.source));
        arrivals
    }

    /// How many messages of the destination would go.
    pub fn removals(&self) -> u64 {
        (self.deletions.len() + self.second_copies.len()) as u64
    }
}

/// A mailbox that takes no part, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Omitted {
    pub mailbox: MailboxName,
    pub reason: String,
    /// Never that it takes part.
    pub condition: MailboxCondition,
    /// Messages that stay behind with it, where known.
    pub messages: u64,
}

impl Omitted {
    /// What becomes of its messages.
    pub fn outcome(&self) -> Outcome {
        let reason = self.reason.clone();
        if self.condition.is_obstacle() { Outcome::Failed(reason) } else { Outcome::Skipped(reason) }
    }
}

/// A mailbox of the destination that gets another name, as its source has one: with all that is in it, copied by us.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rename {
    pub from: MailboxName,
    pub to: MailboxName,
}

impl Rename {
    /// Whether that other one goes along with this one: it stands below it, before and after.
    pub fn takes_along(&self, other: &Rename) -> bool {
        let below =
            |top: &MailboxName, name: &MailboxName| name.levels.strip_prefix(&top.levels[..]).map(<[_]>::to_vec);
        let from = below(&self.from, &other.from);
        from.as_ref().is_some_and(|rest| !rest.is_empty()) && from == below(&self.to, &other.to)
    }
}

/// The plan of one account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountPlan {
    pub account: String,
    /// The scan that it was made from; another scan makes it stale.
    pub generation: u64,
    /// Digest of the policy that it was made with; other settings make it stale.
    pub policy: [u8; 16],
    /// What is done first: parents before their children, which they take along.
    pub renames: Vec<Rename>,
    pub mailboxes: Vec<MailboxPlan>,
    pub omitted: Vec<Omitted>,
    /// Old copies of messages that were moved, and have others by now: they go.
    pub leftovers: u64,
    /// What the reader should know before applying: quota, mappings that were guessed, UIDVALIDITY changes.
    pub warnings: Vec<String>,
}

/// Sums over a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlanTotals {
    pub copies: u64,
    pub octets: u64,
    pub moves: u64,
    pub renames: u64,
    pub flag_updates: u64,
    pub deletes: u64,
    pub second_copies: u64,
    pub replaced: u64,
    pub creates: u64,
    pub subscribes: u64,
    pub skipped: u64,
    /// Old copies of messages that were moved.
    pub leftovers: u64,
}

impl PlanTotals {
    /// Adds one mailbox.
    pub fn add(&mut self, mailbox: &MailboxPlan) {
        self.copies += mailbox.copies.len();
        grow(&mut self.octets, mailbox.octets);
        self.moves += mailbox.moved();
        self.flag_updates += mailbox.flag_updates.len() as u64;
        self.deletes += mailbox.deletions.len() as u64;
        self.second_copies += mailbox.second_copies.len() as u64;
        self.replaced += mailbox.replaced.len();
        self.creates += u64::from(mailbox.create);
        self.subscribes += u64::from(mailbox.subscribe);
        self.skipped += mailbox.skipped.len() as u64;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &PlanTotals) {
        self.copies += other.copies;
        grow(&mut self.octets, other.octets);
        self.moves += other.moves;
        self.renames += other.renames;
        self.flag_updates += other.flag_updates;
        self.deletes += other.deletes;
        self.second_copies += other.second_copies;
        self.replaced += other.replaced;
        self.creates += other.creates;
        self.subscribes += other.subscribes;
        self.skipped += other.skipped;
        self.leftovers += other.leftovers;
    }

    /// Messages that come to mailboxes of the destination, by whatever way.
    pub fn arrivals(&self) -> u64 {
        self.copies + self.moves
    }

    /// Whether there is anything to do on the destination.
    pub fn is_empty(&self) -> bool {
        let PlanTotals {
            copies,
            octets: _,
            moves,
            renames,
            flag_updates,
            deletes,
            second_copies,
            replaced,
            creates,
            subscribes,
            skipped: _,
            leftovers,
        } = *self;
        let mail = copies + moves + flag_updates + deletes + second_copies + replaced + leftovers;
        mail + renames + creates + subscribes == 0
    }
}

impl AccountPlan {
    /// Sums over its mailboxes.
    pub fn totals(&self) -> PlanTotals {
        let renames = self.renames.len() as u64;
        let mut totals = PlanTotals { leftovers: self.leftovers, renames, ..PlanTotals::default() };
        self.mailboxes.iter().for_each(|mailbox| totals.add(mailbox));
        totals
    }
}

//! The two sides of one account, as last scanned.

use crate::diff::routing::mailboxes::map_mailboxes;
use crate::diff::routing::mapping::{Mapping, SideView};
use crate::error::{Error, Kind, Result};
use crate::model::amount::Amounts;
use crate::model::counted::counted;
use crate::model::ledger::Conditions;
use crate::model::plan::Omitted;
use crate::model::policy::MailboxPolicy;
use crate::model::server::Preset;
use crate::model::{FlagCapacity, Labels, MailboxState, Names, RawName, Side, SideState};
use crate::pipeline::fleet::access::Access;
use crate::store::AccountStore;
use std::collections::{HashMap, HashSet};

/// The two sides of one account, as last scanned.
pub struct Snapshots<'a> {
    access: &'a Access<'a>,
    /// What is known of where mailboxes went.
    known: &'a AccountStore,
    sides: [SideState; 2],
    names: [Names; 2],
    mailboxes: [Vec<MailboxState>; 2],
}

impl<'a> Snapshots<'a> {
    /// Reads the headers of both.
    ///
    /// # Errors
    /// `Stale` when the account was never scanned, `State`.
    pub fn load(access: &'a Access<'a>) -> Result<Self> {
        Self::beside(access, &access.state)
    }

    /// The same of what was listed aside from what is `known`.
    ///
    /// # Errors
    /// As [`Snapshots::load`].
    pub fn beside(access: &'a Access<'a>, known: &'a AccountStore) -> Result<Self> {
        let side = |side| access.state.side(side)?.ok_or_else(never_scanned);
        let sides = [side(Side::Source)?, side(Side::Destination)?];
        let names = [access.state.names(Side::Source)?, access.state.names(Side::Destination)?];
        let mailboxes = [access.state.mailboxes(Side::Source)?, access.state.mailboxes(Side::Destination)?];
        Ok(Snapshots { access, known, sides, names, mailboxes })
    }

    /// Which mailbox goes where.
    ///
    /// # Errors
    /// `Settings` for a wrong glob.
    pub fn map(&self) -> Result<Mapping> {
        self.map_by(&self.access.account.policy.mailboxes, &HashMap::new())
    }

    /// Which would go where had these source mailboxes been copied to those of the destination, or to none.
    ///
    /// # Errors
    /// As [`Snapshots::map`].
    pub fn map_as_copied(&self, copied: &HashMap<RawName, Option<RawName>>) -> Result<Mapping> {
        self.map_by(&self.access.account.policy.mailboxes, copied)
    }

    /// Which would go where with another choice of what becomes of Gmail's labels.
    ///
    /// # Errors
    /// As [`Snapshots::map`].
    pub fn map_with(&self, labels: Labels) -> Result<Mapping> {
        self.map_by(&MailboxPolicy { labels, ..self.access.account.policy.mailboxes.clone() }, &HashMap::new())
    }

    fn map_by(&self, policy: &MailboxPolicy, besides: &HashMap<RawName, Option<RawName>>) -> Result<Mapping> {
        let view = |side: Side| SideView {
            state: &self.sides[side as usize],
            names: &self.names[side as usize],
            mailboxes: &self.mailboxes[side as usize],
        };
        let mut copied = self.copied();
        for (source, destination) in besides {
            match destination {
                Some(destination) => copied.insert(source.clone(), destination.clone()),
                None => copied.remove(source),
            };
        }
        map_mailboxes(view(Side::Source), view(Side::Destination), &copied, policy)
    }

    /// What must be asked where the source is empty and the destination is not.
    pub fn emptiness(&self) -> Option<String> {
        let held = |side: Side| self.mailboxes(side).iter().map(MailboxState::held).total();
        let unknown = self.mailboxes(Side::Source).iter().any(|mailbox| mailbox.trouble.is_some());
        let [source, destination] = Side::BOTH.map(held);
        (source == 0 && destination > 0 && !unknown).then(|| empty_source(destination))
    }

    /// Every mailbox that the source lists in one condition, where `taking_part` are compared. What is not named at all is
    /// a parent that holds nothing.
    pub fn conditions(&self, taking_part: &[&RawName], omitted: &[Omitted]) -> Conditions {
        let Names { foreign, foreign_unnamed, .. } = &self.names[Side::Source as usize];
        let mut conditions = Conditions {
            takes_part: taking_part.len() as u64,
            foreign: foreign.len() as u64 + foreign_unnamed,
            ..Conditions::default()
        };
        omitted.iter().for_each(|omitted| conditions.add(omitted.condition));
        let omitted = omitted.iter().map(|omitted| &omitted.mailbox.raw);
        let named: HashSet<&RawName> = taking_part.iter().copied().chain(omitted).collect();
        let source = &self.mailboxes[Side::Source as usize];
        conditions.container += source.iter().filter(|mailbox| !named.contains(&mailbox.name.raw)).count() as u64;
        conditions
    }

    /// Where mailboxes went that were copied, in whole or in part.
    fn copied(&self) -> HashMap<RawName, RawName> {
        self.known.copied().into_iter().map(|pairing| (pairing.source, pairing.destination)).collect()
    }

    /// One mailbox.
    pub fn mailbox(&self, side: Side, name: &RawName) -> Option<&MailboxState> {
        self.mailboxes[side as usize].iter().find(|mailbox| mailbox.name.raw == *name)
    }

    /// Whether a mailbox may be there that is not among the mailboxes of that side: another user's, or one whose line of the
    /// listing could not be read, or is only counted.
    pub fn may_hide(&self, side: Side, name: &RawName) -> bool {
        let Names { foreign, foreign_unnamed, unreadable, .. } = &self.names[side as usize];
        !unreadable.is_empty() || *foreign_unnamed > 0 || foreign.iter().any(|foreign| foreign.name.raw == *name)
    }

    /// Whether that side has no mailbox of that name which could hold messages: `listed` is what it lists under it. One that others are
    /// below may go on as a container (\NoSelect) when it was deleted or renamed.
    pub fn is_gone(&self, side: Side, name: &RawName, listed: Option<&MailboxState>) -> bool {
        !listed.is_some_and(MailboxState::is_selectable) && !self.may_hide(side, name)
    }

    /// All of one side.
    pub fn by_name(&self, side: Side) -> HashMap<&RawName, &MailboxState> {
        self.mailboxes[side as usize].iter().map(|mailbox| (&mailbox.name.raw, mailbox)).collect()
    }

    /// What that side's server is and can do.
    pub fn side(&self, side: Side) -> &SideState {
        &self.sides[side as usize]
    }

    /// The mailboxes of that side.
    pub fn mailboxes(&self, side: Side) -> &[MailboxState] {
        &self.mailboxes[side as usize]
    }

    /// What the two servers are.
    pub fn presets(&self) -> [Preset; 2] {
        [self.sides[0].preset, self.sides[1].preset]
    }

    /// What a new destination mailbox will keep of flags: what the INBOX keeps.
    pub fn capacity(&self) -> FlagCapacity {
        let inbox = self.mailboxes[Side::Destination as usize].iter().find(|mailbox| mailbox.name.is_inbox());
        inbox.map_or_else(FlagCapacity::everything, |inbox| inbox.capacity.clone())
    }
}

/// Nothing is wrong with an empty account; but it is also what swapped sides look like, and missing rights.
pub fn empty_source(held_there: u64) -> String {
    format!(
        "the source account is empty, and the destination holds {}: are the two sides swapped? may the login see this \
         account's mail?",
        counted(held_there, "message")
    )
}

fn never_scanned() -> Error {
    Error::new(Kind::Stale, "this account was never scanned")
        .hint("run `mailferry scan`, or `mailferry sync` for all in one")
}

//! Which place on the destination a mailbox asks for: the user's rename, its special use, or its own name.
//!
//! 1. A guess never asks for a place that another source mailbox has by its own name or by a rename.
//! 2. A mailbox that was copied somewhere goes on to go there while that mailbox exists, whatever has a special use by now;
//!    only a rename overrules it. Else all of it would be copied a second time, to another place.
//! 3. What a mailbox asks for stays the same while the mailboxes of a mapping are created, all or some: else mail would
//!    be copied a second time, to another place.

use super::levels::Levels;
use super::mapping::SideView;
use super::names;
use super::rename::Renames;
use super::special_use::{self, Holder};
use crate::model::{MailboxState, RawName, SpecialUse};
use std::collections::HashMap;

/// By what right a mailbox asks for a place, the strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::diff) enum Claim {
    Inbox,
    SpecialUse,
    OwnName,
    /// Last, so that of two mailboxes for one place the user hears about the one that the settings moved there.
    Rename,
}

/// A mailbox that asks for a place.
pub(in crate::diff) struct Request<'a> {
    pub(in crate::diff) mailbox: &'a MailboxState,
    pub(in crate::diff) levels: Levels,
    pub(in crate::diff) place: Levels,
    pub(in crate::diff) claim: Claim,
    /// What to create the place for, if it has to be.
    pub(in crate::diff) special_use: Option<SpecialUse>,
    /// The special use that a name was taken for.
    pub(in crate::diff) guess: Option<SpecialUse>,
    /// It would ask for another place, had it not been copied to this one before.
    pub(in crate::diff) kept: bool,
}

impl Request<'_> {
    pub(in crate::diff) fn rank(&self) -> (Claim, &Levels, &RawName) {
        (self.claim, &self.levels, &self.mailbox.name.raw)
    }
}

/// Where a special use sends a source mailbox and all below it.
struct Route {
    from: Levels,
    /// `None`: nowhere yet, it keeps its name and is created for its special use.
    to: Option<Levels>,
    /// `None`: it was copied there before.
    special_use: Option<SpecialUse>,
    guessed: bool,
}

impl Route {
    fn kept(from: Levels, to: Levels) -> Self {
        Route { from, to: Some(to), special_use: None, guessed: false }
    }
}

/// Where mailboxes go by their names and the user's renames alone, whatever exists on the destination.
struct ByName<'a> {
    renames: &'a Renames<'a>,
    /// The destination keeps everything below INBOX, and the source does not.
    lift: bool,
    ignores_case: bool,
    /// Which source mailbox has a place, `None` where several have.
    holders: HashMap<Levels, Option<&'a RawName>>,
}

impl<'a> ByName<'a> {
    fn new(source: SideView<'a>, destination: SideView, renames: &'a Renames<'a>) -> Self {
        let below_inbox = |side: SideView| names::is_below_inbox(&side.state.namespace);
        let mut by_name = ByName {
            renames,
            lift: below_inbox(destination) && !below_inbox(source),
            ignores_case: names::ignores_case(destination.state.preset),
            holders: HashMap::new(),
        };
        for mailbox in source.mailboxes {
            let (place, name) = (by_name.compared(&by_name.place(mailbox)), &mailbox.name.raw);
            let holder = by_name.holders.entry(place).or_insert(Some(name));
            *holder = holder.filter(|holder| *holder == name);
        }
        by_name
    }

    fn place(&self, mailbox: &MailboxState) -> Levels {
        self.lifted(self.renames.target(&mailbox.name).unwrap_or_else(|| Levels::of(&mailbox.name)))
    }

    /// On a server with the prefix `INBOX.` all mailboxes are children of INBOX on the wire already: a source's
    /// `INBOX/sub` is its `INBOX.sub`, and `INBOX.INBOX.sub` is a name that such servers do not expect.
    fn lifted(&self, place: Levels) -> Levels {
        if self.lift && place.is_below_inbox() { place.without_top() } else { place }
    }

    /// Whether no source mailbox but `asking` has that place. Does not depend on what exists on the destination: a guess
    /// must come out the same when half of the mailboxes have been created.
    fn is_free(&self, place: &Levels, asking: &MailboxState) -> bool {
        let holder = self.holders.get(&self.compared(place));
        holder.is_none_or(|holder| *holder == Some(&asking.name.raw))
    }

    /// The form in which the destination tells names apart.
    fn compared(&self, levels: &Levels) -> Levels {
        if self.ignores_case { levels.without_case() } else { levels.clone() }
    }
}

/// Where mailboxes go when nobody else stands there.
pub(in crate::diff) struct Routes<'a> {
    by_name: ByName<'a>,
    routes: Vec<Route>,
}

impl<'a> Routes<'a> {
    pub(in crate::diff) fn new(
        source: SideView<'a>,
        destination: SideView,
        by_special_use: bool,
        renames: &'a Renames<'a>,
    ) -> Self {
        let by_name = ByName::new(source, destination, renames);
        let routed = if by_special_use { special_use::ROUTED.as_slice() } else { &[] };
        let routes = routed.iter().filter_map(|wanted| route(*wanted, source, destination, &by_name)).collect();
        Routes { by_name, routes }
    }

    /// Rule 2. `copied` tells to which destination mailbox a source mailbox was copied.
    pub(in crate::diff) fn keep(
        &mut self,
        copied: &HashMap<RawName, RawName>,
        source: SideView,
        destination: SideView,
    ) {
        let existing: HashMap<&RawName, &MailboxState> =
            destination.mailboxes.iter().filter(|mailbox| mailbox.is_selectable()).map(by_raw_name).collect();
        // One that is kept moves what is below it, which may have to be kept in turn.
        loop {
            let misled = source.mailboxes.iter().filter_map(|mailbox| {
                let to = Levels::of(&existing.get(copied.get(&mailbox.name.raw)?)?.name);
                self.misleads(mailbox, &to).then(|| Route::kept(Levels::of(&mailbox.name), to))
            });
            let kept: Vec<Route> = misled.collect();
            if kept.is_empty() {
                return;
            }
            self.routes.retain(|route| kept.iter().all(|kept| kept.from != route.from));
            self.routes.extend(kept);
        }
    }

    /// Whether a mailbox would go elsewhere, and not because the user says so.
    fn misleads(&self, mailbox: &MailboxState, to: &Levels) -> bool {
        let (place, claim) = self.place(mailbox, &Levels::of(&mailbox.name));
        claim != Claim::Rename && self.by_name.compared(&place) != self.by_name.compared(to)
    }

    pub(in crate::diff) fn request<'m>(&self, mailbox: &'m MailboxState) -> Request<'m> {
        let levels = Levels::of(&mailbox.name);
        let (place, claim) = self.place(mailbox, &levels);
        let route = self.routes.iter().find(|route| route.from == levels && claim == Claim::SpecialUse);
        Request {
            mailbox,
            place,
            claim,
            special_use: route.filter(|route| route.to.is_none()).and_then(|route| route.special_use),
            guess: route.filter(|route| route.guessed).and_then(|route| route.special_use),
            kept: route.is_some_and(|route| route.special_use.is_none()),
            levels,
        }
    }

    fn place(&self, mailbox: &MailboxState, levels: &Levels) -> (Levels, Claim) {
        let by_name = self.by_name.place(mailbox);
        if self.by_name.renames.target(&mailbox.name).is_some() {
            return (by_name, Claim::Rename);
        }
        // Children follow: the nearest route above decides.
        let above = self.routes.iter().filter(|route| *levels == route.from || levels.is_below(&route.from));
        match above.max_by_key(|route| route.from.as_slice().len()) {
            Some(route) => {
                let moved = route.to.as_ref().and_then(|to| levels.moved(&route.from, to));
                (moved.unwrap_or(by_name), Claim::SpecialUse)
            }
            None if levels.is_inbox() => (by_name, Claim::Inbox),
            None => (by_name, Claim::OwnName),
        }
    }
}

/// The route of one special use, if both sides are clear about it.
fn route(wanted: SpecialUse, source: SideView, destination: SideView, by_name: &ByName) -> Option<Route> {
    let Holder::One { mailbox, guessed } = special_use::holder(source, wanted, |_| true) else { return None };
    if by_name.renames.target(&mailbox.name).is_some() {
        return None;
    }
    let is_free = |place: &Levels| by_name.is_free(place, mailbox);
    let (to, guessed) = match special_use::holder(destination, wanted, is_free) {
        Holder::One { mailbox: holder, guessed: there } => (Some(Levels::of(&holder.name)), guessed || there),
        Holder::Nobody if destination.state.creates_special_use => (None, guessed),
        Holder::Nobody | Holder::Several => return None,
    };
    let place = to.clone().unwrap_or_else(|| by_name.place(mailbox));
    let is_robbery = guessed && !is_free(&place);
    (!is_robbery).then(|| Route { from: Levels::of(&mailbox.name), to, special_use: Some(wanted), guessed })
}

fn by_raw_name(mailbox: &MailboxState) -> (&RawName, &MailboxState) {
    (&mailbox.name.raw, mailbox)
}

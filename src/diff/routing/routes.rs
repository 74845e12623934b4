//! Which place on the destination a mailbox asks for: the user's rename, its special use, or its own name.
//!
//! 1. A guess never asks for a place that another source mailbox has by its own name or by a rename.
//! 2. A mailbox that was copied somewhere goes on to go there while that mailbox exists, whatever has a special use by now;
//!    only a rename overrules it, and on the way back not even that (`MailboxPolicy::keeps_places`). Else all of it would be
//!    copied a second time, to another place.
//! 3. What a mailbox asks for stays the same while the mailboxes of a mapping are created, all or some: else mail would
//!    be copied a second time, to another place.

use super::all_mail::all_mail;
use super::levels::Levels;
use super::mapping::SideView;
use super::names;
use super::rename::Renames;
use super::special_use::{self, Holder};
use crate::model::policy::MailboxPolicy;
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
    /// By which the settings can give it another place.
    pub(in crate::diff) key: String,
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
    /// `None`: nowhere yet, it keeps its name and is created for its special use.
    to: Option<Levels>,
    /// `None`: it was copied there before.
    special_use: Option<SpecialUse>,
    guessed: bool,
}

impl Route {
    fn kept(to: Levels) -> Self {
        Route { to: Some(to), special_use: None, guessed: false }
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
    /// By where they begin. A mailbox of several special uses has several.
    routes: HashMap<Levels, Vec<Route>>,
    /// Where mailboxes go because they were copied there: they themselves, for two may have one name (`INBOX`, `inbox`).
    kept: HashMap<RawName, Levels>,
    /// They do so whatever the renames say.
    keeps_places: bool,
}

impl<'a> Routes<'a> {
    pub(in crate::diff) fn new(
        source: SideView<'a>,
        destination: SideView,
        policy: &MailboxPolicy,
        renames: &'a Renames<'a>,
    ) -> Self {
        let by_name = ByName::new(source, destination, renames);
        let routed = if policy.special_use { special_use::ROUTED.as_slice() } else { &[] };
        let mut routes: HashMap<Levels, Vec<Route>> = HashMap::new();
        for (from, route) in routed.iter().filter_map(|wanted| route(*wanted, source, destination, &by_name)) {
            routes.entry(from).or_default().push(route);
        }
        Routes { by_name, routes, kept: HashMap::new(), keeps_places: policy.keeps_places }
    }

    /// What comes of Gmail's All Mail goes to the archive: of a Gmail, to its All Mail, which is just that. Where there is none,
    /// to a mailbox of that name; where somebody else has that, it keeps its own.
    pub(in crate::diff) fn route_all_mail(&mut self, source: SideView<'a>, destination: SideView) {
        let Some(mailbox) = all_mail(source) else { return };
        let has_archive =
            matches!(special_use::holder(source.mailboxes, SpecialUse::Archive, |_| true), Holder::One { .. });
        if has_archive || self.by_name.renames.target(&mailbox.name).is_some() {
            return;
        }
        let is_free = |place: &Levels| self.by_name.is_free(place, mailbox);
        let archive = match special_use::holder(destination.mailboxes, SpecialUse::Archive, is_free) {
            Holder::One { mailbox, .. } => Levels::of(&mailbox.name),
            Holder::Nobody | Holder::Several => Levels::from_path("Archive"),
        };
        let to = all_mail(destination).map_or(archive, |all_mail| Levels::of(&all_mail.name));
        if is_free(&to) {
            let route = Route { to: Some(to), special_use: Some(SpecialUse::Archive), guessed: false };
            self.routes.entry(Levels::of(&mailbox.name)).or_default().push(route);
        }
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
                self.misleads(mailbox, &to).then_some((mailbox, to))
            });
            let misled: Vec<(&MailboxState, Levels)> = misled.collect();
            if misled.is_empty() {
                return;
            }
            for (mailbox, to) in misled {
                self.routes.insert(Levels::of(&mailbox.name), vec![Route::kept(to.clone())]);
                self.kept.insert(mailbox.name.raw.clone(), to);
            }
        }
    }

    /// Whether a mailbox would go elsewhere, and not because the user says so.
    fn misleads(&self, mailbox: &MailboxState, to: &Levels) -> bool {
        let (place, claim) = self.place(mailbox, &Levels::of(&mailbox.name));
        (self.keeps_places || claim != Claim::Rename) && self.by_name.compared(&place) != self.by_name.compared(to)
    }

    pub(in crate::diff) fn request<'m>(&self, mailbox: &'m MailboxState) -> Request<'m> {
        let levels = Levels::of(&mailbox.name);
        let (place, claim) = self.place(mailbox, &levels);
        let routes = self.routes.get(&levels).filter(|_| claim == Claim::SpecialUse);
        let route = routes.and_then(|routes| routes.first());
        Request {
            mailbox,
            place,
            key: self.by_name.renames.key(&mailbox.name),
            claim,
            special_use: route.filter(|route| route.to.is_none()).and_then(|route| route.special_use),
            guess: route.filter(|route| route.guessed).and_then(|route| route.special_use),
            kept: route.is_some_and(|route| route.special_use.is_none()),
            levels,
        }
    }

    fn place(&self, mailbox: &MailboxState, levels: &Levels) -> (Levels, Claim) {
        let kept = self.kept.get(&mailbox.name.raw);
        if let Some(kept) = kept.filter(|_| self.keeps_places) {
            return (kept.clone(), Claim::SpecialUse);
        }
        let by_name = self.by_name.place(mailbox);
        if self.by_name.renames.target(&mailbox.name).is_some() {
            return (by_name, Claim::Rename);
        }
        if let Some(kept) = kept {
            return (kept.clone(), Claim::SpecialUse);
        }
        match self.nearest(levels) {
            Some((depth, route)) => {
                let moved = route.to.as_ref().map(|to| levels.moved(depth, to));
                (moved.unwrap_or(by_name), Claim::SpecialUse)
            }
            None if levels.is_inbox() => (by_name, Claim::Inbox),
            None => (by_name, Claim::OwnName),
        }
    }

    /// Children follow: the nearest route at that name or above decides. With the number of the levels that it begins with.
    fn nearest(&self, levels: &Levels) -> Option<(usize, &Route)> {
        let levels = levels.as_slice();
        let at = |depth: usize| Some((depth, self.routes.get(&levels[..depth])?.last()?));
        (1..=levels.len()).rev().find_map(at)
    }
}

/// The route of one special use and where it begins, if both sides are clear about it.
fn route(wanted: SpecialUse, source: SideView, destination: SideView, by_name: &ByName) -> Option<(Levels, Route)> {
    let Holder::One { mailbox, guessed } = special_use::holder(source.mailboxes, wanted, |_| true) else { return None };
    if by_name.renames.target(&mailbox.name).is_some() {
        return None;
    }
    let is_free = |place: &Levels| by_name.is_free(place, mailbox);
    let (to, guessed) = match special_use::holder(destination.mailboxes, wanted, is_free) {
        Holder::One { mailbox: holder, guessed: there } => (Some(Levels::of(&holder.name)), guessed || there),
        Holder::Nobody if destination.state.creates_special_use => (None, guessed),
        Holder::Nobody | Holder::Several => return None,
    };
    let place = to.clone().unwrap_or_else(|| by_name.place(mailbox));
    let is_robbery = guessed && !is_free(&place);
    (!is_robbery).then(|| (Levels::of(&mailbox.name), Route { to, special_use: Some(wanted), guessed }))
}

fn by_raw_name(mailbox: &MailboxState) -> (&RawName, &MailboxState) {
    (&mailbox.name.raw, mailbox)
}

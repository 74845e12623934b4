//! Who gets which place on the destination: a mailbox that exists, or one to be created if its name can be held.
//!
//! 1. A place is given once. Merging two mailboxes into one is refused, because nobody could tell them apart again: unless the
//!    user says that this place may take several.
//! 2. What exists is spoken of by its own raw name; what does not is created in NFC.

use super::levels::Levels;
use super::mapping::{MailboxPair, Mapping, SideView};
use super::names;
use super::part::{VOLATILE, is_remote, unscanned_reason};
use super::routes::Request;
use crate::model::namespace::{RENAME_IT, Unreadable};
use crate::model::plan::Omitted;
use crate::model::policy::{MailboxPolicy, rename_line};
use crate::model::server::Preset;
use crate::model::{Attribute, MailboxCondition, MailboxName, MailboxState, RawName, SpecialUse};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Gives places on the destination, each once.
pub(in crate::diff) struct Settlement<'a> {
    side: SideView<'a>,
    subscriptions: bool,
    /// Where other accounts go.
    reserved: Vec<Levels>,
    existing: HashMap<Levels, &'a MailboxState>,
    /// Who has which place first, and what it is called.
    taken: BTreeMap<RawName, (MailboxName, MailboxName)>,
    mapping: Mapping,
}

impl<'a> Settlement<'a> {
    /// `copied`: the destination mailboxes that others were copied to.
    pub(in crate::diff) fn new(destination: SideView<'a>, policy: &MailboxPolicy, copied: &HashSet<&RawName>) -> Self {
        let mut settlement = Settlement {
            side: destination,
            subscriptions: policy.subscriptions,
            reserved: policy.reserved.iter().map(|place| shared(&Levels::from_path(place), destination)).collect(),
            existing: HashMap::new(),
            taken: BTreeMap::new(),
            mapping: Mapping::default(),
        };
        let mut mailboxes: Vec<&MailboxState> = destination.mailboxes.iter().collect();
        // Of names that differ only in composition, the composed one is the one that is meant, unless mail went to
        // another already.
        mailboxes.sort_by_key(|mailbox| {
            let MailboxName { raw, levels } = &mailbox.name;
            let canonical = Levels::of(&mailbox.name);
            let as_created = names::raw_name(&canonical, destination) == *raw;
            (!copied.contains(raw), canonical.as_slice() != levels, !as_created, raw)
        });
        for mailbox in mailboxes {
            let key = settlement.compared(&Levels::of(&mailbox.name));
            settlement.existing.entry(key).or_insert(mailbox);
        }
        settlement
    }

    /// The form in which this destination tells names apart.
    fn compared(&self, levels: &Levels) -> Levels {
        if names::ignores_case(self.side.state.preset) { levels.without_case() } else { levels.clone() }
    }

    pub(in crate::diff) fn omit(&mut self, mailbox: &MailboxState, reason: String, condition: MailboxCondition) {
        let messages = mailbox.held();
        if !condition.is_obstacle() && mailbox.special_use() == Some(SpecialUse::All) && messages > 0 {
            self.mapping.warnings.push(only_in_all_warning(mailbox));
        }
        self.mapping.omitted.push(Omitted { mailbox: mailbox.name.clone(), reason, condition, messages });
    }

    /// What the source lists and nobody can ask for.
    pub(in crate::diff) fn leave_behind(&mut self, unreadable: &Unreadable) {
        let name = unreadable.name.clone();
        let mailbox = MailboxName { raw: RawName(name.clone().into_bytes()), levels: vec![name] };
        let reason = format!("{}; {RENAME_IT}", unreadable.reason);
        self.mapping.omitted.push(Omitted { mailbox, reason, condition: MailboxCondition::Unreadable, messages: 0 });
    }

    /// `merges`: others may go to the same place.
    pub(in crate::diff) fn settle(&mut self, request: Request, merges: bool) {
        match self.pair(&request, merges) {
            Ok(pair) => {
                self.warn(&request, &pair);
                self.mapping.pairs.push(pair);
            }
            Err(reason) => self.omit(request.mailbox, reason, MailboxCondition::Unreadable),
        }
    }

    /// The pair, or the obstacle.
    fn pair(&mut self, request: &Request, merges: bool) -> Result<MailboxPair, String> {
        self.check_reserved(request)?;
        let existing = self.existing.get(&self.compared(&request.place)).copied();
        if existing.is_none() {
            self.check_name(request)?;
        }
        let destination = self.take_place(request, existing, merges)?;
        existing.map_or(Ok(()), |existing| check_usable(existing, request))?;
        let create = !existing.is_some_and(MailboxState::is_selectable);
        let subscribed = existing.is_some_and(|mailbox| mailbox.subscribed);
        Ok(MailboxPair {
            source: request.mailbox.name.clone(),
            destination,
            create,
            special_use: request.special_use.filter(|_| create && self.side.state.creates_special_use),
            subscribe: self.subscriptions && request.mailbox.subscribed && !subscribed,
        })
    }

    /// Two accounts never share a mailbox.
    fn check_reserved(&self, request: &Request) -> Result<(), String> {
        let place = shared(&request.place, self.side);
        let holder = self.reserved.iter().find(|reserved| place == **reserved || place.is_below(reserved));
        holder.map_or(Ok(()), |_| {
            Err(format!("`{}` is where another account goes; {}", request.place, another_name(request)))
        })
    }

    fn check_name(&self, request: &Request) -> Result<(), String> {
        let objection = names::objection(&request.place, self.side).or_else(|| self.childless_parent(&request.place));
        objection.map_or(Ok(()), |reason| Err(format!("{reason}; {}", another_name(request))))
    }

    fn childless_parent(&self, place: &Levels) -> Option<String> {
        let parents = place.ancestors().filter_map(|parent| self.existing.get(&self.compared(&parent)));
        let childless = |parent: &&&MailboxState| parent.attributes.contains(&Attribute::NoInferiors);
        parents.into_iter().find(childless).map(|parent| format!("`{}` takes no mailboxes below it", parent.name))
    }

    /// The mailbox of the destination. All that are merged go to one of the same name, where case is ignored, too.
    fn take_place(
        &mut self,
        request: &Request,
        existing: Option<&MailboxState>,
        merges: bool,
    ) -> Result<MailboxName, String> {
        let place = match existing {
            Some(mailbox) => mailbox.name.raw.clone(),
            None => names::raw_name(&self.compared(&request.place), self.side),
        };
        match self.taken.get(&place) {
            Some((_, name)) if merges => Ok(name.clone()),
            Some((holder, _)) => Err(format!(
                "`{holder}` goes to `{}` already, and two mailboxes are not merged into one unless `merge` in [mailboxes] \
                 names it; {}",
                request.place,
                another_name(request)
            )),
            None => {
                let name = existing.map_or_else(|| self.new_name(&request.place), |mailbox| mailbox.name.clone());
                self.taken.insert(place, (request.mailbox.name.clone(), name.clone()));
                Ok(name)
            }
        }
    }

    fn new_name(&self, place: &Levels) -> MailboxName {
        MailboxName { raw: names::raw_name(place, self.side), levels: place.as_slice().to_vec() }
    }

    fn warn(&mut self, request: &Request, pair: &MailboxPair) {
        let (source, destination) = (&pair.source, &pair.destination);
        let matters = request.levels != Levels::of(destination) || pair.special_use.is_some();
        if let Some(special_use) = request.guess.filter(|_| matters) {
            self.mapping.warnings.push(format!(
                "`{source}` goes to `{destination}`, guessed by name to be {}; to decide otherwise, name it in \
                 [mailboxes.rename]",
                special_use.as_str()
            ));
        }
        if request.kept {
            self.mapping.warnings.push(format!(
                "`{source}` goes on to go to `{destination}`, where it was copied before; to move it, name it in \
                 [mailboxes.rename]"
            ));
        }
        if let Some(trouble) = &request.mailbox.trouble {
            self.mapping
                .warnings
                .push(format!("`{source}` is planned as scanned before; the last scan failed: {trouble}"));
        }
        self.mapping.warnings.extend(emptied_by(self.side.state.preset, &destination.path()));
    }

    pub(in crate::diff) fn into_mapping(mut self) -> Mapping {
        let order = |name: &MailboxName| (!name.is_inbox(), Levels::of(name), name.raw.clone());
        self.mapping.pairs.sort_by_cached_key(|pair| (order(&pair.destination), order(&pair.source)));
        self.mapping.omitted.sort_by_cached_key(|omitted| order(&omitted.mailbox));
        self.mapping
    }
}

/// A destination mailbox whose messages are not known cannot be compared: all would be copied a second time.
fn check_usable(mailbox: &MailboxState, request: &Request) -> Result<(), String> {
    if is_remote(mailbox) {
        Err(format!("`{}` of the destination is on another server", mailbox.name))
    } else if mailbox.attributes.contains(&Attribute::Volatile) {
        Err(format!("`{}` of the destination takes no mail: {VOLATILE}; {}", mailbox.name, another_name(request)))
    } else if mailbox.is_selectable() && mailbox.sync_point.is_none() {
        Err(unscanned_reason(mailbox, "the destination mailbox"))
    } else {
        Ok(())
    }
}

/// What a server removes by itself after some days.
fn emptied_by(preset: Preset, path: &str) -> Option<String> {
    let (server, days, setting) = match (preset, path) {
        (Preset::Courier, "Trash") => ("Courier", 7, "IMAP_EMPTYTRASH"),
        (Preset::Zimbra, "Trash") => ("Zimbra", 30, "zimbraMailTrashLifetime"),
        (Preset::Zimbra, "Junk") => ("Zimbra", 30, "zimbraMailSpamLifetime"),
        _ => return None,
    };
    Some(format!("{server} empties `{path}` of what was stored there more than {days} days ago ({setting})"))
}

fn another_name(request: &Request) -> String {
    format!("give it another name in {}", rename_line(&request.key))
}

fn only_in_all_warning(mailbox: &MailboxState) -> String {
    let name = &mailbox.name;
    format!(
        "messages that are only in `{name}` (archived, without a label) are not copied; of Gmail they are with \
         `labels = \"folders+rest\"` in [gmail]; to copy it whole, name it in [mailboxes.rename]: \"{name}\" = \"Archive\""
    )
}

/// The form in which places of two accounts are compared: without case, as their users are, and without the INBOX that all
/// stands below on some servers. What is doubtful is not given twice.
fn shared(place: &Levels, destination: SideView<'_>) -> Levels {
    let place = place.without_case();
    if names::is_below_inbox(&destination.state.namespace) { place.below_inbox() } else { place }
}

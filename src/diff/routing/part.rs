//! Which source mailboxes take part, and why the others do not.
//!
//! What the user filtered out and what holds no mail of its own is left out on purpose; what could not be scanned is an
//! obstacle, because mail stays behind.

use super::all_mail::is_a_label_only;
use super::filter::Filter;
use super::levels::Levels;
use super::mapping::SideView;
use super::rename::Renames;
use crate::model::policy::rename_line;
use crate::model::server::Preset;
use crate::model::{Attribute, Labels, MailboxCondition, MailboxState, SpecialUse};

/// Whether a source mailbox takes part.
pub(in crate::diff) enum Part {
    Taken,
    Omitted {
        reason: String,
        condition: MailboxCondition,
    },
    /// A parent that holds nothing but children: no mail stays behind, and nobody misses a line about it.
    Silent,
}

pub(in crate::diff) const VOLATILE: &str = "it is a file that is no mailbox, or its UIDs do not last ([UIDNOTSTICKY]), so that nothing can be told \
    apart in it";

/// The names of a side in their order, in which all that is below a name comes right behind it: to look through all of them
/// for each parent would take hours where a server lists a hundred thousand.
pub(in crate::diff) struct Tree(Vec<Levels>);

impl Tree {
    pub(in crate::diff) fn of(side: SideView) -> Self {
        let mut names: Vec<Levels> = side.mailboxes.iter().map(|mailbox| Levels::of(&mailbox.name)).collect();
        names.sort_unstable();
        Tree(names)
    }

    fn has_below(&self, parent: &Levels) -> bool {
        let behind = self.0.partition_point(|name| name <= parent);
        self.0.get(behind).is_some_and(|next| next.is_below(parent))
    }
}

pub(in crate::diff) fn part(
    mailbox: &MailboxState,
    source: SideView,
    tree: &Tree,
    filter: &Filter,
    renames: &Renames,
    labels: Labels,
) -> Part {
    let levels = Levels::of(&mailbox.name);
    let omitted = |reason: String, condition| Part::Omitted { reason, condition };
    if !mailbox.is_selectable() && !is_remote(mailbox) && tree.has_below(&levels) {
        Part::Silent
    } else if let Some(reason) = filter.objection(&levels) {
        omitted(reason, MailboxCondition::Excluded)
    } else if !mailbox.is_selectable() {
        omitted(unselectable_reason(mailbox), MailboxCondition::Container)
    } else if let Some(reason) =
        not_mail(mailbox, &levels, source.state.preset, labels).filter(|_| !renames.names(&mailbox.name))
    {
        omitted(reason, MailboxCondition::Excluded)
    } else if mailbox.attributes.contains(&Attribute::Volatile) {
        omitted(VOLATILE.to_owned(), MailboxCondition::Excluded)
    } else if mailbox.sync_point.is_none() || mailbox.left_out().is_some() {
        omitted(unscanned_reason(mailbox, "it"), MailboxCondition::Unreadable)
    } else {
        Part::Taken
    }
}

pub(in crate::diff) fn is_remote(mailbox: &MailboxState) -> bool {
    mailbox.attributes.contains(&Attribute::Remote)
}

fn unselectable_reason(mailbox: &MailboxState) -> String {
    let reason = if is_remote(mailbox) {
        "it is on another server"
    } else if mailbox.attributes.contains(&Attribute::NonExistent) {
        "it does not exist; only its name is listed"
    } else {
        "it cannot hold messages"
    };
    reason.to_owned()
}

pub(in crate::diff) fn unscanned_reason(mailbox: &MailboxState, subject: &str) -> String {
    match &mailbox.trouble {
        Some(trouble) => format!("{subject} could not be scanned: {trouble}"),
        None => format!("{subject} was not scanned: run `mailferry scan` again"),
    }
}

/// Why what it shows is no mail of its own. The user overrules it with a rename that names this very mailbox.
fn not_mail(mailbox: &MailboxState, levels: &Levels, preset: Preset, labels: Labels) -> Option<String> {
    let is_view = |special_use: &SpecialUse| is_view(*special_use, labels);
    if let Some(view) = mailbox.special_use().filter(is_view) {
        return Some(format!("{} shows messages of other mailboxes; {}", view.as_str(), how_to_copy_it(levels)));
    }
    if is_a_label_only(mailbox, labels) {
        return Some("its messages are copied with All Mail, and there its name is a keyword".to_owned());
    }
    if preset == Preset::Zimbra && is_search_folder(mailbox) {
        return Some("it is a search folder and shows messages of other mailboxes".to_owned());
    }
    let no_mail = no_mail_names(preset).iter().map(|name| Levels::from_path(name));
    let listed = no_mail.into_iter().any(|name| *levels == name || levels.is_below(&name));
    listed.then(|| format!("it holds no mail but contacts or chats; {}", how_to_copy_it(levels)))
}

fn is_view(special_use: SpecialUse, labels: Labels) -> bool {
    match special_use {
        SpecialUse::All => !labels.copies_all_mail(),
        SpecialUse::Flagged | SpecialUse::Important => true,
        _ => false,
    }
}

fn how_to_copy_it(levels: &Levels) -> String {
    format!("to copy it all the same, name it in {}", rename_line(&levels.to_string()))
}

/// Zimbra gives its search folders neither UIDNEXT nor modification sequences, and all others both.
fn is_search_folder(mailbox: &MailboxState) -> bool {
    mailbox.sync_point.is_some_and(|point| point.uid_next.is_none() && point.highest_modseq.is_none())
}

/// Mailboxes in which a server shows what is no mail as generated messages.
fn no_mail_names(preset: Preset) -> &'static [&'static str] {
    match preset {
        Preset::Zimbra => &["Contacts", "Emailed Contacts", "Chats"],
        Preset::Gmail => &["[Gmail]/Chats", "[Google Mail]/Chats"],
        _ => &[],
    }
}

//! Which mailbox of a side has which special use (RFC 6154), by attribute or by its well-known name.
//!
//! 1. Attributes are believed at any level: Gmail's `\Sent` is `[Gmail]/Sent Mail`.
//! 2. Where no mailbox has the attribute (Zimbra and Exchange give none) it is guessed by name, at the top level only,
//!    among those that have no other special use.
//! 3. Two candidates are none: sending mail to the wrong one is worse than keeping its name.

use super::levels::Levels;
use crate::model::{Attribute, MailboxState, SpecialUse};

/// The special uses that mail is routed by. `\All`, `\Flagged` and `\Important` are views of other mailboxes.
pub(in crate::diff) const ROUTED: [SpecialUse; 5] =
    [SpecialUse::Archive, SpecialUse::Drafts, SpecialUse::Junk, SpecialUse::Sent, SpecialUse::Trash];

/// Who holds a special use on one side.
pub(in crate::diff) enum Holder<'a> {
    Nobody,
    One { mailbox: &'a MailboxState, guessed: bool },
    Several,
}

/// Finds who holds `wanted` among the mailboxes of a side; only those that `is_free` are guessed at.
pub(in crate::diff) fn holder<'a>(
    side: &'a [MailboxState],
    wanted: SpecialUse,
    is_free: impl Fn(&Levels) -> bool,
) -> Holder<'a> {
    let usable = || side.iter().filter(|mailbox| can_hold_mail(mailbox));
    let named = usable().filter(|mailbox| mailbox.special_use().is_none() && has_well_known_name(mailbox, wanted));
    match only(usable().filter(|mailbox| mailbox.special_use() == Some(wanted)), false) {
        Holder::Nobody => only(named.filter(|mailbox| is_free(&Levels::of(&mailbox.name))), true),
        known => known,
    }
}

/// The one mailbox of a side that has `wanted`, if there is no doubt of it.
pub fn the_holder(side: &[MailboxState], wanted: SpecialUse) -> Option<&MailboxState> {
    match holder(side, wanted, |_| true) {
        Holder::One { mailbox, .. } => Some(mailbox),
        Holder::Nobody | Holder::Several => None,
    }
}

/// Who has `wanted`: all that the server says, or the one that has a well-known name.
pub(in crate::diff) fn holders(side: &[MailboxState], wanted: SpecialUse) -> impl Iterator<Item = &MailboxState> {
    let said = side.iter().filter(move |mailbox| mailbox.special_use() == Some(wanted));
    let guessed = match holder(side, wanted, |_| true) {
        Holder::One { mailbox, guessed: true } => Some(mailbox),
        _ => None,
    };
    said.chain(guessed)
}

fn only<'a>(mut candidates: impl Iterator<Item = &'a MailboxState>, guessed: bool) -> Holder<'a> {
    match (candidates.next(), candidates.next()) {
        (None, _) => Holder::Nobody,
        (Some(mailbox), None) => Holder::One { mailbox, guessed },
        (Some(_), Some(_)) => Holder::Several,
    }
}

/// `\NonExistent` is no hindrance: the server reserves the name for the special use, and it can be created.
pub(in crate::diff) fn can_hold_mail(mailbox: &MailboxState) -> bool {
    let barred = |attribute: &Attribute| matches!(attribute, Attribute::NoSelect | Attribute::Remote);
    !mailbox.name.is_inbox() && !mailbox.attributes.iter().any(barred)
}

fn has_well_known_name(mailbox: &MailboxState, wanted: SpecialUse) -> bool {
    let levels = Levels::of(&mailbox.name).without_case();
    levels.is_top() && well_known_names(wanted).contains(&levels.as_slice()[0].as_str())
}

/// Lower-case names under which servers and clients keep a special use.
fn well_known_names(special_use: SpecialUse) -> &'static [&'static str] {
    match special_use {
        SpecialUse::Archive => &["archive", "archives", "archiv"],
        SpecialUse::Drafts => &["drafts", "draft", "entwürfe", "brouillons", "borradores", "bozze", "concepten"],
        SpecialUse::Junk => JUNK_NAMES,
        SpecialUse::Sent => SENT_NAMES,
        SpecialUse::Trash => TRASH_NAMES,
        SpecialUse::All | SpecialUse::Flagged | SpecialUse::Important => &[],
    }
}

const JUNK_NAMES: &[&str] = &[
    "junk",
    "junk e-mail",
    "junk email",
    "spam",
    "bulk mail",
    "indésirables",
    "courrier indésirable",
    "correo no deseado",
    "posta indesiderata",
    "ongewenste e-mail",
];

const SENT_NAMES: &[&str] = &[
    "sent",
    "sent items",
    "sent messages",
    "sent mail",
    "gesendet",
    "gesendete elemente",
    "gesendete objekte",
    "envoyés",
    "éléments envoyés",
    "enviados",
    "elementos enviados",
    "inviata",
    "posta inviata",
    "verzonden",
    "verzonden items",
    "skickat",
    "отправленные",
    "已发送",
    "送信済み",
];

const TRASH_NAMES: &[&str] = &[
    "trash",
    "deleted items",
    "deleted messages",
    "bin",
    "papierkorb",
    "gelöschte elemente",
    "gelöschte objekte",
    "corbeille",
    "éléments supprimés",
    "papelera",
    "cestino",
    "prullenbak",
];

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::is_nfc;

    #[test]
    fn well_known_names_are_as_levels_write_them_and_have_one_meaning() {
        let mut all: Vec<&str> =
            ROUTED.iter().flat_map(|special_use| well_known_names(*special_use)).copied().collect();
        for name in &all {
            assert!(is_nfc(name) && name.to_lowercase() == *name, "{name}");
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}

//! Gmail's All Mail: every message stands there once, and again in a mailbox for each of its labels. What takes part of both is
//! the user's choice ([`Labels`]).
//!
//! Without All Mail nothing can be told of what has no label: then the mailboxes are copied as on any other server, and that is
//! said.

use super::mapping::SideView;
use super::special_use::can_hold_mail;
use crate::model::gmail::Labels;
use crate::model::server::Preset;
use crate::model::{MailboxState, SpecialUse};

/// Gmail shows that many messages of a mailbox, or ten times less, where its users limit them.
const FOLDER_LIMITS: [u32; 4] = [1_000, 2_000, 5_000, 10_000];

/// The mailbox that holds every message once; only Gmail has one that can be trusted to. Of several the first by its name,
/// in whatever order they are listed.
pub fn all_mail(source: SideView<'_>) -> Option<&MailboxState> {
    let all = source.mailboxes.iter().filter(|_| source.state.preset == Preset::Gmail);
    let all = all.filter(|mailbox| mailbox.special_use() == Some(SpecialUse::All) && can_hold_mail(mailbox));
    all.min_by(|one, other| one.name.raw.cmp(&other.name.raw))
}

/// What becomes of the labels of this source: as on any other server, where it is not Gmail, or does not show All Mail.
pub(in crate::diff) fn labels_of(source: SideView<'_>, chosen: Labels) -> Labels {
    if all_mail(source).is_some() { chosen } else { Labels::Folders }
}

/// Why a mailbox of Gmail takes no part: it is All Mail that is copied, and this one is a label there. Junk and trash are not in
/// All Mail.
pub(in crate::diff) fn is_a_label_only(mailbox: &MailboxState, labels: Labels) -> bool {
    let is_apart = matches!(mailbox.special_use(), Some(SpecialUse::All | SpecialUse::Junk | SpecialUse::Trash));
    labels == Labels::AllMail && !is_apart
}

/// What the reader should know of what Gmail does not show.
pub(in crate::diff) fn warnings(source: SideView<'_>, chosen: Labels) -> Vec<String> {
    if source.state.preset != Preset::Gmail {
        return Vec::new();
    }
    let unseen = chosen.copies_all_mail() && all_mail(source).is_none();
    let unseen = unseen.then(|| {
        format!(
            "Gmail does not show All Mail by IMAP: what has no label cannot be found, and `labels = \"{}\"` in [gmail] is \
             taken for \"folders\"; switch \"Show in IMAP\" on for All Mail in the label settings of this user",
            chosen.as_str()
        )
    });
    let limited = source.mailboxes.iter().filter(|mailbox| FOLDER_LIMITS.contains(&mailbox.records));
    let limited = limited.map(|mailbox| {
        format!(
            "`{}` shows exactly {} messages: that may be the limit of \"Folder size limits\" in the Gmail settings of this \
             user, and not all that it holds",
            mailbox.name, mailbox.records
        )
    });
    unseen.into_iter().chain(limited).collect()
}

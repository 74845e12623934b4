//! Gmail's labels: a message stands once in All Mail, and in a mailbox for each label. What becomes of that is the user's
//! choice ([`Labels`]); which messages are one, Gmail says itself ([`GmailId`]).

use super::amount::grow;
use serde::{Deserialize, Serialize};

/// `X-GM-MSGID`: what Gmail knows a message by, in whichever mailbox it shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct GmailId(pub u64);

/// What becomes of labels: `labels` in `[gmail]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Labels {
    /// Each label is a mailbox, and what is in none of those that are copied comes from All Mail.
    #[default]
    FoldersAndRest,
    /// All Mail alone, once each; labels become keywords.
    AllMail,
    /// Each label is a mailbox; what has none stays behind.
    Folders,
    /// Each message once: in the mailbox of its deepest label, and from All Mail where it has none.
    Primary,
}

impl Labels {
    /// All of them, the default first.
    pub const ALL: [Labels; 4] = [Labels::FoldersAndRest, Labels::AllMail, Labels::Folders, Labels::Primary];

    /// As the settings have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Labels::FoldersAndRest => "folders+rest",
            Labels::AllMail => "all-mail+keywords",
            Labels::Folders => "folders",
            Labels::Primary => "primary",
        }
    }

    /// Whether anything of All Mail is copied.
    pub fn copies_all_mail(self) -> bool {
        self != Labels::Folders
    }
}

/// What a choice of [`Labels`] comes to on the destination, whatever is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LabelCost {
    /// Copies, of which several may be of one message.
    pub copies: u64,
    pub octets: u64,
    /// Messages of the source that would have no copy.
    pub left_out: u64,
}

impl LabelCost {
    /// One more copy.
    pub fn add(&mut self, octets: u64) {
        self.copies += 1;
        grow(&mut self.octets, octets);
    }
}

/// What each choice comes to for one account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LabelForecast {
    /// The choice that holds.
    pub chosen: Labels,
    /// Messages that Gmail has, each counted once.
    pub messages: u64,
    /// In the order of [`Labels::ALL`].
    pub costs: [LabelCost; 4],
}

/// The keyword that stands for a label of `X-GM-LABELS`; `None` where a flag says the same. What no keyword may hold becomes
/// `_`.
pub fn keyword(label: &[u8]) -> Option<String> {
    match label {
        b"" | b"\\Starred" | b"\\Draft" | b"\\Seen" => None,
        b"\\Important" => Some("$Important".to_owned()),
        _ => {
            let label = label.strip_prefix(b"\\").unwrap_or(label);
            let is_plain = |octet: &u8| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(octet);
            let plain = label.iter().map(|octet| if is_plain(octet) { char::from(*octet) } else { '_' });
            Some(plain.collect()).filter(|keyword: &String| !keyword.is_empty())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyword_of_a_label_is_an_atom_and_flags_have_none() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"Work", Some("Work")),
            (b"Proj/X (old)", Some("Proj/X__old_")),
            (b"Gr&APwA3w-e", Some("Gr&APwA3w-e")),
            (b"\\Inbox", Some("Inbox")),
            (b"\\Important", Some("$Important")),
            (b"\\Starred", None),
            (b"\\Draft", None),
            (b"", None),
        ];
        for (label, expected) in cases {
            assert_eq!(keyword(label).as_deref(), expected, "{}", String::from_utf8_lossy(label));
        }
    }
}

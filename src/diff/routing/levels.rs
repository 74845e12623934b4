//! The levels of a mailbox name in the one form in which names of two servers can be compared.
//!
//! 1. Every level is in Unicode's NFC: macOS clients write `é` as two characters, servers keep what they got.
//! 2. A first level that reads `INBOX` in any case is written `INBOX` (RFC 9051 5.1; Dovecot folds it for children too).

use crate::model::MailboxName;
use std::borrow::Borrow;
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// Canonical levels, from the top. Never empty, though a level may be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::diff) struct Levels(Vec<String>);

impl Levels {
    pub(in crate::diff) fn of(name: &MailboxName) -> Self {
        Self::canonical(name.levels.iter().map(String::as_str))
    }

    /// From a path as the settings write it, `/` between levels.
    pub(in crate::diff) fn from_path(path: &str) -> Self {
        Self::canonical(path.split('/'))
    }

    pub(in crate::diff) fn canonical<'a>(levels: impl Iterator<Item = &'a str>) -> Self {
        let mut levels: Vec<String> = levels.map(composed).collect();
        if let Some(first) = levels.first_mut().filter(|first| first.eq_ignore_ascii_case("INBOX")) {
            first.make_ascii_uppercase();
        }
        Levels(levels)
    }

    pub(in crate::diff) fn as_slice(&self) -> &[String] {
        &self.0
    }

    pub(in crate::diff) fn is_inbox(&self) -> bool {
        self.0 == ["INBOX"]
    }

    pub(in crate::diff) fn is_below_inbox(&self) -> bool {
        self.0.len() > 1 && self.0[0] == "INBOX"
    }

    pub(in crate::diff) fn is_top(&self) -> bool {
        self.0.len() == 1
    }

    pub(in crate::diff) fn is_below(&self, parent: &Levels) -> bool {
        self.0.len() > parent.0.len() && self.0.starts_with(&parent.0)
    }

    /// The names of all that is above, the nearest first.
    pub(in crate::diff) fn ancestors(&self) -> impl Iterator<Item = Levels> + '_ {
        (1..self.0.len()).rev().map(|depth| Levels(self.0[..depth].to_vec()))
    }

    /// This name when so many of its first levels become `to`.
    pub(in crate::diff) fn moved(&self, depth: usize, to: &Levels) -> Levels {
        Self::canonical(to.0.iter().chain(&self.0[depth..]).map(String::as_str))
    }

    /// What stands below `top`; `None` for itself and elsewhere.
    pub(in crate::diff) fn below(&self, top: &Levels) -> Option<Levels> {
        let rest = self.0.strip_prefix(top.0.as_slice()).filter(|rest| !rest.is_empty())?;
        Some(Self::canonical(rest.iter().map(String::as_str)))
    }

    /// A child of INBOX as a top-level name.
    pub(in crate::diff) fn without_top(&self) -> Levels {
        Self::canonical(self.0[1..].iter().map(String::as_str))
    }

    /// What stands below INBOX on a server that keeps everything there: `INBOX` itself is then all of it.
    pub(in crate::diff) fn below_inbox(&self) -> Levels {
        if self.0.first().is_some_and(|first| first == "INBOX") { Levels(self.0[1..].to_vec()) } else { self.clone() }
    }

    /// The form that two names share on a server that does not tell upper from lower case.
    pub(in crate::diff) fn without_case(&self) -> Levels {
        Self::canonical(self.0.iter().map(|level| level.to_lowercase()).collect::<Vec<_>>().iter().map(String::as_str))
    }
}

/// Most names are ASCII, and as they should be already: 10,000 of them were a tenth of the work of a resync.
fn composed(level: &str) -> String {
    if level.is_ascii() { level.to_owned() } else { level.nfc().collect() }
}

/// So that what is above a name can be looked up without a copy of its levels; both hash alike.
impl Borrow<[String]> for Levels {
    fn borrow(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_composed_and_decomposed_are_equal() {
        assert_eq!(Levels::from_path("Cafe\u{301}/x"), Levels::from_path("Caf\u{e9}/x"));
    }

    #[test]
    fn inbox_in_any_case_is_one_name_at_the_top_only() {
        assert!(Levels::from_path("inBox").is_inbox());
        assert_eq!(Levels::from_path("Inbox/Sub").to_string(), "INBOX/Sub");
        assert_eq!(Levels::from_path("Sub/Inbox").to_string(), "Sub/Inbox");
    }

    #[test]
    fn moved_takes_children_along() {
        let to = Levels::from_path("z");
        assert_eq!(Levels::from_path("a/b/c").moved(2, &to), Levels::from_path("z/c"));
        assert_eq!(Levels::from_path("a/b").moved(2, &to), to);
    }
}

//! What the user calls a mailbox on the destination: `[mailboxes.rename]`.
//!
//! A rename moves the mailbox and all below it; the longest key that applies wins. Keys are the decoded names of the
//! source. A key in NFC (what a keyboard gives) also finds a name that the source keeps decomposed.

use super::levels::Levels;
use crate::model::MailboxName;
use std::collections::BTreeMap;

pub(in crate::diff) struct Renames<'a> {
    /// By key as written, INBOX upper case.
    by_path: BTreeMap<String, &'a str>,
}

impl<'a> Renames<'a> {
    pub(in crate::diff) fn new(rename: &'a BTreeMap<String, String>) -> Self {
        let written = |key: &str| inbox_folded(key.split('/').map(str::to_owned).collect());
        Renames { by_path: rename.iter().map(|(from, to)| (written(from), to.as_str())).collect() }
    }

    /// Where the user wants it; `None` where no rename applies.
    pub(in crate::diff) fn target(&self, name: &MailboxName) -> Option<Levels> {
        let (depth, to) = (1..=name.levels.len()).rev().find_map(|depth| Some((depth, self.find(name, depth)?)))?;
        let rest = name.levels[depth..].iter().map(String::as_str);
        Some(Levels::canonical(to.split('/').chain(rest)))
    }

    /// Whether the user names this very mailbox, not only one above it.
    pub(in crate::diff) fn names(&self, name: &MailboxName) -> bool {
        self.find(name, name.levels.len()).is_some()
    }

    fn find(&self, name: &MailboxName, depth: usize) -> Option<&'a str> {
        let levels = &name.levels[..depth];
        let composed = Levels::canonical(levels.iter().map(String::as_str)).to_string();
        self.by_path.get(&inbox_folded(levels.to_vec())).or_else(|| self.by_path.get(&composed)).copied()
    }
}

fn inbox_folded(mut levels: Vec<String>) -> String {
    if levels[0].eq_ignore_ascii_case("INBOX") {
        levels[0].make_ascii_uppercase();
    }
    levels.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RawName;

    fn target(renames: &[(&str, &str)], path: &str) -> Option<String> {
        let map = renames.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let levels = path.split('/').map(str::to_owned).collect();
        let name = MailboxName { raw: RawName(path.as_bytes().to_vec()), levels };
        Renames::new(&map).target(&name).map(|levels| levels.to_string())
    }

    #[test]
    fn rename_longest_key_wins_and_children_follow() {
        let renames = [("a", "x"), ("a/b", "y/z")];
        assert_eq!(target(&renames, "a").as_deref(), Some("x"));
        assert_eq!(target(&renames, "a/c").as_deref(), Some("x/c"));
        assert_eq!(target(&renames, "a/b/c").as_deref(), Some("y/z/c"));
        assert_eq!(target(&renames, "ab"), None);
    }

    #[test]
    fn rename_decomposed_source_is_found_by_composed_key_but_not_the_reverse() {
        assert_eq!(target(&[("\u{e9}", "x")], "e\u{301}").as_deref(), Some("x"));
        assert_eq!(target(&[("e\u{301}", "x")], "\u{e9}"), None);
        assert_eq!(target(&[("\u{e9}", "x"), ("e\u{301}", "y")], "e\u{301}").as_deref(), Some("y"));
    }

    #[test]
    fn rename_inbox_is_found_in_any_case() {
        assert_eq!(target(&[("Inbox", "Old")], "INBOX/sub").as_deref(), Some("Old/sub"));
    }
}

//! Which mailboxes the user wants: the globs and special uses of `[mailboxes] include` and `exclude`; and which of the destination
//! may take several, the globs of `merge`.
//!
//! `*` stays within a level and `**` crosses them. Upper and lower case are told apart, except for INBOX. A pattern
//! that is the very name of a mailbox matches it whatever its characters mean in a glob. A special use (`\\Trash`) is the
//! mailbox that the source says has it, or by its name must be it, and all below.

use super::levels::Levels;
use crate::error::{Error, Kind, Result};
use crate::model::SpecialUse;
use crate::model::policy::MailboxPolicy;
use globset::{GlobBuilder, GlobMatcher};
use std::cell::Cell;

pub(in crate::diff) struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    merge: Vec<Pattern>,
}

/// A glob, or a special use.
pub(in crate::diff) struct Pattern {
    written: String,
    meaning: Meaning,
    is_used: Cell<bool>,
}

enum Meaning {
    Glob {
        literal: Levels,
        glob: GlobMatcher,
    },
    /// The mailboxes of a special use.
    Tops(Vec<Levels>),
}

impl Filter {
    /// `holders`: the mailboxes of the source that have a special use.
    ///
    /// # Errors
    /// `Kind::Settings` for a pattern that is no glob.
    pub(in crate::diff) fn new(policy: &MailboxPolicy, holders: &dyn Fn(SpecialUse) -> Vec<Levels>) -> Result<Self> {
        let compile = |key: &'static str, patterns: &[String]| {
            patterns.iter().map(|pattern| Pattern::new(key, pattern, holders)).collect::<Result<Vec<_>>>()
        };
        Ok(Filter {
            include: compile("include", &policy.include)?,
            exclude: compile("exclude", &policy.exclude)?,
            merge: compile("merge", &policy.merge)?,
        })
    }

    /// Why the mailbox takes no part; `None` when it does.
    pub(in crate::diff) fn objection(&self, levels: &Levels) -> Option<String> {
        // All are asked, so that it is known which of them match nothing.
        let included = self.include.iter().filter(|pattern| pattern.matches(levels)).count() > 0;
        let mut excluding =
            self.exclude.iter().filter(|pattern| pattern.matches(levels)).collect::<Vec<_>>().into_iter();
        if let Some(pattern) = excluding.next() {
            return Some(format!("excluded by `{}` in [mailboxes] exclude", pattern.written));
        }
        (!included).then(|| "not among [mailboxes] include".to_owned())
    }

    /// Whether several mailboxes may go to that one of the destination, named without the prefix.
    pub(in crate::diff) fn merges_into(&self, place: &Levels) -> bool {
        self.merge.iter().filter(|pattern| pattern.matches(place)).count() > 0
    }

    /// The patterns that matched no mailbox asked about, and the key that they stand under.
    pub(in crate::diff) fn unmatched(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let include = self.include.iter().map(|pattern| ("include", pattern));
        let exclude = self.exclude.iter().map(|pattern| ("exclude", pattern));
        let merge = self.merge.iter().map(|pattern| ("merge", pattern));
        let unused = include.chain(exclude).chain(merge).filter(|(_, pattern)| !pattern.is_used());
        unused.map(|(key, pattern)| (key, pattern.written.as_str()))
    }
}

impl Pattern {
    /// As written under that key.
    ///
    /// # Errors
    /// `Kind::Settings` for what is no glob.
    pub(in crate::diff) fn new(key: &str, written: &str, holders: &dyn Fn(SpecialUse) -> Vec<Levels>) -> Result<Self> {
        let named = SpecialUse::ALL.into_iter().find(|special_use| special_use.as_str().eq_ignore_ascii_case(written));
        if let Some(special_use) = named {
            let meaning = Meaning::Tops(holders(special_use));
            return Ok(Pattern { written: written.to_owned(), meaning, is_used: Cell::new(false) });
        }
        let literal = Levels::from_path(written);
        let glob = GlobBuilder::new(&with_literal_gmail(&literal.to_string()))
            .literal_separator(true)
            .build()
            .map_err(|cause| {
                Error::new(Kind::Settings, format!("`{written}` in [mailboxes] {key} is not a pattern"))
                    .because(cause.kind())
                    .hint("`*` stands for any characters of one level, `**` for any levels; write `[` as `[[]`")
            })?
            .compile_matcher();
        Ok(Pattern { written: written.to_owned(), meaning: Meaning::Glob { literal, glob }, is_used: Cell::new(false) })
    }

    pub(in crate::diff) fn written(&self) -> &str {
        &self.written
    }

    /// Whether it matched any mailbox.
    pub(in crate::diff) fn is_used(&self) -> bool {
        self.is_used.get()
    }

    /// Whether it matches a mailbox; that it did is remembered.
    pub(in crate::diff) fn matches(&self, levels: &Levels) -> bool {
        let matches = match &self.meaning {
            Meaning::Glob { literal, glob } => literal == levels || glob.is_match(levels.to_string()),
            Meaning::Tops(tops) => tops.iter().any(|top| levels == top || levels.is_below(top)),
        };
        self.is_used.set(self.is_used.get() || matches);
        matches
    }
}

/// Gmail keeps its own mailboxes below `[Gmail]` or `[Google Mail]`; whoever writes that means the name, never a set of
/// characters.
fn with_literal_gmail(pattern: &str) -> String {
    ["[Gmail]", "[Google Mail]"]
        .iter()
        .find_map(|top| pattern.strip_prefix(top).map(|rest| format!("[[]{}{rest}", &top[1..])))
        .unwrap_or_else(|| pattern.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(include: &[&str], exclude: &[&str], path: &str) -> bool {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let policy = MailboxPolicy { include: texts(include), exclude: texts(exclude), ..MailboxPolicy::default() };
        Filter::new(&policy, &|_| Vec::new()).unwrap().objection(&Levels::from_path(path)).is_none()
    }

    #[test]
    fn globs_match_by_level() {
        let cases = [
            ("**", "a/b/c", true),
            ("*", "a", true),
            ("*", "a/b", false),
            ("Trash", "Trash", true),
            ("Trash", "trash", false),
            ("Trash", "Trash/old", false),
            ("Junk/**", "Junk/a/b", true),
            ("Junk/**", "Junk", false),
            ("**/2024", "Archive/2024", true),
            ("20[0-9][0-9]", "2024", true),
            ("inbox", "INBOX", true),
            ("Inbox/**", "INBOX/sub", true),
            ("Cafe\u{301}", "Caf\u{e9}", true),
            ("[Gmail]/All Mail", "[Gmail]/All Mail", true),
            ("[Gmail]/**", "[Gmail]/Sent Mail", true),
            ("[Gmail]/**", "G/Sent Mail", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(takes(&[pattern], &[], path), expected, "include {pattern} on {path}");
            assert_eq!(takes(&["**"], &[pattern], path), !expected, "exclude {pattern} on {path}");
        }
    }

    #[test]
    fn special_use_is_its_mailbox_and_all_below() {
        let policy = MailboxPolicy { exclude: vec!["\\trash".to_owned()], ..MailboxPolicy::default() };
        let holders = |wanted| if wanted == SpecialUse::Trash { vec![Levels::from_path("Müll")] } else { Vec::new() };
        let filter = Filter::new(&policy, &holders).unwrap();
        let takes = |path: &str| filter.objection(&Levels::from_path(path)).is_none();
        assert!(!takes("Müll") && !takes("Müll/2024") && takes("Trash"));
        assert_eq!(filter.unmatched().count(), 0);
    }

    #[test]
    fn patterns_that_match_nothing_are_known() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let policy = MailboxPolicy {
            include: texts(&["**", "sent", "A*"]),
            exclude: texts(&["Arch*", "Junk/**", "\\Junk", "A*"]),
            ..MailboxPolicy::default()
        };
        let filter = Filter::new(&policy, &|_| Vec::new()).unwrap();
        ["INBOX", "Sent", "Archive"].iter().for_each(|path| drop(filter.objection(&Levels::from_path(path))));
        let unmatched: Vec<_> = filter.unmatched().collect();
        assert_eq!(unmatched, [("include", "sent"), ("exclude", "Junk/**"), ("exclude", "\\Junk")]);
    }

    #[test]
    fn exclude_is_stronger_than_include() {
        assert!(!takes(&["Sent"], &["S*"], "Sent"));
        assert!(!takes(&[], &[], "Sent"));
    }

    #[test]
    fn bad_glob_names_its_setting() {
        let policy = MailboxPolicy { exclude: vec!["a[".to_owned()], ..MailboxPolicy::default() };
        let error = Filter::new(&policy, &|_| Vec::new()).err().unwrap();
        assert_eq!(error.what(), "`a[` in [mailboxes] exclude is not a pattern");
        assert_eq!(*error.kind(), Kind::Settings);
    }
}

//! Which mailboxes the user wants: the globs of `[mailboxes] include` and `exclude`.
//!
//! `*` stays within a level and `**` crosses them. Upper and lower case are told apart, except for INBOX. A pattern
//! that is the very name of a mailbox matches it whatever its characters mean in a glob.

use super::levels::Levels;
use crate::error::{Error, Kind, Result};
use crate::model::policy::MailboxPolicy;
use globset::{GlobBuilder, GlobMatcher};

pub(in crate::diff) struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

struct Pattern {
    written: String,
    literal: Levels,
    glob: GlobMatcher,
}

impl Filter {
    /// # Errors
    /// `Kind::Settings` for a pattern that is no glob.
    pub(in crate::diff) fn new(policy: &MailboxPolicy) -> Result<Self> {
        let compile = |key: &'static str, patterns: &[String]| {
            patterns.iter().map(|pattern| Pattern::new(key, pattern)).collect::<Result<Vec<_>>>()
        };
        Ok(Filter { include: compile("include", &policy.include)?, exclude: compile("exclude", &policy.exclude)? })
    }

    /// Why the mailbox takes no part; `None` when it does.
    pub(in crate::diff) fn objection(&self, levels: &Levels) -> Option<String> {
        if let Some(pattern) = self.exclude.iter().find(|pattern| pattern.matches(levels)) {
            return Some(format!("excluded by `{}` in [mailboxes] exclude", pattern.written));
        }
        let included = self.include.iter().any(|pattern| pattern.matches(levels));
        (!included).then(|| "not among [mailboxes] include".to_owned())
    }
}

impl Pattern {
    fn new(key: &str, written: &str) -> Result<Self> {
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
        Ok(Pattern { written: written.to_owned(), literal, glob })
    }

    fn matches(&self, levels: &Levels) -> bool {
        self.literal == *levels || self.glob.is_match(levels.to_string())
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
        Filter::new(&policy).unwrap().objection(&Levels::from_path(path)).is_none()
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
    fn exclude_is_stronger_than_include() {
        assert!(!takes(&["Sent"], &["S*"], "Sent"));
        assert!(!takes(&[], &[], "Sent"));
    }

    #[test]
    fn bad_glob_names_its_setting() {
        let policy = MailboxPolicy { exclude: vec!["a[".to_owned()], ..MailboxPolicy::default() };
        let error = Filter::new(&policy).err().unwrap();
        assert_eq!(error.what(), "`a[` in [mailboxes] exclude is not a pattern");
        assert_eq!(*error.kind(), Kind::Settings);
    }
}

//! What the user calls a mailbox on the destination: `[mailboxes.rename]`, and the `prefix` below which all of it goes.
//!
//! 1. A rename moves the mailbox and all below it; the longest key that applies wins. Keys are the decoded names of the
//!    source. A key in NFC (what a keyboard gives) also finds a name that the source keeps decomposed.
//! 2. A key with `*` (one level) or `**` (all levels from there on, at least one) is a pattern; what they stand for goes to
//!    where they stand in the new name. A name that is written out is stronger than a pattern, and of patterns the one with
//!    more levels written out.
//! 3. Two source mailboxes never share a rename that is not meant for both: where names are the same when they are decoded
//!    (composed and decomposed, `INBOX` and `inbox`, octets that are no text), a key belongs to one of them, and each of the
//!    others has its name on the wire for a key.
//! 4. With a prefix no mailbox goes anywhere but below it, and INBOX is one among others.

use super::levels::Levels;
use crate::model::policy::MailboxPolicy;
use crate::model::{MailboxName, MailboxState, RawName};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(in crate::diff) struct Renames<'a> {
    /// By key as written, INBOX upper case.
    by_path: BTreeMap<String, (&'a str, &'a str)>,
    /// The strongest first.
    patterns: Vec<Pattern<'a>>,
    prefix: Option<&'a str>,
    /// Of source mailboxes that have one name when it is decoded, the one that is meant by it.
    meant: HashMap<Levels, &'a RawName>,
    /// By name on the wire.
    by_wire: HashMap<&'a RawName, (&'a str, &'a str)>,
    /// The keys that some mailbox was found by.
    used: RefCell<BTreeSet<&'a str>>,
}

/// A rename whose key has `*` or `**` in it.
struct Pattern<'a> {
    key: &'a str,
    from: Levels,
    to: &'a str,
}

impl<'a> Renames<'a> {
    /// `source`: the mailboxes that there are.
    pub(in crate::diff) fn new(policy: &'a MailboxPolicy, source: &'a [MailboxState]) -> Self {
        let written = |key: &str| inbox_folded(key.split('/').map(str::to_owned).collect());
        let is_pattern = |key: &str| key.split('/').any(is_wild);
        let entries = || policy.rename.iter().map(|(from, to)| (from.as_str(), to.as_str()));
        let patterns = entries().filter(|(from, _)| is_pattern(from));
        let mut patterns: Vec<Pattern> =
            patterns.map(|(key, to)| Pattern { key, from: Levels::from_path(key), to }).collect();
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.written_levels()));
        let (meant, others) = alike(source);
        let by_wire = others.into_iter().filter_map(|raw| {
            let (key, to) = policy.rename.get_key_value(&raw.wire_text())?;
            Some((raw, (key.as_str(), to.as_str())))
        });
        let by_wire: HashMap<&RawName, (&str, &str)> = by_wire.collect();
        let of_wire: BTreeSet<&str> = by_wire.values().map(|(key, _)| *key).collect();
        let by_path = entries().filter(|(from, _)| !is_pattern(from) && !of_wire.contains(from));
        let by_path = by_path.map(|(from, to)| (written(from), (from, to))).collect();
        Renames { by_path, patterns, prefix: policy.prefix.as_deref(), meant, by_wire, used: RefCell::default() }
    }

    /// The key that gives this mailbox another name, and no other.
    pub(in crate::diff) fn key(&self, name: &MailboxName) -> String {
        let levels = Levels::of(name);
        if self.is_meant(name, &levels) { levels.to_string() } else { name.raw.wire_text() }
    }

    fn is_meant(&self, name: &MailboxName, levels: &Levels) -> bool {
        self.meant.get(levels).is_none_or(|meant| **meant == name.raw)
    }

    /// Where the user wants it; `None` where no rename applies and there is no prefix.
    pub(in crate::diff) fn target(&self, name: &MailboxName) -> Option<Levels> {
        let renamed = self.renamed(name);
        let Some(prefix) = self.prefix else { return renamed };
        let own = renamed.unwrap_or_else(|| Levels::of(name));
        Some(Levels::canonical(prefix.split('/').chain(own.as_slice().iter().map(String::as_str))))
    }

    /// A place of the destination as it would be called without the prefix.
    pub(in crate::diff) fn without_prefix(&self, place: &Levels) -> Levels {
        let below = self.prefix.and_then(|prefix| place.below(&Levels::from_path(prefix)));
        below.unwrap_or_else(|| place.clone())
    }

    fn renamed(&self, name: &MailboxName) -> Option<Levels> {
        if let Some((key, to)) = self.by_wire.get(&name.raw) {
            self.used.borrow_mut().insert(key);
            return Some(Levels::from_path(to));
        }
        let written = (1..=name.levels.len()).rev().find_map(|depth| Some((depth, self.find(name, depth)?)));
        if let Some((depth, (key, to))) = written {
            self.used.borrow_mut().insert(key);
            let rest = name.levels[depth..].iter().map(String::as_str);
            return Some(Levels::canonical(to.split('/').chain(rest)));
        }
        let levels = Levels::of(name);
        self.patterns.iter().find_map(|pattern| {
            let target = pattern.target(&levels)?;
            self.used.borrow_mut().insert(pattern.key);
            Some(target)
        })
    }

    /// Whether the user names this very mailbox, not only one above it.
    pub(in crate::diff) fn names(&self, name: &MailboxName) -> bool {
        self.by_wire.contains_key(&name.raw) || self.find(name, name.levels.len()).is_some()
    }

    /// The keys that no mailbox asked about was found by.
    pub(in crate::diff) fn unmatched(&self) -> Vec<&'a str> {
        let written = self.by_path.values().chain(self.by_wire.values()).map(|(key, _)| *key);
        let all = written.chain(self.patterns.iter().map(|pattern| pattern.key));
        all.filter(|key| !self.used.borrow().contains(key)).collect()
    }

    fn find(&self, name: &MailboxName, depth: usize) -> Option<(&'a str, &'a str)> {
        let levels = &name.levels[..depth];
        let composed = Levels::canonical(levels.iter().map(String::as_str));
        let (written, as_composed) = (inbox_folded(levels.to_vec()), composed.to_string());
        // Who is written otherwise than it is decoded may be named as it is written.
        let is_other = depth == name.levels.len() && !self.is_meant(name, &composed);
        let written = Some(written).filter(|written| !is_other || *written != as_composed);
        let found = written.and_then(|written| self.by_path.get(&written));
        found.or_else(|| self.by_path.get(&as_composed).filter(|_| !is_other)).copied()
    }
}

impl Pattern<'_> {
    fn written_levels(&self) -> usize {
        self.from.as_slice().iter().filter(|level| !is_wild(level)).count()
    }

    /// The new name of a mailbox that it matches.
    fn target(&self, name: &Levels) -> Option<Levels> {
        let (mut singles, mut rest) = (Vec::new(), &[][..]);
        let mut levels = name.as_slice();
        for wanted in self.from.as_slice() {
            let (first, others) = levels.split_first()?;
            match wanted.as_str() {
                "**" => {
                    rest = std::mem::take(&mut levels);
                    continue;
                }
                "*" => singles.push(first.as_str()),
                _ if wanted == first => {}
                _ => return None,
            }
            levels = others;
        }
        if !levels.is_empty() {
            return None;
        }
        let mut singles = singles.into_iter();
        let target = self.to.split('/').flat_map(|level| match level {
            "**" => rest.iter().map(String::as_str).collect(),
            "*" => singles.next().into_iter().collect::<Vec<_>>(),
            _ => vec![level],
        });
        Some(Levels::canonical(target))
    }
}

/// Which of the mailboxes that have one decoded name is meant by it, and all the others: the first by its name on the wire,
/// as those are given places.
fn alike(source: &[MailboxState]) -> (HashMap<Levels, &RawName>, Vec<&RawName>) {
    let (mut meant, mut others): (HashMap<Levels, &RawName>, Vec<&RawName>) = Default::default();
    for MailboxState { name, .. } in source {
        let first = meant.entry(Levels::of(name)).or_insert(&name.raw);
        if **first != name.raw {
            let (less, more) = if name.raw < **first { (&name.raw, *first) } else { (*first, &name.raw) };
            *first = less;
            others.push(more);
        }
    }
    (meant, others)
}

fn is_wild(level: &str) -> bool {
    matches!(level, "*" | "**")
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
        below(None, renames, path)
    }

    fn below(prefix: Option<&str>, renames: &[(&str, &str)], path: &str) -> Option<String> {
        let rename = renames.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let policy = MailboxPolicy { rename, prefix: prefix.map(str::to_owned), ..MailboxPolicy::default() };
        let levels = path.split('/').map(str::to_owned).collect();
        let name = MailboxName { raw: RawName(path.as_bytes().to_vec()), levels };
        Renames::new(&policy, &[]).target(&name).map(|levels| levels.to_string())
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

    #[test]
    fn patterns_put_what_they_stand_for_into_the_new_name() {
        let cases = [
            ("mail/**", "**", "mail/a/b", Some("a/b")),
            ("mail/**", "**", "mail", None),
            ("mail/**", "**", "post/a", None),
            ("**", "Old/**", "a/b", Some("Old/a/b")),
            ("**", "Old/**", "INBOX", Some("Old/INBOX")),
            ("*/Sent", "Sent/*", "anna/Sent", Some("Sent/anna")),
            ("*/Sent", "Sent/*", "anna/Sent/2024", None),
            ("*/*/**", "*/**/*", "a/b/c/d", Some("a/c/d/b")),
            ("Cafe\u{301}/**", "**", "Caf\u{e9}/x", Some("x")),
            ("inbox/**", "**", "INBOX/Sub", Some("Sub")),
        ];
        for (from, to, path, expected) in cases {
            assert_eq!(target(&[(from, to)], path).as_deref(), expected, "{from} = {to} on {path}");
        }
    }

    #[test]
    fn written_names_are_stronger_than_patterns_and_longer_patterns_than_short_ones() {
        let renames =
            [("**", "All/**"), ("mail/**", "**"), ("mail/old/**", "Old/**"), ("mail/Sent", "Sent"), ("x", "y")];
        assert_eq!(target(&renames, "mail/old/a").as_deref(), Some("Old/a"));
        assert_eq!(target(&renames, "mail/a").as_deref(), Some("a"));
        assert_eq!(target(&renames, "mail/Sent/b").as_deref(), Some("Sent/b"));
        assert_eq!(target(&renames, "other").as_deref(), Some("All/other"));
    }

    #[test]
    fn prefix_takes_everything_below_it() {
        assert_eq!(below(Some("Old mail/alice"), &[], "INBOX").as_deref(), Some("Old mail/alice/INBOX"));
        assert_eq!(below(Some("Old"), &[("a", "b")], "a/c").as_deref(), Some("Old/b/c"));
        assert_eq!(below(Some("Inbox/Old"), &[], "Sent").as_deref(), Some("INBOX/Old/Sent"));
    }

    #[test]
    fn mailboxes_of_one_decoded_name_have_keys_of_their_own() {
        let listed = |raw: &str, path: &str| MailboxState {
            name: MailboxName {
                raw: RawName(raw.bytes().collect()),
                levels: path.split('/').map(str::to_owned).collect(),
            },
            delimiter: Some('/'),
            attributes: Vec::new(),
            subscribed: false,
            sync_point: None,
            capacity: crate::model::FlagCapacity::everything(),
            octets: 0,
            records: 0,
            revision: 0,
            deltas: 0,
            identified: true,
            trouble: None,
        };
        let source = [
            listed("inbox", "inbox"),
            listed("INBOX", "INBOX"),
            listed("Cafe&AwE-", "Cafe\u{301}"),
            listed("Caf&AOk-", "Caf\u{e9}"),
            listed("f\u{fc}r", "f\u{fffd}r"),
            listed("f\u{e4}r", "f\u{fffd}r"),
            listed("plain", "plain"),
        ];
        let keys = |policy: &MailboxPolicy| {
            let renames = Renames::new(policy, &source);
            source.iter().map(|mailbox| renames.key(&mailbox.name)).collect::<Vec<_>>()
        };
        let mut policy = MailboxPolicy::default();
        let all = keys(&policy);
        assert_eq!(all[..4], ["inbox", "INBOX", "Cafe&AwE-", "Caf\u{e9}"]);
        assert_eq!(all[4..], ["f\\xc3\\xbcr", "f\u{fffd}r", "plain"]);
        for (number, key) in all.iter().enumerate() {
            policy.rename = [(key.clone(), "Other".to_owned())].into();
            let renames = Renames::new(&policy, &source);
            let moved = source.iter().map(|mailbox| renames.target(&mailbox.name).is_some());
            let moved: Vec<usize> = moved.enumerate().filter_map(|(at, is_moved)| is_moved.then_some(at)).collect();
            assert_eq!(moved, [number], "{key}");
            assert!(renames.unmatched().is_empty(), "{key}");
        }
    }

    #[test]
    fn keys_that_find_nothing_are_known() {
        let rename = [("a", "x"), ("b", "y"), ("c/**", "**")].map(|(from, to)| (from.to_owned(), to.to_owned()));
        let policy = MailboxPolicy { rename: rename.into(), ..MailboxPolicy::default() };
        let renames = Renames::new(&policy, &[]);
        let name = MailboxName { raw: RawName(b"a".to_vec()), levels: vec!["a".to_owned(), "d".to_owned()] };
        renames.target(&name);
        assert_eq!(renames.unmatched(), ["b", "c/**"]);
    }
}

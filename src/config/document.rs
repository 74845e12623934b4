//! A TOML file as a tree that knows its lines, and the reader of one of its tables.
//!
//! A [`Table`] is asked for each key that it may hold. What is wrong goes to the [`Findings`] with its line and the
//! answer is `None`; [`Table::finish`] reports the keys that nobody asked for. So every mistake is found in one reading,
//! and the list of known keys is the code that reads them. Rejected: deriving `serde::Deserialize`, which stops at the
//! first mistake.

use super::inline::InlinePassword;
use super::mistake::{Findings, Mistake, Origin, did_you_mean};
use super::quantity::{parse_duration, parse_percent, parse_size};
use super::value::{
    day, moment, not_supported, plain_text, resolved, search_keys, supported, unknown_word, whole_number, wrong_type,
};
use crate::model::InternalDate;
use crate::model::search_keys::SearchKeys;
use jiff::civil::DateTime;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is recent where nothing else is said: 30 days.
const RECENT_SECONDS: u64 = 30 * 24 * 60 * 60;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub origin: Origin,
}

/// The file that is read.
pub(super) struct Document<'a> {
    file: Arc<Path>,
    text: &'a str,
    /// Where the lines end, so that a file of many accounts is not read from its beginning for the line of each key.
    line_ends: Vec<usize>,
    /// Nobody wrote it: its lines mean nothing to anybody.
    is_built: bool,
    pub findings: &'a Findings,
}

impl<'a> Document<'a> {
    pub fn new(file: &'a Path, text: &'a str, findings: &'a Findings) -> Self {
        let line_ends = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        Document { file: file.into(), text, line_ends, is_built: false, findings }
    }

    /// What a program has built, and mistakes call so.
    pub fn built(name: &'a Path, text: &'a str, findings: &'a Findings) -> Self {
        Document { file: name.into(), text, line_ends: Vec::new(), is_built: true, findings }
    }

    /// The tree, or `None` after noting each place where the text is not TOML. Of the parser's error only the message
    /// is used: its full form quotes the line, which may hold a password.
    pub fn parse(&self) -> Option<Spanned<DeTable<'a>>> {
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let origin = self.origin(error.span().unwrap_or(0..0));
            self.findings.add(Mistake::new(error.message()).about("cannot be read as TOML").at(&origin));
        }
        errors.is_empty().then_some(tree)
    }

    /// The table at the root of the tree.
    pub fn root<'d>(&'d self, tree: &'d Spanned<DeTable<'d>>) -> Table<'d> {
        self.table(String::new(), String::new(), 0..0, tree.get_ref())
    }

    fn table<'d>(&'d self, path: String, heading: String, span: Range<usize>, entries: &'d DeTable<'d>) -> Table<'d> {
        let origin = self.origin(span);
        Table { document: self, path, heading, origin, entries, known: Vec::new(), refused: Vec::new() }
    }

    /// The directory that relative paths in this file start from.
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        if self.is_built {
            return Origin { file: Some(Arc::clone(&self.file)), line: None };
        }
        Origin::new(&self.file, 1 + self.line_ends.partition_point(|end| *end < span.start))
    }
}

/// One table of the file.
pub(super) struct Table<'d> {
    document: &'d Document<'d>,
    /// `mailboxes.rename`; empty for the root.
    path: String,
    /// ` in [mailboxes.rename]`; empty for the root.
    heading: String,
    pub origin: Origin,
    entries: &'d DeTable<'d>,
    known: Vec<&'static str>,
    /// Known as well, and never to be recommended.
    refused: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// Where mistakes go.
    pub fn findings(&self) -> &'d Findings {
        self.document.findings
    }

    /// The directory that relative paths in this table start from.
    pub fn directory(&self) -> &'d Path {
        self.document.directory()
    }

    /// Whether the key is there, right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A line of text: not empty, no control characters, no placeholder left from the template.
    pub fn text(&mut self, key: &'static str) -> Option<At<String>> {
        self.parsed(key, plain_text)
    }

    /// One character.
    pub fn character(&mut self, key: &'static str) -> Option<At<char>> {
        let wrong = || Mistake::new("exactly one character is expected");
        self.parsed(key, |value| plain_text(value)?.parse().map_err(|_| wrong()))
    }

    /// A path, made to start from the file's directory.
    pub fn path(&mut self, key: &'static str) -> Option<At<PathBuf>> {
        let directory = self.directory();
        self.parsed(key, |value| resolved(directory, &plain_text(value)?))
    }

    /// `true` or `false`.
    pub fn switch(&mut self, key: &'static str) -> Option<At<bool>> {
        self.parsed(key, |value| value.as_bool().ok_or_else(|| wrong_type("true or false", value)))
    }

    /// A password that stands here itself.
    pub fn password(&mut self, key: &'static str) -> Option<At<InlinePassword>> {
        let (file, text, is_built) = (Arc::clone(&self.document.file), self.document.text, self.document.is_built);
        let span = self.entry(key)?.1.span();
        self.parsed(key, |value| match value {
            _ if is_built => {
                Err(Mistake::new("a password does not belong in the text of settings").fix("give it by itself"))
            }
            DeValue::String(_) => InlinePassword::at(&file, text, span),
            _ => Err(wrong_type("a password in quotes", value)),
        })
    }

    /// A list of lines of text.
    pub fn list(&mut self, key: &'static str) -> Option<At<Vec<String>>> {
        self.parsed(key, |value| {
            let items = value.as_array().ok_or_else(|| wrong_type("a list of strings", value))?;
            items.iter().map(|item| plain_text(item.get_ref())).collect()
        })
    }

    /// A command: the program and its arguments, run without a shell.
    pub fn command(&mut self, key: &'static str) -> Option<At<Vec<String>>> {
        self.parsed(key, |value| {
            let shell =
                || wrong_type("a list of strings", value).fix("write [\"program\", \"argument\"]: no shell is used");
            let items = value.as_array().filter(|items| !items.is_empty()).ok_or_else(shell)?;
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned).ok_or_else(shell)).collect()
        })
    }

    /// A whole number within the range.
    pub fn number<T: TryFrom<u64>>(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<At<T>> {
        self.parsed(key, |value| {
            let number = whole_number(value)?.filter(|number| range.contains(number));
            let wrong = || Mistake::new(format!("a number from {} to {} is expected", range.start(), range.end()));
            number.and_then(|number| T::try_from(number).ok()).ok_or_else(wrong)
        })
    }

    /// A whole number, which may be negative.
    pub fn integer(&mut self, key: &'static str) -> Option<At<i64>> {
        self.parsed(key, |value| {
            let integer = value.as_integer().ok_or_else(|| wrong_type("a whole number", value))?;
            i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| Mistake::new("this is too large"))
        })
    }

    /// One line of text, or a list of them.
    pub fn text_or_list(&mut self, key: &'static str) -> Option<At<Vec<String>>> {
        self.parsed(key, |value| match value.as_array() {
            Some(items) => items.iter().map(|item| plain_text(item.get_ref())).collect(),
            None => plain_text(value).map(|text| vec![text]),
        })
    }

    /// A moment as a clock shows it, in quotes or as TOML's own.
    pub fn moment(&mut self, key: &'static str) -> Option<At<DateTime>> {
        self.parsed(key, moment)
    }

    /// A size in octets, at least `least`.
    pub fn size(&mut self, key: &'static str, least: u64) -> Option<At<u64>> {
        self.parsed(key, |value| {
            let octets = match value {
                DeValue::String(text) => parse_size(text)?,
                _ => whole_number(value)?.ok_or_else(|| wrong_type("a size", value))?,
            };
            let too_small = || Mistake::new("this is too small").fix(format!("the least is {least}, in bytes"));
            Some(octets).filter(|octets| *octets >= least).ok_or_else(too_small)
        })
    }

    /// A size a second, at least `least`: `20MB/s`.
    pub fn rate(&mut self, key: &'static str, least: u64) -> Option<At<u64>> {
        self.parsed(key, |value| {
            let text = value.as_str().ok_or_else(|| wrong_type("a rate", value).fix("write it like \"20MB/s\""))?;
            let size = text.trim().strip_suffix("/s").unwrap_or(text);
            let octets = parse_size(size).map_err(|mistake| mistake.fix("write it like 20MB/s"))?;
            let too_small = || Mistake::new("this is too small").fix(format!("the least is {least} bytes a second"));
            Some(octets).filter(|octets| *octets >= least).ok_or_else(too_small)
        })
    }

    /// A duration of at least a second.
    pub fn duration(&mut self, key: &'static str) -> Option<At<Duration>> {
        self.parsed(key, |value| {
            let text = value.as_str().ok_or_else(|| wrong_type("a duration", value).fix("write it like \"30s\""))?;
            let too_short = || Mistake::new("at least one second is needed");
            Some(parse_duration(text)?).filter(|duration| !duration.is_zero()).ok_or_else(too_short)
        })
    }

    /// How long ago mail is still recent, in seconds: a duration, or yes for [`RECENT_SECONDS`]; no is `None`.
    pub fn recency(&mut self, key: &'static str) -> Option<At<Option<u64>>> {
        self.parsed(key, |value| match (value.as_bool(), value.as_str()) {
            (Some(is_on), _) => Ok(is_on.then_some(RECENT_SECONDS)),
            (None, Some(text)) => {
                let seconds = parse_duration(text)?.as_secs();
                Some(seconds).filter(|seconds| *seconds > 0).map(Some).ok_or_else(|| {
                    Mistake::new("no mail is as recent as that")
                        .fix("write it like \"30d\", or false for no first pass")
                })
            }
            _ => Err(wrong_type("a duration", value).fix("write it like \"30d\"")),
        })
    }

    /// A day, as the moment in which it begins in UTC.
    pub fn day(&mut self, key: &'static str) -> Option<At<InternalDate>> {
        self.parsed(key, day)
    }

    /// A search of the user's own; `false` is none.
    pub fn search(&mut self, key: &'static str) -> Option<At<Option<SearchKeys>>> {
        self.parsed(key, search_keys)
    }

    /// A percentage.
    pub fn percent(&mut self, key: &'static str) -> Option<At<u8>> {
        self.parsed(key, |value| parse_percent(&plain_text(value)?))
    }

    /// One of these words; a word that stands for `None` belongs to a later version.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, Option<T>)]) -> Option<At<T>> {
        self.parsed(key, |value| {
            let given = plain_text(value)?;
            match words.iter().find(|(word, _)| *word == given) {
                Some((_, meaning)) => meaning.ok_or_else(|| not_supported(&format!("`{given}`"), &supported(words))),
                None => Err(unknown_word(&given, words)),
            }
        })
    }

    /// Refuses a key that is known but can never be right here.
    pub fn refuse(&mut self, key: &'static str, what: &str, fix: &str) {
        self.refused.push(key);
        if let Some((name, _)) = self.entries.get_key_value(key) {
            self.misplaced::<()>(key, name.span(), Mistake::new(what).fix(fix));
        }
    }

    /// The table under this key.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'d>> {
        let (name, value) = self.entry(key)?;
        let path = self.path_of(key);
        match value.get_ref() {
            DeValue::Table(entries) => {
                let heading = format!(" in [{path}]");
                Some(self.document.table(path, heading, name.span(), entries))
            }
            other => self.misplaced(key, name.span(), wrong_type("a table", other).fix(format!("write [{path}]"))),
        }
    }

    /// All entries as tables, whatever their keys.
    pub fn named_tables(&mut self) -> Vec<(String, Table<'d>)> {
        let tables = self.entries.iter().filter_map(|(name, value)| {
            let key = name.get_ref();
            let path = self.path_of(key);
            match value.get_ref() {
                DeValue::Table(entries) => {
                    let heading = format!(" in [{path}]");
                    Some((key.to_string(), self.document.table(path, heading, name.span(), entries)))
                }
                other => self.misplaced(key, name.span(), wrong_type("a table", other).fix(format!("write [{path}]"))),
            }
        });
        tables.collect()
    }

    /// The tables `[[key]]`.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'d>> {
        let Some((name, value)) = self.entry(key) else { return Vec::new() };
        let path = self.path_of(key);
        let wrong = |value| wrong_type("a list of tables", value).fix(format!("write [[{path}]] before each"));
        let Some(items) = value.get_ref().as_array() else {
            self.misplaced::<()>(key, name.span(), wrong(value.get_ref()));
            return Vec::new();
        };
        let table = |item: &'d Spanned<DeValue<'d>>| match item.get_ref() {
            DeValue::Table(entries) => {
                Some(self.document.table(path.clone(), format!(" in [[{path}]]"), item.span(), entries))
            }
            other => self.misplaced(key, item.span(), wrong(other)),
        };
        items.iter().filter_map(table).collect()
    }

    /// All entries as text, whatever their keys.
    pub fn texts(&mut self) -> Vec<(String, At<String>)> {
        let entries = self.entries.iter().map(|(key, value)| (key.get_ref().to_string(), value));
        let texts = entries.filter_map(|(key, value)| {
            let origin = self.document.origin(value.span());
            let text = plain_text(value.get_ref()).map_err(|mistake| mistake.about(self.named(&key)));
            let value = self.findings().accept(&origin, text)?;
            Some((key, At { value, origin }))
        });
        texts.collect()
    }

    /// Notes that a key is missing.
    pub fn missing(&self, key: &str, fix: &str) {
        self.findings().add(Mistake::new(format!("{} is missing", self.named(key))).fix(fix).at(&self.origin));
    }

    /// Notes every key that was not asked for.
    pub fn finish(self) {
        let is_known = |key: &str| self.known.contains(&key) || self.refused.contains(&key);
        for key in self.entries.keys().filter(|key| !is_known(key.get_ref())) {
            let mistake = Mistake::new(format!("unknown key {}", self.named(key.get_ref())));
            let fix = did_you_mean(key.get_ref(), self.known.iter().copied())
                .unwrap_or_else(|| format!("known keys: {}", self.known.join(", ")));
            self.findings().add(mistake.fix(fix).at(&self.document.origin(key.span())));
        }
    }

    fn entry(&mut self, key: &'static str) -> Option<(&'d Spanned<toml::de::DeString<'d>>, &'d Spanned<DeValue<'d>>)> {
        self.known.push(key);
        self.entries.get_key_value(key)
    }

    fn parsed<T>(&mut self, key: &'static str, read: impl FnOnce(&DeValue) -> Result<T, Mistake>) -> Option<At<T>> {
        let (_, value) = self.entry(key)?;
        let origin = self.document.origin(value.span());
        let result = read(value.get_ref()).map_err(|mistake| mistake.about(self.named(key)));
        self.findings().accept(&origin, result).map(|value| At { value, origin })
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn misplaced<T>(&self, key: &str, span: Range<usize>, mistake: Mistake) -> Option<T> {
        let origin = self.document.origin(span);
        self.findings().accept(&origin, Err(mistake.about(self.named(key))))
    }

    fn named(&self, key: &str) -> String {
        format!("`{key}`{}", self.heading)
    }
}

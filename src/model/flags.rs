//! What flags are: five system flags and any number of keywords (RFC 9051 2.3.2), and what a mailbox can hold of them.
//!
//! `\Recent` is not a flag here: it belongs to a session, not to a message.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A system flag that a client can set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum SystemFlag {
    Answered,
    Flagged,
    Deleted,
    Seen,
    Draft,
}

impl SystemFlag {
    /// All five, in the order in which they are written.
    pub const ALL: [SystemFlag; 5] =
        [SystemFlag::Answered, SystemFlag::Flagged, SystemFlag::Deleted, SystemFlag::Seen, SystemFlag::Draft];

    /// The flag as it stands on the wire, with its backslash.
    pub fn as_str(self) -> &'static str {
        match self {
            SystemFlag::Answered => "\\Answered",
            SystemFlag::Flagged => "\\Flagged",
            SystemFlag::Deleted => "\\Deleted",
            SystemFlag::Seen => "\\Seen",
            SystemFlag::Draft => "\\Draft",
        }
    }

    /// Reads a flag as it stands on the wire, in any case. `None` for `\Recent`, unknown flags and keywords.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.as_str().eq_ignore_ascii_case(text))
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

const ALL_SYSTEM_FLAGS: u8 = 0b11111;

/// Beside the five in [`FlagCapacity`]: the server said so itself.
const TOLD: u8 = 0b1000_0000;

/// The flags of one message: equal when they hold the same flags, keywords compared without case.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "WrittenFlags")]
pub struct Flags {
    system: u8,
    keywords: Box<[Box<str>]>,
}

/// Flags as they may stand in a file: a keyword there could be anything, until it was looked at.
#[derive(Deserialize)]
struct WrittenFlags {
    system: u8,
    keywords: Vec<Box<str>>,
}

impl WrittenFlags {
    /// Whether the keywords are such as [`Flags::set_keywords`] leaves them: then they need not be copied.
    fn are_in_order(&self) -> bool {
        let is_keyword = |text: &str| !text.is_empty() && !text.starts_with('\\');
        self.keywords.iter().all(|text| is_keyword(text))
            && self.keywords.windows(2).all(|pair| lower_case(&pair[0]).lt(lower_case(&pair[1])))
    }
}

fn lower_case(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().map(|it| it.to_ascii_lowercase())
}

impl From<WrittenFlags> for Flags {
    fn from(written: WrittenFlags) -> Self {
        if written.are_in_order() {
            return Flags { system: written.system & ALL_SYSTEM_FLAGS, keywords: written.keywords.into_boxed_slice() };
        }
        let mut flags = Flags::from_texts(written.keywords.iter().map(|keyword| &**keyword));
        flags.system |= written.system & ALL_SYSTEM_FLAGS;
        flags
    }
}

impl Flags {
    /// No flag at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads flags from their wire texts; `\Recent`, `\*` and unknown system flags are dropped, keywords kept as spelt.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut flags = Flags::none();
        let mut keywords: Vec<Box<str>> = Vec::new();
        for text in texts {
            match SystemFlag::parse(text) {
                Some(flag) => flags.system |= flag.bit(),
                None if text.starts_with('\\') || text.is_empty() => {}
                None => keywords.push(text.into()),
            }
        }
        flags.set_keywords(keywords);
        flags
    }

    fn set_keywords(&mut self, mut keywords: Vec<Box<str>>) {
        keywords.sort_by_cached_key(|keyword| keyword.to_ascii_lowercase());
        keywords.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        self.keywords = keywords.into_boxed_slice();
    }

    /// Whether the system flag is set.
    pub fn has(&self, flag: SystemFlag) -> bool {
        self.system & flag.bit() != 0
    }

    /// This set with one system flag more.
    pub fn with(mut self, flag: SystemFlag) -> Self {
        self.system |= flag.bit();
        self
    }

    /// The keywords, sorted without case, as their server spells them.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.keywords.iter().map(|keyword| &**keyword)
    }

    /// All flags as wire texts, system flags first.
    pub fn texts<'a>(&'a self) -> impl Iterator<Item = &'a str> {
        let text = |flag: SystemFlag| -> &'a str { flag.as_str() };
        SystemFlag::ALL.into_iter().filter(|flag| self.has(*flag)).map(text).chain(self.keywords())
    }

    /// Whether no flag is set.
    pub fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_empty()
    }

    /// The system flags alone.
    pub fn without_keywords(&self) -> Flags {
        Flags { system: self.system, keywords: Box::default() }
    }

    /// Keywords without the number that Zimbra puts behind the names of tags: `Work:FLAG12`. It differs from account to account.
    pub fn without_tag_numbers(mut self) -> Self {
        if self.keywords.iter().any(|keyword| tag_name(keyword).len() < keyword.len()) {
            let named = self.keywords.iter().map(|keyword| tag_name(keyword).into()).collect();
            self.set_keywords(named);
        }
        self
    }

    /// What is in this set and not in `other`.
    pub fn minus(&self, other: &Flags) -> Flags {
        let keywords = self.keywords.iter().filter(|keyword| !other.has_keyword(keyword)).cloned().collect();
        Flags { system: self.system & !other.system, keywords }
    }

    /// What is in either set; a keyword in both keeps this set's spelling.
    pub fn plus(&self, other: &Flags) -> Flags {
        let mut both = Flags { system: self.system | other.system, keywords: Box::default() };
        both.set_keywords(self.keywords.iter().chain(other.keywords.iter()).cloned().collect());
        both
    }

    /// What of this set a mailbox with `capacity` can hold.
    pub fn within(&self, capacity: &FlagCapacity) -> Flags {
        let kept = self.keywords().filter(|keyword| capacity.takes_keyword(keyword));
        Flags { system: self.system & capacity.system, keywords: kept.map(Box::from).collect() }
    }

    /// What is in both sets, as this one spells it.
    pub fn shared_with(&self, other: &Flags) -> Flags {
        let keywords = self.keywords.iter().filter(|keyword| other.has_keyword(keyword)).cloned().collect();
        Flags { system: self.system & other.system, keywords }
    }

    fn has_keyword(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|own| own.eq_ignore_ascii_case(keyword))
    }
}

/// What stands before `:FLAG` and digits; all of a keyword without these.
fn tag_name(keyword: &str) -> &str {
    match keyword.rsplit_once(":FLAG") {
        Some((name, number))
            if !name.is_empty() && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit()) =>
        {
            name
        }
        _ => keyword,
    }
}

impl PartialEq for Flags {
    fn eq(&self, other: &Self) -> bool {
        self.system == other.system
            && self.keywords.len() == other.keywords.len()
            && self.keywords.iter().zip(&other.keywords).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}
impl Eq for Flags {}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, text) in self.texts().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(text)?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The longest keyword that every server tried takes (Dovecot refuses 51).
pub const KEYWORD_OCTETS: usize = 50;

/// What the names of keywords in one PERMANENTFLAGS may take, in octets: it is kept for each mailbox, and a server may send
/// a mebibyte. No mailbox in use has more than some hundred.
pub const CAPACITY_OCTETS: usize = 64 << 10;

/// What PERMANENTFLAGS says that a mailbox keeps (RFC 9051 7.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FlagCapacity {
    /// The system flags, and [`TOLD`].
    system: u8,
    keywords: Box<[Box<str>]>,
    any_keyword: bool,
}

impl FlagCapacity {
    /// Everything, as far as is known: what a server without PERMANENTFLAGS must be taken to hold.
    pub fn everything() -> Self {
        FlagCapacity { system: ALL_SYSTEM_FLAGS, keywords: Box::default(), any_keyword: true }
    }

    /// Nothing at all: a mailbox that can only be read.
    pub fn nothing() -> Self {
        FlagCapacity { system: TOLD, keywords: Box::default(), any_keyword: false }
    }

    /// From the texts of PERMANENTFLAGS; `\*` means that new keywords can be made. Without any system flag they tell
    /// nothing (`()` of UW for an empty INBOX, `(\*)` of go-imap): everything is sent then, and looked for afterwards. So are
    /// all keywords where there are more than [`CAPACITY_OCTETS`] of them, which are not kept.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let is_system = |text: &&str| text.starts_with('\\');
        let octets: usize = texts.clone().into_iter().filter(|text| !is_system(text)).map(str::len).sum();
        let too_many = octets > CAPACITY_OCTETS;
        let any_keyword = too_many || texts.clone().into_iter().any(|text| text == "\\*");
        let flags = Flags::from_texts(texts.into_iter().filter(|text| !too_many || is_system(text)));
        if flags.system == 0 {
            return FlagCapacity::everything();
        }
        FlagCapacity { system: flags.system | TOLD, keywords: flags.keywords, any_keyword }
    }

    /// The same without that flag.
    pub fn without(mut self, flag: SystemFlag) -> Self {
        self.system &= !flag.bit();
        self
    }

    /// Whether the server said so; else everything is sent, and looked for afterwards.
    pub fn is_told(&self) -> bool {
        self.system & TOLD != 0
    }

    /// Whether it keeps just the flags that the other keeps, however either tells of them.
    pub fn keeps_what(&self, other: &FlagCapacity) -> bool {
        let system = |capacity: &FlagCapacity| capacity.system & ALL_SYSTEM_FLAGS;
        let takes_all = self.any_keyword && other.any_keyword;
        system(self) == system(other)
            && (takes_all || self.any_keyword == other.any_keyword && self.keywords == other.keywords)
    }

    /// Those of the flags that this capacity grants by name and that of `before` did not, or grants at all where that of
    /// `before` did not.
    pub fn grants_beyond(&self, before: &FlagCapacity, flags: &Flags) -> Flags {
        let rises = |text: &&str| self.grant(text) > before.grant(text);
        Flags::from_texts(flags.texts().filter(rises))
    }

    fn grant(&self, flag: &str) -> Grant {
        let (named, taken) = match SystemFlag::parse(flag) {
            Some(system) => (self.system & system.bit() != 0, self.system & system.bit() != 0),
            None => (self.lists_keyword(flag), self.takes_keyword(flag)),
        };
        match (named && self.is_told(), taken) {
            (true, _) => Grant::Named,
            (false, true) => Grant::Unnamed,
            (false, false) => Grant::Refused,
        }
    }

    fn lists_keyword(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|own| own.eq_ignore_ascii_case(keyword))
    }

    /// Whether the keyword can be kept: the mailbox takes it, and it is a keyword that we are willing to write
    /// (an atom of at most [`KEYWORD_OCTETS`] printable ASCII octets).
    pub fn takes_keyword(&self, keyword: &str) -> bool {
        (self.any_keyword || self.lists_keyword(keyword)) && is_writable_keyword(keyword)
    }
}

/// How a flag is granted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grant {
    Refused,
    /// By `\*`, or because the server told nothing.
    Unnamed,
    Named,
}

/// Whether a keyword is safe to put on the wire. Server text is hostile: a keyword is checked before it is ever sent,
/// because on Dovecot a flag list that does not parse turns a literal into commands.
pub fn is_writable_keyword(keyword: &str) -> bool {
    let safe = |octet: u8| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet);
    !keyword.is_empty() && keyword.len() <= KEYWORD_OCTETS && keyword.bytes().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_numbers_are_taken_off_and_nothing_else() {
        let flags = |texts: &[&str]| Flags::from_texts(texts.iter().copied());
        let read = |texts: &[&str]| flags(texts).without_tag_numbers();
        assert_eq!(read(&["\\Seen", "Work:FLAG12", "Old"]), flags(&["\\Seen", "Work", "Old"]));
        assert_eq!(read(&["a:FLAG1", "a:FLAG2", "a"]), flags(&["a"]));
        let others = ["FLAG1", ":FLAG1", "a:FLAG", "a:FLAGx", "a:FLAG1x"];
        assert_eq!(read(&others), flags(&others));
    }

    fn flags(text: &str) -> Flags {
        Flags::from_texts(text.split_whitespace())
    }

    #[test]
    fn keywords_differing_in_case_are_one() {
        assert_eq!(flags("\\seen $Label1 $label1"), flags("$LABEL1 \\Seen"));
    }

    #[test]
    fn recent_and_unknown_system_flags_are_dropped() {
        assert!(flags("\\Recent \\Foo \\*").is_empty());
    }

    #[test]
    fn keywords_from_a_file_that_are_none_are_dropped() {
        let written = r#"{"system":255,"keywords":["B","\\Seen) x","a","","b"]}"#;
        let read: Flags = serde_json::from_str(written).unwrap();
        assert_eq!(read.to_string(), "(\\Answered \\Flagged \\Deleted \\Seen \\Draft a B)");
    }

    #[test]
    fn minus_and_plus_are_inverse_on_differences() {
        let (a, b) = (flags("\\Seen x y"), flags("\\Flagged Y z"));
        assert_eq!(a.minus(&b), flags("\\Seen x"));
        assert_eq!(b.minus(&a).plus(&a), a.plus(&b));
    }

    #[test]
    fn capacity_of_more_keywords_than_are_kept_takes_all_of_them() {
        let names: Vec<String> = (0..CAPACITY_OCTETS / 10 + 1).map(|number| format!("k{number:09}")).collect();
        let texts = |count: usize| names[..count].iter().map(String::as_str).chain(["\\Seen"]);
        let within = FlagCapacity::from_texts(texts(names.len() - 1));
        assert!(within.takes_keyword(&names[7]) && !within.takes_keyword("other"));
        let beyond = FlagCapacity::from_texts(texts(names.len()));
        assert!(beyond.is_told() && beyond.keywords.is_empty());
        assert!(beyond.takes_keyword(&names[7]) && beyond.takes_keyword("other"));
        assert_eq!(beyond.system, within.system);
    }

    #[test]
    fn within_drops_what_permanentflags_lacks() {
        let capacity = FlagCapacity::from_texts(["\\Seen", "\\Flagged", "known"]);
        assert_eq!(flags("\\Seen \\Draft known new").within(&capacity), flags("\\Seen known"));
        let open = FlagCapacity::from_texts(["\\Seen", "\\*"]);
        assert_eq!(flags("\\Seen new bad]one").within(&open), flags("\\Seen new"));
    }

    #[test]
    fn permanentflags_without_a_system_flag_tell_nothing() {
        for texts in [&[][..], &["\\*"], &["known"]] {
            assert_eq!(FlagCapacity::from_texts(texts.iter().copied()), FlagCapacity::everything());
        }
    }

    #[test]
    fn capacity_grants_beyond_what_it_did_only_what_is_named_now_or_was_refused() {
        let beyond = |now: &FlagCapacity, before: &FlagCapacity| now.grants_beyond(before, &flags("\\Flagged work"));
        let named = FlagCapacity::from_texts(["\\Flagged", "work", "\\*"]);
        let open = FlagCapacity::from_texts(["\\Seen", "\\*"]);
        let everything = FlagCapacity::everything();
        assert_eq!(beyond(&named, &everything), flags("\\Flagged work"), "nothing was told before");
        assert_eq!(beyond(&named, &named), flags(""));
        assert_eq!(beyond(&named, &open), flags("\\Flagged work"));
        assert_eq!(beyond(&open, &FlagCapacity::nothing()), flags("work"));
        assert_eq!(beyond(&everything, &named), flags(""), "it tells less");
        assert!(named.is_told() && FlagCapacity::nothing().is_told() && !everything.is_told());
        assert_eq!(flags("\\Seen work").within(&FlagCapacity::nothing()), flags(""));
    }

    #[test]
    fn capacities_that_keep_the_same_are_told_from_others() {
        let of = |texts: &str| FlagCapacity::from_texts(texts.split(' ').collect::<Vec<_>>());
        let all = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
        let open = of(&format!("{all} work \\*"));
        assert!(open.keeps_what(&FlagCapacity::everything()) && open.keeps_what(&of(&format!("{all} \\*"))));
        assert!(!open.keeps_what(&of(&format!("{all} work"))) && !open.keeps_what(&FlagCapacity::nothing()));
        assert!(!open.keeps_what(&of("\\Seen work \\*")) && !of("\\Seen a").keeps_what(&of("\\Seen b")));
    }

    #[test]
    fn writable_keyword_injection_is_refused() {
        for bad in ["a b", "a)", "x\r\ny", "", "é", &"k".repeat(51), "a]", "\\Seen", "{3+}"] {
            assert!(!is_writable_keyword(bad), "{bad:?}");
        }
        assert!(is_writable_keyword("$Forwarded"));
    }
}

//! A search of the user's own, as the source is asked it (RFC 9051 6.4.4): search keys that every IMAP4rev1 server knows, and that
//! mean the same whenever they are asked.
//!
//! Invariant: what is in [`SearchKeys`] is printable ASCII in one line, made anew from what was understood: known keys, quoted
//! strings, numbers and dates, with balanced parentheses. It cannot end a command, nor begin a literal.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Keys that stand alone.
const FLAGS: [&str; 11] = [
    "ALL",
    "ANSWERED",
    "DELETED",
    "DRAFT",
    "FLAGGED",
    "SEEN",
    "UNANSWERED",
    "UNDELETED",
    "UNDRAFT",
    "UNFLAGGED",
    "UNSEEN",
];
const DATES: [&str; 6] = ["BEFORE", "ON", "SENTBEFORE", "SENTON", "SENTSINCE", "SINCE"];
const TEXTS: [&str; 7] = ["BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"];
const NUMBERS: [&str; 2] = ["LARGER", "SMALLER"];
const KEYWORDS: [&str; 2] = ["KEYWORD", "UNKEYWORD"];
/// Whose answer depends on who looked before.
const PASSING: [&str; 3] = ["NEW", "OLD", "RECENT"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How deep keys may be nested.
const DEPTH: usize = 16;
/// Well below what any server takes in one line.
const OCTETS: usize = 1000;

/// Search keys, all of which a message has to meet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SearchKeys(String);

impl SearchKeys {
    /// As they are sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads them as they are written.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(written: &str) -> Result<SearchKeys, String> {
        if let Some(odd) = written.chars().find(|character| !matches!(character, ' '..='~')) {
            return Err(format!("{odd:?} cannot be sent: a search is one line of ASCII"));
        }
        let mut reader = Reader { words: words(written)?.into_iter(), depth: 0 };
        let keys = reader.keys(false)?;
        if keys.len() > OCTETS {
            return Err(format!("it is longer than {OCTETS} characters"));
        }
        Ok(SearchKeys(keys))
    }

    /// All words that begin a key.
    pub fn known() -> impl Iterator<Item = &'static str> {
        let further = ["HEADER", "NOT", "OR"];
        FLAGS.into_iter().chain(DATES).chain(TEXTS).chain(NUMBERS).chain(KEYWORDS).chain(further)
    }
}

impl fmt::Display for SearchKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Word {
    Open,
    Close,
    Atom(String),
    Quoted(String),
}

fn words(written: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = written.chars().peekable();
    while let Some(next) = rest.next() {
        words.push(match next {
            ' ' => continue,
            '(' => Word::Open,
            ')' => Word::Close,
            '"' => Word::Quoted(quoted(&mut rest)?),
            '{' | '}' | '\\' | '%' | '*' | '[' | ']' => return Err(format!("`{next}` stands outside of quotes")),
            first => {
                let mut atom = first.to_string();
                while let Some(more) = rest.next_if(|next| !matches!(next, ' ' | '(' | ')' | '"' | '{')) {
                    atom.push(more);
                }
                Word::Atom(atom)
            }
        });
    }
    Ok(words)
}

/// What stands up to the next quote; `\` takes the character behind it as it is.
fn quoted(rest: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        match next {
            '"' => return Ok(text),
            '\\' => text.extend(rest.next()),
            next => text.push(next),
        }
    }
    Err("a quote is not closed".to_owned())
}

struct Reader {
    words: std::vec::IntoIter<Word>,
    depth: usize,
}

impl Reader {
    /// Keys up to the end, or to the parenthesis that closes them.
    fn keys(&mut self, is_in_parentheses: bool) -> Result<String, String> {
        let mut keys = Vec::new();
        loop {
            match self.words.next() {
                Some(Word::Close) if is_in_parentheses => break,
                None if !is_in_parentheses => break,
                None => return Err("a parenthesis is not closed".to_owned()),
                Some(word) => keys.push(self.key(word)?),
            }
        }
        if keys.is_empty() { Err("there is no search key".to_owned()) } else { Ok(keys.join(" ")) }
    }

    fn key(&mut self, word: Word) -> Result<String, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("it is nested deeper than {DEPTH}"));
        }
        let key = match word {
            Word::Open => format!("({})", self.keys(true)?),
            Word::Close => return Err("a parenthesis closes what was not opened".to_owned()),
            Word::Quoted(text) => return Err(format!("\"{text}\" stands where a search key is expected")),
            Word::Atom(atom) => self.named(&atom)?,
        };
        self.depth -= 1;
        Ok(key)
    }

    fn named(&mut self, atom: &str) -> Result<String, String> {
        let name = atom.to_ascii_uppercase();
        let is_among = |keys: &[&str]| keys.contains(&name.as_str());
        let argument = match &*name {
            _ if is_among(&FLAGS) => return Ok(name),
            _ if is_among(&DATES) => date(&self.text(&name)?)?,
            _ if is_among(&TEXTS) => string(&self.text(&name)?),
            _ if is_among(&NUMBERS) => number(&self.text(&name)?)?,
            _ if is_among(&KEYWORDS) => keyword(&self.text(&name)?)?,
            "HEADER" => format!("{} {}", string(&self.text(&name)?), string(&self.text(&name)?)),
            "NOT" => self.operand(&name)?,
            "OR" => format!("{} {}", self.operand(&name)?, self.operand(&name)?),
            _ if is_among(&PASSING) => return Err(format!("`{name}` depends on who looked before: it cannot be used")),
            _ => return Err(format!("`{atom}` is not a search key that is known here")),
        };
        Ok(format!("{name} {argument}"))
    }

    fn operand(&mut self, name: &str) -> Result<String, String> {
        let word = self.words.next().ok_or_else(|| format!("`{name}` lacks a search key"))?;
        self.key(word)
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        match self.words.next() {
            Some(Word::Atom(text) | Word::Quoted(text)) => Ok(text),
            _ => Err(format!("`{name}` lacks what it asks for")),
        }
    }
}

fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn number(text: &str) -> Result<String, String> {
    let number: Result<u32, _> = text.parse();
    number.map(|number| number.to_string()).map_err(|_| format!("`{text}` is not a number of bytes"))
}

fn keyword(text: &str) -> Result<String, String> {
    let is_atom = |character: char| character.is_ascii_alphanumeric() || "$_-.+:/".contains(character);
    match !text.is_empty() && text.chars().all(is_atom) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is not a keyword")),
    }
}

/// `1-Feb-2024`.
fn date(text: &str) -> Result<String, String> {
    let read = || {
        let mut parts = text.splitn(3, '-');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
        let number = i8::try_from(month + 1).ok()?;
        let date = jiff::civil::Date::new(year.parse().ok()?, number, day.parse().ok()?).ok()?;
        (date.year() >= 1000).then(|| format!("{}-{}-{:04}", date.day(), MONTHS[month], date.year()))
    };
    read().ok_or_else(|| format!("`{text}` is not a date; write it like 1-Feb-2024"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sent_as_they_were_understood() {
        for (written, sent) in [
            ("unseen", "UNSEEN"),
            ("  FROM anna@example.org   smaller 0100 ", "FROM \"anna@example.org\" SMALLER 100"),
            ("subject \"say \\\"hi\\\" \\\\ {3}\"", "SUBJECT \"say \\\"hi\\\" \\\\ {3}\""),
            ("or (seen flagged) not keyword $Junk", "OR (SEEN FLAGGED) NOT KEYWORD $Junk"),
            ("sentsince 01-FEB-2024", "SENTSINCE 1-Feb-2024"),
            ("header list-id \"\"", "HEADER \"list-id\" \"\""),
            ("FROM \"UNSEEN)\"", "FROM \"UNSEEN)\""),
        ] {
            let keys = SearchKeys::parse(written).unwrap_or_else(|why| panic!("{written}: {why}"));
            assert_eq!(keys.as_str(), sent);
            assert_eq!(SearchKeys::parse(sent), Ok(keys), "what was made of it says the same");
        }
        assert!(SearchKeys::known().all(|known| known.bytes().all(|octet| octet.is_ascii_uppercase())));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_the_reason() {
        for (written, why) in [
            ("", "there is no search key"),
            ("()", "there is no search key"),
            ("UNSEEN\r\na1 DELETE INBOX", "cannot be sent"),
            ("SUBJECT Grüße", "'ü' cannot be sent"),
            ("SUBJECT {3}", "`{` stands outside of quotes"),
            ("FROM x{3+}", "`{` stands outside of quotes"),
            ("FROM \"x", "a quote is not closed"),
            ("(SEEN", "a parenthesis is not closed"),
            ("SEEN)", "closes what was not opened"),
            ("\"SEEN\"", "stands where a search key is expected"),
            ("SEEM", "`SEEM` is not a search key"),
            ("1:*", "`1:*` is not a search key"),
            ("UID 1", "`UID` is not a search key"),
            ("RECENT", "depends on who looked before"),
            ("NOT", "`NOT` lacks a search key"),
            ("OR SEEN", "`OR` lacks a search key"),
            ("FROM (x)", "`FROM` lacks what it asks for"),
            ("HEADER Subject", "`HEADER` lacks what it asks for"),
            ("SINCE 2024-02-01", "is not a date"),
            ("SINCE 30-Feb-2024", "is not a date"),
            ("LARGER 1k", "is not a number"),
            ("KEYWORD \\Seen", "stands outside of quotes"),
            ("KEYWORD \"a b\"", "is not a keyword"),
        ] {
            let refused = SearchKeys::parse(written).expect_err(written);
            assert!(refused.contains(why), "{written}: {refused}");
        }
        assert!(SearchKeys::parse(&"NOT ".repeat(17)).unwrap_err().contains("nested deeper"));
        assert!(SearchKeys::parse(&"SEEN ".repeat(300)).unwrap_err().contains("longer than"));
    }
}

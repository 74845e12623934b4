//! Framing: one response is a line, and while it ends in `{n}`, n octets and another line (RFC 9051 4.3, 9).
//!
//! Grammar-agnostic, so that unknown responses never lose the place. What a response means is read by a [`Scanner`],
//! which never recurses and never fails on unknown content: it says `None`.

use super::buffered::{LINE_OCTETS, Wire};
use super::octets::{LITERAL_OCTETS, MEMORY_OCTETS, Octets, Spool};
use crate::error::{Error, Kind, Result};

/// How many literals one response may hold. A FETCH response that we ask for holds one or two.
const LITERALS: usize = 64;

/// How many octets of literals one response may hold in memory in all.
pub(in crate::engine) const RESPONSE_MEMORY_OCTETS: u64 = 4 * MEMORY_OCTETS;

/// What reading and keeping any response costs, in octets.
const RESPONSE_OCTETS: u64 = 128;

/// A piece of a response.
#[derive(Debug)]
pub(in crate::engine) enum Part {
    Text(Vec<u8>),
    Literal(Octets),
}

/// One complete response line with its literals.
#[derive(Debug)]
pub struct Response {
    pub(in crate::engine) parts: Vec<Part>,
}

impl Response {
    /// Reads the next response. Large literals are kept as `spool` says.
    ///
    /// # Errors
    /// `Connection` when the line breaks, `Protocol` when a limit is passed.
    pub fn read(wire: &mut Wire, spool: &Spool) -> Result<Response> {
        // Before, of and behind one literal.
        let mut parts = Vec::with_capacity(3);
        let mut memory = 0;
        loop {
            let mut text = Vec::new();
            wire.read_line(&mut text)?;
            // Texts for people may end in anything: a status response has no literals.
            let announced = if parts.is_empty() && is_status(&text) { None } else { literal_length(&mut text) };
            parts.push(Part::Text(text));
            let Some(length) = announced else { return Ok(Response { parts }) };
            memory += length.min(MEMORY_OCTETS);
            check_limits(length, parts.len(), memory)?;
            parts.push(Part::Literal(Octets::read(wire, length, spool)?));
        }
    }

    /// Makes a response of text alone.
    #[cfg(test)]
    pub fn from_text(text: &str) -> Response {
        Response { parts: vec![Part::Text(text.as_bytes().to_vec())] }
    }

    /// The first line, up to the first literal.
    pub fn text(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => b"",
        }
    }

    /// How many octets it is, on its lines and in its literals.
    pub fn octets(&self) -> [u64; 2] {
        self.parts.iter().fold([0, 0], |[text, literals], part| match part {
            Part::Text(line) => [text + line.len() as u64, literals],
            Part::Literal(octets) => [text, literals + octets.len()],
        })
    }

    /// What it counts as where responses are bounded in octets: a short one costs more than what is in it.
    pub fn weight(&self) -> u64 {
        self.octets().iter().sum::<u64>() + RESPONSE_OCTETS
    }

    /// Reads from the start.
    pub fn scan(&mut self) -> Scanner<'_> {
        Scanner { parts: &mut self.parts, part: 0, offset: 0 }
    }
}

fn check_limits(length: u64, parts: usize, memory: u64) -> Result<()> {
    let beyond = |what: String| Err(Error::new(Kind::Protocol, what));
    if length > LITERAL_OCTETS {
        beyond(format!("the server announced a literal of {length} bytes"))
    } else if parts > 2 * LITERALS || memory > RESPONSE_MEMORY_OCTETS {
        beyond("the server sent a response with more literals than any command asks for".to_owned())
    } else {
        Ok(())
    }
}

fn is_status(text: &[u8]) -> bool {
    let word = text.split(|&octet| octet == b' ').nth(1).unwrap_or_default();
    text.starts_with(b"+")
        || [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status))
}

/// Cuts `{n}`, `{n+}` or `~{n}` off the end of a line and returns n.
fn literal_length(text: &mut Vec<u8>) -> Option<u64> {
    let inside = text.strip_suffix(b"}")?;
    let inside = inside.strip_suffix(b"+").unwrap_or(inside);
    let open = inside.iter().rposition(|&octet| octet == b'{')?;
    let length = number(&inside[open + 1..])?;
    let end = if open > 0 && text[open - 1] == b'~' { open - 1 } else { open };
    text.truncate(end);
    Some(length)
}

/// An unsigned number of digits alone.
pub fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if plain { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

/// A `nstring`: NIL, or octets.
#[derive(Debug)]
pub enum Value {
    Nil,
    Octets(Octets),
}

/// Walks through a response, token by token.
pub struct Scanner<'a> {
    parts: &'a mut [Part],
    part: usize,
    offset: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &[u8] {
        match self.parts.get(self.part) {
            Some(Part::Text(text)) => &text[self.offset..],
            _ => b"",
        }
    }

    /// The next octet, unless a literal or the end is next.
    pub fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Takes the octet if it is next.
    pub fn take(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.offset += usize::from(found);
        found
    }

    /// Skips spaces.
    pub fn spaces(&mut self) {
        while self.take(b' ') {}
    }

    /// Takes octets up to a space, a parenthesis or the end: an atom, a number, a flag. `None` when there is none.
    pub fn word(&mut self) -> Option<Vec<u8>> {
        self.read_word(<[u8]>::to_vec)
    }

    /// A word that is a number.
    pub fn number(&mut self) -> Option<u64> {
        // mail.ru writes 12 as 12.0.
        self.read_word(|word| number(word.strip_suffix(b".0").unwrap_or(word)))?
    }

    /// Passes a word.
    pub fn skip_word(&mut self) -> Option<()> {
        self.read_word(|_| ())
    }

    fn read_word<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let rest = self.rest();
        let length = rest.iter().position(|octet| b" ()".contains(octet)).unwrap_or(rest.len());
        let word = read(&rest[..length]);
        self.offset += length;
        (length > 0).then_some(word)
    }

    /// What `read` makes of the name of a FETCH item with its section: `UID`, `BODY[HEADER.FIELDS (MESSAGE-ID)]`,
    /// `BODY[]<0>`, in any case.
    pub fn item_name<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let rest = self.rest();
        let (mut depth, mut quoted) = (0usize, false);
        let end = rest.iter().position(|&octet| {
            match octet {
                b'"' if depth > 0 => quoted = !quoted,
                b'[' if !quoted => depth += 1,
                b']' if !quoted => depth = depth.saturating_sub(1),
                b' ' | b'(' | b')' if depth == 0 => return true,
                _ => {}
            }
            false
        });
        let length = end.unwrap_or(rest.len());
        let name = read(&rest[..length]);
        self.offset += length;
        (length > 0).then_some(name)
    }

    /// A quoted string, a literal, NIL or an atom.
    pub fn value(&mut self) -> Option<Value> {
        match self.peek() {
            Some(b'"') => self.quoted().map(|text| Value::Octets(Octets::Memory(text))),
            Some(_) => self.word().map(|word| match word.eq_ignore_ascii_case(b"NIL") {
                true => Value::Nil,
                false => Value::Octets(Octets::Memory(word)),
            }),
            None => self.literal().map(Value::Octets),
        }
    }

    /// A string of at most one line's length; NIL is the empty string.
    pub fn string(&mut self) -> Option<Vec<u8>> {
        match self.value()? {
            Value::Nil => Some(Vec::new()),
            Value::Octets(octets) => octets.into_small(LINE_OCTETS as u64).ok(),
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        let rest = self.rest();
        let mut text = Vec::new();
        let mut at = 1;
        loop {
            let plain = memchr::memchr2(b'"', b'\\', rest.get(at..)?)?;
            text.extend_from_slice(&rest[at..at + plain]);
            at += plain;
            if rest[at] == b'"' {
                break;
            }
            let escaped = *rest.get(at + 1)?;
            // GreenMail 1.6 escapes nothing, and lists `"Back\slash"`.
            if !matches!(escaped, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(escaped);
            at += 2;
        }
        self.offset += at + 1;
        Some(text)
    }

    fn literal(&mut self) -> Option<Octets> {
        let Some(Part::Literal(octets)) = self.parts.get_mut(self.part + 1) else { return None };
        let octets = std::mem::replace(octets, Octets::Memory(Vec::new()));
        self.part += 2;
        self.offset = 0;
        Some(octets)
    }

    /// A parenthesized list of words, as texts; octets that are no UTF-8 become replacement characters.
    pub fn words(&mut self) -> Option<Vec<String>> {
        self.read_list(|list| list.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// What `read` makes of the inside of a parenthesized list without lists in it.
    pub fn read_list<T>(&mut self, read: impl FnOnce(&str) -> T) -> Option<T> {
        let inside = self.rest().strip_prefix(b"(")?;
        let length = memchr::memchr2(b'(', b')', inside).filter(|&at| inside[at] == b')')?;
        let list = read(&String::from_utf8_lossy(&inside[..length]));
        self.offset += length + 2;
        Some(list)
    }

    /// Skips one value of any shape: a string, an atom, or a list of any depth.
    pub fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            self.spaces();
            if self.take(b'(') {
                depth += 1;
            } else if depth > 0 && self.take(b')') {
                depth -= 1;
            } else {
                self.value()?;
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Whether nothing is left of the response.
    pub fn is_at_end(&self) -> bool {
        self.rest().is_empty() && self.part + 1 >= self.parts.len()
    }

    /// What is left of the current line.
    pub fn remainder(&self) -> &[u8] {
        self.rest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Response {
        Response::from_text(text)
    }

    #[test]
    fn literal_length_all_forms_are_cut_off() {
        for (line, length, rest) in [
            ("x {12}", Some(12), "x "),
            ("x {0+}", Some(0), "x "),
            ("x ~{7}", Some(7), "x "),
            ("x {}", None, "x {}"),
            ("{1}2}", None, "{1}2}"),
        ] {
            let mut text = line.as_bytes().to_vec();
            assert_eq!(literal_length(&mut text), length, "{line}");
            assert_eq!(text, rest.as_bytes(), "{line}");
        }
    }

    #[test]
    fn is_status_text_with_braces_at_its_end_is_no_literal() {
        assert!(is_status(b"* OK see {5}"));
        assert!(is_status(b"m1 NO sorry {5}"));
        assert!(!is_status(b"* LIST () \"/\" {5}"));
    }

    #[test]
    fn item_name_section_with_spaces_and_quotes_is_one_name() {
        let mut response = scan("BODY[HEADER.FIELDS (MESSAGE-ID \"X ]\")] NIL");
        assert_eq!(response.scan().item_name(<[u8]>::to_vec).unwrap(), b"BODY[HEADER.FIELDS (MESSAGE-ID \"X ]\")]");
    }

    #[test]
    fn skip_deeply_nested_list_uses_no_stack() {
        let text = format!("{}{} x", "(".repeat(200_000), ")".repeat(200_000));
        let mut response = scan(&text);
        let mut scanner = response.scan();
        scanner.skip().unwrap();
        assert_eq!(scanner.remainder(), b" x");
    }

    #[test]
    fn quoted_unterminated_is_none() {
        assert!(scan("\"abc").scan().value().is_none());
        assert!(scan("\"abc\\").scan().value().is_none());
    }
}

//! Server responses as values. Knows the shape of IMAP data (atoms, strings, lists), and no command.

/// One piece of a response: an atom or string, NIL, or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Nil,
    Text(Vec<u8>),
    List(Vec<Value>),
}

impl Value {
    /// The octets of an atom or string; none for NIL and lists.
    pub fn octets(&self) -> &[u8] {
        match self {
            Value::Text(octets) => octets,
            Value::Nil | Value::List(_) => &[],
        }
    }

    /// An atom or string as text, readable whatever it holds.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.octets()).into_owned()
    }

    /// The members of a list; none for anything else.
    pub fn members(&self) -> &[Value] {
        match self {
            Value::List(members) => members,
            Value::Nil | Value::Text(_) => &[],
        }
    }

    /// What follows `key` in a list of alternating keys and values, as FETCH answers are.
    pub fn item(&self, key: &str) -> Option<&Value> {
        let mut pairs = self.members().chunks_exact(2);
        let pair = pairs.find(|pair| pair[0].text().eq_ignore_ascii_case(key))?;
        Some(&pair[1])
    }
}

/// Reads a response, with its literals in place (`{5}` CRLF and five octets), as values.
pub fn parse(response: &[u8]) -> Vec<Value> {
    let mut values = Parser { rest: response }.values();
    if values.first().is_some_and(|first| first.octets() == b"*") {
        values.remove(0);
    }
    values
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    /// Up to the end of the response, or of the list that is being read.
    fn values(&mut self) -> Vec<Value> {
        let mut values = Vec::new();
        loop {
            match self.rest.first() {
                None => return values,
                Some(b' ' | b'\r' | b'\n') => self.skip(1),
                Some(b')') => {
                    self.skip(1);
                    return values;
                }
                Some(_) => values.push(self.value()),
            }
        }
    }

    fn value(&mut self) -> Value {
        match self.rest[0] {
            b'(' => {
                self.skip(1);
                Value::List(self.values())
            }
            b'"' => {
                self.skip(1);
                Value::Text(self.quoted())
            }
            b'{' => Value::Text(self.literal()),
            _ => self.atom(),
        }
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        while let Some(&octet) = self.rest.first() {
            self.skip(1);
            match octet {
                b'"' => break,
                b'\\' => {
                    octets.extend(self.rest.first());
                    self.skip(1);
                }
                _ => octets.push(octet),
            }
        }
        octets
    }

    fn literal(&mut self) -> Vec<u8> {
        let head = self.rest.iter().position(|&octet| octet == b'\n').expect("a literal's head") + 1;
        let length = literal_length(&self.rest[..head]).expect("a literal's length");
        let octets = self.rest[head..head + length].to_vec();
        self.skip(head + length);
        octets
    }

    fn atom(&mut self) -> Value {
        let ends = |octet: &u8| b" ()\r\n".contains(octet);
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let atom = self.rest[..length].to_vec();
        self.skip(length);
        if atom.eq_ignore_ascii_case(b"NIL") { Value::Nil } else { Value::Text(atom) }
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }
}

/// The `n` of a line that ends in `{n}` CRLF: so many octets belong to the line, and it goes on.
pub fn literal_length(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = line.iter().rposition(|&octet| octet == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

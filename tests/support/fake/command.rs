//! What a client says: a tag, a verb, and tokens.

/// One token behind the verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An atom; what stands in square brackets belongs to it, blanks included.
    Atom(Vec<u8>),
    /// A quoted string or a literal.
    Text(Vec<u8>),
    Open,
    Close,
}

impl Token {
    /// The octets of an atom or string.
    pub fn octets(&self) -> &[u8] {
        match self {
            Token::Atom(octets) | Token::Text(octets) => octets,
            Token::Open | Token::Close => b"",
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.octets()).into_owned()
    }

    pub fn is(&self, word: &str) -> bool {
        self.octets().eq_ignore_ascii_case(word.as_bytes())
    }
}

/// One complete command.
pub struct Command {
    pub tag: String,
    /// Behind the tag; literals replaced by their announcement.
    pub line: Vec<u8>,
    pub literals: Vec<Vec<u8>>,
    /// In upper case; `UID` with its second word.
    pub verb: String,
    pub tokens: Vec<Token>,
}

impl Command {
    /// From the texts between the literals, and the literals.
    pub fn new(texts: &[Vec<u8>], literals: Vec<Vec<u8>>, whole: &[u8]) -> Command {
        let mut tokens = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            tokenize(text, &mut tokens);
            tokens.extend(literals.get(index).map(|literal| Token::Text(literal.clone())));
        }
        let mut words = tokens.into_iter();
        let tag = words.next().map(|tag| tag.text()).unwrap_or_default();
        let mut verb = words.next().map(|verb| verb.text().to_ascii_uppercase()).unwrap_or_default();
        if verb == "UID" {
            verb = format!("UID {}", words.next().map(|word| word.text().to_ascii_uppercase()).unwrap_or_default());
        }
        let line = whole.get(tag.len() + 1..).unwrap_or_default().to_vec();
        Command { tag, line, literals, verb, tokens: words.collect() }
    }

    /// The first argument: a mailbox name, a UID set.
    pub fn argument(&self, index: usize) -> &[u8] {
        self.tokens.get(index).map_or(b"", Token::octets)
    }

    /// Whether an atom stands anywhere among the arguments.
    pub fn has(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Atom(_)) && token.is(word))
    }

    /// The atom behind this one.
    pub fn after(&self, word: &str) -> Option<&Token> {
        let at = self.tokens.iter().position(|token| token.is(word))?;
        self.tokens.get(at + 1)
    }
}

fn tokenize(text: &[u8], tokens: &mut Vec<Token>) {
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        match first {
            b' ' => rest = behind,
            b'(' => {
                tokens.push(Token::Open);
                rest = behind;
            }
            b')' => {
                tokens.push(Token::Close);
                rest = behind;
            }
            b'"' => rest = quoted(behind, tokens),
            _ => rest = atom(rest, tokens),
        }
    }
}

fn quoted<'a>(rest: &'a [u8], tokens: &mut Vec<Token>) -> &'a [u8] {
    let mut text = Vec::new();
    let mut at = 0;
    while at < rest.len() && rest[at] != b'"' {
        at += usize::from(rest[at] == b'\\');
        text.extend(rest.get(at));
        at += 1;
    }
    tokens.push(Token::Text(text));
    rest.get(at + 1..).unwrap_or_default()
}

fn atom<'a>(rest: &'a [u8], tokens: &mut Vec<Token>) -> &'a [u8] {
    let mut depth = 0usize;
    let end = rest.iter().position(|octet| {
        match octet {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && b" ()".contains(octet)
    });
    let (atom, behind) = rest.split_at(end.unwrap_or(rest.len()));
    tokens.push(Token::Atom(atom.to_vec()));
    behind
}

/// The length of the literal that a line announces at its end, and whether the client waits to be invited.
pub fn announced(line: &[u8]) -> Option<(usize, bool)> {
    let inside = line.strip_suffix(b"}")?;
    let (inside, waits) = inside.strip_suffix(b"+").map_or((inside, true), |inside| (inside, false));
    let open = inside.iter().rposition(|&octet| octet == b'{')?;
    let digits = std::str::from_utf8(&inside[open + 1..]).ok()?;
    Some((digits.parse().ok()?, waits))
}

/// The text before the announcement.
pub fn before_announcement(line: &[u8]) -> &[u8] {
    &line[..line.iter().rposition(|&octet| octet == b'{').unwrap_or(line.len())]
}

/// A set of UIDs as ranges; `*` is the largest UID there is.
pub fn uid_ranges(set: &[u8], largest: u32) -> Vec<(u32, u32)> {
    let number = |text: &str| if text == "*" { Some(largest) } else { text.parse().ok() };
    let range = |text: &str| {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        Some((first.min(last), first.max(last)))
    };
    String::from_utf8_lossy(set).split(',').filter_map(range).collect()
}

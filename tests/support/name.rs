//! Mailbox names: one notation for tests, whatever the server's delimiter and prefix.
//!
//! In a test a name is decoded text with `/` between the levels (`Kunden/Müller`), and `\/` is a
//! slash inside a level, which only a server with another delimiter can have. On the wire it is
//! modified UTF-7 (RFC 3501 section 5.1.3) with the server's delimiter and prefix.

use super::base64;

/// The personal namespace of a session (RFC 2342).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    pub prefix: String,
    pub delimiter: char,
}

impl Namespace {
    /// The name as the server wants it. Panics if the server cannot have such a name.
    pub fn encode(&self, name: &str) -> String {
        let path = levels(name);
        for level in &path {
            assert!(!level.contains(self.delimiter), "`{level}` has the delimiter of the server");
        }
        let wire = path.iter().map(|level| encode_utf7(level)).collect::<Vec<_>>();
        let wire = wire.join(&self.delimiter.to_string());
        if wire == "INBOX" { wire } else { format!("{}{wire}", self.prefix) }
    }

    pub fn decode(&self, wire: &str) -> String {
        if wire.eq_ignore_ascii_case("INBOX") {
            return "INBOX".to_owned();
        }
        let own = wire.strip_prefix(&self.prefix).unwrap_or(wire);
        let path = own.split(self.delimiter).map(|level| decode_utf7(level).replace('/', "\\/"));
        path.collect::<Vec<_>>().join("/")
    }
}

fn levels(name: &str) -> Vec<String> {
    const SLASH: &str = "\u{0}";
    let marked = name.replace("\\/", SLASH);
    marked.split('/').map(|level| level.replace(SLASH, "/")).collect()
}

fn encode_utf7(text: &str) -> String {
    let mut wire = String::new();
    let mut shifted = Vec::new();
    for character in text.chars() {
        if !(' '..='~').contains(&character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shifted.extend_from_slice(&unit.to_be_bytes());
            }
            continue;
        }
        unshift(&mut wire, &mut shifted);
        wire.push(character);
        if character == '&' {
            wire.push('-');
        }
    }
    unshift(&mut wire, &mut shifted);
    wire
}

fn unshift(wire: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        let letters = base64::encode_unpadded(shifted).replace('/', ",");
        wire.push_str(&format!("&{letters}-"));
        shifted.clear();
    }
}

/// What is not modified UTF-7 stays as it is: the harness reports, it does not judge.
fn decode_utf7(wire: &str) -> String {
    let mut text = String::new();
    let mut rest = wire;
    while let Some((plain, after)) = rest.split_once('&') {
        text.push_str(plain);
        let Some((letters, remainder)) = after.split_once('-') else {
            return text + "&" + after;
        };
        text.push_str(&decode_shifted(letters));
        rest = remainder;
    }
    text + rest
}

fn decode_shifted(letters: &str) -> String {
    if letters.is_empty() {
        return "&".to_owned();
    }
    let decoded = base64::decode_unpadded(&letters.replace(',', "/")).and_then(|octets| {
        let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        String::from_utf16(&units.collect::<Vec<_>>()).ok()
    });
    decoded.unwrap_or_else(|| format!("&{letters}-"))
}

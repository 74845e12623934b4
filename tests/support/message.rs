//! Messages for tests, odd ones included. The same name, kind and size give the same octets, every
//! time and everywhere: that is what makes twins.

use std::fs;
use std::path::Path;

use super::date::format_internal_date;

/// 1 January 2024, 00:00 UTC: messages without a date of their own are spread over the days after.
const FIRST_DATE: i64 = 1_704_067_200;
const SPREAD_SECONDS: u32 = 300 * 86_400;
/// Long lines are longer than the 998 octets of RFC 5322, and than many a server's buffer.
const LONG_LINE: usize = 20_000;
const PADDING_LINE: &str = "The quick brown fox jumps over the lazy dog, and over the lazy dog.\r\n";

/// What is odd about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    NoMessageId,
    /// Another message's Message-ID.
    MessageId(String),
    /// Latin-1 and UTF-8 octets in the headers, not encoded.
    EightBitHeader,
    NoFinalNewline,
    /// Some lines end in LF alone.
    BareLf,
    Nul,
    EmptyBody,
    LongLines,
    /// The file of that name in `fixtures/`, without `.eml`.
    Fixture(String),
}

impl Kind {
    /// From a word of the notation, such as `bare-lf` or `message-id:other`.
    pub fn parse(word: &str) -> Option<Kind> {
        if let Some(other) = word.strip_prefix("message-id:") {
            return Some(Kind::MessageId(other.to_owned()));
        }
        if let Some(fixture) = word.strip_prefix("eml:") {
            return Some(Kind::Fixture(fixture.to_owned()));
        }
        Some(match word {
            "no-message-id" => Kind::NoMessageId,
            "8-bit-header" => Kind::EightBitHeader,
            "no-final-newline" => Kind::NoFinalNewline,
            "bare-lf" => Kind::BareLf,
            "nul" => Kind::Nul,
            "empty-body" => Kind::EmptyBody,
            "long-lines" => Kind::LongLines,
            _ => return None,
        })
    }
}

/// The octets of the message `name`, padded to about `size` octets if it would be smaller.
pub fn octets(name: &str, kind: &Kind, size: usize) -> Vec<u8> {
    if let Kind::Fixture(fixture) = kind {
        return read_fixture(fixture);
    }
    let mut octets = header(name, kind);
    octets.extend_from_slice(b"\r\n");
    octets.extend_from_slice(&body(name, kind));
    while octets.len() < size {
        let missing = (size - octets.len()).max(2);
        let line = &PADDING_LINE[PADDING_LINE.len().saturating_sub(missing)..];
        octets.extend_from_slice(line.as_bytes());
    }
    if *kind == Kind::NoFinalNewline {
        octets.truncate(octets.len() - 2);
    }
    octets
}

/// The internal date of a message that is not given one: fixed by its name, so twins share it.
pub fn default_date(name: &str) -> i64 {
    let hash = name.bytes().fold(2_166_136_261_u32, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(16_777_619));
    FIRST_DATE + i64::from(hash % SPREAD_SECONDS)
}

fn header(name: &str, kind: &Kind) -> Vec<u8> {
    let mut header = Vec::new();
    let mut field = |octets: &[u8]| {
        header.extend_from_slice(octets);
        header.extend_from_slice(b"\r\n");
    };
    if *kind == Kind::EightBitHeader {
        field(b"From: J\xf6rg M\xfcller <joerg@example.org>");
        field("To: Ōsaka Office <osaka@example.org>".as_bytes());
    } else {
        field(b"From: Ada <ada@example.org>");
        field(b"To: Bob <bob@example.org>");
    }
    field(format!("Subject: message {name}").as_bytes());
    field(format!("Date: {}", header_date(default_date(name))).as_bytes());
    match kind {
        Kind::NoMessageId => {}
        Kind::MessageId(other) => field(message_id(other).as_bytes()),
        _ => field(message_id(name).as_bytes()),
    }
    field(b"MIME-Version: 1.0");
    field(b"Content-Type: text/plain; charset=utf-8");
    field(b"Content-Transfer-Encoding: 8bit");
    header
}

fn message_id(name: &str) -> String {
    format!("Message-ID: <{name}@seed.example.org>")
}

/// `1 Jan 2024 10:00:00 +0000` (RFC 5322, without the weekday).
fn header_date(instant: i64) -> String {
    format_internal_date(instant).replacen('-', " ", 2)
}

fn body(name: &str, kind: &Kind) -> Vec<u8> {
    let text = format!("This is {name}.\r\nGrüße\r\n");
    match kind {
        Kind::EmptyBody => Vec::new(),
        Kind::BareLf => format!("{text}one\ntwo\nthree\r\n").into_bytes(),
        Kind::Nul => format!("{text}before\0after\r\n").into_bytes(),
        Kind::LongLines => format!("{text}{}\r\n", "x".repeat(LONG_LINE)).into_bytes(),
        _ => text.into_bytes(),
    }
}

fn read_fixture(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.eml"));
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

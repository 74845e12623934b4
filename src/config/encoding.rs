//! How the octets of an accounts file became characters. Told from the octets where that is certain, and else by the
//! settings; never guessed: a wrong guess would make other passwords and other users of what stands there.

use std::ops::Range;
use zeroize::Zeroizing;

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    Utf8,
    /// What Excel calls Unicode text.
    Utf16 {
        is_big_endian: bool,
    },
    /// What Excel writes as CSV in Western Europe and America, without a word about it.
    Windows1252,
}

/// What marks a file as written in that encoding.
const MARKS: [(&[u8], Encoding); 3] = [
    (b"\xef\xbb\xbf", Encoding::Utf8),
    (b"\xff\xfe", Encoding::Utf16 { is_big_endian: false }),
    (b"\xfe\xff", Encoding::Utf16 { is_big_endian: true }),
];

/// The characters of 0x80 to 0x9F, where Windows-1252 is not Latin-1; NUL where there is none.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•',
    '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// No octet becomes more than three in UTF-8: room enough that decoding leaves no copy behind.
const GROWTH: usize = 3;

impl Encoding {
    /// The encoding of a file that begins so, and where its text begins. A mark is believed before the settings; without
    /// either it is UTF-8, or UTF-16 where every other octet at its beginning is NUL.
    pub fn found(octets: &[u8], by_settings: Option<Encoding>) -> (Encoding, usize) {
        if let Some((mark, encoding)) = MARKS.iter().find(|(mark, _)| octets.starts_with(mark)) {
            return (*encoding, mark.len());
        }
        let nuls = octets.iter().take(4).map(|octet| *octet == 0);
        let encoding = by_settings.unwrap_or(match nuls.collect::<Vec<_>>()[..] {
            [true, false, true, false] => Encoding::Utf16 { is_big_endian: true },
            [false, true, false, true] => Encoding::Utf16 { is_big_endian: false },
            _ => Encoding::Utf8,
        });
        (encoding, 0)
    }

    /// Where the lines of the file stand, without their ends: LF, CRLF or CR. The last one may have no end.
    pub fn lines(self, octets: &[u8], begin: usize) -> Vec<Range<usize>> {
        let width = self.width();
        let (mut lines, mut line_begin, mut at) = (Vec::new(), begin, begin);
        while at + width <= octets.len() {
            let end = at;
            let unit = self.unit(octets, at);
            at += width;
            if unit == CARRIAGE_RETURN && at + width <= octets.len() && self.unit(octets, at) == LINE_FEED {
                at += width;
            } else if unit != CARRIAGE_RETURN && unit != LINE_FEED {
                continue;
            }
            lines.push(line_begin..end);
            line_begin = at;
        }
        if line_begin < octets.len() {
            lines.push(line_begin..octets.len());
        }
        lines
    }

    /// The characters of one line; `None` where the octets are none in this encoding.
    pub fn decode(self, line: &[u8]) -> Option<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::with_capacity(line.len() * GROWTH));
        match self {
            Encoding::Utf8 => text.push_str(std::str::from_utf8(line).ok()?),
            Encoding::Windows1252 => {
                for octet in line {
                    text.push(windows_1252(*octet)?);
                }
            }
            Encoding::Utf16 { .. } => {
                let units = line.chunks(2).map(|unit| if unit.len() == 2 { self.unit(unit, 0) } else { LONE });
                for character in char::decode_utf16(units) {
                    text.push(character.ok()?);
                }
            }
        }
        Some(text)
    }

    fn width(self) -> usize {
        if matches!(self, Encoding::Utf16 { .. }) { 2 } else { 1 }
    }

    fn unit(self, octets: &[u8], at: usize) -> u16 {
        match self {
            Encoding::Utf16 { is_big_endian: true } => u16::from_be_bytes([octets[at], octets[at + 1]]),
            Encoding::Utf16 { is_big_endian: false } => u16::from_le_bytes([octets[at], octets[at + 1]]),
            Encoding::Utf8 | Encoding::Windows1252 => octets[at].into(),
        }
    }
}

const CARRIAGE_RETURN: u16 = b'\r' as u16;
const LINE_FEED: u16 = b'\n' as u16;

/// Half of a surrogate pair, which is no character: stands for half a unit at the end of a file.
const LONE: u16 = 0xD800;

fn windows_1252(octet: u8) -> Option<char> {
    match octet {
        0x80..=0x9F => Some(WINDOWS_1252[usize::from(octet - 0x80)]).filter(|character| *character != '\0'),
        _ => Some(char::from(octet)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, is_big_endian: bool) -> Vec<u8> {
        let octets = |unit: u16| if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(octets).collect()
    }

    fn read(octets: &[u8], by_settings: Option<Encoding>) -> Vec<Option<String>> {
        let (encoding, begin) = Encoding::found(octets, by_settings);
        let lines = encoding.lines(octets, begin).into_iter();
        lines.map(|line| encoding.decode(&octets[line]).map(|text| text.to_string())).collect()
    }

    #[test]
    fn each_encoding_is_told_from_the_others() {
        let text = "né,€\r\n\nx\ry";
        let expected = ["né,€", "", "x", "y"].map(|line| Some(line.to_owned())).to_vec();
        let marked = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
        assert_eq!(read(text.as_bytes(), None), expected);
        assert_eq!(read(&marked(b"\xef\xbb\xbf", text.into()), Some(Encoding::Windows1252)), expected);
        assert_eq!(read(&marked(b"\xff\xfe", utf16(text, false)), None), expected);
        assert_eq!(read(&marked(b"\xfe\xff", utf16(text, true)), None), expected);
        assert_eq!(read(&utf16("ab", true), None), [Some("ab".to_owned())]);
        assert_eq!(read(&utf16("ab", false), None), [Some("ab".to_owned())]);
        assert_eq!(read(b"n\xe9,\x80\r\n\nx\ry", Some(Encoding::Windows1252)), expected);
    }

    #[test]
    fn octets_that_are_no_characters_are_never_replaced() {
        assert_eq!(read(b"a\nn\xe9\nb", None), [Some("a".to_owned()), None, Some("b".to_owned())]);
        assert_eq!(read(b"\x81", Some(Encoding::Windows1252)), [None]);
        assert_eq!(read(b"\xff\xfea\0\x00\xd8b\0", None), [None]);
        assert_eq!(read(b"\xff\xfea\0b", None), [None], "half a unit at the end");
    }
}

//! Modified UTF-7, in which mailbox names travel (RFC 3501 5.1.3): strict when written, lenient when read.

/// Encodes a name level. Printable ASCII stands for itself, `&` becomes `&-`, all else is base64 of UTF-16BE.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut pending: Vec<u16> = Vec::new();
    for character in text.chars() {
        if (' '..='~').contains(&character) {
            flush_shifted(&mut pending, &mut encoded);
            encoded.push_str(if character == '&' { "&-" } else { "" });
            if character != '&' {
                encoded.push(character);
            }
        } else {
            pending.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
    }
    flush_shifted(&mut pending, &mut encoded);
    encoded
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

fn flush_shifted(pending: &mut Vec<u16>, encoded: &mut String) {
    if pending.is_empty() {
        return;
    }
    encoded.push('&');
    let (mut bits, mut held) = (0u32, 0u32);
    for unit in pending.drain(..) {
        bits = bits << 16 | u32::from(unit);
        held += 16;
        while held >= 6 {
            held -= 6;
            encoded.push(ALPHABET[(bits >> held & 63) as usize] as char);
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        encoded.push(ALPHABET[(bits << (6 - held) & 63) as usize] as char);
    }
    encoded.push('-');
}

/// Decodes a name. `None` where it is not canonical modified UTF-7: the caller then keeps the raw octets and shows
/// them as they are, so that an odd name stays usable.
pub fn decode(raw: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match octet {
            b'&' => {
                let end = rest.iter().position(|&octet| octet == b'-')?;
                if end == 0 {
                    text.push('&');
                } else {
                    text.push_str(&decode_shifted(&rest[..end])?);
                }
                rest = &rest[end + 1..];
            }
            b' '..=b'~' => text.push(octet as char),
            _ => return None,
        }
    }
    (encode(&text).as_bytes() == raw).then_some(text)
}

fn decode_shifted(base64: &[u8]) -> Option<String> {
    let (mut bits, mut held, mut units) = (0u32, 0u32, Vec::new());
    for octet in base64 {
        let value = ALPHABET.iter().position(|own| own == octet)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push((bits >> held & 0xffff) as u16);
            bits &= (1 << held) - 1;
        }
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_known_names_match_the_rfc() {
        assert_eq!(encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(encode("Gelöschte & Entwürfe"), "Gel&APY-schte &- Entw&APw-rfe");
        assert_eq!(encode("📀"), "&2D3cwA-");
    }

    #[test]
    fn decode_what_is_not_canonical_is_refused() {
        for raw in [&b"&AGE-"[..], b"&bad", b"&Jjo", b"a\xc3\xa9", b"&2D0-", b"&U,BTFw-&ZeVnLIqe-", b"&*-", b"a\r\n"] {
            assert_eq!(decode(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn decode_is_the_inverse_of_encode() {
        for text in ["", "INBOX", "a&b", "&", "Ünïcödé 📀 end", "\u{1}", "тест/ру"] {
            assert_eq!(decode(encode(text).as_bytes()).as_deref(), Some(text));
        }
    }
}

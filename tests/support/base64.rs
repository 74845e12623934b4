//! Base64, written here so that the harness shares no decoder with the program it judges.

use std::iter;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With padding, as SASL wants it (RFC 4648).
pub fn encode(octets: &[u8]) -> String {
    let mut text = encode_unpadded(octets);
    text.extend(iter::repeat_n('=', (4 - text.len() % 4) % 4));
    text
}

pub fn encode_unpadded(octets: &[u8]) -> String {
    let mut text = String::new();
    for group in octets.chunks(3) {
        let number =
            group.iter().enumerate().fold(0, |sum, (place, &octet)| sum | u32::from(octet) << (16 - 8 * place));
        for place in 0..=group.len() {
            let index = number >> (18 - 6 * place) & 63;
            text.push(char::from(STANDARD[index as usize]));
        }
    }
    text
}

/// The octets of unpadded Base64; `None` if a character does not belong there.
pub fn decode_unpadded(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let (mut pending, mut bits) = (0u32, 0);
    for character in text.bytes() {
        let value = STANDARD.iter().position(|&letter| letter == character)?;
        pending = pending << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            octets.push((pending >> bits & 0xff) as u8);
        }
    }
    Some(octets)
}

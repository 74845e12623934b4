//! Fingerprints of certificates: SHA-256 over the whole certificate, as other programs show them.

use std::fmt;

const OCTETS: usize = 32;

/// The SHA-256 digest of a certificate in DER form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; OCTETS]);

impl Fingerprint {
    /// From `sha256:` and 64 hexadecimal digits, with or without colons between the octets. `None` for anything else.
    pub fn parse(text: &str) -> Option<Fingerprint> {
        let (kind, digits) = text.trim().split_at_checked(7)?;
        if !kind.eq_ignore_ascii_case("sha256:") {
            return None;
        }
        let digits: Vec<u8> = digits.bytes().filter(|octet| *octet != b':').collect();
        let mut octets = [0; OCTETS];
        if digits.len() != 2 * OCTETS || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(digits.chunks(2)) {
            *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Fingerprint(octets))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256")?;
        self.0.iter().try_for_each(|octet| write!(f, ":{octet:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_takes_what_display_gives_and_bare_digits() {
        let fingerprint = Fingerprint(std::array::from_fn(|number| number as u8 * 7));
        let shown = fingerprint.to_string();
        assert_eq!(Fingerprint::parse(&shown), Some(fingerprint));
        let bare = shown[7..].replace(':', "").to_lowercase();
        assert_eq!(Fingerprint::parse(&format!("SHA256:{bare}")), Some(fingerprint));
        for wrong in [&bare[..], "sha256:", "sha1:AA", &shown[..shown.len() - 1], "sha256:é"] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }
}

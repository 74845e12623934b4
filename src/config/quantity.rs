//! Sizes, durations and percentages as people write them, in the settings and on the command line.
//!
//! Whole numbers only, each with its unit; the results are exact or refused, never rounded or cut.

use super::mistake::Mistake;
use std::time::Duration;

/// Decimal units mean powers of 1000 and binary units powers of 1024, as in IEC 80000-13; a bare letter is decimal.
const SIZE_UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

const DURATION_UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)];

/// A size in octets: `50MB`, `1GiB`, `4096`. Case does not matter.
///
/// # Errors
/// When it is no size, or more than 2^64 - 1 octets.
pub fn parse_size(text: &str) -> Result<u64, Mistake> {
    let size = split_number(text).and_then(|(number, unit)| number.checked_mul(factor(unit.trim(), &SIZE_UNITS)?));
    size.ok_or_else(|| Mistake::new(format!("`{text}` is not a size")).fix("write it like 50MB, 1GiB or 4096"))
}

/// A duration: `30s`, `15m`, `2h`, `1d`, or several of them together: `1h30m`. The unit is never left out.
///
/// # Errors
/// When it is no duration, or longer than 2^64 - 1 seconds.
pub fn parse_duration(text: &str) -> Result<Duration, Mistake> {
    let wrong = || Mistake::new(format!("`{text}` is not a duration")).fix("write it like 30s, 15m, 2h or 1d");
    let mut rest = text.trim();
    let mut seconds = 0u64;
    while !rest.is_empty() || text.trim().is_empty() {
        let (number, after) = split_number(rest).ok_or_else(wrong)?;
        let unit_end = after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let part = factor(unit.trim(), &DURATION_UNITS).and_then(|factor| number.checked_mul(factor));
        seconds = part.and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = next;
    }
    Ok(Duration::from_secs(seconds))
}

/// A percentage from `0%` to `100%`.
///
/// # Errors
/// When it is none.
pub fn parse_percent(text: &str) -> Result<u8, Mistake> {
    let number = split_number(text).filter(|(number, unit)| *number <= 100 && unit.trim() == "%");
    let percent = number.and_then(|(number, _)| u8::try_from(number).ok());
    percent.ok_or_else(|| Mistake::new(format!("`{text}` is not a percentage")).fix("write it like 10%, at most 100%"))
}

/// The number at the start, and what comes after it.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn factor(unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_size_accepts_decimal_binary_and_plain() {
        let sizes = [("0", 0), ("4096", 4096), ("50MB", 50_000_000), ("1GiB", 1 << 30), ("10 kb", 10_000), ("7B", 7)];
        for (text, octets) in sizes.into_iter().chain([("2M", 2_000_000), (" 3TiB ", 3 << 40), ("1mib", 1 << 20)]) {
            assert_eq!(parse_size(text).ok(), Some(octets), "{text}");
        }
    }

    #[test]
    fn parse_size_refuses_junk_fractions_and_overflow() {
        for text in ["", "MB", "-1MB", "1.5GB", "10MB/s", "1e3", "50 MBs", "99999999TiB", "99999999999999999999", "+1"]
        {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parse_duration_accepts_parts_and_demands_units() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("0s", 0)] {
            assert_eq!(parse_duration(text).ok(), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", " ", "30", "s", "-3s", "3w", "1h30", "1.5h", "h1", "99999999999999999999s", "300000000000000000h"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parse_percent_stays_within_hundred() {
        assert_eq!(parse_percent("10%").ok(), Some(10));
        assert_eq!(parse_percent("100 %").ok(), Some(100));
        for text in ["10", "101%", "-1%", "%", "ten%", "266%"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }
}

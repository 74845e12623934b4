//! INTERNALDATE on the wire (RFC 9051 9, `date-time`): `"dd-Mon-yyyy hh:mm:ss +zzzz"` and an instant, both ways.

use crate::model::InternalDate;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a date-time without its quotes. `None` for what is no date: 31 February, a month in another language.
/// A leap second is taken as the second before it.
pub fn parse(text: &[u8]) -> Option<InternalDate> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (date, rest) = text.split_once(' ')?;
    let (time, zone) = rest.trim().split_once(' ')?;
    let mut date = date.split('-');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    let mut time = time.split(':').map(|part| digits(part, 2).and_then(|number| i8::try_from(number).ok()));
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??.min(59));
    // Two digits are no year: nobody knows of which century.
    let year = digits(year, 4).filter(|_| year.len() == 4)?;
    let (year, day) = (i16::try_from(year).ok()?, i8::try_from(digits(day, 2)?).ok()?);
    let civil = DateTime::new(year, i8::try_from(month).ok()?, day, hour, minute, second, 0).ok()?;
    let instant = offset(zone.trim())?.to_timestamp(civil).ok()?;
    Some(InternalDate(instant.as_second()))
}

fn offset(zone: &str) -> Option<Offset> {
    let (sign, number) = match zone.split_at_checked(1)? {
        ("+", number) => (1, number),
        ("-", number) => (-1, number),
        _ => return None,
    };
    if number.len() != 4 {
        return None;
    }
    let (hours, minutes) = number.split_at_checked(2)?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    Offset::from_seconds(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?).ok()
}

fn digits(text: &str, most: usize) -> Option<u32> {
    let plain = (1..=most).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Writes a date-time with its quotes, in UTC. `None` where the instant has no four-digit year.
pub fn format(date: InternalDate) -> Option<String> {
    let civil = Offset::UTC.to_datetime(Timestamp::from_second(date.0).ok()?);
    let month = MONTHS.get(usize::try_from(civil.month() - 1).ok()?)?;
    let (day, year) = (civil.day(), civil.year());
    (1000..=9999).contains(&year).then(|| {
        format!("\"{day:02}-{month}-{year:04} {:02}:{:02}:{:02} +0000\"", civil.hour(), civil.minute(), civil.second())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_zones_and_padding_give_the_same_instant() {
        let expected = parse(b"17-Jul-1996 09:44:25 +0000");
        assert_eq!(expected, Some(InternalDate(837_596_665)));
        assert_eq!(parse(b"17-Jul-1996 02:44:25 -0700"), expected);
        assert_eq!(parse(b" 7-jul-1996 09:44:25 +0000"), parse(b"07-Jul-1996 09:44:25 +0000"));
    }

    #[test]
    fn parse_what_is_no_date_is_none() {
        for text in [
            "",
            "31-Feb-2024 00:00:00 +0000",
            "01-Mai-2024 00:00:00 +0000",
            "01-Jan-99 00:00:00 +0000",
            "01-Jan-2024 25:00:00 +0000",
            "01-Jan-2024 00:00:00",
            "01-Jan-2024 00:00:00 UTC",
            // Four octets, and two are no characters.
            "21-Dec-91 23:59:9 -+\u{37df}\u{2000}",
            "NIL",
            "1-Jan-20240 1:1:1 +0000",
            "01-Jan-2024 00:00:00 +99",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn format_is_the_inverse_of_parse() {
        for seconds in [0, 837_596_665, 4_102_444_800, -1, -2_208_988_800] {
            let text = format(InternalDate(seconds)).unwrap();
            assert_eq!(parse(text.trim_matches('"').as_bytes()), Some(InternalDate(seconds)), "{text}");
        }
    }
}

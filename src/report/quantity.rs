//! Numbers, octets, durations and moments as people read them. Exact figures are for JSON.

pub use crate::model::counted::{counted, noun_for, number, verb_for};
use bytesize::ByteSize;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Octets in binary units with one decimal: `48.2 MiB`; below a kibibyte exact: `512 B`.
pub fn octets(octets: u64) -> String {
    let shown = ByteSize(octets).display().iec().to_string();
    // What rounds up to 1024.0 of a unit is 1.0 of the next, which is the next power of two.
    if shown.starts_with("1024.0") { ByteSize(octets.next_power_of_two()).display().iec().to_string() } else { shown }
}

/// Octets a second: `4.0 MiB/s`. `None` where the time is too short to say.
pub fn octet_rate(amount: u64, seconds: f64) -> Option<String> {
    per_second(amount, seconds).map(|rate| format!("{}/s", octets(rate as u64)))
}

/// Something a second: `9.8 messages/s`. `None` where the time is too short to say.
pub fn message_rate(messages: u64, seconds: f64) -> Option<String> {
    per_second(messages, seconds).map(|rate| match rate {
        rate if rate < 100.0 => format!("{rate:.1} messages/s"),
        rate => format!("{} messages/s", number(rate as u64)),
    })
}

/// Shorter than this, a rate tells more of the clock than of the work.
const SHORTEST_MEASURE_SECONDS: f64 = 0.05;

/// How many a second, where the time is long enough to say.
pub fn per_second(amount: u64, seconds: f64) -> Option<f64> {
    (seconds >= SHORTEST_MEASURE_SECONDS).then(|| amount as f64 / seconds)
}

/// A duration in its two largest units: `0.4s`, `12s`, `3m 20s`, `2h 5m`, `3d 4h`.
pub fn duration(seconds: f64) -> String {
    let tenths = format!("{seconds:.1}s");
    let whole = seconds.round().max(0.0) as u64;
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit} {small}{small_unit}"),
    };
    match whole {
        0..10 => tenths,
        10..60 => format!("{whole}s"),
        60..3600 => two(whole / 60, "m", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "m"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// So long ago, a moment is told by its year and not by its hour.
const LONG_AGO_SECONDS: u64 = 300 * 86_400;

/// A moment by the clock of that zone, seen from `now`: `12 Jul 14:02`, or `12 Jul 2026` where that is long ago.
pub fn moment_in(seconds: i64, zone: &TimeZone, now: i64) -> String {
    let format = if now.abs_diff(seconds) > LONG_AGO_SECONDS { "%d %b %Y" } else { "%d %b %H:%M" };
    match Timestamp::from_second(seconds) {
        Ok(timestamp) => timestamp.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

/// A moment to the minute by the clock of that zone: `2026-07-12 14:02`.
pub fn minute_in(seconds: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(timestamp) => timestamp.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

/// A moment for machines (RFC 3339).
pub fn exact_moment(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|timestamp| timestamp.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_grouped_by_thousands() {
        let shown = [0, 7, 999, 1000, 20_000, 1_234_567].map(number);
        assert_eq!(shown, ["0", "7", "999", "1,000", "20,000", "1,234,567"]);
    }

    #[test]
    fn counted_uses_singular_only_for_one() {
        assert_eq!(counted(1, "copy"), "1 copy");
        assert_eq!(counted(0, "copy"), "0 copies");
        assert_eq!(counted(2, "mailbox"), "2 mailboxes");
        assert_eq!(counted(1200, "flag change"), "1,200 flag changes");
    }

    #[test]
    fn octets_have_one_decimal_above_a_kibibyte() {
        let shown = [0, 1023, 1024, 50_541_363, 1 << 30].map(octets);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "48.2 MiB", "1.0 GiB"]);
        assert_eq!([(1 << 20) - 10, (1 << 30) - 1000].map(octets), ["1.0 MiB", "1.0 GiB"]);
    }

    #[test]
    fn duration_shows_two_units_at_most() {
        let shown = [0.42, 12.3, 59.7, 200.0, 7500.0, 86_400.0].map(duration);
        assert_eq!(shown, ["0.4s", "12s", "1m", "3m 20s", "2h 5m", "1d"]);
    }

    #[test]
    fn rate_of_no_time_is_not_shown() {
        assert_eq!(octet_rate(1 << 20, 0.0), None);
        assert_eq!(octet_rate(8 << 20, 2.0).as_deref(), Some("4.0 MiB/s"));
        assert_eq!(message_rate(98, 10.0).as_deref(), Some("9.8 messages/s"));
    }

    #[test]
    fn moment_is_utc() {
        let berlin = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(moment_in(1_783_864_920, &berlin, 1_783_900_000), "12 Jul 16:02");
        assert_eq!(moment_in(1_783_864_920, &TimeZone::UTC, 1_900_000_000), "12 Jul 2026");
    }
}

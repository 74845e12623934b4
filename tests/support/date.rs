//! Internal dates as instants: seconds since 1970 in UTC.

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86_400;

/// `01-Jan-2024 10:00:00 +0000`, as APPEND wants it.
pub fn format_internal_date(instant: i64) -> String {
    let (year, month, day) = civil(instant.div_euclid(DAY));
    let second = instant.rem_euclid(DAY);
    format!(
        "{day:02}-{}-{year:04} {:02}:{:02}:{:02} +0000",
        MONTHS[month - 1],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The instant of an internal date in any zone; the day may be padded with a space, as Cyrus does.
pub fn parse_internal_date(text: &str) -> Option<i64> {
    let mut words = text.split_whitespace();
    let mut date = words.next()?.split('-');
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let zone = words.next()?;

    let day: i64 = date.next()?.parse().ok()?;
    let name = date.next()?;
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? + 1;
    let year: i64 = date.next()?.parse().ok()?;
    let second = clock.next()?? * 3600 + clock.next()?? * 60 + clock.next()??;
    Some(days(year, month as i64, day) * DAY + second - zone_seconds(zone)?)
}

fn zone_seconds(zone: &str) -> Option<i64> {
    let number: i64 = zone.parse().ok()?;
    Some(number / 100 * 3600 + number % 100 * 60)
}

/// Days from 1970-01-01 to that day of the Gregorian calendar.
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.)
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day since 1970-01-01: the inverse of [`days`] (civil_from_days).
fn civil(days: i64) -> (i64, usize, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month as usize, day)
}

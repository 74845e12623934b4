//! A wave: accounts that move together, and the hours in which they may be worked on. Pure: the clock is given.
//!
//! A window is told by the clock of its time zone: on a day that the clock is put forward or back it is an hour shorter or
//! longer. An hour that is skipped begins when the clock goes on; of an hour that comes twice the first one counts.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// How far ahead is looked for the next opening: a week and a day hold every window.
const DAYS_AHEAD: i64 = 8;

/// Accounts that move together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wave {
    pub name: String,
    /// Nothing is done for them before, in seconds since 1970.
    pub not_before: Option<i64>,
    /// When they may be worked on; none is at any time.
    pub windows: Vec<Window>,
    pub time_zone: TimeZone,
    /// How many of them are worked on at once, at most.
    pub jobs: Option<usize>,
    /// A higher one comes first.
    pub priority: i64,
    /// From then on an account of which all is there is complete.
    pub complete_after: Option<i64>,
}

/// Hours on days of the week.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// From Monday on.
    pub days: [bool; 7],
    /// Minutes of the day.
    pub begins: u16,
    /// At most a whole day; not above `begins` is on the next day.
    pub ends: u16,
}

/// Whether accounts may be worked on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// Until that second; `None` is for longer than is looked ahead.
    Open { until: Option<i64> },
    /// From that second on; `None` is not within what is looked ahead.
    Closed { opens: Option<i64> },
}

impl Wave {
    /// Whether its accounts may be worked on at that second.
    pub fn at(&self, now: i64) -> Opening {
        let first = self.not_before.unwrap_or(i64::MIN);
        if now < first {
            let opens = match self.within_windows(first) {
                Opening::Open { .. } => Some(first),
                Opening::Closed { opens } => opens,
            };
            return Opening::Closed { opens };
        }
        self.within_windows(now)
    }

    fn within_windows(&self, now: i64) -> Opening {
        if self.windows.is_empty() {
            return Opening::Open { until: None };
        }
        let Some(today) = self.date(now) else { return Opening::Closed { opens: None } };
        let days = (-1..=DAYS_AHEAD).filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok());
        let spans = days.flat_map(|day| self.windows.iter().map(move |window| (day, window)));
        let mut spans: Vec<(i64, i64)> = spans.filter_map(|(day, window)| self.span(day, window)).collect();
        spans.sort_unstable();
        let mut until = None;
        for (begins, ends) in &spans {
            // One that follows without a break goes on with the one before.
            if *begins <= until.unwrap_or(now) && *ends > until.unwrap_or(now) {
                until = Some(*ends);
            }
        }
        let last = spans.last().map(|(_, ends)| *ends);
        match until {
            Some(until) => Opening::Open { until: Some(until).filter(|until| Some(*until) != last) },
            None => Opening::Closed { opens: spans.iter().map(|(begins, _)| *begins).find(|begins| *begins > now) },
        }
    }

    fn date(&self, now: i64) -> Option<Date> {
        Some(self.time_zone.to_datetime(Timestamp::from_second(now).ok()?).date())
    }

    /// The seconds of the window that begins on that day, if one does.
    fn span(&self, day: Date, window: &Window) -> Option<(i64, i64)> {
        if !window.days[day_number(day.weekday())] {
            return None;
        }
        let last = if window.ends > window.begins { day } else { day.tomorrow().ok()? };
        Some((self.second(day, window.begins)?, self.second(last, window.ends)?))
    }

    fn second(&self, day: Date, minutes: u16) -> Option<i64> {
        let day = if minutes == DAY_MINUTES { day.tomorrow().ok()? } else { day };
        let minutes = minutes % DAY_MINUTES;
        second_in(&self.time_zone, day.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0))
    }
}

/// The second that a clock of that zone shows so.
pub fn second_in(zone: &TimeZone, shown: DateTime) -> Option<i64> {
    zone.to_timestamp(shown).ok().map(Timestamp::as_second)
}

/// From Monday on.
fn day_number(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half past two comes twice on 25 October 2026, and not at all on 28 March 2027: as in Berlin.
    fn zone() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone")
    }

    fn wave(days: &[usize], begins: u16, ends: u16) -> Wave {
        let days = std::array::from_fn(|day| days.contains(&day));
        Wave {
            name: "finance".to_owned(),
            not_before: None,
            windows: vec![Window { days, begins, ends }],
            time_zone: zone(),
            jobs: None,
            priority: 0,
            complete_after: None,
        }
    }

    /// `2026-10-24T18:00Z`
    fn at(utc: &str) -> i64 {
        utc.parse::<Timestamp>().expect("a time").as_second()
    }

    fn open(until: &str) -> Opening {
        Opening::Open { until: Some(at(until)) }
    }

    fn closed(opens: &str) -> Opening {
        Opening::Closed { opens: Some(at(opens)) }
    }

    const WORKING_DAYS: [usize; 5] = [0, 1, 2, 3, 4];

    #[test]
    fn window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let nights = wave(&WORKING_DAYS, 20 * 60, 6 * 60);
        // Friday evening, Saturday morning, Saturday evening, Monday morning and evening.
        assert_eq!(nights.at(at("2026-11-27T18:59:59Z")), closed("2026-11-27T19:00:00Z"));
        assert_eq!(nights.at(at("2026-11-27T19:00:00Z")), open("2026-11-28T05:00:00Z"));
        assert_eq!(nights.at(at("2026-11-28T04:59:59Z")), open("2026-11-28T05:00:00Z"));
        assert_eq!(nights.at(at("2026-11-28T05:00:00Z")), closed("2026-11-30T19:00:00Z"));
        assert_eq!(nights.at(at("2026-11-28T20:00:00Z")), closed("2026-11-30T19:00:00Z"));
        assert_eq!(nights.at(at("2026-11-30T03:00:00Z")), closed("2026-11-30T19:00:00Z"));
    }

    #[test]
    fn night_in_which_the_clock_is_put_back_is_an_hour_longer_and_forward_an_hour_shorter() {
        let nights = wave(&[5], 20 * 60, 6 * 60);
        assert_eq!(nights.at(at("2026-10-24T18:00:00Z")), open("2026-10-25T05:00:00Z"), "eleven hours");
        assert_eq!(nights.at(at("2027-03-27T19:00:00Z")), open("2027-03-28T04:00:00Z"), "nine hours");
    }

    #[test]
    fn hour_that_comes_twice_counts_once_and_one_that_is_skipped_begins_when_the_clock_goes_on() {
        let early = wave(&[6], 2 * 60 + 30, 4 * 60);
        assert_eq!(early.at(at("2026-10-25T00:29:59Z")), closed("2026-10-25T00:30:00Z"));
        assert_eq!(early.at(at("2026-10-25T01:30:00Z")), open("2026-10-25T03:00:00Z"), "the second half past two");
        assert_eq!(early.at(at("2027-03-28T00:59:59Z")), closed("2027-03-28T01:30:00Z"), "half past three");
        let ending = wave(&[6], 60, 2 * 60 + 30);
        assert_eq!(ending.at(at("2026-10-25T00:29:59Z")), open("2026-10-25T00:30:00Z"));
        assert_eq!(ending.at(at("2026-10-25T01:10:00Z")), closed("2026-11-01T00:00:00Z"), "it does not open again");
    }

    #[test]
    fn windows_without_a_break_are_one_and_those_of_all_week_never_end() {
        let mut long = wave(&WORKING_DAYS, 20 * 60, 6 * 60);
        let weekend = std::array::from_fn(|day| day >= 5);
        long.windows.push(Window { days: weekend, begins: 6 * 60, ends: DAY_MINUTES });
        long.windows.push(Window { days: [false, false, false, false, false, false, true], begins: 0, ends: 6 * 60 });
        assert_eq!(long.at(at("2026-11-27T20:00:00Z")), open("2026-11-29T23:00:00Z"), "until Sunday ends");
        let always = wave(&[0, 1, 2, 3, 4, 5, 6], 0, DAY_MINUTES);
        assert_eq!(always.at(at("2026-10-25T01:30:00Z")), Opening::Open { until: None });
    }

    #[test]
    fn nothing_is_done_before_the_first_day() {
        let first = Some(at("2026-12-01T19:30:00Z"));
        let nights = Wave { not_before: first, ..wave(&WORKING_DAYS, 20 * 60, 6 * 60) };
        assert_eq!(nights.at(at("2026-11-27T20:00:00Z")), closed("2026-12-01T19:30:00Z"), "in the midst of a window");
        let at_noon = Wave { not_before: Some(at("2026-12-01T11:00:00Z")), ..nights };
        assert_eq!(at_noon.at(at("2026-11-27T20:00:00Z")), closed("2026-12-01T19:00:00Z"));
        let any_time = Wave { windows: Vec::new(), ..at_noon };
        assert_eq!(any_time.at(at("2026-12-01T11:00:00Z")), Opening::Open { until: None });
    }
}

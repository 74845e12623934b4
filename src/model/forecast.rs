//! How long a cutover would take, told from the runs that were: pure, the clock is given.
//!
//! A resync takes a time of its own, and some for each message. How many messages came since the last one is told from how many
//! came between the ones before. What was measured varies, and so the forecast is a range: as far as what was measured lay
//! from what the same reckoning tells of it, and a little more.

use serde::{Deserialize, Serialize};

/// Runs that are kept of an account: old ones tell little of tonight.
pub const KEPT_RUNS: usize = 16;

/// From fewer resyncs nothing is told.
const LEAST_RESYNCS: usize = 3;

/// How much further than what was measured a range goes.
const MARGIN: f64 = 1.25;

/// Runs are timed to about this.
const LEAST_SECONDS: f64 = 0.1;

/// One run that was not interrupted.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunSample {
    /// Seconds since 1970.
    pub started: i64,
    pub seconds: f64,
    /// Messages and octets copied.
    pub messages: u64,
    pub octets: u64,
    /// Whether all was there when it began but for what came since the run before.
    pub is_resync: bool,
    /// Whether all was there when it ended.
    pub is_whole: bool,
}

/// Between what it lies.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// What a cutover now would have to bring over, and how long that takes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Forecast {
    /// Messages that are not there yet.
    pub behind: Range,
    pub seconds: Range,
}

/// What the state knows of an account.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The oldest first.
    pub runs: &'a [RunSample],
    /// Messages and octets of the source that were not copied yet, as the last look has it.
    pub pending: u64,
    pub pending_octets: u64,
}

/// What the forecast of an account follows from, at whatever second it is asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Basis {
    /// Messages and octets that are not there yet, and octets a second that first copies of this account had.
    FirstCopy { messages: f64, octets: f64, rates: Option<Range> },
    /// Messages that come in a second, when the last resync began, and what resyncs take.
    Resync { a_second: f64, last: i64, pace: Pace, ratio: Range },
}

impl Basis {
    /// `None` where too few runs were measured.
    pub fn of(known: Known<'_>) -> Option<Basis> {
        if known.pending > 0 {
            let (messages, octets) = (known.pending as f64, known.pending_octets as f64);
            return Some(Basis::FirstCopy { messages, octets, rates: rates(known.runs.iter()) });
        }
        let resyncs: Vec<RunSample> = known.runs.iter().filter(|run| run.is_resync).copied().collect();
        let (first, last) = (resyncs.first()?, resyncs.last()?);
        if resyncs.len() < LEAST_RESYNCS || last.started <= first.started {
            return None;
        }
        let came: u64 = resyncs[1..].iter().map(|run| run.messages).sum();
        let a_second = came as f64 / (last.started - first.started) as f64;
        let pace = Pace::of(&resyncs);
        Some(Basis::Resync { a_second, last: last.started, pace, ratio: pace.ratio(&resyncs) })
    }

    /// The forecast at that second; `others` are octets a second of first copies that others on its servers had, where it
    /// had none.
    pub fn at(&self, others: Option<Range>, now: i64) -> Option<Forecast> {
        match *self {
            // What is not there yet takes as long as its octets do.
            Basis::FirstCopy { messages, octets, rates } => {
                let rates = rates.or(others)?;
                let seconds =
                    Range { low: octets / rates.high / MARGIN, high: octets / rates.low * MARGIN + LEAST_SECONDS };
                Some(Forecast { behind: Range { low: messages, high: messages }, seconds })
            }
            Basis::Resync { a_second, last, pace, ratio } => {
                let expected = a_second * (now - last).max(0) as f64;
                // Mail comes by chance: of so many, about the root more or less.
                let spread = 2.0 * expected.sqrt();
                let behind =
                    Range { low: (expected - spread).max(0.0).floor(), high: (expected + spread + 1.0).ceil() };
                let seconds = Range {
                    low: pace.seconds(behind.low) * ratio.low / MARGIN,
                    high: pace.seconds(behind.high) * ratio.high * MARGIN + LEAST_SECONDS,
                };
                Some(Forecast { behind, seconds })
            }
        }
    }
}

/// Octets a second that first copies had, from the slowest to the fastest; `None` where there were none.
pub fn rates<'a>(runs: impl Iterator<Item = &'a RunSample>) -> Option<Range> {
    let measured = runs.filter(|run| !run.is_resync && run.octets > 0 && run.seconds > 0.0);
    let rates = measured.map(|run| run.octets as f64 / run.seconds);
    rates.map(|rate| Range { low: rate, high: rate }).reduce(Range::around)
}

/// How long all of them take, so many at a time, the longest first.
pub fn together(forecasts: &[Forecast], jobs: usize) -> Forecast {
    let sum = |of: fn(&Forecast) -> f64| forecasts.iter().map(of).sum();
    let ends = |of: fn(&Forecast) -> f64| {
        let mut lengths: Vec<f64> = forecasts.iter().map(of).collect();
        lengths.sort_by(|a, b| b.total_cmp(a));
        let mut workers = vec![0.0f64; jobs.clamp(1, forecasts.len().max(1))];
        for length in lengths {
            if let Some(free) = workers.iter_mut().min_by(|a, b| a.total_cmp(b)) {
                *free += length;
            }
        }
        workers.into_iter().fold(0.0, f64::max)
    };
    Forecast {
        behind: Range { low: sum(|it| it.behind.low), high: sum(|it| it.behind.high) },
        seconds: Range { low: ends(|it| it.seconds.low), high: ends(|it| it.seconds.high) },
    }
}

/// What a resync takes: for itself, and for each message. In seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pace {
    itself: f64,
    a_message: f64,
}

impl Pace {
    fn of(resyncs: &[RunSample]) -> Pace {
        let mut sizes: Vec<u64> = resyncs.iter().map(|run| run.messages).collect();
        sizes.sort_unstable();
        let usual = sizes[sizes.len() / 2];
        let small = resyncs.iter().filter(|run| run.messages <= usual).map(|run| run.seconds);
        let itself = median(small.collect());
        let busy = resyncs.iter().filter(|run| run.messages > 0);
        let a_message = median(busy.map(|run| (run.seconds - itself) / run.messages as f64).collect()).max(0.0);
        Pace { itself, a_message }
    }

    fn seconds(&self, messages: f64) -> f64 {
        self.itself + self.a_message * messages
    }

    /// Between what times of what is reckoned the measured ones lay.
    fn ratio(&self, resyncs: &[RunSample]) -> Range {
        let ratios = resyncs.iter().map(|run| run.seconds / self.seconds(run.messages as f64).max(0.001));
        ratios.fold(Range { low: 1.0, high: 1.0 }, |range, ratio| Range {
            low: range.low.min(ratio),
            high: range.high.max(ratio),
        })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

impl Range {
    /// From the lowest of both to the highest.
    #[must_use]
    pub fn around(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Whether it lies within.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resync(started: i64, seconds: f64, messages: u64) -> RunSample {
        RunSample { started, seconds, messages, octets: messages * 1000, is_resync: true, is_whole: true }
    }

    fn of(runs: &[RunSample], now: i64) -> Option<Forecast> {
        Basis::of(Known { runs, pending: 0, pending_octets: 0 })?.at(None, now)
    }

    #[test]
    fn resync_is_told_by_what_came_between_the_ones_before() {
        let hourly: Vec<RunSample> = (0..5).map(|hour| resync(hour * 3600, 10.0 + 0.5 * 36.0, 36)).collect();
        let told = of(&hourly, 4 * 3600 + 1800).expect("a forecast");
        assert!(told.behind.holds(18.0) && told.behind.high < 40.0, "{told:?}");
        assert!(told.seconds.holds(28.0) && told.seconds.high < 60.0, "{told:?}");
        assert_eq!(of(&hourly[..2], 9000), None, "two tell nothing");
    }

    #[test]
    fn first_copy_is_told_by_the_rates_that_were_measured() {
        let copy = |seconds| RunSample { octets: 1 << 20, is_resync: false, ..resync(0, seconds, 100) };
        let known = Known { runs: &[], pending: 50, pending_octets: 1 << 20 };
        let basis = Basis::of(known).expect("a basis");
        assert_eq!(basis.at(None, 0), None, "nothing was measured");
        let others = rates([copy(2.0), copy(8.0)].iter());
        let told = basis.at(others, 0).expect("a forecast");
        assert!(told.seconds.low < 2.0 && told.seconds.high > 8.0 && told.behind.low == 50.0, "{told:?}");
    }

    #[test]
    fn fleet_takes_as_long_as_the_one_who_has_most_to_do() {
        let each = |seconds| Forecast {
            behind: Range { low: 1.0, high: 2.0 },
            seconds: Range { low: seconds, high: seconds },
        };
        let all = together(&[each(5.0), each(3.0), each(3.0), each(1.0)], 2);
        assert_eq!((all.seconds.low, all.behind.high), (6.0, 8.0));
        assert_eq!(together(&[], 4).seconds.high, 0.0);
    }

    /// Runs between real servers, recorded one after the other while mail came by chance: at each, what was known before it is
    /// asked for what came of it.
    #[test]
    fn truth_lies_in_the_range_of_four_out_of_five_recorded_runs() {
        let recorded = include_str!("../../fixtures/recorded_runs.json");
        let accounts: Vec<Vec<RunSample>> = serde_json::from_str(recorded).expect("recorded runs");
        let (mut told, mut seconds, mut messages) = (0, 0, 0);
        for runs in &accounts {
            for (number, run) in runs.iter().enumerate().filter(|(_, run)| run.is_resync) {
                let before = &runs[number.saturating_sub(KEPT_RUNS)..number];
                if let Some(forecast) = of(before, run.started) {
                    told += 1;
                    seconds += u32::from(forecast.seconds.holds(run.seconds));
                    messages += u32::from(forecast.behind.holds(run.messages as f64));
                }
            }
        }
        assert!(told >= 100, "{told} runs");
        assert!(seconds * 5 >= told * 4 && messages * 5 >= told * 4, "{seconds} and {messages} of {told}");
    }
}

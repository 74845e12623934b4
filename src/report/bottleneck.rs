//! One line at the end of a run: which part took longest, and who was waited for.

use crate::model::statistics::{Part, PartFigures};

/// A shorter run has no bottleneck worth a word.
const LEAST_SECONDS: f64 = 1.0;

/// Whoever is waited for less than this share of the time is not the bottleneck.
const LEAST_SHARE: f64 = 0.5;

/// The line, or nothing after a short run.
pub fn line(parts: &[PartFigures], seconds: f64) -> String {
    let all: f64 = parts.iter().map(|part| part.lane_seconds).sum();
    let longest = parts.iter().max_by(|a, b| a.lane_seconds.total_cmp(&b.lane_seconds));
    match longest {
        Some(part) if seconds >= LEAST_SECONDS && part.lane_seconds > 0.0 => told(part, part.lane_seconds / all),
        _ => String::new(),
    }
}

fn told(part: &PartFigures, share: f64) -> String {
    let waited = |seconds: f64| (seconds / part.lane_seconds).clamp(0.0, 1.0);
    let mut waits = [
        ("the destination", waited(part.destination.waited_seconds)),
        ("the source", waited(part.source.waited_seconds)),
        ("the state", waited(part.state_seconds)),
    ];
    waits.sort_by(|a, b| b.1.total_cmp(&a.1));
    let culprit = if waits[0].1 >= LEAST_SHARE { waits[0].0 } else { "mailferry itself" };
    let waits: Vec<String> = waits.iter().map(|(who, share)| format!("{who} {}", percent(*share))).collect();
    let (name, share) = (name(part.part), percent(share));
    format!("Bottleneck: {culprit}; {name} took {share} of the time, waiting for {}\n", waits.join(", "))
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Scan => "scanning",
        Part::Plan => "planning",
        Part::Copy => "copying",
        Part::Close => "closing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::statistics::LineFigures;

    fn part(part: Part, seconds: f64, source: f64, destination: f64) -> PartFigures {
        let waited = |waited_seconds| LineFigures { waited_seconds, ..LineFigures::default() };
        PartFigures {
            part,
            seconds,
            lane_seconds: seconds * 2.0,
            messages: 0,
            octets: 0,
            source: waited(source),
            destination: waited(destination),
            state_seconds: 0.2,
        }
    }

    #[test]
    fn line_names_the_longest_part_and_who_was_waited_for() {
        let parts = [part(Part::Scan, 2.0, 1.0, 1.0), part(Part::Copy, 10.0, 5.0, 16.0)];
        let expected = "Bottleneck: the destination; copying took 83% of the time, waiting for the destination 80%, \
                        the source 25%, the state 1%\n";
        assert_eq!(line(&parts, 12.0), expected);
    }

    #[test]
    fn line_when_nobody_was_waited_for_blames_mailferry() {
        assert!(line(&[part(Part::Plan, 3.0, 0.0, 0.1)], 3.0).starts_with("Bottleneck: mailferry itself; planning"));
    }

    #[test]
    fn line_after_a_short_run_is_empty() {
        assert_eq!(line(&[part(Part::Copy, 0.4, 0.1, 0.1)], 0.4), "");
        assert_eq!(line(&[], 9.0), "");
    }
}

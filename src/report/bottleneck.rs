//! One line at the end of a long run: what it waited for.

use super::quantity::counted;
use crate::model::statistics::{Part, PartFigures};

/// A shorter run has no bottleneck worth a word.
const LEAST_SECONDS: f64 = 60.0;

/// Whoever is waited for less than this share of the time does not bind.
const LEAST_SHARE: f64 = 0.5;

/// The line, or nothing after a short run. `granted`: how many connections source and destination were learnt to grant.
pub fn line(parts: &[PartFigures], seconds: f64, granted: [Option<usize>; 2]) -> String {
    let longest = parts.iter().max_by(|a, b| a.lane_seconds.total_cmp(&b.lane_seconds));
    match longest {
        Some(part) if seconds >= LEAST_SECONDS && part.lane_seconds > 0.0 => told(part, granted),
        _ => String::new(),
    }
}

fn told(part: &PartFigures, granted: [Option<usize>; 2]) -> String {
    let share = |seconds: f64| (seconds / part.lane_seconds).clamp(0.0, 1.0);
    let learnt = granted.map(|granted| match granted {
        Some(most) => format!(" and grants {} (learnt)", counted(most as u64, "connection")),
        None => String::new(),
    });
    let waits = [
        ("your own messages_per_second binds", share(part.pace_seconds), ""),
        ("the destination is the slow side", share(part.destination.waited_seconds), learnt[1].as_str()),
        ("the source is the slow side", share(part.source.waited_seconds), &learnt[0]),
        ("the disk of the state is slow", share(part.state_seconds), ""),
    ];
    let most = waits.into_iter().fold(("", 0.0, ""), |most, it| if it.1 > most.1 { it } else { most });
    let name = name(part.part);
    match most {
        (words, share, granted) if share >= LEAST_SHARE => {
            format!("What held it up: {words}{granted}; {name} waited for it {:.0}% of the time\n", share * 100.0)
        }
        _ => format!("What held it up: this machine; {name} waited for neither server for long\n"),
    }
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
            pace_seconds: 0.0,
        }
    }

    #[test]
    fn line_names_what_the_longest_part_waited_for() {
        let parts = [part(Part::Scan, 20.0, 10.0, 10.0), part(Part::Copy, 100.0, 50.0, 160.0)];
        let expected = "What held it up: the destination is the slow side; copying waited for it 80% of the time\n";
        assert_eq!(line(&parts, 120.0, [Some(1), None]), expected);
        let expected = expected.replace("side;", "side and grants 6 connections (learnt);");
        assert_eq!(line(&parts, 120.0, [Some(1), Some(6)]), expected);
        let paced = PartFigures { pace_seconds: 190.0, ..parts[1].clone() };
        assert!(line(&[paced], 120.0, [None, Some(6)]).contains("your own messages_per_second binds"));
    }

    #[test]
    fn line_when_nobody_was_waited_for_says_so() {
        let shown = line(&[part(Part::Plan, 90.0, 0.0, 0.1)], 90.0, [None; 2]);
        assert_eq!(shown, "What held it up: this machine; planning waited for neither server for long\n");
    }

    #[test]
    fn line_after_a_short_run_is_empty() {
        assert_eq!(line(&[part(Part::Copy, 30.0, 0.1, 30.0)], 30.0, [None; 2]), "");
        assert_eq!(line(&[], 90.0, [None; 2]), "");
    }
}

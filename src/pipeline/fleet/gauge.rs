//! What a run of one account costs, part by part: time, octets, round trips, and who was waited for.

use crate::engine::login::connect::Common;
use crate::model::Side;
use crate::model::statistics::{BatchFigures, Part, PartFigures};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts what happens, and remembers it by part.
#[derive(Default)]
pub struct Gauge {
    connections: [Common; 2],
    messages: AtomicU64,
    octets: AtomicU64,
    state_nanoseconds: AtomicU64,
    pace_nanoseconds: AtomicU64,
    lane_nanoseconds: AtomicU64,
    parts: Mutex<Vec<PartFigures>>,
    batch: Mutex<Option<BatchFigures>>,
}

impl Gauge {
    /// What that side's connections have in common.
    pub fn connections(&self, side: Side) -> &Common {
        &self.connections[side as usize]
    }

    /// How far away the farther of the two servers is.
    pub fn latency(&self) -> Duration {
        self.connections.iter().map(|common| common.meter.latency()).max().unwrap_or_default()
    }

    /// Messages were listed, copied or deleted.
    pub fn count(&self, messages: u64, octets: u64) {
        self.messages.fetch_add(messages, Ordering::Relaxed);
        let add = |before: u64| Some(before.saturating_add(octets));
        let _ = self.octets.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Runs `work`, which writes the state.
    pub fn on_state<T>(&self, work: impl FnOnce() -> T) -> T {
        timed(&self.state_nanoseconds, work)
    }

    /// Waits as the settings' own `messages_per_second` demands.
    pub fn on_pace(&self, wait: impl FnOnce()) {
        timed(&self.pace_nanoseconds, wait);
    }

    /// Runs what one of several lanes does.
    pub fn in_lane<T>(&self, work: impl FnOnce() -> T) -> T {
        timed(&self.lane_nanoseconds, work)
    }

    /// Notes how messages were appended; the most is remembered.
    pub fn note_batch(&self, figures: BatchFigures) {
        let mut most = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        let known = most.unwrap_or(figures);
        let (messages, in_flight) = (figures.messages.max(known.messages), figures.in_flight.max(known.in_flight));
        *most = Some(BatchFigures { messages, in_flight });
    }

    /// The most messages that were appended at once.
    pub fn batch(&self) -> Option<BatchFigures> {
        *self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a part of the run, and remembers what it cost.
    pub fn part<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        let (began, before) = (Instant::now(), self.so_far(part, 0.0));
        let result = work();
        let seconds = began.elapsed().as_secs_f64();
        let now = self.so_far(part, seconds);
        let lanes = now.lane_seconds - before.lane_seconds;
        let figures = PartFigures {
            part,
            seconds,
            lane_seconds: if lanes > 0.0 { lanes } else { seconds },
            messages: now.messages - before.messages,
            octets: now.octets - before.octets,
            source: now.source.since(before.source),
            destination: now.destination.since(before.destination),
            state_seconds: now.state_seconds - before.state_seconds,
            pace_seconds: now.pace_seconds - before.pace_seconds,
        };
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(figures);
        result
    }

    /// What all parts cost that have ended.
    pub fn parts(&self) -> Vec<PartFigures> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn so_far(&self, part: Part, seconds: f64) -> PartFigures {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |counter: &AtomicU64| Duration::from_nanos(count(counter)).as_secs_f64();
        let [source, destination] = &self.connections;
        PartFigures {
            part,
            seconds,
            lane_seconds: time(&self.lane_nanoseconds),
            messages: count(&self.messages),
            octets: count(&self.octets),
            source: source.meter.figures(),
            destination: destination.meter.figures(),
            state_seconds: time(&self.state_nanoseconds),
            pace_seconds: time(&self.pace_nanoseconds),
        }
    }
}

fn timed<T>(nanoseconds: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = work();
    nanoseconds.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_counts_what_came_in_it_and_not_before() {
        let gauge = Gauge::default();
        gauge.count(5, 50);
        gauge.part(Part::Scan, || gauge.count(1, 10));
        gauge.part(Part::Copy, || {
            gauge.count(2, 20);
            gauge.in_lane(std::thread::yield_now);
        });
        let counted: Vec<_> = gauge.parts().iter().map(|part| (part.part, part.messages, part.octets)).collect();
        assert_eq!(counted, [(Part::Scan, 1, 10), (Part::Copy, 2, 20)]);
    }
}

//! A way to show progress.

use super::board::Board;
use crate::pipeline::Event;
use std::time::Instant;

/// A way to show progress.
pub trait Display: Send {
    /// A run over so many accounts begins.
    fn begin(&mut self, _accounts: usize) {}
    /// An event that the board has taken note of.
    fn show(&mut self, event: &Event<'_>, board: &Board, now: Instant);
    /// Some time has passed, and nothing may have happened: who shows that something is alive shows it.
    fn tick(&mut self, _board: &Board, _now: Instant) {}
    /// The round is over, and this is what the board came to.
    fn end(&mut self, _board: &Board, _now: Instant) {}
    /// The command has ended with this exit status.
    fn conclude(&mut self, _board: &Board, _status: u8, _now: Instant) {}
    /// The run is over: nothing of it may stay in the way of the results.
    fn clear(&mut self) {}
}

//! Progress for systemd: a line, and signs of life from where the work is seen to go on.

use super::board::Board;
use super::display::Display;
use crate::cli::supervisor::Supervisor;
use crate::pipeline::Event;
use std::sync::Arc;
use std::time::Instant;

pub struct Supervised(pub Arc<Supervisor>);

impl Display for Supervised {
    fn begin(&mut self, _accounts: usize) {
        self.0.ready();
    }

    fn show(&mut self, _event: &Event<'_>, _board: &Board, _now: Instant) {}

    fn tick(&mut self, board: &Board, now: Instant) {
        self.0.alive(now);
        self.0.status(|| board.summary(now), now);
    }
}

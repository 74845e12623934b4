//! Progress on standard error: takes note of the pipeline's events and shows them as bars, lines or JSON.
//!
//! - [`board`]: what is known of each account at work; no output, no clock of its own.
//! - [`bars`], [`lines`], [`json_lines`]: the three ways to show it.

mod bars;
mod board;
mod display;
mod json_lines;
mod lines;

use super::arguments::ProgressMode;
use super::screen::Screen;
use crate::pipeline::{Event, Observer};
use bars::Bars;
use board::Board;
use display::Display;
use json_lines::JsonLines;
use lines::Lines;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Shows what is going on. Shared by all threads of a run.
pub struct Progress(Mutex<State>);

struct State {
    board: Board,
    display: Box<dyn Display>,
}

struct Nothing;

impl Display for Nothing {
    fn show(&mut self, _event: &Event<'_>, _board: &Board, _now: Instant) {}
}

impl Progress {
    /// Progress in that way; `auto` means bars on a terminal and lines elsewhere, and nothing when the user wants quiet.
    pub fn new(mode: ProgressMode, quiet: bool, screen: &Screen) -> Self {
        let output = || -> Box<dyn Write + Send> { Box::new(screen.clone()) };
        let display: Box<dyn Display> = match mode {
            ProgressMode::None => Box::new(Nothing),
            ProgressMode::Auto if quiet => Box::new(Nothing),
            ProgressMode::Auto if !screen.takes_bars() => Box::new(Lines::new(output())),
            ProgressMode::Auto | ProgressMode::Bar => Box::new(Bars::new(screen.clone())),
            ProgressMode::Plain => Box::new(Lines::new(output())),
            ProgressMode::Json => Box::new(JsonLines::new(output())),
        };
        Progress(Mutex::new(State { board: Board::new(0, Instant::now()), display }))
    }

    /// A run over so many accounts begins.
    pub fn begin(&self, accounts: usize) {
        let mut state = self.state();
        state.board = Board::new(accounts, Instant::now());
        state.display.begin(accounts);
    }

    /// Clears the way for the results.
    pub fn clear(&self) {
        self.state().display.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn event(&self, event: Event<'_>) {
        if let Event::Failed { account, error } = &event {
            tracing::info!(%account, "failed: {error}: {}", error.causes().join(": "));
        }
        let now = Instant::now();
        let mut state = self.state();
        let State { board, display } = &mut *state;
        board.note(&event, now);
        display.show(&event, board, now);
        board.forget_ended(&event);
    }
}
